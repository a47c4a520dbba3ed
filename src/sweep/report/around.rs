//! What was ordered of a sweep, and what the jobs around its arrays came to: lines for its status.
use std::collections::HashMap;

use crate::exec::slurm::ledger::{Kind, Ledger};
use crate::exec::slurm::state::Standing;
use crate::orders::{self, Order, Ordered};
use crate::space::Condition;
use crate::store::merge::Results;
use crate::store::tasks::TaskStart;
use crate::sweep::Sweep;
use crate::text::plural;

/// A line about a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is about, in a word: `stopped`, `left out`, `throttle`, `canary`, `top-up`, `report`.
    pub about: &'static str,
    /// What there is to know.
    pub text: String,
}

/// What counts now: orders that nothing was submitted after, and jobs that failed, or that Slurm has
/// lost, where it was asked just now.
#[must_use]
pub fn notes(
    orders: &[Ordered],
    ledger: &Ledger,
    starts: &[TaskStart],
    asked: Option<&Standing>,
) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    let last = ledger.last();
    for ordered in orders {
        let (about, text) = match &ordered.order {
            Order::Stop(why) if ordered.until >= last => ("stopped", why.clone()),
            Order::LeaveOut(text) if ordered.until >= last => {
                ("left out", format!("{text} (`dlgrid retry` puts them back)"))
            }
            Order::Throttle(Some(most)) => {
                ("throttle", format!("{} at once, as was ordered", plural(*most, "task")))
            }
            Order::Throttle(None) => ("throttle", "none, as was ordered".to_owned()),
            _ => continue,
        };
        // Of two that stop, or throttle, one counts: the first stop, the last throttle.
        match about {
            "stopped" if notes.iter().any(|n| n.about == about) => continue,
            "throttle" => notes.retain(|n| n.about != about),
            _ => {}
        }
        notes.push(Note { about, text });
    }
    notes.extend([Kind::Canary, Kind::TopUp, Kind::Report].into_iter().filter_map(|kind| {
        let newest = ledger.entries.iter().rfind(|e| e.intent.kind == kind)?;
        let start = starts.iter().rfind(|s| s.begin.intent == newest.intent.number);
        // What was submitted later, and has begun, went past it.
        let is_later =
            |s: &TaskStart| s.begin.intent > newest.intent.number && !s.begin.slices.is_empty();
        if kind == Kind::Canary && starts.iter().any(is_later) {
            return None;
        }
        let log = || Some(format!("{}_{}.log", newest.job()?, start?.begin.task));
        let log = log().map_or_else(String::new, |log| format!(" (see `logs/{log}` of the sweep)"));
        let text = match start.and_then(|s| s.end.as_ref()) {
            Some(end) => {
                format!("failed on {}: {}{log}", start?.begin.node, end.why.as_deref()?)
            }
            None => {
                let job = newest.job()?;
                if asked?.arrays.iter().any(|array| array.job == job) {
                    return None;
                }
                match start {
                    Some(start) => format!(
                        "job {job} is gone without a word: it began on {}{log}",
                        start.begin.node
                    ),
                    None => format!("job {job} is gone without a word: it never began"),
                }
            }
        };
        Some(Note { about: kind.word(), text })
    }));
    notes
}

/// The runs that have not ended and that no task will train, for they were ordered to be left out:
/// their places, each with its slice. An order is about a slice until that is submitted again.
#[must_use]
pub fn left_out(
    sweep: &Sweep,
    results: &Results,
    orders: &[Ordered],
    ledger: &Ledger,
) -> HashMap<u64, u32> {
    let condition = |ordered: &Ordered| match &ordered.order {
        Order::LeaveOut(text) => Some((ordered.until, Condition::new(text).ok()?)),
        _ => None,
    };
    let conditions: Vec<(u32, Condition)> = orders.iter().filter_map(condition).collect();
    let mut left_out = HashMap::new();
    if conditions.is_empty() {
        return left_out;
    }
    for (slice, obeys) in ledger.obeys() {
        let about: Vec<&Condition> =
            conditions.iter().filter(|(until, _)| *until >= obeys).map(|(_, c)| c).collect();
        let is_left_out = |index: &u64| {
            results.end(*index).is_none()
                && about.iter().any(|condition| orders::matches(&sweep.spec, condition, *index))
        };
        left_out.extend(sweep.slice_runs(slice).filter(is_left_out).map(|index| (index, slice)));
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::slurm::ledger::Fate;
    use crate::exec::slurm::ledger::tests::entry;
    use crate::store::tasks::{Begin, TaskEnd, Used};

    fn told(orders: &[(u32, Order)], more: &[TaskStart]) -> String {
        let orders: Vec<Ordered> = orders
            .iter()
            .map(|(until, order)| Ordered {
                schema: 1,
                until: *until,
                order: order.clone(),
                lanes: Vec::new(),
                time: 0.0,
            })
            .collect();
        let mut canary = entry(2, "", Some(Fate::Job(7)));
        canary.intent.kind = Kind::Canary;
        let ledger = Ledger { entries: vec![entry(1, "0-3", Some(Fate::Job(6))), canary] };
        let begin = Begin { intent: 2, node: "n3".into(), ..Begin::default() };
        let end = TaskEnd {
            cause: None,
            requeued: false,
            why: Some("it failed: exit code 9".into()),
            ends: 0,
            failed: 0,
            used: Used::default(),
            time: 0.0,
        };
        let start = TaskStart { begin, died: vec![], full: None, end: Some(end) };
        let starts = [&[start], more].concat();
        let notes = notes(&orders, &ledger, &starts, None);
        notes.iter().map(|n| format!("{}: {}\n", n.about, n.text)).collect()
    }

    #[test]
    fn a_job_that_slurm_has_lost_is_told_where_slurm_was_asked() {
        let mut canary = entry(1, "", Some(Fate::Job(7)));
        canary.intent.kind = Kind::Canary;
        let ledger = Ledger { entries: vec![canary] };
        let begin = Begin { intent: 1, node: "n3".into(), ..Begin::default() };
        let began = TaskStart { begin, died: vec![], full: None, end: None };
        let lost = Standing::of(&ledger, &[], 0.0);
        for (starts, how) in [
            (vec![], "it never began"),
            (vec![began], "it began on n3 (see `logs/7_0.log` of the sweep)"),
        ] {
            assert_eq!(notes(&[], &ledger, &starts, None), []);
            let text = format!("job 7 is gone without a word: {how}");
            let told = notes(&[], &ledger, &starts, Some(&lost));
            assert_eq!(told, [Note { about: "canary", text }]);
        }
    }

    #[test]
    fn what_counts_now_is_told() {
        let stop = |why: &str| Order::Stop(why.into());
        insta::assert_snapshot!(told(&[
            (1, stop("old")),
            (2, stop("first")),
            (2, stop("second")),
            (2, Order::LeaveOut("x > 3".into())),
            (1, Order::Throttle(Some(4))),
            (2, Order::Throttle(Some(1))),
        ], &[]), @r"
        stopped: first
        left out: x > 3 (`dlgrid retry` puts them back)
        throttle: 1 task at once, as was ordered
        canary: failed on n3: it failed: exit code 9 (see `logs/7_0.log` of the sweep)
        ");
        let work = |intent, slices: &str| TaskStart {
            begin: Begin { intent, slices: slices.into(), ..Begin::default() },
            died: vec![],
            full: None,
            end: None,
        };
        for (start, is_told) in [(work(1, "0-3"), true), (work(3, ""), true), (work(3, "0"), false)]
        {
            assert_eq!(told(&[], &[start]).contains("canary: failed"), is_told);
        }
    }
}
