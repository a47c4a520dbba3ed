//! GoogLeNet (Szegedy et al. 2014) cut to small images: one convolution of 3 × 3 in place of the
//! first three and their pools, the nine inception blocks with a pool between stages, the mean
//! over all pixels. Each convolution is normed over the batch (Ioffe and Szegedy 2015), which
//! makes the two auxiliary classifiers needless.
use std::fmt::Arguments;

use dlgrid_sweep::recipe::{Activation, INCEPTIONS, Inception, of_channels};

use super::layers::{Convolution, Layers, Pool};

/// Its configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Googlenet {
    /// `[channels, height, width]` of an image.
    pub shape: [usize; 3],
    /// What the published 64 channels become; all others keep their proportions.
    pub channels: u32,
    /// Numbers of an output.
    pub outputs: usize,
    /// After each norm.
    pub activation: Activation,
    /// Share of the last features that a training step drops.
    pub dropout: f64,
}

impl Googlenet {
    /// From rows of numbers to rows of outputs.
    pub fn network<L: Layers>(&self, l: &mut L, x: L::Value) -> L::Value {
        let x = l.images(x, self.shape);
        let mut x = self.convolve(l, format_args!("first"), x, 192, 3);
        for (stage, blocks) in INCEPTIONS.iter().enumerate() {
            if stage > 0 {
                x = l.pool_by(x, Pool { size: 3, stride: 2 });
            }
            for (block, how) in blocks.iter().enumerate() {
                x = self.inception(l, format_args!("stages.{stage}.{block}"), x, *how);
            }
        }
        let x = l.pool_all(x);
        let x = l.drop_out(x, self.dropout);
        l.dense(format_args!("last"), x, self.outputs, true)
    }

    /// Four branches over the same images, their channels one after the other.
    fn inception<L: Layers>(
        &self,
        l: &mut L,
        name: Arguments<'_>,
        x: L::Value,
        how: Inception,
    ) -> L::Value {
        let ((one, three), (five, pooled)) = {
            let (left, right) = l.fork(x);
            (l.fork(left), l.fork(right))
        };
        let one = self.convolve(l, format_args!("{name}.one"), one, how.one, 1);
        let three = self.convolve(l, format_args!("{name}.three.0"), three, how.three.0, 1);
        let three = self.convolve(l, format_args!("{name}.three.1"), three, how.three.1, 3);
        let five = self.convolve(l, format_args!("{name}.five.0"), five, how.five.0, 1);
        let five = self.convolve(l, format_args!("{name}.five.1"), five, how.five.1, 5);
        let pooled = l.pool_by(pooled, Pool { size: 3, stride: 1 });
        let pooled = self.convolve(l, format_args!("{name}.pooled"), pooled, how.pooled, 1);
        l.concat([one, three, five, pooled])
    }

    fn convolve<L: Layers>(
        &self,
        l: &mut L,
        name: Arguments<'_>,
        x: L::Value,
        published: u32,
        kernel: usize,
    ) -> L::Value {
        let channels = of_channels(published, self.channels, 64) as usize;
        let x = l.convolve(name, x, Convolution { channels, kernel, stride: 1, bias: false });
        let x = l.norm(format_args!("{name}.norm"), x);
        l.activate(name, x, self.activation)
    }
}
