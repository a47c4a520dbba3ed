//! Learning curves for the page: of each trial the mean over its runs, with the least and the most
//! ([`super::super::trace`]), thinned to what a chart can show.
use rayon::prelude::*;
use serde::Serialize;

use crate::report::trace::{Point, Trace};
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

/// Significant digits: more than a chart shows.
const DIGITS: u8 = 4;

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

/// The curve of a trial.
#[derive(Debug, Serialize)]
pub(super) struct Curve {
    /// Its epochs.
    e: Vec<u32>,
    /// The best of them.
    b: Option<u32>,
    /// By metric the means over the runs; then the lows and the highs, of what is not of training,
    /// where a trial has several runs.
    s: Vec<Vec<Vec<Option<f64>>>>,
}

/// The curves of the rows in their order, nothing for a row without, or once there is no more room.
pub(super) fn of(rows: &[Row], names: &[String], aim: &Aim, curves: &Curves) -> Vec<Option<Curve>> {
    let banded = |name: &String| !name.starts_with("train/");
    let lines: Vec<usize> = names.iter().map(|name| if banded(name) { 3 } else { 1 }).collect();
    let (rest, mut left) = room(rows.len(), lines.iter().sum());
    let one = |(place, row)| {
        let points = if place < FIRST { POINTS.0 } else { rest };
        trial(row, names, &lines, aim, curves, points)
    };
    let mut all: Vec<Option<Curve>> = rows.par_iter().enumerate().map(one).collect();
    for curve in &mut all {
        let numbers = |c: &Curve| c.s.iter().flatten().map(Vec::len).sum();
        match left {
            0 => *curve = None,
            _ => left = left.saturating_sub(curve.as_ref().map_or(0, numbers)),
        }
    }
    all
}

/// How many epochs a trial after the first has, and all numbers together.
pub(super) fn room(rows: usize, numbers_an_epoch: usize) -> (usize, usize) {
    let all = NUMBERS * rows.clamp(TRIALS.0, TRIALS.1);
    let first = FIRST.min(rows) * POINTS.0 * numbers_an_epoch;
    let others = rows.saturating_sub(FIRST).max(1) * numbers_an_epoch.max(1);
    ((all.saturating_sub(first) / others).clamp(POINTS.1, POINTS.0), all)
}

fn trial(
    row: &Row,
    names: &[String],
    lines: &[usize],
    aim: &Aim,
    curves: &Curves,
    points: usize,
) -> Option<Curve> {
    let trace = Trace::of(row, curves);
    let all = &trace.epochs;
    let series: Vec<Vec<Option<Point>>> = names.iter().map(|name| trace.line(name)).collect();
    let is_told = |at: &usize| series.iter().any(|s| s[*at].is_some());
    let told: Vec<u32> = (0..all.len()).filter(is_told).map(|at| all[at]).collect();
    if told.is_empty() {
        return None;
    }
    let objective = names.iter().position(|n| *n == aim.metric).map(|place| &series[place]);
    let best = objective.and_then(|series| best(all, series, aim));
    let epochs = thin(&told, best, points);
    let places: Vec<usize> = epochs.iter().filter_map(|e| all.binary_search(e).ok()).collect();
    let of_name = |(s, lines): (&Vec<Option<Point>>, &usize)| {
        let line = |of: &fn(&Point) -> f64| {
            places.iter().map(|at| s[*at].as_ref().map(|p| digits(of(p), DIGITS))).collect()
        };
        let of: [fn(&Point) -> f64; 3] = [|p| p.mean, |p| p.low, |p| p.high];
        of[..if trace.has_several() { *lines } else { 1 }].iter().map(line).collect()
    };
    let s = series.iter().zip(lines).map(of_name).collect();
    Some(Curve { e: epochs, b: best, s })
}

/// The epoch with the best mean; of equal ones the first.
fn best(epochs: &[u32], series: &[Option<Point>], aim: &Aim) -> Option<u32> {
    let sign = if aim.maximize { 1.0 } else { -1.0 };
    let points = epochs.iter().zip(series).filter_map(|(e, p)| Some((*e, (*p)?)));
    let means = points.map(|(e, p)| (e, sign * p.mean));
    means.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(epoch, _)| epoch)
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

/// So many significant digits, at most 15.
pub(super) fn digits(x: f64, many: u8) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    // Powers of ten up to the 22nd are exact, so that the quotient is the number nearest to the
    // digits.
    let behind = many.saturating_sub(1);
    let shift = f64::from(behind) - x.abs().log10().floor();
    if !(-18.0..=22.0).contains(&shift) {
        return format!("{x:.*e}", usize::from(behind)).parse().unwrap_or(x);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number from -18 to 22")]
    let power = 10_f64.powi(shift.abs() as i32);
    if shift < 0.0 { (x / power).round() * power } else { (x * power).round() / power }
}
