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
        let mut parts: Vec<Part> = Vec::new();
        for mut part in whens.chain(excludes) {
            let touches = |other: &mut Part| other.axes().any(|a| part.axes().any(|b| a == b));
            let tied: Vec<Part> = parts.extract_if(.., touches).collect();
            for other in tied {
                part.walked.extend(other.walked);
                part.attached.extend(other.attached);
                part.rules.extend(other.rules);
            }
            parts.push(part);
        }
        for part in &mut parts {
            part.tidy();
        }
        let free =
            (0..self.axes.len()).filter(|a| !parts.iter().any(|p| p.axes().any(|b| b == *a)));
        let free = free.collect();
        (parts, free)
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
                let present = part.attached.iter().filter(|axis| !self.is_gone(**axis, &at));
                total = total.saturating_add(
                    present.fold(1, |n, axis| n.saturating_mul(self.axes[*axis].len())),
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
        part.walked.iter().all(|axis| at.digits[*axis] == 0 || !self.is_gone(*axis, at))
    }

    /// Indices of points that together show every combination of the `coupled` axes (of
    /// numbers that no condition speaks of, the ends) and of what does not exist.
    pub(super) fn samples(&self, coupled: &[usize]) -> impl Iterator<Item = u64> + use<> {
        let (parts, free) = self.parts();
        let mut factors: Vec<Vec<u64>> =
            parts.iter().map(|part| self.sample_part(part, coupled)).collect();
        let digit_of = |axis: usize, digit: u64| {
            let mut digits = vec![0; self.axes.len()];
            digits[axis] = digit;
            self.index(&digits)
        };
        factors.extend(free.iter().filter(|axis| coupled.contains(axis)).map(|axis| {
            self.axes[*axis].corners().into_iter().map(|digit| digit_of(*axis, digit)).collect()
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
    fn sample_part(&self, part: &Part, coupled: &[usize]) -> Vec<u64> {
        let shown: Vec<usize> =
            part.walked.iter().copied().filter(|axis| coupled.contains(axis)).collect();
        let decides = !shown.is_empty() || part.rules.iter().any(|r| matches!(r, Rule::When(_)));
        let mut seen: HashSet<Vec<u64>> = HashSet::new();
        let mut found = Vec::new();
        let mut at = spread(&part.walked, &self.axes, 0);
        let mut key = Vec::new();
        for _ in 0..product(&part.walked, &self.axes).unwrap_or(u64::MAX) {
            if self.keeps_row(part, &mut at) {
                key.clear();
                key.extend(shown.iter().map(|axis| at.digits[*axis]));
                key.extend(at.absent.iter().map(|param| *param as u64));
                if !seen.contains(&key) {
                    seen.insert(key.clone());
                    let present = part.attached.iter().copied();
                    let open = present.filter(|a| coupled.contains(a) && !self.is_gone(*a, &at));
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

    /// The indices of a place with the corners of some more axes.
    fn spread_over(&self, at: &Place, axes: impl Iterator<Item = usize>) -> Vec<u64> {
        let mut rows = vec![at.digits.clone()];
        for axis in axes {
            let corners = self.axes[axis].corners();
            rows = rows
                .iter()
                .flat_map(|row| {
                    corners.iter().map(|digit| {
                        let mut row = row.clone();
                        row[axis] = *digit;
                        row
                    })
                })
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
        self.attached.retain(|axis| !walked.contains(axis));
        self.rules.sort_by_key(|rule| match rule {
            Rule::When(n) => (0, *n),
            Rule::Exclude(n) => (1, *n),
        });
    }
}
