//! libFuzzer around `fuzz_targets::metadata`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::metadata(bytes));
