//! libFuzzer around `fuzz_targets::import`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::import(bytes));
