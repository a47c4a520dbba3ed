//! All randomness of training: streams derived from (run seed, epoch, rank, purpose).
//!
//! A stream is ChaCha8 under a key that BLAKE3 makes of those four, so nothing about
//! randomness needs to be stored: a resumed run derives the same streams again. Shuffling and
//! numbers are made here, not by a library whose next version may draw differently.
use std::sync::OnceLock;

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
    /// How the samples of a pass are augmented.
    Augment,
    /// The noise on a batch.
    Noise {
        /// The batch of the epoch, from 0.
        batch: u32,
    },
    /// The shares in which a batch's samples are mixed.
    Mixup {
        /// The batch of the epoch, from 0.
        batch: u32,
    },
}

/// Where in a training a stream is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The run's seed.
    pub seed: u64,
    /// The epoch, from 0; 0 also before the first.
    pub epoch: u32,
    /// Always 0: what is drawn depends on no rank (see [`ranks`](crate::ranks)).
    pub rank: u32,
}

impl Place {
    /// The place before the first epoch of a run's only process.
    #[must_use]
    pub const fn start(seed: u64) -> Self {
        Self { seed, epoch: 0, rank: 0 }
    }

    /// The rows of an epoch in the order that is drawn for this place.
    #[must_use]
    pub fn order(self, rows: &[i64]) -> Vec<i64> {
        let mut rows = rows.to_vec();
        self.stream(Purpose::Order).shuffle(&mut rows);
        rows
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
            Purpose::Augment => (5, 0, 0),
            Purpose::Noise { batch } => (6, batch, 0),
            Purpose::Mixup { batch } => (7, batch, 0),
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

    /// Passes over what so many numbers of dropout, or drawn uniformly, would take.
    pub fn skip(&mut self, numbers: usize) {
        self.0.set_word_pos(self.0.get_word_pos() + numbers as u128);
    }

    /// Puts a list in random order (Durstenfeld 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A number in `0..bound` (Lemire 2019 without rejection: the bias is below 2^-40 for
    /// every list that fits in memory).
    pub fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.0.next_u64()) * bound as u128;
        usize::try_from(product >> 64).expect("the high half of a product is below its factor")
    }

    /// A number drawn uniformly from [0, 1).
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are a double's")]
        let bits = (self.0.next_u64() >> 11) as f64;
        bits / (1u64 << 53) as f64
    }

    /// A number of the standard normal distribution (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let (radius, turn) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    /// A number of the distribution Beta(α, α), α > 0: one part of the sum of two numbers of
    /// Gamma(α).
    pub fn beta(&mut self, alpha: f64) -> f64 {
        let (a, b) = (self.gamma(alpha), self.gamma(alpha));
        // Of a small α both may be too small for a double: then the limit, 0 or 1.
        if a + b > 0.0 { a / (a + b) } else { self.unit().round() }
    }

    /// A number of the distribution Gamma(α) (Marsaglia and Tsang 2000).
    fn gamma(&mut self, alpha: f64) -> f64 {
        if alpha < 1.0 {
            let power = (1.0 - self.unit()).powf(1.0 / alpha);
            return self.gamma(alpha + 1.0) * power;
        }
        let d = alpha - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            let u = 1.0 - self.unit();
            if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Adds normal noise of this deviation: of each number one of 4096 equally likely quantiles,
    /// which is a tenth of the cost of exact ones.
    pub fn add_noise(&mut self, out: &mut [f32], deviation: f32) {
        let quantiles = QUANTILES.get_or_init(quantiles);
        let mut block = [0u8; 1024];
        for chunk in out.chunks_mut(block.len() / 2) {
            self.0.fill_bytes(&mut block);
            for (x, word) in chunk.iter_mut().zip(block.as_chunks::<2>().0) {
                *x += deviation * quantiles[usize::from(u16::from_le_bytes(*word) & 4095)];
            }
        }
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

static QUANTILES: OnceLock<Box<[f32; 4096]>> = OnceLock::new();

/// The middle of each of 4096 equally likely parts of the standard normal distribution, summed up
/// in steps of 1/8192.
#[expect(clippy::cast_possible_truncation, reason = "single precision is what is wanted")]
fn quantiles() -> Box<[f32; 4096]> {
    const STEP: f64 = 1.0 / 8192.0;
    let root = std::f64::consts::TAU.sqrt();
    let mut all = Box::new([0.0; 4096]);
    let (mut z, mut below, mut half) = (0.0, 0.5, 0.5 + 0.5 / 4096.0);
    for i in 2048..4096 {
        while below < half {
            below += STEP * f64::exp(-0.5 * (z + STEP / 2.0) * (z + STEP / 2.0)) / root;
            z += STEP;
        }
        all[i] = z as f32;
        all[4095 - i] = -z as f32;
        half += 1.0 / 4096.0;
    }
    all
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

    fn moments(values: impl ExactSizeIterator<Item = f64> + Clone) -> [f64; 3] {
        let n = values.len() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let moment = |k| values.clone().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
        [mean, moment(2), moment(4)]
    }

    #[test]
    fn noise_and_normal_numbers_have_the_moments_of_the_normal_distribution() {
        let mut noise = vec![1.0f32; 200_000];
        Place::start(3).stream(Purpose::Noise { batch: 0 }).add_noise(&mut noise, 2.0);
        let mut stream = Place::start(3).stream(Purpose::Augment);
        let exact: Vec<f64> = (0..200_000).map(|_| stream.normal()).collect();
        let noise = moments(noise.iter().map(|x| (f64::from(*x) - 1.0) / 2.0));
        for [mean, variance, fourth] in [noise, moments(exact.iter().copied())] {
            assert!(mean.abs() < 0.01, "{mean}");
            assert!((variance - 1.0).abs() < 0.02, "{variance}");
            assert!((fourth - 3.0).abs() < 0.1, "{fourth}");
        }
        // scipy.stats.norm.ppf([0.5 / 4096, 3000.5 / 4096, 4095.5 / 4096])
        let known = [(0, -3.668_329), (3000, 0.620_525), (4095, 3.668_329)];
        for (i, z) in known {
            assert!((f64::from(quantiles()[i]) - z).abs() < 3e-4, "{i}: {}", quantiles()[i]);
        }
    }

    #[test]
    fn beta_has_its_mean_and_variance_for_small_and_large_parameters() {
        for alpha in [1e-6, 0.2, 1.0, 5.0, 1000.0] {
            let mut stream = Place::start(3).stream(Purpose::Mixup { batch: 0 });
            let drawn: Vec<f64> = (0..40_000).map(|_| stream.beta(alpha)).collect();
            assert!(drawn.iter().all(|x| (0.0..=1.0).contains(x)), "{alpha}");
            let [mean, variance, _] = moments(drawn.iter().copied());
            let expected = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.01, "{alpha}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{alpha}: {variance} {expected}");
        }
    }
}
