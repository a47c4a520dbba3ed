//! What was at work when, and where: a bar for each start of an array task, or each worker.
use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::report::fate;
use crate::store::merge::Results;
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
    /// How it ended: `well`, `running`, `stopped`, or a kind of cause.
    pub ending: &'static str,
    /// What it worked on.
    pub label: String,
}

/// The bars of a sweep, by node and time. A task without a last line ends where the last was heard
/// of its slices.
pub(super) fn bars(results: &Results, starts: &[TaskStart], now: f64) -> Vec<Bar> {
    let mut heard: HashMap<u32, f64> = HashMap::new();
    let mut segments: HashMap<_, (f64, u64)> = HashMap::new();
    for run in results.runs.values() {
        if let Some(last) = &run.last {
            let time = heard.entry(last.at.slice).or_default();
            *time = time.max(last.time);
        }
        if let Some(end) = run.end.as_ref().filter(|end| end.at.attempt > 0) {
            let known = segments.entry(end.at.segment()).or_default();
            *known = (known.0.max(end.time), known.1 + 1);
        }
    }
    let mut bars: Vec<Bar> =
        starts.iter().filter(|s| !s.begin.slices.is_empty()).map(|s| of_task(s, &heard)).collect();
    if bars.is_empty() {
        bars = results
            .segments
            .iter()
            .filter_map(|(name, tail)| {
                let head = tail.head.as_deref()?;
                let (to, runs) = segments.get(name).copied().unwrap_or_default();
                let ending = if tail.closed { "well" } else { "stopped" };
                let node = head.node.clone().unwrap_or_else(|| head.host.clone());
                let label = format!("slice {}, attempt {}: {runs} runs", name.slice, name.attempt);
                Some(Bar { node, span: (head.time, to.max(head.time)), ending, label })
            })
            .collect();
    }
    bars.retain(|b| b.span.0 > 0.0 && b.span.1 >= b.span.0 && b.span.1 <= now + 86_400.0);
    bars.sort_by(|a, b| a.node.cmp(&b.node).then(a.span.0.total_cmp(&b.span.0)));
    bars
}

fn of_task(start: &TaskStart, heard: &HashMap<u32, f64>) -> Bar {
    let begin = &start.begin;
    let slices = crate::exec::slurm::ranges::read(&begin.slices).unwrap_or_default();
    let last = slices.iter().filter_map(|s| heard.get(s)).fold(begin.time, |a, b| a.max(*b));
    let (to, ending) = match &start.end {
        Some(end) => (end.time, end.cause.map_or("well", fate::word)),
        None => (last, "no last line"),
    };
    let label = format!("task {}_{}, slices {}", begin.array, begin.task, begin.slices);
    Bar { node: begin.node.clone(), span: (begin.time, to), ending, label }
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
