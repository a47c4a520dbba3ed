//! From the ends of runs to a leaderboard: collecting, ranking and selecting are pure, and so
//! is each rendering.
pub mod around;
mod build;
pub mod cause;
pub mod collect;
pub mod compare;
pub mod conclude;
pub mod csv;
pub mod efficiency;
pub mod fate;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
pub(crate) mod heads;
pub mod importance;
pub mod json;
pub mod keep;
pub mod list;
pub mod live;
pub mod markdown;
pub mod page;
pub mod paired;
pub mod pause;
pub mod picture;
pub mod query;
pub mod ranges;
pub mod rank;
pub mod result;
pub mod status;
pub mod table;
pub mod tested;
pub mod together;
mod trace;
pub mod wanted;

use std::borrow::Cow;

use crate::judge::{Counts, State};
use crate::recipe::{Fold, Value};
use crate::spec::Rounds;
use crate::store::tasks;
use crate::trial::TrialId;
pub use build::{best, build};
pub use cause::Cause;
pub use paired::Paired;
pub use query::{Plan, Query, ReportError};
pub use ranges::Range;
pub use rank::{Standing, Summary};
pub use together::Together;

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
    /// What to type for it.
    pub typed: String,
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
    /// Runs that were trained together with it, itself included, when it ended.
    pub cohort: Option<u32>,
    /// Training samples a second; of a run trained with others, those of all of them.
    pub samples_per_s: Option<f64>,
    /// The cause, where it did not end well.
    pub why: Option<Cow<'a, str>>,
    /// What kind of cause that is, where it is known.
    pub kind: Option<tasks::Cause>,
    /// The node, else the machine, where it did not end well.
    pub node: Option<&'a str>,
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
    /// The folds of every seed, where there are folds.
    pub folds: Option<u32>,
    /// Samples held back by samples trained on, where the runs of a trial share samples; else 0.
    pub ratio: f64,
    /// Numbers that points have: a run's index is `place * points + point`, where the place is
    /// `seed place * folds + fold`, each from 0.
    pub points: u64,
    /// Runs of the sweep.
    pub runs: u64,
    /// Every run that was begun.
    pub facts: Vec<Fact<'a>>,
    /// Runs that were not begun, and will not be: they were ordered to be left out.
    pub left_out: Vec<u64>,
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
    /// Folds of every seed, where there are folds.
    pub folds: Option<u32>,
    /// What the rows are compared with; nothing where each trial has one run.
    pub comparison: Option<Comparison>,
    /// The trials shown, in order.
    pub rows: Vec<Row>,
    /// Trials with a run begun that the condition admits, shown or not.
    pub trials: u64,
    /// Trials that rank, admitted or not.
    pub ranked: u64,
    /// Those among them that noise can't tell from the first of all.
    pub tied: u64,
    /// Where only some of those admitted are shown: the rank up to which they are these and no
    /// other; nothing where no rank parts them.
    pub up_to: Option<u64>,
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
    /// How many of the runs that ended were trained together, where any was.
    pub together: Option<Together>,
    /// Lines of segments that could not be read.
    pub damaged_lines: u64,
    /// What is wrong with the first of them, a line each.
    pub damage: Vec<String>,
    /// Ends of runs that had ended before; harmless.
    pub duplicate_ends: u64,
    /// What the reader should know.
    pub notes: Vec<String>,
    /// Every opening of the test set.
    pub openings: Vec<tested::Tested>,
    /// What matters among the trials, where that was asked.
    pub importance: Option<importance::Told>,
}

/// What the trials of a report are compared with: the first of all of them, shown or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Its place in the space.
    pub point: u64,
    /// Its identity.
    pub trial: Option<TrialId>,
    /// Samples held back by samples trained on, by which the variance is corrected.
    pub ratio: f64,
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
    /// How it compares with the first of all trials; nothing for that itself, without a finite
    /// objective, and where a run of one of the two diverged.
    pub versus: Option<Paired>,
    /// Further metrics over the runs that are done.
    pub metrics: Vec<Summary>,
    /// Seconds of all its runs that ended.
    pub seconds: f64,
    /// Mean seconds of a run that ended.
    pub seconds_mean: f64,
    /// Runs that were trained together with one of its runs at most, where they were.
    pub cohort: Option<u32>,
    /// Mean training samples a second; of runs trained with others, those of all of them.
    pub samples_per_s: Option<f64>,
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
    /// Its fold, where there are folds.
    pub fold: Option<Fold>,
    /// Its state.
    pub state: State,
    /// Its objective.
    pub objective: Option<f64>,
    /// Further metrics, in the order of [`Report::metrics`].
    pub metrics: Vec<Option<f64>>,
    /// Seconds of training.
    pub seconds: f64,
    /// Runs that were trained together with it, itself included, when it ended.
    pub cohort: Option<u32>,
    /// Training samples a second; of a run trained with others, those of all of them.
    pub samples_per_s: Option<f64>,
    /// The cause, where it did not end well.
    pub why: Option<String>,
}

impl Source<'_> {
    /// How often every trial is run.
    #[must_use]
    pub const fn rounds(&self) -> Rounds {
        Rounds { seeds: self.seeds.len() as u64, folds: self.folds }
    }
}

impl Report {
    /// How often every trial is run.
    #[must_use]
    pub const fn rounds(&self) -> Rounds {
        Rounds { seeds: self.seeds, folds: self.folds }
    }

    /// The best of the rows, wherever it stands; nothing where none ranks.
    #[must_use]
    pub fn best(&self) -> Option<&Row> {
        // Of those with one rank only the first of all is compared with none.
        let ranked = self.rows.iter().filter(|row| row.rank.is_some());
        ranked.min_by_key(|row| (row.rank, row.versus.is_some()))
    }
}

impl Row {
    /// The eight digits that people see.
    #[must_use]
    pub fn name(&self) -> String {
        self.trial.map_or_else(|| format!("#{}", self.point), |trial| trial.short())
    }

    /// Whether it ranks and is not shown to be worse than the first; not of the first itself.
    #[must_use]
    pub fn is_tied(&self, aim: &Aim) -> bool {
        self.versus.is_some_and(|versus| !versus.is_worse(aim.maximize))
    }

    /// Whether one of its runs diverged: it ranks behind all of which none did.
    #[must_use]
    pub const fn has_diverged(&self) -> bool {
        self.counts.get(State::Diverged) > 0
    }

    /// Whether fewer runs count than were asked for.
    #[must_use]
    pub const fn is_partial(&self, asked: u64) -> bool {
        self.objective.n < asked
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

#[cfg(test)]
mod tests;
