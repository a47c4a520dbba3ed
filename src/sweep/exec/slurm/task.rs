//! The other end: an array task finds its slice, and puts itself back into the queue when its
//! time is over.
use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{self, Fate};
use super::ranges;
use crate::host;
use crate::store::layout::SweepDir;
use crate::store::merge::LastEvent;
use crate::store::read;
use crate::sweep::Sweep;

/// The array task that this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayTask {
    /// Its array.
    pub array: u64,
    /// Its number in the array.
    pub task: u32,
    /// How often Slurm has started it again.
    pub restarts: u32,
}

/// What a task is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// To work on this slice.
    Slice(u32),
    /// Nothing, for this reason.
    Nothing(String),
}

impl ArrayTask {
    /// The task that Slurm says this process is, if it is one. The number of the job is not
    /// asked for: that of an array's last task is the whole array's.
    #[must_use]
    pub fn here() -> Option<Self> {
        let number = |name: &str| host::env(name)?.to_str()?.parse::<u64>().ok();
        Some(Self {
            array: number("SLURM_ARRAY_JOB_ID")?,
            task: u32::try_from(number("SLURM_ARRAY_TASK_ID")?).ok()?,
            restarts: number("SLURM_RESTART_COUNT")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0),
        })
    }

    /// What this task of an intent's array is to do. A job that is not the intent's does
    /// nothing: it is what a doubtful submission left, and somebody let it go.
    ///
    /// # Errors
    /// If the sweep directory can't be read, or the array has no such task.
    pub fn assigned(&self, dir: &SweepDir, intent: u32) -> Result<Assigned, SlurmError> {
        match ledger::read_fate(dir, intent)? {
            Some(Fate::Job(job)) if job != self.array => {
                return Ok(Assigned::Nothing(format!(
                    "array {} has this work, and this is array {}",
                    job, self.array
                )));
            }
            Some(Fate::Void(why)) => {
                return Ok(Assigned::Nothing(format!("this array was given up: {why}")));
            }
            Some(Fate::Job(_)) | None => {}
        }
        let slices = ledger::read_intent(dir, intent)?.slices;
        let all = ranges::read(&slices).unwrap_or_default();
        let slice = usize::try_from(self.task).ok().and_then(|task| all.get(task));
        slice.map(|slice| Assigned::Slice(*slice)).ok_or_else(|| {
            SlurmError::asked(
                format!("array {} has no slice for its task {}", self.array, self.task),
                "`dlgrid submit` starts tasks; they are not started by hand",
            )
        })
    }

    /// Puts this task back into the queue; what was done, in words. Slurm ends the task at once:
    /// everything must be on disk.
    #[must_use]
    pub fn go_on_later(&self, sweep: &Sweep, slice: u32) -> String {
        let progressed = has_progressed(sweep, slice);
        if let Err(why) = may_requeue(self.restarts, progressed) {
            return format!("not put back into the queue: {why}; submit again goes on");
        }
        match Slurm::new(std::time::Duration::ZERO).requeue(self.array, self.task) {
            Ok(()) => "put back into the queue".into(),
            Err(error) => format!("not put back into the queue: {error}; submit again goes on"),
        }
    }
}

/// Starts of a task at most, and those of one that gets nowhere.
const MOST_RESTARTS: u32 = 1000;
const IDLE_RESTARTS: u32 = 3;

fn may_requeue(restarts: u32, progressed: bool) -> Result<(), String> {
    if restarts >= MOST_RESTARTS {
        return Err(format!("it was started {restarts} times"));
    }
    if !progressed && restarts >= IDLE_RESTARTS {
        return Err(format!(
            "it was started {} times, and its last start ended no run and saved nothing; \
             `slurm.time` is too short for a run",
            restarts + 1
        ));
    }
    Ok(())
}

/// Whether the newest attempt at a slice ended a run or saved a part of one. Where that can't be
/// read, it is taken to have.
fn has_progressed(sweep: &Sweep, slice: u32) -> bool {
    let Ok(results) = read::load_slice(&sweep.dir, slice, &sweep.manifest.id) else { return true };
    let newest = results.attempts(slice);
    results.runs.values().any(|run| {
        run.end.as_ref().is_some_and(|end| end.at.attempt == newest)
            || run.last.as_ref().is_some_and(|last| {
                let saved = matches!(
                    last.what,
                    LastEvent::Checkpoint { .. } | LastEvent::Stopped { saved: true, .. }
                );
                last.at.attempt == newest && saved
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::slurm::ledger::tests::entry;

    #[test]
    fn a_task_works_on_its_slice_and_on_none_if_its_array_is_not_the_one() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        ledger::declare(&dir, &entry(1, "5,9-11", None).intent).expect("free");
        let task = |array, task| ArrayTask { array, task, restarts: 0 };
        let assigned = |one: ArrayTask| one.assigned(&dir, 1);
        assert_eq!(assigned(task(7, 1)).expect("a slice"), Assigned::Slice(9));
        assert!(assigned(task(7, 4)).is_err());
        ledger::decide(&dir, 1, Fate::Job(7)).expect("free");
        assert_eq!(assigned(task(7, 3)).expect("a slice"), Assigned::Slice(11));
        assert!(matches!(assigned(task(8, 1)), Ok(Assigned::Nothing(_))));
        assert!(task(7, 0).assigned(&dir, 2).is_err(), "no such intent");
    }

    #[test]
    fn a_task_that_gets_nowhere_is_not_started_for_ever() {
        assert!(may_requeue(0, false).is_ok() && may_requeue(2, false).is_ok());
        assert!(may_requeue(3, false).is_err() && may_requeue(3, true).is_ok());
        assert!(may_requeue(1000, true).is_err());
    }
}
