//! From the facts of all runs to rows in their order.
use rayon::prelude::*;

use super::result::FLOOR;
use super::{
    Comparison, Fact, Paired, Plan, Query, RANGES, Range, Report, ReportError, Row, RunRow, Source,
    Standing, Summary, Together, cause, ranges, rank, together,
};
use crate::judge::{Counts, State};
use crate::spec::draw;

/// A trial on its way to a row: where its runs stand among the facts.
pub(super) struct Entry {
    pub(super) standing: Standing,
    pub(super) rank: Option<u64>,
    pub(super) seconds: f64,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Entry {
    /// Whether it ranks and none of its runs diverged.
    const fn is_whole(&self) -> bool {
        self.rank.is_some() && !self.standing.diverged
    }
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
    let leader = Leader::of(source, &places, &entries);
    let ranked = entries.iter().filter(|e| e.rank.is_some()).count() as u64;
    let tied = leader.as_ref().map_or(0, |leader| leader.tied(source, &places, &entries));
    let behind = entries.iter().any(|e| e.rank.is_some() && e.standing.diverged);
    let entries = plan.select(source, &places, entries)?;
    let trials = entries.len() as u64;
    let shown = plan.query.top.unwrap_or(entries.len()).min(entries.len());
    let rows = entries[..shown]
        .par_iter()
        .map(|e| {
            let versus = leader.as_ref().and_then(|leader| leader.versus(source, &places, e));
            Row { versus, ..row(source, plan, &places, e) }
        })
        .collect();
    let up_to = up_to(&entries, shown);
    let comparison = leader.map(|leader| leader.comparison);
    let mut report =
        Report { comparison, ranked, tied, up_to, ..frame(source, plan, rows, trials) };
    report.notes.extend(behind.then(|| BEHIND.to_owned()));
    Ok(report)
}

/// Why a good number stands below worse ones.
const BEHIND: &str = "a trial of which a run diverged ranks behind all of which none did";

/// The rank up to which the first so many of the entries are these and no other.
fn up_to(entries: &[Entry], shown: usize) -> Option<u64> {
    let (first, rest) = entries.split_at_checked(shown).filter(|(_, rest)| !rest.is_empty())?;
    let all: Option<Vec<u64>> = first.iter().map(|entry| entry.rank).collect();
    let last = all?.into_iter().max()?;
    rest.iter().all(|entry| entry.rank.is_none_or(|rank| rank > last)).then_some(last)
}

/// The first of all trials, with its objectives by place: what the others are compared with.
struct Leader {
    comparison: Comparison,
    objectives: Vec<(u64, f64)>,
}

impl Leader {
    /// The first of the entries in their order; nothing where it has no finite objective, or
    /// where trials have one run each, so that nothing can be said of noise. Nothing either where
    /// runs of it diverged: those that are left are no sample of it.
    fn of(source: &Source<'_>, places: &[usize], entries: &[Entry]) -> Option<Self> {
        let first = entries.first().filter(|e| e.is_whole() && source.rounds().count() > 1)?;
        let point = first.standing.point;
        let trial = (source.trial)(point);
        let comparison = Comparison { point, trial, ratio: source.ratio };
        Some(Self { comparison, objectives: objectives(source, places, first) })
    }

    fn versus(&self, source: &Source<'_>, places: &[usize], entry: &Entry) -> Option<Paired> {
        self.is_compared(entry).then(|| {
            let other = objectives(source, places, entry);
            Paired::of(&self.objectives, &other, self.comparison.ratio)
        })
    }

    /// How many of the entries that rank are not shown to be worse than it.
    fn tied(&self, source: &Source<'_>, places: &[usize], entries: &[Entry]) -> u64 {
        let is_tied = |entry: &&Entry| {
            let other = objectives(source, places, entry);
            let ratio = self.comparison.ratio;
            !Paired::without_interval(&self.objectives, &other, ratio).is_worse(source.aim.maximize)
        };
        let others = entries.par_iter().filter(|e| self.is_compared(e));
        others.filter(is_tied).count() as u64
    }

    fn is_compared(&self, entry: &Entry) -> bool {
        entry.is_whole() && entry.standing.point != self.comparison.point
    }
}

/// The objectives of a trial by place among the rounds, in order.
fn objectives(source: &Source<'_>, places: &[usize], entry: &Entry) -> Vec<(u64, f64)> {
    let facts = places[entry.from..entry.to].iter().map(|place| &source.facts[*place]);
    facts.filter_map(|f| Some((f.index / source.points.max(1), f.objective?))).collect()
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
        folds: source.folds,
        comparison: None,
        rows,
        trials,
        ranked: 0,
        tied: 0,
        up_to: None,
        filter: plan.query.filter.clone(),
        counts,
        missing: source.missing,
        open: open_runs(source),
        causes: cause::group(&source.facts),
        together: Together::of(&source.facts),
        damaged_lines: source.damaged_lines,
        damage: source.damage.clone(),
        duplicate_ends: source.duplicate_ends,
        notes: notes(source, &counts),
        openings: Vec::new(),
        importance: None,
    }
}

/// Runs by state; those that no attempt began are waiting.
pub(super) fn counts(source: &Source<'_>) -> Counts {
    let mut counts = Counts::of(source.facts.iter().map(|f| f.state));
    counts.add(State::LeftOut, source.left_out.len() as u64);
    counts.add(State::Waiting, source.runs.saturating_sub(counts.total()));
    counts
}

fn notes(source: &Source<'_>, counts: &Counts) -> Vec<String> {
    let mut notes = source.notes.clone();
    let done = counts.get(State::Done);
    if done > 0 && source.facts.iter().all(|f| f.objective.is_none()) {
        let mut known = (source.metric_names)();
        known.retain(|name| !name.starts_with(FLOOR));
        let known = if known.is_empty() { "nothing".into() } else { known.join(", ") };
        notes.push(format!(
            "no run reported the objective `{}`; reported: {known}",
            source.aim.metric
        ));
    }
    match source.rounds().count() {
        1 if done > 1 => {
            notes.push("one seed a trial: the order may be chance; `seeds: 3` tells more".into());
        }
        2 if done > 2 => {
            notes.push("two runs a trial tell little apart; `seeds: 5` tells more".into());
        }
        _ => {}
    }
    notes
}

pub(super) fn open_runs(source: &Source<'_>) -> (Vec<Range>, bool) {
    let is_over = |f: &&Fact<'_>| f.state.is_ended() || f.state == State::LeftOut;
    let mut ended: Vec<u64> = source.facts.iter().filter(is_over).map(|f| f.index).collect();
    ended.extend(&source.left_out);
    if ended.len() as u64 >= source.runs {
        return (Vec::new(), false);
    }
    ended.par_sort_unstable();
    let end = source.points.saturating_mul(source.rounds().count());
    let is_run = |index: u64| (source.is_point)(index % source.points.max(1));
    ranges::gaps(&ended, end, is_run, RANGES)
}

/// The facts' places, trial by trial, the seeds and folds of each in order.
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
            let seconds = facts().filter(|f| f.state.is_ended()).map(|f| f.seconds);
            // Of no numbers the sum is -0.0.
            let seconds = seconds.sum::<f64>() + 0.0;
            let standing = Standing {
                objective: Summary::of(&numbers),
                diverged: facts().any(|f| f.state == State::Diverged),
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
    let of_point = |index: &&u64| **index % source.points.max(1) == point;
    counts.add(State::LeftOut, source.left_out.iter().filter(of_point).count() as u64);
    counts.add(State::Waiting, source.rounds().count().saturating_sub(counts.total()));
    let metrics = (0..plan.query.metrics.len()).map(|column| metric(facts(), column)).collect();
    let shown = plan.query.metrics.len();
    let run = |fact| run_row(source, fact, shown);
    let runs = if plan.query.runs { facts().map(run).collect() } else { vec![] };
    Row {
        rank: entry.rank,
        trial: (source.trial)(point),
        point,
        parameters: (source.values)(point).unwrap_or_else(|| vec![None; source.parameters.len()]),
        objective: entry.standing.objective,
        versus: None,
        metrics,
        seconds: entry.seconds,
        seconds_mean: entry.standing.seconds,
        cohort: facts().filter_map(|f| f.cohort).max(),
        samples_per_s: together::mean(facts().filter_map(|f| f.samples_per_s)),
        counts,
        runs,
    }
}

/// A further metric over the runs that are done.
pub(super) fn metric<'a, 'b: 'a>(
    facts: impl Iterator<Item = &'a Fact<'b>>,
    column: usize,
) -> Summary {
    let numbers: Vec<f64> = facts
        .filter(|f| f.state == State::Done)
        .filter_map(|f| f.metrics.get(column).copied().flatten())
        .collect();
    Summary::of(&numbers)
}

fn run_row(source: &Source<'_>, fact: &Fact<'_>, metrics: usize) -> RunRow {
    let draw = draw(source.seeds, source.folds, fact.index / source.points.max(1));
    RunRow {
        index: fact.index,
        seed: draw.map(|(seed, _)| seed),
        fold: draw.and_then(|(_, fold)| fold),
        state: fact.state,
        objective: fact.objective,
        metrics: fact.metrics.iter().take(metrics).copied().collect(),
        seconds: fact.seconds,
        cohort: fact.cohort,
        samples_per_s: fact.samples_per_s,
        why: fact.why.as_deref().map(str::to_owned),
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
