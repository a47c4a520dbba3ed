//! Augmentation: how the training samples of a pass are changed, all drawn before the pass.
//!
//! The order is: flip, turn and zoom, shift; brightness; scaling; noise; the black square; the
//! mix with another sample. One draw serves both ways to carry it out, on the CPU pixel by pixel
//! (`pixels`), on other devices as operations on whole batches (`tensors`).
mod pixels;
mod tensors;
mod together;

use dlgrid_sweep::recipe;
use tch::{Device, Tensor};

use super::Prepared;
use crate::random::{Place, Purpose, Stream};
use crate::raw;
pub use together::Together;

/// Changes the samples of one pass after another.
#[derive(Debug)]
pub struct Augmenter {
    recipe: recipe::Augment,
    /// Channels, rows, columns.
    image: [usize; 3],
    pass: Option<Pass>,
    /// The first sample of a batch, while the last is mixed with it.
    first: Vec<f32>,
}

/// The changes of a pass.
#[derive(Debug)]
struct Pass {
    place: Place,
    changes: Changes,
}

#[derive(Debug)]
enum Changes {
    Host(Vec<Change>),
    /// Those of one run.
    Device(Together),
}

/// How one image is changed.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    /// Columns to the right and rows down that it moves by.
    shift: [i32; 2],
    flip: bool,
    /// From a pixel's place to that of its source, both from the middle of the image and in
    /// (column, row): `[[a, b], [c, d]]`, the flip included.
    turn: [f32; 4],
    /// What pixels are multiplied by.
    brightness: f32,
    /// First column and first row of the black square; it may begin outside.
    square: [i32; 2],
}

/// Labels that a batch's own are mixed with.
#[derive(Debug)]
pub struct Mixed {
    /// The other label of each sample, `[samples]`.
    pub labels: Tensor,
    /// The share of a sample's own label, in [0.5, 1]; the rest is the other's.
    pub share: f64,
}

impl Augmenter {
    /// For samples of this shape; nothing where the recipe changes nothing.
    #[must_use]
    pub fn new(recipe: recipe::Augment, image: [usize; 3]) -> Option<Self> {
        recipe.is_on().then_some(Self { recipe, image, pass: None, first: Vec::new() })
    }

    /// Draws how so many of these samples are changed in the pass of this place, in batches of at
    /// most so many.
    pub fn begin(&mut self, place: Place, all: &Prepared, samples: usize, most: usize) {
        let (Prepared::Bytes { all: held, .. } | Prepared::Numbers(held)) = all;
        let changes = if held.device() == Device::Cpu {
            let images = self.recipe.changes_images();
            let mut stream = place.stream(Purpose::Augment);
            let drawn = (0..if images { samples } else { 0 })
                .map(|_| Change::draw(&self.recipe, self.image, &mut stream));
            Changes::Host(drawn.collect())
        } else {
            self.on_device(place, all, samples, most)
        };
        self.pass = Some(Pass { place, changes });
    }

    fn on_device(&self, place: Place, all: &Prepared, samples: usize, most: usize) -> Changes {
        let (Prepared::Bytes { all: held, .. } | Prepared::Numbers(held)) = all;
        let own = Together::new(vec![self.recipe], &[all], self.image, held.device());
        let mut own = own.expect("an augmenter changes something");
        own.begin(&[place], samples, most);
        Changes::Device(own)
    }

    /// Whether what is drawn for a sample depends on which samples are before it in its batch.
    #[must_use]
    pub fn draws_for_whole_batches(&self) -> bool {
        self.recipe.noise > 0.0 || self.recipe.mixup > 0.0
    }

    /// Makes the batch of these rows, the pass's samples from `from` on, in `inputs`
    /// `[at least rows, features]` on the CPU. `batch` counts batches from 0.
    ///
    /// # Panics
    /// If no pass has begun on the CPU: a bug of the caller.
    pub fn fill(
        &mut self,
        all: &Prepared,
        rows: &[i64],
        (from, batch): (usize, u32),
        inputs: &mut Tensor,
        plain: impl FnOnce(&mut Tensor),
    ) {
        let Some(Pass { place, changes: Changes::Host(changes) }) = &self.pass else {
            panic!("a pass has begun on the CPU")
        };
        let changes = changes.get(from..from + rows.len()).unwrap_or_default();
        let (recipe, place) = (self.recipe, *place);
        match all {
            Prepared::Bytes { all, factor, offset } if !changes.is_empty() => {
                let scale = (*factor, *offset);
                pixels::render(raw::bytes(all), rows, changes, self.image, scale, inputs);
            }
            _ => plain(inputs),
        }
        let features = raw::floats(inputs).len() / usize::try_from(inputs.size()[0]).unwrap_or(1);
        let values = &mut raw::floats_mut(inputs)[..rows.len() * features];
        if recipe.noise > 0.0 {
            let mut stream = place.stream(Purpose::Noise { batch });
            stream.add_noise(values, deviation(recipe.noise, all));
        }
        if let (Prepared::Bytes { offset, .. }, side @ 1..) = (all, recipe.cutout) {
            pixels::cut(values, changes, self.image, side, *offset);
        }
        if let Some(share) = self.share(batch) {
            pixels::mix(values, features, share, &mut self.first);
        }
    }

    /// The batch of these rows, `[samples]` on a device, the pass's samples from `from` on.
    /// `batch` counts batches from 0.
    ///
    /// # Panics
    /// If no pass has begun on the device: a bug of the caller.
    pub fn make(&self, all: &Prepared, rows: &Tensor, (from, batch): (usize, u32)) -> Tensor {
        let Some(Pass { changes: Changes::Device(changes), .. }) = &self.pass else {
            panic!("a pass has begun on the device")
        };
        let mut inputs = changes.unscaled(tensors::select(all, rows).unsqueeze(0), from);
        if let Prepared::Bytes { factor, offset, .. } = all {
            inputs = inputs * f64::from(*factor) + f64::from(*offset);
        }
        changes.scaled(inputs, (from, batch)).squeeze_dim(0)
    }

    /// The labels that a batch's samples are mixed with, as `Mixed`; numbers are mixed themselves.
    pub fn mix_labels(&self, labels: Tensor, batch: u32) -> (Tensor, Option<Mixed>) {
        let Some(share) = self.share(batch) else { return (labels, None) };
        if labels.is_floating_point() {
            return (tensors::mix(&labels, share), None);
        }
        let mixed = Mixed { labels: labels.roll([-1], [0]), share };
        (labels, Some(mixed))
    }

    fn share(&self, batch: u32) -> Option<f64> {
        share(&self.recipe, self.pass.as_ref()?.place, batch)
    }
}

/// The share of a sample itself when each of a batch is mixed with the next, and the last with
/// the first (Zhang et al. 2018; who is next is random, for the order of a pass is). The larger
/// share is taken, so that a sample's own label is the one that counts in metrics; as the
/// distribution is symmetric, this changes only who is called whose partner.
fn share(recipe: &recipe::Augment, place: Place, batch: u32) -> Option<f64> {
    (recipe.mixup > 0.0).then(|| {
        let share = place.stream(Purpose::Mixup { batch }).beta(recipe.mixup);
        share.max(1.0 - share)
    })
}

/// The deviation of noise in units of the inputs.
#[expect(clippy::cast_possible_truncation, reason = "inputs are single precision")]
fn deviation(noise: f64, all: &Prepared) -> f32 {
    match all {
        Prepared::Bytes { factor, .. } => noise as f32 * 255.0 * factor,
        Prepared::Numbers(_) => noise as f32,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "an image has few rows and columns; its numbers are single precision"
)]
impl Change {
    /// Length of a row.
    const NUMBERS: i64 = 9;

    /// Draws in an order that doesn't depend on what is on, so that one augmentation more leaves
    /// the others as they were.
    fn draw(recipe: &recipe::Augment, [_, rows, columns]: [usize; 3], stream: &mut Stream) -> Self {
        let mut around = |most: u32| stream.below(2 * most as usize + 1) as i32 - most as i32;
        let shift = [around(recipe.shift), around(recipe.shift)];
        let mut either = |most: f64| most * (2.0 * stream.unit() - 1.0);
        let (angle, zoom) = (either(recipe.rotate).to_radians(), 1.0 + either(recipe.zoom));
        let brightness = (1.0 + either(recipe.brightness)) as f32;
        let flip = stream.below(2) == 1 && recipe.flip;
        let half = (recipe.cutout / 2) as i32;
        let square = [columns, rows].map(|side| stream.below(side) as i32 - half);
        let ((sin, cos), mirror) = (angle.sin_cos(), if flip { -1.0 } else { 1.0 });
        let turn = [mirror * cos, mirror * sin, -sin, cos].map(|x| (x / zoom) as f32);
        Self { shift, flip, turn, brightness, square }
    }

    /// As numbers: 6 of the affine map from places to sources in units of half the image (what
    /// libtorch's `affine_grid` takes), brightness, first column and row of the square.
    fn row(&self, [_, rows, columns]: [usize; 3]) -> [f32; 9] {
        let [a, b, c, d] = self.turn;
        let [right, down] = self.shift.map(|n| n as f32);
        let (wide, high) = (columns as f32, rows as f32);
        let [left, top] = self.square.map(|n| n as f32);
        [
            a,
            b * high / wide,
            -(a * right + b * down) * 2.0 / wide,
            c * wide / high,
            d,
            -(c * right + d * down) * 2.0 / high,
            self.brightness,
            left,
            top,
        ]
    }
}

#[cfg(test)]
mod tests;
