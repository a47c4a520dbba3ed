//! The historical convolutional networks, cut to small images: their tables of layers, the
//! images that they take, and how many weights they have.
use super::{Net, Sums};

/// Convolutions in each of the five blocks of the VGG of so many layers (Simonyan and Zisserman
/// 2014, table 1: A, B, D and E).
#[must_use]
pub const fn vgg_blocks(depth: u32) -> Option<[u32; 5]> {
    match depth {
        11 => Some([1, 1, 2, 2, 2]),
        13 => Some([2, 2, 2, 2, 2]),
        16 => Some([2, 2, 3, 3, 3]),
        19 => Some([2, 2, 4, 4, 4]),
        _ => None,
    }
}

/// AlexNet's five convolutions (Krizhevsky et al. 2012, section 3.5, on one device): channels
/// where the first makes 96, rows of the kernel, and whether a pool follows. On small images the
/// first has a kernel of 5 instead of 11, and every one a stride of 1.
pub const ALEXNET: [(u32, u32, bool); 5] =
    [(96, 5, true), (256, 5, true), (384, 3, false), (384, 3, false), (256, 3, true)];

/// The channels that an inception block's convolutions make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inception {
    /// Of the first branch, 1 × 1.
    pub one: u32,
    /// Of the second, 1 × 1 and then 3 × 3.
    pub three: (u32, u32),
    /// Of the third, 1 × 1 and then 5 × 5.
    pub five: (u32, u32),
    /// Of the fourth, after its pool, 1 × 1.
    pub pooled: u32,
}

const fn inception(one: u32, three: (u32, u32), five: (u32, u32), pooled: u32) -> Inception {
    Inception { one, three, five, pooled }
}

/// GoogLeNet's three stages of inception blocks (Szegedy et al. 2014, table 1), in channels that
/// [`of_channels`] scales; before the first stage stands a convolution of 192.
pub const INCEPTIONS: [&[Inception]; 3] = [
    &[inception(64, (96, 128), (16, 32), 32), inception(128, (128, 192), (32, 96), 64)],
    &[
        inception(192, (96, 208), (16, 48), 64),
        inception(160, (112, 224), (24, 64), 64),
        inception(128, (128, 256), (24, 64), 64),
        inception(112, (144, 288), (32, 64), 64),
        inception(256, (160, 320), (32, 128), 128),
    ],
    &[inception(256, (160, 320), (32, 128), 128), inception(384, (192, 384), (48, 128), 128)],
];

/// Published channels where the published `base` is `channels`: 1 at least.
#[must_use]
pub fn of_channels(published: u32, channels: u32, base: u32) -> u32 {
    let scaled = u64::from(published) * u64::from(channels) / u64::from(base.max(1));
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

impl Net {
    /// Its name, and the sides of images that each of its pools still makes smaller, of a net
    /// whose pools round up.
    pub(super) const fn least(self) -> Option<(&'static str, usize)> {
        match self {
            Self::Vgg { .. } => Some(("vgg", 17)),
            Self::Alexnet { .. } => Some(("alexnet", 5)),
            Self::Googlenet { .. } => Some(("googlenet", 3)),
            _ => None,
        }
    }
}

impl Sums {
    /// Numbers of a historical network for images of `[channels, height, width]`.
    pub(super) fn classic(&self, net: Net, shape: [usize; 3], outputs: u64) -> u64 {
        match net {
            Net::Vgg { depth, channels, layers, width, batch_norm } => {
                let mut trunk = Trunk::new(self, shape, batch_norm);
                for (block, count) in vgg_blocks(depth).unwrap_or_default().iter().enumerate() {
                    for _ in 0..*count {
                        trunk.convolve(3, u64::from(channels) << block.min(3));
                    }
                    trunk.pool();
                }
                trunk.head(layers, width, outputs)
            }
            Net::Alexnet { channels, layers, width, batch_norm } => {
                let mut trunk = Trunk::new(self, shape, batch_norm);
                for (published, kernel, pools) in ALEXNET {
                    trunk.convolve(kernel, of_channels(published, channels, 96).into());
                    if pools {
                        trunk.pool();
                    }
                }
                trunk.head(layers, width, outputs)
            }
            Net::Googlenet { channels } => {
                let mut trunk = Trunk::new(self, shape, true);
                trunk.convolve(3, of_channels(192, channels, 64).into());
                for block in INCEPTIONS.concat() {
                    trunk.inception(block, channels);
                }
                trunk.total.saturating_add(self.outer(trunk.channels, outputs))
            }
            _ => 0,
        }
    }
}

/// Convolutions in a row, counted.
struct Trunk<'s> {
    sums: &'s Sums,
    norm: bool,
    channels: u64,
    sides: [u64; 2],
    total: u64,
}

impl<'s> Trunk<'s> {
    fn new(sums: &'s Sums, [channels, height, width]: [usize; 3], norm: bool) -> Self {
        let sides = [height as u64, width as u64];
        Self { sums, norm, channels: channels as u64, sides, total: 0 }
    }

    fn convolve(&mut self, kernel: u32, channels: u64) {
        self.count(self.channels, kernel, channels);
        self.channels = channels;
    }

    fn count(&mut self, from: u64, kernel: u32, to: u64) {
        let inputs = from.saturating_mul(u64::from(kernel).pow(2));
        self.total = self.total.saturating_add(self.sums.hidden(inputs, to, self.norm));
    }

    fn pool(&mut self) {
        self.sides = self.sides.map(|side| side.div_ceil(2));
    }

    fn inception(&mut self, block: Inception, channels: u32) {
        let scaled = |published| u64::from(of_channels(published, channels, 64));
        let from = self.channels;
        let mut made = 0;
        for (kernel, narrow, wide) in [
            (1, None, block.one),
            (3, Some(block.three.0), block.three.1),
            (5, Some(block.five.0), block.five.1),
            (1, None, block.pooled),
        ] {
            let inputs = narrow.map_or(from, scaled);
            if narrow.is_some() {
                self.count(from, 1, inputs);
            }
            self.count(inputs, kernel, scaled(wide));
            made += scaled(wide);
        }
        self.channels = made;
    }

    fn head(self, layers: u32, width: u32, outputs: u64) -> u64 {
        let inputs = self.channels.saturating_mul(self.sides[0] * self.sides[1]);
        let dense = self.sums.dense(inputs, layers.into(), width.into(), self.norm, outputs);
        self.total.saturating_add(dense)
    }
}
