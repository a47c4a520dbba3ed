//! The sweeps under one root, as a table, CSV, JSON or Markdown.
use serde_json::{Value as Json, json};

use super::{Aim, Title, csv, json, markdown};
use crate::judge::{Counts, State};
use crate::terminal::{Column, Tone, View, lay_out};
use crate::text::{Digits, cut, duration, grouped};

/// Version of the JSON of `dlgrid list`; fields are added, never changed or taken away.
pub const LIST_SCHEMA: &str = "dlgrid.list/1";

/// One sweep in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The sweep.
    pub sweep: Title,
    /// When it was submitted, in seconds since the Unix epoch.
    pub created: f64,
    /// What it is after.
    pub aim: Aim,
    /// Its runs by state.
    pub counts: Counts,
    /// Runs not ended that no process will get to.
    pub missing: u64,
    /// The best trial's mean objective.
    pub best: Option<f64>,
    /// Whether a process of this machine works on it.
    pub is_at_work: bool,
    /// Whether nothing of it was ever begun, or put into a queue.
    pub is_unsubmitted: bool,
    /// Why it could not be read, if it could not.
    pub problem: Option<String>,
}

impl Entry {
    /// Where the sweep stands, in a word: `unreadable`, `running` (also where a process tries
    /// runs again that have ended), `unsubmitted` (nothing was begun, or put into a queue),
    /// `stopped` (runs are missing and nobody works on them),
    /// `waiting`, `failed` (some runs did), or `done`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        let counts = &self.counts;
        if self.problem.is_some() {
            "unreadable"
        } else if counts.get(State::Running) > 0 || self.is_at_work {
            "running"
        } else if self.missing > 0 && self.is_unsubmitted {
            "unsubmitted"
        } else if self.missing > 0 {
            "stopped"
        } else if counts.idle() > 0 {
            "waiting"
        } else if counts.get(State::Failed) > 0 {
            "failed"
        } else {
            "done"
        }
    }

    fn tone(&self) -> Tone {
        match self.state() {
            "done" => Tone::Good,
            "running" | "stopped" | "unsubmitted" => Tone::Busy,
            "waiting" => Tone::Less,
            _ => Tone::Bad,
        }
    }

    fn short_id(&self) -> &str {
        self.sweep.id.get(..8).unwrap_or(&self.sweep.id)
    }

    fn best(&self) -> String {
        self.best.map_or_else(|| "-".into(), |best| Digits::for_all([best]).write(best))
    }

    fn progress(&self) -> String {
        let (ended, total) = (self.counts.ended(), self.counts.total());
        format!("{}/{}", grouped(ended), grouped(total))
    }
}

/// Renders a table for a terminal; ages are counted from `now`, in seconds since the epoch.
#[must_use]
pub fn render(entries: &[Entry], now: f64, view: View) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let column = |head: &str, right, spare, cell: &dyn Fn(&Entry) -> String| Column {
        head: head.into(),
        short: head.into(),
        cells: entries.iter().map(cell).collect(),
        right,
        spare,
        ..Column::default()
    };
    let states = entries.iter().map(Entry::tone).collect();
    let columns = vec![
        column("sweep", false, 0, &|e| cut(&e.sweep.name, 40)),
        column("id", false, 1, &|e| e.short_id().to_owned()).toned(Tone::Less),
        column("age", true, 3, &|e| duration((now - e.created).max(0.0))).toned(Tone::Less),
        column("ended", true, 0, &Entry::progress),
        column("best", true, 2, &Entry::best),
        column("metric", false, 4, &|e| cut(&e.aim.metric, 32)).toned(Tone::Less),
        Column { tones: states, ..column("state", false, 0, &|e| e.state().to_owned()) },
        column("runs", false, 5, &|e| {
            e.problem.as_deref().map_or_else(|| e.counts.to_string(), |why| cut(why, 60))
        }),
    ];
    lay_out(columns, view).0
}

/// Renders CSV.
#[must_use]
pub fn render_csv(entries: &[Entry]) -> String {
    let mut head: Vec<String> =
        ["sweep", "id", "dir", "created", "state", "metric", "best", "runs"]
            .map(str::to_owned)
            .into();
    head.extend(crate::judge::STATES.map(|state| state.key().to_owned()));
    let lines = entries.iter().map(|e| {
        let mut cells = vec![
            csv::text(&e.sweep.name),
            csv::text(&e.sweep.id),
            csv::text(&e.sweep.dir),
            csv::number(e.created),
            e.state().into(),
            csv::text(&e.aim.metric),
            e.best.map_or_else(String::new, csv::number),
            e.counts.total().to_string(),
        ];
        cells.extend(e.counts.iter().map(|(_, runs)| runs.to_string()));
        cells
    });
    csv::write(std::iter::once(head).chain(lines))
}

/// Renders JSON, on one line: `schema`, `sweeps [{sweep {name, id, dir}, created, state,
/// objective {metric, goal, at}, best, counts, missing, problem}]`, newest first.
#[must_use]
pub fn render_json(entries: &[Entry]) -> String {
    let sweeps: Vec<Json> = entries
        .iter()
        .map(|e| {
            json!({
                "sweep": json::title(&e.sweep),
                "created": json::finite(e.created),
                "state": e.state(),
                "objective": json::aim(&e.aim),
                "best": e.best.map(json::finite),
                "counts": json::counts(&e.counts),
                "missing": e.missing,
                "problem": e.problem,
            })
        })
        .collect();
    json::object(&[
        ("schema", json!(LIST_SCHEMA).to_string()),
        ("sweeps", Json::Array(sweeps).to_string()),
    ]) + "\n"
}

/// Renders a Markdown table.
#[must_use]
pub fn render_markdown(entries: &[Entry], now: f64) -> String {
    let head = [
        ("sweep", false),
        ("id", false),
        ("age", true),
        ("ended", true),
        ("best", true),
        ("state", false),
    ]
    .map(|(name, right)| (name.to_owned(), right));
    let rows = entries.iter().map(|e| {
        vec![
            markdown::escape(&e.sweep.name),
            e.short_id().to_owned(),
            duration((now - e.created).max(0.0)),
            e.progress(),
            e.best(),
            e.state().to_owned(),
        ]
    });
    markdown::write(&head, rows)
}
