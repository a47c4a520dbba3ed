//! Metrics of a classification from its confusion matrix, and from scores of two classes.
use dlgrid_sweep::store::confusion::{class_scores, ratio};

/// How good a classification is; each in [0, 1].
///
/// The micro means of precision, recall and F1 all equal the accuracy: each sample has one class
/// and is taken for one. So does the recall weighted by support.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// Share of samples whose class was found.
    pub accuracy: f64,
    /// Mean over classes of true positives by predicted.
    pub precision: f64,
    /// Mean over classes of true positives by actual.
    pub recall: f64,
    /// Mean over classes of the harmonic mean of the class's precision and recall.
    pub f1: f64,
    /// As `precision`, each class weighted by its samples.
    pub precision_weighted: f64,
    /// As `recall`, each class weighted by its samples.
    pub recall_weighted: f64,
    /// As `f1`, each class weighted by its samples.
    pub f1_weighted: f64,
}

/// Scores counts `[true class][predicted class]`, given row by row.
///
/// Macro means are over the classes that occur, as truth or as prediction; a quotient by zero
/// counts as 0. All is as in scikit-learn's `precision_recall_fscore_support`.
#[must_use]
pub fn score(confusion: &[u64], classes: usize) -> Score {
    let (mut score, mut occurring) = (Score::default(), 0u64);
    let (mut hits, mut total) = (0, 0);
    for class in class_scores(confusion, classes) {
        if class.support + class.predicted == 0 {
            continue;
        }
        occurring += 1;
        hits += class.hits;
        total += class.support;
        score.precision += class.precision;
        score.recall += class.recall;
        score.f1 += class.f1;
        let weight = float(class.support);
        score.precision_weighted += weight * class.precision;
        score.recall_weighted += weight * class.recall;
        score.f1_weighted += weight * class.f1;
    }
    score.accuracy = ratio(hits, total);
    for (mean, whole) in [
        (&mut score.precision, occurring),
        (&mut score.recall, occurring),
        (&mut score.f1, occurring),
        (&mut score.precision_weighted, total),
        (&mut score.recall_weighted, total),
        (&mut score.f1_weighted, total),
    ] {
        *mean = if whole == 0 { 0.0 } else { *mean / float(whole) };
    }
    score
}

/// The area under the ROC curve: how often a sample of the class scores above one that is not of
/// it, ties counting half (Mann and Whitney 1947), from the mid-ranks of `scores`. Nothing where
/// all samples are of one kind: there is no curve then.
#[must_use]
pub fn auc(scores: &[f32], is_of_class: &[bool]) -> Option<f64> {
    let mut order: Vec<(f32, bool)> =
        scores.iter().copied().zip(is_of_class.iter().copied()).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut before, mut ranks, mut inside) = (0u64, 0.0, 0u64);
    // 0 and -0 are one score.
    for tie in order.chunk_by(|a, b| a.0 == b.0) {
        let (size, own) = (tie.len() as u64, tie.iter().filter(|(_, own)| *own).count() as u64);
        ranks += float(own) * (float(before) + (float(size) + 1.0) / 2.0);
        before += size;
        inside += own;
    }
    let (inside, outside) = (float(inside), float(before - inside));
    let pairs = inside * outside;
    (pairs > 0.0).then(|| (ranks - inside * (inside + 1.0) / 2.0) / pairs)
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
pub(super) const fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
#[path = "score/tests.rs"]
mod tests;
