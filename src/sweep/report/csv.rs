//! The report as CSV: one line a trial (or a run), all digits, for other programs.
use super::heads::Heads;
use super::{Aim, Comparison, Report, Row, Summary};
use crate::judge::State;
use crate::recipe::Value;
use crate::text::clean;

/// Renders the report, one line a trial.
///
/// Text that a spreadsheet would take for a formula (`=`, `+`, `-`, `@`, tab or return in
/// front) gets a `'` in front; numbers never do. What is missing is empty. Each column has another
/// name, as [`Heads`] gives it.
#[must_use]
pub fn render(report: &Report) -> String {
    let states = crate::judge::STATES.map(State::key);
    let fixed = [&BEFORE[..], &AFTER, &states, &COMPARED, &["folds"], &SPEED].concat();
    let (mut heads, names) = heads(report, fixed);
    let mut head = BEFORE.map(str::to_owned).to_vec();
    head.extend(names.iter().map(|name| heads.parameter(name)));
    head.extend(heads.mean_and_sd(&text(&report.aim.metric)));
    head.push("n".into());
    head.extend(report.metrics.iter().flat_map(|metric| heads.mean_and_sd(&text(metric))));
    head.extend(AFTER.iter().skip(1).chain(&states).map(|name| (*name).to_owned()));
    head.extend(report.comparison.iter().flat_map(|_| COMPARED.map(str::to_owned)));
    head.extend(report.folds.map(|_| "folds".to_owned()));
    head.extend(report.together.iter().flat_map(|_| SPEED.map(str::to_owned)));
    write(std::iter::once(head).chain(report.rows.iter().map(|row| line(row, report))))
}

/// Columns of a trial that have no name of a user, before its parameters, and after them.
const BEFORE: [&str; 2] = ["rank", "trial"];
const AFTER: [&str; 4] = ["n", "seeds", "seconds", "seconds_mean"];

/// The columns of a table that has these of dlgrid, and the names of its parameters.
fn heads(report: &Report, fixed: Vec<&'static str>) -> (Heads, Vec<String>) {
    let names: Vec<String> = report.parameters.iter().map(|name| text(name)).collect();
    let metrics = std::iter::once(&report.aim.metric).chain(&report.metrics);
    let metrics: Vec<String> = metrics.map(|name| text(name)).collect();
    (Heads::new(fixed, names.iter().chain(&metrics)), names)
}

fn line(row: &Row, report: &Report) -> Vec<String> {
    let mut cells = vec![row.rank.map_or_else(String::new, |rank| rank.to_string()), row.name()];
    cells.extend(row.parameters.iter().map(|v| v.as_ref().map_or_else(String::new, value)));
    cells.extend(summary(&row.objective));
    for metric in &row.metrics {
        cells.extend(summary(metric).into_iter().take(2));
    }
    cells.extend([report.seeds.to_string(), number(row.seconds), number(row.seconds_mean)]);
    cells.extend(row.counts.iter().map(|(_, runs)| runs.to_string()));
    cells.extend(report.comparison.iter().flat_map(|first| compared(row, first, &report.aim)));
    cells.extend(report.folds.map(|folds| folds.to_string()));
    cells.extend(report.together.iter().flat_map(|_| speed(row.cohort, row.samples_per_s)));
    cells
}

/// How many runs were trained together, and how fast: the last columns, where any was.
const SPEED: [&str; 2] = ["cohort", "samples_per_s"];

fn speed(cohort: Option<u32>, samples_per_s: Option<f64>) -> [String; 2] {
    let cohort = cohort.map_or_else(String::new, |runs| runs.to_string());
    [cohort, samples_per_s.map_or_else(String::new, number)]
}

/// How a row compares with the first; the columns come last, where trials have several runs.
const COMPARED: [&str; 6] =
    ["pairs", "difference", "difference_low", "difference_high", "p", "tied_with_first"];

fn compared(row: &Row, first: &Comparison, aim: &Aim) -> Vec<String> {
    let optional = |x: Option<f64>| x.map_or_else(String::new, number);
    match row.versus {
        None if row.point == first.point => {
            let mut cells = vec![String::new(); 5];
            cells.push("true".into());
            cells
        }
        None => vec![String::new(); 6],
        Some(versus) => vec![
            versus.pairs.to_string(),
            optional(versus.difference),
            optional(versus.interval.map(|interval| interval.0)),
            optional(versus.interval.map(|interval| interval.1)),
            optional(versus.p),
            row.is_tied(aim).to_string(),
        ],
    }
}

fn summary(s: &Summary) -> [String; 3] {
    let optional = |x: Option<f64>| x.map_or_else(String::new, number);
    [optional(s.mean), optional(s.sd), s.n.to_string()]
}

/// Renders every run of the rows shown, one line a run.
#[must_use]
pub fn render_runs(report: &Report) -> String {
    let fixed = ["rank", "trial", "run", "seed", "state", "seconds", "why", "fold"];
    let (mut heads, names) = heads(report, [&fixed[..], &SPEED].concat());
    let mut head: Vec<String> = fixed[..4].iter().map(|name| (*name).to_owned()).collect();
    head.extend(names.iter().map(|name| heads.parameter(name)));
    let objective = heads.metric(&text(&report.aim.metric));
    head.extend(["state".to_owned(), objective, "seconds".into(), "why".into()]);
    head.extend(report.folds.map(|_| "fold".to_owned()));
    head.extend(report.together.iter().flat_map(|_| SPEED.map(str::to_owned)));
    let lines = report.rows.iter().flat_map(|row| {
        row.runs.iter().map(move |run| {
            let mut cells = vec![
                row.rank.map_or_else(String::new, |rank| rank.to_string()),
                row.name(),
                run.index.to_string(),
                run.seed.map_or_else(String::new, |seed| seed.to_string()),
            ];
            cells.extend(row.parameters.iter().map(|v| v.as_ref().map_or_else(String::new, value)));
            cells.push(run.state.key().into());
            cells.push(run.objective.map_or_else(String::new, number));
            cells.push(if run.state == State::Running {
                String::new()
            } else {
                number(run.seconds)
            });
            cells.push(text(run.why.as_deref().unwrap_or("")));
            cells.extend(run.fold.map(|fold| fold.number.to_string()));
            cells.extend(report.together.iter().flat_map(|_| speed(run.cohort, run.samples_per_s)));
            cells
        })
    });
    write(std::iter::once(head).chain(lines))
}

/// Cells as CSV lines.
pub(crate) fn write(lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(&line).expect("every line has as many cells, and memory takes all");
    }
    let bytes = writer.into_inner().expect("flushing to memory cannot fail");
    String::from_utf8(bytes).expect("made of text only")
}

/// A value with all its digits, text as [`text`].
pub(crate) fn value(v: &Value) -> String {
    match v {
        Value::Int(i) => i.to_string(),
        Value::Float(f) => number(*f),
        other => text(&other.to_string()),
    }
}

/// A number with all its digits.
pub(crate) fn number(x: f64) -> String {
    if x.is_nan() {
        "NaN".into()
    } else if x.is_infinite() {
        if x > 0.0 { "inf".into() } else { "-inf".into() }
    } else {
        format!("{x:?}")
    }
}

/// Text that a spreadsheet takes for text.
pub(crate) fn text(raw: &str) -> String {
    let cleaned = clean(raw);
    if is_formula(raw) || is_formula(&cleaned) {
        format!("'{cleaned}")
    } else {
        cleaned.into_owned()
    }
}

/// Whether a spreadsheet would take a cell for a formula.
pub(crate) fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])
}
