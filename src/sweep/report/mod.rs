//! From the ends of runs to a leaderboard: collecting, ranking and selecting are pure, and so
//! is each rendering.
pub mod cause;
pub mod collect;
pub mod csv;
pub mod json;
pub mod list;
pub mod markdown;
pub mod query;
pub mod ranges;
pub mod rank;
pub mod status;
pub mod table;

use rayon::prelude::*;

use crate::judge::{Counts, State};
use crate::recipe::Value;
use crate::trial::TrialId;
pub use cause::Cause;
pub use query::{Plan, Query, ReportError};
pub use ranges::Range;
pub use rank::{Standing, Summary};

/// Version of the JSON of `dlgrid report`; fields are added, never changed or taken away.
pub const REPORT_SCHEMA: &str = "dlgrid.report/1";

/// Most ranges of runs that a report names.
const RANGES: usize = 12;

/// What a sweep is called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Title {
    /// Its name.
    pub name: String,
    /// Its identity, 32 hex digits.
    pub id: String,
    /// Its directory.
    pub dir: String,
}

/// What a sweep is after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aim {
    /// The metric, such as `valid/f1`.
    pub metric: String,
    /// Whether more is better.
    pub maximize: bool,
    /// Whether a run counts by its best epoch; otherwise by its last.
    pub best: bool,
}

/// What is known of one run that was begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<'a> {
    /// Its place in the sweep.
    pub index: u64,
    /// Its state.
    pub state: State,
    /// Its objective, if it is done and reported one.
    pub objective: Option<f64>,
    /// Further metrics, in the order of [`Plan::metrics`].
    pub metrics: Vec<Option<f64>>,
    /// Seconds of training.
    pub seconds: f64,
    /// The cause, where it did not end well.
    pub why: Option<&'a str>,
}

/// The values of the parameters at a point; nothing if the number is no point.
pub type Values<'a> = &'a (dyn Fn(u64) -> Option<Vec<Option<Value>>> + Sync);

/// All that a report is made from.
pub struct Source<'a> {
    /// The sweep.
    pub sweep: Title,
    /// What it is after.
    pub aim: Aim,
    /// The parameters that vary.
    pub parameters: &'a [String],
    /// The seeds of every trial.
    pub seeds: &'a [u64],
    /// Numbers that points have: a run's index is `seed place * points + point`.
    pub points: u64,
    /// Runs of the sweep.
    pub runs: u64,
    /// Every run that was begun.
    pub facts: Vec<Fact<'a>>,
    /// Runs not ended that no process will get to.
    pub missing: u64,
    /// Parameters at a point.
    pub values: Values<'a>,
    /// Whether a number is a point.
    pub is_point: &'a (dyn Fn(u64) -> bool + Sync),
    /// The trial of a point.
    pub trial: &'a (dyn Fn(u64) -> Option<TrialId> + Sync),
    /// Names of the metrics that runs reported; asked only for a hint.
    pub metric_names: &'a (dyn Fn() -> Vec<String> + Sync),
    /// Lines of segments that could not be read.
    pub damaged_lines: u64,
    /// What is wrong with the first of them, a line each.
    pub damage: Vec<String>,
    /// Ends of runs that had ended before.
    pub duplicate_ends: u64,
    /// What else the reader should know.
    pub notes: Vec<String>,
}

/// A leaderboard and all that must be said with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The sweep.
    pub sweep: Title,
    /// What it is after.
    pub aim: Aim,
    /// The parameters that vary.
    pub parameters: Vec<String>,
    /// Further metrics that were asked for.
    pub metrics: Vec<String>,
    /// Seeds of every trial.
    pub seeds: u64,
    /// The trials shown, in order.
    pub rows: Vec<Row>,
    /// Trials with a run begun that the condition admits, shown or not.
    pub trials: u64,
    /// The condition, if one was given.
    pub filter: Option<String>,
    /// Runs of the sweep by state.
    pub counts: Counts,
    /// Runs not ended that no process will get to.
    pub missing: u64,
    /// Runs that have not ended, and whether there are more ranges of them.
    pub open: (Vec<Range>, bool),
    /// Runs that did not end well, by cause; the most frequent first.
    pub causes: Vec<Cause>,
    /// Lines of segments that could not be read.
    pub damaged_lines: u64,
    /// What is wrong with the first of them, a line each.
    pub damage: Vec<String>,
    /// Ends of runs that had ended before; harmless.
    pub duplicate_ends: u64,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// One trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its rank among all trials; none without a finite objective.
    pub rank: Option<u64>,
    /// Its identity.
    pub trial: Option<TrialId>,
    /// Its place in the space.
    pub point: u64,
    /// The parameters, in the order of [`Report::parameters`]; nothing for one that does not
    /// exist there.
    pub parameters: Vec<Option<Value>>,
    /// The objective over the runs that are done.
    pub objective: Summary,
    /// Further metrics over the runs that are done.
    pub metrics: Vec<Summary>,
    /// Seconds of all its runs that ended.
    pub seconds: f64,
    /// Mean seconds of a run that ended.
    pub seconds_mean: f64,
    /// Its runs by state.
    pub counts: Counts,
    /// Its runs, where they were asked for.
    pub runs: Vec<RunRow>,
}

/// One run of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its place in the sweep.
    pub index: u64,
    /// Its seed.
    pub seed: Option<u64>,
    /// Its state.
    pub state: State,
    /// Its objective.
    pub objective: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
    /// The cause, where it did not end well.
    pub why: Option<String>,
}

impl Row {
    /// The eight digits that people see.
    #[must_use]
    pub fn name(&self) -> String {
        self.trial.map_or_else(|| format!("#{}", self.point), |trial| trial.short())
    }

    /// Whether fewer runs count than seeds were asked for.
    #[must_use]
    pub const fn is_partial(&self, seeds: u64) -> bool {
        self.objective.n < seeds
    }

    /// Why the objective is no finite number: `nan`, `inf`, or the state of its runs.
    #[must_use]
    pub fn objective_state(&self) -> Option<&'static str> {
        match self.objective.mean {
            Some(mean) if mean.is_finite() => None,
            Some(mean) if mean.is_nan() => Some("nan"),
            Some(mean) if mean > 0.0 => Some("inf"),
            Some(_) => Some("-inf"),
            None => Some(
                [State::Diverged, State::Failed, State::Running, State::Interrupted, State::Lost]
                    .into_iter()
                    .find(|state| self.counts.get(*state) > 0)
                    .map_or("unreported", State::word),
            ),
        }
    }
}

/// A trial on its way to a row: where its runs stand among the facts.
struct Entry {
    standing: Standing,
    rank: Option<u64>,
    seconds: f64,
    from: usize,
    to: usize,
}

/// Makes the report.
///
/// # Errors
/// If the query names what does not exist.
pub fn build(source: &Source<'_>, plan: &Plan) -> Result<Report, ReportError> {
    plan.check_metrics(source)?;
    let places = by_trial(source);
    let mut entries = entries(source, &places);
    entries.par_sort_unstable_by(|a, b| rank::order(&a.standing, &b.standing, source.aim.maximize));
    let ranks = rank::ranks(entries.iter().map(|e| &e.standing));
    for (entry, rank) in entries.iter_mut().zip(ranks) {
        entry.rank = rank;
    }
    let entries = plan.select(source, &places, entries)?;
    let trials = entries.len() as u64;
    let shown = plan.query.top.unwrap_or(entries.len()).min(entries.len());
    let rows = entries[..shown].par_iter().map(|e| row(source, plan, &places, e)).collect();
    Ok(frame(source, plan, rows, trials))
}

/// Everything around the rows.
fn frame(source: &Source<'_>, plan: &Plan, rows: Vec<Row>, trials: u64) -> Report {
    let counts = counts(source);
    Report {
        sweep: source.sweep.clone(),
        aim: source.aim.clone(),
        parameters: source.parameters.to_vec(),
        metrics: plan.query.metrics.clone(),
        seeds: source.seeds.len() as u64,
        rows,
        trials,
        filter: plan.query.filter.clone(),
        counts,
        missing: source.missing,
        open: open_runs(source),
        causes: cause::group(&source.facts),
        damaged_lines: source.damaged_lines,
        damage: source.damage.clone(),
        duplicate_ends: source.duplicate_ends,
        notes: notes(source, &counts),
    }
}

/// Runs by state; those that no attempt began are waiting.
fn counts(source: &Source<'_>) -> Counts {
    let mut counts = Counts::of(source.facts.iter().map(|f| f.state));
    counts.add(State::Waiting, source.runs.saturating_sub(counts.total()));
    counts
}

fn notes(source: &Source<'_>, counts: &Counts) -> Vec<String> {
    let mut notes = source.notes.clone();
    let done = counts.get(State::Done);
    if done > 0 && source.facts.iter().all(|f| f.objective.is_none()) {
        let known = (source.metric_names)();
        let known = if known.is_empty() { "nothing".into() } else { known.join(", ") };
        notes.push(format!(
            "no run reported the objective `{}`; reported: {known}",
            source.aim.metric
        ));
    }
    if source.seeds.len() == 1 && done > 1 {
        notes.push("one seed a trial: the order may be chance; `seeds: 3` tells more".into());
    }
    notes
}

fn open_runs(source: &Source<'_>) -> (Vec<Range>, bool) {
    let mut ended: Vec<u64> =
        source.facts.iter().filter(|f| f.state.is_ended()).map(|f| f.index).collect();
    if ended.len() as u64 >= source.runs {
        return (Vec::new(), false);
    }
    ended.par_sort_unstable();
    let end = source.points.saturating_mul(source.seeds.len() as u64);
    let is_run = |index: u64| (source.is_point)(index % source.points.max(1));
    ranges::gaps(&ended, end, is_run, RANGES)
}

/// The facts' places, trial by trial, the seeds of each in order.
fn by_trial(source: &Source<'_>) -> Vec<usize> {
    let points = source.points.max(1);
    let mut places: Vec<usize> = (0..source.facts.len()).collect();
    places.par_sort_unstable_by_key(|place| {
        let index = source.facts[*place].index;
        (index % points, index / points)
    });
    places
}

fn entries(source: &Source<'_>, places: &[usize]) -> Vec<Entry> {
    let points = source.points.max(1);
    let point = |place: &usize| source.facts[*place].index % points;
    let mut numbers = Vec::new();
    let mut from = 0;
    places
        .chunk_by(|a, b| point(a) == point(b))
        .map(|chunk| {
            let facts = || chunk.iter().map(|place| &source.facts[*place]);
            numbers.clear();
            numbers.extend(facts().filter_map(|f| f.objective));
            let ended = facts().filter(|f| f.state.is_ended()).count();
            let seconds: f64 = facts().filter(|f| f.state.is_ended()).map(|f| f.seconds).sum();
            let standing = Standing {
                objective: Summary::of(&numbers),
                seconds: mean(seconds, ended),
                point: point(&chunk[0]),
            };
            let entry = Entry { standing, rank: None, seconds, from, to: from + chunk.len() };
            from = entry.to;
            entry
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a trial has few runs")]
fn mean(sum: f64, n: usize) -> f64 {
    if n == 0 { 0.0 } else { sum / n as f64 }
}

fn row(source: &Source<'_>, plan: &Plan, places: &[usize], entry: &Entry) -> Row {
    let facts = || places[entry.from..entry.to].iter().map(|place| &source.facts[*place]);
    let point = entry.standing.point;
    let mut counts = Counts::of(facts().map(|f| f.state));
    counts.add(State::Waiting, (source.seeds.len() as u64).saturating_sub(counts.total()));
    let metrics = (0..plan.query.metrics.len()).map(|column| metric(facts(), column)).collect();
    let runs = if plan.query.runs { facts().map(|f| run_row(source, f)).collect() } else { vec![] };
    Row {
        rank: entry.rank,
        trial: (source.trial)(point),
        point,
        parameters: (source.values)(point).unwrap_or_else(|| vec![None; source.parameters.len()]),
        objective: entry.standing.objective,
        metrics,
        seconds: entry.seconds,
        seconds_mean: entry.standing.seconds,
        counts,
        runs,
    }
}

/// A further metric over the runs that are done.
fn metric<'a, 'b: 'a>(facts: impl Iterator<Item = &'a Fact<'b>>, column: usize) -> Summary {
    let numbers: Vec<f64> = facts
        .filter(|f| f.state == State::Done)
        .filter_map(|f| f.metrics.get(column).copied().flatten())
        .collect();
    Summary::of(&numbers)
}

fn run_row(source: &Source<'_>, fact: &Fact<'_>) -> RunRow {
    let place = usize::try_from(fact.index / source.points.max(1)).ok();
    RunRow {
        index: fact.index,
        seed: place.and_then(|place| source.seeds.get(place)).copied(),
        state: fact.state,
        objective: fact.objective,
        seconds: fact.seconds,
        why: fact.why.map(str::to_owned),
    }
}

/// The trial that leads, with what a line about it needs; nothing while no run is done.
#[must_use]
pub fn best(source: &Source<'_>) -> Option<Row> {
    let plan = Plan::all(Query { top: Some(1), ..Query::default() });
    let places = by_trial(source);
    let best = entries(source, &places)
        .into_iter()
        .filter(|e| e.standing.objective.finite().is_some())
        .min_by(|a, b| rank::order(&a.standing, &b.standing, source.aim.maximize))?;
    Some(Row { rank: Some(1), ..row(source, &plan, &places, &best) })
}

#[cfg(test)]
mod tests;
