//! The curve of one run: the metric that the sweep is about, epoch by epoch, beside that of training.
use dlgrid_sweep::store::record::Epoch;

/// How the training of a run went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// The run's place in the sweep.
    pub index: u64,
    /// Each metric with its values: the epoch, from 1, and the value.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Curve {
    /// From the epochs of a run, in order; of a metric `valid/f1` the one `train/f1` is shown too.
    pub fn of(index: u64, metric: &str, epochs: &[Epoch]) -> Self {
        let beside = metric.split_once('/').map(|(_, name)| format!("train/{name}"));
        let names = [Some(metric.to_owned()), beside.filter(|name| name != metric)];
        let line = |name: String| {
            let value = |epoch: &Epoch| Some((f64::from(epoch.epoch), epoch.metrics.get(&name)?.0));
            let points: Vec<(f64, f64)> =
                epochs.iter().filter_map(value).filter(|(_, y)| y.is_finite()).collect();
            (!points.is_empty()).then_some((name, points))
        };
        Self { index, lines: names.into_iter().flatten().filter_map(line).collect() }
    }
}
