//! One product of axes with its conditions: from an index to values by mixed radix.
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::Fault;
use super::axis::Axis;
use super::condition::{Condition, NoCondition, cell};
use super::rows::Repeats;
use super::table::{Allowed, Place, Source, Table, spread, step};
use crate::recipe::Value;

/// A parameter that exists only where a condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// The parameter.
    pub param: usize,
    /// Its condition.
    pub condition: Condition,
}

/// Points that are left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Exclude {
    /// All whose parameters exist and have one of these values each.
    Values(Vec<(usize, Vec<Value>)>),
    /// All for which this holds.
    Condition(Condition),
}

/// A condition of a block, by its place among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// One that says where a parameter exists.
    When(usize),
    /// One that leaves points out.
    Exclude(usize),
}

/// A product of axes, with its conditions.
#[derive(Debug, Clone)]
pub struct Block {
    pub(super) axes: Vec<Axis>,
    pub(super) whens: Vec<(usize, Table)>,
    pub(super) excludes: Vec<Table>,
    conditions: HashMap<usize, Vec<Condition>>,
    /// The axis of each parameter.
    axis_of: HashMap<usize, usize>,
    /// Of each axis.
    repeats: Vec<Repeats>,
    all: Vec<usize>,
    size: u64,
}

/// Axes up to this length have their values prepared for conditions.
const PREPARED: u64 = 1 << 12;

/// The value of a path that no axis sets, given those of the parameters that axes set.
type BaseValue<'a> = dyn Fn(&str, &dyn Fn(usize) -> Option<Value>) -> Option<Value> + 'a;

/// What a block needs to know of the space around it.
pub(super) struct Surroundings<'a> {
    pub paths: &'a [String],
    /// The place of each path.
    pub places: &'a HashMap<&'a str, usize>,
    /// The value of a path that no axis of the block sets.
    pub base: &'a BaseValue<'a>,
    /// The path whose choice decides the value of a path that no axis sets.
    pub selector: &'a dyn Fn(&str) -> Option<&'static str>,
}

impl Block {
    /// Builds a block; `whens` must stand in an order in which each mentions only parameters
    /// whose own conditions stand before it.
    ///
    /// # Errors
    /// If a condition depends on too much.
    pub(super) fn new(
        axes: Vec<Axis>,
        whens: Vec<When>,
        excludes: Vec<Exclude>,
        around: &Surroundings<'_>,
    ) -> Result<Self, NoCondition> {
        let size = axes.iter().try_fold(1_u64, |n, a| n.checked_mul(a.len())).unwrap_or(u64::MAX);
        let all = (0..axes.len()).collect();
        let repeats = vec![Repeats::default(); axes.len()];
        let mut conditions: HashMap<usize, Vec<Condition>> = HashMap::new();
        for when in &whens {
            conditions.entry(when.param).or_default().push(when.condition.clone());
        }
        let of_params =
            |(n, axis): (usize, &Axis)| axis.params().iter().map(|p| (*p, n)).collect::<Vec<_>>();
        let axis_of = axes.iter().enumerate().flat_map(of_params).collect();
        let (kept, left_out) = (Vec::with_capacity(whens.len()), Vec::new());
        let mut block =
            Self { axes, whens: kept, excludes: left_out, conditions, axis_of, repeats, all, size };
        for When { param, condition } in whens {
            let table = block.table(condition, around)?;
            block.whens.push((param, table));
        }
        for exclude in excludes {
            let table = match exclude {
                Exclude::Condition(condition) => block.table(condition, around)?,
                Exclude::Values(values) => block.value_table(&values, around),
            };
            block.excludes.push(table);
        }
        Ok(block)
    }

    /// Points before conditions, capped at `u64::MAX`.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Whether every index is a point.
    pub(super) fn is_plain(&self) -> bool {
        self.whens.is_empty() && self.excludes.is_empty()
    }

    /// The digits of an index, the last axis fastest.
    pub(super) fn place(&self, index: u64) -> Place {
        let mut at = spread(&self.all, &self.axes, index);
        self.absent(&mut at);
        at
    }

    pub(super) fn index(&self, digits: &[u64]) -> u64 {
        digits.iter().zip(&self.axes).fold(0, |index, (digit, axis)| index * axis.len() + digit)
    }

    /// Works out which parameters do not exist at the place's digits.
    fn absent(&self, at: &mut Place) {
        self.absent_before(self.whens.len(), at);
    }

    /// The same by the first so many conditions only.
    fn absent_before(&self, whens: usize, at: &mut Place) {
        self.absent_by(0..whens, at);
    }

    /// The same by these conditions only.
    fn absent_by(&self, whens: impl Iterator<Item = usize>, at: &mut Place) {
        at.absent.clear();
        for n in whens {
            let (param, table) = &self.whens[n];
            if !self.says(table, at) {
                at.absent.push(*param);
            }
        }
    }

    /// Whether a rule holds at a place.
    pub(super) fn holds(&self, rule: Rule, at: &Place) -> bool {
        match rule {
            Rule::When(n) => self.says(&self.whens[n].1, at),
            Rule::Exclude(n) => self.says(&self.excludes[n], at),
        }
    }

    fn says(&self, table: &Table, at: &Place) -> bool {
        let absent = |at: &mut Place| self.absent_by(table.needs.iter().copied(), at);
        table.holds(at, &self.axes, &absent)
    }

    /// Whether no parameter of the axis exists at a place.
    pub(super) fn is_gone(&self, axis: usize, at: &Place) -> bool {
        !at.absent.is_empty() && self.axes[axis].params().iter().all(|p| at.absent.contains(p))
    }

    /// Whether an axis' digit is, of those that differ only in parameters that do not exist at
    /// the place, the first.
    pub(super) fn is_first(&self, axis: usize, at: &Place) -> bool {
        let digit = at.digits[axis];
        digit == 0
            || at.absent.is_empty()
            || !self.is_gone(axis, at)
                && !self.repeats[axis].at(&self.axes[axis], &at.absent).contains(&digit)
    }

    /// How many digits of an axis are the first of their kind at a place.
    pub(super) fn firsts(&self, axis: usize, at: &Place) -> u64 {
        if self.is_gone(axis, at) {
            return 1;
        }
        self.axes[axis].len() - self.repeats[axis].at(&self.axes[axis], &at.absent).len() as u64
    }

    /// Whether the place is a point: not excluded, and of places that differ only in
    /// parameters that do not exist there, the first.
    fn keeps_place(&self, at: &Place) -> bool {
        self.all.iter().all(|axis| self.is_first(*axis, at))
            && !(0..self.excludes.len()).any(|n| self.holds(Rule::Exclude(n), at))
    }

    /// Whether the index is a point of the space.
    pub(super) fn keeps(&self, index: u64) -> bool {
        self.is_plain() || self.keeps_place(&self.place(index))
    }

    /// The indices of the points from `start` to before `end`, in order.
    pub(super) fn walk(&self, start: u64, end: u64) -> impl Iterator<Item = u64> + '_ {
        let plain = self.is_plain();
        let mut at = spread(&self.all, &self.axes, start);
        (start..end).filter(move |_| {
            if plain {
                return true;
            }
            self.absent(&mut at);
            let kept = self.keeps_place(&at);
            step(&mut at.digits, &self.all, &self.axes);
            kept
        })
    }

    /// The value of each parameter of the block at an index; those that do not exist there
    /// are left out.
    pub(super) fn values(&self, index: u64) -> Vec<(usize, Value)> {
        self.values_at(&self.place(index), &self.all)
    }

    fn values_at(&self, at: &Place, axes: &[usize]) -> Vec<(usize, Value)> {
        let mut values = Vec::with_capacity(axes.len());
        for axis in axes {
            for param in self.axes[*axis].params() {
                if !at.absent.contains(param)
                    && let Some(value) = self.axes[*axis].value(*param, at.digits[*axis])
                {
                    values.push((*param, value));
                }
            }
        }
        values
    }

    /// The index of the point at which parameters have the values that `value` gives, if the
    /// block has one; whether it really is that point is for the caller to see.
    pub(super) fn find(&self, value: &impl Fn(usize) -> Option<Value>) -> Option<u64> {
        let conditional = |param: usize| self.whens.iter().any(|(p, _)| *p == param);
        let candidates: Vec<Vec<u64>> =
            self.axes.iter().map(|axis| axis.candidates(value, &conditional)).collect();
        let all = candidates.iter().fold(1_u64, |n, digits| n.saturating_mul(digits.len() as u64));
        (0..all).find_map(|mut row| {
            let mut digit = |digits: &Vec<u64>| {
                let len = digits.len() as u64;
                let place = usize::try_from(row % len).unwrap_or(0);
                row /= len;
                digits[place]
            };
            let digits = candidates.iter().map(&mut digit).collect();
            self.find_at(Place { digits, absent: Vec::new() }, value)
        })
    }

    /// The index of the point at these digits, if it has the values that `value` gives.
    fn find_at(&self, mut at: Place, value: &impl Fn(usize) -> Option<Value>) -> Option<u64> {
        self.absent(&mut at);
        for (number, axis) in self.axes.iter().enumerate() {
            if self.is_gone(number, &at) {
                at.digits[number] = 0;
            } else if !axis.agrees(at.digits[number], value, &at.absent) {
                return None;
            }
        }
        let index = self.index(&at.digits);
        self.keeps(index).then_some(index)
    }

    pub(super) fn axis_of(&self, param: usize) -> Option<usize> {
        self.axis_of.get(&param).copied()
    }

    /// The parameter that decides the value of a path: its own, or its selector's.
    fn deciding(&self, path: &str, around: &Surroundings<'_>) -> Option<(usize, usize)> {
        let on_axis = |path: &str| {
            let param = *around.places.get(path)?;
            Some((self.axis_of(param)?, param))
        };
        on_axis(path).or_else(|| on_axis((around.selector)(path)?))
    }

    /// The axes that paths depend on, through the conditions of what decides them too.
    fn dependencies(&self, paths: &[String], around: &Surroundings<'_>) -> Vec<usize> {
        let mut params: HashSet<usize> = HashSet::new();
        let mut open: Vec<&str> = paths.iter().map(String::as_str).collect();
        while let Some(path) = open.pop() {
            let Some((_, param)) = self.deciding(path, around) else { continue };
            if params.insert(param) {
                let own = self.conditions.get(&param).into_iter().flatten();
                open.extend(own.flat_map(Condition::paths).map(String::as_str));
            }
        }
        let mut axes: Vec<usize> = params.iter().filter_map(|p| self.axis_of(*p)).collect();
        axes.sort_unstable();
        axes.dedup();
        axes
    }

    fn table(&self, condition: Condition, around: &Surroundings<'_>) -> Result<Table, NoCondition> {
        let axes = self.dependencies(condition.paths(), around);
        let sources: Vec<Source> =
            condition.paths().iter().map(|path| self.source(path, around)).collect();
        let params: HashSet<usize> =
            sources.iter().filter_map(|source| Some(source.place?.1)).collect();
        let whens = self.whens.iter().enumerate();
        let needs = whens.filter(|(_, (param, _))| params.contains(param)).map(|(n, _)| n);
        Table::says(condition, sources, needs.collect(), axes, &self.axes)
    }

    fn source(&self, path: &str, around: &Surroundings<'_>) -> Source {
        let place = self.deciding(path, around);
        let own = place.is_some_and(|(_, param)| around.paths[param] == path);
        let base = |set: &dyn Fn(usize) -> Option<Value>| {
            if own { None } else { (around.base)(path, set).as_ref().map(cell) }
        };
        let cells = place.filter(|(axis, _)| !own || self.axes[*axis].len() <= PREPARED);
        Source {
            place,
            cells: cells.map(|(axis, param)| {
                let value = |digit| self.axes[axis].value(param, digit);
                (0..self.axes[axis].len())
                    .map(|digit| match own {
                        true => value(digit).as_ref().map(cell),
                        false => base(&|p| if p == param { value(digit) } else { None }),
                    })
                    .collect()
            }),
            otherwise: base(&|_| None),
        }
    }

    fn value_table(&self, values: &[(usize, Vec<Value>)], around: &Surroundings<'_>) -> Table {
        let paths: Vec<String> =
            values.iter().filter_map(|(p, _)| around.paths.get(*p).cloned()).collect();
        let axes = self.dependencies(&paths, around);
        let allowed = values
            .iter()
            .filter_map(|(param, allowed)| {
                let axis = self.axis_of(*param)?;
                let digits = self.axes[axis].digits_of(*param, allowed);
                Some(Allowed { axis, digits, param: *param })
            })
            .collect();
        Table::values(allowed, axes, &self.axes)
    }

    /// The first condition that can't be evaluated somewhere, as a fault of the block with this
    /// number; looks at all combinations if `all`, else at those that were asked for so far.
    pub(super) fn fault(&self, block: usize, paths: &[String], all: bool) -> Option<Fault> {
        let whens = self.whens.iter().enumerate().map(|(n, (_, t))| (Rule::When(n), n, t));
        let end = self.whens.len();
        let rules = self.excludes.iter().enumerate().map(|(n, t)| (Rule::Exclude(n), end, t));
        whens.chain(rules).find_map(|(rule, before, table)| {
            let absent = |at: &mut Place| self.absent_by(table.needs.iter().copied(), at);
            let (mut at, error) = (0..table.pieces())
                .into_par_iter()
                .find_map_first(|piece| table.fault(piece, &self.axes, all, &absent))?;
            self.absent_before(before, &mut at);
            let values = self.values_at(&at, &table.axes).into_iter();
            let point = values.map(|(param, value)| (paths[param].clone(), value)).collect();
            Some(Fault { block, rule: Some(rule), point, error })
        })
    }

    /// The rules that can match something, and whether they match nothing: all but conditions of
    /// parameters that the block does not have.
    pub(super) fn rules(&self) -> impl Iterator<Item = (Rule, bool)> + '_ {
        let whens = self.whens.iter().enumerate();
        let whens = whens.filter(|(_, (param, _))| self.axis_of(*param).is_some());
        let excludes = self.excludes.iter().enumerate();
        whens
            .map(|(n, (_, table))| (Rule::When(n), table.is_idle()))
            .chain(excludes.map(|(n, table)| (Rule::Exclude(n), table.is_idle())))
    }
}
