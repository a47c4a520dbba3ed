//! A scale from numbers to pixels, with marks at round numbers.
use crate::text::Digits;

/// A scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// A scale that has all finite numbers between two pixels; nothing without one.
    pub(super) fn over(numbers: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let (low, high) = numbers
            .into_iter()
            .filter(|x| x.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low > high || !(high - low).is_finite() {
            return None;
        }
        let room = (high - low) * 0.04;
        let room = if room > 0.0 { room } else { low.abs().max(1e-9) * 0.1 };
        Some(Self { low: low - room, high: high + room, from, to })
    }

    /// The pixel of a number.
    pub(super) fn at(&self, x: f64) -> f64 {
        self.from + (x - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round numbers on it, about so many, with their words.
    pub(super) fn marks(&self, about: f64) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / about;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= 0.8 * rough);
        let step = step.unwrap_or(power);
        let first = (self.low / step).ceil();
        let numbers: Vec<f64> = (0..20)
            .map(|n| (first + f64::from(n)) * step)
            .take_while(|x| *x <= self.high)
            .collect();
        numbers.iter().map(|x| (*x, word(*x, step, self.high.abs().max(self.low.abs())))).collect()
    }
}

/// A mark with as many digits as the step needs.
fn word(x: f64, step: f64, largest: f64) -> String {
    if largest >= 1e6 || step < 1e-6 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 15")]
        let digits = (largest.log10().floor() - step.log10().floor()).clamp(1.0, 15.0) as usize;
        return Digits::Scientific(digits).write(x);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 6")]
    let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
    Digits::Plain(digits).write(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_lie_on_the_scale() {
        for (numbers, expected) in [
            (&[0.9, 0.97][..], &["0.90", "0.92", "0.94", "0.96"][..]),
            (&[0.0, 100.0], &["0", "20", "40", "60", "80", "100"]),
            (&[5.0], &["4.6", "4.8", "5.0", "5.2", "5.4"]),
            (&[-0.1, 0.1], &["-0.10", "-0.05", "0.00", "0.05", "0.10"]),
            (&[1.0e6, 1.0004e6], &["1.0000e6", "1.0001e6", "1.0002e6", "1.0003e6", "1.0004e6"]),
            (&[0.0, 4e8], &["0.0e0", "1.0e8", "2.0e8", "3.0e8", "4.0e8"]),
        ] {
            let axis = Axis::over(numbers.iter().copied(), 0.0, 10.0).unwrap();
            let marks = axis.marks(5.0);
            let words: Vec<&str> = marks.iter().map(|(_, word)| word.as_str()).collect();
            assert_eq!(words, expected);
            assert!(marks.iter().all(|(x, _)| (0.0..=10.0).contains(&axis.at(*x))));
        }
        assert!(Axis::over([f64::NAN], 0.0, 1.0).is_none());
        assert!(Axis::over([f64::MIN, f64::MAX], 0.0, 1.0).is_none());
    }
}
