//! The report as text for a terminal: one line a trial, columns that fit, and under it all
//! that must be said.
use unicode_width::UnicodeWidthStr;

use super::{Aim, Report, Row, Summary, importance, paired, ranges, tested};
use crate::judge::State;
use crate::recipe::Value;
use crate::terminal::{Column, Tone, View, lay_out};
use crate::text::{Digits, clean, cut, duration, grouped, plural};

/// Longest text of a cell, in characters.
const LONGEST: usize = 32;
/// Most causes that are told.
const CAUSES: usize = 8;

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
            out.push_str(&view.paint(Tone::Less, &note));
            out.push('\n');
        }
        if !left_out.is_empty() {
            let note = format!(
                "left out for want of width: {} (see them all: --format csv)",
                left_out.join(", ")
            );
            out.push_str(&view.paint(Tone::Less, &note));
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
        view.paint(Tone::Strong, &clean(&report.sweep.name)),
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
        ..Column::default()
    };
    let mut columns = vec![
        column("rank", true, 0, &|row| rank(row, &report.aim)),
        column("trial", false, 0, &Row::name).toned(Tone::Less),
    ];
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
        tones: rows.iter().map(objective_tone).collect(),
        ..Column::default()
    });
    for (place, name) in report.metrics.iter().enumerate() {
        spare += 1;
        let all: Vec<Summary> = rows.iter().map(|row| row.metrics[place]).collect();
        let cells = summaries(&all, |_| "-");
        let head = cut(name, LONGEST);
        columns.push(Column { spare, ..Column::numbers(&head, cells) });
    }
    let asked = report.rounds().count();
    let partial = rows.iter().any(|row| row.is_partial(asked));
    columns.push(column("runs", true, if partial { 50 } else { 200 }, &|row| runs(row, asked)));
    if rows.iter().any(|row| row.counts.get(State::Done) < row.counts.total()) {
        columns.push(column("not done", false, 190, &not_done));
    }
    columns.push(column("time", true, 300, &|row| duration(row.seconds)).toned(Tone::Less));
    if asked > 1 {
        let a_run = column("a run", true, 301, &|row| duration(row.seconds_mean));
        columns.push(a_run.toned(Tone::Less));
    }
    columns
}

/// The first is what is looked for; one without a number went wrong, or is not there yet.
fn objective_tone(row: &Row) -> Tone {
    let bad = [State::Diverged, State::Failed, State::Lost].map(|state| row.counts.get(state));
    match (row.rank, bad.iter().sum()) {
        (Some(1), _) => Tone::Good,
        (Some(_), _) => Tone::Plain,
        (None, 0u64) => Tone::Less,
        (None, _) => Tone::Bad,
    }
}

/// A rank, marked where noise can't tell the trial from the first.
pub(super) fn rank(row: &Row, aim: &Aim) -> String {
    let mark = if row.is_tied(aim) { "≈ " } else { "" };
    row.rank.map_or_else(|| "-".into(), |rank| format!("{mark}{}", grouped(rank)))
}

/// What the mark before a rank says, where there is one.
pub(super) fn tied(report: &Report) -> Option<String> {
    let tied = || report.rows.iter().filter(|row| row.is_tied(&report.aim));
    let by_sign = tied().filter_map(|row| row.versus).any(|versus| versus.is_by_sign());
    let sign = if by_sign { "; equal differences: sign-flip test" } else { "" };
    (tied().count() > 0).then(|| {
        format!(
            "≈ can't be told from the first by {} (paired t test, p ≥ {}{sign})",
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

fn foot(report: &Report, view: View) -> String {
    let mut lines = vec![totals(report, view)];
    if !report.open.0.is_empty() {
        lines.push(format!("not ended: runs {}", ranges::words(&report.open.0, report.open.1)));
    }
    for cause in report.causes.iter().take(CAUSES) {
        let what = format!("{} {}", grouped(cause.runs), cause.state);
        let room = view.width.unwrap_or(200).saturating_sub(what.len() + 2).max(20);
        lines.push(format!(
            "{}: {}",
            view.paint(cause.state.tone(), &what),
            cut(&cause.text, room)
        ));
        let places = cause.places().map_or_else(String::new, |places| places + "; ");
        let name = clean(&report.sweep.typed);
        lines.push(format!("  {places}see: dlgrid logs {name} {}", cause.example));
    }
    if report.causes.len() > CAUSES {
        let rest = report.causes.len() - CAUSES;
        lines.push(format!("and {} more (see: --format json)", plural(rest as u64, "cause")));
    }
    lines.extend(report.together.map(|together| format!("trained together: {together}")));
    lines.extend(damage(report, view));
    lines.extend(report.notes.iter().map(|note| format!("note: {}", clean(note))));
    lines.extend(tested::line(&report.openings));
    let next = next(report).map(|step| view.next(&step));
    lines.join("\n") + "\n" + &next.unwrap_or_default()
}

/// How many trials are shown, and the runs by state.
pub(super) fn totals(report: &Report, view: View) -> String {
    let shown = report.rows.len() as u64;
    let trials = if shown == report.trials {
        plural(shown, "trial")
    } else {
        format!("{} of {} (all: --all)", grouped(shown), plural(report.trials, "trial"))
    };
    let runs = plural(report.counts.total(), "run");
    let of = match (&report.filter, begun(report)) {
        (Some(_), _) => format!("the whole sweep: {runs}"),
        (None, Some(begun)) if shown == report.trials => {
            return format!("{begun}; {runs}: {}", report.counts.render(view));
        }
        (None, Some(begun)) => format!("{begun}; {runs}"),
        (None, None) => runs,
    };
    format!("{trials}; {of}: {}", report.counts.render(view))
}

/// How many trials have begun, where not all have: of those that have not there is no row.
fn begun(report: &Report) -> Option<String> {
    let all = report.counts.total() / report.rounds().count().max(1);
    let (begun, all_trials) = (grouped(report.trials), plural(all, "trial"));
    (0 < report.trials && report.trials < all)
        .then(|| format!("{begun} of {all_trials} have begun"))
}

fn damage(report: &Report, view: View) -> Vec<String> {
    let Some(first) = report.damage.first() else { return Vec::new() };
    let count = plural(report.damaged_lines, "damaged line");
    let rest = match report.damaged_lines {
        0 | 1 => String::new(),
        n => format!(", and {} more", grouped(n - 1)),
    };
    vec![format!("{}: {}{rest}", view.paint(Tone::Bad, &count), clean(first))]
}

/// The command that comes next; nothing where there is nothing left to do.
pub(super) fn next(report: &Report) -> Option<String> {
    let name = clean(&report.sweep.typed);
    let counts = &report.counts;
    if report.missing > 0 {
        return Some(format!("dlgrid retry {name}   (trains what is missing or failed)"));
    }
    if counts.get(State::Running) + counts.idle() > 0 {
        return Some(format!("dlgrid status {name}"));
    }
    if counts.get(State::Failed) > 0 {
        return Some(format!("dlgrid retry {name}   (the failed runs again)"));
    }
    (counts.get(State::Done) > 0)
        .then(|| format!("dlgrid report {name} --html   (with all charts, on one page)"))
}
