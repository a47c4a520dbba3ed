//! Points of a union that an earlier block, or an earlier row, has already.
use std::collections::HashSet;

use rayon::prelude::*;

use super::{Axis, Space};

/// Points of a union up to which the identities of all are held at once to compare them.
const MAX_HELD: u64 = 1_000_000;

/// Points that are compared between two looks at whether a limit is passed.
const BATCH: u64 = 1 << 14;

impl Space {
    /// Whether a kept point of a later block repeats an earlier point.
    pub(super) fn is_repeat(&self, block: usize, index: u64) -> bool {
        if let Some(repeats) = self.repeats.get_or_init(|| self.held_repeats()) {
            return repeats.contains(&(self.offsets[block] + index));
        }
        if self.repeated_rows(block).contains(&index) {
            return true;
        }
        let work = self.work_unchecked(block, index).canonical();
        // With what is `null`: that is a value of a parameter as others are.
        let mine = self.resolved(block, index);
        self.blocks[..block].iter().any(|earlier| {
            earlier
                .find(&|param| mine.get(param).cloned().flatten())
                .is_some_and(|at| self.work_of(earlier, at).canonical() == work)
        })
    }

    /// Points of a later block that no earlier one has, counted up to a little above `limit`.
    pub(super) fn count_new(&self, block: usize, limit: u64) -> u64 {
        let size = self.blocks[block].size();
        let mut total = 0;
        let mut start = 0;
        while start < size && total <= limit {
            let end = start.saturating_add(BATCH).min(size);
            let kept: Vec<u64> = self.blocks[block].walk(start, end).collect();
            // Settled before the threads start, so that none waits for another's.
            self.repeats.get_or_init(|| self.held_repeats());
            self.repeated_rows(block);
            let new = kept.into_par_iter().filter(|index| !self.is_repeat(block, *index));
            total += new.count() as u64;
            start = end;
        }
        total
    }

    /// All repeats by number, where looking up every point in each earlier block would take
    /// longer than to hold the identities of all points. On one thread: a thread that waits for
    /// others here could be handed work that asks for this very set.
    fn held_repeats(&self) -> Option<HashSet<u64>> {
        let sizes = self.blocks.iter().map(super::block::Block::size);
        let look_ups =
            sizes.enumerate().fold(0_u64, |n, (b, size)| n.saturating_add(size * b as u64));
        if self.points() > MAX_HELD || look_ups <= self.points() {
            return None;
        }
        let numbers: Vec<(usize, u64)> = self
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(b, block)| block.walk(0, block.size()).map(move |index| (b, index)))
            .collect();
        let ids: Vec<[u8; 16]> =
            numbers.iter().map(|(b, index)| self.identity(*b, *index)).collect();
        let mut seen = HashSet::with_capacity(ids.len());
        let mut repeats = HashSet::new();
        for ((block, index), id) in numbers.into_iter().zip(ids) {
            // The first block is a product of different values: it repeats nothing.
            if !seen.insert(id) && block > 0 {
                repeats.insert(self.offsets[block] + index);
            }
        }
        Some(repeats)
    }

    /// Rows of one block (points included by hand) may repeat each other too.
    fn repeated_rows(&self, block: usize) -> &HashSet<u64> {
        self.repeated_rows[block].get_or_init(|| {
            let [Axis::Rows { rows, .. }] = self.blocks[block].axes() else {
                return HashSet::new();
            };
            let mut seen = HashSet::with_capacity(rows.len());
            (0..rows.len() as u64).filter(|row| !seen.insert(self.identity(block, *row))).collect()
        })
    }

    fn identity(&self, block: usize, index: u64) -> [u8; 16] {
        let text = self.work_unchecked(block, index).canonical();
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        id
    }
}
