//! The report as a Markdown table, for issues and notes.
use super::table::{not_done, objectives, parameter, rank, runs, summaries, tied, totals};
use super::{Aim, Report, Row, Summary, importance, tested};
use crate::judge::State;
use crate::terminal::View;
use crate::text::{clean, duration};

/// Renders the report. Everything that Markdown would act on is escaped.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut head = vec![("rank".to_owned(), true), ("trial".into(), false)];
    head.extend(report.parameters.iter().enumerate().map(|(place, path)| {
        let mut values = report.rows.iter().filter_map(|row| row.parameters[place].as_ref());
        (escape(path), values.all(|v| v.as_f64().is_some()))
    }));
    head.push((escape(&report.aim.metric), true));
    head.extend(report.metrics.iter().map(|name| (escape(name), true)));
    let unfinished = report.rows.iter().any(|row| row.counts.get(State::Done) < row.counts.total());
    head.push(("runs".into(), true));
    if unfinished {
        head.push(("not done".into(), false));
    }
    head.push(("time".into(), true));
    let objectives = objectives(report);
    let metrics: Vec<Vec<String>> = (0..report.metrics.len())
        .map(|place| {
            let all: Vec<Summary> = report.rows.iter().map(|row| row.metrics[place]).collect();
            summaries(&all, |_| "-")
        })
        .collect();
    let rows = report.rows.iter().enumerate().map(|(at, row)| {
        let mut cells = start(row, &report.aim);
        cells.push(objectives[at].trim_end().to_owned());
        cells.extend(metrics.iter().map(|column| column[at].trim_end().to_owned()));
        cells.push(runs(row, report.rounds().count()));
        if unfinished {
            cells.push(not_done(row));
        }
        cells.push(duration(row.seconds));
        cells
    });
    let mut out = write(&head, rows);
    out.push('\n');
    if let Some(note) = tied(report) {
        out.push_str(&note);
        out.push_str("\n\n");
    }
    out.push_str(&totals(report, View::PLAIN).replace(" (all: --all)", ""));
    out.push('\n');
    if let Some(told) = &report.importance {
        out.push_str(&what_matters(report, told));
    }
    if let Some(line) = tested::line(&report.openings) {
        out.push_str(&format!("\n{}\n", escape(&line)));
    }
    out
}

fn what_matters(report: &Report, told: &importance::Told) -> String {
    let mut out = String::from("\n");
    if let Some(found) = &told.found {
        let head = [("parameter".to_owned(), false), ("share".into(), true)];
        let lines = importance::lines(found, &report.parameters).into_iter();
        let rows = lines.map(|(name, share)| vec![escape(&name), importance::written(share)]);
        out.push_str(&write(&head, rows));
        out.push('\n');
    }
    out.push_str(&importance::notes(told).join("; "));
    out.push('\n');
    out
}

fn start(row: &Row, aim: &Aim) -> Vec<String> {
    let mut cells = vec![rank(row, aim), row.name()];
    cells.extend(row.parameters.iter().map(|value| escape(&parameter(value.as_ref()))));
    cells
}

/// An image beside the report.
#[must_use]
pub fn image(alt: &str, path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let address: String = path
        .bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("\n![{}]({address})\n", escape(alt))
}

/// A table; `true` sets a column to the right.
pub(super) fn write(head: &[(String, bool)], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let names: Vec<String> = head.iter().map(|(name, _)| name.clone()).collect();
    let rules: Vec<String> =
        head.iter().map(|(_, right)| if *right { "---:" } else { "---" }.to_owned()).collect();
    let mut out = line(&names) + &line(&rules);
    for row in rows {
        out.push_str(&line(&row));
    }
    out
}

/// Text that Markdown shows as it is.
pub(super) fn escape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in clean(raw).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '^' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
