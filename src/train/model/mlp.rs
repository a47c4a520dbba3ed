//! The multilayer perceptron: dense layers with an activation after each hidden one.
//! With 784 inputs, three hidden layers of 64 and 10 classes it is the course's first network:
//! 59,210 numbers.
use dlgrid_sweep::recipe::Activation;

use super::layers::Layers;

/// Its configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mlp {
    /// Hidden layers; with 0 it is a linear classifier.
    pub layers: u32,
    /// Units in each hidden layer.
    pub width: usize,
    /// Numbers of an output.
    pub outputs: usize,
    /// After each hidden layer.
    pub activation: Activation,
    /// Whether each hidden layer is normed over the batch before its activation.
    pub norm: bool,
    /// Share of each hidden layer's outputs that a training step drops.
    pub dropout: f64,
    /// Whether the outputs pass through the activation, too: a perceptron's do.
    pub activate_outputs: bool,
}

impl Mlp {
    /// From rows of numbers to rows of outputs.
    pub fn network<L: Layers>(&self, l: &mut L, mut x: L::Value) -> L::Value {
        for layer in 0..self.layers {
            x = l.dense(format_args!("layers.{layer}"), x, self.width, !self.norm);
            if self.norm {
                x = l.norm(format_args!("layers.{layer}.norm"), x);
            }
            x = l.activate(format_args!("layers.{layer}"), x, self.activation);
            x = l.drop_out(x, self.dropout);
        }
        let last = self.layers;
        x = l.dense(format_args!("layers.{last}"), x, self.outputs, true);
        if self.activate_outputs {
            x = l.activate(format_args!("layers.{last}"), x, self.activation);
        }
        x
    }
}
