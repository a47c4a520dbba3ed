//! Runs any network on the batches of several runs at once, on a device, where launches are what
//! costs: each layer is one operation for all runs, gradients are libtorch's.
//!
//! Rows of numbers are `[runs, batch, features]`, multiplied by one batched product a layer. Images
//! are `[batch, runs · channels, height, width]`, convolved in as many groups as there are runs.
use std::fmt::Arguments;

use dlgrid_sweep::recipe::{Activation, Precision};
use tch::Tensor;

use super::draws::Draws;
use crate::model::Mode;
use crate::model::activation::{SLOPES, activate, sloped};
use crate::model::layers::{
    Convolution, Layers, NEWEST, NORM_EPS, Pool, convolved, extent, multiplied, pooled, whole,
};
use crate::model::masks::{self, Use};

/// Rows or images of all runs.
#[derive(Debug)]
pub enum Value {
    /// `[runs, batch, features]`.
    Rows(Tensor),
    /// `[batch, runs * channels, height, width]`.
    Images(Tensor),
}

impl Value {
    /// Rows.
    pub fn rows(self) -> Tensor {
        match self {
            Self::Rows(x) => x,
            Self::Images(_) => unreachable!("a network makes rows of images before it ends"),
        }
    }

    fn image(self) -> Tensor {
        match self {
            Self::Images(x) => x,
            Self::Rows(_) => unreachable!("a network makes images of rows before it convolves"),
        }
    }

    /// The same after an operation that looks at each number alone.
    fn each(self, change: impl FnOnce(Tensor) -> Tensor) -> Self {
        match self {
            Self::Rows(x) => Self::Rows(change(x)),
            Self::Images(x) => Self::Images(change(x)),
        }
    }
}

/// A walk forward through a network.
#[derive(Debug)]
pub struct Walk<'a> {
    parameters: std::slice::Iter<'a, Tensor>,
    runs: i64,
    /// What is drawn in training, on this batch of the epoch; of those that are judged nothing is.
    draws: Option<(&'a mut Draws, u32)>,
    precision: Precision,
    dropped: u32,
    activated: u32,
}

impl<'a> Walk<'a> {
    /// A walk of so many runs with these parameters, `[runs, …]` each, in the order of declaration, on
    /// this batch of the epoch.
    pub fn new(
        parameters: &'a [Tensor],
        runs: i64,
        draws: (&'a mut Draws, u32),
        precision: Precision,
    ) -> Self {
        let draws = Some(draws);
        Self { draws, ..Self::judging(parameters, runs, precision) }
    }

    /// The same in judging: nothing is drawn, and norms go by their statistics.
    pub fn judging(parameters: &'a [Tensor], runs: i64, precision: Precision) -> Self {
        let parameters = parameters.iter();
        Self { parameters, runs, draws: None, precision, dropped: 0, activated: 0 }
    }

    fn leaf(&mut self) -> &'a Tensor {
        self.parameters.next().expect("a network takes the parameters that it declared")
    }

    /// A layer's product of inputs, weights and bias.
    fn product(
        &mut self,
        x: &Tensor,
        bias: bool,
        product: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Tensor,
    ) -> Tensor {
        let weight = self.leaf();
        let bias = bias.then(|| self.leaf());
        multiplied(self.precision, (x, weight, bias), product)
    }

    /// Numbers drawn for each of `x`, in its layout, by what makes them from the runs' own.
    fn drawn(
        &mut self,
        x: &Value,
        (of, layer): (Use, u32),
        make: impl FnOnce(&Tensor, &Draws) -> Tensor,
    ) -> Tensor {
        let (Value::Rows(like) | Value::Images(like)) = x;
        let of_a_run = whole(like.numel()) / self.runs;
        let (draws, batch) = self.draws.as_mut().expect("what is judged draws nothing");
        let numbers = masks::drawn(draws.keys(of, layer), *batch, of_a_run);
        let numbers = make(&numbers, draws);
        match x {
            Value::Rows(like) => numbers.view_as(like),
            Value::Images(like) => {
                let batch = extent(like, 0);
                numbers.view([self.runs, batch, -1]).transpose(0, 1).reshape(like.size())
            }
        }
    }
}

impl Layers for Walk<'_> {
    type Value = Value;

    fn dense(&mut self, _name: Arguments<'_>, x: Value, _outputs: usize, bias: bool) -> Value {
        let rows = self.product(&x.rows(), bias, |x, weight, bias| {
            let transposed = weight.transpose(1, 2);
            match bias {
                Some(bias) => bias.unsqueeze(1).baddbmm(x, &transposed, 1, 1),
                None => x.bmm(&transposed),
            }
        });
        Value::Rows(rows)
    }

    fn convolve(&mut self, _name: Arguments<'_>, x: Value, how: Convolution) -> Value {
        let runs = self.runs;
        let images = self.product(&x.image(), how.bias, |x, weight, bias| {
            let bias = bias.map(|bias| bias.reshape([-1]));
            convolved(x, &weight.flatten(0, 1), bias.as_ref(), how, runs)
        });
        Value::Images(images)
    }

    /// All features or channels of all runs are normed as those of one batch.
    fn norm(&mut self, _name: Arguments<'_>, x: Value) -> Value {
        let (weight, bias) = (self.leaf().reshape([-1]), self.leaf().reshape([-1]));
        let (mean, variance) = (self.leaf().view([-1]), self.leaf().view([-1]));
        let trains = self.draws.is_some();
        let norm = |x: &Tensor| {
            // A frozen one goes by its statistics, as if it judged.
            let several = whole(x.numel()) > extent(x, 1) && weight.requires_grad() && trains;
            x.batch_norm(
                Some(&weight),
                Some(&bias),
                Some(&mean),
                Some(&variance),
                several,
                NEWEST,
                NORM_EPS,
                true,
            )
        };
        match x {
            Value::Images(x) => Value::Images(norm(&x)),
            Value::Rows(x) => {
                let (runs, batch) = (extent(&x, 0), extent(&x, 1));
                let normed = norm(&x.transpose(0, 1).reshape([batch, -1]));
                Value::Rows(normed.view([batch, runs, -1]).transpose(0, 1).contiguous())
            }
        }
    }

    fn activate(&mut self, _name: Arguments<'_>, x: Value, activation: Activation) -> Value {
        if activation == Activation::Prelu {
            let (slope, runs) = (self.leaf().reshape([-1]), self.runs);
            return match x {
                Value::Rows(x) => Value::Rows(x.view([1, runs, -1]).prelu(&slope).view_as(&x)),
                Value::Images(x) => {
                    Value::Images(x.view([extent(&x, 0), runs, -1]).prelu(&slope).view_as(&x))
                }
            };
        }
        let layer = self.activated;
        self.activated += 1;
        if activation != Activation::Rrelu || self.draws.is_none() {
            return x.each(|x| activate(activation, &x, layer, Mode::Eval));
        }
        let slopes =
            self.drawn(&x, (Use::Slopes, layer), |numbers, _| masks::uniform(numbers, SLOPES));
        x.each(|x| sloped(&x, &slopes))
    }

    fn drop_out(&mut self, x: Value, _probability: f64) -> Value {
        let layer = self.dropped;
        self.dropped += 1;
        if !self.draws.as_ref().is_some_and(|(draws, _)| draws.drops()) {
            return x;
        }
        let mask = self.drawn(&x, (Use::Dropout, layer), |numbers, draws| {
            masks::dropout(numbers, draws.dropout())
        });
        x.each(|x| x * mask)
    }

    fn pool(&mut self, x: Value) -> Value {
        Value::Images(x.image().max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false))
    }

    fn pool_by(&mut self, x: Value, how: Pool) -> Value {
        Value::Images(pooled(&x.image(), how))
    }

    fn pool_all(&mut self, x: Value) -> Value {
        let means = x.image().mean_dim([2i64, 3].as_slice(), false, None);
        let batch = extent(&means, 0);
        Value::Rows(means.view([batch, self.runs, -1]).transpose(0, 1).contiguous())
    }

    fn images(&mut self, x: Value, shape: [usize; 3]) -> Value {
        let [channels, height, width] = shape.map(whole);
        let x = x.rows();
        let batch = extent(&x, 1);
        let apart = x.view([self.runs, batch, channels * height, width]).transpose(0, 1);
        Value::Images(apart.reshape([batch, self.runs * channels, height, width]))
    }

    fn rows(&mut self, x: Value) -> Value {
        let x = x.image();
        let apart = x.reshape([extent(&x, 0), self.runs, -1]);
        Value::Rows(apart.transpose(0, 1).contiguous())
    }

    fn fork(&mut self, x: Value) -> (Value, Value) {
        let copy = |x: &Tensor| x.shallow_clone();
        match x {
            Value::Rows(x) => (Value::Rows(copy(&x)), Value::Rows(x)),
            Value::Images(x) => (Value::Images(copy(&x)), Value::Images(x)),
        }
    }

    fn concat(&mut self, parts: [Value; 4]) -> Value {
        let parts = parts.map(|part| {
            let x = part.image();
            let (batch, height, width) = (extent(&x, 0), extent(&x, 2), extent(&x, 3));
            (x.view([batch, self.runs, -1, height, width]), [batch, height, width])
        });
        let [batch, height, width] = parts[0].1;
        let all = Tensor::cat(&parts.map(|part| part.0), 2);
        Value::Images(all.view([batch, -1, height, width]))
    }

    fn add(&mut self, x: Value, y: Value) -> Value {
        let (Value::Rows(y) | Value::Images(y)) = y;
        x.each(|x| x + y)
    }
}
