//! Whether the first trial of a leaderboard is better than another by more than noise.
//!
//! Runs of two trials with the same seed and fold see the same samples, so their objectives are
//! compared pair by pair: Student's t test on the differences. Runs of one trial share training
//! samples, whether by folds or by splits drawn anew, so that their differences are not
//! independent and vary less than those on new data would; the variance of their mean is
//! therefore `(1/n + ratio) · s²`, not `s²/n`, where `ratio` is samples held back by samples
//! trained on: the corrected resampled t test of Nadeau and Bengio (2003, Machine Learning 52),
//! over repeated folds as in Bouckaert and Frank (2004). It assumes differences that are about
//! normal. Trials are not corrected for being many (Holm 1979): what is told of a row would then
//! depend on how many others are shown, and the group would only grow.

/// Above this probability a difference is taken for noise.
pub const LEVEL: f64 = 0.05;

/// A spread of differences below this share of the largest is rounding, not a spread.
const NO_SPREAD: f64 = 1e-9;

/// The first trial against another, over the runs that both have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Runs of the same seed and fold, both with a finite objective.
    pub pairs: u64,
    /// The mean of the other's objective less the first's; nothing without a pair.
    pub difference: Option<f64>,
    /// The interval that holds the difference with 95 % confidence; nothing below two pairs, or
    /// where all differences are equal.
    pub interval: Option<(f64, f64)>,
    /// How probable a difference at least so large is where there is none, two-sided; nothing
    /// below two pairs.
    pub p: Option<f64>,
}

impl Paired {
    /// Compares objectives by place (seed and fold), both in ascending order of it; `ratio` is
    /// samples held back by samples trained on, 0 where runs share none.
    #[must_use]
    pub fn of(first: &[(u64, f64)], other: &[(u64, f64)], ratio: f64) -> Self {
        let (tested, error) = Self::tested(&differences(first, other), ratio);
        let interval = tested.difference.zip(error).map(|(mean, error)| {
            let reach = error * critical(tested.freedom());
            (mean - reach, mean + reach)
        });
        Self { interval, ..tested }
    }

    /// The same without the interval, which takes most of the time.
    #[must_use]
    pub fn without_interval(first: &[(u64, f64)], other: &[(u64, f64)], ratio: f64) -> Self {
        Self::tested(&differences(first, other), ratio).0
    }

    /// Also the standard error of the difference, where t goes by it.
    fn tested(differences: &[f64], ratio: f64) -> (Self, Option<f64>) {
        let pairs = differences.len() as u64;
        let summary = super::Summary::of(differences);
        let untested = Self { pairs, difference: summary.mean, interval: None, p: None };
        let (Some(mean), Some(sd)) = (summary.mean, summary.sd) else { return (untested, None) };
        #[expect(clippy::cast_precision_loss, reason = "a trial has few runs")]
        let n = pairs as f64;
        let largest = differences.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
        if sd <= NO_SPREAD * largest {
            let p = if largest == 0.0 { 1.0 } else { sign_flip(n) };
            return (Self { p: Some(p), ..untested }, None);
        }
        let error = sd * (1.0 / n + ratio).sqrt();
        let p = two_sided(mean / error, untested.freedom());
        (Self { p: Some(p), ..untested }, Some(error))
    }

    #[expect(clippy::cast_precision_loss, reason = "a trial has few runs")]
    fn freedom(&self) -> f64 {
        self.pairs as f64 - 1.0
    }

    /// Whether noise can't be ruled out: p of at least [`LEVEL`], or fewer than two pairs.
    #[must_use]
    pub fn is_tied(&self) -> bool {
        self.p.is_none_or(|p| p >= LEVEL)
    }

    /// Whether all differences are equal, so that the sign-flip test decides.
    #[must_use]
    pub const fn is_by_sign(&self) -> bool {
        self.p.is_some() && self.interval.is_none()
    }

    /// Whether the other is shown to be worse than the first. It may be shown to be better: where
    /// runs are missing, the better mean need not be the better one pair by pair.
    #[must_use]
    pub fn is_worse(&self, maximize: bool) -> bool {
        let against = |difference: f64| if maximize { difference < 0.0 } else { difference > 0.0 };
        !self.is_tied() && self.difference.is_some_and(against)
    }
}

/// The other's objective less the first's, for each place that both have finite.
fn differences(first: &[(u64, f64)], other: &[(u64, f64)]) -> Vec<f64> {
    let mut rest = first;
    let mut found = Vec::with_capacity(other.len().min(first.len()));
    for (place, value) in other {
        let behind = rest.partition_point(|(at, _)| at < place);
        rest = &rest[behind..];
        if let Some((_, best)) = rest.first().filter(|(at, _)| at == place) {
            found.push(value - best);
        }
    }
    found.retain(|difference| difference.is_finite());
    found
}

/// The probability that `n` equal differences have one sign by chance: where all are equal, t has
/// no spread to go by, and the exact sign-flip test (Fisher 1935) decides.
fn sign_flip(n: f64) -> f64 {
    (1.0 - n).exp2()
}

/// The probability of a |t| at least so large under Student's t distribution with `freedom`
/// degrees of freedom.
fn two_sided(t: f64, freedom: f64) -> f64 {
    beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The t that is exceeded, either way, with probability [`LEVEL`].
fn critical(freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while two_sided(high, freedom) > LEVEL {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if two_sided(middle, freedom) > LEVEL { low = middle } else { high = middle }
    }
    high
}

/// The regularised incomplete beta function Iₓ(a, b), x in [0, 1], by its continued fraction
/// (DLMF 8.17.22), evaluated by the method of Lentz (1976) as modified by Thompson and Barnett (1986).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // Beyond the mean the fraction converges slowly; the symmetry takes it back.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta(1.0 - x, b, a);
    }
    let front = (a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp();
    let floor = |y: f64| if y.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { y };
    let (mut c, mut d) = (1.0, 1.0 / floor(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in (1..1000).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / floor(1.0 + term * d);
            c = floor(1.0 + term / c);
            step = c * d;
            fraction *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction / a
}

/// ln Γ(x) for x > 0, by Stirling's series (DLMF 5.11.1) from 10 on, reached by recurrence.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 10.0 {
        below += x.ln();
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series =
        1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series / x - below
}

#[cfg(test)]
#[path = "paired/tests.rs"]
mod tests;
