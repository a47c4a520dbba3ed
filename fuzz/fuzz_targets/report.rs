//! See `dlgrid_sweep::fuzz::report`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlgrid_sweep::fuzz::report(bytes));
