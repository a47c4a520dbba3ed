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
    /// The level of each trial.
    levels: Vec<u8>,
    /// How many levels there are.
    count: usize,
    has_missing: bool,
}

impl Grid {
    /// The levels of these trials' points; coordinates beyond a shorter row are missing.
    pub(super) fn new(points: &[Vec<f64>], trials: &[usize]) -> Self {
        let width = trials.iter().map(|trial| points[*trial].len()).max().unwrap_or(0);
        let at = |trial: usize, column: usize| points[trial].get(column).copied();
        let of = |column| trials.iter().map(move |t| at(*t, column).unwrap_or(f64::NAN));
        let columns: Vec<Column> = (0..width).map(|c| Column::new(of(c).collect())).collect();
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

    /// The level of each trial by coordinate, with a drawn one where it is missing.
    pub(super) fn drawn(&self, draw: &mut Draw) -> Vec<Vec<u8>> {
        let fill = |column: &Column| {
            let mut levels = column.levels.clone();
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
    fn new(values: Vec<f64>) -> Self {
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
        Self { levels: values.into_iter().map(level).collect(), count, has_missing }
    }
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
        let grid = Grid::new(&few, &[0, 1, 2, 3]);
        assert_eq!(grid.count(0), 3);
        let drawn = grid.drawn(&mut Draw::new(1, 1));
        assert_eq!((drawn[0][0], drawn[0][1], drawn[0][3]), (1, 0, 2));
        assert!(drawn[0][2] < 3);
        let many: Vec<Vec<f64>> = (0..1000).map(|x| vec![f64::from(x)]).collect();
        let grid = Grid::new(&many, &(0..1000).collect::<Vec<_>>());
        assert_eq!(grid.count(0), LEVELS);
        let drawn = grid.drawn(&mut Draw::new(1, 1));
        assert_eq!((drawn[0][0], drawn[0][999], drawn[0][500]), (0, 63, 32));
        let wide = [vec![f64::MIN], vec![f64::MAX], vec![0.0]];
        assert_eq!(Grid::new(&wide, &[0, 1, 2]).count(0), 3);
    }
}
