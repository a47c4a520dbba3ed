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
    /// What its numbers are before the first step.
    pub initial: Initial,
    /// What it is to the training.
    pub role: Role,
}

/// What the numbers of a parameter are before the first step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    /// Drawn uniformly from minus this to this.
    Uniform(f64),
    /// All the same.
    Constant(f64),
}

/// What a parameter is to the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Trained, and counted by penalties on the size of the weights.
    Weight,
    /// Trained, and left alone by penalties: biases, scales, slopes.
    Free,
    /// Not trained: a running statistic that training steps keep up.
    Kept,
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
    /// The trained ones first, then the kept ones.
    declared: Vec<Declared>,
    /// How many of them are trained.
    trained: usize,
    flat: Tensor,
    /// Views of the flat buffer, and the kept ones.
    tensors: Vec<Tensor>,
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
        let (mut declared, kept): (Vec<_>, Vec<_>) =
            declared.into_iter().partition(|parameter| parameter.role != Role::Kept);
        let flat = fill(&declared, stream)?.to_device(device);
        let statistics = fill(&kept, stream)?.to_device(device);
        let mut tensors = views(&flat, &declared);
        for leaf in &mut tensors {
            *leaf = leaf.set_requires_grad(true);
        }
        tensors.extend(views(&statistics, &kept));
        let trained = declared.len();
        declared.extend(kept);
        Ok(Self { declared, trained, flat, tensors })
    }

    /// What the trained ones are, in the order of the flat buffer.
    #[must_use]
    pub fn declared(&self) -> &[Declared] {
        &self.declared[..self.trained]
    }

    /// The leaves that a gradient is taken for: one tensor a trained parameter, in its shape,
    /// each a view of the flat buffer.
    pub fn leaves(&self) -> &[Tensor] {
        &self.tensors[..self.trained]
    }

    /// What a model computes with: the leaves, then the running statistics.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All of them by name, as [`Parameters::tensors`] has them.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.declared.iter().map(|declared| &*declared.name).zip(&self.tensors)
    }

    /// Sets all of them to these, in the order and shapes of [`Parameters::tensors`].
    pub fn restore(&mut self, saved: &[Tensor]) {
        tch::no_grad(|| {
            for (own, saved) in self.tensors.iter_mut().zip(saved) {
                own.copy_(saved);
            }
        });
    }

    /// Moves all numbers to other memory: the trained ones to `flat`, `[numbers]`, the kept ones to
    /// tensors of their shapes, in their order.
    pub(crate) fn move_to(&mut self, flat: Tensor, kept: Vec<Tensor>) {
        let (mut flat, mut kept) = (flat, kept);
        tch::no_grad(|| {
            flat.copy_(&self.flat);
            for (to, from) in kept.iter_mut().zip(&self.tensors[self.trained..]) {
                to.copy_(from);
            }
        });
        let mut tensors = views(&flat, self.declared());
        for leaf in &mut tensors {
            *leaf = leaf.set_requires_grad(true);
        }
        tensors.extend(kept);
        (self.flat, self.tensors) = (flat, tensors);
    }

    /// The shapes of the trained ones, in the order of the flat buffer, and those of the kept ones.
    pub(crate) fn shapes(&self) -> (Vec<Vec<i64>>, Vec<Vec<i64>>) {
        let shapes = |declared: &[Declared]| declared.iter().map(|d| d.shape.clone()).collect();
        (shapes(self.declared()), shapes(&self.declared[self.trained..]))
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

/// The initial numbers of parameters, one after the other.
fn fill(declared: &[Declared], stream: &mut Stream) -> Result<Tensor, usize> {
    let numbers = declared.iter().map(Declared::len).sum();
    let mut values = Vec::new();
    values.try_reserve_exact(numbers).map_err(|_| numbers)?;
    values.resize(numbers, 0.0);
    let mut rest = values.as_mut_slice();
    for parameter in declared {
        let (own, others) = rest.split_at_mut(parameter.len());
        match parameter.initial {
            Initial::Uniform(bound) => stream.fill_uniform(own, bound),
            #[expect(clippy::cast_possible_truncation, reason = "weights are single precision")]
            Initial::Constant(value) => own.fill(value as f32),
        }
        rest = others;
    }
    Ok(Tensor::from_slice(&values))
}

fn views(flat: &Tensor, declared: &[Declared]) -> Vec<Tensor> {
    let mut start = 0;
    declared
        .iter()
        .map(|parameter| {
            let len = i64::try_from(parameter.len()).expect("a model's size is an i64");
            let view = flat.narrow(0, start, len).view(parameter.shape.as_slice());
            start += len;
            view.detach()
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
            initial: Initial::Uniform(1.0),
            role: Role::Weight,
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

    #[test]
    fn what_is_kept_stands_behind_the_leaves_and_takes_no_gradient() {
        let declare = |name: &str, value, role| Declared {
            name: name.into(),
            shape: vec![2],
            initial: Initial::Constant(value),
            role,
        };
        let declared = vec![declare("kept", 1.0, Role::Kept), declare("scale", 3.0, Role::Free)];
        let mut stream = Place::start(1).stream(Purpose::Weights);
        let parameters = Parameters::new(declared, &mut stream, Device::Cpu).expect("memory");
        let names: Vec<&str> = parameters.named().map(|(name, _)| name).collect();
        assert_eq!((names, parameters.count()), (vec!["scale", "kept"], 2));
        assert_eq!(parameters.numbers(), [3.0, 3.0]);
        let wanted: Vec<bool> = parameters.tensors().iter().map(Tensor::requires_grad).collect();
        assert_eq!(wanted, [true, false]);
    }
}
