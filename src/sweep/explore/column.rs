//! What stands in one column, and which columns say the same.
use std::collections::HashSet;

use serde::Serialize;

use super::float;
use crate::dataset::table::{Column, Target, Values};

/// Rows at most from which correlations among columns are taken.
const ROWS: usize = 100_000;
/// Columns at most whose correlations are taken.
const COLUMNS: usize = 200;
/// From here on two columns say nearly the same.
const NEAR: f64 = 0.8;

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// `number`, `word` or `byte`.
    pub kind: &'static str,
    /// Rows without a value.
    pub missing: u64,
    /// Distinct values.
    pub distinct: u64,
    /// Mean, deviation (of the population) and quantiles, of numbers.
    pub spread: Option<Spread>,
    /// Values beyond 1.5 quartile distances from the quartiles.
    pub outliers: u64,
    /// How much of the target it tells, in [0, 1]: of classes the correlation ratio, of numbers
    /// the size of Pearson's correlation.
    pub tells: Option<f64>,
}

/// Where numbers lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub deviation: f64,
    pub least: f64,
    pub q1: f64,
    pub median: f64,
    pub q3: f64,
    pub most: f64,
}

/// Two columns and Pearson's correlation of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
    /// In [-1, 1].
    pub r: f64,
}

/// A value as bits that are equal where values are.
pub fn bits(column: &Column, row: usize) -> u64 {
    match &column.values {
        // Of the two zeros one.
        Values::Numbers(numbers) => (numbers[row] + 0.0).to_bits(),
        Values::Words { codes, .. } => u64::from(codes[row]),
    }
}

/// Channels: from how often each byte occurs.
pub fn of_bytes(name: &str, counts: &[u64; 256]) -> Feature {
    let total: u64 = counts.iter().sum();
    let at = |share: f64| {
        let mut left = share * float(total.saturating_sub(1));
        let place = counts.iter().position(|&n| {
            left -= float(n);
            left < 0.0
        });
        float(place.unwrap_or(255) as u64)
    };
    let each = |of: &dyn Fn(f64) -> f64| {
        let sum: f64 = (0u64..).zip(counts).map(|(b, &n)| of(float(b)) * float(n)).sum();
        sum / float(total.max(1))
    };
    let mean = each(&|b| b);
    let deviation = each(&|b| (b - mean) * (b - mean)).sqrt();
    let spread = Spread {
        mean,
        deviation,
        least: at(0.0),
        q1: at(0.25),
        median: at(0.5),
        q3: at(0.75),
        most: at(1.0),
    };
    let distinct = counts.iter().filter(|&&n| n > 0).count() as u64;
    let (name, spread) = (name.to_owned(), Some(spread));
    Feature { name, kind: "byte", missing: 0, distinct, spread, outliers: 0, tells: None }
}

/// A column of a table, by these rows.
pub fn of_column(column: &Column, rows: &[usize], target: Option<&Target>) -> Feature {
    let name = column.name.clone();
    let missing = rows.iter().filter(|&&row| column.is_missing(row)).count() as u64;
    let present = || rows.iter().copied().filter(|&row| !column.is_missing(row));
    let distinct = present().map(|row| bits(column, row)).collect::<HashSet<_>>().len() as u64;
    let Values::Numbers(numbers) = &column.values else {
        return Feature {
            name,
            kind: "word",
            missing,
            distinct,
            spread: None,
            outliers: 0,
            tells: None,
        };
    };
    let mut sorted: Vec<f64> = present().map(|row| numbers[row]).collect();
    sorted.sort_by(f64::total_cmp);
    let spread = spread(&sorted);
    let outliers = spread.map_or(0, |s| {
        let reach = 1.5 * (s.q3 - s.q1);
        sorted.iter().filter(|&&x| x < s.q1 - reach || x > s.q3 + reach).count() as u64
    });
    let tells = target.and_then(|target| tells(numbers, rows, target));
    Feature { name, kind: "number", missing, distinct, spread, outliers, tells }
}

fn spread(sorted: &[f64]) -> Option<Spread> {
    let n = float(sorted.len() as u64);
    let (&least, &most) = (sorted.first()?, sorted.last()?);
    let mean = sorted.iter().sum::<f64>() / n;
    let deviation = (sorted.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    // Linear between the two nearest, as NumPy's `quantile`.
    let at = |share: f64| {
        let place = share * (n - 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in the list"
        )]
        let low = place.floor() as usize;
        let high = (low + 1).min(sorted.len() - 1);
        sorted[low] + (sorted[high] - sorted[low]) * place.fract()
    };
    Some(Spread { mean, deviation, least, q1: at(0.25), median: at(0.5), q3: at(0.75), most })
}

fn tells(numbers: &[f64], rows: &[usize], target: &Target) -> Option<f64> {
    match target {
        Target::Numbers(learnt) => {
            let both = rows.iter().zip(learnt).map(|(&row, &y)| (numbers[row], y));
            pearson(both.filter(|(x, _)| !x.is_nan())).map(f64::abs)
        }
        Target::Classes { labels, names } => {
            let mut groups = vec![(0.0, 0.0); names.len()];
            let (mut n, mut sum) = (0.0, 0.0);
            let each = || {
                let place = |&l: &i64| usize::try_from(l).unwrap_or(0);
                rows.iter().map(|&row| numbers[row]).zip(labels.iter().map(place))
            };
            for (x, label) in each().filter(|(x, _)| !x.is_nan()) {
                groups[label].0 += 1.0;
                groups[label].1 += x;
                n += 1.0;
                sum += x;
            }
            let mean = sum / n;
            let all: f64 =
                each().filter(|(x, _)| !x.is_nan()).map(|(x, _)| (x - mean) * (x - mean)).sum();
            let filled = groups.iter().filter(|(count, _)| *count > 0.0);
            let between: f64 =
                filled.map(|(count, sum)| count * (sum / count - mean).powi(2)).sum();
            (all > 0.0).then(|| (between / all).min(1.0).sqrt())
        }
    }
}

fn pearson(both: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut n, mut mx, mut my, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in both {
        n += 1.0;
        let (dx, dy) = (x - mx, y - my);
        mx += dx / n;
        my += dy / n;
        xx += dx * (x - mx);
        yy += dy * (y - my);
        xy += dx * (y - my);
    }
    (xx > 0.0 && yy > 0.0).then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}

/// Pairs of columns of numbers that say nearly the same, the nearest first, twenty at most.
pub fn pairs(columns: &[&Column], rows: &[usize]) -> Vec<Pair> {
    let rows = &rows[..rows.len().min(ROWS)];
    let numbers: Vec<(&str, &[f64])> = columns
        .iter()
        .filter_map(|column| match &column.values {
            Values::Numbers(numbers) => Some((column.name.as_str(), numbers.as_slice())),
            Values::Words { .. } => None,
        })
        .take(COLUMNS)
        .collect();
    let mut found = Vec::new();
    for (i, (a, x)) in numbers.iter().enumerate() {
        for (b, y) in &numbers[i + 1..] {
            let both = rows.iter().map(|&row| (x[row], y[row]));
            let r = pearson(both.filter(|(x, y)| !x.is_nan() && !y.is_nan()));
            if let Some(r) = r.filter(|r| r.abs() >= NEAR) {
                found.push(Pair { a: (*a).to_owned(), b: (*b).to_owned(), r });
            }
        }
    }
    found.sort_by(|a, b| b.r.abs().total_cmp(&a.r.abs()));
    found.truncate(20);
    found
}
