//! Which trials to try: together they show the ends and the middle of every number that varies,
//! every other choice, and as many pairs of these as fit.
use std::collections::HashSet;

use super::is_off;
use crate::recipe::Value;
use crate::space::Space;

/// Points that are looked at of a large space; its first and last are among them.
const LOOKED_AT: u64 = 5_000;

/// The numbers of at most so many points, ascending.
#[must_use]
pub fn sample(space: &Space, most: usize) -> Vec<u64> {
    let points = candidates(space);
    let rows: Vec<Vec<Option<Value>>> =
        points.iter().map(|point| space.values(*point).unwrap_or_default()).collect();
    let marks = marks(space.paths(), &rows);
    let mut chosen: Vec<u64> = cover(&marks, most).into_iter().map(|row| points[row]).collect();
    chosen.sort_unstable();
    chosen
}

fn candidates(space: &Space) -> Vec<u64> {
    let end = space.points();
    let stride = usize::try_from(space.trials() / LOOKED_AT + 1).unwrap_or(usize::MAX);
    let mut points: Vec<u64> = space.walk(0, end).step_by(stride).collect();
    let tail = end.saturating_sub(LOOKED_AT);
    points.extend(space.walk(tail, end).last());
    points.dedup();
    points
}

/// What each row shows of each path: the number of a value that counts, if it has one there.
fn marks(paths: &[String], rows: &[Vec<Option<Value>>]) -> Vec<Vec<Option<usize>>> {
    let mut marks = vec![Vec::new(); rows.len()];
    for (column, path) in paths.iter().enumerate() {
        let values: Vec<Option<&Value>> =
            rows.iter().map(|row| row.get(column).and_then(Option::as_ref)).collect();
        let counted = if is_off(path) { Vec::new() } else { counted(&values) };
        for (marks, value) in marks.iter_mut().zip(&values) {
            marks.push(counted.iter().position(|counts| counts == value));
        }
    }
    marks
}

/// The values that count: smallest, middle and largest of numbers, else all; none of a path that
/// doesn't vary.
fn counted<'v>(values: &[Option<&'v Value>]) -> Vec<Option<&'v Value>> {
    let mut numbers: Vec<(f64, Option<&Value>)> = Vec::new();
    let mut others: Vec<Option<&Value>> = Vec::new();
    let mut seen = HashSet::new();
    for value in values {
        let written = value.map(ToString::to_string);
        if !seen.insert(written) {
            continue;
        }
        match value.and_then(Value::as_f64) {
            Some(number) => numbers.push((number, *value)),
            None => others.push(*value),
        }
    }
    if seen.len() < 2 {
        return Vec::new();
    }
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    if numbers.len() > 3 {
        numbers = [0, numbers.len() / 2, numbers.len() - 1].map(|at| numbers[at]).to_vec();
    }
    others.extend(numbers.into_iter().map(|(_, value)| value));
    others
}

/// Rows that together show every mark, then every pair of marks, each the one that shows most of
/// what none has shown; the first row where nothing varies.
fn cover(marks: &[Vec<Option<usize>>], most: usize) -> Vec<usize> {
    let mut shown: HashSet<[(usize, usize); 2]> = HashSet::new();
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let news = |row: &[Option<usize>]| {
            pairs(row).filter(|pair| !shown.contains(pair)).fold(0_usize, |sum, [a, b]| {
                // A mark by itself is a pair with itself.
                sum + if a == b { 1000 } else { 1 }
            })
        };
        let scored = marks.iter().enumerate().map(|(at, row)| (news(row), at));
        let best = scored.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        match best {
            Some((score, at)) if score > 0 => {
                shown.extend(pairs(&marks[at]));
                chosen.push(at);
            }
            _ => break,
        }
    }
    if chosen.is_empty() && !marks.is_empty() && most > 0 {
        chosen.push(0);
    }
    chosen
}

/// Each two marks of a row as (path, mark), a mark with itself among them.
fn pairs(row: &[Option<usize>]) -> impl Iterator<Item = [(usize, usize); 2]> + '_ {
    let marks = move |from: usize| {
        row.iter().enumerate().skip(from).filter_map(|(path, mark)| Some((path, (*mark)?)))
    };
    marks(0).flat_map(move |one| marks(one.0).map(move |other| [one, other]))
}
