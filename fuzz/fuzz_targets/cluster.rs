//! See `dlgrid_sweep::fuzz::cluster`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlgrid_sweep::fuzz::cluster(bytes));
