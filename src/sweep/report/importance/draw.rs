//! What is drawn for a forest.
use crate::draw::SplitMix;

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(super) struct Draw(SplitMix);

impl Draw {
    /// The stream of a purpose under a seed.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut numbers = SplitMix(seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        numbers.next();
        Self(numbers)
    }

    /// One of the numbers below `end`, which is above 0.
    #[expect(clippy::cast_possible_truncation, reason = "the high half is below `end`")]
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.0.next()) * end as u128) >> 64) as usize
    }

    /// Leaves at most so many of the items, drawn; all, in their order, where there are no more.
    pub(super) fn choose<T>(&mut self, items: &mut Vec<T>, most: usize) {
        if items.len() <= most {
            return;
        }
        for at in 0..most {
            let other = at + self.below(items.len() - at);
            items.swap(at, other);
        }
        items.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_come_and_a_choice_has_none_twice() {
        let mut draw = Draw::new(7, 1);
        let mut seen = [0_u32; 6];
        (0..6000).for_each(|_| seen[draw.below(6)] += 1);
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        let mut chosen: Vec<usize> = (0..100).collect();
        draw.choose(&mut chosen, 40);
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 40);
    }
}
