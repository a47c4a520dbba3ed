//! Runs and curves as CSV: all digits, what is missing empty, no cell that a spreadsheet takes for
//! a formula.
use super::column::{AFTER, BEFORE, names};
use super::{Export, Run};
use crate::report::csv::{number, text, value, write};

/// One line a run.
pub(super) fn runs(export: &Export) -> String {
    let (parameters, metrics) = names(&export.parameters, &export.metrics);
    let mut head: Vec<String> = BEFORE.map(str::to_owned).into();
    head.extend(parameters.iter().map(|name| text(name)));
    head.extend(AFTER.map(str::to_owned));
    head.extend(metrics.iter().map(|name| text(name)));
    let line = |run: &Run| {
        let mut cells = identity(run);
        cells.extend(run.parameters.iter().map(|v| v.as_ref().map_or_else(String::new, value)));
        cells.push(run.state.word().to_owned());
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
    let (_, metrics) = names(&[], &export.curve_metrics);
    let mut head: Vec<String> = BEFORE.map(str::to_owned).into();
    head.extend(["epoch", "seconds"].map(str::to_owned));
    head.extend(metrics.iter().map(|name| text(name)));
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
