//! Two sweeps side by side: trials of the same parameters, and the best of each.
//!
//! Trials match where the parameters that both sweeps know have the same values: those that vary
//! in both, and those that vary in one and stand fixed in the recipe of the other. Runs of the same seed
//! and fold are compared pair by pair, as [`super::paired`] does within a sweep.
mod differ;
mod json;
mod table;

use std::collections::HashMap;

use super::{Aim, Paired, Report, Row, Summary, Title};
use crate::judge::State;
use crate::recipe::Value;
use crate::space::domain::same;
pub use differ::{Differs, differences, fixed};
pub use json::render as json;
pub use table::render as table;

/// Version of the JSON of `dlgrid compare`.
pub const COMPARE_SCHEMA: &str = "dlgrid.compare/1";

/// One of the two sweeps: its report with all rows and their runs.
pub struct Side<'a> {
    /// Its report.
    pub report: &'a Report,
    /// The value of a parameter that does not vary in it; nothing where that is not known.
    pub fixed: &'a dyn Fn(&str) -> Option<Value>,
}

/// Two sweeps, compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The sweeps.
    pub sweeps: [Title; 2],
    /// What both are after.
    pub aim: Aim,
    /// The parameters by which trials match.
    pub parameters: Vec<String>,
    /// What differs between the specs.
    pub differs: Vec<Differs>,
    /// The best of each, where both have one.
    pub best: Option<Match>,
    /// Trials that match, in the order of the first sweep.
    pub matches: Vec<Match>,
    /// Over all that match and have a result in both, of runs none of which diverged: the means of the
    /// trials, pair by pair.
    pub overall: Paired,
    /// In how many of them the second sweep is better, by whatever.
    pub better: u64,
    /// Trials of each that nothing matches.
    pub alone: [u64; 2],
}

/// A trial of each sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// What they are called.
    pub trials: [String; 2],
    /// The values of [`Compared::parameters`], of both where they match; of the best those of each.
    pub parameters: [Vec<Option<Value>>; 2],
    /// The objective of each.
    pub objectives: [Summary; 2],
    /// Why that of each is no finite number, or is compared with none: `diverged` where a run did.
    pub states: [Option<&'static str>; 2],
    /// The second's less the first's; nothing where a run of either diverged, for those that are left
    /// would speak for it without the worst.
    pub versus: Option<Paired>,
}

/// Why two sweeps can't be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// They rank by different things.
    #[error("`{0}` and `{1}` are after different things: {2} and {3}")]
    Aims(String, String, String, String),
}

/// Compares two sweeps.
///
/// # Errors
/// If they rank by different metrics, or into different directions.
pub fn compare(sides: &[Side<'_>; 2], differs: Vec<Differs>) -> Result<Compared, NotComparable> {
    let [first, second] = sides;
    let (a, b) = (&first.report.aim, &second.report.aim);
    if (&a.metric, a.maximize) != (&b.metric, b.maximize) {
        let name = |side: &Side<'_>| side.report.sweep.name.clone();
        return Err(NotComparable::Aims(name(first), name(second), goal(a), goal(b)));
    }
    let shared = Shared::of(sides);
    let pairs = shared.pairs(sides);
    let matches: Vec<Match> = pairs
        .iter()
        .map(|(a, b)| matched(sides, &shared, &first.report.rows[*a], &second.report.rows[*b]))
        .collect();
    let leader = |side: &Side<'_>| side.report.rows.iter().position(|row| row.rank == Some(1));
    let best = leader(first).zip(leader(second));
    let best =
        best.map(|(a, b)| matched(sides, &shared, &first.report.rows[a], &second.report.rows[b]));
    let alone = [first, second].map(|side| (side.report.rows.len() - pairs.len()) as u64);
    Ok(Compared {
        sweeps: [first.report.sweep.clone(), second.report.sweep.clone()],
        aim: a.clone(),
        parameters: shared.paths,
        differs,
        best,
        overall: overall(&matches),
        better: matches.iter().filter(|m| is_better(m, a.maximize)).count() as u64,
        matches,
        alone,
    })
}

fn goal(aim: &Aim) -> String {
    format!("{} {}", if aim.maximize { "maximize" } else { "minimize" }, aim.metric)
}

/// The paths of parameters that both sweeps know.
struct Shared {
    paths: Vec<String>,
}

impl Shared {
    fn of([first, second]: &[Side<'_>; 2]) -> Self {
        let knows = |side: &Side<'_>, path: &str| {
            side.report.parameters.iter().any(|p| p == path) || (side.fixed)(path).is_some()
        };
        let mut paths: Vec<String> = first.report.parameters.clone();
        let further =
            second.report.parameters.iter().filter(|p| !first.report.parameters.contains(p));
        paths.extend(further.cloned());
        paths.retain(|path| knows(first, path) && knows(second, path));
        Self { paths }
    }

    fn values(&self, side: &Side<'_>, row: &Row) -> Vec<Option<Value>> {
        let place = |path: &String| side.report.parameters.iter().position(|p| p == path);
        let value = |path: &String| match place(path) {
            Some(place) => row.parameters.get(place).cloned().flatten(),
            None => (side.fixed)(path),
        };
        self.paths.iter().map(value).collect()
    }

    /// The rows that match; of values that several rows of a sweep have, none.
    fn pairs(&self, sides: &[Side<'_>; 2]) -> Vec<(usize, usize)> {
        // Numbers are the same to six digits here, and then looked at closely.
        let key = |values: &[Option<Value>]| {
            let words = values.iter().map(|v| v.as_ref().map(ToString::to_string));
            words.collect::<Vec<Option<String>>>()
        };
        let [first, second] = sides.each_ref().map(|side| {
            let rows = side.report.rows.iter();
            rows.map(|row| self.values(side, row)).collect::<Vec<_>>()
        });
        let mut places: [HashMap<Vec<Option<String>>, Vec<usize>>; 2] = Default::default();
        for (places, all) in places.iter_mut().zip([&first, &second]) {
            for (place, values) in all.iter().enumerate() {
                places.entry(key(values)).or_default().push(place);
            }
        }
        let equal = |a: &[Option<Value>], b: &[Option<Value>]| {
            a.iter().zip(b).all(|pair| match pair {
                (Some(a), Some(b)) => same(a, b),
                (None, None) => true,
                _ => false,
            })
        };
        let one = |(place, values): (usize, &Vec<Option<Value>>)| {
            let [of_first, of_second] = places.each_ref().map(|p| p.get(&key(values)));
            match (of_first.map(Vec::as_slice), of_second.map(Vec::as_slice)) {
                (Some([_]), Some([other])) if equal(values, &second[*other]) => {
                    Some((place, *other))
                }
                _ => None,
            }
        };
        first.iter().enumerate().filter_map(one).collect()
    }
}

fn matched(sides: &[Side<'_>; 2], shared: &Shared, a: &Row, b: &Row) -> Match {
    let state = |row: &Row| match row.has_diverged() {
        true => Some(State::Diverged.word()),
        false => row.objective_state(),
    };
    let compared = !a.has_diverged() && !b.has_diverged();
    Match {
        trials: [a.name(), b.name()],
        parameters: [shared.values(&sides[0], a), shared.values(&sides[1], b)],
        objectives: [a.objective, b.objective],
        states: [state(a), state(b)],
        versus: compared.then(|| versus(sides, a, b)),
    }
}

/// Two trials, run by run.
fn versus(sides: &[Side<'_>; 2], a: &Row, b: &Row) -> Paired {
    let ratio = sides.iter().filter_map(|side| side.report.comparison).map(|c| c.ratio);
    let (first, second) = (by_draw(a), by_draw(b));
    // Both lists by the draws of the first: the same seed and fold, wherever either has them.
    let mut places: Vec<Drawn> = first.iter().map(|(draw, _)| *draw).collect();
    places.sort_unstable();
    places.dedup();
    let place = |draw: &Drawn| places.binary_search(draw).ok().map(|place| place as u64);
    let numbered = |all: &[(Drawn, f64)]| {
        let mut found: Vec<(u64, f64)> =
            all.iter().filter_map(|(draw, y)| Some((place(draw)?, *y))).collect();
        found.sort_by_key(|(place, _)| *place);
        found
    };
    Paired::of(&numbered(&first), &numbered(&second), ratio.fold(0.0, f64::max))
}

/// A seed, and the number of a fold and of how many it is: the first of five holds back other samples
/// than the first of ten.
type Drawn = (u64, Option<(u32, u32)>);

/// The objective of each run by its seed and fold.
fn by_draw(row: &Row) -> Vec<(Drawn, f64)> {
    let draw = |run: &super::RunRow| {
        let fold = run.fold.map(|fold| (fold.number, fold.of));
        Some(((run.seed?, fold), run.objective?))
    };
    row.runs.iter().filter_map(draw).collect()
}

/// The means of the trials that match, pair by pair. Its p is that of independent trials; those of a
/// sweep share seeds and splits.
fn overall(matches: &[Match]) -> Paired {
    let side = |side: usize| {
        let mean = |m: &Match| m.versus.and(m.objectives[side].finite());
        let means = (0..).zip(matches.iter().map(mean));
        means.filter_map(|(place, mean)| Some((place, mean?))).collect::<Vec<(u64, f64)>>()
    };
    Paired::of(&side(0), &side(1), 0.0)
}

fn is_better(m: &Match, maximize: bool) -> bool {
    let [first, second] = m.objectives.map(|o| m.versus.and(o.finite()));
    first.zip(second).is_some_and(|(a, b)| if maximize { b > a } else { b < a })
}

#[cfg(test)]
mod tests;
