//! What a program reports: lines of JSON that it appends to a file, followed while it runs.
use std::collections::BTreeMap;
use std::path::Path;

use crate::host;
use crate::spec::Objective;
use crate::spec::metric::{Goal, better};
use crate::store::record::{Best, Cause, Epoch, Metrics, Number, Outcome};
use crate::text::plural;
use crate::trial::Run;

/// Metrics of one program at most, so that a faulty one fills no store.
const MAX_METRICS: usize = 256;
/// Names of metrics that are told where none is the objective's.
const NAMED: usize = 5;
/// Lines of one program that go into its curve; later ones still count for its last and best
/// values.
const MAX_LINES: u64 = 100_000;

/// What a program's reports come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Why, where it was not well.
    pub why: Option<String>,
    /// What kind of cause that is, where it is one that asking Slurm for more mends.
    pub cause: Option<Cause>,
    /// The last value of every metric.
    pub metrics: Metrics,
    /// The best value of every metric.
    pub best: BTreeMap<String, Best>,
    /// Reports that were read.
    pub epochs: u32,
    /// Lines that were no reports.
    pub unreadable: u32,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Follows the file that the program appends metrics to.
pub(super) struct Follower<'r> {
    run: &'r Run,
    begun: std::time::Instant,
    read: u64,
    partial: Vec<u8>,
    lines: u64,
    seen: Seen<'r>,
}

impl<'r> Follower<'r> {
    pub fn new(run: &'r Run, objective: &'r Objective, begun: std::time::Instant) -> Self {
        Self { run, begun, read: 0, partial: Vec::new(), lines: 0, seen: Seen::new(objective) }
    }

    /// Takes what is new; whether there was something.
    pub fn poll(&mut self, file: &Path, epoch: &mut dyn FnMut(Epoch)) -> std::io::Result<bool> {
        let new = host::read_scratch(file, self.read)?;
        self.read += new.len() as u64;
        let news = !new.is_empty();
        self.take(&new, epoch);
        Ok(news)
    }

    fn take(&mut self, new: &[u8], epoch: &mut dyn FnMut(Epoch)) {
        self.partial.extend_from_slice(new);
        let whole = self.partial.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let rest = self.partial.split_off(whole);
        let lines = std::mem::replace(&mut self.partial, rest);
        for line in lines.split(|b| *b == b'\n') {
            let Some((number, metrics)) = self.seen.line(line) else { continue };
            self.lines += 1;
            if self.lines <= MAX_LINES {
                epoch(Epoch {
                    run: self.run.id,
                    index: self.run.index,
                    epoch: number,
                    metrics,
                    seconds: self.begun.elapsed().as_secs_f64(),
                    samples_per_s: None,
                });
            }
        }
    }

    /// Takes all that is left, a last line without its end included; `why` says how the program
    /// failed, if it did.
    pub fn end(
        mut self,
        file: &Path,
        why: Option<String>,
        epoch: &mut dyn FnMut(Epoch),
    ) -> std::io::Result<Ended> {
        while self.poll(file, epoch)? {}
        self.take(b"\n", epoch);
        Ok(self.seen.end(why, self.begun.elapsed().as_secs_f64()))
    }
}

/// All that a program has reported.
#[derive(Debug)]
struct Seen<'o> {
    objective: &'o Objective,
    metrics: Metrics,
    best: BTreeMap<String, Best>,
    epochs: u32,
    /// What is added to each epoch that it tells: 1 where it counts from 0, by the first.
    shift: Option<u32>,
    unreadable: u32,
}

impl<'o> Seen<'o> {
    const fn new(objective: &'o Objective) -> Self {
        Self {
            objective,
            metrics: Metrics::new(),
            best: BTreeMap::new(),
            epochs: 0,
            shift: None,
            unreadable: 0,
        }
    }

    /// Takes one line; its number and metrics, if it is a line of metrics.
    fn line(&mut self, line: &[u8]) -> Option<(u32, Metrics)> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        let Some(mut metrics) = numbers(line) else {
            self.unreadable += 1;
            return None;
        };
        let told = metrics.remove("epoch").filter(|n| (0.0..4e9).contains(&n.0));
        let shift = told.map_or(0, |n| *self.shift.get_or_insert(u32::from(n.0 == 0.0)));
        self.epochs = match told.map(|n| n.0 as u32 + shift) {
            Some(n @ 1..) => n,
            _ => self.epochs.saturating_add(1),
        };
        for (name, value) in &metrics {
            self.metric(name, *value);
        }
        Some((self.epochs, metrics))
    }

    fn metric(&mut self, name: &str, value: Number) {
        if self.metrics.len() >= MAX_METRICS && !self.metrics.contains_key(name) {
            return;
        }
        self.metrics.insert(name.to_owned(), value);
        let goal = if name == self.objective.metric { self.objective.goal } else { better(name) };
        let improves = self.best.get(name).is_none_or(|best| match goal {
            Goal::Maximize => value.0 > best.value.0,
            Goal::Minimize => value.0 < best.value.0,
        });
        if improves && value.0.is_finite() {
            self.best.insert(name.to_owned(), Best { epoch: self.epochs, value });
        }
    }

    fn end(self, why: Option<String>, seconds: f64) -> Ended {
        let metric = &self.objective.metric;
        let (outcome, why) = match (why, self.metrics.get(metric)) {
            (Some(why), _) => (Outcome::Failed, Some(why)),
            (None, Some(value)) if value.0.is_finite() => (Outcome::Done, None),
            (None, Some(value)) => (Outcome::Diverged, Some(format!("`{metric}` is {}", value.0))),
            (None, None) => (Outcome::Failed, Some(self.silence())),
        };
        Ended {
            outcome,
            why,
            cause: None,
            metrics: self.metrics,
            best: self.best,
            epochs: self.epochs,
            unreadable: self.unreadable,
            seconds,
        }
    }

    fn silence(&self) -> String {
        let metric = &self.objective.metric;
        if self.unreadable > 0 && self.epochs == 0 {
            return format!(
                "it wrote {} to the file named in DLGRID_METRICS, and none is a JSON object",
                plural(self.unreadable.into(), "line")
            );
        }
        if !self.metrics.is_empty() {
            let names = self.metrics.keys().take(NAMED).map(|name| format!("`{name}`"));
            let more = self.metrics.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" (+{more})") } else { String::new() };
            return format!(
                "it ended well and never reported `{metric}`; it reported: {}{more}",
                names.collect::<Vec<_>>().join(", ")
            );
        }
        format!(
            "it ended well and never reported `{metric}`: append lines such as {{\"{metric}\": \
             0.5}} to the file named in DLGRID_METRICS"
        )
    }
}

/// The numbers of a line, by name; what is no number is left out. `NaN` and `Infinity` may
/// stand bare, as Python writes them, or as text; `null` is NaN.
fn numbers(line: &[u8]) -> Option<Metrics> {
    type Object = serde_json::Map<String, serde_json::Value>;
    let object: Object = serde_json::from_slice(line)
        .or_else(|_| serde_json::from_str(&quote_bare(&String::from_utf8_lossy(line))))
        .ok()?;
    let number = |value: &serde_json::Value| match value {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::Null => Some(f64::NAN),
        serde_json::Value::String(text) => match text.as_str() {
            "NaN" | "nan" => Some(f64::NAN),
            "Infinity" | "inf" => Some(f64::INFINITY),
            "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    let known = object.iter().filter(|(name, _)| name.len() <= 128);
    Some(
        known
            .filter_map(|(name, value)| Some((name.clone(), Number(number(value)?))))
            .take(MAX_METRICS)
            .collect(),
    )
}

/// Puts the words that JSON does not know, outside text, into quotes.
fn quote_bare(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut in_text = false;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let bare =
            ["-Infinity", "Infinity", "NaN"].iter().find(|w| !in_text && rest.starts_with(**w));
        if let Some(word) = bare {
            out.push_str(&format!("\"{word}\""));
            rest = &rest[word.len()..];
            continue;
        }
        match c {
            '"' => in_text = !in_text,
            '\\' if in_text => {
                let escaped: String = rest.chars().take(2).collect();
                out.push_str(&escaped);
                rest = &rest[escaped.len()..];
                continue;
            }
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::At;

    fn ended(goal: Goal, metric: &str, lines: &[&str]) -> Ended {
        let objective = Objective { goal, metric: metric.into(), at: At::Best };
        let mut seen = Seen::new(&objective);
        for line in lines {
            seen.line(line.as_bytes());
        }
        seen.end(None, 1.0)
    }

    #[test]
    fn the_best_is_the_best_for_the_objective_whatever_its_name() {
        let lines = [r#"{"score": 0.9}"#, r#"{"score": 0.1}"#];
        assert_eq!(ended(Goal::Minimize, "score", &lines).best["score"].value, Number(0.1));
        assert_eq!(ended(Goal::Maximize, "score", &lines).best["score"].value, Number(0.9));
    }

    #[test]
    fn epochs_may_be_counted_from_nought() {
        for (told, epochs) in [
            (&["0", "1", "2"][..], vec![1, 2, 3]),
            (&["1", "2", "2"], vec![1, 2, 2]),
            (&["5", "6", "0"], vec![5, 6, 7]),
            (&["0.5", "1", "1.5"], vec![1, 1, 1]),
            (&["0", "null", "2"], vec![1, 2, 3]),
            (&["-1", "0", "1"], vec![1, 1, 2]),
        ] {
            let objective = Objective { goal: Goal::Minimize, metric: "loss".into(), at: At::Best };
            let mut seen = Seen::new(&objective);
            let line = |n: &&str| format!("{{\"epoch\": {n}, \"loss\": 0.5}}");
            let found: Vec<u32> =
                told.iter().map(|n| seen.line(line(n).as_bytes()).expect("metrics").0).collect();
            assert_eq!(found, epochs, "{told:?}");
        }
    }

    #[test]
    fn bare_nan_is_a_number_and_ends_a_run_as_diverged() {
        let end = ended(
            Goal::Minimize,
            "loss",
            &[r#"{"loss": 0.5}"#, r#"{"loss": NaN, "note": "NaN \" NaN"}"#],
        );
        assert_eq!((end.outcome, end.unreadable, end.epochs), (Outcome::Diverged, 0, 2));
        assert_eq!(end.best["loss"].value, Number(0.5));
        assert_eq!(
            ended(Goal::Minimize, "loss", &[r#"{"loss": -Infinity}"#]).outcome,
            Outcome::Diverged
        );
    }

    #[test]
    fn what_is_no_number_is_left_out_and_the_rest_counts() {
        let end = ended(
            Goal::Minimize,
            "loss",
            &[r#"{"loss": 0.5, "note": "x", "ok": true, "all": [1]}"#, "garbage"],
        );
        assert_eq!((end.outcome, end.metrics.len(), end.unreadable), (Outcome::Done, 1, 1));
    }

    #[test]
    fn a_metric_by_another_name_is_told() {
        let many = r#"{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1}"#;
        for (lines, expected) in [
            (&[r#"{"los": 0.5}"#][..], "never reported `loss`; it reported: `los`"),
            (&[many], "it reported: `a`, `b`, `c`, `d`, `e` (+2)"),
            (&[], "never reported `loss`: append lines such as {\"loss\": 0.5} to the file"),
            (&["x"], "it wrote 1 line to the file named in DLGRID_METRICS, and none is a JSON"),
            (&["x", "y"], "it wrote 2 lines to"),
        ] {
            let why = ended(Goal::Minimize, "loss", lines).why.expect("a cause");
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn metrics_without_end_are_cut() {
        let many: Vec<String> = (0..5000).map(|i| format!("\"m{i}\": 1")).collect();
        let end = ended(Goal::Minimize, "m0", &[&format!("{{{}}}", many.join(","))]);
        assert_eq!(end.metrics.len(), MAX_METRICS);
    }
}
