//! How many of the runs that ended were trained together, and how fast: by their own records.
use std::fmt;

use serde_json::{Value as Json, json};

use super::{Fact, json::finite};
use crate::text::grouped;

/// Runs that ended, by whether they were trained together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Together {
    /// Those that were.
    pub runs: u64,
    /// All that ended.
    pub ended: u64,
    /// Runs of the largest cohort.
    pub largest: u32,
    /// Mean training samples a second of a cohort, all of its runs together.
    pub samples_per_s: Option<f64>,
}

impl Together {
    /// Counts runs; nothing where none was trained with others.
    #[must_use]
    pub fn of(facts: &[Fact<'_>]) -> Option<Self> {
        let ended = facts.iter().filter(|f| f.state.is_ended()).count() as u64;
        let fused = || facts.iter().filter(|f| f.cohort.is_some_and(|runs| runs > 1));
        let largest = fused().filter_map(|f| f.cohort).max()?;
        let samples_per_s = mean(fused().filter_map(|f| f.samples_per_s));
        Some(Self { runs: fused().count() as u64, ended, largest, samples_per_s })
    }

    /// `{runs, ended, largest, samples_per_s}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({"runs": self.runs, "ended": self.ended, "largest": self.largest,
               "samples_per_s": self.samples_per_s.map(finite)})
    }
}

/// `240 of 256 runs in cohorts of up to 16, each 210,000 samples/s`.
impl fmt::Display for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [runs, ended] = [self.runs, self.ended].map(grouped);
        write!(f, "{runs} of {ended} runs in cohorts of up to {}", self.largest)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a speed in whole samples"
        )]
        self.samples_per_s
            .map_or(Ok(()), |speed| write!(f, ", each {} samples/s", grouped(speed as u64)))
    }
}

/// The mean of some numbers, if there are any.
pub(super) fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    numbers.for_each(|x| (sum, n) = (sum + x, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::State;

    fn fact(state: State, cohort: Option<u32>, samples_per_s: f64) -> Fact<'static> {
        Fact {
            index: 0,
            state,
            objective: None,
            metrics: vec![],
            seconds: 1.0,
            cohort,
            samples_per_s: Some(samples_per_s),
            why: None,
            kind: None,
            node: None,
        }
    }

    #[test]
    fn what_was_trained_together_is_counted_among_what_ended() {
        let alone = [fact(State::Done, None, 5.0), fact(State::Done, Some(1), 5.0)];
        assert_eq!(Together::of(&alone), None);
        let mut facts = alone.to_vec();
        facts.push(fact(State::Done, Some(16), 200_000.0));
        facts.push(fact(State::Diverged, Some(8), 100_001.0));
        facts.push(fact(State::Running, None, 1.0));
        let told = Together::of(&facts).expect("two were");
        assert_eq!(told.to_string(), "2 of 4 runs in cohorts of up to 16, each 150,000 samples/s");
    }
}
