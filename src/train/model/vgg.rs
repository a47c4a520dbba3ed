//! VGG (Simonyan and Zisserman 2014) in its form for small images: five blocks of convolutions of
//! 3 × 3 and a pool, which rounds up so that 28 × 28 pixels suffice, and a dense head.
use dlgrid_sweep::recipe::vgg_blocks;

use super::layers::{Convolution, Layers, Pool};
use super::mlp::Mlp;

/// Its configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vgg {
    /// `[channels, height, width]` of an image.
    pub shape: [usize; 3],
    /// Layers of the published network whose convolutions it has.
    pub depth: u32,
    /// Channels in the first block; each doubles them, up to eightfold.
    pub channels: usize,
    /// What follows the blocks; its activation and norm are those of the blocks, too.
    pub head: Mlp,
}

impl Vgg {
    /// From rows of numbers to rows of outputs.
    pub fn network<L: Layers>(&self, l: &mut L, x: L::Value) -> L::Value {
        let norm = self.head.norm;
        let mut x = l.images(x, self.shape);
        for (block, count) in vgg_blocks(self.depth).unwrap_or_default().iter().enumerate() {
            let channels = self.channels << block.min(3);
            for i in 0..*count {
                let name = format_args!("blocks.{block}.{i}");
                x = l.convolve(
                    name,
                    x,
                    Convolution { channels, kernel: 3, stride: 1, bias: !norm },
                );
                if norm {
                    x = l.norm(format_args!("{name}.norm"), x);
                }
                x = l.activate(name, x, self.head.activation);
            }
            x = l.pool_by(x, Pool { size: 2, stride: 2 });
        }
        let x = l.rows(x);
        self.head.network(l, x)
    }
}
