//! From a sweep and its results to what a report is made of. The only part of the report that
//! knows the store and the spec.
mod ratio;
mod states;

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::efficiency::{Around, Efficiency};
use super::fate::{self, LazyStarts, Starts};
use super::result::RunResult;
use super::status::{Running, Short, Status};
use super::{Aim, Fact, Plan, Query, Report, ReportError, Source, Title, build, list};
use crate::cohort::{self, Survey};
use crate::dataset;
use crate::exec::claim;
use crate::exec::slurm::bad_nodes;
use crate::exec::slurm::state::Standing;
use crate::judge::{Liveness, State};
use crate::recipe::{self, Work};
use crate::spec::{At, Goal, Objective, Spec};
use crate::store::MetricId;
use crate::store::layout::SweepDir;
use crate::store::manifest::SliceSpan;
use crate::store::merge::{LastEvent, Merged, Results, RunState};
use crate::store::record::End;
use crate::store::tasks::Cause;
use crate::sweep::Sweep;
use crate::trial::TrialId;

/// A sweep to tell about.
pub struct Subject<'a> {
    /// What it is called.
    pub title: Title,
    /// Its spec.
    pub spec: &'a Spec,
    /// Its runs, as the manifest counts them.
    pub runs: u64,
    /// The slices that the sweep trains itself.
    pub slices: &'a [SliceSpan],
    /// What its segments say.
    pub results: &'a Results,
    /// What the executor knows of the newest attempt at a slice.
    pub liveness: &'a (dyn Fn(u32) -> Liveness + Sync),
    /// Where its slices stand in Slurm's queue, if that was asked.
    pub slurm: Option<&'a Standing>,
    /// What its array tasks wrote of themselves, where they can be asked.
    pub starts: Option<&'a LazyStarts>,
    /// Runs not ended that were ordered to be left out, each with its slice.
    pub left_out: Option<&'a HashMap<u64, u32>>,
}

/// Why a run did not end well, what kind of cause that is, and where.
type Trouble<'a> = (Option<Cow<'a, str>>, Option<Cause>, Option<&'a str>);

impl<'a> Subject<'a> {
    /// A sweep with its results.
    #[must_use]
    pub fn new(
        sweep: &'a Sweep,
        results: &'a Results,
        liveness: &'a (dyn Fn(u32) -> Liveness + Sync),
    ) -> Self {
        let title = Title {
            name: sweep.manifest.name.clone(),
            id: sweep.manifest.id.clone(),
            dir: sweep.dir.path().display().to_string(),
            typed: sweep.manifest.name.clone(),
        };
        let (spec, runs) = (&sweep.spec, sweep.manifest.runs);
        Self {
            title,
            spec,
            runs,
            slices: &sweep.manifest.slices,
            results,
            liveness,
            slurm: None,
            starts: None,
            left_out: None,
        }
    }

    /// With what to type for it, where that is not its name.
    #[must_use]
    pub fn with_typed(mut self, typed: &str) -> Self {
        typed.clone_into(&mut self.title.typed);
        self
    }

    /// With what array tasks wrote of themselves.
    #[must_use]
    pub const fn with_starts(mut self, starts: &'a LazyStarts) -> Self {
        self.starts = Some(starts);
        self
    }

    /// With the runs that were ordered to be left out.
    #[must_use]
    pub const fn with_left_out(mut self, left_out: &'a HashMap<u64, u32>) -> Self {
        self.left_out = Some(left_out);
        self
    }

    /// With what Slurm says.
    #[must_use]
    pub const fn with_slurm(mut self, standing: Option<&'a Standing>) -> Self {
        self.slurm = standing;
        self
    }
}

impl Subject<'_> {
    pub(super) fn starts(&self) -> &Starts {
        self.starts.map_or(&*fate::NO_STARTS, |starts| starts)
    }

    /// The leaderboard.
    ///
    /// # Errors
    /// If the query names what does not exist, or its condition is none.
    pub fn report(&self, query: Query) -> Result<Report, ReportError> {
        let plan = Plan::new(query, self.spec.space.paths())?;
        self.with(plan.metrics(), |source| build(source, &plan))
    }

    /// How it is getting on at `now`, in seconds since the Unix epoch.
    #[must_use]
    pub fn status(&self, now: f64) -> Status {
        Status { fused: self.survey(), ..self.status_of(self.facts(&[]), now) }
    }

    pub(super) fn status_of(&self, facts: Vec<Fact<'_>>, now: f64) -> Status {
        self.with_those(facts, |source| {
            let running = source.facts.iter().filter(|f| f.state == State::Running);
            let mut running: Vec<Running> =
                running.filter_map(|f| self.running(source, f.index, now)).collect();
            running.sort_by_key(|r| r.index);
            let arrays = self.slurm.map_or_else(Vec::new, |standing| standing.arrays.clone());
            let starts = self.starts().all();
            let (bad_nodes, on_slurm) = (bad_nodes::bad_nodes(starts), !starts.is_empty());
            let short = Short::of(&source.facts, |index| self.is_gone(index));
            Status { bad_nodes, on_slurm, short, ..Status::of(source, running, arrays) }
        })
    }

    /// Whether no process works, or will, on the slice of a run that was begun.
    fn is_gone(&self, index: u64) -> bool {
        let last = self.results.runs.get(&index).and_then(|run| run.last.as_ref());
        last.is_some_and(|last| (self.liveness)(last.at.slice) == Liveness::Gone)
    }

    /// How its runs are to be trained together, by its spec and its slices, and what is asked of
    /// Slurm.
    fn survey(&self) -> Option<Survey> {
        let per_slice = self.slices.iter().map(|slice| slice.runs).max().unwrap_or(1);
        cohort::survey(self.spec, per_slice, self.spec.slurm.asks_for_gpus())
    }

    /// What its array tasks were given and took, by what they wrote of themselves.
    #[must_use]
    pub fn efficiency(&self) -> Efficiency {
        let again = |run: &RunState| {
            let end = run.end.as_ref().filter(|end| end.at.attempt > 0)?;
            Some(f64::from(run.ends.saturating_sub(1)) * end.seconds)
        };
        let around = Around {
            sweep: self.title.clone(),
            liveness: self.liveness,
            runs_per_slice: self.slices.iter().map(|slice| slice.runs).max().unwrap_or(1),
            runs: self.runs,
            repeated_seconds: self.results.runs.values().filter_map(again).sum(),
        };
        Efficiency::of(self.starts().all(), &around)
    }

    /// The state of a run.
    #[must_use]
    pub fn state_of(&self, index: u64) -> State {
        match self.results.runs.get(&index) {
            Some(run) => self.state(index, run),
            None if self.is_left_out(index) => State::LeftOut,
            None => State::Waiting,
        }
    }

    /// Why a run did not end well, with the place where that happened, if that is known.
    #[must_use]
    pub fn why(&self, index: u64) -> Option<String> {
        let run = self.results.runs.get(&index)?;
        let (why, _, node) = self.trouble(run, self.state(index, run));
        let on = node.map_or_else(String::new, |node| format!(" (on {node})"));
        why.map(|why| format!("{why}{on}"))
    }

    /// A run with how it ended.
    #[must_use]
    pub fn result(&self, end: End) -> Option<RunResult> {
        let (point, ..) = self.spec.place(end.index)?;
        let (paths, values) = (self.spec.space.paths(), self.spec.space.values(point)?);
        let work = self.spec.space.work(point)?;
        Some(RunResult {
            sweep: self.title.clone(),
            aim: aim(&self.spec.objective),
            trial: TrialId::of(&work),
            parameters: paths
                .iter()
                .cloned()
                .zip(values)
                .filter_map(|(p, v)| Some((p, v?)))
                .collect(),
            class_names: class_names(&work).iter().map(|name| (*name).to_owned()).collect(),
            end,
        })
    }

    /// Runs that did not end well, by cause; the most frequent first.
    #[must_use]
    pub fn causes(&self) -> Vec<super::Cause> {
        super::cause::group(&self.facts(&[]))
    }

    /// Its line in a list of sweeps; `created` in seconds since the Unix epoch.
    #[must_use]
    pub fn entry(&self, created: f64) -> list::Entry {
        self.with(&[], |source| list::Entry {
            sweep: source.sweep.clone(),
            created,
            aim: source.aim.clone(),
            counts: super::build::counts(source),
            missing: source.missing,
            best: super::best(source).and_then(|row| row.objective.finite()),
            is_at_work: false,
            is_unsubmitted: false,
            problem: None,
        })
    }

    fn running(&self, source: &Source<'_>, index: u64, now: f64) -> Option<Running> {
        let (point, seed, fold) = self.spec.place(index)?;
        let last = self.results.runs.get(&index)?.last.as_ref()?;
        let (seconds, epoch) = match last.what {
            LastEvent::Checkpoint { epoch, .. } => (None, Some(epoch)),
            _ => (Some((now - last.time).max(0.0)), None),
        };
        let trial = (source.trial)(point)?.short();
        let slice = last.at.slice;
        Some(Running { index, trial, seed: Some(seed), fold, seconds, epoch, slice })
    }

    fn with<T>(&self, metrics: &[String], then: impl FnOnce(&Source<'_>) -> T) -> T {
        self.with_those(self.facts(metrics), then)
    }

    /// With these facts alone.
    pub(super) fn with_those<'f, T>(
        &'f self,
        facts: Vec<Fact<'f>>,
        then: impl FnOnce(&Source<'_>) -> T,
    ) -> T {
        let (spec, results) = (self.spec, self.results);
        let values = |point| spec.space.values(point);
        let trial = |point| spec.space.work(point).map(|work| TrialId::of(&work));
        let plain = spec.space.is_plain();
        let is_point = |point| plain || spec.space.contains(point);
        let metric_names = || results.names.sorted().into_iter().map(str::to_owned).collect();
        then(&Source {
            sweep: self.title.clone(),
            aim: aim(&spec.objective),
            parameters: spec.space.paths(),
            seeds: &spec.seeds,
            folds: spec.folds,
            ratio: ratio::ratio(spec),
            points: spec.space.points(),
            runs: self.runs,
            missing: self.missing(),
            facts,
            left_out: self.left_out_unbegun(),
            values: &values,
            is_point: &is_point,
            trial: &trial,
            metric_names: &metric_names,
            damaged_lines: results.damaged(),
            damage: damage(results),
            duplicate_ends: results.duplicate_ends,
            notes: notes(results),
        })
    }

    pub(super) fn facts(&self, metrics: &[String]) -> Vec<Fact<'_>> {
        let numbers = self.spec.run_numbers();
        let names = &self.results.names;
        let aim = names.id(&self.spec.objective.metric);
        let metrics: Vec<Option<MetricId>> = metrics.iter().map(|name| names.id(name)).collect();
        self.results
            .runs
            .par_iter()
            .filter(|(index, _)| **index < numbers)
            .map(|(index, run)| {
                let state = self.state(*index, run);
                let end = run.end.as_ref();
                let done = end.filter(|_| state == State::Done);
                let metric =
                    |id: &Option<MetricId>| id.and_then(|id| done.and_then(|end| end.metric(id)));
                let (why, kind, node) = self.trouble(run, state);
                Fact {
                    index: *index,
                    state,
                    objective: aim
                        .zip(done)
                        .and_then(|(id, end)| objective(end, id, &self.spec.objective)),
                    metrics: metrics.iter().map(metric).collect(),
                    seconds: end.map_or(0.0, |end| end.seconds),
                    cohort: end.and_then(|end| end.cohort),
                    samples_per_s: end.and_then(|end| end.samples_per_s),
                    why,
                    kind,
                    node,
                }
            })
            .collect()
    }
}

/// What the claim on a sweep says of all its slices: of a sweep that runs on a machine.
#[must_use]
pub fn local_liveness(dir: &SweepDir) -> Liveness {
    match claim::holder(dir) {
        Ok(Some((_, standing))) => match standing {
            claim::Standing::Alive => Liveness::Alive,
            claim::Standing::Gone => Liveness::Gone,
            claim::Standing::Elsewhere => Liveness::Unknown,
        },
        Ok(None) => Liveness::Gone,
        Err(_) => Liveness::Unknown,
    }
}

/// The names of the classes, where the data are those of the catalogue: what the user's own are
/// called is not known.
fn class_names(work: &Work) -> &'static [&'static str] {
    let Work::Train(settings) = work else { return &[] };
    let (set, own) = recipe::place(settings);
    let known = dataset::find(&set).filter(|_| own.is_none());
    known.map_or(&[], |set| set.class_names)
}

pub(super) fn aim(objective: &Objective) -> Aim {
    Aim {
        metric: objective.metric.clone(),
        maximize: objective.goal == Goal::Maximize,
        best: objective.at == At::Best,
    }
}

pub(super) fn objective(end: &Merged, id: MetricId, objective: &Objective) -> Option<f64> {
    match objective.at {
        At::Last => end.metric(id),
        At::Best => end.best(id).map(|best| best.value.0).or_else(|| end.metric(id)),
    }
}

fn damage(results: &Results) -> Vec<String> {
    let line = |d: &crate::store::Damage| format!("{} line {} {}", d.segment, d.line, d.what);
    results.damage.iter().map(line).collect()
}

fn notes(results: &Results) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some((name, why)) = results.unreadable.first() {
        notes.push(format!(
            "{} segments could not be read: {name}: {why}",
            results.unreadable.len()
        ));
    }
    if let Some(name) = results.vanished.first() {
        notes.push(format!("{} segments are gone that were there: {name}", results.vanished.len()));
    }
    let disagree = results.runs.values().filter(|run| run.disagree).count();
    if disagree > 0 {
        notes.push(format!("{disagree} runs ended twice with different numbers"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Settings, Value, key};

    #[test]
    fn classes_of_the_user_s_own_files_have_not_the_catalogue_s_names() {
        let names = |set: &str, path: Option<&str>| {
            let mut settings = Settings::default();
            for (key, value) in [("data.set", Some(set)), ("data.path", path)] {
                let place = key::find(key).unwrap();
                value.into_iter().for_each(|v| settings.set(place, Value::Text(v.to_owned())));
            }
            class_names(&Work::Train(Box::new(settings)))
        };
        assert_eq!(names("cifar-10", None)[0], "airplane");
        assert_eq!(names("cifar-10", Some("mine")), [""; 0]);
        assert_eq!(names("fashion-mnist", Some("of idx")).len(), 10, "it takes no path");
        assert_eq!(names("idx", Some("mine")), [""; 0]);
    }
}
