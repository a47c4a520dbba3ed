//! From the rows of a report to the points and objectives that the forest is grown from.
use super::super::{Report, Row};
use crate::judge::State;
use crate::recipe::Value;

/// Beyond so many quartile distances above the third quartile, or below the first, a number is far
/// out (Tukey 1977).
const FAR_OUT: f64 = 3.0;

/// A logarithm is taken where the largest value is at least so many times the least.
const WIDE: f64 = 100.0;

/// What the forest is grown from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoded {
    /// A row for each trial that counts, with a coordinate for each parameter of the report.
    pub points: Vec<Vec<f64>>,
    /// The coordinates that number categories: these have no order of their own.
    pub categories: Vec<usize>,
    /// Its objective.
    pub objective: Vec<f64>,
    /// Trials that do not count: no run of them says how good they are.
    pub left_out: u64,
}

/// Encodes the trials of a report, all that it has in its rows.
///
/// - Numbers are themselves, or their logarithm where all are above 0 and the largest is at least
///   100 times the least. Other values are categories, numbered by their words; each tree puts them
///   into an order.
/// - A parameter that does not exist at a trial is NaN.
/// - A mean that is far out, on the worse side, counts as if it stood at the fence (three
///   quartile distances beyond the quartile): one that exploded would else be all of the variance.
/// - A trial of which a run diverged counts as the worst, whatever its other runs came to; one
///   without a result that failed otherwise is left out.
#[must_use]
pub fn encode(report: &Report) -> Encoded {
    let sign = if report.aim.maximize { 1.0 } else { -1.0 };
    let finite: Vec<f64> =
        report.rows.iter().filter_map(|row| row.objective.finite()).map(|y| y * sign).collect();
    let Some(fence) = fence(&finite) else {
        return Encoded { left_out: report.rows.len() as u64, ..Encoded::default() };
    };
    let worst = finite.iter().copied().fold(f64::INFINITY, f64::min).max(fence);
    let counted: Vec<(&Row, f64)> = report
        .rows
        .iter()
        .filter_map(|row| {
            let good = row.objective.finite().map(|y| (y * sign).max(fence));
            let worst = diverged(row).then_some(worst);
            Some((row, sign * worst.or(good)?))
        })
        .collect();
    let mut categories = Vec::new();
    let columns: Vec<Vec<f64>> = (0..report.parameters.len())
        .map(|place| {
            numbers(&counted, place).unwrap_or_else(|| {
                categories.push(place);
                numbered(&counted, place)
            })
        })
        .collect();
    let rows = 0..counted.len();
    Encoded {
        categories,
        points: rows.map(|row| columns.iter().map(|column| column[row]).collect()).collect(),
        objective: counted.iter().map(|(_, y)| *y).collect(),
        left_out: (report.rows.len() - counted.len()) as u64,
    }
}

/// Whether its runs say that it is bad, and nothing else.
fn diverged(row: &Row) -> bool {
    match row.objective.mean {
        Some(mean) => !mean.is_finite() || row.has_diverged(),
        None => {
            let other = [State::Failed, State::Lost].iter().any(|s| row.counts.get(*s) > 0);
            row.has_diverged() && !other
        }
    }
}

/// Below it a number (the more the better) is far out.
fn fence(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: usize| sorted.get(sorted.len() * share / 4).copied();
    let (low, high) = (at(1)?, at(3)?);
    // Where the middle half is all equal there is no distance to go by.
    Some(if high > low { low - FAR_OUT * (high - low) } else { f64::NEG_INFINITY })
}

fn value(row: &Row, place: usize) -> Option<&Value> {
    row.parameters.get(place).and_then(Option::as_ref)
}

/// The coordinate of a parameter; nothing where a value of it is no number.
fn numbers(counted: &[(&Row, f64)], place: usize) -> Option<Vec<f64>> {
    let number = |row| value(row, place).map_or(Some(f64::NAN), Value::as_f64);
    counted.iter().map(|(row, _)| number(row)).collect::<Option<Vec<f64>>>().map(logarithmic)
}

fn logarithmic(numbers: Vec<f64>) -> Vec<f64> {
    let known = || numbers.iter().copied().filter(|x| !x.is_nan());
    let (least, largest) =
        (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    if least > 0.0 && largest / least >= WIDE {
        return numbers.into_iter().map(f64::ln).collect();
    }
    numbers
}

/// Categories numbered by their words in order.
fn numbered(counted: &[(&Row, f64)], place: usize) -> Vec<f64> {
    let words: Vec<Option<String>> =
        counted.iter().map(|(row, _)| value(row, place).map(Value::to_string)).collect();
    let mut known: Vec<&String> = words.iter().flatten().collect();
    known.sort_unstable();
    known.dedup();
    let number = |word: &Option<String>| match word {
        Some(word) => known.partition_point(|other| *other < word) as f64,
        None => f64::NAN,
    };
    words.iter().map(number).collect()
}
