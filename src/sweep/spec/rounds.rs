//! How often every trial is run: with every seed, and of each seed with every fold.
use std::fmt;

use super::section::Mistakes;
use super::yaml::{Entry, Kind};

/// Folds that a spec may ask for.
const FOLDS: std::ops::RangeInclusive<i64> = 2..=1000;

/// The runs that every trial has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rounds {
    /// Seeds.
    pub seeds: u64,
    /// Folds of each seed, where the sweep has folds.
    pub folds: Option<u32>,
}

impl Rounds {
    /// Runs of a trial; capped at `u64::MAX`.
    #[must_use]
    pub fn count(self) -> u64 {
        self.seeds.saturating_mul(self.folds.map_or(1, u64::from))
    }
}

/// `3 seeds`, `3 seeds × 5 folds`, or of one seed `5 folds`.
impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.seeds, self.folds) {
            (1, None) => f.write_str("1 seed"),
            (1, Some(folds)) => write!(f, "{folds} folds"),
            (seeds, None) => write!(f, "{seeds} seeds"),
            (seeds, Some(folds)) => write!(f, "{seeds} seeds × {folds} folds"),
        }
    }
}

/// Reads `folds`.
pub(super) fn folds(entry: &Entry, mistakes: &mut Mistakes) -> Option<u32> {
    match entry.value.kind {
        Kind::Int(n) if FOLDS.contains(&n) => u32::try_from(n).ok(),
        _ => {
            mistakes.wrong_kind(&entry.value, "`folds`", "a whole number from 2 to 1000");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_told_as_they_are() {
        let of = |seeds, folds| Rounds { seeds, folds };
        for (rounds, runs, words) in [
            (of(1, None), 1, "1 seed"),
            (of(3, None), 3, "3 seeds"),
            (of(1, Some(5)), 5, "5 folds"),
            (of(2, Some(5)), 10, "2 seeds × 5 folds"),
        ] {
            assert_eq!((rounds.count(), rounds.to_string().as_str()), (runs, words));
        }
        assert_eq!(of(u64::MAX, Some(2)).count(), u64::MAX);
    }
}
