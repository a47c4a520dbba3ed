//! Runs and curves as CSV: all digits, what is missing empty, no cell that a spreadsheet takes for
//! a formula. Line ends and tabs of a parameter's text stay, between quotes: it is data. What acts on a
//! terminal does not, for a table is looked at there too.
use super::column::{AFTER, BEFORE, names};
use super::{Export, Run};
use crate::recipe::Value;
use crate::report::csv::{is_formula, number, text, value, write};
use crate::text::clean;

/// One line a run.
pub(super) fn runs(export: &Export) -> String {
    let (parameters, metrics) = names(&cells(&export.parameters), &cells(&export.metrics));
    let mut head: Vec<String> = BEFORE.map(str::to_owned).into();
    head.extend(parameters);
    head.extend(AFTER.map(str::to_owned));
    head.extend(metrics);
    let line = |run: &Run| {
        let mut cells = identity(run);
        cells.extend(run.parameters.iter().map(|v| v.as_ref().map_or_else(String::new, of_value)));
        cells.push(run.state.key().to_owned());
        cells.push(optional(run.objective));
        cells.push(run.epochs.map_or_else(String::new, |epochs| epochs.to_string()));
        cells.push(number(run.seconds));
        cells.push(optional(run.ended));
        cells.push(text(run.why.as_deref().unwrap_or_default()));
        cells.push(run.cohort.map_or_else(String::new, |runs| runs.to_string()));
        cells.push(optional(run.samples_per_s));
        cells.extend(run.metrics.iter().map(|x| optional(*x)));
        cells
    };
    write(std::iter::once(head).chain(export.runs.iter().map(line)))
}

/// One line an epoch of a run.
pub(super) fn curves(export: &Export) -> String {
    let (_, metrics) = names(&[], &cells(&export.curve_metrics));
    let mut head: Vec<String> = BEFORE.map(str::to_owned).into();
    head.extend(["epoch", "seconds"].map(str::to_owned));
    head.extend(metrics);
    let lines = export.runs.iter().flat_map(|run| {
        run.curve.iter().map(move |epoch| {
            let mut cells = identity(run);
            cells.extend([epoch.epoch.to_string(), number(epoch.seconds)]);
            let metric = |name: &String| optional(epoch.metrics.get(name).map(|x| x.0));
            cells.extend(export.curve_metrics.iter().map(metric));
            cells
        })
    });
    write(std::iter::once(head).chain(lines))
}

/// Names as cells.
fn cells(names: &[String]) -> Vec<String> {
    names.iter().map(|name| text(name)).collect()
}

/// A parameter's value with its lines and tabs.
fn of_value(v: &Value) -> String {
    let Value::Text(raw) = v else { return value(v) };
    let kept =
        raw.split_inclusive(['\n', '\t']).map(|part| match part.strip_suffix(['\n', '\t']) {
            Some(plain) => format!("{}{}", clean(plain), &part[plain.len()..]),
            None => clean(part).into_owned(),
        });
    let kept: String = kept.collect();
    let mark = if is_formula(raw) || is_formula(&kept) { "'" } else { "" };
    format!("{mark}{kept}")
}

fn identity(run: &Run) -> Vec<String> {
    vec![
        run.index.to_string(),
        run.id.clone().unwrap_or_default(),
        run.trial.clone(),
        run.seed.map_or_else(String::new, |seed| seed.to_string()),
        run.fold.map_or_else(String::new, |fold| fold.number.to_string()),
    ]
}

fn optional(x: Option<f64>) -> String {
    x.map_or_else(String::new, number)
}
