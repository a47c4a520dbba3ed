//! Counts the points of a block, and samples them, by the parts of it that its conditions
//! tie together: parts are independent, so counts multiply.
use std::collections::HashSet;

use rayon::prelude::*;

use super::block::{Block, Rule};
use super::table::{Place, product, spread, step};

/// Axes that the same conditions speak of.
#[derive(Debug, Clone, Default)]
struct Part {
    /// Axes whose digits decide what the conditions say.
    walked: Vec<usize>,
    /// Axes that exist or not by these conditions, and decide nothing.
    attached: Vec<usize>,
    rules: Vec<Rule>,
}

/// An axis of which samples show every combination with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coupled {
    pub axis: usize,
    /// Whether of numbers all are shown, and not only the ends.
    pub every: bool,
}

/// Rows of a part that one thread counts at a time.
const PIECE: u64 = 1 << 14;

/// Pieces between two looks at whether the limit is passed.
const BATCH: u64 = 16;

impl Block {
    /// The parts of the block, and the axes that no condition speaks of.
    fn parts(&self) -> (Vec<Part>, Vec<usize>) {
        let whens = self.whens.iter().enumerate().map(|(n, (param, table))| {
            let attached = self.axis_of(*param).into_iter().collect();
            Part { walked: table.axes.clone(), attached, rules: vec![Rule::When(n)] }
        });
        let excludes = self.excludes.iter().enumerate().map(|(n, table)| Part {
            walked: table.axes.clone(),
            attached: Vec::new(),
            rules: vec![Rule::Exclude(n)],
        });
        let mut parts: Vec<Option<Part>> = Vec::new();
        // The part that has each axis.
        let mut owner: Vec<Option<usize>> = vec![None; self.axes.len()];
        for mut part in whens.chain(excludes) {
            let mut tied: Vec<usize> = part.axes().filter_map(|axis| owner[axis]).collect();
            tied.sort_unstable();
            tied.dedup();
            for other in tied.into_iter().filter_map(|other| parts[other].take()) {
                part.walked.extend(other.walked);
                part.attached.extend(other.attached);
                part.rules.extend(other.rules);
            }
            part.tidy();
            part.axes().for_each(|axis| owner[axis] = Some(parts.len()));
            parts.push(Some(part));
        }
        let free = (0..self.axes.len()).filter(|axis| owner[*axis].is_none()).collect();
        (parts.into_iter().flatten().collect(), free)
    }

    /// How many points the block has; if that is more than `limit`, some number above it.
    pub(super) fn count(&self, limit: u64) -> u64 {
        let (mut parts, free) = self.parts();
        let mut total = product(&free, &self.axes).unwrap_or(u64::MAX);
        parts.sort_by_key(|part| product(&part.walked, &self.axes));
        for (n, part) in parts.iter().enumerate() {
            let last = n + 1 == parts.len();
            let enough = if last { limit.checked_div(total).unwrap_or(0) } else { u64::MAX };
            total = total.saturating_mul(self.count_part(part, enough));
            if total == 0 {
                break;
            }
        }
        total
    }

    fn count_part(&self, part: &Part, enough: u64) -> u64 {
        let rows = product(&part.walked, &self.axes).unwrap_or(u64::MAX);
        let pieces = rows.div_ceil(PIECE);
        let mut total = 0_u64;
        let mut piece = 0;
        while piece < pieces && total <= enough {
            let end = (piece + BATCH).min(pieces);
            let counts = (piece..end).into_par_iter().map(|piece| {
                let start = piece * PIECE;
                self.count_rows(part, start, (start + PIECE).min(rows))
            });
            total = total.saturating_add(counts.sum());
            piece = end;
        }
        total
    }

    fn count_rows(&self, part: &Part, start: u64, end: u64) -> u64 {
        let mut at = spread(&part.walked, &self.axes, start);
        let mut total = 0_u64;
        for _ in start..end {
            if self.keeps_row(part, &mut at) {
                let attached = part.attached.iter();
                total = total.saturating_add(
                    attached.fold(1, |n, axis| n.saturating_mul(self.firsts(*axis, &at))),
                );
            }
            step(&mut at.digits, &part.walked, &self.axes);
        }
        total
    }

    /// Whether a part's row leads to points; works out what is absent there.
    fn keeps_row(&self, part: &Part, at: &mut Place) -> bool {
        at.absent.clear();
        for rule in &part.rules {
            match rule {
                Rule::When(n) if !self.holds(*rule, at) => at.absent.push(self.whens[*n].0),
                Rule::Exclude(_) if self.holds(*rule, at) => return false,
                _ => {}
            }
        }
        part.walked.iter().all(|axis| self.is_first(*axis, at))
    }

    /// Indices of points that together show every combination of the `coupled` axes (of
    /// numbers that no condition speaks of, the ends) and of what does not exist.
    pub(super) fn samples(&self, coupled: &[Coupled]) -> impl Iterator<Item = u64> + use<> {
        let (parts, free) = self.parts();
        let mut factors: Vec<Vec<u64>> =
            parts.iter().map(|part| self.sample_part(part, coupled)).collect();
        let digit_of = |axis: usize, digit: u64| {
            let mut digits = vec![0; self.axes.len()];
            digits[axis] = digit;
            self.index(&digits)
        };
        factors.extend(coupled.iter().filter(|one| free.contains(&one.axis)).map(|one| {
            self.shown(one).into_iter().map(|digit| digit_of(one.axis, digit)).collect()
        }));
        let empty = self.axes.iter().any(super::axis::Axis::is_empty);
        let all = factors.iter().fold(u64::from(!empty), |n, f| n.saturating_mul(f.len() as u64));
        (0..all).map(move |mut row| {
            factors.iter().fold(0, |index, factor| {
                let len = factor.len() as u64;
                let digit = usize::try_from(row % len).unwrap_or(0);
                row /= len;
                index + factor[digit]
            })
        })
    }

    /// Indices at which a part's rows differ in coupled axes or in what does not exist; the
    /// digits of other parts are 0 in them, so that those of all parts can be added.
    fn sample_part(&self, part: &Part, coupled: &[Coupled]) -> Vec<u64> {
        let among =
            |axes: &[usize]| coupled.iter().copied().filter(|c| axes.contains(&c.axis)).collect();
        let shown: Vec<Coupled> = among(&part.walked);
        let attached: Vec<Coupled> = among(&part.attached);
        let decides = !shown.is_empty() || part.rules.iter().any(|r| matches!(r, Rule::When(_)));
        let mut seen: HashSet<Vec<u64>> = HashSet::new();
        let mut found = Vec::new();
        let mut at = spread(&part.walked, &self.axes, 0);
        let mut key = Vec::new();
        for _ in 0..product(&part.walked, &self.axes).unwrap_or(u64::MAX) {
            if self.keeps_row(part, &mut at) {
                key.clear();
                key.extend(shown.iter().map(|one| at.digits[one.axis]));
                key.extend(at.absent.iter().map(|param| *param as u64));
                if !seen.contains(&key) {
                    seen.insert(key.clone());
                    let open = attached.iter().filter(|one| !self.is_gone(one.axis, &at));
                    found.extend(self.spread_over(&at, open));
                }
                if !decides {
                    break;
                }
            }
            step(&mut at.digits, &part.walked, &self.axes);
        }
        found
    }

    /// The digits of an axis that stand for all.
    fn shown(&self, Coupled { axis, every }: &Coupled) -> Vec<u64> {
        let axis = &self.axes[*axis];
        if *every { (0..axis.len()).collect() } else { axis.corners() }
    }

    /// The indices of a place with the digits that stand for all of some more axes.
    fn spread_over<'c>(&self, at: &Place, axes: impl Iterator<Item = &'c Coupled>) -> Vec<u64> {
        let mut rows = vec![at.digits.clone()];
        for one in axes {
            let mut place = at.clone();
            let mut shown = self.shown(one);
            shown.retain(|digit| {
                place.digits[one.axis] = *digit;
                self.is_first(one.axis, &place)
            });
            let with = |row: &Vec<u64>, digit: u64| {
                let mut row = row.clone();
                row[one.axis] = digit;
                row
            };
            rows = rows
                .iter()
                .flat_map(|row| shown.iter().map(|digit| with(row, *digit)).collect::<Vec<_>>())
                .collect();
        }
        rows.iter().map(|digits| self.index(digits)).collect()
    }
}

impl Part {
    fn axes(&self) -> impl Iterator<Item = usize> + '_ {
        self.walked.iter().chain(&self.attached).copied()
    }

    /// Sorts the axes, and the rules so that each stands after those that it asks about.
    fn tidy(&mut self) {
        self.walked.sort_unstable();
        self.walked.dedup();
        self.attached.sort_unstable();
        self.attached.dedup();
        let walked = &self.walked;
        self.attached.retain(|axis| walked.binary_search(axis).is_err());
        self.rules.sort_by_key(|rule| match rule {
            Rule::When(n) => (0, *n),
            Rule::Exclude(n) => (1, *n),
        });
    }
}
