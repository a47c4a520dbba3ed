//! A sweep while it runs, in lines: one as often as something changes, for where there is no screen.
use serde_json::json;

use super::super::json;
use super::super::status::{number, queue};
use super::{Live, News};
use crate::judge::{Counts, State};
use crate::text::{Digits, clean, duration, grouped, moment, plural};

/// Version of the JSON of `dlgrid watch`; fields are added, never changed or taken away.
pub const WATCH_SCHEMA: &str = "dlgrid.watch/1";

/// Seconds between two lines that say how far the sweep is.
const EVERY: f64 = 10.0;

/// Something that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When, in seconds since the Unix epoch.
    pub time: f64,
    /// What: `progress`, `best`, `slurm`, `note`, `trouble`, `over`, or the state in which runs are.
    pub event: &'static str,
    /// In words.
    pub text: String,
    /// Runs that it is about, where it is about some.
    pub runs: Vec<u64>,
    /// Runs of the sweep by state, where it says how far that is.
    pub counts: Option<Counts>,
}

/// What was told already.
#[derive(Debug, Clone, Default)]
pub struct Told {
    counts: Option<(f64, Counts)>,
    queue: Vec<String>,
    notes: Vec<String>,
    trouble: Option<String>,
    over: bool,
}

impl Told {
    /// What is to be told after a look.
    pub fn lines(&mut self, live: &Live, news: &[News]) -> Vec<Line> {
        let mut lines = went_wrong(live, news);
        lines.extend(news.iter().rfind(|one| one.is_best).map(|one| best(live, one)));
        let queue: Vec<String> = live.status.arrays.iter().map(queue::words).collect();
        let notes: Vec<String> = live
            .status
            .notes
            .iter()
            .map(|note| format!("{}: {}", note.about, clean(&note.text)))
            .collect();
        for (event, now, told) in
            [("slurm", queue, &mut self.queue), ("note", notes, &mut self.notes)]
        {
            let new = now.iter().filter(|text| !told.contains(text));
            lines.extend(new.map(|text| line(live.at, event, text.clone())));
            *told = now;
        }
        if live.trouble != self.trouble {
            self.trouble.clone_from(&live.trouble);
            lines.extend(live.trouble.iter().map(|why| line(live.at, "trouble", why.clone())));
        }
        lines.sort_by(|a, b| a.time.total_cmp(&b.time));
        let is_over = live.is_over();
        if self.is_due(live, is_over) {
            self.counts = Some((live.at, live.status.counts));
            let event = if is_over { "over" } else { "progress" };
            let counts = Some(live.status.counts);
            lines.push(Line { counts, ..line(live.at, event, progress(live)) });
        }
        self.over = is_over;
        lines
    }

    /// What is to be told at `now` (seconds since the Unix epoch) of a look in which nothing had
    /// changed since this one: how far it is, where that was not told yet.
    pub fn later(&mut self, live: &mut Live, now: f64) -> Vec<Line> {
        live.at = now;
        self.lines(live, &[])
    }

    fn is_due(&self, live: &Live, is_over: bool) -> bool {
        match &self.counts {
            None => true,
            Some(_) if is_over => !self.over,
            Some((then, counts)) => *counts != live.status.counts && live.at - then >= EVERY,
        }
    }
}

fn line(time: f64, event: &'static str, text: String) -> Line {
    Line { time, event, text, runs: Vec::new(), counts: None }
}

/// `132 of 252 runs ended (8 running, 12 failed, …); best …; about 6m left`.
fn progress(live: &Live) -> String {
    let counts = &live.status.counts;
    let mut text =
        format!("{} of {} ended: {counts}", grouped(counts.ended()), plural(counts.total(), "run"));
    if let Some(row) = &live.status.best {
        let metric = clean(&live.status.aim.metric);
        text.push_str(&format!(
            "; best {metric} {} (trial {})",
            number(&row.objective),
            row.name()
        ));
    }
    let open = counts.idle() + counts.get(State::Running);
    let left = live.rate.seconds_for(open).filter(|_| open > 0 && live.is_busy);
    if let Some(seconds) = left {
        text.push_str(&format!("; about {} left", duration(seconds)));
    }
    text
}

fn best(live: &Live, one: &News) -> Line {
    let metric = clean(&live.status.aim.metric);
    let value = one.objective.map_or_else(String::new, |x| Digits::for_all([x]).write(x));
    let what =
        if one.parameters.is_empty() { String::new() } else { format!(": {}", one.parameters) };
    let text =
        format!("best run so far: {metric} {value}, run {}, trial {}{what}", one.index, one.trial);
    Line { runs: vec![one.index], ..line(one.time, "best", text) }
}

/// Runs that went wrong, those of one cause in one line.
fn went_wrong(live: &Live, news: &[News]) -> Vec<Line> {
    let name = clean(&live.status.sweep.typed);
    let mut lines: Vec<(Line, &News)> = Vec::new();
    let is_bad = |one: &&News| {
        matches!(one.state, State::Failed | State::Diverged | State::Lost | State::Interrupted)
    };
    for one in news.iter().filter(is_bad) {
        let same = |(line, first): &&mut (Line, &News)| {
            line.event == one.state.word() && first.why == one.why
        };
        match lines.iter_mut().find(same) {
            Some((line, _)) => line.runs.push(one.index),
            None => {
                let line = line(one.time, one.state.word(), String::new());
                lines.push((Line { runs: vec![one.index], ..line }, one));
            }
        }
    }
    let say = |(mut line, first): (Line, &News)| {
        let who = match line.runs.len() {
            1 => format!("run {}", first.index),
            n => plural(n as u64, "run"),
        };
        let why = first.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        let on = first.node.as_deref().map_or_else(String::new, |node| format!(" (on {node})"));
        line.text =
            format!("{who} {}{why}{on}; see: dlgrid logs {name} {}", first.state, first.index);
        line
    };
    lines.into_iter().map(say).collect()
}

/// The first line: what is watched.
#[must_use]
pub fn head(live: &Live) -> String {
    let (status, aim) = (&live.status, &live.status.aim);
    let goal = if aim.maximize { "maximize" } else { "minimize" };
    let place = if live.on_slurm { "on Slurm" } else { "on this machine" };
    format!("watching {}: {goal} {}, {place}", clean(&status.sweep.name), clean(&aim.metric))
}

/// What comes next once it is over.
#[must_use]
pub fn next(live: &Live) -> String {
    let name = clean(&live.status.sweep.typed);
    match (live.is_complete(), live.status.counts.get(State::Failed)) {
        (true, 0) => format!("dlgrid report {name}"),
        (true, _) => format!("dlgrid logs {name} --failed"),
        (false, _) if live.on_slurm => format!("dlgrid retry {name}"),
        (false, _) => format!("dlgrid retry {name}   (nothing works on it)"),
    }
}

/// A line as text, with its time in UTC.
#[must_use]
pub fn render(line: &Line) -> String {
    format!("{}  {}\n", moment(line.time), line.text)
}

/// A line as a JSON object: `schema`, `time` (seconds since the Unix epoch), `event`, `text`, `runs`,
/// and `counts` or null.
#[must_use]
pub fn render_json(line: &Line) -> String {
    json::object(&[
        ("schema", json!(WATCH_SCHEMA).to_string()),
        ("time", json::finite(line.time).to_string()),
        ("event", json!(line.event).to_string()),
        ("text", json!(line.text).to_string()),
        ("runs", json!(line.runs).to_string()),
        ("counts", line.counts.as_ref().map_or(json!(null), json::counts).to_string()),
    ]) + "\n"
}
