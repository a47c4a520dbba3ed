//! From the text of a spec to a checked sweep, or to everything that is wrong with it.
mod check;
mod command;
mod domain;
pub mod duration;
pub mod extra;
mod folds;
mod fuse;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod idle;
pub mod metric;
pub mod mistake;
mod objective;
mod parameters;
mod ranks;
mod recipes;
mod rounds;
mod rules;
pub mod schema;
pub(crate) mod section;
mod setting;
mod size;
pub mod slurm;
pub mod stages;
pub mod upkeep;
pub mod yaml;

use crate::dataset::{self, table::Encode};
use crate::recipe::{self, Data, Fold, Recipe, Task, Work};
use crate::space::Space;
use crate::trial::{Run, RunId};
pub use fuse::Fuse;
pub use metric::{At, Goal, Objective};
pub use mistake::{Mistake, SpecErrors};
pub use ranks::{As, Contradiction, Ranks};
pub use rounds::Rounds;
pub use slurm::SlurmSettings;
pub use stages::{Confirm, Short, Stage, StageKind};
pub use upkeep::Upkeep;

/// Runs that a sweep may have unless `--max-runs` says otherwise.
pub const DEFAULT_MAX_RUNS: u64 = 100_000;

/// A sweep that has been checked. It cannot be built otherwise than by [`read`].
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name: letters, digits, `.`, `_`, `-`; at most 64.
    pub name: String,
    /// What it asks, for people.
    pub description: Option<String>,
    /// All its trials.
    pub space: Space,
    /// The seeds that every trial is run with.
    pub seeds: Vec<u64>,
    /// The parts of a k-fold cross-validation, one of which each run holds back: k.
    pub folds: Option<u32>,
    /// What the leaderboard ranks by.
    pub objective: Objective,
    /// Seconds between two checkpoints of a run.
    pub checkpoint_seconds: f64,
    /// Whether runs are trained together.
    pub fuse: Fuse,
    /// What is asked of Slurm, and how runs are packed.
    pub slurm: SlurmSettings,
    /// What is to happen around it.
    pub upkeep: Upkeep,
    /// Whether its search trains less than the recipe says.
    pub short: Option<Short>,
    /// Whether its best trials are run again.
    pub confirm: Option<Confirm>,
    /// What it is a stage of, if it is one.
    pub stage: Option<Stage>,
    /// Hash of everything that decides what is trained and how it is ranked; comments,
    /// layout, the description and what is asked of Slurm and done around it change nothing.
    pub hash: String,
}

impl Spec {
    /// How often every trial is run.
    #[must_use]
    pub const fn rounds(&self) -> Rounds {
        Rounds { seeds: self.seeds.len() as u64, folds: self.folds }
    }

    /// Runs by number, those of points left out included; capped at `u64::MAX`.
    #[must_use]
    pub fn run_numbers(&self) -> u64 {
        self.space.points().saturating_mul(self.rounds().count())
    }

    /// How many runs there are: trials × seeds × folds.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.space.trials().saturating_mul(self.rounds().count())
    }

    /// Point, seed and fold of a run's number, which is `place × points + point`, where the
    /// place is `seed place × folds + fold`, both from 0.
    #[must_use]
    pub fn place(&self, index: u64) -> Option<(u64, u64, Option<Fold>)> {
        let points = self.space.points();
        let (seed, fold) = draw(&self.seeds, self.folds, index.checked_div(points)?)?;
        Some((index % points, seed, fold))
    }

    /// The run with this number, if there is one.
    #[must_use]
    pub fn run(&self, index: u64) -> Option<Run> {
        let (point, seed, fold) = self.place(index)?;
        let work = self.space.work(point)?;
        let id = RunId::of(&work, seed, fold);
        let id = if self.finishes() { id.finishing() } else { id };
        Some(Run { index, point, seed, fold, id, work })
    }

    /// The numbers of all runs from `start` to before `end`, in order.
    pub fn walk(&self, start: u64, end: u64) -> impl Iterator<Item = u64> + '_ {
        let points = self.space.points().max(1);
        let end = end.min(self.run_numbers());
        (start / points..end.div_ceil(points)).flat_map(move |round| {
            let base = round * points;
            let first = start.saturating_sub(base);
            let last = (end - base).min(points);
            self.space.walk(first, last).map(move |point| base + point)
        })
    }

    /// Whether its runs train on all samples and are judged on the test set.
    #[must_use]
    pub fn finishes(&self) -> bool {
        self.stage.as_ref().is_some_and(|stage| stage.kind == StageKind::Finish)
    }

    /// Whether the built-in trainer does the work, so that libtorch is needed.
    #[must_use]
    pub fn trains(&self) -> bool {
        matches!(self.space.base(), crate::space::Base::Train(_))
    }

    /// Every data set that some trial uses: name and, of the user's own, where the files are.
    #[must_use]
    pub fn data_sets(&self) -> Vec<(String, Option<String>)> {
        let mut found: Vec<(String, Option<String>)> = Vec::new();
        for (_, work) in self.space.samples(&["data.set", "data.path"]) {
            let Work::Train(settings) = work else { continue };
            let set = recipe::place(&settings);
            if !found.contains(&set) {
                found.push(set);
            }
        }
        found
    }

    /// What the trials want of tables, each way once (see [`wanted_of_table`]). Of numbers that vary
    /// the smallest and the largest.
    #[must_use]
    pub fn tables(&self) -> Vec<(Task, Data)> {
        const DECIDING: &[&str] = &[
            "task",
            "data.set",
            "data.path",
            "data.target",
            "data.ignore",
            "data.missing",
            "data.test",
            "data.limit",
        ];
        let mut found: Vec<(Task, Data)> = Vec::new();
        for wanted in self.space.samples(DECIDING).filter_map(|(_, work)| wanted_of_table(&work)) {
            if !found.contains(&wanted) {
                found.push(wanted);
            }
        }
        found
    }

    /// Every file of weights that some trial begins with.
    #[must_use]
    pub fn weights(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (_, work) in self.space.samples(&["init_from"]) {
            let Work::Train(settings) = work else { continue };
            found.extend(settings.at("init_from").as_text().map(str::to_owned));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// What a trial wants of a table: the task, and the data but for what makes no difference to whether
/// they can be had (scale, encoding, validation part: as preset). Nothing where it uses no table.
#[must_use]
pub fn wanted_of_table(work: &Work) -> Option<(Task, Data)> {
    let Work::Train(settings) = work else { return None };
    let Recipe { task, mut data, .. } = Recipe::new(settings).ok()?;
    (data.valid, data.scale, data.table.encode) = (0.2, (0.0, 1.0), Encode::default());
    dataset::TABLES.contains(&&*data.set).then_some((task, data))
}

/// Seed and fold at a place among the rounds of a trial.
pub(crate) fn draw(seeds: &[u64], folds: Option<u32>, place: u64) -> Option<(u64, Option<Fold>)> {
    let of = folds.unwrap_or(1);
    let seed = usize::try_from(place / u64::from(of)).ok().and_then(|at| seeds.get(at))?;
    let number = u32::try_from(place % u64::from(of)).ok()? + 1;
    Some((*seed, folds.map(|of| Fold { number, of })))
}

/// Reads and checks a spec; warnings stand beside it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(file: &str, bytes: &[u8], max_runs: u64) -> Result<(Spec, Vec<Mistake>), SpecErrors> {
    read_as(file, bytes, &check::Rigour { max_runs, recipes: true, written: false })
}

/// Reads a spec whose recipes were all checked before, and whose [`Spec::hash`] the caller
/// compares: everything but the recipes of its points is checked.
///
/// # Errors
/// As [`read`].
pub fn read_again(file: &str, bytes: &[u8]) -> Result<Spec, SpecErrors> {
    let rigour = check::Rigour { max_runs: u64::MAX, recipes: false, written: true };
    read_as(file, bytes, &rigour).map(|(spec, _)| spec)
}

fn read_as(
    file: &str,
    bytes: &[u8],
    rigour: &check::Rigour,
) -> Result<(Spec, Vec<Mistake>), SpecErrors> {
    let (text, tree) = tree(file, bytes)?;
    check::check(file, &tree, rigour).map_err(|mistakes| SpecErrors::of(file, text, mistakes))
}

/// The text and the tree of a YAML file.
pub(crate) fn tree<'t>(file: &str, bytes: &'t [u8]) -> Result<(&'t str, yaml::Node), SpecErrors> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            let at = good.len();
            let mistake = Mistake::new(
                at..at,
                "the file is not UTF-8 text",
                format!("byte {at} of the file begins no character"),
            )
            .hint("save it as UTF-8, e.g. `iconv -f latin1 -t utf-8`");
            return Err(SpecErrors::of(file, &good, vec![mistake]));
        }
    };
    let tree = yaml::read(text).map_err(|wrong| {
        let mut mistake = Mistake::new(
            wrong.span,
            format!("this is no YAML that dlgrid reads: {}", wrong.fact),
            "here",
        );
        mistake.hint = wrong.hint;
        SpecErrors::of(file, text, vec![mistake])
    })?;
    Ok((text, tree))
}

#[cfg(test)]
mod tests;
