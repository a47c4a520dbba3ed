//! What the runs of a cohort draw in an epoch: the keys of their masks, and how much each drops.
use std::collections::HashMap;

use tch::{Device, Tensor};

use crate::model::masks::{self, Use};
use crate::random::Place;

/// The draws of an epoch.
#[derive(Debug)]
pub struct Draws {
    places: Vec<Place>,
    device: Device,
    /// Of each run, `[runs]`, f32; nothing where no run drops any.
    dropout: Option<Tensor>,
    /// By use and layer, `[runs]`, i32.
    keys: HashMap<(Use, u32), Tensor>,
}

impl Draws {
    /// Of runs that drop such shares of their hidden outputs.
    #[expect(clippy::cast_possible_truncation, reason = "masks are single precision")]
    pub fn new(dropout: &[f64], device: Device) -> Self {
        let shares: Vec<f32> = dropout.iter().map(|p| *p as f32).collect();
        let drops = dropout.iter().any(|p| *p > 0.0);
        let dropout = drops.then(|| Tensor::from_slice(&shares).to_device(device));
        Self { places: Vec::new(), device, dropout, keys: HashMap::new() }
    }

    /// Begins the epoch at which each run stands.
    pub fn begin(&mut self, places: Vec<Place>) {
        self.places = places;
        self.keys.clear();
    }

    /// Whether any run drops anything.
    pub const fn drops(&self) -> bool {
        self.dropout.is_some()
    }

    /// The share that each run drops, `[runs]`.
    pub const fn dropout(&self) -> &Tensor {
        self.dropout.as_ref().expect("it is asked for where a run drops something")
    }

    /// The keys of the runs for a layer, `[runs]`, i32: made once an epoch.
    pub fn keys(&mut self, of: Use, layer: u32) -> &Tensor {
        let Self { places, device, keys, .. } = self;
        keys.entry((of, layer)).or_insert_with(|| {
            let own: Vec<i32> = places.iter().map(|at| masks::key(*at, of, layer)).collect();
            Tensor::from_slice(&own).to_device(*device)
        })
    }
}
