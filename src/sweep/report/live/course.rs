//! How the best so far came about: the objective of each run in the order in which they ended.

/// Most runs that are kept as dots; of more, evenly spread ones.
const DOTS: usize = 1000;

/// The objectives of runs in the order of their ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// Runs that are done and have a finite objective.
    pub runs: usize,
    /// Some of them: how many had ended with it, from 1, and its objective.
    pub dots: Vec<(f64, f64)>,
    /// Where the best changed, and where it stands now: how many had ended, and the best of them.
    pub best: Vec<(f64, f64)>,
}

impl Course {
    /// From when each run ended, and its objective where it has one.
    #[must_use]
    pub fn of(mut ends: Vec<(f64, Option<f64>)>, maximize: bool) -> Self {
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> =
            ends.iter().filter_map(|(_, value)| value.filter(|x| x.is_finite())).collect();
        let mut course = Self { runs: values.len(), ..Self::default() };
        let every = values.len().div_ceil(DOTS).max(1);
        let mut best: Option<f64> = None;
        for (place, value) in values.iter().copied().enumerate() {
            let number = number(place + 1);
            if best.is_none_or(|best| if maximize { value > best } else { value < best }) {
                // A step: the line stays level until this run.
                course.best.extend(best.map(|best| (number, best)));
                course.best.push((number, value));
                best = Some(value);
            }
            if place % every == 0 {
                course.dots.push((number, value));
            }
        }
        course.best.extend(best.map(|best| (number(values.len()), best)));
        course
    }

    /// The least and the largest objective that a picture shows: all of the best so far, and nine
    /// tenths of the runs on each side of the middle, for one that exploded would flatten the rest.
    #[must_use]
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let mut values: Vec<f64> = self.dots.iter().map(|dot| dot.1).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let (low, high) = (values[last / 20], values[last - last / 20]);
        let settled = self.best.iter().skip(self.best.len() / 2).map(|(_, value)| *value);
        let (low, high) =
            settled.fold((low, high), |(low, high), value| (low.min(value), high.max(value)));
        let margin = 0.05 * (high - low);
        let margin = if margin > 0.0 { margin } else { low.abs().max(1e-9) * 0.05 };
        Some((low - margin, high + margin))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place among runs")]
const fn number(place: usize) -> f64 {
    place as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_a_staircase_in_the_order_of_ends() {
        let ends = vec![(3.0, Some(0.7)), (1.0, Some(0.5)), (2.0, None), (4.0, Some(0.6))];
        let course = Course::of(ends.clone(), true);
        assert_eq!(course.dots, [(1.0, 0.5), (2.0, 0.7), (3.0, 0.6)]);
        assert_eq!(course.best, [(1.0, 0.5), (2.0, 0.5), (2.0, 0.7), (3.0, 0.7)]);
        assert_eq!(Course::of(ends, false).best, [(1.0, 0.5), (3.0, 0.5)]);
        assert_eq!(Course::of(vec![(1.0, Some(f64::NAN))], true), Course::default());
    }

    #[test]
    fn one_run_that_exploded_does_not_flatten_the_picture() {
        let mut ends: Vec<(f64, Option<f64>)> =
            (0..100).map(|n| (f64::from(n), Some(1.0 - f64::from(n) / 200.0))).collect();
        ends[50].1 = Some(1e9);
        let (low, high) = Course::of(ends, false).bounds().expect("runs");
        assert!(low < 0.51 && high < 2.0, "{low} {high}");
        let one = Course::of(vec![(1.0, Some(2.0))], false).bounds().expect("a run");
        assert!(one.0 < 2.0 && one.1 > 2.0);
        assert_eq!(Course::default().bounds(), None);
    }

    #[test]
    fn of_many_runs_some_are_dots() {
        let ends = (0..5_000).map(|n| (f64::from(n), Some(f64::from(n % 7)))).collect();
        let course = Course::of(ends, true);
        assert_eq!((course.runs, course.dots.len()), (5_000, 1_000));
    }
}
