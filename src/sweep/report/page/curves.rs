//! Learning curves for the page: of each trial the mean over its runs, with the least and the most,
//! thinned to what a chart can show.
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::report::{Aim, Row};
use crate::store::curves::Curves;

/// Epochs of a curve of one of the first trials, and the least of any.
const POINTS: (usize, usize) = (200, 24);
/// How many trials have all [`POINTS`].
const FIRST: usize = 50;
/// Numbers of all curves together: they bound the page's size.
const NUMBERS: usize = 1_000_000;

/// The metrics whose curves are shown: the objective and the loss, each of training and validation.
pub(super) fn names(aim: &Aim, curves: &Curves) -> Vec<String> {
    let stem = aim.metric.rsplit('/').next().unwrap_or(&aim.metric);
    let reported = |name: &String| {
        let some = curves.runs.values().take(64).flatten();
        some.into_iter().any(|epoch| epoch.metrics.contains_key(name))
    };
    let mut names = vec![aim.metric.clone(), format!("train/{stem}"), format!("valid/{stem}")];
    names.extend(["train/loss".into(), "valid/loss".into()]);
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && reported(name) && {
            seen.push(name.clone());
            true
        }
    });
    names
}

/// The curves of the rows in their order, `null` for a row without: `{e: epochs, b: best epoch, s:
/// {metric's place: [means, lows, highs]}}`, lows and highs only where a trial has several runs.
pub(super) fn json(rows: &[Row], names: &[String], aim: &Aim, curves: &Curves) -> Vec<Json> {
    let mut left = NUMBERS;
    let spare = NUMBERS / (rows.len().max(1) * names.len().max(1) * 3);
    let one = |(place, row): (usize, &Row)| {
        let points = if place < FIRST { POINTS.0 } else { spare.clamp(POINTS.1, POINTS.0) };
        if left == 0 {
            return Json::Null;
        }
        let (curve, numbers) = trial(row, names, aim, curves, points);
        left = left.saturating_sub(numbers);
        curve
    };
    rows.iter().enumerate().map(one).collect()
}

/// Of one epoch: how many runs, their sum, the least and the most.
type Point = (f64, f64, f64, f64);

fn trial(row: &Row, names: &[String], aim: &Aim, curves: &Curves, points: usize) -> (Json, usize) {
    let runs: Vec<_> = row.runs.iter().filter_map(|run| curves.runs.get(&run.index)).collect();
    let mut series: Vec<BTreeMap<u32, Point>> = vec![BTreeMap::new(); names.len()];
    for epoch in runs.iter().copied().flatten() {
        for (name, series) in names.iter().zip(&mut series) {
            let Some(x) = epoch.metrics.get(name).map(|n| n.0).filter(|x| x.is_finite()) else {
                continue;
            };
            let p = series.entry(epoch.epoch).or_insert((0.0, 0.0, x, x));
            *p = (p.0 + 1.0, p.1 + x, p.2.min(x), p.3.max(x));
        }
    }
    let sign = if aim.maximize { 1.0 } else { -1.0 };
    let objective = names.iter().position(|n| *n == aim.metric).map(|place| &series[place]);
    let best = objective.and_then(|s| {
        s.iter().max_by(|a, b| {
            (sign * a.1.1 / a.1.0).total_cmp(&(sign * b.1.1 / b.1.0)).then(b.0.cmp(a.0))
        })
    });
    let best = best.map(|(epoch, _)| *epoch);
    let all: std::collections::BTreeSet<u32> =
        series.iter().flat_map(|s| s.keys().copied()).collect();
    if all.is_empty() {
        return (Json::Null, 0);
    }
    let epochs = thin(&all.into_iter().collect::<Vec<_>>(), best, points);
    let mut numbers = 0;
    let several = runs.len() > 1;
    let lines: Vec<Json> = series
        .iter()
        .map(|s| {
            let line = |of: &dyn Fn(&Point) -> f64| -> Vec<Option<f64>> {
                epochs.iter().map(|e| s.get(e).map(|p| digits(of(p)))).collect()
            };
            numbers += epochs.len() * if several { 3 } else { 1 };
            if several {
                json!([line(&|p| p.1 / p.0), line(&|p| p.2), line(&|p| p.3)])
            } else {
                json!([line(&|p| p.1 / p.0)])
            }
        })
        .collect();
    (json!({"e": epochs, "b": best, "s": lines}), numbers)
}

/// At most about so many epochs, evenly; the first, the last and the best are among them.
pub(super) fn thin(epochs: &[u32], best: Option<u32>, points: usize) -> Vec<u32> {
    if epochs.len() <= points {
        return epochs.to_vec();
    }
    let last = epochs.len() - 1;
    let mut kept: Vec<u32> = (0..points).map(|i| epochs[i * last / (points - 1)]).collect();
    kept.extend(best);
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Four significant digits: more than a chart shows.
pub(super) fn digits(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    format!("{x:.3e}").parse().unwrap_or(x)
}
