//! Runs a network on a batch: values are tensors.
use std::fmt::Arguments;

use dlgrid_sweep::recipe::Activation;
use tch::Tensor;

use super::Mode;
use super::activation::activate;
use super::dropout::dropout;
use super::layers::{Convolution, Layers, NEWEST, NORM_EPS, Pool, extent, whole};

/// Takes a network's parameters in the order in which it declared them.
#[derive(Debug)]
pub struct Walk<'a> {
    leaves: std::slice::Iter<'a, Tensor>,
    kept: std::slice::Iter<'a, Tensor>,
    mode: Mode,
    dropped: u32,
    activated: u32,
}

impl<'a> Walk<'a> {
    /// A walk through a network with these tensors: its leaves, then its running statistics.
    pub fn new(tensors: &'a [Tensor], mode: Mode) -> Self {
        let (leaves, kept) = tensors.split_at(tensors.partition_point(Tensor::requires_grad));
        Self { leaves: leaves.iter(), kept: kept.iter(), mode, dropped: 0, activated: 0 }
    }

    fn leaf(&mut self) -> &'a Tensor {
        self.leaves.next().expect("a network takes the parameters that it declared")
    }

    fn statistic(&mut self) -> &'a Tensor {
        self.kept.next().expect("a network takes the statistics that it declared")
    }
}

impl Layers for Walk<'_> {
    type Value = Tensor;

    fn dense(&mut self, _name: Arguments<'_>, x: Tensor, _outputs: usize, bias: bool) -> Tensor {
        let weight = self.leaf();
        x.linear(weight, bias.then(|| self.leaf()))
    }

    fn convolve(&mut self, _name: Arguments<'_>, x: Tensor, how: Convolution) -> Tensor {
        let weight = self.leaf();
        let bias = how.bias.then(|| self.leaf());
        let (stride, border) = (whole(how.stride), whole(how.kernel / 2));
        x.conv2d(weight, bias, [stride; 2], [border; 2], [1, 1], 1)
    }

    /// A batch with one number a channel has no variance: it is normed as when judging.
    fn norm(&mut self, _name: Arguments<'_>, x: Tensor) -> Tensor {
        let (weight, bias) = (self.leaf(), self.leaf());
        let (mean, variance) = (self.statistic(), self.statistic());
        let several = x.numel() > usize::try_from(extent(&x, 1)).unwrap_or(0);
        let train = self.mode != Mode::Eval && several;
        let statistics = (Some(mean), Some(variance));
        x.batch_norm(
            Some(weight),
            Some(bias),
            statistics.0,
            statistics.1,
            train,
            NEWEST,
            NORM_EPS,
            true,
        )
    }

    fn activate(&mut self, _name: Arguments<'_>, x: Tensor, activation: Activation) -> Tensor {
        if activation == Activation::Prelu {
            return x.prelu(self.leaf());
        }
        let layer = self.activated;
        self.activated += 1;
        activate(activation, &x, layer, self.mode)
    }

    fn drop_out(&mut self, x: Tensor, probability: f64) -> Tensor {
        let layer = self.dropped;
        self.dropped += 1;
        dropout(x, probability, layer, self.mode)
    }

    fn pool(&mut self, x: Tensor) -> Tensor {
        x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)
    }

    fn pool_by(&mut self, x: Tensor, how: Pool) -> Tensor {
        let Pool { size, stride } = how;
        let (rounds_up, border) = (size % 2 == 0, whole((size - 1) / 2));
        x.max_pool2d([whole(size); 2], [whole(stride); 2], [border; 2], [1, 1], rounds_up)
    }

    fn pool_all(&mut self, x: Tensor) -> Tensor {
        x.mean_dim([2i64, 3].as_slice(), false, None)
    }

    fn images(&mut self, x: Tensor, shape: [usize; 3]) -> Tensor {
        let [channels, height, width] = shape.map(whole);
        x.view([-1, channels, height, width])
    }

    fn rows(&mut self, x: Tensor) -> Tensor {
        x.flatten(1, -1)
    }

    fn fork(&mut self, x: Tensor) -> (Tensor, Tensor) {
        (x.shallow_clone(), x)
    }

    fn concat(&mut self, parts: [Tensor; 4]) -> Tensor {
        Tensor::cat(&parts, 1)
    }

    fn add(&mut self, x: Tensor, y: Tensor) -> Tensor {
        x + y
    }
}
