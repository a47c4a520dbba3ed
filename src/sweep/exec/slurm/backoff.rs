//! Pauses between two tries at what did not answer.
use std::time::Duration;

use crate::host;

/// Pauses that double from half a second to 15 seconds, until patience ends.
#[derive(Debug)]
pub struct Backoff {
    begun: std::time::Instant,
    patience: Duration,
    pause: Duration,
}

impl Backoff {
    /// Begins now.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { begun: host::instant(), patience, pause: Duration::from_millis(500) }
    }

    /// Whether there is patience for one more.
    #[must_use]
    pub fn is_left(&self) -> bool {
        host::since(self.begun) + self.pause <= self.patience
    }

    /// Waits; whether to try again.
    pub fn wait(&mut self) -> bool {
        if !self.is_left() {
            return false;
        }
        host::sleep(self.pause);
        self.pause = (self.pause * 2).min(Duration::from_secs(15));
        true
    }
}
