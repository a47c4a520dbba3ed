//! The multilayer perceptron: dense layers with an activation after each hidden one.
//! With 784 inputs, three hidden layers of 64 and 10 classes it is the course's first network:
//! 59,210 numbers.
use dlgrid_sweep::recipe::Activation;
use tch::Tensor;

use super::Mode;
use super::dropout::dropout;
use crate::parameters::Declared;

/// Its configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mlp {
    /// Numbers of an input.
    pub features: usize,
    /// Hidden layers; with 0 it is a linear classifier.
    pub layers: u32,
    /// Units in each hidden layer.
    pub width: usize,
    /// Numbers of an output.
    pub outputs: usize,
    /// After each hidden layer.
    pub activation: Activation,
    /// Share of each hidden layer's outputs that a training step drops.
    pub dropout: f64,
}

impl Mlp {
    /// A weight `[out, in]` and a bias `[out]` a layer. Weights are drawn uniformly from
    /// ±gain·√(3/in), which keeps the size of the signal from layer to layer (He et al. 2015),
    /// biases from ±1/√in, as libtorch's `nn::linear` draws them. PyTorch's `nn.Linear` draws
    /// weights from ±1/√in; after three epochs on MNIST that costs half a percent of accuracy.
    #[must_use]
    pub fn declare(&self) -> Vec<Declared> {
        (0..=self.layers)
            .flat_map(|layer| {
                let inputs = if layer == 0 { self.features } else { self.width };
                let outputs = if layer == self.layers { self.outputs } else { self.width };
                #[expect(clippy::cast_precision_loss, reason = "a layer has far fewer inputs")]
                let spread = 1.0 / (inputs as f64).sqrt();
                let parameter = |part: &str, shape: &[usize], bound, penalized| Declared {
                    name: format!("layers.{layer}.{part}"),
                    shape: shape.iter().map(|&n| i64::try_from(n).unwrap_or(i64::MAX)).collect(),
                    bound,
                    penalized,
                };
                let bound = gain(self.activation) * 3.0_f64.sqrt() * spread;
                [
                    parameter("weight", &[outputs, inputs], bound, true),
                    parameter("bias", &[outputs], spread, false),
                ]
            })
            .collect()
    }

    /// From inputs `[batch, features]` to `[batch, outputs]`.
    pub fn forward(&self, leaves: &[Tensor], inputs: &Tensor, mode: Mode) -> Tensor {
        let mut x = inputs.shallow_clone();
        let (layers, _) = leaves.as_chunks::<2>();
        for (layer, [weight, bias]) in (0..).zip(layers) {
            x = x.linear(weight, Some(bias));
            if layer < self.layers {
                x = dropout(activate(self.activation, &x), self.dropout, layer, mode);
            }
        }
        x
    }
}

/// By how much weights make up for what the activation takes from the signal (He et al. 2015,
/// and `torch.nn.init.calculate_gain`; SELU keeps its size by itself).
fn gain(activation: Activation) -> f64 {
    match activation {
        Activation::Selu | Activation::Sigmoid => 1.0,
        Activation::Tanh => 5.0 / 3.0,
        Activation::Relu
        | Activation::LeakyRelu
        | Activation::Elu
        | Activation::Gelu
        | Activation::Silu => 2.0_f64.sqrt(),
    }
}

/// The activation function, as PyTorch defines the function of that name.
fn activate(activation: Activation, x: &Tensor) -> Tensor {
    match activation {
        Activation::Relu => x.relu(),
        Activation::LeakyRelu => x.leaky_relu(),
        Activation::Elu => x.elu(),
        Activation::Selu => x.selu(),
        Activation::Gelu => x.gelu("none"),
        Activation::Silu => x.silu(),
        Activation::Sigmoid => x.sigmoid(),
        Activation::Tanh => x.tanh(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Parameters;
    use crate::random::{Place, Purpose};
    use tch::{Device, Kind};

    const COURSE: Mlp = Mlp {
        features: 784,
        layers: 3,
        width: 64,
        outputs: 10,
        activation: Activation::Relu,
        dropout: 0.0,
    };

    fn drawn(mlp: Mlp) -> Parameters {
        let stream = &mut Place::start(1).stream(Purpose::Weights);
        Parameters::new(mlp.declare(), stream, Device::Cpu).expect("memory")
    }

    #[test]
    fn the_course_network_has_its_59210_numbers() {
        assert_eq!(drawn(COURSE).count(), 59_210);
        assert_eq!(drawn(Mlp { layers: 0, ..COURSE }).count(), 7_850);
    }

    #[test]
    fn initial_weights_fill_their_interval() {
        let parameters = drawn(COURSE);
        for (declared, leaf) in parameters.declared().iter().zip(parameters.leaves()) {
            let largest = leaf.detach().abs().max().double_value(&[]);
            assert!(largest <= declared.bound, "{}", declared.name);
            let filled = if declared.len() > 1000 { 0.99 } else { 0.5 };
            assert!(largest > declared.bound * filled, "{} {largest}", declared.name);
        }
    }

    #[test]
    fn every_activation_is_what_its_name_says() {
        let x = Tensor::from_slice(&[-2.0f32, -0.5, 0.0, 1.5]);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let cases: [(Activation, &dyn Fn(f64) -> f64); 7] = [
            (Activation::Relu, &|x| x.max(0.0)),
            (Activation::LeakyRelu, &|x| if x < 0.0 { 0.01 * x } else { x }),
            (Activation::Elu, &|x| if x < 0.0 { x.exp() - 1.0 } else { x }),
            (Activation::Selu, &|x| {
                1.050_700_987_4 * if x < 0.0 { 1.673_263_242_4 * (x.exp() - 1.0) } else { x }
            }),
            (Activation::Silu, &|x| x * sigmoid(x)),
            (Activation::Sigmoid, &sigmoid),
            (Activation::Tanh, &f64::tanh),
        ];
        for (activation, expected) in cases {
            let found = activate(activation, &x);
            for i in 0..4 {
                let (x, y) = (x.double_value(&[i]), found.double_value(&[i]));
                assert!((y - expected(x)).abs() < 1e-6, "{activation:?}({x}) = {y}");
            }
        }
        // Φ(1.5) = 0.933192798731142
        let gelu = activate(Activation::Gelu, &x).double_value(&[3]);
        assert!((gelu - 1.5 * 0.933_192_798_731_142).abs() < 1e-6);
    }

    #[test]
    fn dropout_is_drawn_for_the_batch_and_only_in_training() {
        let mlp = Mlp { dropout: 0.5, ..COURSE };
        let parameters = drawn(mlp);
        let x = Tensor::ones([4, 784], (Kind::Float, Device::Cpu));
        let run = |mode| mlp.forward(parameters.leaves(), &x, mode).detach();
        let train = |batch| run(Mode::Train { place: Place::start(3), batch });
        assert_eq!(train(0), train(0));
        assert_ne!(train(0), train(1));
        assert_eq!(run(Mode::Eval), drawn_logits(&x));
    }

    fn drawn_logits(x: &Tensor) -> Tensor {
        COURSE.forward(drawn(COURSE).leaves(), x, Mode::Eval).detach()
    }
}
