//! What was at work when, and where: a bar for each start of an array task, or each worker.
use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::exec::slurm::ranges;
use crate::judge::Liveness;
use crate::report::fate;
use crate::store::layout::SegmentName;
use crate::store::merge::{Results, Tail};
use crate::store::tasks::TaskStart;

/// Bars that a page draws at most.
const MOST: usize = 3_000;

/// A time of work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    /// The node.
    pub node: String,
    /// From and to, in seconds since the Unix epoch.
    pub span: (f64, f64),
    /// How it ended: `well`, `running`, `running or killed` (which is not known), `put back` (into the
    /// queue), `stopped`, `no last line`, or a kind of cause.
    pub ending: &'static str,
    /// What it worked on.
    pub label: String,
}

/// The bars of a sweep, by node and time. What goes on lasts until now; a task without a last line that
/// does not, or of which that is not known, until the last was heard of its slices.
pub(super) fn bars(
    results: &Results,
    starts: &[TaskStart],
    liveness: &dyn Fn(u32) -> Liveness,
    now: f64,
) -> Vec<Bar> {
    let mut bars = of_tasks(results, starts, liveness, now);
    if bars.is_empty() {
        bars = of_segments(results, liveness, now);
    }
    bars.retain(|b| b.span.0 > 0.0 && b.span.1 >= b.span.0 && b.span.1 <= now + 86_400.0);
    bars.sort_by(|a, b| a.node.cmp(&b.node).then(a.span.0.total_cmp(&b.span.0)));
    bars
}

/// How work without a last word stands, if it is the newest on its slices, and until when it lasted.
fn open(alive: Liveness, heard: f64, silent: &'static str, now: f64) -> (f64, &'static str) {
    match alive {
        Liveness::Alive => (now.max(heard), "running"),
        Liveness::Unknown => (heard, "running or killed"),
        Liveness::Queued | Liveness::Gone => (heard, silent),
    }
}

fn of_segments(results: &Results, liveness: &dyn Fn(u32) -> Liveness, now: f64) -> Vec<Bar> {
    let mut heard: HashMap<SegmentName, (f64, u64)> = HashMap::new();
    for run in results.runs.values() {
        if let Some(last) = &run.last {
            let known = heard.entry(last.at.segment()).or_default();
            known.0 = known.0.max(last.time);
        }
        if let Some(end) = run.end.as_ref().filter(|end| end.at.attempt > 0) {
            let known = heard.entry(end.at.segment()).or_default();
            *known = (known.0.max(end.time), known.1 + 1);
        }
    }
    let mut newest: HashMap<u32, u32> = HashMap::new();
    for name in results.segments.keys() {
        let attempt = newest.entry(name.slice).or_default();
        *attempt = (*attempt).max(name.attempt);
    }
    let bar = |(name, tail): (&SegmentName, &Tail)| {
        let head = tail.head.as_deref()?;
        let (to, runs) = heard.get(name).copied().unwrap_or_default();
        let to = to.max(head.time);
        let is_newest = newest.get(&name.slice) == Some(&name.attempt);
        let alive = if is_newest { liveness(name.slice) } else { Liveness::Gone };
        let (to, ending) = if tail.closed { (to, "well") } else { open(alive, to, "stopped", now) };
        let node = head.node.clone().unwrap_or_else(|| head.host.clone());
        let label = format!("slice {}, attempt {}: {runs} runs", name.slice, name.attempt);
        Some(Bar { node, span: (head.time, to), ending, label })
    };
    results.segments.iter().filter_map(bar).collect()
}

fn of_tasks(
    results: &Results,
    starts: &[TaskStart],
    liveness: &dyn Fn(u32) -> Liveness,
    now: f64,
) -> Vec<Bar> {
    let mut heard: HashMap<u32, f64> = HashMap::new();
    for last in results.runs.values().filter_map(|run| run.last.as_ref()) {
        let time = heard.entry(last.at.slice).or_default();
        *time = time.max(last.time);
    }
    let slices_of = |start: &TaskStart| ranges::read(&start.begin.slices).unwrap_or_default();
    let mut newest: HashMap<u32, usize> = HashMap::new();
    for (place, start) in starts.iter().enumerate() {
        newest.extend(slices_of(start).into_iter().map(|slice| (slice, place)));
    }
    let bar = |(place, start): (usize, &TaskStart)| {
        let (begin, slices) = (&start.begin, slices_of(start));
        let first = *slices.first()?;
        let last = slices.iter().filter_map(|s| heard.get(s)).fold(begin.time, |a, b| a.max(*b));
        let is_newest = newest.get(&first) == Some(&place);
        let (to, ending) = match &start.end {
            Some(end) if end.requeued => (end.time, "put back"),
            Some(end) => (end.time, end.cause.map_or("well", fate::word)),
            None => {
                let alive = if is_newest { liveness(first) } else { Liveness::Gone };
                open(alive, last, "no last line", now)
            }
        };
        let label = format!("task {}_{}, slices {}", begin.array, begin.task, begin.slices);
        Some(Bar { node: begin.node.clone(), span: (begin.time, to), ending, label })
    };
    starts.iter().enumerate().filter_map(bar).collect()
}

/// `{bars [[row, from, to, ending, label]], rows [node], left_out}`: bars that overlap on a node
/// have rows of their own; times in seconds after `from`.
pub(super) fn json(bars: &[Bar]) -> Json {
    let from = bars.iter().map(|b| b.span.0).fold(f64::INFINITY, f64::min);
    let (mut rows, mut free): (Vec<&str>, Vec<f64>) = (Vec::new(), Vec::new());
    let placed: Vec<Json> = bars
        .iter()
        .take(MOST)
        .map(|bar| {
            let fits = |row: &usize| rows[*row] == bar.node && free[*row] <= bar.span.0;
            let row = (0..rows.len()).find(fits).unwrap_or_else(|| {
                rows.push(&bar.node);
                free.push(0.0);
                rows.len() - 1
            });
            free[row] = bar.span.1;
            let at = |t: f64| ((t - from) * 10.0).round() / 10.0;
            json!([row, at(bar.span.0), at(bar.span.1), bar.ending, bar.label])
        })
        .collect();
    json!({"bars": placed, "rows": rows, "left_out": bars.len().saturating_sub(MOST),
           "from": super::super::json::finite(from)})
}
