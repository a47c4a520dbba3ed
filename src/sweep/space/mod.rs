//! The space of a sweep: from an index to a point, without holding the points.
//!
//! A space is a union of blocks; a block is a product of axes, less what its conditions leave
//! out. Points are numbered block after block, the last axis fastest; numbers of points that
//! are left out or that an earlier block has are simply skipped.
mod axis;
mod block;
pub mod condition;
mod count;
pub mod domain;
mod repeats;
mod rows;
mod table;

use std::collections::HashSet;
use std::sync::OnceLock;

pub use axis::Axis;
pub use block::{Exclude, Rule, When};
pub use condition::{Condition, NoCondition};
pub use domain::{Domain, DomainError};

use crate::recipe::{Command, STEPPED, Settings, Value, Work, key};
use block::{Block, Surroundings};
use count::Coupled;

/// What every point starts from.
#[derive(Debug, Clone, PartialEq)]
pub enum Base {
    /// The settings below `train`.
    Train(Box<Settings>),
    /// The words below `command`.
    Command(Vec<String>),
}

/// What one block is built from.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    /// Its axes.
    pub axes: Vec<Axis>,
    /// Its conditional parameters, each after those that it mentions.
    pub whens: Vec<When>,
    /// What it leaves out.
    pub excludes: Vec<Exclude>,
}

/// All points of a sweep.
#[derive(Debug, Clone)]
pub struct Space {
    paths: Vec<String>,
    base: Base,
    blocks: Vec<Block>,
    /// First number of each block, and the end.
    offsets: Vec<u64>,
    kept: OnceLock<u64>,
    repeats: OnceLock<Option<HashSet<u64>>>,
    /// Of each block, the rows that repeat an earlier row of it.
    repeated_rows: Vec<OnceLock<HashSet<u64>>>,
}

/// A condition that can't be evaluated at some point.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct Fault {
    /// The block.
    pub block: usize,
    /// Which of its conditions; nothing if it can't be evaluated anywhere.
    pub rule: Option<Rule>,
    /// Paths and values of such a point, of those that the condition depends on.
    pub point: Vec<(String, Value)>,
    /// What is wrong.
    pub error: NoCondition,
}

impl Space {
    /// Builds a space over these paths. Conditions are evaluated later, piece by piece:
    /// [`Space::fault`] says whether they can be.
    ///
    /// # Errors
    /// If a condition depends on too much to be evaluated at all.
    pub fn new(paths: Vec<String>, base: Base, plots: Vec<Plot>) -> Result<Self, Fault> {
        let mut space = Self {
            paths,
            base,
            blocks: Vec::new(),
            offsets: vec![0],
            kept: OnceLock::new(),
            repeats: OnceLock::new(),
            repeated_rows: Vec::new(),
        };
        for (place, plot) in plots.into_iter().enumerate() {
            let block = space
                .around(|around| Block::new(plot.axes, plot.whens, plot.excludes, around))
                .map_err(|error| Fault { block: place, rule: None, point: Vec::new(), error })?;
            let end = space.points().saturating_add(block.size());
            space.blocks.push(block);
            space.offsets.push(end);
            space.repeated_rows.push(OnceLock::new());
        }
        Ok(space)
    }

    /// The first condition that can't be evaluated at some point: a mistake, whatever the size
    /// of the space. Looks at all combinations if `all`, else at those asked for so far.
    #[must_use]
    pub fn fault(&self, all: bool) -> Option<Fault> {
        let mut blocks = self.blocks.iter().enumerate();
        blocks.find_map(|(number, block)| block.fault(number, &self.paths, all))
    }

    /// The parameters, in the spec's order.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether the values of a parameter (its place among the paths) are spaced logarithmically.
    #[must_use]
    pub fn is_logarithmic(&self, place: usize) -> bool {
        let axes = self.blocks.iter().flat_map(Block::axes);
        axes.into_iter().any(|axis| {
            matches!(axis, Axis::One { param, domain: Domain::Log { .. } } if *param == place)
        })
    }

    /// What every point starts from.
    #[must_use]
    pub const fn base(&self) -> &Base {
        &self.base
    }

    /// How many numbers points have, those left out included; capped at `u64::MAX`.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// How many points there are: the trials. Counted once, block by block over the axes that
    /// conditions speak of.
    #[must_use]
    pub fn trials(&self) -> u64 {
        self.trials_up_to(u64::MAX)
    }

    /// How many points there are; if that is more than `limit`, some number above it, which
    /// is found without going on to the end.
    #[must_use]
    pub fn trials_up_to(&self, limit: u64) -> u64 {
        if let Some(known) = self.kept.get() {
            return *known;
        }
        let found = self.count(limit);
        if found <= limit { *self.kept.get_or_init(|| found) } else { found }
    }

    fn count(&self, limit: u64) -> u64 {
        let mut total = 0_u64;
        for (block, b) in self.blocks.iter().enumerate() {
            let rest = limit.saturating_sub(total);
            total = total.saturating_add(match block {
                0 => b.count(rest),
                _ => self.count_new(block, rest),
            });
            if total > limit {
                break;
            }
        }
        total
    }

    /// Whether every number is a point.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.blocks.len() <= 1 && self.blocks.iter().all(Block::is_plain)
    }

    /// The numbers of all points from `start` to before `end`, in order.
    pub fn walk(&self, start: u64, end: u64) -> impl Iterator<Item = u64> + '_ {
        self.blocks.iter().enumerate().flat_map(move |(block, b)| {
            let offset = self.offsets[block];
            let first = start.max(offset).min(self.offsets[block + 1]) - offset;
            let last = end.max(offset).min(self.offsets[block + 1]) - offset;
            b.walk(first, last)
                .filter(move |index| block == 0 || !self.is_repeat(block, *index))
                .map(move |index| offset + index)
        })
    }

    /// Whether the number is a point.
    #[must_use]
    pub fn contains(&self, point: u64) -> bool {
        let Some((block, index)) = self.place(point) else { return false };
        self.blocks[block].keeps(index) && (block == 0 || !self.is_repeat(block, index))
    }

    /// The value of each path at a point, in the order of [`Space::paths`]; nothing for one
    /// that does not exist there. Nothing at all if the number is no point.
    #[must_use]
    pub fn values(&self, point: u64) -> Option<Vec<Option<Value>>> {
        if !self.contains(point) {
            return None;
        }
        let (block, index) = self.place(point)?;
        Some(self.effective(block, index))
    }

    /// What the runs of a point do; nothing if the number is no point.
    #[must_use]
    pub fn work(&self, point: u64) -> Option<Work> {
        let (block, index) = self.place(point)?;
        self.contains(point).then(|| self.work_unchecked(block, index))
    }

    /// Whether a point itself gives this parameter a value, and not only what all points share.
    #[must_use]
    pub fn gives(&self, point: u64, path: &str) -> bool {
        let param = self.paths.iter().position(|p| p == path);
        let (Some(param), Some((block, index))) = (param, self.place(point)) else { return false };
        self.blocks[block].values(index).iter().any(|(given, _)| *given == param)
    }

    fn effective(&self, block: usize, index: u64) -> Vec<Option<Value>> {
        let resolved = self.resolved(block, index);
        match self.base {
            Base::Train(_) => {
                resolved.into_iter().map(|value| value.filter(|v| *v != Value::Null)).collect()
            }
            Base::Command(_) => resolved,
        }
    }

    /// The value of each parameter at a point of a block, `null` where a setting is; nothing where it
    /// does not exist or does nothing.
    fn resolved(&self, block: usize, index: u64) -> Vec<Option<Value>> {
        match self.work_unchecked(block, index) {
            Work::Train(settings) => self
                .paths
                .iter()
                .map(|path| {
                    let place = key::find(path)?;
                    let key = &key::KEYS[place];
                    settings.applies(key).then(|| settings.resolved(place))
                })
                .collect(),
            Work::Command(command) => {
                self.paths.iter().map(|path| command.parameters.get(path).cloned()).collect()
            }
        }
    }

    fn work_unchecked(&self, block: usize, index: u64) -> Work {
        self.work_of(&self.blocks[block], index)
    }

    fn work_of(&self, block: &Block, index: u64) -> Work {
        let values = block.values(index);
        match &self.base {
            Base::Train(base) => {
                let mut settings = base.clone();
                for (param, value) in values {
                    if let Some(place) = key::find(&self.paths[param]) {
                        settings.set(place, value);
                    }
                }
                Work::Train(settings)
            }
            Base::Command(template) => Work::Command(Command {
                template: template.clone(),
                parameters: values
                    .into_iter()
                    .map(|(param, value)| (self.paths[param].clone(), value))
                    .collect(),
            }),
        }
    }

    fn place(&self, point: u64) -> Option<(usize, u64)> {
        let block = self.offsets.partition_point(|offset| *offset <= point).checked_sub(1)?;
        (block < self.blocks.len()).then(|| (block, point - self.offsets[block]))
    }

    fn around<T>(&self, f: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        let base = |path: &str, set: &dyn Fn(usize) -> Option<Value>| match &self.base {
            Base::Train(settings) => {
                let place = key::find(path)?;
                let mut settings = (**settings).clone();
                for (param, path) in self.paths.iter().enumerate() {
                    if let (Some(place), Some(value)) = (key::find(path), set(param)) {
                        settings.set(place, value);
                    }
                }
                let applies = settings.applies(&key::KEYS[place]);
                applies.then(|| settings.resolved(place)).filter(|v| *v != Value::Null)
            }
            Base::Command(_) => None,
        };
        let trains = matches!(self.base, Base::Train(_));
        let selector = |path: &str| {
            key::find(path).filter(|_| trains).and_then(|place| Some(key::KEYS[place].only?.0))
        };
        let places = self.paths.iter().enumerate().map(|(n, path)| (path.as_str(), n)).collect();
        f(&Surroundings { paths: &self.paths, places: &places, base: &base, selector: &selector })
    }

    /// Every axis with its length, block by block: for messages about size.
    #[must_use]
    pub fn shape(&self) -> Vec<Vec<(String, u64)>> {
        self.blocks
            .iter()
            .map(|block| {
                block
                    .axes()
                    .iter()
                    .map(|axis| {
                        let names: Vec<_> =
                            axis.params().iter().map(|p| self.paths[*p].as_str()).collect();
                        (names.join(" + "), axis.len())
                    })
                    .collect()
            })
            .collect()
    }

    /// Every rule with its block, and whether it is idle: a `when` that holds nowhere, an `exclude`
    /// that matches nothing. Without the conditions of parameters that the block does not have.
    pub fn rules(&self) -> impl Iterator<Item = (usize, Rule, bool)> + '_ {
        let blocks = self.blocks.iter().enumerate();
        blocks.flat_map(|(b, block)| block.rules().map(move |(rule, idle)| (b, rule, idle)))
    }

    /// Where a point comes from: its block, and its number within it.
    #[must_use]
    pub fn origin(&self, point: u64) -> Option<(usize, u64)> {
        self.place(point)
    }

    /// Which condition of a block says where a parameter exists.
    #[must_use]
    pub fn when_of(&self, block: usize, path: &str) -> Option<usize> {
        let whens = &self.blocks.get(block)?.whens;
        whens.iter().position(|(param, _)| self.paths[*param] == path)
    }

    /// The parameter whose existence a condition of a block decides.
    #[must_use]
    pub fn conditional(&self, block: usize, when: usize) -> Option<&str> {
        let (param, _) = self.blocks.get(block)?.whens.get(when)?;
        self.paths.get(*param).map(String::as_str)
    }

    /// Numbers and work of points that together show every combination of the parameters in
    /// `coupled` (of numbers that no condition speaks of, the ends; all of [`STEPPED`] ones) and of
    /// what does not exist: what must be checked of a large grid so that all of it is. Every one
    /// is a point, or repeats one.
    pub fn samples<'a>(&'a self, coupled: &'a [&str]) -> impl Iterator<Item = (u64, Work)> + 'a {
        let has = |axis: &Axis, paths: &[&str]| {
            axis.params().iter().any(|p| paths.contains(&self.paths[*p].as_str()))
        };
        self.blocks.iter().enumerate().flat_map(move |(b, block)| {
            let axes = block.axes().iter().enumerate().filter(|(_, axis)| has(axis, coupled));
            let axes: Vec<Coupled> = axes
                .map(|(number, axis)| Coupled { axis: number, every: has(axis, STEPPED) })
                .collect();
            block
                .samples(&axes)
                .map(move |index| (self.offsets[b] + index, self.work_of(block, index)))
        })
    }
}

#[cfg(test)]
mod tests;
