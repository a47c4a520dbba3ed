//! One run's result: its metrics against what they must beat, each class, and the confusion
//! matrix; as text and as JSON in a documented form with a version: see [`RESULT_SCHEMA`].
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::{Aim, Title, json};
use crate::recipe::Value;
use crate::store::confusion::{ClassScore, class_scores};
use crate::store::record::{End, Metrics, Number, Outcome};
use crate::terminal::{Column, Tone, View, lay_out};
use crate::text::{Digits, clean, duration, grouped, plural};
use crate::trial::TrialId;

/// Version of the JSON of `dlgrid show`; fields are added, never changed or taken away.
pub const RESULT_SCHEMA: &str = "dlgrid.run/1";

/// What the names of floors begin with.
pub(crate) const FLOOR: &str = "floor/";
/// Classes whose whole confusion matrix is shown as text.
const MATRIX: usize = 20;
/// Of more classes, so many of the worst, and so many of the most frequent mistakes.
const WORST: usize = 20;

/// One run with how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// The sweep.
    pub sweep: Title,
    /// What the sweep is after.
    pub aim: Aim,
    /// The trial.
    pub trial: TrialId,
    /// Every parameter of it.
    pub parameters: Vec<(String, Value)>,
    /// The names of the classes, where they are known.
    pub class_names: Vec<String>,
    /// How it ended.
    pub end: End,
}

impl RunResult {
    fn scores(&self) -> Vec<ClassScore> {
        let confusion = self.end.confusion.as_deref().unwrap_or_default();
        class_scores(&confusion.concat(), confusion.len())
    }

    /// A class by its number, with its name if it has one.
    fn class(&self, class: usize) -> String {
        match self.class_names.get(class) {
            Some(name) => format!("{class} {}", clean(name)),
            None => class.to_string(),
        }
    }

    const fn tone(&self) -> Tone {
        match self.end.outcome {
            Outcome::Done => Tone::Good,
            Outcome::Diverged | Outcome::Failed => Tone::Bad,
        }
    }

    fn state(&self) -> &'static str {
        match self.end.outcome {
            Outcome::Done => "done",
            Outcome::Diverged => "diverged",
            Outcome::Failed => "failed",
        }
    }
}

/// Floors by kind (`untrained`, `majority`) and metric (`f1`).
fn floors(metrics: &Metrics) -> BTreeMap<&str, BTreeMap<&str, f64>> {
    let mut kinds = BTreeMap::<&str, BTreeMap<&str, f64>>::new();
    for (name, Number(value)) in metrics {
        if let Some((kind, metric)) = name.strip_prefix(FLOOR).and_then(|n| n.split_once('_')) {
            kinds.entry(kind).or_default().insert(metric, *value);
        }
    }
    kinds
}

/// Renders text for people.
#[must_use]
pub fn text(result: &RunResult, view: View) -> String {
    let end = &result.end;
    let mut out = format!(
        "{}  {}  trial {}  seed {}  {}  {}",
        view.paint(Tone::Strong, &format!("run {}", end.index)),
        view.paint(result.tone(), result.state()),
        result.trial.short(),
        end.seed,
        plural(u64::from(end.epochs), "epoch"),
        duration(end.seconds)
    );
    if let Some(weights) = end.weights {
        let _ = write!(out, "  {} weights", grouped(weights));
    }
    if let Some(runs) = end.cohort {
        let _ = write!(out, "  in a cohort of {}", grouped(runs.into()));
    }
    out.push('\n');
    let parameters: Vec<String> =
        result.parameters.iter().map(|(path, value)| format!("{path}={value}")).collect();
    if !parameters.is_empty() {
        let _ = writeln!(out, "{}", clean(&parameters.join("  ")));
    }
    if let Some(why) = &end.why {
        let state = view.paint(result.tone(), result.state());
        let _ = writeln!(out, "{state}: {}", clean(why));
    }
    metrics_table(&mut out, result, view);
    classes_table(&mut out, result, view);
    confusion_table(&mut out, result, view);
    out
}

fn metrics_table(out: &mut String, result: &RunResult, view: View) {
    let end = &result.end;
    let floors = floors(&end.metrics);
    let mut head: Vec<String> = ["metric", "last", "best", "epoch"].map(str::to_owned).into();
    head.extend(floors.keys().map(|kind| (*kind).to_owned()));
    let mut rows = vec![head];
    let floor = |kind: &BTreeMap<&str, f64>, name: &str| -> Option<f64> {
        kind.get(name.strip_prefix("valid/")?).copied()
    };
    for (name, Number(last)) in end.metrics.iter().filter(|(name, _)| !name.starts_with(FLOOR)) {
        let best = end.best.get(name);
        let floors: Vec<Option<f64>> = floors.values().map(|kind| floor(kind, name)).collect();
        let numbers = [Some(*last), best.map(|b| b.value.0)];
        let digits = Digits::for_all(numbers.iter().chain(&floors).flatten().copied());
        let write = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| digits.write(x));
        let mark = if *name == result.aim.metric { "*" } else { "" };
        let mut row = vec![format!("{}{mark}", clean(name))];
        row.extend(numbers.map(write));
        row.push(best.map_or_else(|| "-".to_owned(), |b| b.epoch.to_string()));
        row.extend(floors.into_iter().map(write));
        rows.push(row);
    }
    if rows.len() > 1 {
        aligned(out, &rows, view);
    }
}

fn classes_table(out: &mut String, result: &RunResult, view: View) {
    let mut scores: Vec<(usize, ClassScore)> = result.scores().into_iter().enumerate().collect();
    let (all, digits) = (scores.len(), Digits::Plain(4));
    if all > MATRIX {
        scores.sort_by(|a, b| a.1.f1.total_cmp(&b.1.f1));
        scores.truncate(WORST);
    }
    let mut rows =
        vec![["class", "precision", "recall", "f1", "samples"].map(str::to_owned).into()];
    for (class, s) in &scores {
        let mut row = vec![result.class(*class)];
        row.extend([s.precision, s.recall, s.f1].map(|x| digits.write(x)));
        row.push(grouped(s.support));
        rows.push(row);
    }
    if !scores.is_empty() {
        aligned(out, &rows, view);
    }
    if all > MATRIX {
        let _ = writeln!(out, "of {all} classes the worst: `--format json` has all");
    }
}

fn confusion_table(out: &mut String, result: &RunResult, view: View) {
    let confusion = result.end.confusion.as_deref().unwrap_or_default();
    if confusion.is_empty() {
        return;
    }
    if confusion.len() > MATRIX {
        let each = |(class, row): (usize, &Vec<u64>)| {
            let taken = row.iter().copied().enumerate().filter(move |(other, _)| *other != class);
            taken.map(move |(other, n)| (n, class, other)).collect::<Vec<_>>()
        };
        let mut mistakes: Vec<(u64, usize, usize)> =
            confusion.iter().enumerate().flat_map(each).filter(|(n, ..)| *n > 0).collect();
        mistakes.sort_by_key(|&(n, class, other)| (std::cmp::Reverse(n), class, other));
        let mut rows = vec![["true class", "taken for", "samples"].map(str::to_owned).into()];
        for (n, class, other) in mistakes.into_iter().take(WORST) {
            rows.push(vec![result.class(class), result.class(other), grouped(n)]);
        }
        return aligned(out, &rows, view);
    }
    let mut head = vec!["true \\ taken for".to_owned()];
    head.extend((0..confusion.len()).map(|class| class.to_string()));
    let mut rows = vec![head];
    for (class, row) in confusion.iter().enumerate() {
        let mut cells = vec![result.class(class)];
        cells.extend(row.iter().map(|n| grouped(*n)));
        rows.push(cells);
    }
    aligned(out, &rows, view);
}

/// Rows under a head: the first column to the left, the others to the right.
fn aligned(out: &mut String, rows: &[Vec<String>], view: View) {
    let Some((head, rows)) = rows.split_first() else { return };
    let column = |(place, head): (usize, &String)| Column {
        right: place > 0,
        yields: place == 0,
        ..Column::words(head, rows.iter().map(|row| row[place].clone()).collect())
    };
    out.push('\n');
    out.push_str(&lay_out(head.iter().enumerate().map(column).collect(), view).0);
}

/// Renders JSON, on one line: `schema`, `sweep {name, id, dir}`, `objective {metric, goal, at}`,
/// `run`, `id`, `trial`, `trial_id`, `seed`, `state`, `why`, `cause`, `parameters` by path,
/// `epochs`, `seconds`, `samples_per_s`, `weights`, `cohort`; `metrics` after the last epoch by name, `best
/// {value, epoch}` by name, `floors`: by kind (`untrained`; `majority` or `mean`) and metric;
/// `classes [{class, name, precision, recall, f1, support, predicted}]` and `confusion`, `[true
/// class][predicted class]`, both null where nothing is classified. A number that is not finite is
/// null.
#[must_use]
pub fn render_json(result: &RunResult) -> String {
    let end = &result.end;
    let parameters: Map<String, Json> =
        result.parameters.iter().map(|(path, value)| (path.clone(), value.to_json())).collect();
    let own = end.metrics.iter().filter(|(name, _)| !name.starts_with(FLOOR));
    let metrics: Map<String, Json> =
        own.map(|(name, value)| (name.clone(), json::finite(value.0))).collect();
    let best = end.best.iter().map(|(name, best)| {
        (name.clone(), json!({"value": json::finite(best.value.0), "epoch": best.epoch}))
    });
    let class = |(class, s): (usize, ClassScore)| {
        json!({"class": class, "name": result.class_names.get(class), "precision": s.precision,
               "recall": s.recall, "f1": s.f1, "support": s.support, "predicted": s.predicted})
    };
    let classes: Vec<Json> = result.scores().into_iter().enumerate().map(class).collect();
    json::object(&[
        ("schema", json!(RESULT_SCHEMA).to_string()),
        ("sweep", json::title(&result.sweep).to_string()),
        ("objective", json::aim(&result.aim).to_string()),
        ("run", end.index.to_string()),
        ("id", json!(end.run).to_string()),
        ("trial", json!(result.trial.short()).to_string()),
        ("trial_id", json!(result.trial).to_string()),
        ("seed", end.seed.to_string()),
        ("state", json!(result.state()).to_string()),
        ("why", json!(end.why).to_string()),
        ("cause", json!(end.cause.map(super::fate::word)).to_string()),
        ("parameters", Json::Object(parameters).to_string()),
        ("epochs", end.epochs.to_string()),
        ("seconds", json::finite(end.seconds).to_string()),
        ("samples_per_s", json!(end.samples_per_s.map(json::finite)).to_string()),
        ("weights", json!(end.weights).to_string()),
        ("cohort", json!(end.cohort).to_string()),
        ("metrics", Json::Object(metrics).to_string()),
        ("best", Json::Object(best.collect()).to_string()),
        ("floors", json!(floors(&end.metrics)).to_string()),
        ("classes", json!(end.confusion.as_ref().map(|_| classes)).to_string()),
        ("confusion", json!(end.confusion).to_string()),
    ]) + "\n"
}

#[cfg(test)]
#[path = "result/tests.rs"]
mod tests;
