//! Puts the features of samples on one scale, by what training samples alone say.
use super::{Encode, Samples};

/// How features are put on one scale: `(x - centre) * factor + offset`, a missing x being `fill`.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    /// What stands in for a missing value: the mean.
    pub fill: Vec<f64>,
    /// What is taken off.
    pub centre: Vec<f64>,
    /// What the rest is multiplied by; 0 where a feature is always the same.
    pub factor: Vec<f64>,
    /// What is added then.
    pub offset: Vec<f64>,
}

impl Samples {
    /// Fits an encoding on these samples (places in `rows`), and on no others.
    #[must_use]
    pub fn fit(&self, on: &[usize], encode: Encode, scale: (f64, f64)) -> Encoding {
        let width = self.names.len();
        let mut encoding = Encoding {
            fill: vec![0.0; width],
            centre: vec![0.0; width],
            factor: vec![1.0; width],
            offset: vec![0.0; width],
        };
        for feature in (0..width).filter(|&f| !self.marks[f]) {
            let present = || on.iter().map(|&i| self.values[i * width + feature]);
            let spread = Spread::of(present().filter(|x| !x.is_nan()));
            encoding.fill[feature] = spread.mean;
            let inverse = |width: f64| if width > 0.0 { 1.0 / width } else { 0.0 };
            let (centre, factor, offset) = match encode {
                Encode::None => continue,
                // Nothing stands in it: it is 0 everywhere.
                _ if spread.least > spread.most => (0.0, 0.0, 0.0),
                Encode::Standard => (spread.mean, inverse(spread.deviation), 0.0),
                Encode::MinMax => {
                    let by = inverse(spread.most - spread.least);
                    (spread.least, (scale.1 - scale.0) * by, scale.0)
                }
            };
            encoding.centre[feature] = centre;
            encoding.factor[feature] = factor;
            encoding.offset[feature] = offset;
        }
        encoding
    }

    /// The samples as numbers for a model, `[samples, features]`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "inputs are single precision")]
    pub fn encoded(&self, by: &Encoding) -> Vec<f32> {
        let width = self.names.len();
        let encode = |(i, x): (usize, &f64)| {
            let f = i % width;
            let x = if x.is_nan() { by.fill[f] } else { *x };
            ((x - by.centre[f]) * by.factor[f] + by.offset[f]) as f32
        };
        self.values.iter().enumerate().map(encode).collect()
    }
}

struct Spread {
    mean: f64,
    /// Of the population, as in scikit-learn's `StandardScaler`.
    deviation: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// By Welford's way: large offsets cost no digits.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for x in values {
            n += 1.0;
            let off = x - mean;
            mean += off / n;
            squares += off * (x - mean);
            (least, most) = (least.min(x), most.max(x));
        }
        // A constant column: rounding may leave a trace of spread.
        let deviation = if least < most { (squares / n).sqrt() } else { 0.0 };
        Self { mean, deviation, least, most }
    }
}
