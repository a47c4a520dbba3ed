//! One product of axes with its conditions: from an index to values by mixed radix.
use super::condition::Condition;
use super::domain::{Domain, same};
use crate::recipe::Value;

/// One axis of a product: a parameter, or several that vary together.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// One parameter over its domain.
    One {
        /// Its place among the space's paths.
        param: usize,
        /// Its values.
        domain: Domain,
    },
    /// Parameters that vary together; a row may leave one out.
    Rows {
        /// Their places among the space's paths.
        params: Vec<usize>,
        /// Their values, row by row.
        rows: Vec<Vec<Option<Value>>>,
    },
}

impl Axis {
    /// How many values.
    #[must_use]
    pub const fn len(&self) -> u64 {
        match self {
            Self::One { domain, .. } => domain.len(),
            Self::Rows { rows, .. } => rows.len() as u64,
        }
    }

    /// Whether it has no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parameters on it.
    #[must_use]
    pub fn params(&self) -> &[usize] {
        match self {
            Self::One { param, .. } => std::slice::from_ref(param),
            Self::Rows { params, .. } => params,
        }
    }

    /// The value of a parameter on it at a digit.
    #[must_use]
    pub fn value(&self, param: usize, digit: u64) -> Option<Value> {
        match self {
            Self::One { domain, .. } => Some(domain.at(digit)),
            Self::Rows { params, rows } => {
                let column = params.iter().position(|p| *p == param)?;
                rows.get(usize::try_from(digit).ok()?)?[column].clone()
            }
        }
    }

    /// The digit at which its parameters have the values that `value` gives.
    fn find(&self, value: &impl Fn(usize) -> Option<Value>) -> Option<u64> {
        match self {
            Self::One { param, domain } => domain.find(&value(*param)?),
            Self::Rows { params, rows } => rows
                .iter()
                .position(|row| {
                    params.iter().zip(row).all(|(param, cell)| match (cell, value(*param)) {
                        (Some(a), Some(b)) => same(a, &b),
                        (None, _) => true,
                        (Some(_), None) => false,
                    })
                })
                .map(|row| row as u64),
        }
    }
}

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
    /// All whose parameters have one of these values each.
    Values(Vec<(usize, Vec<Value>)>),
    /// All for which this holds.
    Condition(Condition),
}

/// A product of axes, with its conditions.
#[derive(Debug, Clone)]
pub struct Block {
    axes: Vec<Axis>,
    whens: Vec<(When, Table)>,
    excludes: Vec<Table>,
    size: u64,
}

/// Outcomes of a condition over the axes that it depends on.
#[derive(Debug, Clone)]
struct Table {
    axes: Vec<usize>,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Outcome {
    /// One bit a combination of the axes' digits.
    Known(Vec<bool>),
    /// Too many combinations: evaluated each time.
    Asked(Condition),
}

/// The most combinations whose outcomes are kept.
const MAX_TABLE: u64 = 1 << 18;

/// The value of a path that no axis sets, given those of the parameters that axes set.
type BaseValue<'a> = dyn Fn(&str, &dyn Fn(usize) -> Option<Value>) -> Option<Value> + 'a;

/// What a block needs to know of the space around it.
pub(super) struct Surroundings<'a> {
    pub paths: &'a [String],
    /// The value of a path that no axis of the block sets.
    pub base: &'a BaseValue<'a>,
}

impl Block {
    /// Builds a block; `whens` must stand in an order in which each mentions only parameters
    /// whose own conditions stand before it.
    ///
    /// # Errors
    /// If a condition can't be evaluated.
    pub(super) fn new(
        axes: Vec<Axis>,
        whens: Vec<When>,
        excludes: Vec<Exclude>,
        around: &Surroundings<'_>,
    ) -> Result<Self, super::condition::NoCondition> {
        let size = axes.iter().try_fold(1_u64, |n, a| n.checked_mul(a.len())).unwrap_or(u64::MAX);
        let mut block = Self { axes, whens: Vec::new(), excludes: Vec::new(), size };
        for when in whens {
            let table = block.table(&when.condition, around)?;
            block.whens.push((when, table));
        }
        for exclude in excludes {
            let table = match exclude {
                Exclude::Condition(condition) => block.table(&condition, around)?,
                Exclude::Values(values) => block.value_table(&values),
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
    pub(super) fn digits(&self, mut index: u64) -> Vec<u64> {
        let mut digits = vec![0; self.axes.len()];
        for (digit, axis) in digits.iter_mut().zip(&self.axes).rev() {
            *digit = index % axis.len();
            index /= axis.len();
        }
        digits
    }

    fn index(&self, digits: &[u64]) -> u64 {
        digits.iter().zip(&self.axes).fold(0, |index, (digit, axis)| index * axis.len() + digit)
    }

    /// Which parameters of the block exist at these digits: by axis place, absent or not.
    fn absent(&self, digits: &[u64], around: &Surroundings<'_>) -> Vec<usize> {
        let mut absent = Vec::new();
        for (when, table) in &self.whens {
            if !self.look_up(table, digits, &absent, around) {
                absent.push(when.param);
            }
        }
        absent
    }

    /// Whether the index is a point of the space: not excluded, and of points that differ
    /// only in parameters that do not exist there, the first.
    pub(super) fn keeps(&self, index: u64, around: &Surroundings<'_>) -> bool {
        if self.is_plain() {
            return true;
        }
        let digits = self.digits(index);
        let absent = self.absent(&digits, around);
        let first =
            self.axes.iter().zip(&digits).all(|(axis, digit)| {
                *digit == 0 || !axis.params().iter().all(|p| absent.contains(p))
            });
        first && !self.excludes.iter().any(|t| self.look_up(t, &digits, &absent, around))
    }

    /// The value of each parameter of the block at an index; those that do not exist there
    /// are left out.
    pub(super) fn values(&self, index: u64, around: &Surroundings<'_>) -> Vec<(usize, Value)> {
        let digits = self.digits(index);
        let absent = self.absent(&digits, around);
        let mut values = Vec::with_capacity(digits.len());
        for (axis, digit) in self.axes.iter().zip(&digits) {
            for param in axis.params() {
                if !absent.contains(param)
                    && let Some(value) = axis.value(*param, *digit)
                {
                    values.push((*param, value));
                }
            }
        }
        values
    }

    /// The index of the point at which parameters have the values that `value` gives, if the
    /// block has one; whether it really is that point is for the caller to see.
    pub(super) fn find(
        &self,
        value: &impl Fn(usize) -> Option<Value>,
        around: &Surroundings<'_>,
    ) -> Option<u64> {
        let mut digits: Vec<u64> = Vec::with_capacity(self.axes.len());
        let mut unknown = Vec::new();
        for (place, axis) in self.axes.iter().enumerate() {
            digits.push(axis.find(value).unwrap_or_else(|| {
                unknown.push(place);
                0
            }));
        }
        let absent = self.absent(&digits, around);
        for (place, axis) in self.axes.iter().enumerate() {
            let gone = axis.params().iter().all(|p| absent.contains(p));
            if gone {
                digits[place] = 0;
            } else if unknown.contains(&place) {
                return None;
            }
        }
        let index = self.index(&digits);
        self.keeps(index, around).then_some(index)
    }

    fn axis_of(&self, param: usize) -> Option<usize> {
        self.axes.iter().position(|a| a.params().contains(&param))
    }

    /// The axes that a condition depends on, through the conditions of what it mentions too.
    fn dependencies(&self, condition: &Condition, around: &Surroundings<'_>) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut open: Vec<&Condition> = vec![condition];
        while let Some(condition) = open.pop() {
            for (param, path) in around.paths.iter().enumerate() {
                if !mentions(condition, path) {
                    continue;
                }
                let Some(axis) = self.axis_of(param) else { continue };
                if !found.contains(&axis) {
                    found.push(axis);
                }
                open.extend(
                    self.whens.iter().filter(|(w, _)| w.param == param).map(|(w, _)| &w.condition),
                );
            }
        }
        found.sort_unstable();
        found
    }

    fn table(
        &self,
        condition: &Condition,
        around: &Surroundings<'_>,
    ) -> Result<Table, super::condition::NoCondition> {
        let axes = self.dependencies(condition, around);
        let combinations = axes.iter().try_fold(1_u64, |n, a| n.checked_mul(self.axes[*a].len()));
        let Some(rows) = combinations.filter(|n| *n <= MAX_TABLE) else {
            return Ok(Table { axes, outcome: Outcome::Asked(condition.clone()) });
        };
        let known = condition.evaluate(rows, |row, path| {
            let digits = self.spread(&axes, row);
            let absent = self.absent(&digits, around);
            self.lookup(path, &digits, &absent, around)
        })?;
        Ok(Table { axes, outcome: Outcome::Known(known) })
    }

    fn value_table(&self, values: &[(usize, Vec<Value>)]) -> Table {
        let mut axes: Vec<usize> = values.iter().filter_map(|(p, _)| self.axis_of(*p)).collect();
        axes.sort_unstable();
        axes.dedup();
        let rows: u64 = axes.iter().map(|a| self.axes[*a].len()).product();
        let known = (0..rows)
            .map(|row| {
                let digits = self.spread(&axes, row);
                values.iter().all(|(param, allowed)| {
                    self.axis_of(*param)
                        .and_then(|a| self.axes[a].value(*param, digits[a]))
                        .is_some_and(|v| allowed.iter().any(|x| same(x, &v)))
                })
            })
            .collect();
        Table { axes, outcome: Outcome::Known(known) }
    }

    /// Digits of the whole block with those of a sub-product's row in place, others 0.
    fn spread(&self, axes: &[usize], mut row: u64) -> Vec<u64> {
        let mut digits = vec![0; self.axes.len()];
        for axis in axes.iter().rev() {
            let len = self.axes[*axis].len();
            digits[*axis] = row % len;
            row /= len;
        }
        digits
    }

    fn look_up(
        &self,
        table: &Table,
        digits: &[u64],
        absent: &[usize],
        around: &Surroundings<'_>,
    ) -> bool {
        match &table.outcome {
            Outcome::Known(known) => {
                let row =
                    table.axes.iter().fold(0_u64, |row, a| row * self.axes[*a].len() + digits[*a]);
                usize::try_from(row).ok().and_then(|r| known.get(r)).copied().unwrap_or(false)
            }
            Outcome::Asked(condition) => {
                condition.holds(|path| self.lookup(path, digits, absent, around)).unwrap_or(false)
            }
        }
    }

    fn lookup(
        &self,
        path: &str,
        digits: &[u64],
        absent: &[usize],
        around: &Surroundings<'_>,
    ) -> Option<Value> {
        let set = |param: usize| {
            if absent.contains(&param) {
                return None;
            }
            let axis = self.axis_of(param)?;
            self.axes[axis].value(param, digits[axis])
        };
        match around.paths.iter().position(|p| p == path) {
            Some(param) if self.axis_of(param).is_some() => set(param),
            _ => (around.base)(path, &set),
        }
    }

    /// Whether any excluded point exists, by rule: for warnings about rules that match nothing.
    pub(super) fn idle_excludes(&self) -> Vec<usize> {
        self.excludes
            .iter()
            .enumerate()
            .filter(|(_, table)| match &table.outcome {
                Outcome::Known(known) => !known.contains(&true),
                Outcome::Asked(_) => false,
            })
            .map(|(rule, _)| rule)
            .collect()
    }
}

fn mentions(condition: &Condition, path: &str) -> bool {
    condition.paths().iter().any(|p| p == path)
}
