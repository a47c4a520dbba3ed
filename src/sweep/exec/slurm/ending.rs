//! How an array task ends: what is left of its slices, what is written down of it, and whether it goes
//! on later.
use super::ledger::Intent;
use super::task::{ArrayTask, Befallen, verdict};
use crate::orders::Choice;
use crate::space::Condition;
use crate::store::StoreError;
use crate::store::merge::Merged;
use crate::store::read::{self, RetryPolicy};
use crate::store::record::{Cause, Outcome};
use crate::store::tasks::{TaskEnd, TaskLine};
use crate::sweep::Sweep;

/// Runs of a task's slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that tasks of this array have ended.
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
            let is_own = |end: &Merged| results.intent(end) == Some(intent.number);
            // What others ended says nothing of this task, nor of its node.
            if let Some(end) = end.filter(|end| is_own(end)) {
                count.ends += 1;
                count.failed += u64::from(end.outcome == Outcome::Failed);
            }
            // What was to be trained again and has not been is left, too.
            let is_left = end.is_none_or(|end| again.admits(end) && !is_own(end));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::slurm::ledger::tests::entry;
    use crate::pack::{Cut, Load};
    use crate::spec;
    use crate::store::record::End;
    use crate::store::segment::{HeadFacts, SegmentWriter};

    const SPEC: &str = "command: [train, '{a}']\nparameters: {a: {from: 1, to: 4, steps: 4}}\nobjective: {minimize: loss}\n";

    /// Ends runs of the slice in an attempt of an intent; those in `failed` badly.
    fn attempt(sweep: &Sweep, intent: u32, runs: &[u64], failed: &[u64]) {
        let sweep_id = sweep.manifest.id.clone();
        let facts = HeadFacts { sweep: sweep_id, intent: Some(intent), ..HeadFacts::default() };
        let mut segment = SegmentWriter::begin(&sweep.dir, 0, facts).expect("a segment");
        for index in runs {
            let run = sweep.run(*index).expect("a run");
            segment.start(&run).expect("written");
            let mut end = End::failed(&run, "x", 1.0);
            if !failed.contains(index) {
                end.outcome = Outcome::Done;
            }
            segment.end(&end).expect("written");
        }
        segment.close().expect("written");
    }

    #[test]
    fn what_earlier_submissions_ended_is_not_counted_as_this_one_s() {
        let keep = tempfile::tempdir().expect("a folder");
        let (spec, _) = spec::read("toy.yaml", SPEC.as_bytes(), 100).expect("a spec");
        let cut = Cut::Tasks(Load { runs_per_task: Some(4), ..Load::default() });
        let sweep = Sweep::create(keep.path(), spec, SPEC.as_bytes(), &cut).expect("a sweep").sweep;
        attempt(&sweep, 1, &[0, 1], &[1]);
        let intent = entry(2, "0", None).intent;
        let counted = |again| count(&sweep, &intent, &[0], again, None).expect("readable");
        let none = RetryPolicy::default();
        let failed = RetryPolicy { failed: true, ..none };
        assert_eq!(counted(none), Count { ends: 0, failed: 0, left: 2 });
        assert_eq!(counted(failed), Count { ends: 0, failed: 0, left: 3 });
        attempt(&sweep, 2, &[2, 3], &[]);
        assert_eq!(counted(none), Count { ends: 2, failed: 0, left: 0 });
        attempt(&sweep, 2, &[1], &[1]);
        assert_eq!(counted(failed), Count { ends: 3, failed: 1, left: 0 });
    }
}
