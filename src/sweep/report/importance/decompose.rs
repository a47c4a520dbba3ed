//! The variance of one tree, divided exactly (Hutter et al. 2014, section 4): a tree is a sum over
//! boxes, and the mean of a box over a coordinate is the share of its levels that the box has.
use super::levels::Grid;
use super::tree::Leaf;

/// How the variance of one tree divides.
#[derive(Debug)]
pub(super) struct Decomposition<'a> {
    leaves: &'a [Leaf],
    /// Of each box its share of the space.
    sizes: Vec<f64>,
    variance: f64,
    /// The share of each coordinate alone.
    pub(super) alone: Vec<f64>,
}

impl<'a> Decomposition<'a> {
    /// Divides the variance over all levels, each as probable; nothing for a tree that is constant.
    pub(super) fn of(leaves: &'a [Leaf], grid: &Grid) -> Option<Self> {
        let size = |leaf: &Leaf| (0..grid.len()).map(|column| side(leaf, grid, column)).product();
        let sizes: Vec<f64> = leaves.iter().map(size).collect();
        let mean: f64 = leaves.iter().zip(&sizes).map(|(leaf, size)| leaf.value * size).sum();
        let deviation = |leaf: &Leaf| (leaf.value - mean).powi(2);
        let variance: f64 =
            leaves.iter().zip(&sizes).map(|(leaf, size)| deviation(leaf) * size).sum();
        if variance <= 1e-12 {
            return None;
        }
        let mut this = Self { leaves, sizes, variance, alone: vec![0.0; grid.len()] };
        for column in grid.varying() {
            this.alone[*column] = this.of_one(grid, *column, mean) / variance;
        }
        Some(this)
    }

    /// The variance of the means over all other coordinates.
    fn of_one(&self, grid: &Grid, column: usize, mean: f64) -> f64 {
        let count = grid.count(column);
        // What changes from each level to the next.
        let mut steps = vec![0.0; count + 1];
        for (leaf, size) in self.leaves.iter().zip(&self.sizes) {
            let (from, to) = leaf.sides[column];
            let part = (leaf.value - mean) * size / side(leaf, grid, column);
            steps[usize::from(from)] += part;
            steps[usize::from(to)] -= part;
        }
        let mut at = 0.0;
        let squares = steps[..count].iter().map(|step| {
            at += step;
            f64::powi(at, 2)
        });
        squares.sum::<f64>() / count as f64
    }

    /// The share of two coordinates beyond those of each.
    pub(super) fn together(&self, grid: &Grid, first: usize, second: usize) -> f64 {
        let mean: f64 = self.leaves.iter().zip(&self.sizes).map(|(l, size)| l.value * size).sum();
        let (rows, columns) = (grid.count(first), grid.count(second));
        let width = columns + 1;
        let mut steps = vec![0.0; (rows + 1) * width];
        for (leaf, size) in self.leaves.iter().zip(&self.sizes) {
            let sides = side(leaf, grid, first) * side(leaf, grid, second);
            let part = (leaf.value - mean) * size / sides;
            let [(top, bottom), (left, right)] = [leaf.sides[first], leaf.sides[second]]
                .map(|(from, to)| (usize::from(from), usize::from(to)));
            steps[top * width + left] += part;
            steps[top * width + right] -= part;
            steps[bottom * width + left] -= part;
            steps[bottom * width + right] += part;
        }
        let mut above = vec![0.0; columns];
        let mut squares = 0.0;
        for row in steps.chunks(width).take(rows) {
            let mut at = 0.0;
            for (above, step) in above.iter_mut().zip(row) {
                at += step;
                *above += at;
                squares += f64::powi(*above, 2);
            }
        }
        let both = squares / (rows * columns) as f64 / self.variance;
        // Rounding alone takes it below nothing.
        (both - self.alone[first] - self.alone[second]).max(0.0)
    }
}

/// The share of a coordinate's levels that a box has.
fn side(leaf: &Leaf, grid: &Grid, column: usize) -> f64 {
    let (from, to) = leaf.sides[column];
    // Where all are missing there is no level, and it is no side.
    if grid.count(column) == 0 { 1.0 } else { f64::from(to - from) / grid.count(column) as f64 }
}
