//! What learns: a model is a configuration, the parameters it declares, and a function of them.
mod dropout;
pub mod mlp;

use dlgrid_sweep::recipe;
use tch::Tensor;

use crate::parameters::Declared;
use crate::random::Place;
use mlp::Mlp;

/// Whether a model computes for training or for judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A step of training: dropout is on, drawn for this batch.
    Train {
        /// The run, epoch and process.
        place: Place,
        /// The batch of the epoch, from 0.
        batch: u32,
    },
    /// Nothing is random.
    Eval,
}

/// A model of a recipe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Model {
    /// Dense layers.
    Mlp(Mlp),
}

impl Model {
    /// The model of a recipe for inputs of so many features and so many classes.
    #[must_use]
    pub fn new(recipe: &recipe::Recipe, features: usize, classes: usize) -> Self {
        let recipe::Model::Mlp { layers, width, activation } = recipe.model;
        let dropout = recipe.regularize.dropout;
        let outputs = classes;
        Self::Mlp(Mlp { features, layers, width: width as usize, outputs, activation, dropout })
    }

    /// Its parameters, in the order in which `forward` takes them.
    #[must_use]
    pub fn declare(&self) -> Vec<Declared> {
        match self {
            Self::Mlp(mlp) => mlp.declare(),
        }
    }

    /// From inputs `[batch, features]` to logits `[batch, classes]`.
    pub fn forward(&self, leaves: &[Tensor], inputs: &Tensor, mode: Mode) -> Tensor {
        match self {
            Self::Mlp(mlp) => mlp.forward(leaves, inputs, mode),
        }
    }
}
