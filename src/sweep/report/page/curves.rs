//! Learning curves for the page: of each trial the mean over its runs, with the least and the most,
//! thinned to what a chart can show.
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::report::{Aim, Row};
use crate::store::curves::Curves;

/// Epochs of a curve of one of the first trials, and the least of any.
const POINTS: (usize, usize) = (200, 24);
/// How many trials have all [`POINTS`].
const FIRST: usize = 40;
/// Numbers of curves, for each trial: they bound the page's size, at about three bytes a number.
const NUMBERS: usize = 240;
/// Trials for whose numbers there is always room, and beyond whose numbers there is none.
const TRIALS: (usize, usize) = (1_000, 10_000);

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
/// {metric's place: [means, lows, highs]}}`, lows and highs only of what is not of training, where a
/// trial has several runs.
pub(super) fn json(rows: &[Row], names: &[String], aim: &Aim, curves: &Curves) -> Vec<Json> {
    let banded = |name: &String| !name.starts_with("train/");
    let lines: Vec<usize> = names.iter().map(|name| if banded(name) { 3 } else { 1 }).collect();
    let (rest, mut left) = room(rows.len(), lines.iter().sum());
    let one = |(place, row): (usize, &Row)| {
        if left == 0 {
            return Json::Null;
        }
        let points = if place < FIRST { POINTS.0 } else { rest };
        let (curve, numbers) = trial(row, names, &lines, aim, curves, points);
        left = left.saturating_sub(numbers);
        curve
    };
    rows.iter().enumerate().map(one).collect()
}

/// How many epochs a trial after the first has, and all numbers together.
pub(super) fn room(rows: usize, numbers_an_epoch: usize) -> (usize, usize) {
    let all = NUMBERS * rows.clamp(TRIALS.0, TRIALS.1);
    let first = FIRST.min(rows) * POINTS.0 * numbers_an_epoch;
    let others = rows.saturating_sub(FIRST).max(1) * numbers_an_epoch.max(1);
    ((all.saturating_sub(first) / others).clamp(POINTS.1, POINTS.0), all)
}

/// Of one epoch: how many runs, their sum, the least and the most.
type Point = (f64, f64, f64, f64);

fn trial(
    row: &Row,
    names: &[String],
    lines: &[usize],
    aim: &Aim,
    curves: &Curves,
    points: usize,
) -> (Json, usize) {
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
    let of_name = |(s, lines): (&BTreeMap<u32, Point>, &usize)| {
        let line = |of: fn(&Point) -> f64| -> Vec<Option<f64>> {
            epochs.iter().map(|e| s.get(e).map(|p| digits(of(p)))).collect()
        };
        let of: [fn(&Point) -> f64; 3] = [|p| p.1 / p.0, |p| p.2, |p| p.3];
        let wanted = if several { *lines } else { 1 };
        numbers += epochs.len() * wanted;
        of[..wanted].iter().map(|of| line(*of)).collect()
    };
    let lines: Vec<Vec<Vec<Option<f64>>>> = series.iter().zip(lines).map(of_name).collect();
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
    // Powers of ten up to the 22nd are exact, so that the quotient is the number nearest to the
    // four digits.
    let shift = 3.0 - x.abs().log10().floor();
    if !(-18.0..=22.0).contains(&shift) {
        return format!("{x:.3e}").parse().unwrap_or(x);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number from -18 to 22")]
    let power = 10_f64.powi(shift.abs() as i32);
    if shift < 0.0 { (x / power).round() * power } else { (x * power).round() / power }
}
