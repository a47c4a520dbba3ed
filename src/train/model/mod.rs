//! What learns: a model is a configuration, the parameters it declares, and a function of them.
pub(crate) mod activation;
mod alexnet;
mod cnn;
pub(crate) mod cuts;
mod declare;
mod dropout;
mod googlenet;
pub(crate) mod layers;
pub(crate) mod masks;
mod mlp;
mod resnet;
mod synced_norm;
mod vgg;
mod walk;

use dlgrid_sweep::recipe::{self, Activation, Init, Precision};
use tch::{Kind, Tensor};

use crate::parameters::Declared;
use crate::random::Place;
use alexnet::Alexnet;
use cnn::Cnn;
use googlenet::Googlenet;
use layers::{Declare, Layers, Walk};
use mlp::Mlp;
use resnet::Resnet;
use vgg::Vgg;

/// Whether a model computes for training or for judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A step of training: dropout is on, drawn for this batch, and batch norm goes by the batch.
    Train {
        /// The run, epoch and process.
        place: Place,
        /// The batch of the epoch, from 0.
        batch: u32,
        /// Which of its rows are here.
        part: Part,
    },
    /// Nothing is random, and batch norm goes by its running statistics.
    Eval,
}

impl Mode {
    /// A step of training with all rows of a batch.
    #[must_use]
    pub const fn train(place: Place, batch: u32) -> Self {
        Self::Train { place, batch, part: Part::ALL }
    }
}

/// The rows of a batch that a process computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first of them.
    pub from: usize,
    /// Rows of the whole batch, where not all of them are here.
    pub of: Option<usize>,
    /// Whether batch norm goes by the rows of all ranks.
    pub synced: bool,
    /// Numbers of parameters after which the graph is cut, so that their gradients are known before
    /// the others'; none where it stays whole.
    pub bucket: Option<usize>,
}

impl Part {
    /// All rows.
    pub const ALL: Self = Self { from: 0, of: None, synced: false, bucket: None };
}

/// A model of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Numbers of an input.
    features: usize,
    init: Init,
    activation: Activation,
    precision: Precision,
    network: Network,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Network {
    Mlp(Mlp),
    Cnn(Cnn),
    Resnet(Resnet),
    Vgg(Vgg),
    Alexnet(Alexnet),
    Googlenet(Googlenet),
}

impl Network {
    fn run<L: Layers>(&self, l: &mut L, x: L::Value) -> L::Value {
        match self {
            Self::Mlp(mlp) => mlp.network(l, x),
            Self::Cnn(cnn) => cnn.network(l, x),
            Self::Resnet(resnet) => resnet.network(l, x),
            Self::Vgg(vgg) => vgg.network(l, x),
            Self::Alexnet(alexnet) => alexnet.network(l, x),
            Self::Googlenet(googlenet) => googlenet.network(l, x),
        }
    }
}

impl Model {
    /// The model of a recipe for inputs of `[channels, height, width]` and so many outputs.
    ///
    /// # Errors
    /// Where the images are too small for the model.
    pub fn new(
        recipe: &recipe::Recipe,
        shape: [usize; 3],
        outputs: usize,
    ) -> Result<Self, recipe::TooSmall> {
        recipe.model.fits(shape)?;
        let recipe::Model { init, activation, net } = recipe.model;
        let dropout = recipe.regularize.dropout;
        let dense = |layers, width: u32, norm, activate_outputs| {
            let width = width as usize;
            Mlp { layers, width, outputs, activation, norm, dropout, activate_outputs }
        };
        let network = match net {
            recipe::Net::Linear => Network::Mlp(dense(0, 0, false, false)),
            recipe::Net::Perceptron => Network::Mlp(dense(0, 0, false, true)),
            recipe::Net::Mlp { layers, width, batch_norm } => {
                Network::Mlp(dense(layers, width, batch_norm, false))
            }
            recipe::Net::Cnn {
                blocks,
                convolutions,
                channels,
                kernel,
                layers,
                width,
                batch_norm,
            } => Network::Cnn(Cnn {
                shape,
                blocks,
                convolutions,
                channels: channels as usize,
                kernel: kernel as usize,
                head: dense(layers, width, batch_norm, false),
            }),
            recipe::Net::Resnet { stages, blocks, channels } => {
                let channels = channels as usize;
                Network::Resnet(Resnet {
                    shape,
                    stages,
                    blocks,
                    channels,
                    outputs,
                    activation,
                    dropout,
                })
            }
            recipe::Net::Vgg { depth, channels, layers, width, batch_norm } => Network::Vgg(Vgg {
                shape,
                depth,
                channels: channels as usize,
                head: dense(layers, width, batch_norm, false),
            }),
            recipe::Net::Alexnet { channels, layers, width, batch_norm } => {
                let head = dense(layers, width, batch_norm, false);
                Network::Alexnet(Alexnet { shape, channels, head })
            }
            recipe::Net::Googlenet { channels } => {
                Network::Googlenet(Googlenet { shape, channels, outputs, activation, dropout })
            }
        };
        let (features, precision) = (shape.iter().product(), recipe.precision);
        Ok(Self { features, init, activation, precision, network })
    }

    /// Its parameters, in the order in which `forward` takes them.
    #[must_use]
    pub fn declare(&self) -> Vec<Declared> {
        let mut declare = Declare::new(self.init, self.activation);
        self.network.run(&mut declare, vec![self.features]);
        declare.done()
    }

    /// About how many bytes a run takes on a device while it is trained in batches of so many
    /// samples beside others: parameters, gradients, the state of an optimizer and what a step makes
    /// of them; the outputs of all layers, kept for the way back, and their gradients.
    #[must_use]
    pub fn footprint(&self, batch: usize) -> u64 {
        let mut declare = Declare::new(self.init, self.activation);
        self.network.run(&mut declare, vec![self.features]);
        let made = declare.made();
        let parameters: usize = declare.done().iter().map(Declared::len).sum();
        let a_sample = self.features.saturating_mul(3) + made.saturating_mul(4);
        let numbers = parameters.saturating_mul(9).saturating_add(batch.saturating_mul(a_sample));
        numbers.saturating_mul(size_of::<f32>()) as u64
    }

    /// The share of each hidden layer's outputs that a training step drops.
    pub(crate) const fn dropout(&self) -> f64 {
        match self.network {
            Network::Mlp(mlp) => mlp.dropout,
            Network::Cnn(Cnn { head, .. })
            | Network::Vgg(Vgg { head, .. })
            | Network::Alexnet(Alexnet { head, .. }) => head.dropout,
            Network::Resnet(Resnet { dropout, .. })
            | Network::Googlenet(Googlenet { dropout, .. }) => dropout,
        }
    }

    /// In which precision it multiplies.
    pub(crate) const fn precision(&self) -> Precision {
        self.precision
    }

    /// Runs its network on something else than tensors of one run.
    pub(crate) fn run<L: Layers>(&self, l: &mut L, x: L::Value) -> L::Value {
        self.network.run(l, x)
    }

    /// From inputs `[batch, features]` to outputs `[batch, outputs]`, with the model's parameters
    /// and running statistics as declared; a step of training keeps the statistics up.
    pub fn forward(&self, tensors: &[Tensor], inputs: &Tensor, mode: Mode) -> Tensor {
        let walk = &mut Walk::new(tensors, mode, self.precision);
        let inputs = match self.precision {
            Precision::F64 => inputs.to_kind(Kind::Double),
            Precision::F32 | Precision::Bf16 => inputs.shallow_clone(),
        };
        self.network.run(walk, inputs)
    }
}

#[cfg(test)]
pub(crate) mod tests;
