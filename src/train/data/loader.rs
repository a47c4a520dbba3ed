//! Serves samples in batches: selects rows on the device, where bytes are scaled.
use std::ops::Range;

use dlgrid_sweep::recipe;
use tch::{Device, Kind, Tensor};

use super::augment::{Augmenter, Mixed};
use super::{Dataset, Labels, Prepared};
use crate::random::Place;
use crate::raw;

/// Some samples, ready for a model.
#[derive(Debug)]
pub struct Batch {
    /// Inputs, `[samples, features]`, scaled.
    pub inputs: Tensor,
    /// The class of each, i64, or its number, f32: `[samples]`.
    pub labels: Tensor,
    /// How many there are.
    pub samples: usize,
    /// What the classes are mixed with, where samples are; numbers are mixed in `labels`.
    pub mixed: Option<Mixed>,
}

impl Batch {
    /// The same samples, in the same memory, of a batch that is not mixed.
    #[must_use]
    pub(crate) fn share(&self) -> Self {
        let [inputs, labels] = [&self.inputs, &self.labels].map(Tensor::shallow_clone);
        Self { inputs, labels, samples: self.samples, mixed: None }
    }

    /// Some of its samples, by their place in it.
    #[must_use]
    fn of(&self, rows: &Range<usize>) -> Self {
        let cut = |all: &Tensor| all.narrow(0, whole(rows.start), whole(rows.len()));
        Self {
            inputs: cut(&self.inputs),
            labels: cut(&self.labels),
            samples: rows.len(),
            mixed: self
                .mixed
                .as_ref()
                .map(|Mixed { labels, share }| Mixed { labels: cut(labels), share: *share }),
        }
    }

    /// The mean loss by that of labels: of mixed samples, of both labels by their shares.
    pub fn loss(&self, of: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let own = of(&self.labels);
        match &self.mixed {
            Some(Mixed { labels, share }) => own * *share + of(labels) * (1.0 - share),
            None => own,
        }
    }
}

/// Serves the samples of one pass after another in batches.
#[derive(Debug)]
pub struct Loader<'a> {
    data: &'a Dataset,
    all: Prepared,
    /// On the CPU every batch is made in this memory: a batch is read before the next is made.
    inputs: Tensor,
    labels: Tensor,
    order: Order,
    most: usize,
    augmenter: Option<Augmenter>,
}

#[derive(Debug)]
enum Order {
    Host(Vec<i64>),
    Device(Tensor),
}

impl<'a> Loader<'a> {
    /// Serves batches of at most so many samples.
    #[must_use]
    pub fn new(data: &'a Dataset, all: Prepared, most: usize) -> Self {
        let device = data.device();
        let rows = if device == Device::Cpu { whole(most) } else { 0 };
        Self {
            data,
            all,
            inputs: Tensor::zeros([rows, whole(data.features)], (Kind::Float, device)),
            labels: Tensor::zeros([rows], (data.labels.tensor().kind(), device)),
            order: Order::Host(Vec::new()),
            most,
            augmenter: None,
        }
    }

    /// On the CPU: makes every batch in this memory, inputs `[most, features]` and labels `[most]`.
    pub(crate) fn serve_in(&mut self, inputs: Tensor, labels: Tensor) {
        (self.inputs, self.labels) = (inputs, labels);
    }

    /// All inputs, as they are served.
    pub(crate) const fn inputs(&self) -> &Prepared {
        &self.all
    }

    /// Serves samples changed as a recipe says, in each pass that [`Loader::train`] begins.
    #[must_use]
    pub fn augmented(self, recipe: recipe::Augment) -> Self {
        Self { augmenter: Augmenter::new(recipe, self.data.image()), ..self }
    }

    /// Begins a training pass over these rows, as [`Loader::begin`]: augmented as is drawn for
    /// this place.
    pub fn train(&mut self, rows: Vec<i64>, place: Place) {
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.begin(place, &self.all, rows.len(), self.most);
        }
        self.begin(rows);
    }

    /// Begins a pass over these rows of the data set, in this order.
    pub fn begin(&mut self, rows: Vec<i64>) {
        let device = self.data.device();
        self.order = if device == Device::Cpu {
            Order::Host(rows)
        } else {
            Order::Device(Tensor::from_slice(&rows).to_device(device))
        };
    }

    /// The batch of the pass's samples `from..to`. On the CPU its memory is the loader's: the
    /// next call overwrites it.
    pub fn load(&mut self, from: usize, to: usize) -> Batch {
        self.load_part(&(from..to), from..to)
    }

    /// Some samples of the batch of the pass's samples `all`, as they are in the whole of it.
    pub fn load_part(&mut self, all: &Range<usize>, own: Range<usize>) -> Batch {
        if own != *all && self.augmenter.as_ref().is_some_and(Augmenter::draws_for_whole_batches) {
            let place = own.start - all.start..own.end - all.start;
            return self.load(all.start, all.end).of(&place);
        }
        let batch = u32::try_from(all.start / self.most.max(1)).unwrap_or(u32::MAX);
        let Range { start: from, end: to } = own;
        let at = (from, batch);
        let (inputs, labels) = match &self.order {
            Order::Host(rows) => {
                let rows = &rows[from..to];
                let plain = |out: &mut Tensor| gather(&self.all, self.data.features, rows, out);
                match &mut self.augmenter {
                    Some(augmenter) => {
                        augmenter.fill(&self.all, rows, at, &mut self.inputs, plain);
                    }
                    None => plain(&mut self.inputs),
                }
                match &self.data.labels {
                    Labels::Classes(all) => {
                        pick(rows, raw::wholes(all), raw::wholes_mut(&mut self.labels));
                    }
                    Labels::Numbers(all) => {
                        pick(rows, raw::floats(all), raw::floats_mut(&mut self.labels));
                    }
                }
                let front = |all: &Tensor| all.narrow(0, 0, whole(rows.len()));
                (front(&self.inputs), front(&self.labels))
            }
            Order::Device(rows) => {
                let rows = rows.narrow(0, whole(from), whole(to - from));
                let inputs = match &self.augmenter {
                    Some(augmenter) => augmenter.make(&self.all, &rows, at),
                    None => select(&self.all, &rows),
                };
                (inputs, self.data.labels.tensor().index_select(0, &rows))
            }
        };
        let (labels, mixed) = match &self.augmenter {
            Some(augmenter) => augmenter.mix_labels(labels, batch),
            None => (labels, None),
        };
        Batch { inputs, labels, samples: to - from, mixed }
    }
}

/// Rows on a device, scaled there.
fn select(all: &Prepared, rows: &Tensor) -> Tensor {
    match all {
        Prepared::Bytes { all, factor, offset } => {
            let bytes = all.index_select(0, rows).to_kind(Kind::Float);
            bytes * f64::from(*factor) + f64::from(*offset)
        }
        Prepared::Numbers(all) => all.index_select(0, rows),
    }
}

/// Copies rows to the front of `inputs`, scaling bytes on the way.
fn gather(all: &Prepared, features: usize, rows: &[i64], inputs: &mut Tensor) {
    let inputs = raw::floats_mut(inputs).chunks_exact_mut(features);
    match all {
        Prepared::Bytes { all, factor, offset } => {
            let images = raw::bytes(all);
            // By value: behind references the compiler reads them for every byte, and takes one
            // byte at a time.
            let (factor, offset) = (*factor, *offset);
            raw::wide(
                #[inline(always)]
                || {
                    for (&row, input) in rows.iter().zip(inputs) {
                        let image = &images[place(row) * features..][..features];
                        for (x, &byte) in input.iter_mut().zip(image) {
                            *x = f32::from(byte) * factor + offset;
                        }
                    }
                },
            );
        }
        Prepared::Numbers(all) => {
            let numbers = raw::floats(all);
            for (&row, input) in rows.iter().zip(inputs) {
                input.copy_from_slice(&numbers[place(row) * features..][..features]);
            }
        }
    }
}

fn pick<T: Copy>(rows: &[i64], from: &[T], to: &mut [T]) {
    for (&row, to) in rows.iter().zip(to) {
        *to = from[place(row)];
    }
}

fn place(row: i64) -> usize {
    usize::try_from(row).expect("rows of a split count from 0")
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).expect("what fits in memory fits in an i64")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(scale: (f64, f64)) -> dlgrid_sweep::recipe::Data {
        let table = dlgrid_sweep::dataset::table::Options::default();
        let (set, valid) = ("idx".into(), 0.2);
        dlgrid_sweep::recipe::Data { set, path: None, valid, scale, limit: None, table }
    }

    #[test]
    fn bytes_are_scaled_to_the_interval_and_rows_follow_the_order() {
        let images: Vec<u8> = (0..6).flat_map(|row| [0, 255, row * 51]).collect();
        let data = Dataset::new(&images, &[0, 1, 2, 0, 1, 2], 3, Device::Cpu);
        let mut loader = Loader::new(&data, Prepared::new(&data, &scaled((-1.0, 1.0)), &[]), 4);
        loader.begin(vec![5, 0, 3]);
        let batch = loader.load(0, 2);
        assert_eq!(batch.inputs.size(), [2, 3]);
        assert_eq!(raw::wholes(&batch.labels), [2, 0]);
        let expected = [-1.0, 1.0, 1.0, -1.0, 1.0, -1.0];
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
        assert!(raw::floats(&batch.inputs).iter().zip(&expected).all(close), "{batch:?}");
        assert_eq!(raw::wholes(&loader.load(2, 3).labels), [0]);
    }

    #[test]
    fn numbers_to_learn_follow_the_order_too() {
        let data = Dataset::new(&[1, 2, 3], &[0, 0, 0], 1, Device::Cpu);
        let data = data.with_numbers(&[0.5, 1.5, 2.5]);
        let mut loader = Loader::new(&data, Prepared::new(&data, &scaled((0.0, 1.0)), &[]), 2);
        loader.begin(vec![2, 0]);
        assert_eq!(raw::floats(&loader.load(0, 2).labels), [2.5, 0.5]);
    }
}
