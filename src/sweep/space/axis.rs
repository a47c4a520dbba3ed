//! One axis of a product: a parameter, or several that vary together.
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

    /// The digits one of which a point with the values that `value` gives has, if any: such a
    /// point may lack `conditional` parameters, so a row may have any value of theirs. Of rows that
    /// agree in as much the first.
    pub(super) fn candidates(
        &self,
        value: &impl Fn(usize) -> Option<Value>,
        conditional: &impl Fn(usize) -> bool,
    ) -> Vec<u64> {
        let (params, rows) = match self {
            Self::One { param, domain } => {
                let found = value(*param).and_then(|value| domain.find(&value));
                return found.or_else(|| conditional(*param).then_some(0)).into_iter().collect();
            }
            Self::Rows { params, rows } => (params, rows),
        };
        let wanted: Vec<_> = params.iter().map(|param| value(*param)).collect();
        let conditional: Vec<bool> = params.iter().map(|param| conditional(*param)).collect();
        let mut found: Vec<(u64, Vec<usize>)> = Vec::new();
        for (row, cells) in rows.iter().enumerate() {
            let differs =
                |column: &usize| cells[*column].is_some() && cells[*column] != wanted[*column];
            // Nearly all rows end here.
            if (0..params.len()).any(|column| !conditional[column] && differs(&column)) {
                continue;
            }
            let differs: Vec<usize> = (0..params.len()).filter(differs).collect();
            let within = |first: &Vec<usize>| first.iter().all(|column| differs.contains(column));
            if !found.iter().any(|(_, first)| within(first)) {
                let is_all = differs.is_empty();
                found.push((row as u64, differs));
                if is_all {
                    break;
                }
            }
        }
        found.into_iter().map(|(row, _)| row).collect()
    }

    /// Whether its parameters but the absent ones have the values that `value` gives.
    pub(super) fn agrees(
        &self,
        digit: u64,
        value: &impl Fn(usize) -> Option<Value>,
        absent: &[usize],
    ) -> bool {
        self.params().iter().filter(|param| !absent.contains(param)).all(|param| {
            self.value(*param, digit).is_none_or(|own| value(*param).is_some_and(|v| v == own))
        })
    }

    /// All digits at which a parameter has one of these values, in order.
    pub(super) fn digits_of(&self, param: usize, allowed: &[Value]) -> Vec<u64> {
        let mut digits: Vec<u64> = match self {
            Self::One { domain, .. } if !matches!(domain, Domain::List(_)) => {
                allowed.iter().filter_map(|v| domain.find(v)).collect()
            }
            _ => allowed.iter().flat_map(|value| self.digits_with(param, value)).collect(),
        };
        digits.sort_unstable();
        digits.dedup();
        digits
    }

    /// The digits of exactly this value; if there is none, of those that are the same to a person.
    fn digits_with(&self, param: usize, value: &Value) -> Vec<u64> {
        let digits = |is: &dyn Fn(&Value) -> bool| -> Vec<u64> {
            let has = |digit: &u64| self.value(param, *digit).is_some_and(|v| is(&v));
            (0..self.len()).filter(has).collect()
        };
        let exact = value.canonical();
        let found = digits(&|v| *v == exact);
        if found.is_empty() { digits(&|v| same(v, value)) } else { found }
    }

    /// Digits that stand for all: the smallest and the largest of numbers, else every one.
    pub(super) fn corners(&self) -> Vec<u64> {
        match self {
            Self::One { domain: Domain::List(values), .. } => {
                let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
                let Some(numbers) = numbers else { return (0..self.len()).collect() };
                let by = |a: &(usize, &f64), b: &(usize, &f64)| a.1.total_cmp(b.1);
                let low = numbers.iter().enumerate().min_by(by).map(|(i, _)| i as u64);
                let high = numbers.iter().enumerate().max_by(by).map(|(i, _)| i as u64);
                let mut ends: Vec<u64> = low.into_iter().chain(high).collect();
                ends.dedup();
                ends
            }
            Self::One { domain, .. } if domain.len() > 1 => vec![0, domain.len() - 1],
            _ => (0..self.len()).collect(),
        }
    }
}
