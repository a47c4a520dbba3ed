//! A request to stop, set by signals and asked for between steps.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The number that [`Stop::flag`] takes when the process that started this one is gone;
/// other numbers are those of signals.
pub const PARENT_GONE: usize = 1000;

/// Whether, and why, training is to stop.
#[derive(Debug)]
pub struct Stop {
    reason: Arc<AtomicUsize>,
    /// How often it may still be asked before it trips by itself.
    left: AtomicU64,
}

impl Default for Stop {
    fn default() -> Self {
        Self { reason: Arc::default(), left: AtomicU64::new(u64::MAX) }
    }
}

impl Stop {
    /// A stop that trips by itself after so many steps of a [`fit`](super::fit), for looking at
    /// what a training has done by then.
    #[must_use]
    pub fn after(steps: u64) -> Self {
        Self { left: AtomicU64::new(steps), ..Self::default() }
    }

    /// The flag: 0, or the number of the signal that asked to stop. A signal handler may set it.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.reason)
    }

    /// Why to stop, if asked to.
    #[must_use]
    pub fn requested(&self) -> Option<&'static str> {
        match self.reason.load(Ordering::Relaxed) {
            0 => None,
            2 => Some("SIGINT"),
            10 => Some("SIGUSR1"),
            12 => Some("SIGUSR2"),
            15 => Some("SIGTERM"),
            PARENT_GONE => Some("the process that started the worker is gone"),
            _ => Some("a signal"),
        }
    }

    /// The question between two steps.
    pub(crate) fn before_step(&self) -> Option<&'static str> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Some("the steps asked for are done");
        }
        self.requested()
    }
}
