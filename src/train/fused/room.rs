//! How many runs a GPU has the memory for at once: by an estimate from the network's size,
//! corrected by what the first cohort of the process was seen to take.
use std::sync::OnceLock;

use dlgrid_sweep::recipe::Recipe;
use tch::Device;

use crate::data::{Dataset, Inputs};
use crate::model::Model;
use crate::raw;

/// How many runs of this recipe a GPU has the memory for at once, with a margin; nothing where that
/// is not known: on the CPU, for one.
#[must_use]
pub fn room(recipe: &Recipe, data: &Dataset) -> Option<usize> {
    let Device::Cuda(_) = data.device() else { return None };
    // Asked once: what libtorch has taken by then it keeps, and uses again.
    static FREE: OnceLock<Option<u64>> = OnceLock::new();
    let free = (*FREE.get_or_init(raw::free_on_gpu))?;
    fitting(free, estimated(recipe, data)?, SEEN.get().copied())
}

/// About how many bytes a run takes beside others.
fn estimated(recipe: &Recipe, data: &Dataset) -> Option<u64> {
    let at_once = recipe.at_once() as usize;
    let model = Model::new(recipe, data.image(), data.classes.max(1)).ok()?;
    let held = match data.inputs {
        Inputs::Table(_) => data.samples * data.features * size_of::<f32>(),
        Inputs::Bytes(_) => 0,
    };
    // The order of an epoch, and the numbers of its steps.
    let epoch = data.samples * 2 * size_of::<i32>();
    let batch = at_once.min(data.samples);
    // How each sample is changed, and a batch on the way.
    let changed = (data.samples * 9 + 4 * batch * data.features) * size_of::<f32>();
    let changes = if recipe.augment.is_on() { changed } else { 0 };
    Some(model.footprint(batch) + (held + epoch + changes) as u64)
}

/// How many runs fit where so many bytes are free, each of which is estimated to take so many, and
/// takes this share of an estimate where that was seen. A fifth is left to libtorch.
fn fitting(free: u64, a_run: u64, seen: Option<f64>) -> Option<usize> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes of a device, to a millionth"
    )]
    let a_run = (a_run as f64 * seen.unwrap_or(1.0)).ceil() as u64;
    usize::try_from(free / 5 * 4 / a_run.max(1)).ok().map(|runs| runs.max(1))
}

/// What the first cohort of this process took, as a share of its estimate.
static SEEN: OnceLock<f64> = OnceLock::new();

/// The memory that was free before a cohort was made.
#[derive(Debug)]
pub struct Look(u64);

impl Look {
    /// Before the first cohort of this process: what later ones take, libtorch may have kept.
    pub fn before() -> Option<Self> {
        if SEEN.get().is_some() { None } else { raw::free_on_gpu().map(Self) }
    }

    /// After as many runs were trained together: libtorch keeps the most that they took.
    pub fn after(self, runs: usize, recipe: &Recipe, data: &Dataset) {
        let (Some(left), Some(a_run)) = (raw::free_on_gpu(), estimated(recipe, data)) else {
            return;
        };
        if let Some(share) = share(self.0.saturating_sub(left), a_run * runs as u64) {
            // One of two that see it at once is as good as the other.
            let _known = SEEN.set(share);
        }
    }
}

/// Estimates below it say nothing of a share: in what was taken then is mostly what CUDA's
/// libraries take for themselves, whatever they compute.
const TELLING: u64 = 1 << 30;
/// Shares that are believed. Less than was estimated may only seem so: what a run before it left
/// behind, libtorch uses again. Much more is another process'.
const BELIEVED: (f64, f64) = (1.0, 4.0);

/// By what an estimate is to be multiplied, where of so much estimated so much was taken.
#[expect(clippy::cast_precision_loss, reason = "bytes of a device, to a millionth")]
fn share(taken: u64, estimated: u64) -> Option<f64> {
    let share = taken as f64 / estimated.max(1) as f64;
    (estimated >= TELLING).then(|| share.clamp(BELIEVED.0, BELIEVED.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn runs_fit_by_the_estimate_until_more_is_known() {
        for (free, a_run, seen, expected) in [
            (100, 10, None, 8),
            (100, 10, Some(1.0), 8),
            (100, 10, Some(2.0), 4),
            (139 * GIB, 5_400_000, None, 22_111),
            (139 * GIB, 5_400_000, Some(1.25), 17_688),
            // One is tried even where none should fit; an estimate of nothing divides nothing.
            (100, 1000, Some(4.0), 1),
            (100, 0, None, 80),
        ] {
            assert_eq!(fitting(free, a_run, seen), Some(expected), "{free} {a_run} {seen:?}");
        }
    }

    #[test]
    fn what_was_taken_corrects_an_estimate_that_is_large_enough_to_tell() {
        for (taken, estimated, expected) in [
            (3 * GIB, 2 * GIB, Some(1.5)),
            (2 * GIB, 2 * GIB, Some(1.0)),
            // 300 MB of a library's own are much of a small cohort.
            (400 << 20, 100 << 20, None),
            (GIB, GIB - 1, None),
            // It had been kept before, or was taken by someone else.
            (0, 2 * GIB, Some(1.0)),
            (GIB, 2 * GIB, Some(1.0)),
            (80 * GIB, 2 * GIB, Some(4.0)),
        ] {
            assert_eq!(share(taken, estimated), expected, "{taken} of {estimated}");
        }
    }

    #[test]
    fn without_a_gpu_nothing_is_seen() {
        assert!(Look::before().is_none() && SEEN.get().is_none());
    }
}
