//! How fast a sweep goes, guessed from what ended.
use super::float;
use crate::judge::{Counts, State};

/// How fast a sweep goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Mean seconds of a run that ended.
    pub seconds_a_run: f64,
    /// Runs that are trained at once.
    pub at_once: u64,
    /// Runs an hour.
    pub runs_an_hour: f64,
    /// Seconds until the last run ends, estimated; nothing where those at work have outlasted the mean.
    pub seconds_left: Option<f64>,
}

impl Pace {
    /// The pace of a sweep whose ended runs took so many seconds each, and that so many workers
    /// train; nothing while none has ended or none is being trained. Of a run being trained, half
    /// is taken to be left. Of runs that are trained together each bears its part of the seconds:
    /// a worker is no faster by how many it has begun. Where at least half of those of which it is
    /// known have been at work for longer than the mean, `passed`, in seconds, that says nothing of
    /// when they end.
    #[must_use]
    pub fn of(
        counts: &Counts,
        workers: u64,
        seconds_a_run: Option<f64>,
        passed: &[f64],
    ) -> Option<Self> {
        let seconds_a_run = seconds_a_run.filter(|s| s.is_finite() && *s > 0.0)?;
        let at_once = counts.get(State::Running);
        if at_once == 0 {
            return None;
        }
        let streams = float(workers.clamp(1, at_once));
        let left = float(counts.idle()) + float(at_once) / 2.0;
        let together = float(at_once) / streams;
        let longer = passed.iter().filter(|s| **s > seconds_a_run * together).count();
        let is_outlasted = longer > 0 && 2 * longer >= passed.len();
        Some(Self {
            seconds_a_run,
            at_once,
            runs_an_hour: 3600.0 * streams / seconds_a_run,
            seconds_left: (!is_outlasted).then(|| left / streams * seconds_a_run),
        })
    }
}
