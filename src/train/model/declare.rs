//! Runs a network to learn which parameters it has: values are shapes.
use std::fmt::Arguments;

use dlgrid_sweep::recipe::{Activation, Init};

use super::activation::{FIRST_SLOPE, gain};
use super::layers::{Convolution, Layers, Pool, whole};
use crate::parameters::{Declared, Initial, Role};

/// Collects the parameters of a network.
#[derive(Debug)]
pub struct Declare {
    init: Init,
    activation: Activation,
    declared: Vec<Declared>,
    made: usize,
}

impl Declare {
    /// Nothing declared yet; `activation` is what most layers are followed by.
    pub const fn new(init: Init, activation: Activation) -> Self {
        Self { init, activation, declared: Vec::new(), made: 0 }
    }

    /// What was declared, in order.
    pub fn done(self) -> Vec<Declared> {
        self.declared
    }

    /// Numbers that the layers passed so far make of a sample, each for itself.
    pub const fn made(&self) -> usize {
        self.made
    }

    fn make(&mut self, shape: Vec<usize>) -> Vec<usize> {
        self.made += shape.iter().product::<usize>();
        shape
    }

    fn parameter(&mut self, name: String, shape: &[usize], initial: Initial, role: Role) {
        let shape = shape.iter().map(|&n| whole(n)).collect();
        self.declared.push(Declared { name, shape, initial, role });
    }

    /// The weights and biases of a layer in which each output is a sum over `shape[1..]`.
    ///
    /// Weights are drawn uniformly from ±gain·√(3/in), which keeps the size of the signal from
    /// layer to layer (`he`: He et al. 2015); from ±1/√in, as PyTorch's layers draw them
    /// (`torch`: after three epochs of MNIST that costs half a percent of accuracy); or from
    /// ±√(6/(in + out)) (`xavier`: Glorot and Bengio 2010). Biases are drawn from ±1/√in, as
    /// libtorch does; with `xavier` they are 0.
    fn sums(&mut self, name: Arguments<'_>, shape: &[usize], bias: bool) {
        let each: usize = shape[2..].iter().product();
        #[expect(clippy::cast_precision_loss, reason = "a layer has far fewer inputs")]
        let (inputs, outputs) = ((shape[1] * each) as f64, (shape[0] * each) as f64);
        let spread = 1.0 / inputs.sqrt();
        let (weights, biases) = match self.init {
            Init::He => (gain(self.activation) * 3.0_f64.sqrt() * spread, spread),
            Init::Torch => (spread, spread),
            Init::Xavier => ((6.0 / (inputs + outputs)).sqrt(), 0.0),
        };
        self.parameter(format!("{name}.weight"), shape, Initial::Uniform(weights), Role::Weight);
        if bias {
            let initial = Initial::Uniform(biases);
            self.parameter(format!("{name}.bias"), &shape[..1], initial, Role::Free);
        }
    }
}

impl Layers for Declare {
    /// The shape of one sample.
    type Value = Vec<usize>;

    fn dense(
        &mut self,
        name: Arguments<'_>,
        x: Vec<usize>,
        outputs: usize,
        bias: bool,
    ) -> Vec<usize> {
        self.sums(name, &[outputs, x[0]], bias);
        self.make(vec![outputs])
    }

    fn convolve(&mut self, name: Arguments<'_>, x: Vec<usize>, how: Convolution) -> Vec<usize> {
        let Convolution { channels, kernel, stride, bias } = how;
        self.sums(name, &[channels, x[0], kernel, kernel], bias);
        self.make(vec![channels, x[1].div_ceil(stride), x[2].div_ceil(stride)])
    }

    fn norm(&mut self, name: Arguments<'_>, x: Vec<usize>) -> Vec<usize> {
        for (part, value, role) in [
            ("weight", 1.0, Role::Free),
            ("bias", 0.0, Role::Free),
            ("mean", 0.0, Role::Kept),
            ("variance", 1.0, Role::Kept),
        ] {
            self.parameter(format!("{name}.{part}"), &x[..1], Initial::Constant(value), role);
        }
        self.make(x)
    }

    fn activate(
        &mut self,
        name: Arguments<'_>,
        x: Vec<usize>,
        activation: Activation,
    ) -> Vec<usize> {
        if activation == Activation::Prelu {
            let initial = Initial::Constant(FIRST_SLOPE);
            self.parameter(format!("{name}.slope"), &[1], initial, Role::Free);
        }
        self.make(x)
    }

    fn drop_out(&mut self, x: Vec<usize>, _probability: f64) -> Vec<usize> {
        self.make(x)
    }

    fn pool(&mut self, x: Vec<usize>) -> Vec<usize> {
        self.make(vec![x[0], x[1] / 2, x[2] / 2])
    }

    fn pool_by(&mut self, x: Vec<usize>, how: Pool) -> Vec<usize> {
        self.make(vec![x[0], x[1].div_ceil(how.stride), x[2].div_ceil(how.stride)])
    }

    fn pool_all(&mut self, x: Vec<usize>) -> Vec<usize> {
        vec![x[0]]
    }

    fn images(&mut self, _x: Vec<usize>, shape: [usize; 3]) -> Vec<usize> {
        shape.into()
    }

    fn rows(&mut self, x: Vec<usize>) -> Vec<usize> {
        vec![x.iter().product()]
    }

    fn fork(&mut self, x: Vec<usize>) -> (Vec<usize>, Vec<usize>) {
        (x.clone(), x)
    }

    fn concat(&mut self, parts: [Vec<usize>; 4]) -> Vec<usize> {
        self.make(vec![parts.iter().map(|part| part[0]).sum(), parts[0][1], parts[0][2]])
    }

    fn add(&mut self, x: Vec<usize>, y: Vec<usize>) -> Vec<usize> {
        debug_assert_eq!(x, y, "what is added has one shape");
        self.make(x)
    }
}
