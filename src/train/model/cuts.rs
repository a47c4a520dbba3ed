//! A graph that is cut: at some places of a network somebody must come between on the way back, where
//! libtorch lets nobody in. There the value is a leaf, and [`walk_back`] goes from the last cut to
//! the first, piece by piece.
use std::cell::RefCell;
use std::ops::Range;

use tch::Tensor;

use super::synced_norm::Norm;
use crate::ranks::Ranks;

/// A place at which the graph is cut.
#[derive(Debug)]
struct Cut {
    /// What came in, with its graph.
    input: Tensor,
    /// What goes on, a leaf.
    output: Tensor,
    back: Back,
}

/// What is done there on the way back.
#[derive(Debug)]
pub enum Back {
    /// Batch norm by the rows of all ranks.
    Norm(Norm),
    /// Nothing: all of the network runs through here, and the gradients of the leaves behind it are
    /// known. Before it there are so many leaves.
    Seam(usize),
}

thread_local! {
    /// The cuts of the forward pass under way, in its order: the graph that libtorch keeps for a
    /// thread ends at them.
    static CUTS: RefCell<Vec<Cut>> = const { RefCell::new(Vec::new()) };
}

/// Cuts the graph: a leaf of the same numbers as `output`, which came of `input`.
pub fn cut(input: &Tensor, output: &Tensor, back: Back) -> Tensor {
    let leaf = output.detach().set_requires_grad(true);
    let cut = Cut { input: input.shallow_clone(), output: leaf.shallow_clone(), back };
    CUTS.with_borrow_mut(|cuts| cuts.push(cut));
    leaf
}

/// How a loss changes with each leaf, through all cuts of the forward pass that made it. All ranks
/// come here with as many cuts.
pub fn gradients(loss: &Tensor, leaves: &[Tensor], ranks: &Ranks) -> Vec<Tensor> {
    let mut all: Vec<Tensor> = Vec::new();
    walk_back(loss, leaves, ranks, &mut |_, mut found| {
        found.append(&mut all);
        all = found;
    });
    all
}

/// The same; `found` is told the first of some leaves and their gradients, as soon as they are known:
/// the last leaves first, none twice.
pub fn walk_back(
    loss: &Tensor,
    leaves: &[Tensor],
    ranks: &Ranks,
    found: &mut dyn FnMut(usize, Vec<Tensor>),
) {
    let mut cuts = CUTS.take();
    if cuts.is_empty() {
        return found(0, Tensor::run_backward(&[loss], leaves, false, false));
    }
    let mut sums = Sums::new(leaves, &cuts);
    let mut known = leaves.len();
    sums.add(&[loss.shallow_clone()]);
    while let Some(cut) = cuts.pop() {
        let gradient = sums.cuts.pop().flatten();
        let gradient = gradient.unwrap_or_else(|| cut.output.zeros_like());
        let _last = sums.outputs.pop();
        if let Back::Seam(before) = cut.back
            && before < known
        {
            found(before, sums.take(before..known));
            known = before;
        }
        sums.add(&cut.heads(gradient, ranks));
    }
    found(0, sums.take(0..known));
}

impl Cut {
    /// Sums whose gradients are what comes out of this place backward, where `gradient` goes in.
    fn heads(&self, gradient: Tensor, ranks: &Ranks) -> Vec<Tensor> {
        let head = |with_graph: &Tensor, gradient: &Tensor| {
            let wanted = with_graph.requires_grad();
            wanted.then(|| (with_graph * gradient).sum(gradient.kind()))
        };
        match &self.back {
            Back::Seam(_) => head(&self.input, &gradient).into_iter().collect(),
            Back::Norm(norm) => {
                let back = norm.back(&self.input, &gradient, ranks);
                back.iter().filter_map(|(input, gradient)| head(input, gradient)).collect()
            }
        }
    }
}

/// Gradients gathered from several passes back.
struct Sums<'a> {
    parameters: &'a [Tensor],
    leaves: Vec<Option<Tensor>>,
    /// The outputs of the cuts that are left.
    outputs: Vec<Tensor>,
    cuts: Vec<Option<Tensor>>,
}

impl<'a> Sums<'a> {
    fn new(parameters: &'a [Tensor], cuts: &[Cut]) -> Self {
        Self {
            parameters,
            leaves: parameters.iter().map(|_| None).collect(),
            outputs: cuts.iter().map(|cut| cut.output.shallow_clone()).collect(),
            cuts: cuts.iter().map(|_| None).collect(),
        }
    }

    /// Goes back from these sums as far as the graph reaches.
    fn add(&mut self, heads: &[Tensor]) {
        if heads.is_empty() {
            return;
        }
        let inputs: Vec<&Tensor> = self.parameters.iter().chain(&self.outputs).collect();
        // Two pieces may share a part of the graph, where a shortcut passes a cut.
        let found = Tensor::run_backward(heads, &inputs, true, false);
        for (sum, new) in self.leaves.iter_mut().chain(&mut self.cuts).zip(found) {
            match sum {
                // What no piece has reached has no gradient.
                _ if !new.defined() => {}
                None => *sum = Some(new),
                // Gradients may share memory with each other: a new tensor.
                Some(old) => *sum = Some(&*old + new),
            }
        }
    }

    /// The gradients of some leaves, which no piece that is left can reach.
    fn take(&mut self, leaves: Range<usize>) -> Vec<Tensor> {
        let parameters = self.parameters;
        let taken =
            leaves.map(|n| self.leaves[n].take().unwrap_or_else(|| parameters[n].zeros_like()));
        taken.collect()
    }
}
