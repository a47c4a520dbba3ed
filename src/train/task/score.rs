//! Metrics of a classification from its confusion matrix.

/// How good a classification is; each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Share of samples whose class was found.
    pub accuracy: f64,
    /// Mean over classes of true positives by predicted.
    pub precision: f64,
    /// Mean over classes of true positives by actual.
    pub recall: f64,
    /// Mean over classes of the harmonic mean of the class's precision and recall.
    pub f1: f64,
}

/// Scores counts `[true class][predicted class]`, given row by row.
///
/// Means are macro means over the classes that occur, as truth or as prediction; a quotient by
/// zero counts as 0. Both are as in scikit-learn's `precision_recall_fscore_support` with
/// `average="macro"`.
#[must_use]
pub fn score(confusion: &[u64], classes: usize) -> Score {
    let sum = |cells: &mut dyn Iterator<Item = usize>| cells.map(|i| confusion[i]).sum::<u64>();
    let total = confusion.iter().sum();
    let hits = sum(&mut (0..classes).map(|c| c * classes + c));
    let (mut occurring, mut precision, mut recall, mut f1) = (0u64, 0.0, 0.0, 0.0);
    for class in 0..classes {
        let hit = confusion[class * classes + class];
        let actual = sum(&mut (0..classes).map(|c| class * classes + c));
        let predicted = sum(&mut (0..classes).map(|c| c * classes + class));
        if actual + predicted == 0 {
            continue;
        }
        occurring += 1;
        precision += ratio(hit, predicted);
        recall += ratio(hit, actual);
        f1 += ratio(2 * hit, actual + predicted);
    }
    let mean = |sum: f64| if occurring == 0 { 0.0 } else { sum / float(occurring) };
    Score {
        accuracy: ratio(hits, total),
        precision: mean(precision),
        recall: mean(recall),
        f1: mean(f1),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
const fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From scikit-learn 1.x: `accuracy_score`, and `precision_recall_fscore_support` with
    /// `average="macro", zero_division=0`.
    #[test]
    fn scores_are_those_of_scikit_learn() {
        #[rustfmt::skip]
        let cases: [(&[u64], usize, [f64; 4]); 5] = [
            (&[8, 7, 5, 6, 6, 5, 5, 4, 4], 3,
             [0.36, 0.353_236_031_254_607_06, 0.353_544_494_720_965_33, 0.353_164_627_674_431_6]),
            (&[2, 0, 2, 0], 2, [0.5, 0.25, 0.5, 0.333_333_333_333_333_3]),
            // Class 2 occurs neither as truth nor as prediction.
            (&[1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2], 4,
             [0.8, 0.888_888_888_888_888_8, 0.833_333_333_333_333_4, 0.822_222_222_222_222_3]),
            (&[42, 2, 1, 1, 2, 0, 30, 2, 2, 1, 1, 1, 31, 2, 1, 1, 2, 2, 45, 3, 2, 1, 2, 0, 23], 5,
             [0.855, 0.845_766_590_389_015_9, 0.852_747_828_691_224_9, 0.848_683_027_538_499_4]),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0], 4, [1.0, 1.0, 1.0, 1.0]),
        ];
        for (confusion, classes, expected) in cases {
            let Score { accuracy, precision, recall, f1 } = score(confusion, classes);
            for (found, expected) in [accuracy, precision, recall, f1].iter().zip(expected) {
                assert!((found - expected).abs() < 1e-15, "{confusion:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn nothing_counted_scores_zero() {
        let nothing = Score { accuracy: 0.0, precision: 0.0, recall: 0.0, f1: 0.0 };
        assert_eq!(score(&[0; 4], 2), nothing);
    }
}
