//! The values that one parameter takes, by index, without holding them all.
use crate::recipe::value::short_number;
use crate::recipe::{Value, exact};

/// The values of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// Values one by one.
    List(Vec<Value>),
    /// `steps` numbers at equal distance, both ends included.
    Linear {
        /// First.
        from: f64,
        /// Last.
        to: f64,
        /// How many, at least 2.
        steps: u64,
    },
    /// `steps` numbers at equal ratio, both ends included.
    Log {
        /// First, above 0.
        from: f64,
        /// Last, above 0.
        to: f64,
        /// How many, at least 2.
        steps: u64,
    },
    /// Whole numbers from one end, by a step, up to at most the other.
    Int {
        /// First.
        from: i64,
        /// Not beyond this.
        to: i64,
        /// Distance, at least 1.
        step: u64,
    },
}

/// Why a range is no domain.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DomainError {
    /// Nothing in it.
    #[error("the list is empty")]
    Empty,
    /// The ends are in the wrong order.
    #[error("the range starts at {from} and ends before it, at {to}")]
    Reversed {
        /// First.
        from: String,
        /// Last.
        to: String,
    },
    /// Too few steps.
    #[error("a range with both ends needs at least 2 steps, got {0}")]
    TooFewSteps(u64),
    /// A logarithmic range that touches zero.
    #[error("a logarithmic range needs both ends above 0, got {0}")]
    LogOfNothing(String),
    /// Ends so far apart that their distance is no finite number.
    #[error("the range from {from} to {to} is wider than numbers reach")]
    TooWide {
        /// First.
        from: String,
        /// Last.
        to: String,
    },
    /// Values that are equal in the digits that are kept.
    #[error("{steps} values from {from} to {to} lie too close: they are kept to 12 digits")]
    TooClose {
        /// How many.
        steps: u64,
        /// First.
        from: String,
        /// Last.
        to: String,
    },
    /// The step is zero or less.
    #[error("the step must be at least 1, got {0}")]
    NoStep(i64),
    /// A value stands twice.
    #[error("the value {value} is listed twice")]
    Twice {
        /// The value.
        value: String,
        /// Place of the second, from 0.
        second: usize,
    },
}

impl Domain {
    /// Values one by one.
    ///
    /// # Errors
    /// If there is none, or one stands twice.
    pub fn list(values: Vec<Value>) -> Result<Self, DomainError> {
        if values.is_empty() {
            return Err(DomainError::Empty);
        }
        let values: Vec<Value> = values.iter().map(Value::canonical).collect();
        let mut seen = std::collections::HashSet::with_capacity(values.len());
        for (second, value) in values.iter().enumerate() {
            if !seen.insert(key(value)) {
                return Err(DomainError::Twice { value: value.to_string(), second });
            }
        }
        Ok(Self::List(values))
    }

    /// Values one by one that may repeat: those of a parameter that varies with others.
    ///
    /// # Errors
    /// If there is none.
    pub fn column(values: Vec<Value>) -> Result<Self, DomainError> {
        if values.is_empty() {
            return Err(DomainError::Empty);
        }
        Ok(Self::List(values.iter().map(Value::canonical).collect()))
    }

    /// Numbers at equal distance.
    ///
    /// # Errors
    /// If the ends are reversed, their distance is no finite number, or there are fewer than two
    /// steps.
    pub fn linear(from: f64, to: f64, steps: u64) -> Result<Self, DomainError> {
        range_ends(from, to, steps)?;
        Ok(Self::Linear { from, to, steps })
    }

    /// Numbers at equal ratio.
    ///
    /// # Errors
    /// If an end is not above zero, the ends are reversed, or there are fewer than two steps.
    pub fn log(from: f64, to: f64, steps: u64) -> Result<Self, DomainError> {
        for end in [from, to] {
            if end <= 0.0 {
                return Err(DomainError::LogOfNothing(short_number(end)));
            }
        }
        range_ends(from, to, steps)?;
        Ok(Self::Log { from, to, steps })
    }

    /// Whole numbers by a step.
    ///
    /// # Errors
    /// If the ends are reversed or the step is not at least 1.
    pub fn int(from: i64, to: i64, step: i64) -> Result<Self, DomainError> {
        if from > to {
            return Err(DomainError::Reversed { from: from.to_string(), to: to.to_string() });
        }
        let step = u64::try_from(step).ok().filter(|s| *s > 0).ok_or(DomainError::NoStep(step))?;
        Ok(Self::Int { from, to, step })
    }

    /// How many values.
    #[must_use]
    pub const fn len(&self) -> u64 {
        match self {
            Self::List(values) => values.len() as u64,
            Self::Linear { steps, .. } | Self::Log { steps, .. } => *steps,
            Self::Int { from, to, step } => (to.abs_diff(*from) / *step).saturating_add(1),
        }
    }

    /// Never: a domain has at least one value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The value of an index below [`Domain::len`].
    ///
    /// Values of ranges are rounded to twelve significant digits, so that the same point has
    /// the same value, and so the same identity, on every machine and in every wider range.
    #[must_use]
    pub fn at(&self, index: u64) -> Value {
        match self {
            Self::List(values) => usize::try_from(index)
                .ok()
                .and_then(|i| values.get(i))
                .cloned()
                .unwrap_or(Value::Null),
            Self::Linear { from, to, steps } => {
                Value::Float(between(*from, *to, index, *steps, |share| {
                    let value = from + (to - from) * share;
                    // What is left of a sum that comes to 0 is rounding, of which all digits count.
                    let is_rest = value.abs() < 1e-12 * from.abs().max(to.abs());
                    if is_rest { 0.0 } else { value }
                }))
                .canonical()
            }
            Self::Log { from, to, steps } => {
                let (low, high) = (from.ln(), to.ln());
                Value::Float(between(*from, *to, index, *steps, |share| {
                    (low + (high - low) * share).exp()
                }))
                .canonical()
            }
            Self::Int { from, step, .. } => {
                Value::Int(from.saturating_add_unsigned(index.saturating_mul(*step)))
            }
        }
    }

    /// The index of a value, if the domain has it.
    #[must_use]
    pub fn find(&self, value: &Value) -> Option<u64> {
        let wanted = value.canonical();
        if let Self::List(values) = self {
            let found = values.iter().position(|v| *v == wanted);
            let found = found.or_else(|| values.iter().position(|v| same(v, value)));
            return found.map(|i| i as u64);
        }
        if let Self::Int { from, step, .. } = self {
            let x = value.as_i64().filter(|x| x >= from)?;
            let index = x.abs_diff(*from) / step;
            return (index < self.len() && self.at(index) == Value::Int(x)).then_some(index);
        }
        let x = value.as_f64()?;
        let guess = match self {
            Self::Linear { from, to, steps } => (x - from) / (to - from) * (steps - 1) as f64,
            Self::Log { from, to, steps } => {
                (x.ln() - from.ln()) / (to.ln() - from.ln()) * (steps - 1) as f64
            }
            Self::Int { .. } | Self::List(_) => return None,
        };
        if !(guess > -0.5 && guess < self.len() as f64) {
            return None;
        }
        let index = guess.round() as u64;
        // Of values that lie close together the exact one, which rounding may have moved by one.
        let near = [index, index.saturating_sub(1), index.saturating_add(1)];
        let found = near.into_iter().find(|i| *i < self.len() && self.at(*i) == wanted);
        found.or_else(|| same(&self.at(index), value).then_some(index))
    }

    /// Any two neighbours of a range differ once they are rounded.
    ///
    /// # Errors
    /// [`DomainError::TooClose`], if two may not.
    pub fn check_distinct(&self) -> Result<(), DomainError> {
        /// Values that are compared one by one at most; more that are so close are refused.
        const MOST: u64 = 1 << 20;
        let (from, to, steps, is_apart) = match *self {
            Self::Linear { from, to, steps } => {
                // What one of the last of twelve digits is worth in the largest value.
                let digit = 10_f64.powf(from.abs().max(to.abs()).log10().floor() - 11.0);
                let step = (to - from) / (steps - 1) as f64;
                (from, to, steps, step > (1.5 * digit).max(f64::MIN_POSITIVE))
            }
            Self::Log { from, to, steps } => {
                let step = (to.ln() - from.ln()) / (steps - 1) as f64;
                (from, to, steps, step > 3e-11 && from >= f64::MIN_POSITIVE)
            }
            Self::List(_) | Self::Int { .. } => return Ok(()),
        };
        let mut last = self.at(0);
        let mut differs = |i: u64| {
            let next = self.at(i);
            std::mem::replace(&mut last, next.clone()) != next
        };
        if is_apart || steps <= MOST && (1..steps).all(&mut differs) {
            return Ok(());
        }
        let shown = |x: f64| exact(&Value::Float(x).canonical());
        Err(DomainError::TooClose { steps, from: shown(from), to: shown(to) })
    }
}

fn range_ends(from: f64, to: f64, steps: u64) -> Result<(), DomainError> {
    if from >= to {
        return Err(DomainError::Reversed { from: short_number(from), to: short_number(to) });
    }
    if !(to - from).is_finite() {
        return Err(DomainError::TooWide { from: short_number(from), to: short_number(to) });
    }
    if steps < 2 {
        return Err(DomainError::TooFewSteps(steps));
    }
    Ok(())
}

fn between(from: f64, to: f64, index: u64, steps: u64, f: impl Fn(f64) -> f64) -> f64 {
    if index == 0 {
        from
    } else if index + 1 >= steps {
        to
    } else {
        twelve_digits(f(index as f64 / (steps - 1) as f64))
    }
}

fn twelve_digits(x: f64) -> f64 {
    format!("{x:.11e}").parse().unwrap_or(x)
}

/// Whether two values are the same to a person: whole numbers exactly, others to nine digits.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    if let (Some(x), Some(y)) = (a.as_i64(), b.as_i64()) {
        return x == y;
    }
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => (x - y).abs() <= 1e-9 * x.abs().max(y.abs()),
        _ => a.canonical() == b.canonical(),
    }
}

fn key(value: &Value) -> String {
    let mut out = String::new();
    value.write_json(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(domain: &Domain) -> Vec<String> {
        (0..domain.len()).map(|i| domain.at(i).to_string()).collect()
    }

    #[test]
    fn ranges_have_the_values_that_a_person_expects() {
        let log = Domain::log(1e-4, 1e-1, 7).expect("domain");
        assert_eq!(
            shown(&log),
            ["0.0001", "0.000316228", "0.001", "0.00316228", "0.01", "0.0316228", "0.1"]
        );
        assert_eq!(log.at(2), Value::Float(0.001));
        let tenths = Domain::linear(0.0, 1.0, 11).expect("domain");
        assert_eq!(tenths.at(3), Value::Float(0.3));
        assert_eq!(shown(&Domain::int(16, 70, 16).expect("domain")), ["16", "32", "48", "64"]);
    }

    #[test]
    fn a_range_across_zero_has_a_zero() {
        for (from, to, steps, zero) in [(-0.3, 0.6, 10, 3), (-1.9, 0.2, 22, 19), (-1.0, 1.0, 3, 1)]
        {
            let range = Domain::linear(from, to, steps).expect("domain");
            assert_eq!((range.at(zero), range.find(&Value::Int(0))), (Value::Int(0), Some(zero)));
        }
        let small = Domain::linear(0.0, 1e-30, 3).expect("domain");
        assert_eq!(small.at(1), Value::Float(5e-31));
    }

    #[test]
    fn a_wider_range_keeps_the_old_values() {
        let narrow = Domain::log(1e-4, 1e-1, 7).expect("domain");
        let wide = Domain::log(1e-5, 1e0, 11).expect("domain");
        for i in 0..7 {
            assert_eq!(narrow.at(i), wide.at(i + 2));
        }
    }

    #[test]
    fn whole_numbers_are_the_same_only_if_equal() {
        let big = [Value::Int(10_000_000_000), Value::Int(10_000_000_001)];
        assert!(!same(&big[0], &big[1]));
        assert!(same(&Value::Float(64.0), &Value::Int(64)));
        assert!(same(&Value::Float(0.3), &Value::Float(0.1 + 0.2)));
        let list = Domain::list(big.to_vec()).expect("domain");
        assert_eq!(list.find(&big[1]), Some(1));
        let close = [1_700_000_000.1, 1_700_000_000.2, 1_700_000_000.3].map(Value::Float);
        let list = Domain::list(close.to_vec()).expect("domain");
        let range = Domain::linear(1_700_000_000.1, 1_700_000_000.3, 3).expect("domain");
        for (index, value) in (0..).zip(&close) {
            assert_eq!((list.find(value), range.find(value)), (Some(index), Some(index)));
        }
        let all = Domain::int(0, i64::MAX, 1).expect("domain");
        for i in [0, 9_007_199_254_740_993, i64::MAX] {
            let index = all.find(&Value::Int(i)).expect("found");
            assert_eq!(all.at(index), Value::Int(i));
        }
        assert_eq!(Domain::int(0, 9, 2).expect("domain").find(&Value::Int(3)), None);
    }

    #[test]
    fn wrong_ranges_are_refused() {
        assert_eq!(Domain::list(vec![]), Err(DomainError::Empty));
        assert!(Domain::linear(1.0, 1.0, 3).is_err());
        assert!(Domain::log(0.0, 1.0, 3).is_err());
        assert!(Domain::log(0.1, 1.0, 1).is_err());
        assert!(Domain::int(3, 1, 1).is_err());
        assert!(Domain::int(1, 3, 0).is_err());
        assert!(matches!(Domain::linear(-1e308, 1e308, 3), Err(DomainError::TooWide { .. })));
        for close in [
            Domain::linear(1.0, 1.000_000_000_01, 100),
            Domain::log(1.0, 1.000_000_000_01, 100),
            Domain::linear(0.0, 1e-322, 50),
            Domain::linear(0.0, 1.0, u64::MAX),
            Domain::linear(1e6, 1e6 + 1.0, 150_001),
        ] {
            let told = close.expect("a range").check_distinct();
            assert!(matches!(told, Err(DomainError::TooClose { .. })), "{told:?}");
        }
        for narrow in [
            Domain::linear(1.0, 1.000_000_000_01, 2),
            Domain::linear(1e6, 1e6 + 1.0, 100_001),
            Domain::linear(1e6, 1e6 + 100.0, 5_000_001),
            Domain::linear(-1e6 - 1.0, -1e6, 100_001),
            Domain::linear(0.0, 1.0, 1 << 32),
            Domain::log(1.0, 1.000_000_1, 100),
            Domain::log(1e-300, 1e300, 1 << 32),
        ] {
            assert_eq!(narrow.expect("a range").check_distinct(), Ok(()));
        }
        let twice = Domain::list(vec![Value::Int(1), Value::Float(1.0)]);
        assert_eq!(twice, Err(DomainError::Twice { value: "1".into(), second: 1 }));
    }

    proptest! {
        #[test]
        fn every_value_finds_its_index(from in 1e-6_f64..1.0, ratio in 1.5_f64..1e4, steps in 2_u64..50) {
            let log = Domain::log(from, from * ratio, steps).expect("domain");
            let linear = Domain::linear(from, from * ratio, steps).expect("domain");
            for i in 0..steps {
                prop_assert_eq!(log.find(&log.at(i)), Some(i));
                prop_assert_eq!(linear.find(&linear.at(i)), Some(i));
            }
            prop_assert_eq!(log.find(&Value::Float(from * ratio * 2.0)), None);
        }
    }
}
