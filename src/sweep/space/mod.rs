//! The space of a sweep: from an index to a point, without holding the points.
//!
//! A space is a union of blocks; a block is a product of axes, less what its conditions leave
//! out. Points are numbered block after block, the last axis fastest; numbers of points that
//! are left out or that an earlier block has are simply skipped.
mod block;
pub mod condition;
pub mod domain;

use std::sync::OnceLock;

pub use block::{Axis, Exclude, When};
pub use condition::{Condition, NoCondition};
pub use domain::{Domain, DomainError};

use crate::recipe::{Command, Settings, Value, Work, key};
use block::{Block, Surroundings};

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
}

impl Space {
    /// Builds a space over these paths.
    ///
    /// # Errors
    /// If a condition can't be evaluated.
    pub fn new(paths: Vec<String>, base: Base, plots: Vec<Plot>) -> Result<Self, NoCondition> {
        let mut space =
            Self { paths, base, blocks: Vec::new(), offsets: vec![0], kept: OnceLock::new() };
        for plot in plots {
            let block =
                space.around(|around| Block::new(plot.axes, plot.whens, plot.excludes, around))?;
            let end = space.points().saturating_add(block.size());
            space.blocks.push(block);
            space.offsets.push(end);
        }
        Ok(space)
    }

    /// The parameters, in the spec's order.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
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

    /// How many points there are: the trials. Walks the space once if it has conditions.
    #[must_use]
    pub fn trials(&self) -> u64 {
        *self.kept.get_or_init(|| self.count(0, self.points()))
    }

    /// Points among the numbers from `start` to before `end`.
    #[must_use]
    pub fn count(&self, start: u64, end: u64) -> u64 {
        if self.is_plain() {
            return end.saturating_sub(start);
        }
        self.walk(start, end).count() as u64
    }

    /// Whether every number is a point.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.blocks.len() <= 1 && self.blocks.iter().all(Block::is_plain)
    }

    /// The numbers of all points from `start` to before `end`, in order.
    pub fn walk(&self, start: u64, end: u64) -> impl Iterator<Item = u64> + '_ {
        let plain = self.is_plain();
        (start..end.min(self.points())).filter(move |point| plain || self.contains(*point))
    }

    /// Whether the number is a point.
    #[must_use]
    pub fn contains(&self, point: u64) -> bool {
        let Some((block, index)) = self.place(point) else { return false };
        if !self.around(|around| self.blocks[block].keeps(index, around)) {
            return false;
        }
        if block == 0 {
            return true;
        }
        let work = self.work_unchecked(block, index).canonical();
        !self.blocks[..block].iter().any(|earlier| self.block_has(earlier, block, index, &work))
            && !self.earlier_row(block, index, &work)
    }

    fn block_has(&self, earlier: &Block, block: usize, index: u64, work: &str) -> bool {
        let mine = self.effective(block, index);
        let found =
            self.around(|around| earlier.find(&|param| mine.get(param).cloned().flatten(), around));
        found.is_some_and(|at| self.work_of(earlier, at).canonical() == work)
    }

    /// Rows of one block (points included by hand) may repeat each other too.
    fn earlier_row(&self, block: usize, index: u64, work: &str) -> bool {
        match self.blocks[block].axes() {
            [Axis::Rows { .. }] => {
                (0..index).any(|other| self.work_unchecked(block, other).canonical() == work)
            }
            _ => false,
        }
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

    fn effective(&self, block: usize, index: u64) -> Vec<Option<Value>> {
        match self.work_unchecked(block, index) {
            Work::Train(settings) => self
                .paths
                .iter()
                .map(|path| {
                    let place = key::find(path)?;
                    let key = &key::KEYS[place];
                    settings
                        .applies(key)
                        .then(|| settings.resolved(place))
                        .filter(|v| *v != Value::Null)
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
        let values = self.around(|around| block.values(index, around));
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
        f(&Surroundings { paths: &self.paths, base: &base })
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

    /// Excluding rules that match no point of a block, as (block, rule).
    #[must_use]
    pub fn idle_excludes(&self) -> Vec<(usize, usize)> {
        self.blocks
            .iter()
            .enumerate()
            .flat_map(|(b, block)| block.idle_excludes().into_iter().map(move |rule| (b, rule)))
            .collect()
    }

    /// Numbers of points that together show every value of every axis, and every combination
    /// of the axes with one of the `coupled` paths: what must be checked of a grid so that
    /// all of it is.
    #[must_use]
    pub fn witnesses(&self, coupled: &[&str]) -> Vec<u64> {
        let mut found = Vec::new();
        for (b, block) in self.blocks.iter().enumerate() {
            let is_coupled = |axis: &Axis| {
                axis.params().iter().any(|p| coupled.contains(&self.paths[*p].as_str()))
            };
            let axes = block.axes();
            let mut rows: Vec<Vec<u64>> = vec![vec![0; axes.len()]];
            for (a, axis) in axes.iter().enumerate().filter(|(_, axis)| is_coupled(axis)) {
                rows = rows
                    .into_iter()
                    .flat_map(|row| {
                        (0..axis.len()).map(move |digit| {
                            let mut row = row.clone();
                            row[a] = digit;
                            row
                        })
                    })
                    .collect();
            }
            for (a, axis) in axes.iter().enumerate().filter(|(_, axis)| !is_coupled(axis)) {
                for digit in 1..axis.len() {
                    let mut row = vec![0; axes.len()];
                    row[a] = digit;
                    rows.push(row);
                }
            }
            let number = |row: &Vec<u64>| {
                self.offsets[b]
                    + row
                        .iter()
                        .zip(axes)
                        .fold(0, |index, (digit, axis)| index * axis.len() + digit)
            };
            found.extend(rows.iter().map(number));
        }
        found
    }
}

#[cfg(test)]
mod tests;
