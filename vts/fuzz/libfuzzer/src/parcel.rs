//! libFuzzer around `fuzz_targets::parcel`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::parcel(bytes));
