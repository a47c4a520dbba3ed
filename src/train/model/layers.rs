//! What networks are written in. A network is one generic function over [`Layers`]: run by
//! [`Declare`] it says which parameters it has, run by [`Walk`] it computes with them.
use std::fmt::Arguments;

use tch::{Kind, Tensor};

pub use super::declare::Declare;
pub use super::walk::Walk;
use dlgrid_sweep::recipe::{Activation, Precision};

/// Weight of the newest batch in the running statistics of batch norm, as PyTorch's.
pub const NEWEST: f64 = 0.1;
/// Added to the variance in batch norm, as PyTorch does.
pub const NORM_EPS: f64 = 1e-5;

/// A convolution over images with a square kernel; the border is filled with zeros so that
/// with a stride of 1 the image keeps its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Channels that it makes.
    pub channels: usize,
    /// Rows and columns of the kernel, odd.
    pub kernel: usize,
    /// Pixels between two applications.
    pub stride: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

/// A pool over images, the largest of each square of pixels; with a stride of 1 the image keeps
/// its size, with a stride of 2 it is halved, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Rows and columns of a square.
    pub size: usize,
    /// Pixels between two squares.
    pub stride: usize,
}

/// The layers; each takes the name that its parameters bear.
pub trait Layers {
    /// What flows from layer to layer: shapes, or tensors.
    type Value;

    /// A dense layer: x·Wᵀ + b, from `[batch, inputs]` to `[batch, outputs]`.
    fn dense(
        &mut self,
        name: Arguments<'_>,
        x: Self::Value,
        outputs: usize,
        bias: bool,
    ) -> Self::Value;

    /// A convolution, from `[batch, channels, height, width]`.
    fn convolve(&mut self, name: Arguments<'_>, x: Self::Value, how: Convolution) -> Self::Value;

    /// Batch norm over all but the channels (Ioffe and Szegedy 2015).
    fn norm(&mut self, name: Arguments<'_>, x: Self::Value) -> Self::Value;

    /// An activation.
    fn activate(
        &mut self,
        name: Arguments<'_>,
        x: Self::Value,
        activation: Activation,
    ) -> Self::Value;

    /// Dropout.
    fn drop_out(&mut self, x: Self::Value, probability: f64) -> Self::Value;

    /// The largest of each 2 × 2 pixels.
    fn pool(&mut self, x: Self::Value) -> Self::Value;

    /// The largest of each square of pixels, from `[batch, channels, height, width]`.
    fn pool_by(&mut self, x: Self::Value, how: Pool) -> Self::Value;

    /// The mean over all pixels, from `[batch, channels, height, width]` to `[batch, channels]`.
    fn pool_all(&mut self, x: Self::Value) -> Self::Value;

    /// Rows of numbers as images of `[channels, height, width]`.
    fn images(&mut self, x: Self::Value, shape: [usize; 3]) -> Self::Value;

    /// Images as rows of numbers.
    fn rows(&mut self, x: Self::Value) -> Self::Value;

    /// The same value twice.
    fn fork(&mut self, x: Self::Value) -> (Self::Value, Self::Value);

    /// Images of one size with their channels one after the other.
    fn concat(&mut self, parts: [Self::Value; 4]) -> Self::Value;

    /// A sum.
    fn add(&mut self, x: Self::Value, y: Self::Value) -> Self::Value;
}

/// A convolution in so many groups, from `[batch, channels, height, width]` by
/// `[outputs, channels / groups, kernel, kernel]`.
///
/// One of single pixels with a stride is one of the pixels that it looks at: oneDNN's own gradient of
/// it writes behind its memory where there are fewer than eight channels.
pub fn convolved(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    how: Convolution,
    groups: i64,
) -> Tensor {
    let (stride, border) = (whole(how.stride), whole(how.kernel / 2));
    if how.kernel == 1 && stride > 1 {
        let seen = x.slice(2, None, None, stride).slice(3, None, None, stride);
        return seen.conv2d(weight, bias, [1, 1], [0, 0], [1, 1], groups);
    }
    x.conv2d(weight, bias, [stride; 2], [border; 2], [1, 1], groups)
}

/// A layer's product of inputs, weights and bias, computed in a precision; half of it comes back, and
/// so do gradients, in single precision.
pub fn multiplied(
    precision: Precision,
    (x, weight, bias): (&Tensor, &Tensor, Option<&Tensor>),
    product: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Tensor,
) -> Tensor {
    match precision {
        Precision::F32 | Precision::F64 => product(x, weight, bias),
        Precision::Bf16 => {
            let [x, weight] = [x, weight].map(|all| all.to_kind(Kind::BFloat16));
            let bias = bias.map(|all| all.to_kind(Kind::BFloat16));
            product(&x, &weight, bias.as_ref()).to_kind(Kind::Float)
        }
    }
}

/// The largest of each square of pixels, from `[batch, channels, height, width]`.
pub fn pooled(x: &Tensor, how: Pool) -> Tensor {
    let Pool { size, stride } = how;
    let (rounds_up, border) = (size % 2 == 0, whole((size - 1) / 2));
    x.max_pool2d([whole(size); 2], [whole(stride); 2], [border; 2], [1, 1], rounds_up)
}

/// Numbers of an input or output of libtorch's.
pub fn whole(n: usize) -> i64 {
    i64::try_from(n).expect("a model's size is an i64")
}

/// A tensor's size along a dimension.
pub fn extent(x: &Tensor, dimension: usize) -> i64 {
    x.size()[dimension]
}
