//! Runs that did not end well, grouped by cause.
use std::collections::HashMap;

use super::Fact;
use crate::judge::State;
use crate::text::{clean, cut};

/// Runs that share a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// How they ended.
    pub state: State,
    /// The cause in their words; `…` where they differ in numbers.
    pub text: String,
    /// How many they are.
    pub runs: u64,
    /// The index of one of them, the lowest.
    pub example: u64,
}

/// Longest cause that is kept, in characters.
const LONGEST: usize = 200;

/// Groups the runs that failed, diverged or were lost, the most frequent cause first.
#[must_use]
pub fn group(facts: &[Fact<'_>]) -> Vec<Cause> {
    let mut groups: HashMap<(State, String), (Cause, String)> = HashMap::new();
    for fact in facts {
        let unknown = match fact.state {
            State::Failed => "no cause was recorded",
            State::Diverged => "the loss stopped being a finite number",
            State::Lost => "the worker is gone without a word: killed, or the machine went down",
            _ => continue,
        };
        let why = fact.why.unwrap_or(unknown);
        let first = clean(why.lines().find(|line| !line.trim().is_empty()).unwrap_or(unknown));
        let text = cut(first.trim(), LONGEST);
        let shape = without_numbers(&text);
        groups
            .entry((fact.state, shape.clone()))
            .and_modify(|(cause, _)| {
                cause.runs += 1;
                cause.example = cause.example.min(fact.index);
                if cause.text != text {
                    cause.text.clone_from(&shape);
                }
            })
            .or_insert_with(|| {
                (Cause { state: fact.state, text, runs: 1, example: fact.index }, shape)
            });
    }
    let mut causes: Vec<Cause> = groups.into_values().map(|(cause, _)| cause).collect();
    causes.sort_by(|a, b| b.runs.cmp(&a.runs).then(a.example.cmp(&b.example)));
    causes
}

/// The text with `…` for every number in it, so that `step 412` and `step 97` are one cause.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_word = false;
    while let Some(c) = chars.next() {
        if c.is_ascii_digit() && !in_word {
            while chars.next_if(|c| c.is_ascii_hexdigit() || matches!(c, '.' | '_')).is_some() {}
            out.push('…');
        } else {
            in_word = c.is_alphabetic() || c == '_' || (in_word && c.is_ascii_digit());
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(index: u64, state: State, why: Option<&str>) -> Fact<'_> {
        Fact { index, state, objective: None, metrics: vec![], seconds: 1.0, why }
    }

    #[test]
    fn causes_that_differ_in_numbers_are_one() {
        let causes = group(&[
            fact(9, State::Diverged, Some("loss is NaN at step 412")),
            fact(4, State::Diverged, Some("loss is NaN at step 97")),
            fact(2, State::Failed, Some("\n\x1b[31mCUDA out of memory\x1b[0m\nmore")),
            fact(3, State::Failed, None),
            fact(1, State::Done, None),
            fact(0, State::Lost, None),
        ]);
        let told: Vec<_> =
            causes.iter().map(|c| (c.runs, c.example, c.state, c.text.as_str())).collect();
        assert_eq!(
            told,
            [
                (2, 4, State::Diverged, "loss is NaN at step …"),
                (
                    1,
                    0,
                    State::Lost,
                    "the worker is gone without a word: killed, or the machine went down"
                ),
                (1, 2, State::Failed, "CUDA out of memory"),
                (1, 3, State::Failed, "no cause was recorded"),
            ]
        );
    }

    #[test]
    fn names_with_digits_stay() {
        assert_eq!(
            without_numbers("f1 of conv2d at 0x7f3a: 12.5 MiB"),
            "f1 of conv2d at …x7f3a: … MiB"
        );
    }
}
