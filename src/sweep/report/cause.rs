//! Runs that did not end well, grouped by cause.
use std::borrow::Cow;
use std::collections::HashMap;

use super::Fact;
use super::fate::GRANT;
use crate::judge::State;
use crate::store::tasks;
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
    /// What kind of cause it is, where that is known.
    pub kind: Option<tasks::Cause>,
    /// The nodes where it happened, those with most runs first.
    pub nodes: Vec<String>,
}

impl Cause {
    /// Where it happened: `on n1, n2 (+3)`; nothing where that is not known.
    #[must_use]
    pub fn places(&self) -> Option<String> {
        const NAMED: usize = 3;
        let most = if self.nodes.len() > NAMED { NAMED - 1 } else { NAMED };
        let named: Vec<String> = self.nodes.iter().take(most).map(|n| cut(n, 40)).collect();
        let rest = self.nodes.len() - named.len();
        let more = if rest > 0 { format!(" (+{rest})") } else { String::new() };
        (!named.is_empty()).then(|| format!("on {}{more}", named.join(", ")))
    }
}

/// A cause in the making.
struct Group<'a> {
    cause: Cause,
    nodes: HashMap<&'a str, u64>,
}

impl Group<'_> {
    fn into_cause(self) -> Cause {
        let mut nodes: Vec<(&str, u64)> = self.nodes.into_iter().collect();
        nodes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        Cause { nodes: nodes.into_iter().map(|(node, _)| node.to_owned()).collect(), ..self.cause }
    }
}

/// Longest cause that is kept, in characters.
const LONGEST: usize = 200;

/// Groups the runs that failed, diverged or were lost, the most frequent cause first.
#[must_use]
pub fn group(facts: &[Fact<'_>]) -> Vec<Cause> {
    group_those(facts, |state| state != State::Interrupted)
}

/// Groups the runs that are interrupted, as far as it is known why.
#[must_use]
pub fn pauses(facts: &[Fact<'_>]) -> Vec<Cause> {
    group_those(facts, |state| state == State::Interrupted)
}

fn group_those(facts: &[Fact<'_>], wanted: impl Fn(State) -> bool) -> Vec<Cause> {
    let mut groups: HashMap<(State, String), Group<'_>> = HashMap::new();
    for fact in facts.iter().filter(|fact| wanted(fact.state)) {
        let unknown = match fact.state {
            State::Interrupted if fact.why.is_some() => "",
            State::Failed => "no cause was recorded",
            State::Diverged => "the loss stopped being a finite number",
            State::Lost => "the worker is gone without a word: killed, or the machine went down",
            _ => continue,
        };
        let why = fact.why.as_deref().unwrap_or(unknown);
        let first = clean(why.lines().find(|line| !line.trim().is_empty()).unwrap_or(unknown));
        let text = cut(first.trim(), LONGEST);
        let shape = without_numbers(&without_grant(&text));
        let group = groups.entry((fact.state, shape.clone())).or_insert_with(|| {
            let (state, kind, example) = (fact.state, fact.kind, fact.index);
            let text = text.clone();
            let cause = Cause { state, text, runs: 0, example, kind, nodes: Vec::new() };
            Group { cause, nodes: HashMap::new() }
        });
        let cause = &mut group.cause;
        cause.runs += 1;
        cause.example = cause.example.min(fact.index);
        cause.kind = cause.kind.filter(|kind| fact.kind == Some(*kind));
        if cause.text != text {
            cause.text = shape;
        }
        if let Some(node) = fact.node {
            *group.nodes.entry(node).or_default() += 1;
        }
    }
    let mut causes: Vec<Cause> = groups.into_values().map(Group::into_cause).collect();
    causes.sort_by(|a, b| b.runs.cmp(&a.runs).then(a.example.cmp(&b.example)));
    causes
}

/// The text without what its task had: runs that ran out of less and of more share a cause.
fn without_grant(text: &str) -> Cow<'_, str> {
    let Some((what, had)) = text.split_once(GRANT) else { return text.into() };
    // Slurm's word for it may follow.
    had.split_once(" (").map_or(what.into(), |(_, word)| format!("{what} ({word}").into())
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
        let why = why.map(Into::into);
        let (metrics, seconds) = (vec![], 1.0);
        Fact {
            index,
            state,
            objective: None,
            metrics,
            seconds,
            cohort: None,
            samples_per_s: None,
            why,
            kind: None,
            node: None,
        }
    }

    #[test]
    fn causes_know_their_nodes_and_their_kind() {
        use tasks::Cause::{Killed, Memory};
        let at = |index, node: &'static str, kind| {
            let why = Some("out of memory: its task had 4 G");
            Fact { node: Some(node), kind: Some(kind), ..fact(index, State::Lost, why) }
        };
        for (facts, kind, places) in [
            (vec![at(0, "n1", Memory)], Some(Memory), Some("on n1")),
            (
                vec![at(0, "n1", Memory), at(1, "n2", Memory), at(2, "n2", Killed)],
                None,
                Some("on n2, n1"),
            ),
            (
                ["n4", "n1", "n2", "n3", "n3"].map(|n| at(0, n, Memory)).to_vec(),
                Some(Memory),
                Some("on n3, n1 (+2)"),
            ),
            (vec![fact(0, State::Lost, None)], None, None),
        ] {
            let causes = group(&facts);
            assert_eq!(causes.len(), 1, "{causes:?}");
            assert_eq!((causes[0].kind, causes[0].places().as_deref()), (kind, places));
        }
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
    fn what_tasks_had_is_told_where_it_is_one_thing() {
        let causes = |texts: &[&'static str]| {
            let facts: Vec<_> = texts.iter().map(|text| fact(0, State::Lost, Some(text))).collect();
            group(&facts).into_iter().map(|cause| cause.text).collect::<Vec<_>>()
        };
        let had = |what: &'static str| ["out of memory: its task had ", what].concat().leak() as &_;
        for (texts, expected) in [
            (&[had("200 M"), had("200 M")][..], had("200 M")),
            (&[had("200 M"), had("300 M"), had("1.5 G")], "out of memory"),
            (
                &[had("200 M (OUT_OF_MEMORY)"), had("1 G (OUT_OF_MEMORY)")],
                "out of memory (OUT_OF_MEMORY)",
            ),
        ] {
            assert_eq!(causes(texts), [expected], "{texts:?}");
        }
    }

    #[test]
    fn names_with_digits_stay() {
        assert_eq!(
            without_numbers("f1 of conv2d at 0x7f3a: 12.5 MiB"),
            "f1 of conv2d at …x7f3a: … MiB"
        );
    }
}
