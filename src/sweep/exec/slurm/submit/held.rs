//! What tasks that were in the queue do for a request, and what they pass over.
use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::ledger::{Kind, Ledger};
use super::super::request::Request;
use super::super::state::{Place, Standing};
use crate::orders;
use crate::space::Condition;
use crate::store::layout::SweepDir;
use crate::store::merge::Results;
use crate::store::read::RetryPolicy;
use crate::sweep::Sweep;

/// A slice that a task in the queue has, and which of its runs that task trains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The slice.
    pub slice: u32,
    /// The intent of its array.
    pub intent: u32,
    /// Which ended runs it trains again.
    pub again: RetryPolicy,
    /// The condition for the runs that it trains, if not all are.
    pub only: Option<String>,
    /// Whether it has not begun.
    pub waits: bool,
}

/// What has these slices, which are in the queue, in order.
pub(super) fn held(
    dir: &SweepDir,
    ledger: &Ledger,
    standing: &Standing,
    queued: &HashSet<u32>,
) -> Vec<Held> {
    let mut requests: HashMap<u32, Request> = HashMap::new();
    let mut held = BTreeMap::new();
    let is_alive = |job: u64| standing.arrays.iter().any(|array| array.job == job);
    for entry in &ledger.entries {
        let is_in_queue = entry.job().map_or(entry.fate.is_none(), is_alive);
        if entry.intent.kind != Kind::Runs || !is_in_queue {
            continue;
        }
        let number = entry.intent.request;
        // Of one that can't be read it is not known what it passes over: it is left to `fsck`.
        let read = requests.remove(&number).or_else(|| Request::read(dir, number).ok());
        let Some(request) = read else { continue };
        for slice in entry.slices().into_iter().filter(|slice| queued.contains(slice)) {
            let (again, only) = (request.again, request.only.clone());
            let waits = matches!(standing.place(slice), Place::Waiting(_));
            // A later array has it where the task of an earlier one is over.
            let intent = entry.intent.number;
            held.insert(slice, Held { slice, intent, again, only, waits });
        }
        requests.insert(number, request);
    }
    held.into_values().collect()
}

/// Runs that a request wants trained and the tasks that have their slices will not train: they began
/// without it, or were asked for other runs.
#[must_use]
pub fn passed_over(sweep: &Sweep, results: &Results, request: &Request, held: &[Held]) -> Vec<u64> {
    let condition = |only: &Option<String>| only.as_deref().and_then(|o| Condition::new(o).ok());
    let wanted = condition(&request.only);
    let mut passed = Vec::new();
    for task in held {
        let its = condition(&task.only);
        let is_meant = |only: &Option<Condition>, index: u64| {
            only.as_ref().is_none_or(|only| orders::matches(&sweep.spec, only, index))
        };
        let ended_in_it = |index: u64| {
            let end = results.end(index)?;
            results.segments.get(&end.at.segment())?.head.as_ref()?.intent
        };
        let trains = |index: u64| {
            is_meant(&its, index)
                && task.again.is_left(results.end(index))
                && (task.waits || ended_in_it(index) != Some(task.intent))
        };
        passed.extend(sweep.slice_runs(task.slice).filter(|index| {
            request.again.is_left(results.end(*index))
                && is_meant(&wanted, *index)
                && !trains(*index)
        }));
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::super::super::request::tests::request;
    use super::*;
    use crate::slice::{SliceWork, Terms};
    use crate::store::read;
    use crate::sweep::tests::{SPEC, create};

    /// Ends the first run of a slice badly.
    fn fail(sweep: &Sweep, slice: u32) -> u64 {
        let terms = Terms { device: "command", ..Terms::default() };
        let mut work = SliceWork::begin(sweep, slice, &terms, &|_| false).expect("slice");
        let index = work.todo()[0];
        let run = sweep.run(index).expect("run").id;
        let json = serde_json::json!({"run": run, "index": index, "seed": 0, "outcome": "failed", "why": "it fell", "epochs": 0, "metrics": {}, "seconds": 1, "time": 1});
        work.end(&serde_json::from_value(json).expect("end")).expect("recorded");
        index
    }

    #[test]
    fn a_task_that_does_not_try_again_passes_over_what_a_retry_wants() {
        let root = tempfile::tempdir().expect("folder");
        let sweep = create(root.path(), &SPEC.replace("[0, 5]", "[0, 99]")).sweep;
        let failed = fail(&sweep, 0);
        let open = sweep.slice_runs(0).nth(1).expect("a second run");
        let results = read::load(&sweep.dir, &sweep.manifest.id).expect("read");
        let (no, yes) =
            (RetryPolicy::default(), RetryPolicy { failed: true, ..RetryPolicy::default() });
        let only = |index: u64| Some(format!("x == {index}"));
        let held = |again, only, waits| Held { slice: 0, intent: 1, again, only, waits };
        for (wanted, wants, task, passed) in [
            (no, None, held(no, None, false), vec![]),
            (yes, None, held(no, None, false), vec![failed]),
            (yes, None, held(no, None, true), vec![failed]),
            (yes, None, held(yes, None, true), vec![]),
            (yes, None, held(yes, None, false), vec![]),
            (yes, only(open), held(no, None, false), vec![]),
            (yes, only(failed), held(yes, only(open), true), vec![failed]),
            (no, only(open), held(yes, only(failed), true), vec![open]),
        ] {
            let request = crate::exec::slurm::request::Request {
                again: wanted,
                only: wants.clone(),
                ..request(1, 1)
            };
            let told = passed_over(&sweep, &results, &request, std::slice::from_ref(&task));
            assert_eq!(told, passed, "{wanted:?} {wants:?} {task:?}");
        }
    }
}
