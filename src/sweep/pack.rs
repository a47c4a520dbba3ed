//! How many runs a slice and a task have: so many that a start costs little beside the training,
//! so few that every slot has work and a task lives for a sensible time.
use crate::cohort;
use crate::plan::{self, MAX_SLICES};
use crate::spec::Spec;

/// What decides it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Workers of one task.
    pub workers: u64,
    /// Tasks that may run at once, where that is limited.
    pub max_running: Option<u64>,
    /// Tasks that the sweep may have in the queue, where the site limits that.
    pub max_tasks: Option<u64>,
    /// Runs of one task, where the spec says.
    pub runs_per_task: Option<u64>,
    /// Seconds of one run, given or measured, where that is known.
    pub run_seconds: Option<f64>,
    /// The time limit of a task in seconds, where there is one.
    pub limit_seconds: Option<u64>,
    /// Runs that a worker trains at once where it has so many; 0 or 1 where one by one.
    pub fill: u64,
}

/// Tasks that a sweep is cut for where nothing limits them.
pub const USUAL_TASKS: u64 = 32;
/// Seconds that a task lives at least, if there are runs enough, and at most.
const SHORTEST: f64 = 30.0;
const LONGEST: f64 = 900.0;
/// Share of the time limit that a task is planned to take at most.
const OF_LIMIT: f64 = 0.5;
/// Runs of a worker in one task where nothing is known of how long they take.
const BLIND: u64 = 16;
/// Tasks that are left, where there are as many runs, by what fills workers.
const FEWEST_TASKS: u64 = 4;
/// Slices of each worker in a task, so that workers end at about the same time.
const SLICES_PER_WORKER: u64 = 2;

impl Load {
    fn workers(&self) -> u64 {
        self.workers.max(1)
    }

    /// Runs of one task, of so many in all.
    #[must_use]
    pub fn runs_per_task(&self, runs: u64) -> u64 {
        let fewest_tasks = self.max_tasks.map_or(1, |most| runs.div_ceil(most.max(1)));
        if let Some(asked) = self.runs_per_task {
            return asked.max(fewest_tasks).max(1);
        }
        let even = runs.div_ceil(self.max_running.unwrap_or(USUAL_TASKS).max(1)).max(1);
        let workers = self.workers();
        let full = self.fill.saturating_mul(workers).min(runs.div_ceil(FEWEST_TASKS));
        let chosen = match self.run_seconds.filter(|s| s.is_finite() && *s > 0.0) {
            None => even.min(workers.saturating_mul(BLIND)).max(full),
            Some(seconds) => {
                let longest = self.limit_seconds.map_or(LONGEST, |limit| {
                    #[expect(clippy::cast_precision_loss, reason = "seconds of a job")]
                    let limit = limit as f64;
                    LONGEST.min(limit * OF_LIMIT)
                });
                let most = in_time(longest, seconds, workers).max(1);
                let least = in_time(SHORTEST, seconds, workers).clamp(1, most);
                even.max(full).clamp(least, most)
            }
        };
        // Each worker of a task has a run at least.
        chosen.max(fewest_tasks).max(workers).min(runs.max(1))
    }

    /// Runs of one slice, of so many in all.
    #[must_use]
    pub fn runs_per_slice(&self, runs: u64) -> u64 {
        let per_task = self.runs_per_task(runs);
        let parts = match (self.workers(), self.fill > 1) {
            (1, _) => 1,
            (workers, true) => workers,
            (workers, false) => workers.saturating_mul(SLICES_PER_WORKER),
        };
        // Each slice makes a few files: there are more only where that is known to be worth it.
        let most = match (self.runs_per_task, self.run_seconds) {
            (Some(_), _) => MAX_SLICES * 20,
            (None, Some(_)) => MAX_SLICES * 4,
            (None, None) => MAX_SLICES,
        };
        per_task.div_ceil(parts).max(runs.div_ceil(most)).max(1)
    }

    /// Slices of one task, of so many with so many runs in all.
    #[must_use]
    pub fn slices_per_task(&self, slices: u64, runs: u64) -> usize {
        if slices == 0 {
            return 1;
        }
        let wanted = self.runs_per_task(runs).saturating_mul(slices) / runs.max(1);
        let fewest_tasks = self.max_tasks.map_or(1, |most| slices.div_ceil(most.max(1)));
        // Each worker of a task has a slice at least.
        usize::try_from(wanted.max(fewest_tasks).max(self.workers())).unwrap_or(usize::MAX)
    }
}

/// For what a sweep is cut into slices when it is created.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// For so many workers at a time on one machine.
    Slots(u64),
    /// For tasks of arrays.
    Tasks(Load),
}

impl Cut {
    /// Runs of one slice of so many in all: `asked` is what the spec says, `measured` the seconds
    /// that a run of an earlier sweep of that name took, `fill` the runs that a worker trains at
    /// once where it has so many.
    #[must_use]
    pub fn runs_per_slice(
        &self,
        runs: u64,
        asked: Option<u64>,
        measured: Option<f64>,
        fill: u64,
    ) -> u64 {
        match self {
            Self::Slots(slots) if asked.is_none() => {
                // Each slot has two slices at least, so that slots end at about the same time.
                let full = fill.min(runs / (2 * (*slots).max(1)));
                plan::runs_per_slice(runs, *slots, None).max(full)
            }
            Self::Slots(slots) => plan::runs_per_slice(runs, *slots, asked),
            Self::Tasks(load) => {
                let run_seconds = load.run_seconds.or(measured);
                Load { run_seconds, fill, ..*load }.runs_per_slice(runs)
            }
        }
    }

    /// The same of the runs of a spec, of which so many are left.
    #[must_use]
    pub fn runs_per_slice_of(&self, spec: &Spec, left: u64, measured: Option<f64>) -> u64 {
        let fill = cohort::fill(spec, self.on_gpu(spec));
        self.runs_per_slice(left, spec.slurm.runs_per_task, measured, fill)
    }

    /// Whether runs of a spec are trained on a GPU, as far as that is known beforehand: of a
    /// machine's own nothing is.
    #[must_use]
    pub fn on_gpu(&self, spec: &Spec) -> bool {
        matches!(self, Self::Tasks(_)) && spec.slurm.asks_for_gpus()
    }
}

/// Runs that so many workers end in so many seconds.
fn in_time(seconds: f64, one: f64, workers: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float too large for it becomes the largest number"
    )]
    let each = (seconds / one) as u64;
    each.saturating_mul(workers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_runs_are_packed_and_long_ones_stand_apart() {
        let blind = Load::default();
        let known = |seconds| Load { run_seconds: Some(seconds), ..blind };
        let gpus = Load { workers: 4, ..known(60.0) };
        for (load, runs, per_task, per_slice) in [
            (blind, 200, 7, 7),
            (blind, 10, 1, 1),
            (blind, 10_000, 16, 16),
            (blind, 100_000, 16, 100),
            (known(0.05), 200, 200, 200),
            (known(1.0), 200, 30, 30),
            (known(20.0), 200, 7, 7),
            (known(7200.0), 200, 1, 1),
            (known(60.0), 10_000, 15, 15),
            (Load { limit_seconds: Some(600), ..known(60.0) }, 10_000, 5, 5),
            (Load { max_running: Some(4), ..known(1.0) }, 200, 50, 50),
            (Load { max_tasks: Some(10), ..known(7200.0) }, 200, 20, 20),
            (Load { runs_per_task: Some(3), ..known(1.0) }, 200, 3, 3),
            (gpus, 32, 4, 1),
            (gpus, 10_000, 60, 8),
            (Load { workers: 4, ..known(7200.0) }, 200, 4, 1),
            (Load { workers: u64::MAX, ..blind }, 10, 10, 1),
            // What is trained together is not cut apart, as long as some tasks are left.
            (Load { fill: 8, ..blind }, 200, 8, 8),
            (Load { fill: 64, ..blind }, 1000, 64, 64),
            (Load { fill: 64, ..blind }, 100, 25, 25),
            (Load { fill: 64, workers: 4, ..blind }, 1000, 250, 63),
            (Load { fill: 64, ..known(0.5) }, 1000, 64, 64),
            (Load { fill: 64, ..known(60.0) }, 1000, 15, 15),
        ] {
            let got = (load.runs_per_task(runs), load.runs_per_slice(runs));
            assert_eq!(got, (per_task, per_slice), "{load:?} {runs}");
        }
        for (slots, runs, fill, per_slice) in [(2, 36, 1, 3), (2, 36, 24, 9), (2, 600, 16, 38)] {
            assert_eq!(Cut::Slots(slots).runs_per_slice(runs, None, None, fill), per_slice);
        }
        assert_eq!(blind.slices_per_task(1000, 100_000), 1);
        assert_eq!(gpus.slices_per_task(1000, 10_000), 6);
        assert_eq!(Load { max_tasks: Some(5), ..blind }.slices_per_task(64, 64), 13);
    }

    proptest! {
        #[test]
        fn no_task_is_empty_and_limits_hold(
            runs in 1_u64..200_000,
            workers in 1_u64..9,
            max_tasks in proptest::option::of(1_u64..500),
            seconds in proptest::option::of(0.001_f64..100_000.0),
        ) {
            let load = Load { workers, max_tasks, run_seconds: seconds, ..Load::default() };
            let per_slice = load.runs_per_slice(runs);
            prop_assert!(per_slice >= 1);
            let slices = runs.div_ceil(per_slice);
            let most = if seconds.is_some() { 4 * MAX_SLICES } else { MAX_SLICES };
            prop_assert!(slices <= most);
            let tasks = slices.div_ceil(load.slices_per_task(slices, runs) as u64);
            prop_assert!(tasks >= 1 && max_tasks.is_none_or(|most| tasks <= most));
        }
    }
}
