//! Runs a network of dense layers on the batches of several runs at once, and back: values are
//! `[runs, batch, features]`, one batched product a layer.
//!
//! Gradients of the layers are written out, those of ReLU and dropout too; those of what else stands
//! between two layers are libtorch's: so the products are those of a run alone, operand for operand,
//! and on a CPU the bits are the same.
use std::fmt::Arguments;

use dlgrid_sweep::recipe::Activation;
use tch::{Kind, Tensor};

use crate::model::Mode;
use crate::model::activation::{activate, draw_slopes};
use crate::model::layers::{Convolution, Layers, NEWEST, NORM_EPS, Pool, extent};
use crate::random::{Place, Purpose};
use crate::raw;

/// Where each run of a cohort stands in a step.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its run and epoch.
    pub place: Place,
    /// The batch of its epoch, from 0.
    pub batch: u32,
    /// The share of hidden outputs that it drops.
    pub dropout: f64,
}

/// A walk forward through a network, by which the way back is found.
#[derive(Debug)]
pub struct Walk<'a> {
    parameters: &'a [Tensor],
    steps: &'a [Step],
    taken: usize,
    dropped: u32,
    activated: u32,
    layers: Vec<Dense>,
}

/// A dense layer that was passed.
#[derive(Debug)]
struct Dense {
    /// What came in, with all that made it since the layer before.
    input: Tensor,
    /// The places of its weights and of its biases among the parameters.
    weight: usize,
    bias: Option<usize>,
    /// What followed of which the way back is written out, first to last.
    steps: Vec<Passed>,
    /// Where libtorch has followed from, if it has: all after it, up to the next layer.
    traced: Option<Tensor>,
    /// The places of the trained parameters that were taken by what followed.
    after: Vec<usize>,
}

/// What followed a layer.
#[derive(Debug)]
enum Passed {
    /// ReLU, by what it made.
    Relu(Tensor),
    /// A product with a mask.
    Mask(Tensor),
}

impl<'a> Walk<'a> {
    /// A walk with these parameters, `[runs, …]` each, in the order of declaration; those that are
    /// trained take gradients.
    pub fn new(parameters: &'a [Tensor], steps: &'a [Step]) -> Self {
        let layers = Vec::new();
        Self { parameters, steps, taken: 0, dropped: 0, activated: 0, layers }
    }

    fn next(&mut self) -> (usize, &'a Tensor) {
        let at = self.taken;
        self.taken += 1;
        (at, self.parameters.get(at).expect("a network takes the parameters that it declared"))
    }

    /// A parameter of what stands between two layers.
    fn between(&mut self) -> &'a Tensor {
        let (at, parameter) = self.next();
        if parameter.requires_grad() {
            self.last().after.push(at);
        }
        parameter
    }

    fn is_trained(&self, at: usize) -> bool {
        self.parameters.get(at).is_some_and(Tensor::requires_grad)
    }

    /// The layer before, of which what comes now changes the output.
    fn last(&mut self) -> &mut Dense {
        self.layers.last_mut().expect("a network begins with a layer")
    }

    /// The same value, followed by libtorch from here on.
    fn traced(&mut self, x: Tensor) -> Tensor {
        let last = self.last();
        if last.traced.is_some() {
            return x;
        }
        let x = x.set_requires_grad(true);
        last.traced = Some(x.shallow_clone());
        x
    }

    /// The way back: how the loss changes with each trained parameter, `[runs, …]` in their order,
    /// from how it changes with the network's output.
    pub fn back(self, output: &Tensor, gradient: Tensor) -> Vec<Tensor> {
        let mut found: Vec<Option<Tensor>> = self.parameters.iter().map(|_| None).collect();
        let (mut top, mut gradient) = (output.shallow_clone(), gradient);
        // Below the first that is trained nothing is asked.
        let has_trained = |layer: &Dense| {
            let own = [layer.weight].into_iter().chain(layer.bias);
            !layer.after.is_empty() || own.into_iter().any(|at| self.is_trained(at))
        };
        let first = self.layers.iter().position(has_trained).unwrap_or(self.layers.len());
        for (at, layer) in self.layers.iter().enumerate().skip(first).rev() {
            if let Some(start) = &layer.traced {
                let mut inputs = vec![start];
                inputs.extend(layer.after.iter().map(|&own| &self.parameters[own]));
                let through = top.reshape([-1]).dot(&gradient.reshape([-1]));
                let mut slopes = Tensor::run_backward(&[through], &inputs, false, false);
                for (&own, slope) in layer.after.iter().zip(slopes.drain(1..)) {
                    found[own] = Some(slope.contiguous());
                }
                gradient = slopes.remove(0);
            }
            for step in layer.steps.iter().rev() {
                gradient = match step {
                    Passed::Relu(made) => made.threshold_backward(&gradient, 0.0),
                    Passed::Mask(mask) => gradient * mask,
                };
            }
            let input = layer.input.detach();
            if self.is_trained(layer.weight) {
                found[layer.weight] = Some(gradient.transpose(1, 2).bmm(&input));
            }
            if let Some(bias) = layer.bias.filter(|at| self.is_trained(*at)) {
                found[bias] = Some(gradient.sum_dim_intlist(1, false, Kind::Float));
            }
            if at > first {
                gradient = gradient.bmm(&self.parameters[layer.weight].detach());
                top = layer.input.shallow_clone();
            }
        }
        let all = self.parameters.iter().zip(found).filter(|(own, _)| own.requires_grad());
        all.map(|(_, slope)| slope.expect("each was passed on the way forward")).collect()
    }

    fn randomized(&self, x: &Tensor, layer: u32) -> Tensor {
        let mut slopes = Tensor::empty(x.size(), (Kind::Float, x.device()));
        let of_a_run = x.numel() / self.steps.len();
        let parts = raw::floats_mut(&mut slopes).chunks_exact_mut(of_a_run);
        for (part, step) in parts.zip(self.steps) {
            let purpose = Purpose::Slopes { batch: step.batch, layer };
            draw_slopes(&mut step.place.stream(purpose), part);
        }
        x.clamp_min(0.0) + x.clamp_max(0.0) * slopes
    }
}

impl Layers for Walk<'_> {
    /// `[runs, batch, features]`, contiguous but for the network's input.
    type Value = Tensor;

    fn dense(&mut self, _name: Arguments<'_>, x: Tensor, _outputs: usize, bias: bool) -> Tensor {
        let (weight, weights) = self.next();
        let bias = bias.then(|| self.next());
        let (input, transposed) = (x.detach(), weights.detach().transpose(1, 2));
        let output = match bias {
            Some((_, biases)) => biases.detach().unsqueeze(1).baddbmm(&input, &transposed, 1, 1),
            None => input.bmm(&transposed),
        };
        self.layers.push(Dense {
            input: x,
            weight,
            bias: bias.map(|(at, _)| at),
            steps: Vec::new(),
            traced: None,
            after: Vec::new(),
        });
        output
    }

    fn convolve(&mut self, _name: Arguments<'_>, _x: Tensor, _how: Convolution) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }

    /// All features of all runs are normed as the features of one batch.
    fn norm(&mut self, _name: Arguments<'_>, x: Tensor) -> Tensor {
        let x = self.traced(x);
        let (weight, bias) = (self.between(), self.between());
        let [(_, mean), (_, variance)] = [self.next(), self.next()];
        let (runs, batch, features) = (extent(&x, 0), extent(&x, 1), extent(&x, 2));
        let side_by_side = x.permute([1, 0, 2]).reshape([batch, runs * features]);
        let normed = side_by_side.batch_norm(
            Some(weight.reshape([-1])),
            Some(bias.reshape([-1])),
            Some(mean.view([-1])),
            Some(variance.view([-1])),
            // A frozen one goes by its statistics, as if it judged.
            batch > 1 && weight.requires_grad(),
            NEWEST,
            NORM_EPS,
            true,
        );
        normed.view([batch, runs, features]).permute([1, 0, 2]).contiguous()
    }

    fn activate(&mut self, _name: Arguments<'_>, x: Tensor, activation: Activation) -> Tensor {
        if activation == Activation::Relu && self.last().traced.is_none() {
            let mut x = x;
            let made = x.relu_();
            self.last().steps.push(Passed::Relu(made.shallow_clone()));
            return made;
        }
        let x = self.traced(x);
        if activation == Activation::Prelu {
            let slope = self.between();
            let runs = extent(&x, 0);
            return x.view([1, runs, -1]).prelu(&slope.reshape([-1])).view_as(&x);
        }
        let layer = self.activated;
        self.activated += 1;
        match activation {
            Activation::Rrelu => self.randomized(&x, layer),
            _ => activate(activation, &x, layer, Mode::Eval),
        }
    }

    fn drop_out(&mut self, x: Tensor, _probability: f64) -> Tensor {
        let layer = self.dropped;
        self.dropped += 1;
        if self.steps.iter().all(|step| step.dropout == 0.0) {
            return x;
        }
        let mut mask = Tensor::empty(x.size(), (Kind::Float, x.device()));
        let of_a_run = x.numel() / self.steps.len();
        let parts = raw::floats_mut(&mut mask).chunks_exact_mut(of_a_run);
        for (part, step) in parts.zip(self.steps) {
            if step.dropout == 0.0 {
                part.fill(1.0);
                continue;
            }
            let purpose = Purpose::Dropout { batch: step.batch, layer };
            step.place.stream(purpose).fill_dropout(part, step.dropout);
        }
        let made = &x * &mask;
        if self.last().traced.is_none() {
            self.last().steps.push(Passed::Mask(mask));
        }
        made
    }

    fn pool(&mut self, _x: Tensor) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }

    fn pool_by(&mut self, _x: Tensor, _how: Pool) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }

    fn concat(&mut self, _parts: [Tensor; 4]) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }

    fn pool_all(&mut self, _x: Tensor) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }

    fn images(&mut self, _x: Tensor, _shape: [usize; 3]) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }

    fn rows(&mut self, _x: Tensor) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }

    fn fork(&mut self, _x: Tensor) -> (Tensor, Tensor) {
        unreachable!("{ONLY_DENSE}")
    }

    fn add(&mut self, _x: Tensor, _y: Tensor) -> Tensor {
        unreachable!("{ONLY_DENSE}")
    }
}

/// Why a layer is never met.
const ONLY_DENSE: &str = "a cohort's network is of dense layers alone";
