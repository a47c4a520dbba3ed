//! All randomness of training: streams derived from (run seed, epoch, rank, purpose).
//!
//! A stream is ChaCha8 under a key that BLAKE3 makes of those four, so nothing about
//! randomness needs to be stored: a resumed run derives the same streams again. Shuffling and
//! numbers are made here, not by a library whose next version may draw differently.
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Version of the derivation. Raised, the same seeds train other runs.
const SCHEME: u32 = 1;

/// What a stream is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Which samples are held back for validation.
    Split,
    /// The initial weights.
    Weights,
    /// The order of an epoch's samples.
    Order,
    /// The units that a step drops.
    Dropout {
        /// The batch of the epoch, from 0.
        batch: u32,
        /// The hidden layer, from 0.
        layer: u32,
    },
    /// The slopes of a randomised activation in a step.
    Slopes {
        /// The batch of the epoch, from 0.
        batch: u32,
        /// The hidden layer, from 0.
        layer: u32,
    },
}

/// Where in a training a stream is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The run's seed.
    pub seed: u64,
    /// The epoch, from 0; 0 also before the first.
    pub epoch: u32,
    /// The process among those that train the run together, from 0.
    pub rank: u32,
}

impl Place {
    /// The place before the first epoch of a run's only process.
    #[must_use]
    pub const fn start(seed: u64) -> Self {
        Self { seed, epoch: 0, rank: 0 }
    }

    /// The stream for a purpose.
    #[must_use]
    pub fn stream(self, purpose: Purpose) -> Stream {
        let (tag, batch, layer) = match purpose {
            Purpose::Split => (0, 0, 0),
            Purpose::Weights => (1, 0, 0),
            Purpose::Order => (2, 0, 0),
            Purpose::Dropout { batch, layer } => (3, batch, layer),
            Purpose::Slopes { batch, layer } => (4, batch, layer),
        };
        let mut hasher = blake3::Hasher::new_derive_key("dlgrid 2026 randomness of a run");
        hasher.update(&SCHEME.to_le_bytes());
        hasher.update(&self.seed.to_le_bytes());
        for word in [self.epoch, self.rank, tag, batch, layer] {
            hasher.update(&word.to_le_bytes());
        }
        Stream(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }
}

/// Random numbers for one purpose.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// A seed for a generator of libtorch's.
    #[must_use]
    pub fn seed(&mut self) -> i64 {
        i64::from_le_bytes(self.0.next_u64().to_le_bytes())
    }

    /// Puts a list in random order (Durstenfeld 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A number in `0..bound` (Lemire 2019 without rejection: the bias is below 2^-40 for
    /// every list that fits in memory).
    fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.0.next_u64()) * bound as u128;
        usize::try_from(product >> 64).expect("the high half of a product is below its factor")
    }

    /// Fills with numbers drawn uniformly from `-bound` to `bound`.
    pub fn fill_uniform(&mut self, out: &mut [f32], bound: f64) {
        for x in out {
            let unit = f64::from(self.0.next_u32()) / f64::from(u32::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "weights are single precision")]
            {
                *x = ((2.0 * unit - 1.0) * bound) as f32;
            }
        }
    }

    /// Fills with 0 with the given probability, else with `1 / (1 - probability)`: what a
    /// layer's outputs are multiplied by (inverted dropout, Srivastava et al. 2014).
    pub fn fill_dropout(&mut self, out: &mut [f32], probability: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a probability below 1 times 2^32 is a u32; the scale is single precision"
        )]
        let (threshold, keep) =
            ((probability * 4_294_967_296.0) as u32, (1.0 / (1.0 - probability)) as f32);
        let mut block = [0u8; 1024];
        for chunk in out.chunks_mut(block.len() / 4) {
            self.0.fill_bytes(&mut block);
            for (x, word) in chunk.iter_mut().zip(block.as_chunks::<4>().0) {
                *x = if u32::from_le_bytes(*word) < threshold { 0.0 } else { keep };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These numbers decide every run's result: they may never change.
    #[test]
    fn streams_are_what_they_were() {
        let mut order: Vec<u8> = (0..10).collect();
        Place::start(1).stream(Purpose::Order).shuffle(&mut order);
        assert_eq!(order, [6, 5, 9, 1, 4, 8, 7, 0, 2, 3]);
        let mut weights = [0.0; 3];
        Place::start(1).stream(Purpose::Weights).fill_uniform(&mut weights, 1.0);
        assert_eq!(weights.map(f32::to_bits), [3_187_631_987, 1_064_198_202, 1_057_914_206]);
    }

    #[test]
    fn every_part_of_a_place_makes_another_stream() {
        let base = Place { seed: 7, epoch: 1, rank: 0 };
        let drop = |batch, layer| Purpose::Dropout { batch, layer };
        let mut seeds: Vec<i64> = [
            (base, Purpose::Split),
            (base, Purpose::Weights),
            (base, Purpose::Order),
            (base, drop(0, 0)),
            (base, drop(1, 0)),
            (base, drop(0, 1)),
            (Place { seed: 8, ..base }, Purpose::Order),
            (Place { epoch: 2, ..base }, Purpose::Order),
            (Place { rank: 1, ..base }, Purpose::Order),
        ]
        .map(|(place, purpose)| place.stream(purpose).seed())
        .to_vec();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 9);
    }

    #[test]
    fn a_shuffle_puts_every_item_everywhere_equally_often() {
        let mut counts = [[0u32; 4]; 4];
        for seed in 0..4000 {
            let mut items = [0usize, 1, 2, 3];
            Place::start(seed).stream(Purpose::Order).shuffle(&mut items);
            for (place, item) in items.into_iter().enumerate() {
                counts[place][item] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|n| (900..1100).contains(n)), "{counts:?}");
    }

    #[test]
    fn dropout_drops_its_share_and_keeps_the_mean() {
        for probability in [0.0, 0.1, 0.5, 0.9] {
            let mut mask = vec![0.0; 100_000];
            let purpose = Purpose::Dropout { batch: 3, layer: 1 };
            Place::start(5).stream(purpose).fill_dropout(&mut mask, probability);
            let dropped = mask.iter().filter(|x| **x == 0.0).count() as f64 / 1e5;
            let mean = mask.iter().map(|x| f64::from(*x)).sum::<f64>() / 1e5;
            assert!((dropped - probability).abs() < 0.01, "{probability} {dropped}");
            assert!((mean - 1.0).abs() < 0.05, "{probability} {mean}");
        }
    }
}
