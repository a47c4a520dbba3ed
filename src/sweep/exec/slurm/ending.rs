//! How an array task ends: what is left of its slices, what is written down of it, and whether it goes
//! on later.
use super::ledger::Intent;
use super::task::{ArrayTask, Befallen, verdict};
use crate::orders::Choice;
use crate::space::Condition;
use crate::store::StoreError;
use crate::store::read::{self, RetryPolicy};
use crate::store::record::{Cause, Outcome};
use crate::store::tasks::{TaskEnd, TaskLine};
use crate::sweep::Sweep;

/// Runs of a task's slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that have ended.
    pub ends: u64,
    /// Of these, those that failed.
    pub failed: u64,
    /// Those that were wanted and are left.
    pub left: u64,
}

/// Counts the runs of a task's slices.
///
/// # Errors
/// If the segments of a slice can't be read.
pub fn count(
    sweep: &Sweep,
    intent: &Intent,
    slices: &[u32],
    again: RetryPolicy,
    only: Option<Condition>,
) -> Result<Count, StoreError> {
    let mut count = Count::default();
    let mut choice = Choice::new(&sweep.dir, Some(intent.obeys_as()), only);
    for slice in slices {
        let (dir, id) = (&sweep.dir, &sweep.manifest.id);
        // On a full or failing disk a task ends, and is put back, all the same.
        let results = read::load_slice(dir, *slice, id)
            .or_else(|_| read::load_slice_to_show(dir, *slice, id))?;
        for index in sweep.slice_runs(*slice) {
            let end = results.end(index);
            if let Some(end) = end {
                count.ends += 1;
                count.failed += u64::from(end.outcome == Outcome::Failed);
            }
            // What was to be trained again and has not been is left, too.
            let is_left = end
                .is_none_or(|end| again.admits(end) && results.intent(end) != Some(intent.number));
            count.left += u64::from(is_left && choice.is_chosen(&sweep.spec, index));
        }
    }
    Ok(count)
}

/// Writes down how a task ends, and puts it back into the queue where only its time is over and it
/// `may` go on: what was written, and its exit code. The cause and what became of it are filled in.
pub fn end(
    task: &ArrayTask,
    sweep: &Sweep,
    slices: &[u32],
    befallen: &Befallen,
    may: bool,
    end: TaskEnd,
    note: &mut dyn FnMut(&TaskLine),
) -> (TaskEnd, u8) {
    let (cause, code) = verdict(befallen);
    let mut end = TaskEnd { cause, requeued: false, ..end };
    if cause == Some(Cause::Time) && may {
        let refused = match task.may_go_on_later(sweep, slices) {
            Err(why) => Some(why),
            Ok(()) => {
                // Slurm ends the task as soon as it is put back, so that is written down first.
                note(&TaskLine::End(TaskEnd { requeued: true, ..end.clone() }));
                task.go_on_later().err().map(|error| error.to_string())
            }
        };
        end.requeued = refused.is_none();
        end.why = refused.or(end.why.take());
    }
    note(&TaskLine::End(end.clone()));
    (end, code)
}
