//! Random numbers as tensors, each a function of a key and of its place: on a device the masks of
//! several runs are made at once, and each is what it is for the run alone.
//!
//! A number is its place, hashed, and hashed again with the key, by the multiplications and shifts
//! of Wellons' `lowbias32` (2018). Nothing waits for the device, and no generator has a state.
use tch::{Device, Kind, Tensor};

use crate::random::{Place, Purpose};

/// What numbers are drawn for: in a hidden layer, but for noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// The units that a step drops.
    Dropout,
    /// The slopes of a randomised activation.
    Slopes,
    /// The noise on samples.
    Noise,
}

/// The key of a run's epoch for a layer.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "32 bits of it are the key")]
pub fn key(place: Place, of: Use, layer: u32) -> i32 {
    // No batch of an epoch has this number: what is drawn for batches one by one is another stream.
    let batch = u32::MAX;
    let purpose = match of {
        Use::Dropout => Purpose::Dropout { batch, layer },
        Use::Slopes => Purpose::Slopes { batch, layer },
        Use::Noise => Purpose::Noise { batch },
    };
    place.stream(purpose).seed() as i32
}

/// Numbers below 2²⁴ for a batch, `[runs, numbers]`, i32, by the keys of the runs, `[runs]`, i32.
pub fn drawn(keys: &Tensor, batch: u32, numbers: i64) -> Tensor {
    let places = Tensor::arange(numbers, (Kind::Int, keys.device()));
    let places = hashed(places.bitwise_xor(i64::from(mixed(batch))));
    let both = places.unsqueeze(0).bitwise_xor_tensor(&keys.unsqueeze(1));
    shifted(&hashed(both), 8)
}

/// What outputs are multiplied by (inverted dropout, Srivastava et al. 2014), `[runs, numbers]`:
/// 0 with the probability of the run, `[runs]`, f32, else 1 / (1 − probability).
pub fn dropout(drawn: &Tensor, probability: &Tensor) -> Tensor {
    let least = (probability * SPAN).round().to_kind(Kind::Int).unsqueeze(1);
    let keep = (probability.ones_like() - probability).reciprocal().unsqueeze(1);
    drawn.ge_tensor(&least).to_kind(Kind::Float) * keep
}

/// Numbers drawn uniformly between two.
pub fn uniform(drawn: &Tensor, (low, high): (f64, f64)) -> Tensor {
    drawn.to_kind(Kind::Float) * ((high - low) / SPAN) + (low + (high - low) / SPAN / 2.0)
}

/// Numbers of the standard normal distribution: its quantiles at numbers drawn uniformly.
pub fn normal(drawn: &Tensor) -> Tensor {
    uniform(drawn, (-1.0, 1.0)).erfinv_() * std::f64::consts::SQRT_2
}

/// The keys of one run.
pub fn one(key: i32, device: Device) -> Tensor {
    Tensor::full([1], i64::from(key), (Kind::Int, device))
}

/// How many different numbers are drawn.
const SPAN: f64 = 16_777_216.0;
const FIRST: u32 = 0x7feb_352d;
const SECOND: u32 = 0x846c_a68b;

/// Each number hashed, in place.
fn hashed(mut x: Tensor) -> Tensor {
    for (shift, factor) in [(16, Some(FIRST)), (15, Some(SECOND)), (16, None)] {
        let high = shifted(&x, shift);
        x = x.bitwise_xor_tensor_(&high);
        if let Some(factor) = factor {
            let _ = x.g_mul_scalar_(i64::from(factor.cast_signed()));
        }
    }
    x
}

/// A shift to the right that fills with zeros: libtorch's keeps the sign.
fn shifted(x: &Tensor, by: i64) -> Tensor {
    x.bitwise_right_shift_tensor_scalar(by).bitwise_and_((1i64 << (32 - by)) - 1)
}

/// The hash of one number on the host.
const fn mixed(x: u32) -> i32 {
    let x = (x ^ (x >> 16)).wrapping_mul(FIRST);
    let x = (x ^ (x >> 15)).wrapping_mul(SECOND);
    (x ^ (x >> 16)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[i32]) -> Tensor {
        Tensor::from_slice(keys)
    }

    #[test]
    fn tensors_draw_what_the_formula_says_whatever_stands_beside() {
        let all = drawn(&keys(&[7, -3, i32::MIN]), 5, 1000);
        assert_eq!(all.size(), [3, 1000]);
        for (at, key) in [7, -3, i32::MIN].into_iter().enumerate() {
            assert_eq!(all.get(at as i64), drawn(&one(key, Device::Cpu), 5, 1000).get(0));
            for place in [0u32, 1, 999] {
                let inner = mixed(place ^ mixed(5).cast_unsigned());
                let expected = mixed((inner ^ key).cast_unsigned()).cast_unsigned() >> 8;
                let found = all.int64_value(&[at as i64, i64::from(place)]);
                assert_eq!(found, i64::from(expected), "key {key}, place {place}");
            }
        }
    }

    #[test]
    fn shares_means_and_neighbours_are_those_of_chance() {
        let n = 200_000;
        let runs = keys(&[1, 2]);
        let unit = |batch| uniform(&drawn(&runs, batch, n), (0.0, 1.0)).to_kind(Kind::Double);
        let x = unit(0);
        assert!(x.min().double_value(&[]) > 0.0 && x.max().double_value(&[]) < 1.0);
        // Four standard deviations of a mean of as many.
        let near = |value: f64, expected: f64, deviation: f64| {
            let most = 4.0 * deviation / (n as f64).sqrt();
            assert!((value - expected).abs() < most, "{value} is not near {expected}");
        };
        let centred = |x: &Tensor| x - 0.5;
        for run in 0..2 {
            let own = x.get(run);
            near(own.mean(Kind::Double).double_value(&[]), 0.5, 0.289);
            near(own.square().mean(Kind::Double).double_value(&[]), 1.0 / 3.0, 0.3);
            let (a, b) = (own.narrow(0, 0, n - 1), own.narrow(0, 1, n - 1));
            let together = (centred(&a) * centred(&b)).mean(Kind::Double).double_value(&[]);
            near(together, 0.0, 1.0 / 12.0);
        }
        for other in [x.get(1), unit(1).get(0)] {
            let together = (centred(&x.get(0)) * centred(&other)).mean(Kind::Double);
            near(together.double_value(&[]), 0.0, 1.0 / 12.0);
        }
        let z = normal(&drawn(&runs, 4, n)).to_kind(Kind::Double);
        near(z.get(0).mean(Kind::Double).double_value(&[]), 0.0, 1.0);
        near(z.get(0).square().mean(Kind::Double).double_value(&[]), 1.0, 1.42);
        near(z.get(0).pow_tensor_scalar(4).mean(Kind::Double).double_value(&[]), 3.0, 9.8);
        let ends = normal(&Tensor::from_slice(&[0i32, (1 << 24) - 1]));
        assert!(ends.isfinite().all().int64_value(&[]) == 1, "{ends:?}");
        let mask = dropout(&drawn(&runs, 3, n), &Tensor::from_slice(&[0.25f32, 0.0]));
        let kept = mask.get(0).gt(0.0).to_kind(Kind::Double).mean(Kind::Double);
        near(kept.double_value(&[]), 0.75, 0.433);
        assert_eq!(mask.get(0).max().double_value(&[]), f64::from(1.0f32 / 0.75));
        assert_eq!(mask.get(1).min().double_value(&[]), 1.0);
    }
}
