//! What a confusion matrix says of each class: pure numbers out of the counts that a run's end
//! holds.

/// How well one class was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassScore {
    /// Samples of the class that were taken for it.
    pub hits: u64,
    /// Samples of the class.
    pub support: u64,
    /// Samples that were taken for it.
    pub predicted: u64,
    /// Hits by predicted, in [0, 1].
    pub precision: f64,
    /// Hits by support, in [0, 1].
    pub recall: f64,
    /// The harmonic mean of precision and recall, in [0, 1].
    pub f1: f64,
}

/// Scores each class by counts `[true class * classes + predicted class]`; a quotient by zero
/// counts as 0, as in scikit-learn's `precision_recall_fscore_support` with `zero_division=0`.
///
/// # Panics
/// If there are fewer counts than `classes * classes`.
#[must_use]
pub fn class_scores(counts: &[u64], classes: usize) -> Vec<ClassScore> {
    let mut predicted = vec![0; classes];
    for row in counts.chunks_exact(classes.max(1)) {
        row.iter().zip(&mut predicted).for_each(|(n, sum)| *sum += n);
    }
    let score = |(class, predicted): (usize, u64)| {
        let hits = counts[class * classes + class];
        let support = counts[class * classes..][..classes].iter().sum();
        ClassScore {
            hits,
            support,
            predicted,
            precision: ratio(hits, predicted),
            recall: ratio(hits, support),
            f1: ratio(2 * hits, support + predicted),
        }
    };
    predicted.into_iter().enumerate().map(score).collect()
}

/// A share, 0 of nothing.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From scikit-learn 1.9.1: `precision_recall_fscore_support(average=None)`.
    #[test]
    fn scores_of_each_class_are_those_of_scikit_learn() {
        let found = class_scores(&[8, 7, 5, 6, 6, 5, 5, 4, 4], 3);
        let expected = [
            (0.421_052_631_578_947_35, 0.4, 0.410_256_410_256_410_24, 20, 19),
            (0.352_941_176_470_588_26, 0.352_941_176_470_588_26, 0.352_941_176_470_588_26, 17, 17),
            (0.285_714_285_714_285_7, 0.307_692_307_692_307_7, 0.296_296_296_296_296_3, 13, 14),
        ];
        for (found, (precision, recall, f1, support, predicted)) in found.iter().zip(expected) {
            assert_eq!((found.support, found.predicted), (support, predicted));
            for (a, b) in [(found.precision, precision), (found.recall, recall), (found.f1, f1)] {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_class_that_never_occurs_has_zeros_and_no_classes_none() {
        let none =
            ClassScore { hits: 0, support: 0, predicted: 0, precision: 0.0, recall: 0.0, f1: 0.0 };
        assert_eq!(class_scores(&[1, 0, 0, 0], 2)[1], none);
        assert_eq!(class_scores(&[], 0), []);
    }
}
