//! The residual network in its form for small images (He et al. 2016, section 4.2): a first
//! convolution of 3 × 3, stages of blocks with two convolutions each, the mean over all pixels.
//! With four stages of two blocks and 64 channels it is ResNet-18.
use dlgrid_sweep::recipe::Activation;

use super::layers::{Convolution, Layers};

/// Its configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resnet {
    /// `[channels, height, width]` of an image.
    pub shape: [usize; 3],
    /// Stages; each but the first halves the image and doubles the channels.
    pub stages: u32,
    /// Blocks in each stage.
    pub blocks: u32,
    /// Channels in the first stage.
    pub channels: usize,
    /// Numbers of an output.
    pub outputs: usize,
    /// After each norm, and after each sum.
    pub activation: Activation,
    /// Share of the last features that a training step drops.
    pub dropout: f64,
}

impl Resnet {
    /// From rows of numbers to rows of outputs.
    pub fn network<L: Layers>(&self, l: &mut L, x: L::Value) -> L::Value {
        let x = l.images(x, self.shape);
        let x = self.normed(l, format_args!("first"), x, self.channels, 3, 1);
        let mut x = l.activate(format_args!("first"), x, self.activation);
        for stage in 0..self.stages {
            for block in 0..self.blocks {
                x = self.block(l, x, stage, block);
            }
        }
        let x = l.pool_all(x);
        let x = l.drop_out(x, self.dropout);
        l.dense(format_args!("last"), x, self.outputs, true)
    }

    /// x + f(x), where x is brought to f's shape by a convolution of 1 × 1 if need be.
    fn block<L: Layers>(&self, l: &mut L, x: L::Value, stage: u32, block: u32) -> L::Value {
        let channels = self.channels << stage;
        let reshapes = stage > 0 && block == 0;
        let stride = if reshapes { 2 } else { 1 };
        let name = format_args!("stages.{stage}.{block}");
        let (x, mut short) = l.fork(x);
        let x = self.normed(l, format_args!("{name}.0"), x, channels, 3, stride);
        let x = l.activate(format_args!("{name}.0"), x, self.activation);
        let x = self.normed(l, format_args!("{name}.1"), x, channels, 3, 1);
        if reshapes {
            short = self.normed(l, format_args!("{name}.short"), short, channels, 1, stride);
        }
        let x = l.add(x, short);
        l.activate(format_args!("{name}.1"), x, self.activation)
    }

    fn normed<L: Layers>(
        &self,
        l: &mut L,
        name: std::fmt::Arguments<'_>,
        x: L::Value,
        channels: usize,
        kernel: usize,
        stride: usize,
    ) -> L::Value {
        let x = l.convolve(name, x, Convolution { channels, kernel, stride, bias: false });
        l.norm(format_args!("{name}.norm"), x)
    }
}
