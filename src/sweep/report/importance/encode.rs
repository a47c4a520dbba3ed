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
    /// Its objective.
    pub objective: Vec<f64>,
    /// Trials that do not count: no run of them says how good they are.
    pub left_out: u64,
}

/// Encodes the trials of a report, all that it has in its rows.
///
/// - Numbers are themselves, or their logarithm where all are above 0 and the largest is at least
///   100 times the least. Other values are numbered by the mean objective of their trials, so that
///   one split can part the good from the bad (Breiman et al. 1984, section 4.2).
/// - A parameter that does not exist at a trial is NaN.
/// - A mean that is far out, on the worse side, counts as if it stood at the fence (three
///   quartile distances beyond the quartile): one that exploded would else be all of the variance.
/// - A trial that only diverged counts as the worst; one that failed otherwise is left out.
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
            Some((row, sign * good.or_else(|| diverged(row).then_some(worst))?))
        })
        .collect();
    let columns: Vec<Vec<f64>> =
        (0..report.parameters.len()).map(|place| column(&counted, place)).collect();
    let rows = 0..counted.len();
    Encoded {
        points: rows.map(|row| columns.iter().map(|column| column[row]).collect()).collect(),
        objective: counted.iter().map(|(_, y)| *y).collect(),
        left_out: (report.rows.len() - counted.len()) as u64,
    }
}

/// Whether its runs say that it is bad, and nothing else.
fn diverged(row: &Row) -> bool {
    let other = [State::Failed, State::Lost].iter().any(|state| row.counts.get(*state) > 0);
    let not_finite = row.objective.mean.is_some_and(|mean| !mean.is_finite());
    not_finite || (row.counts.get(State::Diverged) > 0 && !other)
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

fn column(counted: &[(&Row, f64)], place: usize) -> Vec<f64> {
    let value = |row: &Row| row.parameters.get(place).cloned().flatten();
    let values: Vec<Option<Value>> = counted.iter().map(|(row, _)| value(row)).collect();
    let numbers: Vec<Option<f64>> =
        values.iter().map(|v| v.as_ref().map_or(Some(f64::NAN), Value::as_f64)).collect();
    match numbers.into_iter().collect::<Option<Vec<f64>>>() {
        Some(numbers) => logarithmic(numbers),
        None => by_mean(&values, counted),
    }
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

/// Values numbered by the mean objective of the trials that have them.
fn by_mean(values: &[Option<Value>], counted: &[(&Row, f64)]) -> Vec<f64> {
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    let mut means: std::collections::BTreeMap<String, (f64, f64)> = Default::default();
    for (value, (_, y)) in values.iter().zip(counted) {
        if let Some(text) = text(value) {
            let (sum, n) = means.entry(text).or_default();
            (*sum, *n) = (*sum + y, *n + 1.0);
        }
    }
    let mut order: Vec<(String, f64)> =
        means.into_iter().map(|(text, (sum, n))| (text, sum / n)).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let places: std::collections::HashMap<&str, f64> =
        order.iter().zip(0_u32..).map(|((text, _), n)| (text.as_str(), f64::from(n))).collect();
    let place = |value| text(value).and_then(|t| places.get(t.as_str()).copied());
    values.iter().map(|value| place(value).unwrap_or(f64::NAN)).collect()
}
