//! Chance that is derived from a seed and nothing else.

/// A stream of numbers: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    /// The stream of a purpose under a seed.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut draw = Self(seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        draw.next();
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of the numbers below `end`, which is above 0.
    #[expect(clippy::cast_possible_truncation, reason = "the high half is below `end`")]
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
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
