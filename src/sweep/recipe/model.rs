//! The model of a recipe: what it is, whether it fits its images, and how many weights it has.
mod classic;

use super::Settings;
use super::train::{flag, text, whole};
pub use classic::{ALEXNET, INCEPTIONS, Inception, of_channels, vgg_blocks};

/// What learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// Its layers.
    pub net: Net,
    /// After each hidden layer.
    pub activation: Activation,
    /// How its weights are drawn.
    pub init: Init,
}

/// The layers of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Net {
    /// One dense layer.
    Linear,
    /// One dense layer, its outputs passed through the activation.
    Perceptron,
    /// Dense layers with an activation after each hidden one.
    Mlp {
        /// Hidden layers.
        layers: u32,
        /// Units in each.
        width: u32,
        /// Whether each is normed over the batch.
        batch_norm: bool,
    },
    /// Blocks of convolutions, each block ended by a pool of 2 × 2, and a dense head.
    Cnn {
        /// Blocks.
        blocks: u32,
        /// Convolutions in each.
        convolutions: u32,
        /// Channels in the first block; each doubles them.
        channels: u32,
        /// Rows and columns of a kernel.
        kernel: u32,
        /// Hidden layers of the head.
        layers: u32,
        /// Units in each.
        width: u32,
        /// Whether each layer is normed over the batch.
        batch_norm: bool,
    },
    /// Stages of residual blocks with two convolutions each.
    Resnet {
        /// Stages; each but the first halves the image and doubles the channels.
        stages: u32,
        /// Blocks in each.
        blocks: u32,
        /// Channels in the first.
        channels: u32,
    },
    /// VGG: five blocks of convolutions of 3 × 3, each ended by a pool, and a dense head.
    Vgg {
        /// Layers of the VGG whose convolutions it has: 11, 13, 16 or 19.
        depth: u32,
        /// Channels in the first block; each doubles them, up to eightfold.
        channels: u32,
        /// Hidden layers of the head.
        layers: u32,
        /// Units in each.
        width: u32,
        /// Whether each layer is normed over the batch.
        batch_norm: bool,
    },
    /// AlexNet: five convolutions with three pools between, and a dense head.
    Alexnet {
        /// Channels of the first convolution; the others keep their proportions to it.
        channels: u32,
        /// Hidden layers of the head.
        layers: u32,
        /// Units in each.
        width: u32,
        /// Whether each layer is normed over the batch.
        batch_norm: bool,
    },
    /// GoogLeNet: nine inception blocks with two pools between.
    Googlenet {
        /// What the published 64 channels become; all others keep their proportions to it.
        channels: u32,
    },
}

/// An activation function, as PyTorch defines the function of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the functions'")]
pub enum Activation {
    Relu,
    LeakyRelu,
    Prelu,
    Rrelu,
    Relu6,
    Elu,
    Selu,
    Gelu,
    Silu,
    Mish,
    Sigmoid,
    Tanh,
}

/// How the weights of a layer are drawn, always uniformly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// So that the signal keeps its size (He et al. 2015).
    He,
    /// As PyTorch's layers draw them.
    Torch,
    /// By inputs and outputs alike, without biases (Glorot and Bengio 2010).
    Xavier,
}

/// Images that a model's pools would leave nothing of, or nothing to do for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{path}: {value}` needs images of at least {least} × {least}, these are {height} × {width}"
)]
pub struct TooSmall {
    path: &'static str,
    value: String,
    least: u64,
    height: usize,
    width: usize,
}

impl TooSmall {
    /// The setting that asks for larger ones.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }
}

impl Model {
    /// The model that settings without faults describe.
    pub(super) fn of(s: &Settings) -> Self {
        let width = || whole(s, "model.width");
        let layers = || whole(s, "model.layers");
        let blocks = || whole(s, "model.blocks");
        let channels = || whole(s, "model.channels");
        let batch_norm = || flag(s, "model.batch_norm");
        let net = match &*text(s, "model.kind") {
            "linear" => Net::Linear,
            "perceptron" => Net::Perceptron,
            "cnn" => Net::Cnn {
                blocks: blocks(),
                convolutions: whole(s, "model.convolutions"),
                channels: channels(),
                kernel: whole(s, "model.kernel"),
                layers: layers(),
                width: width(),
                batch_norm: batch_norm(),
            },
            "resnet" => {
                let stages = whole(s, "model.stages");
                Net::Resnet { stages, blocks: blocks(), channels: channels() }
            }
            "vgg" => Net::Vgg {
                depth: whole(s, "model.depth"),
                channels: channels(),
                layers: layers(),
                width: width(),
                batch_norm: batch_norm(),
            },
            "alexnet" => Net::Alexnet {
                channels: channels(),
                layers: layers(),
                width: width(),
                batch_norm: batch_norm(),
            },
            "googlenet" => Net::Googlenet { channels: channels() },
            _ => Net::Mlp { layers: layers(), width: width(), batch_norm: batch_norm() },
        };
        let init = match &*text(s, "model.init") {
            "torch" => Init::Torch,
            "xavier" => Init::Xavier,
            _ => Init::He,
        };
        Self { net, activation: activation(&text(s, "model.activation")), init }
    }

    /// What is wrong with it whatever the images, and the setting that says it.
    pub(super) fn contradiction(&self) -> Option<(&'static str, String)> {
        match self.net {
            Net::Cnn { kernel, .. } if kernel % 2 == 0 => {
                Some(("model.kernel", format!("`model.kernel` must be odd, got `{kernel}`")))
            }
            Net::Vgg { depth, .. } if vgg_blocks(depth).is_none() => {
                let fact = format!("`model.depth` must be 11, 13, 16 or 19, got `{depth}`");
                Some(("model.depth", fact))
            }
            _ => None,
        }
    }

    /// Whether some layer is normed over the batch.
    #[must_use]
    pub const fn norms(&self) -> bool {
        matches!(
            self.net,
            Net::Mlp { batch_norm: true, .. }
                | Net::Cnn { batch_norm: true, .. }
                | Net::Resnet { .. }
                | Net::Vgg { batch_norm: true, .. }
                | Net::Alexnet { batch_norm: true, .. }
                | Net::Googlenet { .. }
        )
    }

    /// The smallest images, `[channels, height, width]`, that it takes.
    pub(super) fn smallest(&self) -> [usize; 3] {
        let side = match self.net {
            Net::Cnn { blocks, .. } => 1 << blocks.min(20),
            net => net.least().map_or(1, |(_, least)| least),
        };
        [1, side, side]
    }

    /// Whether it can take images of `[channels, height, width]`.
    ///
    /// # Errors
    /// Where its pools leave nothing of them, or have nothing to do.
    pub fn fits(&self, [_, height, width]: [usize; 3]) -> Result<(), TooSmall> {
        let (path, value, least) = match self.net {
            Net::Cnn { blocks, .. } => ("model.blocks", blocks.to_string(), 1 << blocks.min(63)),
            net => match net.least() {
                Some((kind, least)) => ("model.kind", kind.to_owned(), least as u64),
                None => return Ok(()),
            },
        };
        if height.min(width) as u64 >= least {
            return Ok(());
        }
        Err(TooSmall { path, value, least, height, width })
    }

    /// How many numbers it trains, for images that fit.
    #[must_use]
    pub fn weights(&self, [channels, height, width]: [usize; 3], outputs: u64) -> u64 {
        let sums = Sums { slope: u64::from(self.activation == Activation::Prelu) };
        let inputs = (channels * height * width) as u64;
        match self.net {
            Net::Linear => sums.outer(inputs, outputs),
            Net::Perceptron => sums.outer(inputs, outputs) + sums.slope,
            Net::Mlp { layers, width, batch_norm } => {
                sums.dense(inputs, u64::from(layers), width.into(), batch_norm, outputs)
            }
            Net::Cnn {
                blocks,
                convolutions,
                channels: first,
                kernel,
                layers,
                width: units,
                batch_norm,
            } => {
                let area = u64::from(kernel).pow(2);
                let mut total = 0u64;
                let mut from = channels as u64;
                for block in 0..blocks {
                    let to = u64::from(first).saturating_mul(1 << block.min(40));
                    for _ in 0..convolutions {
                        total = total.saturating_add(sums.hidden(
                            from.saturating_mul(area),
                            to,
                            batch_norm,
                        ));
                        from = to;
                    }
                }
                let pixels = ((height >> blocks.min(63)) * (width >> blocks.min(63))) as u64;
                let inputs = from.saturating_mul(pixels);
                total.saturating_add(sums.dense(
                    inputs,
                    layers.into(),
                    units.into(),
                    batch_norm,
                    outputs,
                ))
            }
            Net::Resnet { stages, blocks, channels: first } => {
                let mut from = u64::from(first);
                let mut total = sums.hidden(9 * channels as u64, from, true);
                for stage in 0..stages {
                    let to = u64::from(first) << stage;
                    for block in 0..blocks {
                        total += sums.hidden(9 * from, to, true) + sums.hidden(9 * to, to, true);
                        if stage > 0 && block == 0 {
                            total += from * to + 2 * to;
                        }
                        from = to;
                    }
                }
                total + sums.outer(from, outputs)
            }
            Net::Vgg { .. } | Net::Alexnet { .. } | Net::Googlenet { .. } => {
                sums.classic(self.net, [channels, height, width], outputs)
            }
        }
    }
}

impl Net {
    /// Its kind's name in a spec.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Perceptron => "perceptron",
            Self::Mlp { .. } => "mlp",
            Self::Cnn { .. } => "cnn",
            Self::Resnet { .. } => "resnet",
            Self::Vgg { .. } => "vgg",
            Self::Alexnet { .. } => "alexnet",
            Self::Googlenet { .. } => "googlenet",
        }
    }

    /// The settings that make it large: the one to point to, and all in words.
    pub(super) fn sizes(&self) -> (&'static str, String) {
        match self {
            Self::Linear | Self::Perceptron => ("model.kind", "the samples' numbers".into()),
            Self::Mlp { layers, width, .. } => {
                ("model.width", format!("`model.layers: {layers}` of `model.width: {width}`"))
            }
            Self::Cnn { blocks, channels, width, .. } => (
                "model.channels",
                format!(
                    "`model.blocks: {blocks}`, `model.channels: {channels}` and \
                     `model.width: {width}`"
                ),
            ),
            Self::Resnet { stages, blocks, channels } => (
                "model.channels",
                format!(
                    "`model.stages: {stages}`, `model.blocks: {blocks}` and \
                     `model.channels: {channels}`"
                ),
            ),
            Self::Vgg { channels, width, .. } | Self::Alexnet { channels, width, .. } => (
                "model.channels",
                format!("`model.channels: {channels}` and `model.width: {width}`"),
            ),
            Self::Googlenet { channels } => {
                ("model.channels", format!("`model.channels: {channels}`"))
            }
        }
    }
}

/// Counts numbers of layers.
struct Sums {
    /// Numbers of an activation.
    slope: u64,
}

impl Sums {
    /// A layer with biases and no activation.
    fn outer(&self, inputs: u64, outputs: u64) -> u64 {
        inputs.saturating_add(1).saturating_mul(outputs)
    }

    /// A layer with its norm, or with its biases, and its activation.
    fn hidden(&self, inputs: u64, outputs: u64, norm: bool) -> u64 {
        let rest = if norm { 2 } else { 1 };
        inputs.saturating_add(rest).saturating_mul(outputs).saturating_add(self.slope)
    }

    fn dense(&self, inputs: u64, layers: u64, width: u64, norm: bool, outputs: u64) -> u64 {
        if layers == 0 {
            return self.outer(inputs, outputs);
        }
        self.hidden(inputs, width, norm)
            .saturating_add((layers - 1).saturating_mul(self.hidden(width, width, norm)))
            .saturating_add(self.outer(width, outputs))
    }
}

fn activation(word: &str) -> Activation {
    match word {
        "leaky_relu" => Activation::LeakyRelu,
        "prelu" => Activation::Prelu,
        "rrelu" => Activation::Rrelu,
        "relu6" => Activation::Relu6,
        "elu" => Activation::Elu,
        "selu" => Activation::Selu,
        "gelu" => Activation::Gelu,
        "silu" | "swish" => Activation::Silu,
        "mish" => Activation::Mish,
        "sigmoid" => Activation::Sigmoid,
        "tanh" => Activation::Tanh,
        _ => Activation::Relu,
    }
}
