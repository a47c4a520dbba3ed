//! Augmentation of the samples of several runs at once, on a device: each as it is drawn for its
//! run alone, and no wait for the device between two passes.
use dlgrid_sweep::recipe::Augment;
use tch::{Device, Kind, Tensor};

use super::{Change, Prepared, deviation, share, tensors};
use crate::model::masks::{self, Use};
use crate::random::{Place, Purpose};
use crate::side_by_side;

/// Changes the samples of several runs, `[runs, batch, features]`.
#[derive(Debug)]
pub struct Together {
    recipes: Vec<Augment>,
    /// Channels, rows, columns.
    image: [usize; 3],
    device: Device,
    /// The runs whose images move, where not all do.
    movers: Option<Tensor>,
    /// The deviation of each run's noise, `[runs, 1, 1]`, where any has some.
    noise: Option<Tensor>,
    /// The side of each run's square and what is black, `[runs, 1, 1]`, where any has one.
    squares: Option<[Tensor; 2]>,
    pass: Pass,
}

/// What is drawn for a pass; what nothing needs is left out.
#[derive(Debug, Default)]
struct Pass {
    /// A row a sample, as [`Change::row`] says: `[runs, samples, 9]`.
    changes: Option<Tensor>,
    /// What noise is drawn by, `[runs]`, i32.
    keys: Option<Tensor>,
    /// The shares of samples themselves and of those that they are mixed with, `[batches, runs]`.
    shares: Option<[Tensor; 2]>,
}

impl Together {
    /// Of runs that take inputs of this form so; nothing where none changes any.
    #[must_use]
    pub fn new(
        recipes: Vec<Augment>,
        inputs: &[&Prepared],
        image: [usize; 3],
        device: Device,
    ) -> Option<Self> {
        recipes.iter().any(Augment::is_on).then(|| {
            let column = |of: &dyn Fn(&Augment, &Prepared) -> f32| {
                let all: Vec<f32> = recipes.iter().zip(inputs).map(|(r, i)| of(r, i)).collect();
                let any = all.iter().any(|x| *x != 0.0);
                (Tensor::from_slice(&all).view([-1, 1, 1]).to_device(device), any)
            };
            let (noise, noisy) = column(&|recipe, inputs| deviation(recipe.noise, inputs));
            #[expect(clippy::cast_precision_loss, reason = "an image has few rows")]
            let (sides, cut) = column(&|recipe, _| recipe.cutout as f32);
            let (black, _) = column(&|_, inputs| match inputs {
                Prepared::Bytes { offset, .. } => *offset,
                Prepared::Numbers(_) => 0.0,
            });
            let movers: Vec<i64> =
                (0..).zip(&recipes).filter(|(_, r)| r.moves()).map(|(at, _)| at).collect();
            let all_move = movers.len() == recipes.len();
            Self {
                movers: (!all_move).then(|| Tensor::from_slice(&movers).to_device(device)),
                noise: noisy.then_some(noise),
                squares: cut.then_some([sides, black]),
                pass: Pass::default(),
                recipes,
                image,
                device,
            }
        })
    }

    /// Draws how the runs' samples, so many of each, are changed in the pass of these places, in
    /// batches of at most so many.
    pub fn begin(&mut self, places: &[Place], samples: usize, most: usize) {
        let Self { recipes, image, device, .. } = self;
        let runs = || recipes.iter().zip(places.iter().copied());
        let to_device = |tensor: Tensor| tensor.to_device(*device);
        let changes = recipes.iter().any(Augment::changes_images).then(|| {
            let rows = rows(&runs().collect::<Vec<_>>(), *image, samples);
            to_device(Tensor::from_slice(&rows).view([places.len() as i64, -1, Change::NUMBERS]))
        });
        let keys = self.noise.is_some().then(|| {
            let keys: Vec<i32> = places.iter().map(|at| masks::key(*at, Use::Noise, 0)).collect();
            to_device(Tensor::from_slice(&keys))
        });
        let shares = recipes.iter().any(|recipe| recipe.mixup > 0.0).then(|| {
            let batches = u32::try_from(samples.div_ceil(most.max(1))).unwrap_or(u32::MAX);
            let of =
                |batch| runs().map(move |(recipe, at)| share(recipe, at, batch).unwrap_or(1.0));
            let own: Vec<f64> = (0..batches).flat_map(of).collect();
            let other: Vec<f64> = own.iter().map(|own| 1.0 - own).collect();
            [own, other].map(|all| {
                let all = Tensor::from_slice(&all).to_kind(Kind::Float);
                to_device(all.view([i64::from(batches), -1]))
            })
        });
        self.pass = Pass { changes, keys, shares };
    }

    /// The changes of the pass's samples from `from` on, `[runs * samples, 9]`, of these runs.
    fn changes(&self, from: usize, samples: i64, of: Option<&Tensor>) -> Option<Tensor> {
        let all = self.pass.changes.as_ref()?;
        let own = all.narrow(1, i64::try_from(from).unwrap_or(0), samples);
        let own = of.map_or_else(|| own.shallow_clone(), |runs| own.index_select(0, runs));
        Some(own.reshape([-1, Change::NUMBERS]))
    }

    /// Numbers not yet scaled, the pass's samples from `from` on.
    pub fn unscaled(&self, mut inputs: Tensor, from: usize) -> Tensor {
        let samples = inputs.size()[1];
        if self.recipes.iter().any(Augment::moves)
            && let Some(changes) = self.changes(from, samples, self.movers.as_ref())
        {
            let whole = |some: &Tensor| {
                tensors::moved(&some.flatten(0, 1), &changes, self.image).view_as(some)
            };
            inputs = match &self.movers {
                None => whole(&inputs),
                Some(runs) => inputs.index_copy(0, runs, &whole(&inputs.index_select(0, runs))),
            };
        }
        if self.recipes.iter().any(|recipe| recipe.brightness > 0.0)
            && let Some(changes) = self.changes(from, samples, None)
        {
            let bright = tensors::brightened(&inputs.flatten(0, 1), &changes);
            inputs = bright.view_as(&inputs);
        }
        inputs
    }

    /// Scaled numbers, the pass's samples from `from` on; `batch` counts batches from 0.
    pub fn scaled(&self, mut inputs: Tensor, (from, batch): (usize, u32)) -> Tensor {
        let size = inputs.size();
        let of_a_run = size.iter().skip(1).product();
        if let (Some(deviation), Some(keys)) = (&self.noise, &self.pass.keys) {
            let noise = masks::normal(&masks::drawn(keys, batch, of_a_run)).view(&*size);
            inputs += noise * deviation;
        }
        if let (Some(squares), Some(changes)) = (&self.squares, self.changes(from, size[1], None)) {
            let [side, black] =
                squares.each_ref().map(|all| all.expand([-1, size[1], 1], false).reshape([-1, 1]));
            let flat = inputs.flatten(0, 1);
            inputs = tensors::cut(&flat, &changes, self.image, (&side, &black)).view(&*size);
        }
        self.mixed(inputs, batch)
    }

    /// Samples or their labels, `[runs, batch, …]`, each mixed with the next and the last with the
    /// first, by the shares of a batch.
    pub fn mixed(&self, samples: Tensor, batch: u32) -> Tensor {
        let Some([own, other]) = self.shares(batch) else { return samples };
        let mut shape = vec![1; samples.dim()];
        shape[0] = -1;
        let next = samples.roll([-1], [1]);
        samples * own.view(&*shape) + next * other.view(&*shape)
    }

    /// The shares of a batch's samples themselves and of those that they are mixed with, `[runs]`.
    #[must_use]
    pub fn shares(&self, batch: u32) -> Option<[Tensor; 2]> {
        let shares = self.pass.shares.as_ref()?;
        Some(shares.each_ref().map(|all| all.select(0, i64::from(batch))))
    }
}

/// The rows of all samples of each run, one run after the other.
fn rows(runs: &[(&Augment, Place)], image: [usize; 3], samples: usize) -> Vec<f32> {
    let of_a_run = samples * usize::try_from(Change::NUMBERS).unwrap_or(1);
    side_by_side::filled(runs, of_a_run, |(recipe, place), out| {
        let mut stream = place.stream(Purpose::Augment);
        let (rows, _) = out.as_chunks_mut();
        rows.iter_mut().for_each(|row| {
            *row = if recipe.changes_images() {
                Change::draw(recipe, image, &mut stream).row(image)
            } else {
                STILL
            };
        });
    })
}

/// The row of what stays as it is.
const STILL: [f32; 9] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
