//! See `dlgrid_sweep::fuzz::segment`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlgrid_sweep::fuzz::segment(bytes));
