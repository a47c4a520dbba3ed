//! What is to happen around a sweep: when to try again and with what, when to give up, what to do
//! when it is complete.
use serde::{Deserialize, Serialize};

use super::mistake::Mistake;
use super::section::{Mistakes, point_at};
use super::yaml::{Entry, Kind, Node};

/// The keys of a spec that are read here. What they say changes no run.
pub(super) const KEYS: &[&str] = &["after", "max_failures", "on_complete", "retry", "sanity"];

/// What is to happen around a sweep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Upkeep {
    /// With what `dlgrid retry` tries again.
    #[serde(default)]
    pub retry: RetryRules,
    /// Runs that may fail before the sweep is stopped.
    #[serde(default)]
    pub max_failures: Option<u64>,
    /// Whether a report is written when the sweep is complete.
    #[serde(default)]
    pub report: bool,
    /// The program that is started once when the sweep is complete, with its words.
    #[serde(default)]
    pub on_complete: Vec<String>,
    /// Whether a sample of the trials must learn one batch by heart before any is trained.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sanity: bool,
    /// Whether the best trials are then run again.
    #[serde(default)]
    pub confirm: bool,
}

impl Upkeep {
    /// Whether something is to be done when the sweep is complete.
    #[must_use]
    pub const fn ends_with_something(&self) -> bool {
        self.report || self.confirm || !self.on_complete.is_empty()
    }
}

/// How much more is asked for when a run is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RetryRules {
    /// Factor of memory for what ran out of it.
    pub memory: f64,
    /// Factor of time for what reached its limit.
    pub time: f64,
    /// Times that more is asked for.
    pub max: u32,
}

impl Default for RetryRules {
    fn default() -> Self {
        Self { memory: 1.5, time: 2.0, max: 2 }
    }
}

pub(super) fn check<'n>(
    find: impl Fn(&str) -> Option<&'n Entry>,
    mistakes: &mut Mistakes,
) -> Upkeep {
    let mut upkeep = Upkeep::default();
    if let Some(entry) = find("retry") {
        retry(&entry.value, &mut upkeep.retry, mistakes);
    }
    if let Some(entry) = find("max_failures") {
        upkeep.max_failures = count(&entry.value, "`max_failures`", 1, mistakes);
    }
    if let Some(entry) = find("after") {
        upkeep.report = entry.value.text() == Some("report");
        if !upkeep.report {
            mistakes.wrong_kind(&entry.value, "`after`", "`report`");
        }
    }
    if let Some(entry) = find("on_complete") {
        let items = mistakes.items(&entry.value, "`on_complete`", "[./notify.sh, done]");
        let words: Option<Vec<String>> = items.iter().map(word).collect();
        match words {
            Some(words) if !words.is_empty() => upkeep.on_complete = words,
            Some(_) if matches!(entry.value.kind, Kind::List(_)) => mistakes.add(
                Mistake::new(point_at(entry), "`on_complete` names no program", "an empty list")
                    .hint("leave it out, or give it words: `[./notify.sh, done]`"),
            ),
            Some(_) => {}
            None => mistakes.add(Mistake::new(
                point_at(entry),
                "`on_complete` must be a program and its words",
                "a list of words; no shell reads them",
            )),
        }
    }
    if let Some(entry) = find("sanity") {
        upkeep.sanity = entry.value.kind == Kind::Bool(true);
        if !matches!(entry.value.kind, Kind::Bool(_)) {
            mistakes.wrong_kind(&entry.value, "`sanity`", "true or false");
        } else if upkeep.sanity && find("command").is_some() {
            mistakes.add(
                Mistake::new(
                    point_at(entry),
                    "`sanity` looks into models of the built-in trainer, and this sweep runs a `command`",
                    "not with a `command`",
                )
                .hint("leave it out; `slurm: {canary: true}` tries a program once before the rest"),
            );
        }
    }
    upkeep
}

fn word(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Int(n) => Some(n.to_string()),
        _ => node.text().map(str::to_owned).filter(|t| !t.contains('\0')),
    }
}

fn count(node: &Node, what: &str, least: i64, mistakes: &mut Mistakes) -> Option<u64> {
    match node.kind {
        Kind::Int(n) if n >= least => Some(n.unsigned_abs()),
        _ => {
            mistakes.wrong_kind(node, what, &format!("a whole number of at least {least}"));
            None
        }
    }
}

fn retry(node: &Node, rules: &mut RetryRules, mistakes: &mut Mistakes) {
    for entry in mistakes.entries(node, "`retry`") {
        match entry.key.as_str() {
            "max" => {
                let max = count(&entry.value, "`retry.max`", 0, mistakes);
                rules.max = max.and_then(|n| u32::try_from(n).ok()).unwrap_or(rules.max);
            }
            "on" => on(&entry.value, rules, mistakes),
            _ => mistakes.unknown_key(entry, "`retry`", &["max", "on"]),
        }
    }
}

fn on(node: &Node, rules: &mut RetryRules, mistakes: &mut Mistakes) {
    for entry in mistakes.entries(node, "`retry.on`") {
        let (what, factor) = match entry.key.as_str() {
            "oom" => ("memory", &mut rules.memory),
            "timeout" => ("time", &mut rules.time),
            _ => {
                mistakes.unknown_key(entry, "`retry.on`", &["oom", "timeout"]);
                continue;
            }
        };
        let place = format!("`retry.on.{}`", entry.key);
        for inner in mistakes.entries(&entry.value, &place) {
            if inner.key != what {
                mistakes.unknown_key(inner, &place, &[what]);
                continue;
            }
            match inner.value.text().and_then(read_factor) {
                Some(read) => *factor = read,
                None => mistakes.wrong_kind(
                    &inner.value,
                    &format!("`retry.on.{}.{what}`", entry.key),
                    "a factor from `x1` to `x16`, such as `x1.5`",
                ),
            }
        }
    }
}

fn read_factor(text: &str) -> Option<f64> {
    let factor: f64 = text.strip_prefix('x')?.trim().parse().ok()?;
    (1.0..=16.0).contains(&factor).then_some(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(rest: &str) -> Result<Upkeep, String> {
        let text = format!(
            "name: t\ncommand: [echo]\nparameters: {{x: [1]}}\nobjective: {{minimize: loss}}\n{rest}"
        );
        crate::spec::read("t.yaml", text.as_bytes(), 10)
            .map(|(spec, _)| spec.upkeep)
            .map_err(|errors| errors.render(false, 100))
    }

    #[test]
    fn rules_are_read_and_have_defaults() {
        assert_eq!(spec("").expect("a spec"), Upkeep::default());
        let all = spec(
            "retry: {on: {oom: {memory: x2}, timeout: {time: x1.5}}, max: 3}\nmax_failures: 7\nafter: report\non_complete: [./tell.sh, done, 3]\n",
        );
        let rules = RetryRules { memory: 2.0, time: 1.5, max: 3 };
        let on_complete = ["./tell.sh", "done", "3"].map(str::to_owned).to_vec();
        let expected = Upkeep {
            retry: rules,
            max_failures: Some(7),
            report: true,
            on_complete,
            sanity: false,
            confirm: false,
        };
        assert_eq!(all.expect("a spec"), expected);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (rest, told) in [
            ("retry: {on: {oom: {memory: 2}}}\n", "a factor from `x1` to `x16`"),
            ("retry: {on: {oom: {time: x2}}}\n", "unknown key `time` in `retry.on.oom`"),
            ("retry: {on: {ooom: {}}}\n", "did you mean `oom`?"),
            ("retry: {maximum: 2}\n", "did you mean `max`?"),
            ("max_failures: 0\n", "at least 1"),
            ("after: mail\n", "must be `report`"),
            ("on_complete: ./tell.sh\n", "must be a list"),
            ("on_complete: []\n", "`on_complete` names no program"),
            ("sanity: sometimes\n", "`sanity` must be true or false"),
            ("sanity: true\n", "this sweep runs a `command`"),
        ] {
            let text = spec(rest).expect_err("a mistake");
            assert!(text.contains(told), "{told} in\n{text}");
        }
    }
}
