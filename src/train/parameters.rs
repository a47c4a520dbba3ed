//! A model's parameters: views of one flat buffer, so that gradients, updates and messages
//! between processes are one pass over contiguous memory.
use dlgrid_sweep::recipe::is_any;
use tch::{Device, Kind, Tensor};

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
    /// Not trained: a running statistic that training steps keep up, or a frozen parameter.
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

/// Declares those that a list of names, or of what names begin with, means as not trained.
///
/// # Errors
/// The first of the list that means none.
pub fn freeze(declared: &mut [Declared], names: &[String]) -> Result<(), String> {
    for name in names {
        let mut frozen = 0;
        for parameter in &mut *declared {
            if is_any(&parameter.name, std::slice::from_ref(name)) {
                parameter.role = Role::Kept;
                frozen += 1;
            }
        }
        if frozen == 0 {
            return Err(name.clone());
        }
    }
    Ok(())
}

/// All parameters of a model.
#[derive(Debug)]
pub struct Parameters {
    /// All, in the order of declaration.
    all: Vec<Declared>,
    /// The trained ones, in the order of the flat buffer.
    declared: Vec<Declared>,
    flat: Tensor,
    /// One for each declared: views of the flat buffer, and the kept ones.
    tensors: Vec<Tensor>,
    /// The views of the flat buffer alone.
    leaves: Vec<Tensor>,
}

impl Parameters {
    /// Draws the initial parameters, in the order of declaration, and puts them on a device.
    /// What is drawn does not depend on which are trained.
    ///
    /// # Errors
    /// How many numbers they are, if there is no memory for so many.
    pub fn new(
        declared: Vec<Declared>,
        stream: &mut Stream,
        device: Device,
    ) -> Result<Self, usize> {
        let [flat, kept] = draw(&declared, stream)?.map(|all| all.to_device(device));
        let all = declared;
        let tensors = views(&flat, &kept, &all);
        let is_trained = |declared: &&Declared| declared.role != Role::Kept;
        let declared: Vec<Declared> = all.iter().filter(is_trained).cloned().collect();
        let leaves = tensors.iter().filter(|tensor| tensor.requires_grad());
        let leaves = leaves.map(Tensor::shallow_clone).collect();
        Ok(Self { all, declared, flat, tensors, leaves })
    }

    /// What the trained ones are, in the order of the flat buffer.
    #[must_use]
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The leaves that a gradient is taken for: one tensor a trained parameter, in its shape,
    /// each a view of the flat buffer.
    pub fn leaves(&self) -> &[Tensor] {
        &self.leaves
    }

    /// What a model computes with: all of them, in the order of declaration.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All of them by name, as [`Parameters::tensors`] has them.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.all.iter().map(|declared| &*declared.name).zip(&self.tensors)
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
        let (mut flat, mut rest) = (flat, kept.into_iter());
        let mut start = 0;
        tch::no_grad(|| flat.copy_(&self.flat));
        for (declared, tensor) in self.all.iter().zip(&mut self.tensors) {
            if declared.role == Role::Kept {
                let mut to = rest.next().expect("there is room for each that is kept");
                to.copy_(tensor);
                *tensor = to;
            } else {
                let len = i64::try_from(declared.len()).expect("a model's size is an i64");
                let view = flat.narrow(0, start, len).view(declared.shape.as_slice());
                start += len;
                *tensor = view.detach().set_requires_grad(true);
            }
        }
        let leaves = self.tensors.iter().filter(|tensor| tensor.requires_grad());
        self.leaves = leaves.map(Tensor::shallow_clone).collect();
        self.flat = flat;
    }

    /// All parameters of several runs, `[runs, …]` in the order of declaration: the trained ones are
    /// views of the buffer `flat`, `[runs, numbers]`, and take gradients; the kept ones are these.
    pub(crate) fn of_several(&self, flat: &Tensor, kept: &[Tensor]) -> Vec<Tensor> {
        let runs = flat.size().first().copied().unwrap_or(0);
        let (mut kept, mut start) = (kept.iter(), 0);
        let of_one = |declared: &Declared| {
            if declared.role == Role::Kept {
                return kept.next().expect("each that is kept was given").shallow_clone();
            }
            let len = i64::try_from(declared.len()).expect("a model's size is an i64");
            let shape = [&[runs], declared.shape.as_slice()].concat();
            let view = flat.narrow(1, start, len).view(shape.as_slice());
            start += len;
            view.detach().set_requires_grad(true)
        };
        self.all.iter().map(of_one).collect()
    }

    /// Whether the same ones are trained and kept here as there, in the same shapes.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let form = |declared: &Declared| (declared.shape.clone(), declared.role == Role::Kept);
        self.all.iter().map(form).eq(other.all.iter().map(form))
    }

    /// The shapes of the trained ones, in the order of the flat buffer, and those of the kept ones.
    pub(crate) fn shapes(&self) -> (Vec<Vec<i64>>, Vec<Vec<i64>>) {
        let shapes = |kept: bool| {
            let own = self.all.iter().filter(move |declared| (declared.role == Role::Kept) == kept);
            own.map(|declared| declared.shape.clone()).collect()
        };
        (shapes(false), shapes(true))
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
        raw::floats(&self.flat.to_device(Device::Cpu).to_kind(Kind::Float)).to_vec()
    }

    /// The same in double precision.
    #[must_use]
    pub fn in_double(mut self) -> Self {
        let kept = |t: &&Tensor| !t.requires_grad();
        let kept: Vec<Tensor> =
            self.tensors.iter().filter(kept).map(|t| t.to_kind(Kind::Double)).collect();
        let flat = self.flat.to_kind(Kind::Double);
        self.move_to(flat, kept);
        self
    }

    /// How many numbers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.flat.numel()
    }
}

/// The initial numbers of the trained parameters and of the kept ones, each one after the other.
fn draw(declared: &[Declared], stream: &mut Stream) -> Result<[Tensor; 2], usize> {
    let count = |kept: bool| {
        let own = declared.iter().filter(|parameter| (parameter.role == Role::Kept) == kept);
        own.map(Declared::len).sum::<usize>()
    };
    let mut buffers = [room(count(false))?, room(count(true))?];
    let mut rest = buffers.each_mut().map(Vec::as_mut_slice);
    for parameter in declared {
        let rest = &mut rest[usize::from(parameter.role == Role::Kept)];
        let (own, others) = std::mem::take(rest).split_at_mut(parameter.len());
        match parameter.initial {
            Initial::Uniform(bound) => stream.fill_uniform(own, bound),
            #[expect(clippy::cast_possible_truncation, reason = "weights are single precision")]
            Initial::Constant(value) => own.fill(value as f32),
        }
        *rest = others;
    }
    Ok(buffers.map(|values| Tensor::from_slice(&values)))
}

fn room(numbers: usize) -> Result<Vec<f32>, usize> {
    let mut values = Vec::new();
    values.try_reserve_exact(numbers).map_err(|_| numbers)?;
    values.resize(numbers, 0.0);
    Ok(values)
}

/// Views of both buffers, in the order of declaration; those of the first take gradients.
fn views(flat: &Tensor, kept: &Tensor, declared: &[Declared]) -> Vec<Tensor> {
    let mut starts = [0, 0];
    declared
        .iter()
        .map(|parameter| {
            let is_kept = parameter.role == Role::Kept;
            let (buffer, start) =
                (if is_kept { kept } else { flat }, &mut starts[usize::from(is_kept)]);
            let len = i64::try_from(parameter.len()).expect("a model's size is an i64");
            let view = buffer.narrow(0, *start, len).view(parameter.shape.as_slice());
            *start += len;
            view.detach().set_requires_grad(!is_kept)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Place, Purpose};

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
    fn what_is_kept_or_frozen_takes_no_gradient_and_is_drawn_all_the_same() {
        let declare = |name: &str, initial, role| Declared {
            name: name.into(),
            shape: vec![2],
            initial,
            role,
        };
        let all = || {
            vec![
                declare("a.weight", Initial::Uniform(1.0), Role::Weight),
                declare("a.mean", Initial::Constant(1.0), Role::Kept),
                declare("b.weight", Initial::Uniform(1.0), Role::Weight),
            ]
        };
        let drawn = |declared| {
            let mut stream = Place::start(1).stream(Purpose::Weights);
            Parameters::new(declared, &mut stream, Device::Cpu).expect("memory")
        };
        let (whole, mut frozen) = (drawn(all()), all());
        freeze(&mut frozen, &["a".into()]).expect("there is one");
        let frozen = drawn(frozen);
        let wanted =
            |p: &Parameters| p.tensors().iter().map(Tensor::requires_grad).collect::<Vec<_>>();
        assert_eq!((wanted(&whole), whole.count()), (vec![true, false, true], 4));
        assert_eq!((wanted(&frozen), frozen.count()), (vec![false, false, true], 2));
        assert_eq!(whole.numbers()[2..], frozen.numbers());
        for ((name, one), (same, other)) in whole.named().zip(frozen.named()) {
            assert_eq!((name, one.detach()), (same, other.detach()));
        }
        assert_eq!(freeze(&mut all(), &["b".into(), "c".into()]), Err("c".into()));
    }
}
