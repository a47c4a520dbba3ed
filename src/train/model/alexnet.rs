//! AlexNet (Krizhevsky et al. 2012) cut to small images: its five convolutions, the first of 5 × 5
//! and without stride, its three overlapping pools, and a dense head; without the local response
//! norm, which batch norm has replaced.
use dlgrid_sweep::recipe::{ALEXNET, of_channels};

use super::layers::{Convolution, Layers, Pool};
use super::mlp::Mlp;

/// Its configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alexnet {
    /// `[channels, height, width]` of an image.
    pub shape: [usize; 3],
    /// Channels of the first convolution, 96 in the paper; the others keep their proportions.
    pub channels: u32,
    /// What follows the convolutions; its activation and norm are those of the convolutions, too.
    pub head: Mlp,
}

impl Alexnet {
    /// From rows of numbers to rows of outputs.
    pub fn network<L: Layers>(&self, l: &mut L, x: L::Value) -> L::Value {
        let norm = self.head.norm;
        let mut x = l.images(x, self.shape);
        for (i, (published, kernel, pools)) in ALEXNET.into_iter().enumerate() {
            let channels = of_channels(published, self.channels, 96) as usize;
            let how = Convolution { channels, kernel: kernel as usize, stride: 1, bias: !norm };
            x = l.convolve(format_args!("convolutions.{i}"), x, how);
            if norm {
                x = l.norm(format_args!("convolutions.{i}.norm"), x);
            }
            x = l.activate(format_args!("convolutions.{i}"), x, self.head.activation);
            if pools {
                x = l.pool_by(x, Pool { size: 3, stride: 2 });
            }
        }
        let x = l.rows(x);
        self.head.network(l, x)
    }
}
