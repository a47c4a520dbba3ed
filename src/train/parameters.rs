//! A model's parameters: views of one flat buffer, so that gradients, updates and messages
//! between processes are one pass over contiguous memory.
use tch::{Device, Tensor};

use crate::random::Stream;
use crate::raw;

/// A parameter as its model declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Its path in the model, such as `layers.0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// Initial values are drawn uniformly from `-bound` to `bound`.
    pub bound: f64,
    /// Whether penalties on the size of the weights count it (biases are left alone).
    pub penalized: bool,
}

impl Declared {
    /// How many numbers it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).product()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All parameters of a model.
#[derive(Debug)]
pub struct Parameters {
    declared: Vec<Declared>,
    flat: Tensor,
    leaves: Vec<Tensor>,
}

impl Parameters {
    /// Draws the initial parameters, in the order of declaration, and puts them on a device.
    ///
    /// # Errors
    /// How many numbers they are, if there is no memory for so many.
    pub fn new(
        declared: Vec<Declared>,
        stream: &mut Stream,
        device: Device,
    ) -> Result<Self, usize> {
        let numbers = declared.iter().map(Declared::len).sum();
        let mut values = Vec::new();
        values.try_reserve_exact(numbers).map_err(|_| numbers)?;
        values.resize(numbers, 0.0);
        let mut rest = values.as_mut_slice();
        for parameter in &declared {
            let (own, others) = rest.split_at_mut(parameter.len());
            stream.fill_uniform(own, parameter.bound);
            rest = others;
        }
        let flat = Tensor::from_slice(&values).to_device(device);
        let leaves = leaves(&flat, &declared);
        Ok(Self { declared, flat, leaves })
    }

    /// What they are, in the order of the flat buffer.
    #[must_use]
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The leaves that a model computes with and a gradient is taken for: one tensor a
    /// parameter, in its shape, each a view of the flat buffer.
    pub fn leaves(&self) -> &[Tensor] {
        &self.leaves
    }

    /// The flat buffer, `[numbers]`.
    pub const fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The flat buffer, to be updated in place.
    pub const fn flat_mut(&mut self) -> &mut Tensor {
        &mut self.flat
    }

    /// The numbers of the flat buffer. Waits for the device.
    #[must_use]
    pub fn numbers(&self) -> Vec<f32> {
        raw::floats(&self.flat.to_device(Device::Cpu)).to_vec()
    }

    /// How many numbers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.flat.numel()
    }
}

fn leaves(flat: &Tensor, declared: &[Declared]) -> Vec<Tensor> {
    let mut start = 0;
    declared
        .iter()
        .map(|parameter| {
            let len = i64::try_from(parameter.len()).expect("a model's size is an i64");
            let view = flat.narrow(0, start, len).view(parameter.shape.as_slice());
            start += len;
            view.detach().set_requires_grad(true)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Place, Purpose};
    use tch::Kind;

    #[test]
    fn leaves_share_the_flat_memory_and_take_gradients() {
        let declare = |name: &str, shape: &[i64]| Declared {
            name: name.into(),
            shape: shape.to_vec(),
            bound: 1.0,
            penalized: true,
        };
        let mut parameters = Parameters::new(
            vec![declare("a", &[2, 3]), declare("b", &[3])],
            &mut Place::start(1).stream(Purpose::Weights),
            Device::Cpu,
        )
        .expect("memory for nine numbers");
        assert_eq!(parameters.count(), 9);
        let _ = parameters.flat_mut().fill_(2.0);
        assert_eq!(parameters.leaves()[1].double_value(&[2]), 2.0);
        let loss = (&parameters.leaves()[0] * &parameters.leaves()[1]).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[loss], parameters.leaves(), false, false);
        assert_eq!(gradients[1].double_value(&[0]), 4.0);
        assert_eq!(gradients[0].size(), [2, 3]);
    }
}
