//! Cuts the runs of a sweep into slices, and says beforehand what a sweep will take.
use crate::cohort::{self, Survey};
use crate::pack::Cut;
use crate::recipe::Work;
use crate::space::{Base, Space};
use crate::spec::Spec;
pub use crate::store::manifest::SliceSpan;

/// Slices of a sweep at most: each makes a few files.
pub const MAX_SLICES: u64 = 1000;

/// Slices for each slot, so that slots end at about the same time.
const SLICES_PER_SLOT: u64 = 8;

/// Runs of one slice: as asked, or so many that slots stay busy to the end and the sweep has
/// few files.
#[must_use]
pub fn runs_per_slice(runs: u64, slots: u64, asked: Option<u64>) -> u64 {
    let slices = slots.max(1).saturating_mul(SLICES_PER_SLOT).min(MAX_SLICES);
    let automatic = runs.div_ceil(slices).max(1);
    asked.map_or(automatic, |n| n.max(runs.div_ceil(MAX_SLICES * 20)).max(1))
}

/// Cuts all runs of a spec for which `is_done` is false into slices of `per_slice`.
#[must_use]
pub fn slices(
    spec: &Spec,
    per_slice: u64,
    is_done: Option<&dyn Fn(u64) -> bool>,
) -> Vec<SliceSpan> {
    let end = spec.run_numbers();
    if spec.space.is_plain() && is_done.is_none() {
        return (0..end.div_ceil(per_slice))
            .map(|slice| {
                let start = slice * per_slice;
                let end = (start + per_slice).min(end);
                SliceSpan { start, end, runs: end - start }
            })
            .collect();
    }
    let mut slices = Vec::new();
    let mut open: Option<SliceSpan> = None;
    for index in spec.walk(0, end) {
        if is_done.is_some_and(|done| done(index)) {
            continue;
        }
        let slice = open.get_or_insert(SliceSpan { start: index, end: index, runs: 0 });
        slice.end = index + 1;
        slice.runs += 1;
        if slice.runs == per_slice {
            slices.extend(open.take());
        }
    }
    slices.extend(open);
    slices
}

/// What a sweep will take, before anything of it exists.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Name of the sweep.
    pub name: String,
    /// Points of the space.
    pub trials: u64,
    /// Trials × seeds × folds.
    pub runs: u64,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Folds of each seed, where there are folds.
    pub folds: Option<u32>,
    /// Pieces of work.
    pub slices: u64,
    /// Runs of the largest slice.
    pub runs_per_slice: u64,
    /// Every axis with its length, block by block.
    pub shape: Vec<Vec<(String, u64)>>,
    /// The first points: values by path.
    pub first: Vec<Vec<(String, Option<crate::recipe::Value>)>>,
    /// About how many bytes results and curves will take.
    pub bytes: u64,
    /// About how many files the sweep directory will hold.
    pub files: u64,
    /// How runs are trained together; nothing of programs, and of a space too large to look at.
    pub fused: Option<Survey>,
    /// What is asked of Slurm.
    pub slurm: Vec<(String, String)>,
    /// `train`, or the command's first word.
    pub work: String,
    /// Where it is to run.
    pub place: Place,
}

/// Where a sweep is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Here {
        /// Workers at a time.
        slots: u64,
    },
    /// As arrays.
    Slurm {
        /// Their tasks.
        tasks: u64,
        /// Workers of each.
        workers: u64,
    },
}

/// Points that a plan shows.
const SHOWN_POINTS: usize = 5;

/// Bytes of one run's end and of one epoch's curves, measured over the built-in trainer's.
const BYTES_PER_END: u64 = 2900;
const BYTES_PER_EPOCH: u64 = 900;

/// Plans a spec that is cut so.
#[must_use]
pub fn plan(spec: &Spec, cut: &Cut) -> Plan {
    let trials = spec.space.trials();
    let runs = spec.runs();
    let per_slice = cut.runs_per_slice_of(spec, runs, None);
    let slices = runs.div_ceil(per_slice);
    let (place, files) = match cut {
        Cut::Slots(slots) => (Place::Here { slots: *slots }, slices * 3 + slots + 5),
        Cut::Tasks(load) => {
            let tasks = slices.div_ceil(load.slices_per_task(slices, runs).max(1) as u64);
            let place = Place::Slurm { tasks, workers: load.workers.max(1) };
            // Of a slice a claim and two segments, of a task a log and what it writes of itself.
            (place, slices * 3 + tasks * 2 + 12)
        }
    };
    let first: Vec<u64> = spec.space.walk(0, spec.space.points()).take(SHOWN_POINTS).collect();
    let points = first
        .iter()
        .filter_map(|point| spec.space.values(*point))
        .map(|values| spec.space.paths().iter().cloned().zip(values).collect())
        .collect();
    let epochs = mean_epochs(&spec.space, &first);
    Plan {
        name: spec.name.clone(),
        trials,
        runs,
        seeds: spec.seeds.clone(),
        folds: spec.folds,
        slices,
        runs_per_slice: per_slice.min(runs),
        shape: spec.space.shape(),
        first: points,
        bytes: runs
            .saturating_mul(BYTES_PER_END.saturating_add(epochs.saturating_mul(BYTES_PER_EPOCH))),
        files,
        fused: cohort::survey(spec, per_slice, cut.on_gpu(spec)),
        slurm: spec
            .slurm
            .given
            .iter()
            .map(|(k, v)| (k.clone(), v.replace('\u{1f}', " ")))
            .collect(),
        work: match spec.space.base() {
            Base::Train(_) => "train".into(),
            Base::Command(words) => words.first().cloned().unwrap_or_default(),
        },
        place,
    }
}

/// Points at most whose epochs are looked at.
const LOOKED_AT: u64 = 1000;

/// Epochs of a run on the mean, rounded up: over all points, or over some that lie everywhere; over
/// `first` where none of those is a point.
fn mean_epochs(space: &Space, first: &[u64]) -> u64 {
    let numbers = space.points();
    // The golden ratio spreads them; with no divisor in common each value of an axis has its share.
    let mut step = (u128::from(numbers) * 618 / 1000).max(1);
    while gcd(step, u128::from(numbers)) > 1 {
        step += 1;
    }
    let place = |n: u64| u128::from(n) * step % u128::from(numbers);
    let spread = (0..numbers.min(LOOKED_AT)).filter_map(|n| u64::try_from(place(n)).ok());
    let epochs_at = |point: u64| {
        Some(match space.work(point)? {
            Work::Train(settings) => settings.at("epochs").as_i64().map_or(1, i64::unsigned_abs),
            Work::Command(_) => 10,
        })
    };
    let mut epochs: Vec<u64> = spread.filter_map(epochs_at).collect();
    if epochs.is_empty() {
        epochs = first.iter().filter_map(|point| epochs_at(*point)).collect();
    }
    let sum = epochs.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
    sum.div_ceil(epochs.len().max(1) as u64).max(1)
}

const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        crate::spec::read("x.yaml", text.as_bytes(), 100_000_000).expect("spec").0
    }

    fn command(parameters: &str, rest: &str) -> Spec {
        spec(&format!(
            "command: [echo]\nobjective: {{minimize: loss}}\nparameters: {parameters}\n{rest}"
        ))
    }

    #[test]
    fn slices_hold_every_run_once() {
        let spec =
            command("{a: {int: [1, 7]}, b: {int: [1, 3]}}", "seeds: 2\nexclude: [\"a > b + 3\"]\n");
        for per in 1..9 {
            let slices = slices(&spec, per, None);
            let mut seen = Vec::new();
            for slice in &slices {
                let runs: Vec<u64> = spec.walk(slice.start, slice.end).collect();
                assert_eq!(runs.len() as u64, slice.runs);
                assert!(slice.runs <= per);
                seen.extend(runs);
            }
            assert_eq!(seen, spec.walk(0, u64::MAX).collect::<Vec<_>>());
        }
    }

    #[test]
    fn runs_that_are_done_are_not_sliced() {
        let spec = command("{a: {int: [0, 9]}}", "");
        let slices = slices(&spec, 2, Some(&|i| i % 2 == 0));
        assert_eq!(slices.iter().map(|s| s.runs).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(slices[0], SliceSpan { start: 1, end: 4, runs: 2 });
    }

    #[test]
    fn automatic_slices_are_few() {
        assert_eq!(runs_per_slice(84, 2, None), 6);
        assert_eq!(runs_per_slice(10_000_000, 64, None), 19_532);
        assert_eq!(runs_per_slice(5, 8, None), 1);
        assert_eq!(runs_per_slice(100, 8, Some(7)), 7);
    }

    #[test]
    fn ten_million_runs_are_planned_without_holding_them() {
        let spec =
            command("{a: {int: [1, 100]}, b: {int: [1, 100]}, c: {int: [1, 100]}}", "seeds: 10\n");
        let plan = plan(&spec, &Cut::Slots(4));
        assert_eq!((plan.trials, plan.runs, plan.slices), (1_000_000, 10_000_000, 32));
        assert_eq!(plan.first.len(), 5);
    }

    #[test]
    fn what_it_takes_does_not_depend_on_the_order_of_values() {
        let bytes = |parameters: &str| {
            let spec = spec(&format!(
                "train: {{data: {{set: mnist}}}}\nobjective: {{minimize: valid/loss}}\n\
                 parameters: {parameters}\n"
            ));
            plan(&spec, &Cut::Slots(4)).bytes
        };
        let run = BYTES_PER_END + BYTES_PER_EPOCH * 501;
        for (a, b, trials) in [
            ("{epochs: [1, 1000]}", "{epochs: [1000, 1]}", 2),
            // More than are looked at; what varies fastest is what a step of two would pass over.
            (
                "{optimizer.lr: {from: 0.001, to: 0.01, steps: 1500}, epochs: [1, 1000]}",
                "{epochs: [1000, 1], optimizer.lr: {from: 0.001, to: 0.01, steps: 1500}}",
                3000,
            ),
        ] {
            for bytes in [bytes(a), bytes(b)] {
                let exact = trials * run;
                let off = if trials > LOOKED_AT { exact / 200 } else { 0 };
                assert!(bytes.abs_diff(exact) <= off, "{bytes} {exact} {a}");
            }
        }
    }
}
