//! The batches of several runs at once: the rows of an epoch lie on the device, a table of
//! `[runs, samples]`, and a batch of all runs is one selection.
use tch::{Kind, Tensor};

use super::super::whole;
use crate::data::{Prepared, Together};
use crate::random::Place;
use crate::side_by_side;

/// A batch of every run.
#[derive(Debug)]
pub struct Batches {
    /// `[runs, batch, features]`, f32.
    pub inputs: Tensor,
    /// `[runs, batch]`: classes, i64, or numbers, f32.
    pub labels: Tensor,
    /// What the classes are mixed with, where any run's are.
    pub mixed: Option<Mixed>,
}

/// Labels that the batches' own are mixed with.
#[derive(Debug)]
pub struct Mixed {
    /// `[runs, batch]`, i64.
    labels: Tensor,
    /// The share of the samples themselves, and of the others, `[runs]`.
    shares: [Tensor; 2],
}

impl Batches {
    /// The loss of each run, by that of labels: of mixed samples, of both labels by their shares.
    pub fn losses(&self, of: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let own = of(&self.labels);
        match &self.mixed {
            Some(Mixed { labels, shares: [share, rest] }) => own * share + of(labels) * rest,
            None => own,
        }
    }
}

/// Where batches come from.
#[derive(Debug)]
pub struct Feed {
    inputs: Inputs,
    /// `[samples]`.
    labels: Tensor,
    /// `[runs, samples of an epoch]`, i32; of runs that see the same batches one row.
    order: Tensor,
    runs: i64,
    /// How samples are changed, where any run's are.
    changes: Option<Together>,
}

#[derive(Debug)]
enum Inputs {
    /// Bytes that all runs share, `[samples, features]`, and what each makes of one: `[runs, 1, 1]`.
    Shared { all: Tensor, factor: Tensor, offset: Tensor },
    /// Each run's own numbers one after the other, `[runs * samples, features]`, and where those of
    /// each begin, `[runs, 1]`.
    Own { all: Tensor, starts: Tensor },
}

impl Inputs {
    fn share(&self) -> Self {
        let copy = |x: &Tensor| x.shallow_clone();
        match self {
            Self::Shared { all, factor, offset } => {
                Self::Shared { all: copy(all), factor: copy(factor), offset: copy(offset) }
            }
            Self::Own { all, starts } => Self::Own { all: copy(all), starts: copy(starts) },
        }
    }
}

impl Feed {
    /// Of runs that take a data set's inputs so, and its labels, `[samples]`, changed so.
    pub fn new(prepared: &[&Prepared], labels: &Tensor, changes: Option<Together>) -> Self {
        let device = labels.device();
        let column = |numbers: Vec<f32>| Tensor::from_slice(&numbers).to_device(device);
        let (mut factors, mut offsets, mut own, mut shared) = (vec![], vec![], vec![], None);
        for inputs in prepared {
            match inputs {
                Prepared::Bytes { all, factor, offset } => {
                    factors.push(*factor);
                    offsets.push(*offset);
                    shared = Some(all.shallow_clone());
                }
                Prepared::Numbers(all) => own.push(all.shallow_clone()),
            }
        }
        let inputs = match shared {
            Some(all) => {
                let [factor, offset] = [factors, offsets].map(|all| column(all).view([-1, 1, 1]));
                Inputs::Shared { all, factor, offset }
            }
            None => {
                let (runs, samples) = (own.len() as i64, labels.numel() as i64);
                let starts = Tensor::arange(runs, (Kind::Int64, device)) * samples;
                Inputs::Own { all: Tensor::cat(&own, 0), starts: starts.unsqueeze(1) }
            }
        };
        let labels = labels.shallow_clone();
        let runs = whole(prepared.len());
        Self { inputs, labels, order: Tensor::new(), runs, changes }
    }

    /// Begins an epoch: the training rows of each run, in the order drawn for its place; those of
    /// one stand for all, where all see the same batches of shared bytes.
    pub fn begin(&mut self, runs: Vec<(&[i64], Place)>) {
        self.order = self.laid(&shuffled(&runs), runs.len());
    }

    /// The same inputs and labels as they are, in the order of these rows of each run; those of one
    /// stand for all.
    pub fn of(&self, rows: &[&[i64]]) -> Self {
        let samples = rows.first().map_or(0, |rows| rows.len());
        let table = side_by_side::filled(rows, samples, |rows, out| put(rows.iter().copied(), out));
        let order = self.laid(&table, rows.len());
        let labels = self.labels.shallow_clone();
        Self { inputs: self.inputs.share(), labels, order, runs: self.runs, changes: None }
    }

    /// A table `[runs, samples]` on the device.
    fn laid(&self, table: &[i32], runs: usize) -> Tensor {
        Tensor::from_slice(table).view([whole(runs), -1]).to_device(self.labels.device())
    }

    /// Samples of each run.
    pub fn samples(&self) -> usize {
        self.order.size().get(1).and_then(|n| usize::try_from(*n).ok()).unwrap_or(0)
    }

    /// Draws how the samples of the epoch are changed at these places of all runs, in batches of
    /// at most so many.
    pub fn change(&mut self, places: impl Iterator<Item = Place>, most: usize) {
        let samples = self.samples();
        if let Some(changes) = &mut self.changes {
            changes.begin(&places.collect::<Vec<_>>(), samples, most);
        }
    }

    /// The samples `from..to` of each run's epoch, its batch of this number.
    pub fn load(&self, (from, to): (usize, usize), batch: u32) -> Batches {
        let [start, len] = [from, to - from].map(whole);
        let rows = self.order.narrow(1, start, len);
        let orders = rows.size()[0];
        let flat = rows.reshape([-1]);
        let labels = self.labels.index_select(0, &flat).view([orders, len]);
        let labels = labels.expand([self.runs, len], false);
        let changed = |inputs: Tensor| match &self.changes {
            Some(changes) => changes.unscaled(inputs, from),
            None => inputs,
        };
        let inputs = match &self.inputs {
            Inputs::Shared { all, factor, offset } => {
                let bytes = all.index_select(0, &flat).view([orders, len, -1]).to_kind(Kind::Float);
                if orders < self.runs {
                    let one = |column: &Tensor| column.narrow(0, 0, 1);
                    let inputs = bytes * one(factor) + one(offset);
                    inputs.expand([self.runs, len, -1], false)
                } else {
                    changed(bytes) * factor + offset
                }
            }
            Inputs::Own { all, starts } => {
                let flat = (rows + starts).reshape([-1]);
                changed(all.index_select(0, &flat).view([orders, len, -1]))
            }
        };
        let Some(changes) = &self.changes else { return Batches { inputs, labels, mixed: None } };
        let inputs = changes.scaled(inputs, (from, batch));
        match changes.shares(batch) {
            Some(shares) if !labels.is_floating_point() => {
                let mixed = Some(Mixed { labels: labels.roll([-1], [1]), shares });
                Batches { inputs, labels, mixed }
            }
            _ => Batches { inputs, labels: changes.mixed(labels, batch), mixed: None },
        }
    }
}

/// The rows of each run in the order of its epoch, one run after the other.
fn shuffled(runs: &[(&[i64], Place)]) -> Vec<i32> {
    let samples = runs.first().map_or(0, |(rows, _)| rows.len());
    side_by_side::filled(runs, samples, |(rows, place), out| {
        put(place.order(rows).into_iter(), out);
    })
}

fn put(rows: impl Iterator<Item = i64>, out: &mut [i32]) {
    for (out, row) in out.iter_mut().zip(rows) {
        *out = i32::try_from(row).expect("fewer than 2^31 samples");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn each_run_has_its_rows_in_its_own_order_and_its_own_scale() {
        let all = Tensor::from_slice(&[0u8, 10, 20, 30, 40, 50]).view([3, 2]);
        let labels = Tensor::from_slice(&[0i64, 1, 2]);
        let bytes = |factor, offset| Prepared::Bytes { all: all.shallow_clone(), factor, offset };
        let (one, other) = (bytes(1.0, 0.0), bytes(0.1, -1.0));
        let mut feed = Feed::new(&[&one, &other], &labels, None);
        let place = |seed| Place { seed, epoch: 2, rank: 0 };
        feed.begin(vec![(&[0, 1, 2], place(1)), (&[2, 0, 1], place(2))]);
        let batch = feed.load((1, 3), 0);
        assert_eq!((batch.inputs.size(), batch.labels.size()), (vec![2, 2, 2], vec![2, 2]));
        for (run, (rows, seed)) in [([0, 1, 2], 1), ([2, 0, 1], 2)].into_iter().enumerate() {
            let mut order: Vec<i64> = rows.to_vec();
            place(seed).stream(Purpose::Order).shuffle(&mut order);
            for (at, row) in (0..).zip(&order[1..]) {
                assert_eq!(batch.labels.int64_value(&[run as i64, at]), *row);
                let x = batch.inputs.double_value(&[run as i64, at, 1]);
                let byte = 20.0 * *row as f64 + 10.0;
                let expected = if run == 0 { byte } else { byte * 0.1 - 1.0 };
                assert!((x - expected).abs() < 1e-6, "{x} {expected}");
            }
        }
    }

    #[test]
    fn tables_are_each_runs_own() {
        let numbers =
            |x: f32| Prepared::Numbers(Tensor::from_slice(&[x, x + 1.0, x + 2.0]).view([3, 1]));
        let (one, other) = (numbers(0.0), numbers(100.0));
        let mut feed = Feed::new(&[&one, &other], &Tensor::from_slice(&[5.0f32, 6.0, 7.0]), None);
        feed.begin(vec![(&[1], Place::start(1)), (&[2], Place::start(2))]);
        let batch = feed.load((0, 1), 0);
        assert_eq!(Vec::<f32>::try_from(batch.inputs.view([2])).unwrap(), [1.0, 102.0]);
        assert_eq!(Vec::<f32>::try_from(batch.labels.view([2])).unwrap(), [6.0, 7.0]);
    }
}
