//! Which runs are trained together: by their recipes and their data, before either is touched.
use std::collections::BTreeMap;

use crate::recipe::{Alone, Recipe, Shape, Work};
use crate::spec::{Fuse, Ranks, Spec};

/// Runs of a cohort at most, where the spec names no number.
const MOST: usize = 16;
/// With at most so many multiplications in each product of a step a CPU gains by training runs
/// together: 1.3 times and more (`cargo bench --bench fused`).
const SMALL: u64 = 1 << 19;
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
    /// Whether runs are judged on the test set as well.
    pub finishes: bool,
}

/// What is known of a run's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
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
    /// Runs are trained together on the CPU only.
    #[error("on a GPU")]
    Gpu,
    /// Several ranks train it.
    #[error("`slurm.ranks` train one run at a time")]
    Ranks,
    /// It is judged on the test set as well.
    #[error("what finishes is trained alone")]
    Finishes,
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
        Self { fuse: spec.fuse, gpu, ranks, finishes: spec.finishes() }
    }

    /// Runs of a cohort at most.
    #[must_use]
    pub const fn most(&self) -> usize {
        match self.fuse {
            Fuse::Off => 1,
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
            Self { gpu: true, .. } => Err(WhyAlone::Gpu),
            Self { ranks: true, .. } => Err(WhyAlone::Ranks),
            Self { finishes: true, .. } => Err(WhyAlone::Finishes),
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
        let shape = Shape::of(recipe)?;
        match data {
            Some(data) if self.fuse == Fuse::Auto => {
                if shape.largest_product(data.features) > SMALL {
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
        let features = set.features();
        let held = if set.is_table() { features.saturating_mul(set.train_samples) } else { 0 };
        Some(Self { features, held })
    }
}

/// Which runs are trained together: those of one shape, so many at most, in the order of their
/// first; by their places. `None` has no shape in common with anyone.
#[must_use]
pub fn cohorts<S: PartialEq>(shapes: &[Option<S>], most: usize) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    // The cohorts that may grow, by their first.
    let mut open: Vec<usize> = Vec::new();
    for (at, shape) in shapes.iter().enumerate() {
        let same = |cohort: &&usize| shape.is_some() && shapes[found[**cohort][0]] == *shape;
        match open.iter().find(same).copied() {
            Some(cohort) => {
                found[cohort].push(at);
                if found[cohort].len() >= most {
                    open.retain(|other| *other != cohort);
                }
            }
            None => {
                if shape.is_some() && most > 1 {
                    open.push(found.len());
                }
                found.push(vec![at]);
            }
        }
    }
    found
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
        .filter_map(|point| {
            // What was read has no point without a recipe.
            let Work::Train(settings) = spec.space.work(point)? else { return None };
            let recipe = Recipe::new(&settings).ok()?;
            let found = terms.shape(&recipe, Extent::known(&recipe)).map(|shape| {
                shapes.iter().position(|known| *known == shape).unwrap_or_else(|| {
                    shapes.push(shape);
                    shapes.len() - 1
                })
            });
            Some((point, found))
        })
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
        for cohort in cohorts(&fused, terms.most()) {
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

/// `240 of 256 runs in cohorts of up to 16; 16 alone: `optimizer.kind: gd``.
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
        let text = format!("name: t\ntrain: {{data: {{set: digits}}{train}}}\n{rest}");
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
            ("", rates, 20, true, "none: on a GPU"),
            (
                "",
                &format!("{rates}slurm: {{ranks: 2}}\n"),
                20,
                false,
                "none: `slurm.ranks` train one run at a time",
            ),
            (", precision: bf16", rates, 20, false, "none: a `precision` other than `f32`"),
            (
                "",
                &format!("{kinds}seeds: 4\n"),
                8,
                false,
                "4 of 8 runs in cohorts of up to 4; 4 alone: `optimizer.kind: gd`",
            ),
        ] {
            assert_eq!(surveyed(train, rest, per_slice, gpu), expected, "{train} {rest}");
        }
    }

    #[test]
    fn cohorts_are_of_one_shape_and_no_larger_than_they_may_be() {
        let shapes = [Some('a'), None, Some('b'), Some('a'), Some('a'), None, Some('a'), Some('b')];
        let expected: &[&[usize]] = &[&[0, 3], &[1], &[2, 7], &[4, 6], &[5]];
        assert_eq!(cohorts(&shapes, 2), expected);
        assert_eq!(cohorts(&shapes, 9), [&[0, 3, 4, 6][..], &[1], &[2, 7], &[5]]);
        let each: Vec<Vec<usize>> = (0..8).map(|at| vec![at]).collect();
        assert_eq!(cohorts(&shapes, 1), each);
    }
}
