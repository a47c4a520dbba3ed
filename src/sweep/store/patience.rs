//! Waiting for space: a full disk is no reason to lose what is trained.
use std::time::Duration;

use super::error::StoreError;

/// Does something again and again while the disk is full, every `every`, for at most
/// `at_most`. `pause` is given the time to wait and the reason; it waits, or says `false` to
/// give up.
///
/// # Errors
/// What `attempt` says: at once where the disk is not full, else when patience is at its end.
pub fn patiently<T>(
    every: Duration,
    at_most: Duration,
    mut attempt: impl FnMut() -> Result<T, StoreError>,
    mut pause: impl FnMut(Duration, &StoreError) -> bool,
) -> Result<T, StoreError> {
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Err(full) if full.is_disk_full() && waited < at_most => {
                if !pause(every, &full) {
                    return Err(full);
                }
                waited += every.max(Duration::from_millis(1));
            }
            done => return done,
        }
    }
}
