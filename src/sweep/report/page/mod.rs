//! The report as one HTML page that asks no network: what it is made from, and the page.
mod bars;
mod curves;
mod document;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod mistakes;
mod payload;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use super::collect::Subject;
use super::efficiency::Efficiency;
use super::fate::Starts;
use super::result::{FLOOR, RunResult};
use super::{Query, Report};
use crate::find::log::last_lines;
use crate::spec::metric::At;
use crate::store::curves::{Curves, curves_of};
use crate::store::merge::Results;
use crate::store::{fs, read};
use crate::sweep::Sweep;
pub use document::render;
use mistakes::Shown;

/// Metrics of a trial that the page has besides the objective.
const METRICS: usize = 12;
/// Causes of failures whose logs are shown, and lines of each.
const LOGS: (usize, usize) = (12, 15);

/// All that the page is made from.
pub struct Page<'a> {
    sweep: &'a Sweep,
    report: Report,
    curves: Curves,
    best: Option<RunResult>,
    mistakes: Vec<Shown>,
    logs: Vec<Vec<String>>,
    bars: Vec<bars::Bar>,
    efficiency: Efficiency,
    spec: String,
    changed: bool,
    devices: Vec<String>,
    hosts: Vec<String>,
    now: f64,
}

/// What the report behind a page is to hold: the runs, and other metrics beside those asked for.
#[must_use]
pub fn query(sweep: &Sweep, results: &Results, asked: Query) -> Query {
    Query { runs: true, metrics: metrics(sweep, results, asked.metrics), ..asked }
}

/// Reads what the page needs beside a report by [`query`]; `now` in seconds since the Unix epoch.
///
/// What can't be read of curves, logs and the spec is left out: the leaderboard depends on none.
pub fn gather<'a>(
    sweep: &'a Sweep,
    results: &Results,
    subject: &Subject<'_>,
    starts: &Starts,
    report: Report,
    now: f64,
) -> Page<'a> {
    let runs: HashSet<u64> = report.rows.iter().flat_map(|r| &r.runs).map(|r| r.index).collect();
    let curves = curves_of(&sweep.dir, Some(&runs), |_| true).unwrap_or_default();
    let logs = report.causes.iter().take(LOGS.0);
    let logs = logs.map(|cause| last_lines(sweep, results, cause.example, LOGS.1)).collect();
    let heads = || results.segments.values().filter_map(|tail| tail.head.as_deref());
    let best = best(sweep, results, subject, &report);
    Page {
        mistakes: best.as_ref().map(|run| mistakes::mistakes(sweep, run)).unwrap_or_default(),
        best,
        bars: bars::bars(results, starts.all(), subject.liveness, now),
        efficiency: subject.efficiency(),
        spec: fs::read(&sweep.dir.spec())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default(),
        changed: sweep.dir.changes().exists(),
        devices: distinct(heads().map(|head| head.device.clone())),
        hosts: distinct(heads().map(|h| h.node.clone().unwrap_or_else(|| h.host.clone()))),
        sweep,
        report,
        curves,
        logs,
        now,
    }
}

/// Those asked for, then what runs reported, without floors. The objective's is among them only
/// where a run counts by its best epoch, so that its last epoch is another number.
fn metrics(sweep: &Sweep, results: &Results, mut asked: Vec<String>) -> Vec<String> {
    let objective = &sweep.spec.objective;
    let mut names = results.names.sorted();
    names.retain(|name| !name.starts_with(FLOOR));
    names.retain(|name| *name != objective.metric || objective.at == At::Best);
    names.sort_by_key(|name| *name != objective.metric);
    for name in names {
        if !asked.iter().any(|m| m == name) && asked.len() < METRICS {
            asked.push(name.to_owned());
        }
    }
    asked
}

/// The best run of the best trial that is selected, whole.
fn best(
    sweep: &Sweep,
    results: &Results,
    subject: &Subject<'_>,
    report: &Report,
) -> Option<RunResult> {
    let first = report.best()?;
    let value = |x: f64| if report.aim.maximize { x } else { -x };
    let finite = first.runs.iter().filter_map(|r| Some((r.index, r.objective?)));
    let (index, _) = finite
        .filter(|(_, x)| x.is_finite())
        .max_by(|a, b| value(a.1).total_cmp(&value(b.1)).then(b.0.cmp(&a.0)))?;
    let end = read::end(&sweep.dir, results.end(index)?).ok()?;
    subject.result(end)
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let all: std::collections::BTreeSet<String> = names.filter(|n| !n.is_empty()).collect();
    all.into_iter().collect()
}
