//! The convolutional network: blocks of convolutions and a pool, and a dense head.
use super::layers::{Convolution, Layers};
use super::mlp::Mlp;

/// Its configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cnn {
    /// `[channels, height, width]` of an image.
    pub shape: [usize; 3],
    /// Blocks; each halves the image.
    pub blocks: u32,
    /// Convolutions in each block.
    pub convolutions: u32,
    /// Channels in the first block; each block doubles them.
    pub channels: usize,
    /// Rows and columns of a kernel, odd.
    pub kernel: usize,
    /// What follows the blocks; its activation and norm are those of the blocks, too.
    pub head: Mlp,
}

impl Cnn {
    /// From rows of numbers to rows of outputs.
    pub fn network<L: Layers>(&self, l: &mut L, x: L::Value) -> L::Value {
        let norm = self.head.norm;
        let mut x = l.images(x, self.shape);
        for block in 0..self.blocks {
            let channels = self.channels << block;
            let how = Convolution { channels, kernel: self.kernel, stride: 1, bias: !norm };
            for i in 0..self.convolutions {
                x = l.convolve(format_args!("blocks.{block}.{i}"), x, how);
                if norm {
                    x = l.norm(format_args!("blocks.{block}.{i}.norm"), x);
                }
                x = l.activate(format_args!("blocks.{block}.{i}"), x, self.head.activation);
            }
            x = l.pool(x);
        }
        let x = l.rows(x);
        self.head.network(l, x)
    }
}
