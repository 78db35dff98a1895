//! libFuzzer around `fuzz_targets::handle`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::handle(bytes));
