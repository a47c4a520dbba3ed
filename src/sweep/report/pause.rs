//! Why a run is interrupted, and whether it goes on by itself: judged from what its task wrote, whether
//! it is in the queue, and what Slurm says.
use super::fate::Starts;
use crate::exec::slurm::state::Wait;
use crate::store::tasks::{Cause, TaskEnd, TaskStart};

/// Why a run of a slice is interrupted. `queued`: how a task for the slice waits in the queue; `slurm`:
/// the state in which its task is over, in Slurm's word, where it is. Nothing of a sweep that runs
/// on a machine.
#[must_use]
pub fn of(
    slice: u32,
    starts: &Starts,
    queued: Option<Wait>,
    slurm: Option<&str>,
) -> Option<(&'static str, Option<Cause>)> {
    let start = starts.with(slice).next_back()?;
    Some(match queued {
        Some(wait) if wait.is_held => {
            ("held in the queue: they go on once `scontrol release` lets them", None)
        }
        Some(wait) if wait.array != Some(start.begin.array) => {
            ("in the queue again: they go on by themselves", None)
        }
        Some(_) => waiting(start),
        None => gone(start, slurm),
    })
}

fn waiting(start: &TaskStart) -> (&'static str, Option<Cause>) {
    match start.end.as_ref().map(|end| end.cause) {
        Some(Some(Cause::Time)) => {
            ("the time limit came: they go on by themselves", Some(Cause::Time))
        }
        Some(Some(Cause::Asked)) => (
            "preempted, or put back into the queue: they go on by themselves",
            Some(Cause::Preempted),
        ),
        Some(_) => ("in the queue again: they go on by themselves", None),
        None => (
            "their task was killed and put back, as when a node fails: they go on by themselves",
            Some(Cause::Node),
        ),
    }
}

fn gone(start: &TaskStart, slurm: Option<&str>) -> (&'static str, Option<Cause>) {
    let end = start.end.as_ref();
    match (end.and_then(TaskEnd::last_cause), slurm) {
        (Some(Cause::Time), _) | (_, Some("TIMEOUT" | "DEADLINE")) => (
            "the time limit came, and their task was not put back: retry goes on with more time",
            Some(Cause::Time),
        ),
        (_, Some("PREEMPTED")) => {
            ("preempted, and not put back: submit goes on", Some(Cause::Preempted))
        }
        (_, Some("CANCELLED")) => ("cancelled: submit goes on", Some(Cause::Cancelled)),
        (Some(Cause::Asked), _) if end.is_some_and(|end| end.why.is_some()) => {
            ("the sweep was stopped", Some(Cause::Asked))
        }
        (Some(Cause::Asked), _) => {
            ("asked to stop, and no longer in the queue: submit goes on", Some(Cause::Asked))
        }
        (cause, _) => ("no longer in the queue: submit goes on", cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tasks::{Begin, Used};

    #[test]
    fn what_goes_on_by_itself_and_what_does_not() {
        let start = |cause: Option<Option<Cause>>, why: Option<&str>| {
            let end = cause.map(|cause| TaskEnd {
                cause,
                requeued: false,
                why: why.map(str::to_owned),
                ends: 0,
                failed: 0,
                used: Used::default(),
                time: 0.0,
            });
            let begin = Begin { slices: "3".into(), ..Begin::default() };
            Starts::new(vec![TaskStart { begin, died: vec![], full: None, end }])
        };
        let asked = || start(Some(Some(Cause::Asked)), None);
        let waits = |array, is_held| Some(Wait { array, is_held });
        let back = waits(Some(0), false);
        for (starts, queued, slurm, part, kind) in [
            (start(Some(Some(Cause::Time)), None), back, None, "by themselves", Some(Cause::Time)),
            (asked(), back, None, "preempted", Some(Cause::Preempted)),
            (start(None, None), back, None, "node fails", Some(Cause::Node)),
            (start(None, None), waits(Some(9), false), None, "in the queue again", None),
            (asked(), waits(Some(9), false), None, "in the queue again", None),
            (asked(), waits(None, false), None, "in the queue again", None),
            (start(Some(Some(Cause::Memory)), None), waits(Some(9), false), None, "again", None),
            (asked(), waits(Some(0), true), None, "`scontrol release`", None),
            (start(Some(Some(Cause::Time)), None), None, None, "not put back", Some(Cause::Time)),
            (asked(), None, Some("CANCELLED"), "cancelled", Some(Cause::Cancelled)),
            (asked(), None, Some("PREEMPTED"), "not put back", Some(Cause::Preempted)),
            (asked(), None, None, "asked to stop", Some(Cause::Asked)),
            (
                start(Some(Some(Cause::Asked)), Some("3 failed")),
                None,
                None,
                "was stopped",
                Some(Cause::Asked),
            ),
        ] {
            let (text, found) = of(3, &starts, queued, slurm).expect("a task had it");
            assert!(text.contains(part) && found == kind, "{text} {found:?}");
            assert_eq!(of(4, &starts, queued, slurm), None);
        }
    }

    #[test]
    fn a_task_that_was_put_back_at_its_limit_did_not_run_out_of_time() {
        let end = TaskEnd {
            cause: Some(Cause::Time),
            requeued: true,
            why: None,
            ends: 0,
            failed: 0,
            used: Used::default(),
            time: 0.0,
        };
        let begin = Begin { slices: "3".into(), ..Begin::default() };
        let start = TaskStart { begin, died: vec![], full: None, end: Some(end) };
        let starts = Starts::new(vec![start]);
        for (queued, slurm, part, kind) in [
            (
                Some(Wait { array: Some(0), is_held: false }),
                None,
                "by themselves",
                Some(Cause::Time),
            ),
            (None, Some("CANCELLED"), "cancelled", Some(Cause::Cancelled)),
            (None, Some("PREEMPTED"), "not put back", Some(Cause::Preempted)),
            (None, Some("TIMEOUT"), "with more time", Some(Cause::Time)),
            (None, None, "no longer in the queue", None),
        ] {
            let (text, found) = of(3, &starts, queued, slurm).expect("a task had it");
            assert!(text.contains(part) && found == kind, "{text} {found:?}");
        }
    }
}
