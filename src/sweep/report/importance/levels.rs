//! Coordinates as numbers of levels: what the trees are grown on.
use super::draw::Draw;

/// Levels of a coordinate, at most.
pub(super) const LEVELS: usize = 64;

/// The level of a coordinate that does not exist.
const MISSING: u8 = u8::MAX;

/// The levels of all trials, coordinate by coordinate.
#[derive(Debug)]
pub(super) struct Grid {
    columns: Vec<Column>,
    varying: Vec<usize>,
}

#[derive(Debug)]
struct Column {
    values: Values,
    /// How many levels there are.
    count: usize,
    has_missing: bool,
}

#[derive(Debug)]
enum Values {
    /// The level of each trial.
    Levels(Vec<u8>),
    /// The category of each trial, from 0, and how many there are: each tree orders them.
    Categories(Vec<Option<usize>>, usize),
}

impl Grid {
    /// The levels of these trials' points; coordinates beyond a shorter row are missing.
    pub(super) fn new(points: &[Vec<f64>], categories: &[usize], trials: &[usize]) -> Self {
        let width = trials.iter().map(|trial| points[*trial].len()).max().unwrap_or(0);
        let at = |trial: usize, column: usize| points[trial].get(column).copied();
        let of = |column| trials.iter().map(move |t| at(*t, column).unwrap_or(f64::NAN));
        let column = |c: usize| Column::new(of(c).collect(), categories.contains(&c));
        let columns: Vec<Column> = (0..width).map(column).collect();
        let varying = (0..width).filter(|column| columns[*column].count > 1).collect();
        Self { columns, varying }
    }

    /// How many coordinates.
    pub(super) const fn len(&self) -> usize {
        self.columns.len()
    }

    /// Those with more than one level.
    pub(super) fn varying(&self) -> &[usize] {
        &self.varying
    }

    /// How many levels a coordinate has.
    pub(super) fn count(&self, column: usize) -> usize {
        self.columns[column].count
    }

    /// The level of each trial by coordinate, with a drawn one where it is missing; categories stand
    /// in the order that the targets of the `seen` trials give them.
    pub(super) fn drawn(&self, seen: &[usize], targets: &[f64], draw: &mut Draw) -> Vec<Vec<u8>> {
        let fill = |column: &Column| {
            let mut levels = match &column.values {
                Values::Levels(levels) => levels.clone(),
                Values::Categories(of, many) => by_mean(of, *many, seen, targets, draw),
            };
            if column.has_missing && column.count > 0 {
                for level in levels.iter_mut().filter(|level| **level == MISSING) {
                    *level = narrow(draw.below(column.count));
                }
            }
            levels
        };
        self.columns.iter().map(fill).collect()
    }
}

impl Column {
    fn new(values: Vec<f64>, is_category: bool) -> Self {
        let mut distinct: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let has_missing = values.iter().any(|x| !x.is_finite());
        let (least, largest) = match (distinct.first(), distinct.last()) {
            (Some(least), Some(largest)) => (*least, *largest),
            _ => (0.0, 0.0),
        };
        let count = distinct.len().min(LEVELS);
        let level = |x: f64| match () {
            () if !x.is_finite() => MISSING,
            () if distinct.len() <= LEVELS => narrow(distinct.partition_point(|d| *d < x)),
            () => narrow(bin(x, least, largest)),
        };
        let category = |x: f64| x.is_finite().then(|| distinct.partition_point(|known| *known < x));
        let values = if is_category {
            Values::Categories(values.into_iter().map(category).collect(), distinct.len())
        } else {
            Values::Levels(values.into_iter().map(level).collect())
        };
        Self { values, count, has_missing }
    }
}

/// The levels of categories, `many` of them, numbered by the mean target of the `seen` trials of
/// each; one that has none among them stands beside one that is drawn.
fn by_mean(
    of: &[Option<usize>],
    many: usize,
    seen: &[usize],
    targets: &[f64],
    draw: &mut Draw,
) -> Vec<u8> {
    let mut sums = vec![(0.0, 0_u32); many];
    for (trial, category) in seen.iter().filter_map(|trial| Some((*trial, of[*trial]?))) {
        let (sum, n) = &mut sums[category];
        (*sum, *n) = (*sum + targets[trial], *n + 1);
    }
    let mean = |(sum, n): &(f64, u32)| (*n > 0).then(|| sum / f64::from(*n));
    let known: Vec<f64> = sums.iter().filter_map(mean).collect();
    let mut drawn = || if known.is_empty() { 0.0 } else { known[draw.below(known.len())] };
    let mut order: Vec<(f64, usize)> =
        sums.iter().map(|sum| mean(sum).unwrap_or_else(&mut drawn)).zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut levels = vec![MISSING; many];
    for (place, (_, category)) in order.into_iter().enumerate() {
        levels[category] = narrow(if many > LEVELS { place * LEVELS / many } else { place });
    }
    of.iter().map(|category| category.map_or(MISSING, |category| levels[category])).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the range, from 0 to 1, and NaN becomes 0"
)]
fn bin(x: f64, least: f64, largest: f64) -> usize {
    // Halved, for the distance of the ends may be no finite number.
    let share = (x / 2.0 - least / 2.0) / (largest / 2.0 - least / 2.0);
    ((share * LEVELS as f64) as usize).min(LEVELS - 1)
}

fn narrow(level: usize) -> u8 {
    u8::try_from(level).expect("levels are at most 64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_levels_and_many_are_binned() {
        let few: Vec<Vec<f64>> = [3.0, 1.0, f64::NAN, 100.0].map(|x| vec![x]).into();
        let grid = Grid::new(&few, &[], &[0, 1, 2, 3]);
        assert_eq!(grid.count(0), 3);
        let drawn = grid.drawn(&[], &[], &mut Draw::new(1, 1));
        assert_eq!((drawn[0][0], drawn[0][1], drawn[0][3]), (1, 0, 2));
        assert!(drawn[0][2] < 3);
        let many: Vec<Vec<f64>> = (0..1000).map(|x| vec![f64::from(x)]).collect();
        let grid = Grid::new(&many, &[], &(0..1000).collect::<Vec<_>>());
        assert_eq!(grid.count(0), LEVELS);
        let drawn = grid.drawn(&[], &[], &mut Draw::new(1, 1));
        assert_eq!((drawn[0][0], drawn[0][999], drawn[0][500]), (0, 63, 32));
        let wide = [vec![f64::MIN], vec![f64::MAX], vec![0.0]];
        assert_eq!(Grid::new(&wide, &[], &[0, 1, 2]).count(0), 3);
    }

    #[test]
    fn categories_stand_by_the_mean_of_the_trials_that_are_seen() {
        let points: Vec<Vec<f64>> = [0.0, 0.0, 1.0, 2.0, f64::NAN, 3.0].map(|x| vec![x]).into();
        let grid = Grid::new(&points, &[0], &[0, 1, 2, 3, 4, 5]);
        let targets = [9.0, 1.0, 2.0, -1.0, 5.0, f64::NAN];
        for seed in 0..20 {
            // Neither the first trial's target nor the last's is looked at.
            let drawn = grid.drawn(&[1, 2, 2, 3], &targets, &mut Draw::new(seed, 1));
            let [first, second, third, fourth, missing, unseen] = drawn[0][..] else { panic!() };
            assert!(fourth < first && first < third && first == second, "{drawn:?}");
            assert!(missing < 4 && ![first, third, fourth].contains(&unseen) && unseen < 4);
        }
        assert_eq!(grid.drawn(&[4], &targets, &mut Draw::new(1, 1))[0][..4], [0, 0, 1, 2]);
    }
}
