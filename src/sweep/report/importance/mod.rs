//! Which parameters matter: how the differences between trials divide among parameters and pairs
//! of them, by functional ANOVA over a forest of regression trees.
//!
//! The method is that of Hutter, Hoos and Leyton-Brown (2014, *An Efficient Approach for Assessing
//! Hyperparameter Importance*, ICML): a random forest (Breiman 2001) learns the objective from the
//! parameters; a tree is constant on boxes, so that its mean over any parameters, and with it the
//! decomposition of its variance, is exact. A *share* is the part of a tree's variance that one
//! parameter explains alone, or that two explain together beyond what each does alone. Its mean
//! and spread are over the trees.
//!
//! Where it differs:
//! - What is asked is variance over the trials' own values: of a parameter with up to 64 distinct
//!   values each counts the same, so a grid is weighed as a grid; more are sorted into 64 bins of
//!   equal width between the least and the largest.
//! - A coordinate that is missing (NaN: a parameter that does not exist at that trial) changes
//!   nothing there: every tree draws it anew from the parameter's values. So what decides whether
//!   it exists keeps its own share.
//! - Values that are no numbers are categories. Each tree orders them by the mean objective of the
//!   trials that it is grown from, so that one split can part the good from the bad (Breiman et al.
//!   1984, section 4.2); one that it has not seen stands beside a drawn one. By the mean of all trials
//!   the order would tell a tree of trials that it must not see.
//! - Of more than 5,000 trials 5,000 are drawn.
//!
//! Parameters that vary together only (`zip`) can't be told apart: they divide a share by chance,
//! which their spread shows.
mod decompose;
mod draw;
mod encode;
mod levels;
mod show;
mod tree;

use rayon::prelude::*;

use super::Summary;
use decompose::Decomposition;
use draw::Draw;
pub use encode::{Encoded, encode};
use levels::Grid;
pub use show::Told;
pub(super) use show::{json, lines, notes, table, written};
use tree::Tree;

/// Trials below which nothing is told.
pub const FEWEST: usize = 8;

/// Trials that are looked at, at most.
const MOST: usize = 5_000;

/// Trees of the forest.
const TREES: u64 = 64;

/// Among so many of the parameters that matter most, pairs are looked at.
const PAIRED: usize = 8;

/// How the differences between trials divide.
#[derive(Debug, Clone, PartialEq)]
pub struct Importances {
    /// The share of each coordinate alone, in their order; 0 of one that does not vary.
    pub parameters: Vec<Share>,
    /// The shares of two together beyond those of each, among the eight coordinates with the
    /// largest; the largest first.
    pub pairs: Vec<Pair>,
    /// How much of the variance between trials that a tree was not grown from the forest tells
    /// ahead: R² out of bag (Breiman 2001), at most 1; near 0, or below, shares mean nothing.
    pub explained: f64,
    /// Trials that were looked at.
    pub trials: u64,
}

impl Importances {
    /// The coordinates, that with the largest share first.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.parameters.len()).collect();
        let share = |at: &usize| self.parameters[*at].mean;
        order.sort_by(|a, b| share(b).total_cmp(&share(a)));
        order
    }

    /// The two coordinates that explain the most between them: each alone, and together. Nothing
    /// where fewer than two vary.
    #[must_use]
    pub fn most_together(&self) -> Option<[usize; 2]> {
        let alone = |at: usize| self.parameters[at].mean;
        let whole = |pair: &Pair| alone(pair.first) + alone(pair.second) + pair.share.mean;
        let most = self.pairs.iter().max_by(|a, b| whole(a).total_cmp(&whole(b)))?;
        Some([most.first, most.second])
    }
}

/// A share of the variance, from 0 to 1, over the trees.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation over the trees.
    pub sd: f64,
}

/// What two parameters explain together beyond what each does alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The first coordinate.
    pub first: usize,
    /// The second, after the first.
    pub second: usize,
    /// Their share.
    pub share: Share,
}

/// Divides the differences between trials. `points` has one row a trial, with a coordinate for
/// each parameter (see [`encode`]), NaN where it does not exist; `categories` are the coordinates
/// whose numbers have no order; `objective` has a number for each trial.
/// Trials whose number is not finite are left out. The same input and `seed` give the same bits.
///
/// Nothing where fewer than [`FEWEST`] trials remain, where all have the same objective, or where
/// no coordinate varies.
#[must_use]
pub fn of(
    points: &[Vec<f64>],
    categories: &[usize],
    objective: &[f64],
    seed: u64,
) -> Option<Importances> {
    let mut kept: Vec<usize> = (0..points.len().min(objective.len()))
        .filter(|trial| objective[*trial].is_finite())
        .collect();
    if kept.len() < FEWEST {
        return None;
    }
    Draw::new(seed, 0).choose(&mut kept, MOST);
    let targets = standardised(&kept, objective)?;
    let grid = Grid::new(points, categories, &kept);
    if grid.varying().is_empty() {
        return None;
    }
    let trees: Vec<Tree> =
        (1..=TREES).into_par_iter().map(|n| Tree::grow(&grid, &targets, seed, n)).collect();
    let explained = explained(&trees, &targets);
    let parts: Vec<Decomposition> =
        trees.par_iter().filter_map(|tree| Decomposition::of(&tree.leaves, &grid)).collect();
    let parameters: Vec<Share> =
        (0..grid.len()).map(|at| share(parts.iter().map(|part| part.alone[at]))).collect();
    let pairs = pairs(&parts, &parameters, &grid);
    Some(Importances { parameters, pairs, explained, trials: kept.len() as u64 })
}

fn pairs(parts: &[Decomposition], alone: &[Share], grid: &Grid) -> Vec<Pair> {
    let mut first: Vec<usize> = grid.varying().to_vec();
    first.sort_by(|a, b| alone[*b].mean.total_cmp(&alone[*a].mean));
    first.truncate(PAIRED);
    first.sort_unstable();
    let of_two = first.iter().flat_map(|a| first.iter().map(move |b| (*a, *b)));
    let of_two: Vec<(usize, usize)> = of_two.filter(|(a, b)| a < b).collect();
    let share_of = |(first, second)| {
        let share = share(parts.iter().map(|part| part.together(grid, first, second)));
        Pair { first, second, share }
    };
    let mut pairs: Vec<Pair> = of_two.into_par_iter().map(share_of).collect();
    pairs.sort_by(|a, b| b.share.mean.total_cmp(&a.share.mean));
    pairs
}

fn share(of_trees: impl Iterator<Item = f64>) -> Share {
    let summary = Summary::of(&of_trees.collect::<Vec<f64>>());
    Share { mean: summary.mean.unwrap_or(0.0), sd: summary.sd.unwrap_or(0.0) }
}

/// The objectives with mean 0 and variance 1; nothing where all are equal.
fn standardised(kept: &[usize], objective: &[f64]) -> Option<Vec<f64>> {
    let largest = kept.iter().fold(0.0_f64, |most, trial| most.max(objective[*trial].abs()));
    // Numbers near the end of what there is have no finite square.
    let scale = if largest > 0.0 { largest } else { return None };
    let scaled: Vec<f64> = kept.iter().map(|trial| objective[*trial] / scale).collect();
    let summary = Summary::of(&scaled);
    let (mean, sd) = (summary.mean?, summary.sd?);
    (sd > 1e-12).then(|| scaled.iter().map(|y| (y - mean) / sd).collect())
}

/// R² of the trees' mean for each trial over those that did not see it.
fn explained(trees: &[Tree], targets: &[f64]) -> f64 {
    let mut sums = vec![(0.0, 0.0); targets.len()];
    for (trial, told) in trees.iter().flat_map(|tree| &tree.unseen) {
        sums[*trial].0 += told;
        sums[*trial].1 += 1.0;
    }
    let (mut missed, mut all) = (0.0, 0.0);
    for ((sum, trees), target) in sums.into_iter().zip(targets) {
        if trees > 0.0 {
            missed += (target - sum / trees).powi(2);
            all += target.powi(2);
        }
    }
    if all > 0.0 { 1.0 - missed / all } else { 0.0 }
}

#[cfg(test)]
mod tests;
