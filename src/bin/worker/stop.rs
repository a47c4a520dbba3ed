//! Turns signals, and the end of the process that feeds this one, into a request to stop.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dlgrid_sweep::exit;
use dlgrid_train::engine::{PARENT_GONE, Stop};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
use signal_hook::flag;

/// From now on SIGTERM, SIGINT and SIGUSR2 ask to stop; a second SIGINT ends the process at
/// once.
///
/// # Errors
/// Where the system refuses a handler.
pub fn on_signals(stop: &Stop) -> std::io::Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    // In this order: the first one sees what the second sets only at the next signal.
    flag::register_conditional_shutdown(SIGINT, exit::STOPPED.into(), Arc::clone(&interrupted))?;
    flag::register(SIGINT, interrupted)?;
    for signal in [SIGTERM, SIGINT, SIGUSR2] {
        let number = usize::try_from(signal).unwrap_or(1);
        flag::register_usize(signal, stop.flag(), number)?;
    }
    Ok(())
}

/// Asks to stop because the feeder is gone, unless a signal has asked already.
pub fn parent_gone(flag: &AtomicUsize) {
    let _was_set = flag.compare_exchange(0, PARENT_GONE, Ordering::Relaxed, Ordering::Relaxed);
}
