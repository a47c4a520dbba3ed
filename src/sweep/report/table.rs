//! The report as text for a terminal: one line a trial, columns that fit, and under it all
//! that must be said.
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use unicode_width::UnicodeWidthStr;

use super::{Report, Row, Summary, importance, paired, ranges, tested};
use crate::judge::State;
use crate::recipe::Value;
use crate::text::{Digits, clean, cut, duration, grouped, plural};

/// What the text is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Characters in a line; nothing: as many as it takes.
    pub width: Option<usize>,
    /// Whether ANSI colours are understood.
    pub color: bool,
}

/// Longest text of a cell, in characters.
const LONGEST: usize = 32;
/// Most causes that are told.
const CAUSES: usize = 8;

/// One column, ready to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What stands above it.
    pub head: String,
    /// What stands above it where there is little room.
    pub short: String,
    /// A text for each row.
    pub cells: Vec<String>,
    /// Whether it is numbers, set to the right.
    pub right: bool,
    /// Order of being left out where there is no room: higher goes first, 0 never.
    pub spare: u32,
}

impl Column {
    fn width(&self) -> usize {
        self.cells.iter().map(|c| c.width()).fold(self.head.width(), usize::max)
    }
}

/// Renders the report.
#[must_use]
pub fn render(report: &Report, view: View) -> String {
    let mut out = head(report, view);
    if report.rows.is_empty() {
        out.push_str(&empty(report));
    } else {
        let (table, left_out) = lay_out(columns(report), view);
        out.push_str(&table);
        if let Some(note) = tied(report) {
            out.push_str(&style(view, DIM, &note));
            out.push('\n');
        }
        if !left_out.is_empty() {
            let note = format!(
                "left out for want of width: {} (see them all: --format csv)",
                left_out.join(", ")
            );
            out.push_str(&style(view, DIM, &note));
            out.push('\n');
        }
    }
    out.push('\n');
    if let Some(told) = &report.importance {
        out.push_str(&importance::table(report, told, view));
        out.push('\n');
    }
    out.push_str(&foot(report, view));
    out
}

fn head(report: &Report, view: View) -> String {
    let aim = &report.aim;
    let goal = if aim.maximize { "maximize" } else { "minimize" };
    let at = if aim.best { "best" } else { "last" };
    let rounds = report.rounds();
    let spread = match rounds.count() {
        1 => rounds.to_string(),
        _ => format!("mean ± sd over {rounds}"),
    };
    format!(
        "{}  {goal} {} at the {at} epoch, {spread}\n\n",
        style(view, BOLD, &clean(&report.sweep.name)),
        clean(&aim.metric)
    )
}

fn empty(report: &Report) -> String {
    match &report.filter {
        Some(filter) => format!("no trial has {}\n", clean(filter)),
        None if report.trials > 0 && report.counts.ended() > 0 => String::new(),
        None => "no run has begun yet\n".into(),
    }
}

fn columns(report: &Report) -> Vec<Column> {
    let rows = &report.rows;
    let column = |head: &str, right, spare, cell: &dyn Fn(&Row) -> String| Column {
        head: cut(head, LONGEST),
        short: cut(short(head, &report.parameters), LONGEST),
        cells: rows.iter().map(cell).collect(),
        right,
        spare,
    };
    let mut columns = vec![column("rank", true, 0, &rank), column("trial", false, 0, &Row::name)];
    let mut spare = 100;
    for (place, path) in report.parameters.iter().enumerate() {
        spare += 1;
        let value = |row: &Row| row.parameters.get(place).cloned().flatten();
        let right = rows.iter().filter_map(value).all(|v| v.as_f64().is_some());
        columns.push(column(path, right, spare, &|row| parameter(value(row).as_ref())));
    }
    let objective = cut(&report.aim.metric, LONGEST);
    columns.push(Column {
        head: objective.clone(),
        short: objective,
        cells: objectives(report),
        right: true,
        spare: 0,
    });
    for (place, name) in report.metrics.iter().enumerate() {
        spare += 1;
        let all: Vec<Summary> = rows.iter().map(|row| row.metrics[place]).collect();
        let cells = summaries(&all, |_| "-");
        let head = cut(name, LONGEST);
        columns.push(Column { short: head.clone(), head, cells, right: true, spare });
    }
    let asked = report.rounds().count();
    let partial = rows.iter().any(|row| row.is_partial(asked));
    columns.push(column("runs", true, if partial { 50 } else { 200 }, &|row| runs(row, asked)));
    if rows.iter().any(|row| row.counts.get(State::Done) < row.counts.total()) {
        columns.push(column("not done", false, 190, &not_done));
    }
    columns.push(column("time", true, 300, &|row| duration(row.seconds)));
    if asked > 1 {
        columns.push(column("a run", true, 301, &|row| duration(row.seconds_mean)));
    }
    columns
}

/// A rank, marked where noise can't tell the trial from the first.
pub(super) fn rank(row: &Row) -> String {
    let mark = if row.is_tied() { "≈ " } else { "" };
    row.rank.map_or_else(|| "-".into(), |rank| format!("{mark}{}", grouped(rank)))
}

/// What the mark before a rank says, where there is one.
pub(super) fn tied(report: &Report) -> Option<String> {
    report.rows.iter().any(Row::is_tied).then(|| {
        format!(
            "≈ can't be told from the first by {} (paired t test, p ≥ {})",
            report.rounds(),
            paired::LEVEL
        )
    })
}

/// The end of a path from which on no other path has the same: `lr` of `optimizer.lr`.
pub(super) fn short<'a>(path: &'a str, all: &[String]) -> &'a str {
    let mut from = path.len();
    while let Some(dot) = path[..from].rfind('.') {
        let tail = &path[dot..];
        let same = |other: &&String| other.ends_with(tail) || **other == tail[1..];
        if all.iter().filter(same).count() <= 1 {
            return &path[dot + 1..];
        }
        from = dot;
    }
    path
}

/// A parameter's value in a cell.
pub(super) fn parameter(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".into(), |v| cut(&v.to_string(), LONGEST))
}

/// The objective of each row, or why there is none.
pub(super) fn objectives(report: &Report) -> Vec<String> {
    let all: Vec<Summary> = report.rows.iter().map(|row| row.objective).collect();
    summaries(&all, |place| match report.rows[place].objective_state() {
        Some("nan") => "NaN",
        Some(state) => state,
        None => "-",
    })
}

/// `0.9712 ± 0.0011`, with the same number of digits in every row.
pub(super) fn summaries(all: &[Summary], otherwise: impl Fn(usize) -> &'static str) -> Vec<String> {
    let digits = Digits::for_all(all.iter().filter_map(|s| s.mean));
    let any_sd = all.iter().any(|s| s.sd.is_some());
    let sd_width =
        all.iter().filter_map(|s| s.sd).map(|sd| digits.write(sd).width()).max().unwrap_or(0);
    let pad = if any_sd { 3 + sd_width } else { 0 };
    all.iter()
        .enumerate()
        .map(|(place, s)| match (s.mean, s.sd) {
            (Some(mean), Some(sd)) => {
                format!("{} ± {:>sd_width$}", digits.write(mean), digits.write(sd))
            }
            (Some(mean), None) if mean.is_finite() => {
                format!("{}{:pad$}", digits.write(mean), "")
            }
            _ => otherwise(place).to_owned(),
        })
        .collect()
}

/// How many runs count, marked where some are missing.
pub(super) fn runs(row: &Row, asked: u64) -> String {
    if row.is_partial(asked) {
        format!("{} of {asked}", row.objective.n)
    } else {
        row.objective.n.to_string()
    }
}

/// The runs of a trial that are not done: `1 diverged, 1 waiting`.
pub(super) fn not_done(row: &Row) -> String {
    let words: Vec<String> = row
        .counts
        .iter()
        .filter(|(state, runs)| *state != State::Done && *runs > 0)
        .map(|(state, runs)| format!("{runs} {state}"))
        .collect();
    words.join(", ")
}

/// Lays columns out side by side, leaving out what does not fit; the names of those left out
/// come with the text.
pub(super) fn lay_out(mut columns: Vec<Column>, view: View) -> (String, Vec<String>) {
    let mut left_out: Vec<(usize, String)> = Vec::new();
    let total =
        |columns: &[Column]| columns.iter().map(|c| c.width() + 2).sum::<usize>().saturating_sub(2);
    let names: Vec<(String, String)> =
        columns.iter().map(|c| (c.short.clone(), c.head.clone())).collect();
    let too_wide = |columns: &[Column]| view.width.is_some_and(|width| total(columns) > width);
    if too_wide(&columns) {
        for column in &mut columns {
            column.head.clone_from(&column.short);
        }
    }
    while too_wide(&columns) {
        let spare = columns.iter().enumerate().max_by_key(|(_, c)| c.spare);
        let Some(place) = spare.filter(|(_, c)| c.spare > 0).map(|(place, _)| place) else { break };
        let gone = columns.remove(place);
        let at = names.iter().position(|(short, _)| *short == gone.short).unwrap_or(0);
        left_out.push((at, names[at].1.clone()));
    }
    left_out.sort();
    let text = grid(&columns);
    let mut lines = text.lines();
    let mut out = String::with_capacity(text.len() + 16);
    if let Some(first) = lines.next() {
        out.push_str(&style(view, BOLD, first.trim_end()));
        out.push('\n');
    }
    for line in lines {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    (out, left_out.into_iter().map(|(_, name)| name).collect())
}

fn grid(columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|c| cell(&c.head, c.right)));
    let rows = columns.first().map_or(0, |c| c.cells.len());
    for row in 0..rows {
        table.add_row(columns.iter().map(|c| cell(&c.cells[row], c.right)));
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { 0 } else { 2 }, 0));
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.to_string()
}

fn cell(text: &str, right: bool) -> Cell {
    let side = if right { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(side)
}

fn foot(report: &Report, view: View) -> String {
    let mut lines = vec![totals(report)];
    if !report.open.0.is_empty() {
        lines.push(format!("not ended: runs {}", ranges::words(&report.open.0, report.open.1)));
    }
    for cause in report.causes.iter().take(CAUSES) {
        let color = if cause.state == State::Failed { RED } else { YELLOW };
        let what = format!("{} {}", grouped(cause.runs), cause.state);
        let room = view.width.unwrap_or(200).saturating_sub(what.len() + 2).max(20);
        lines.push(format!("{}: {}", style(view, color, &what), cut(&cause.text, room)));
        let places = cause.places().map_or_else(String::new, |places| places + "; ");
        let name = clean(&report.sweep.name);
        lines.push(format!("  {places}see: dlgrid logs {name} {}", cause.example));
    }
    if report.causes.len() > CAUSES {
        let rest = report.causes.len() - CAUSES;
        lines.push(format!("and {} more (see: --format json)", plural(rest as u64, "cause")));
    }
    lines.extend(damage(report, view));
    lines.extend(report.notes.iter().map(|note| format!("note: {}", clean(note))));
    lines.extend(tested::line(&report.openings));
    lines.extend(next(report).map(|next| format!("next: {next}")));
    lines.join("\n") + "\n"
}

/// How many trials are shown, and the runs by state.
pub(super) fn totals(report: &Report) -> String {
    let shown = report.rows.len() as u64;
    let trials = if shown == report.trials {
        plural(shown, "trial")
    } else {
        format!("{} of {} (all: --all)", grouped(shown), plural(report.trials, "trial"))
    };
    format!("{trials}; {}: {}", plural(report.counts.total(), "run"), report.counts)
}

fn damage(report: &Report, view: View) -> Vec<String> {
    let Some(first) = report.damage.first() else { return Vec::new() };
    let count = plural(report.damaged_lines, "damaged line");
    let rest = match report.damaged_lines {
        0 | 1 => String::new(),
        n => format!(", and {} more", grouped(n - 1)),
    };
    vec![format!("{}: {}{rest}", style(view, RED, &count), clean(first))]
}

/// The command that comes next; nothing where there is nothing left to do.
pub(super) fn next(report: &Report) -> Option<String> {
    let name = clean(&report.sweep.name);
    let counts = &report.counts;
    if report.missing > 0 {
        return Some(format!("dlgrid retry {name}   (trains what is missing or failed)"));
    }
    if counts.get(State::Running) + counts.idle() > 0 {
        return Some(format!("dlgrid status {name}"));
    }
    (counts.get(State::Failed) > 0)
        .then(|| format!("dlgrid retry {name}   (the failed runs again)"))
}

pub(super) const BOLD: &str = "1";
pub(super) const DIM: &str = "2";
pub(super) const RED: &str = "31";
pub(super) const GREEN: &str = "32";
pub(super) const YELLOW: &str = "33";

/// The text in a colour, where the view has colours.
pub(super) fn style(view: View, code: &str, text: &str) -> String {
    if view.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
