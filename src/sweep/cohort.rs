//! Which runs are trained together: by their recipes and their data, before either is touched.
use std::collections::BTreeMap;

use serde_json::json;

use crate::recipe::{Alone, Recipe, Shape, Work};
use crate::spec::{Fuse, Ranks, Spec};

/// Runs of a cohort on the CPU at most, where the spec names no number.
const MOST: usize = 16;
/// Runs of a cohort on a GPU at most, where the spec names no number; fewer where its memory holds
/// fewer.
const MOST_ON_GPU: usize = 1024;
/// With at most so many multiplications in each product of a step a CPU gains by training runs
/// together: a third and more on inputs of 784 numbers by 64, a fifth by 256 (`benches/fused-sweep`),
/// nothing by 512 (`cargo bench --bench fused`).
const SMALL: u64 = 1 << 25;
/// Numbers of a table at most: 16 MiB, for each of the runs.
const TABLE: u64 = 1 << 22;

/// What the spec and the place say of runs being trained together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What the spec says.
    pub fuse: Fuse,
    /// Whether runs are trained on a GPU.
    pub gpu: bool,
    /// Whether several ranks train each run.
    pub ranks: bool,
}

/// What is known of a run's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Samples to train on, those held back among them.
    pub samples: u64,
    /// Numbers of a sample.
    pub features: u64,
    /// Numbers of a table that each run holds as it encodes it; none of images.
    pub held: u64,
}

/// Why a run is not trained with others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum WhyAlone {
    /// The spec says so.
    #[error("`fuse: off`")]
    Off,
    /// Several ranks train it.
    #[error("`slurm.ranks` train one run at a time")]
    Ranks,
    /// Its recipe.
    #[error(transparent)]
    Recipe(#[from] Alone),
    /// A CPU gains nothing by it.
    #[error("steps large enough by themselves")]
    Large,
    /// Each run would hold a large table.
    #[error("a large table")]
    Table,
    /// There is no other of its shape in its slice.
    #[error("no other of their shape in their slices")]
    Single,
}

impl Terms {
    /// Those of a spec.
    #[must_use]
    pub fn of(spec: &Spec, gpu: bool, ranks: bool) -> Self {
        Self { fuse: spec.fuse, gpu, ranks }
    }

    /// Runs of a cohort at most.
    #[must_use]
    pub const fn most(&self) -> usize {
        match self.fuse {
            Fuse::Off => 1,
            Fuse::Auto if self.gpu => MOST_ON_GPU,
            Fuse::Auto => MOST,
            Fuse::Most(most) => most as usize,
        }
    }

    /// Whether any run may be trained with others.
    ///
    /// # Errors
    /// Why none is.
    pub const fn admit(&self) -> Result<(), WhyAlone> {
        match self {
            Self { fuse: Fuse::Off, .. } => Err(WhyAlone::Off),
            Self { ranks: true, .. } => Err(WhyAlone::Ranks),
            _ => Ok(()),
        }
    }

    /// The shape of a run that is to be trained with others, if it finds any. Of data that was not
    /// read yet and is in no catalogue nothing is known: it is taken to be small.
    ///
    /// # Errors
    /// Why it is not.
    pub fn shape(&self, recipe: &Recipe, data: Option<Extent>) -> Result<Shape, WhyAlone> {
        self.admit()?;
        let shape = Shape::of(recipe, self.gpu)?;
        match data {
            Some(data) if self.fuse == Fuse::Auto => {
                if !self.gpu && shape.largest_product(data.samples, data.features) > SMALL {
                    return Err(WhyAlone::Large);
                }
                if data.held > TABLE { Err(WhyAlone::Table) } else { Ok(shape) }
            }
            _ => Ok(shape),
        }
    }
}

impl Extent {
    /// What the catalogue says of a recipe's data: columns as they are in the file, of which some
    /// become several.
    #[must_use]
    pub fn known(recipe: &Recipe) -> Option<Self> {
        let set = crate::dataset::find(&recipe.data.set)?;
        let (samples, features) = (set.train_samples, set.features());
        let held = if set.is_table() { features.saturating_mul(samples) } else { 0 };
        Some(Self { samples, features, held })
    }
}

/// Which runs are trained together: those of one shape, in the order of their first, by their
/// places; at most as many as `most` says of the first. `None` has no shape in common with anyone.
#[must_use]
pub fn cohorts<S: PartialEq>(
    shapes: &[Option<S>],
    most: impl Fn(usize) -> usize,
) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    // The cohorts that may grow, by their first.
    let mut open: Vec<usize> = Vec::new();
    for (at, shape) in shapes.iter().enumerate() {
        let same = |cohort: &&usize| shape.is_some() && shapes[found[**cohort][0]] == *shape;
        match open.iter().find(same).copied() {
            Some(cohort) => {
                found[cohort].push(at);
                if found[cohort].len() >= most(found[cohort][0]) {
                    open.retain(|other| *other != cohort);
                }
            }
            None => {
                if shape.is_some() && most(at) > 1 {
                    open.push(found.len());
                }
                found.push(vec![at]);
            }
        }
    }
    found
}

/// Runs at once from which on a GPU, or a CPU, gains little by more: on a GPU launches hide behind
/// what they launch, on a CPU the parameters of more leave its cache.
const ENOUGH: (u64, u64) = (64, 8);
/// Shapes that a slice is to hold enough runs of, at most.
const SHAPES: u64 = 8;
/// Points that are looked at for that.
const SAMPLED: usize = 1000;

/// How many runs a slice is to hold so that a worker trains enough of them at once; 1 where most
/// runs of the spec are trained alone. Where the last axis keeps the shape, a few do; where it
/// changes it, so many times more as there are shapes.
#[must_use]
pub fn fill(spec: &Spec, gpu: bool) -> u64 {
    let terms = Terms::of(spec, gpu, Ranks::together(&spec.slurm).is_some());
    if !spec.trains() || terms.admit().is_err() {
        return 1;
    }
    let mut shapes = Vec::new();
    let points = spec.space.walk(0, spec.space.points()).take(SAMPLED);
    let points: Vec<Option<usize>> =
        points.map(|point| Some(place(&mut shapes, shape_at(spec, &terms, point).ok()?))).collect();
    let together = points.iter().flatten().count();
    if together * 2 < points.len() || together == 0 {
        return 1;
    }
    let enough = if gpu { ENOUGH.0 } else { ENOUGH.1 }.min(terms.most() as u64);
    let most = SHAPES.min(shapes.len() as u64);
    (1..most)
        .map(|times| enough * times)
        .find(|runs| company(&points, *runs) >= enough)
        .unwrap_or(enough * most)
}

/// In how large a cohort a run is on average where slices have so many runs; of points with these
/// shapes, which each seed goes through anew.
fn company(points: &[Option<usize>], per_slice: u64) -> u64 {
    let per_slice = usize::try_from(per_slice).unwrap_or(usize::MAX);
    let runs = points.len().max(per_slice.saturating_mul(4));
    let runs: Vec<_> = points.iter().copied().cycle().take(runs).collect();
    let (mut squares, mut together) = (0, 0);
    for slice in runs.chunks_exact(per_slice) {
        let mut sizes = BTreeMap::<usize, u64>::new();
        slice.iter().flatten().for_each(|shape| *sizes.entry(*shape).or_default() += 1);
        squares += sizes.values().map(|size| size * size).sum::<u64>();
        together += sizes.values().sum::<u64>();
    }
    squares / together.max(1)
}

/// The place of a shape among those that were met, which it is one of from now on.
fn place(shapes: &mut Vec<Shape>, shape: Shape) -> usize {
    shapes.iter().position(|known| *known == shape).unwrap_or_else(|| {
        shapes.push(shape);
        shapes.len() - 1
    })
}

/// The shape of the runs of a point.
fn shape_at(spec: &Spec, terms: &Terms, point: u64) -> Result<Shape, WhyAlone> {
    let Some(Work::Train(settings)) = spec.space.work(point) else { return Err(WhyAlone::Single) };
    // What was read has no point without a recipe.
    let Ok(recipe) = Recipe::new(&settings) else { return Err(WhyAlone::Single) };
    terms.shape(&recipe, Extent::known(&recipe))
}

/// How the runs of a sweep are trained together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Runs that are trained with others.
    pub together: u64,
    /// Runs of the largest cohort.
    pub largest: u64,
    /// The others, by why.
    pub alone: BTreeMap<WhyAlone, u64>,
}

/// Points of a space that is surveyed at most.
const SURVEYED: u64 = 10_000;

/// How the runs of a spec that is cut into slices of so many are trained together; nothing of
/// programs, and of a space too large to be looked at point by point.
#[must_use]
pub fn survey(spec: &Spec, per_slice: u64, gpu: bool) -> Option<Survey> {
    if !spec.trains() || spec.space.trials() > SURVEYED || spec.runs() > SURVEYED * 10 {
        return None;
    }
    let terms = Terms::of(spec, gpu, Ranks::together(&spec.slurm).is_some());
    let mut shapes: Vec<Shape> = Vec::new();
    let points: BTreeMap<u64, Result<usize, WhyAlone>> = spec
        .space
        .walk(0, spec.space.points())
        .map(|point| (point, shape_at(spec, &terms, point).map(|shape| place(&mut shapes, shape))))
        .collect();
    let mut found = Survey::default();
    let runs: Vec<u64> = spec.walk(0, spec.run_numbers()).collect();
    let per_slice = usize::try_from(per_slice).unwrap_or(usize::MAX).max(1);
    for slice in runs.chunks(per_slice) {
        let slice: Vec<_> =
            slice.iter().filter_map(|i| points.get(&(i % spec.space.points()))).collect();
        for why in slice.iter().filter_map(|of| of.as_ref().err()) {
            *found.alone.entry(why.clone()).or_default() += 1;
        }
        let fused: Vec<Option<usize>> =
            slice.iter().filter_map(|of| of.as_ref().ok()).map(|shape| Some(*shape)).collect();
        for cohort in cohorts(&fused, |_| terms.most()) {
            let size = cohort.len() as u64;
            match size {
                1 => *found.alone.entry(WhyAlone::Single).or_default() += 1,
                _ => found.together += size,
            }
            found.largest = found.largest.max(size);
        }
    }
    Some(found)
}

impl Survey {
    /// `{runs, largest, alone [{why, runs}]}`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let alone = self.alone.iter();
        let alone = alone.map(|(why, runs)| json!({"why": why.to_string(), "runs": runs}));
        json!({"runs": self.together, "largest": self.largest,
               "alone": alone.collect::<Vec<_>>()})
    }
}

/// `240 of 256 runs in cohorts of up to 16; 16 alone: `precision: f64``.
impl std::fmt::Display for Survey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let alone: u64 = self.alone.values().sum();
        let all = self.together + alone;
        match self.together {
            0 => f.write_str("none")?,
            some => write!(f, "{some} of {all} runs in cohorts of up to {}", self.largest)?,
        }
        for (n, (why, runs)) in self.alone.iter().enumerate() {
            let sign = if n == 0 { ';' } else { ',' };
            if alone == all && self.alone.len() == 1 {
                write!(f, ": {why}")?;
            } else {
                write!(f, "{sign} {runs} alone: {why}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surveyed(train: &str, rest: &str, per_slice: u64, gpu: bool) -> String {
        let data = if train.contains("data:") { "" } else { ", data: {set: digits}" };
        let train = format!("{train}{data}");
        let text = format!("name: t\ntrain: {{{}}}\n{rest}", train.trim_start_matches(", "));
        let (spec, _) = crate::spec::read("t.yaml", text.as_bytes(), 1000).expect("spec");
        survey(&spec, per_slice, gpu).expect("small").to_string()
    }

    #[test]
    fn who_is_trained_together_is_said_with_the_reasons_of_the_others() {
        let rates = "parameters: {optimizer.lr: {log: [1e-3, 1e-1], steps: 20}}\n";
        let kinds = "parameters: {optimizer.kind: [adam, gd]}\n";
        for (train, rest, per_slice, gpu, expected) in [
            ("", rates, 20, false, "20 of 20 runs in cohorts of up to 16"),
            ("", rates, 5, false, "20 of 20 runs in cohorts of up to 5"),
            ("", rates, 1, false, "none: no other of their shape in their slices"),
            ("", &format!("{rates}fuse: off\n"), 20, false, "none: `fuse: off`"),
            (
                "",
                &format!("{rates}slurm: {{ranks: 2}}\n"),
                20,
                false,
                "none: `slurm.ranks` train one run at a time",
            ),
            ("", rates, 20, true, "20 of 20 runs in cohorts of up to 20"),
            (", model: {kind: cnn}", rates, 20, false, "none: `model.kind: cnn`"),
            (
                ", model: {kind: cnn}, precision: bf16",
                rates,
                20,
                true,
                "20 of 20 runs in cohorts of up to 20",
            ),
            ("", &format!("{rates}fuse: 8\n"), 20, true, "20 of 20 runs in cohorts of up to 8"),
            (", precision: bf16", rates, 20, false, "none: `precision: bf16`"),
            (", precision: f64", rates, 20, true, "none: `precision: f64`"),
            (
                ", data: {set: mnist}",
                &format!("{kinds}seeds: 4\n"),
                8,
                false,
                "4 of 8 runs in cohorts of up to 4; 4 alone: steps large enough by themselves",
            ),
            // All samples of a small set make one small step.
            ("", &format!("{kinds}seeds: 4\n"), 8, false, "8 of 8 runs in cohorts of up to 4"),
            ("", &format!("{kinds}seeds: 4\n"), 8, true, "8 of 8 runs in cohorts of up to 4"),
            (", augment: {mixup: 0.2}", rates, 20, true, "20 of 20 runs in cohorts of up to 20"),
        ] {
            assert_eq!(surveyed(train, rest, per_slice, gpu), expected, "{train} {rest}");
        }
    }

    #[test]
    fn a_slice_holds_enough_of_each_shape_that_is_trained_together() {
        let filled = |rest: &str, gpu| {
            let text = format!("name: t\ntrain: {{data: {{set: digits}}}}\n{rest}");
            let (spec, _) = crate::spec::read("t.yaml", text.as_bytes(), 1000).expect("spec");
            fill(&spec, gpu)
        };
        let rates = "parameters: {optimizer.lr: [0.1, 0.01]}\n";
        let sizes = "parameters: {optimizer.lr: [0.1, 0.01], batch_size: [16, 32, 64]}\n";
        let blocks =
            "parameters: {batch_size: [16, 32, 64], optimizer.lr: {log: [0.1, 1], steps: 12}}\n";
        let kinds = "parameters: {model.kind: [cnn, resnet, mlp]}\n";
        for (rest, gpu, expected) in [
            (rates, false, 8),
            (rates, true, 64),
            (sizes, false, 24),
            (sizes, true, 192),
            // Twelve of one shape stand side by side.
            (blocks, false, 16),
            (blocks, true, 192),
            (kinds, false, 1),
            (kinds, true, 192),
        ] {
            assert_eq!(filled(rest, gpu), expected, "{rest} {gpu}");
        }
        assert_eq!(filled(&format!("{sizes}fuse: 4\n"), false), 12);
        assert_eq!(filled(&format!("{sizes}fuse: off\n"), true), 1);
    }

    #[test]
    fn cohorts_are_of_one_shape_and_no_larger_than_they_may_be() {
        let shapes = [Some('a'), None, Some('b'), Some('a'), Some('a'), None, Some('a'), Some('b')];
        let expected: &[&[usize]] = &[&[0, 3], &[1], &[2, 7], &[4, 6], &[5]];
        assert_eq!(cohorts(&shapes, |_| 2), expected);
        assert_eq!(cohorts(&shapes, |_| 9), [&[0, 3, 4, 6][..], &[1], &[2, 7], &[5]]);
        // Of the first shape three have room at once, of the other one.
        let most = |first: usize| if shapes[first] == Some('a') { 3 } else { 1 };
        assert_eq!(cohorts(&shapes, most), [&[0, 3, 4][..], &[1], &[2], &[5], &[6], &[7]]);
        let each: Vec<Vec<usize>> = (0..8).map(|at| vec![at]).collect();
        assert_eq!(cohorts(&shapes, |_| 1), each);
    }
}
