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

    /// The digit at which its parameters have the values that `value` gives.
    pub(super) fn find(&self, value: &impl Fn(usize) -> Option<Value>) -> Option<u64> {
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

    /// All digits at which a parameter has one of these values, in order.
    pub(super) fn digits_of(&self, param: usize, allowed: &[Value]) -> Vec<u64> {
        let mut digits: Vec<u64> = match self {
            Self::One { domain, .. } if !matches!(domain, Domain::List(_)) => {
                allowed.iter().filter_map(|v| domain.find(v)).collect()
            }
            _ => (0..self.len())
                .filter(|digit| {
                    self.value(param, *digit).is_some_and(|v| allowed.iter().any(|x| same(x, &v)))
                })
                .collect(),
        };
        digits.sort_unstable();
        digits.dedup();
        digits
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
