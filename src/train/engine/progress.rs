//! How far a training has come, and what it has reached.
use std::collections::BTreeMap;

use dlgrid_sweep::recipe::EarlyStop;
use dlgrid_sweep::recipe::metric::{self, Goal};
use dlgrid_sweep::store::record::{Best, Metrics, Number};
use serde::{Deserialize, Serialize};

/// How far a training has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs finished.
    pub epoch: u32,
    /// Batches finished of the epoch under way.
    pub batch: u32,
    /// Every metric after the last epoch whose losses were finite.
    pub metrics: Metrics,
    /// The best of each metric.
    pub best: BTreeMap<String, Best>,
    /// Seconds of training and evaluation, over all attempts.
    pub seconds: f64,
    /// Seconds of training alone, over all attempts.
    pub train_seconds: f64,
    /// Samples trained on, over all epochs and attempts.
    pub samples: u64,
    /// Seconds spent so far on the epoch under way.
    pub epoch_seconds: f64,
    /// Of these, seconds of training alone.
    pub epoch_train_seconds: f64,
    /// What early stopping has seen.
    #[serde(default)]
    pub watched: Watched,
}

/// What early stopping has seen of its metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watched {
    /// The value to be better than; nothing before the first.
    pub best: Option<Number>,
    /// Epochs since then without a better one.
    pub since: u32,
}

/// An epoch has been trained and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochEnd {
    /// Which, from 1.
    pub epoch: u32,
    /// Every metric of it.
    pub metrics: Metrics,
    /// Seconds it took, evaluation included.
    pub seconds: f64,
    /// Training samples a second, evaluation left out.
    pub samples_per_s: f64,
}

impl Progress {
    /// Training samples a second over all epochs, evaluation left out.
    #[must_use]
    pub fn samples_per_s(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
        (self.train_seconds > 0.0).then(|| self.samples as f64 / self.train_seconds)
    }

    /// Seconds of training pass.
    pub(super) fn train_for(&mut self, seconds: f64) {
        self.train_seconds += seconds;
        self.epoch_train_seconds += seconds;
        self.judge_for(seconds);
    }

    /// Seconds of evaluation pass.
    pub(super) fn judge_for(&mut self, seconds: f64) {
        self.seconds += seconds;
        self.epoch_seconds += seconds;
    }

    /// Whether the run is done although epochs are left.
    #[must_use]
    pub fn is_early(&self, stop: Option<&EarlyStop>) -> bool {
        stop.is_some_and(|stop| self.watched.since >= stop.patience)
    }

    /// The epoch that has just ended, for early stopping. One whose data gives no such metric
    /// counts neither way.
    pub(super) fn watch(&mut self, stop: &EarlyStop) {
        let Some(&value) = self.metrics.get(&stop.metric) else { return };
        if stop.is_better(value.0, self.watched.best.map(|best| best.0)) {
            self.watched = Watched { best: Some(value), since: 0 };
        } else {
            self.watched.since += 1;
        }
    }

    /// The epoch under way has ended with these metrics.
    pub(super) fn end_epoch(&mut self, metrics: Metrics, samples: usize) -> EpochEnd {
        self.epoch += 1;
        self.batch = 0;
        let seconds = std::mem::take(&mut self.epoch_seconds);
        let train_seconds = std::mem::take(&mut self.epoch_train_seconds);
        if unfinite(&metrics).is_none() {
            for (name, &value) in &metrics {
                self.keep_best(name, value);
            }
            self.metrics.clone_from(&metrics);
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
        let samples_per_s = samples as f64 / train_seconds.max(f64::MIN_POSITIVE);
        EpochEnd { epoch: self.epoch, metrics, seconds, samples_per_s }
    }

    fn keep_best(&mut self, name: &str, value: Number) {
        let better = |old: &Best| match metric::better(name) {
            Goal::Minimize => value.0 < old.value.0,
            Goal::Maximize => value.0 > old.value.0,
        };
        if self.best.get(name).is_none_or(better) {
            self.best.insert(name.to_owned(), Best { epoch: self.epoch, value });
        }
    }
}

/// The first loss that is no finite number.
pub(super) fn unfinite(metrics: &Metrics) -> Option<(&str, f64)> {
    metrics
        .iter()
        .find(|(name, value)| name.ends_with("/loss") && !value.0.is_finite())
        .map(|(name, value)| (name.as_str(), value.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(loss: f64, f1: f64) -> Metrics {
        [("valid/loss".into(), Number(loss)), ("valid/f1".into(), Number(f1))].into()
    }

    #[test]
    fn the_best_of_a_loss_is_its_smallest_and_the_first_of_equals_stays() {
        let mut progress = Progress::default();
        for (loss, f1) in [(0.5, 0.7), (0.4, 0.9), (0.6, 0.9), (f64::NAN, 1.0)] {
            progress.end_epoch(metrics(loss, f1), 10);
        }
        assert_eq!(progress.best["valid/loss"], Best { epoch: 2, value: Number(0.4) });
        assert_eq!(progress.best["valid/f1"], Best { epoch: 2, value: Number(0.9) });
        assert_eq!((progress.epoch, &progress.metrics), (4, &metrics(0.6, 0.9)));
    }

    #[test]
    fn a_run_is_early_when_its_patience_is_over() {
        let stop = EarlyStop {
            patience: 2,
            metric: "valid/loss".into(),
            goal: Goal::Minimize,
            min_delta: 0.05,
        };
        let mut progress = Progress::default();
        let mut early = Vec::new();
        // The second is better by too little; the fourth is compared with the third.
        for loss in [0.5, 0.48, 0.4, 0.37, 0.36, 0.1] {
            progress.end_epoch(metrics(loss, 0.5), 10);
            progress.watch(&stop);
            early.push(progress.is_early(Some(&stop)));
        }
        assert_eq!(early, [false, false, false, false, true, false]);
        assert!(!Progress::default().is_early(Some(&stop)) && !progress.is_early(None));
    }

    #[test]
    fn progress_written_before_early_stopping_is_read() {
        let json = serde_json::to_string(&Progress::default()).expect("json");
        let older = json.replace(r#","watched":{"best":null,"since":0}"#, "");
        assert_ne!(json, older);
        assert_eq!(serde_json::from_str::<Progress>(&older).expect("reads"), Progress::default());
    }
}
