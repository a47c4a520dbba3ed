//! The learning curve of a trial: by epoch the mean of its runs, the least and the most.
//!
//! A mean over the runs that happen to be there at an epoch falls or rises where runs stop: what is left
//! of them is another set. So it is over the same runs from the first epoch to the last. They are those
//! that are done, as the leaderboard has it; one that stopped earlier than the others counts on with its
//! last value. While none is done all are taken, as far as each has come.
use super::Row;
use crate::judge::State;
use crate::store::curves::Curves;
use crate::store::record::Epoch;

/// The runs of a trial that count, with the epochs of which any told something.
pub(super) struct Trace<'a> {
    /// Ascending.
    pub epochs: Vec<u32>,
    runs: Vec<&'a [Epoch]>,
    done: bool,
}

/// A metric at an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// The mean over the runs.
    pub mean: f64,
    /// The least of them.
    pub low: f64,
    /// The most.
    pub high: f64,
}

/// What is gathered of an epoch.
#[derive(Clone)]
struct Sum {
    runs: u64,
    /// Whether one of them told it then.
    told: bool,
    sum: f64,
    low: f64,
    high: f64,
}

impl Sum {
    const NONE: Self =
        Self { runs: 0, told: false, sum: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY };

    fn add(&mut self, x: f64, told: bool) {
        self.runs += 1;
        self.told |= told;
        self.sum += x;
        (self.low, self.high) = (self.low.min(x), self.high.max(x));
    }
}

impl<'a> Trace<'a> {
    /// Of a row with its runs.
    pub(super) fn of(row: &Row, curves: &'a Curves) -> Self {
        let done = row.runs.iter().any(|run| run.state == State::Done);
        let counts = row.runs.iter().filter(|run| !done || run.state == State::Done);
        let runs: Vec<&[Epoch]> =
            counts.filter_map(|run| Some(curves.runs.get(&run.index)?.as_slice())).collect();
        let mut epochs: Vec<u32> =
            runs.iter().copied().flatten().map(|epoch| epoch.epoch).collect();
        epochs.sort_unstable();
        epochs.dedup();
        Self { epochs, runs, done }
    }

    /// Whether it is over several runs.
    pub(super) const fn has_several(&self) -> bool {
        self.runs.len() > 1
    }

    /// A metric at each of the epochs; nothing where a run that tells it elsewhere does not.
    pub(super) fn line(&self, metric: &str) -> Vec<Option<Point>> {
        let (mut sums, mut all) = (vec![Sum::NONE; self.epochs.len()], 0);
        for run in &self.runs {
            let told = || run.iter().filter_map(|e| Some((e.epoch, e.metrics.get(metric)?.0)));
            let finite = || told().filter(|(_, x)| x.is_finite());
            let Some(end) = run.last().filter(|_| finite().next().is_some()) else { continue };
            all += 1;
            for (epoch, x) in finite() {
                if let Ok(at) = self.epochs.binary_search(&epoch) {
                    sums[at].add(x, true);
                }
            }
            let last = told().next_back().map(|(_, x)| x).filter(|x| self.done && x.is_finite());
            let behind = self.epochs.partition_point(|epoch| *epoch <= end.epoch);
            if let Some(x) = last {
                sums[behind..].iter_mut().for_each(|sum| sum.add(x, false));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a trial has few runs")]
        let point = |of: Sum| {
            let mean = of.sum / of.runs as f64;
            (of.told && of.runs == all).then_some(Point { mean, low: of.low, high: of.high })
        };
        sums.into_iter().map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Counts;
    use crate::recipe::{Command, Work};
    use crate::report::{RunRow, Summary};
    use crate::store::record::Number;
    use crate::trial::RunId;

    const NONE: f64 = f64::NAN;

    /// The means of a trial whose runs are in these states and told these losses.
    fn means(runs: &[(State, &[f64])]) -> Vec<Option<f64>> {
        let work = Work::Command(Command { template: vec![], parameters: Default::default() });
        let mut curves = Curves::default();
        for (index, (_, losses)) in (0..).zip(runs) {
            let epoch = |(epoch, loss): (u32, &f64)| Epoch {
                run: RunId::of(&work, index, None),
                index,
                epoch,
                metrics: [("loss".to_owned(), Number(*loss))].into(),
                seconds: 1.0,
                samples_per_s: None,
            };
            curves.runs.insert(index, (1..).zip(*losses).map(epoch).collect());
        }
        let run = |(index, (state, _)): (u64, &(State, &[f64]))| RunRow {
            index,
            seed: Some(index),
            fold: None,
            state: *state,
            objective: None,
            metrics: vec![],
            seconds: 1.0,
            cohort: None,
            samples_per_s: None,
            why: None,
        };
        let row = Row {
            rank: None,
            trial: None,
            point: 0,
            parameters: vec![],
            objective: Summary::default(),
            versus: None,
            metrics: vec![],
            seconds: 0.0,
            seconds_mean: 0.0,
            cohort: None,
            samples_per_s: None,
            counts: Counts::default(),
            runs: (0..).zip(runs).map(run).collect(),
        };
        let points = Trace::of(&row, &curves).line("loss");
        points.into_iter().map(|point| Some(point?.mean)).collect()
    }

    #[test]
    fn runs_that_stop_do_not_bend_the_mean() {
        use State::{Diverged, Done, Failed, Running};
        let (short, long) = (&[0.75, 0.5][..], &[0.75, 0.5, 0.25, 0.125][..]);
        for (runs, expected) in [
            (&[(Done, short), (Done, long)][..], &[0.75, 0.5, 0.375, 0.3125][..]),
            (&[(Done, long)], long),
            // Only what is done counts, as on the board; while nothing is, as far as each has come.
            (&[(Done, short), (Running, long)], short),
            (&[(Done, long), (Failed, &[9.0])], long),
            (&[(Running, short), (Running, long)], &[0.75, 0.5, NONE, NONE]),
            (&[(Diverged, &[1.0, NONE]), (Failed, &[0.5, 0.5])], &[0.75, NONE]),
            // A value that is missing is not made up.
            (&[(Done, &[0.5, NONE, 0.5]), (Done, &[0.5, 0.25, 0.5])], &[0.5, NONE, 0.5]),
            (&[(Done, &[0.5, NONE]), (Done, &[0.5, 0.5, 0.25])], &[0.5, NONE, NONE]),
            (&[(Done, &[NONE, NONE]), (Done, short)], short),
        ] {
            let expected: Vec<Option<f64>> =
                expected.iter().map(|x| Some(*x).filter(|x| x.is_finite())).collect();
            assert_eq!(means(runs), expected, "{runs:?}");
        }
    }
}
