//! What is known of each slice that `dlgrid retry` may try again: what is left of it, and what came of
//! the tasks that had it.
use std::collections::BTreeSet;

use super::fate::{self, Starts};
use crate::exec::slurm::again::{Choice, Known};
use crate::orders;
use crate::space::Condition;
use crate::store::merge::Results;
use crate::store::record::{Cause, Outcome};
use crate::sweep::Sweep;

/// What is known of each slice that has runs to train; `over` says in which state Slurm saw the
/// newest task of a slice end, while it remembers that.
#[must_use]
pub fn known<'s>(
    sweep: &Sweep,
    results: &Results,
    starts: &'s Starts,
    over: &dyn Fn(u32) -> Option<&'s str>,
    (choice, only): (Choice, Option<&Condition>),
) -> Vec<Known> {
    let slices = 0..u32::try_from(sweep.manifest.slices.len()).unwrap_or(u32::MAX);
    slices
        .map(|slice| {
            let mut known = Known { slice, ..Known::default() };
            count(sweep, results, choice, only, &mut known);
            learn(starts, over(slice), &mut known);
            known
        })
        .filter(|known| known.open + known.ended > 0)
        .collect()
}

fn count(
    sweep: &Sweep,
    results: &Results,
    choice: Choice,
    only: Option<&Condition>,
    known: &mut Known,
) {
    let policy = choice.policy();
    for index in sweep.slice_runs(known.slice) {
        if only.is_some_and(|condition| !orders::matches(&sweep.spec, condition, index)) {
            continue;
        }
        match results.end(index) {
            None => known.open += 1,
            Some(end) if policy.admits(end) => {
                known.ended += 1;
                known.of_memory |=
                    end.outcome == Outcome::Failed && end.cause == Some(Cause::Memory);
            }
            Some(_) => {}
        }
    }
}

/// What the tasks that had the slice say: why the last one ended and what it had, and how often
/// they ran out of something.
fn learn(starts: &Starts, over: Option<&str>, known: &mut Known) {
    known.cause = fate::of_slice(known.slice, starts, over);
    let (mut memory, mut time) = (BTreeSet::new(), BTreeSet::new());
    for start in starts.with(known.slice) {
        known.granted = start.begin.granted;
        match fate::of_start(known.slice, start) {
            Some(Cause::Memory) => memory.insert(start.begin.intent),
            Some(Cause::Time) => time.insert(start.begin.intent),
            _ => false,
        };
    }
    let count = |set: BTreeSet<u32>| u32::try_from(set.len()).unwrap_or(u32::MAX);
    known.tried = (count(memory), count(time));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tasks::{Begin, Granted, TaskEnd, TaskStart, Used};

    /// Starts of an array's task with slice 3: each has an intent, and whether it was put back.
    fn starts(ends: &[(u32, bool)]) -> Starts {
        let start = |&(intent, requeued): &(u32, bool)| {
            let granted = Granted { seconds: Some(600), ..Granted::default() };
            let end = TaskEnd {
                cause: Some(Cause::Time),
                requeued,
                why: None,
                ends: 0,
                failed: 0,
                used: Used::default(),
                time: 0.0,
            };
            let begin = Begin { intent, slices: "3".into(), granted, ..Begin::default() };
            TaskStart { begin, died: vec![], full: None, end: Some(end) }
        };
        Starts::new(ends.iter().map(start).collect())
    }

    #[test]
    fn only_a_task_that_gave_up_has_tried_a_time_in_vain() {
        for (ends, over, cause, tried) in [
            (
                &[(1, true), (1, true), (2, true), (3, true)][..],
                Some("CANCELLED"),
                Some(Cause::Cancelled),
                0,
            ),
            (&[(1, true), (2, true), (3, true), (3, false)], None, Some(Cause::Time), 1),
            (&[(1, false), (2, false)], None, Some(Cause::Time), 2),
        ] {
            let mut known = Known { slice: 3, ..Known::default() };
            learn(&starts(ends), over, &mut known);
            assert_eq!((known.cause, known.tried), (cause, (0, tried)), "{ends:?}");
        }
    }
}
