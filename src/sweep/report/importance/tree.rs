//! One regression tree (Breiman et al. 1984) of the forest, grown over levels by their sums.
use super::draw::Draw;
use super::levels::{Grid, LEVELS};

/// Of the coordinates, the share among which each split chooses: that of SMAC's forests
/// (Hutter, Hoos and Leyton-Brown 2011), on which the method was tried.
const TRIED: (usize, usize) = (5, 6);

/// A tree.
#[derive(Debug)]
pub(super) struct Tree {
    /// Its boxes, which fill the space of levels.
    pub(super) leaves: Vec<Leaf>,
    /// The trials that it was not grown from, and what it tells of each.
    pub(super) unseen: Vec<(usize, f64)>,
}

/// A box in which a tree is constant.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// By coordinate, its first level and the one after its last.
    pub(super) sides: Vec<(u8, u8)>,
    /// What the tree tells there.
    pub(super) value: f64,
}

/// A box on its way to leaves: where its trials stand in the lists of the seen and the unseen.
struct Node {
    sides: Vec<(u8, u8)>,
    seen: (usize, usize),
    unseen: (usize, usize),
}

struct Split {
    column: usize,
    /// The first level of the upper part.
    at: u8,
    gain: f64,
}

impl Tree {
    /// Grows the `number`th tree of the forest of a seed, from trials drawn with replacement.
    pub(super) fn grow(grid: &Grid, targets: &[f64], seed: u64, number: u64) -> Self {
        let mut draw = Draw::new(seed, number);
        let n = targets.len();
        let mut seen: Vec<usize> = (0..n).map(|_| draw.below(n)).collect();
        let mut is_seen = vec![false; n];
        seen.iter().for_each(|trial| is_seen[*trial] = true);
        let mut unseen: Vec<usize> = (0..n).filter(|trial| !is_seen[*trial]).collect();
        let levels = grid.drawn(&seen, targets, &mut draw);
        let mut grower = Grower::new(grid, targets, &levels, draw);
        let sides = (0..grid.len()).map(|column| (0, narrow(grid.count(column)))).collect();
        let mut open = vec![Node { sides, seen: (0, n), unseen: (0, unseen.len()) }];
        let mut tree = Self { leaves: Vec::new(), unseen: Vec::new() };
        while let Some(node) = open.pop() {
            let split = grower.split(&node, &seen[node.seen.0..node.seen.1]);
            let Some(Split { column, at, .. }) = split else {
                tree.close(node, &seen, &unseen, targets);
                continue;
            };
            let column_levels = &levels[column];
            let part = |trials: &mut [usize], (from, to): (usize, usize)| {
                from + partition(&mut trials[from..to], |trial| column_levels[trial] < at)
            };
            let (s, u) = (part(&mut seen, node.seen), part(&mut unseen, node.unseen));
            let (mut below, mut above) = (node.sides.clone(), node.sides);
            (below[column].1, above[column].0) = (at, at);
            open.push(Node { sides: below, seen: (node.seen.0, s), unseen: (node.unseen.0, u) });
            open.push(Node { sides: above, seen: (s, node.seen.1), unseen: (u, node.unseen.1) });
        }
        tree
    }

    fn close(&mut self, node: Node, seen: &[usize], unseen: &[usize], targets: &[f64]) {
        let own = &seen[node.seen.0..node.seen.1];
        let value = own.iter().map(|trial| targets[*trial]).sum::<f64>() / own.len() as f64;
        self.unseen.extend(unseen[node.unseen.0..node.unseen.1].iter().map(|t| (*t, value)));
        self.leaves.push(Leaf { sides: node.sides, value });
    }
}

struct Grower<'a> {
    targets: &'a [f64],
    levels: &'a [Vec<u8>],
    /// The coordinates that vary, in an order that each split draws anew.
    columns: Vec<usize>,
    tried: usize,
    least: usize,
    draw: Draw,
    sums: [(f64, u32); LEVELS],
}

impl<'a> Grower<'a> {
    fn new(grid: &Grid, targets: &'a [f64], levels: &'a [Vec<u8>], draw: Draw) -> Self {
        let columns = grid.varying().to_vec();
        let tried = (columns.len() * TRIED.0).div_ceil(TRIED.1);
        Self {
            tried,
            columns,
            targets,
            levels,
            least: least(targets.len()),
            draw,
            sums: [(0.0, 0); LEVELS],
        }
    }

    /// The split that leaves the least squared error; nothing where none leaves less.
    fn split(&mut self, node: &Node, trials: &[usize]) -> Option<Split> {
        if trials.len() < 2 * self.least {
            return None;
        }
        let total: f64 = trials.iter().map(|trial| self.targets[*trial]).sum();
        let whole = total * total / trials.len() as f64;
        // What rounding makes of equal targets is no gain.
        let squares: f64 = trials.iter().map(|trial| self.targets[*trial].powi(2)).sum();
        let mut best =
            Split { column: usize::MAX, at: 0, gain: whole + 1e-12 * (squares + f64::EPSILON) };
        for place in 0..self.columns.len() {
            let other = place + self.draw.below(self.columns.len() - place);
            self.columns.swap(place, other);
            // Those beyond the share serve only where the drawn ones can't split.
            if place >= self.tried && best.column != usize::MAX {
                break;
            }
            self.try_column(self.columns[place], node, trials, &mut best);
        }
        (best.column != usize::MAX).then_some(best)
    }

    fn try_column(&mut self, column: usize, node: &Node, trials: &[usize], best: &mut Split) {
        let (from, to) = node.sides[column];
        if to - from < 2 {
            return;
        }
        let (from, to) = (usize::from(from), usize::from(to));
        self.sums[from..to].fill((0.0, 0));
        let levels = &self.levels[column];
        let mut all = 0.0;
        for trial in trials {
            let target = self.targets[*trial];
            let (sum, n) = &mut self.sums[usize::from(levels[*trial])];
            (*sum, *n) = (*sum + target, *n + 1);
            all += target;
        }
        let (mut below, mut n_below) = (0.0, 0_usize);
        let mut last = from;
        for level in from..to {
            let (sum, n) = self.sums[level];
            if n == 0 {
                continue;
            }
            let n_above = trials.len() - n_below;
            if n_below >= self.least && n_above >= self.least {
                let above: f64 = all - below;
                let gain = below * below / n_below as f64 + above * above / n_above as f64;
                if gain > best.gain {
                    // Between two levels no trial says where: it is drawn.
                    let at = narrow(last + 1 + self.draw.below(level - last));
                    *best = Split { column, at, gain };
                }
            }
            (below, n_below, last) = (below + sum, n_below + n as usize, level);
        }
    }
}

/// Trials that each part of a split has at least: one where there are few, more where there are
/// many, so that leaves are no single runs' noise.
const fn least(trials: usize) -> usize {
    match trials {
        0..=63 => 1,
        64..=511 => 2,
        _ => 3,
    }
}

/// Puts those that it holds for first; how many they are.
fn partition(trials: &mut [usize], is_first: impl Fn(usize) -> bool) -> usize {
    let mut first = 0;
    for at in 0..trials.len() {
        if is_first(trials[at]) {
            trials.swap(first, at);
            first += 1;
        }
    }
    first
}

fn narrow(level: usize) -> u8 {
    u8::try_from(level).expect("levels are at most 64")
}
