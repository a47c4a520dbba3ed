//! What array tasks were given and what they took: per resource, in hours, and what to ask for
//! the next time. Made only of what tasks wrote of themselves: accounting is not needed.
mod advice;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use super::Title;
use crate::exec::slurm::ranges;
use crate::judge::Liveness;
use crate::store::tasks::{Cause, Granted, TaskEnd, TaskStart, Used};
pub use advice::Ask;
pub use view::{render, render_csv, render_json};

/// Version of the JSON of `dlgrid efficiency`; fields are added, never changed or taken away.
pub const EFFICIENCY_SCHEMA: &str = "dlgrid.efficiency/1";

/// What is told beside the tasks' own files.
pub struct Around<'a> {
    /// The sweep.
    pub sweep: Title,
    /// What is known of whoever works on a slice: of a start without a last line.
    pub liveness: &'a dyn Fn(u32) -> Liveness,
    /// Runs of one slice, the largest.
    pub runs_per_slice: u64,
    /// All runs of the sweep.
    pub runs: u64,
    /// Seconds of runs that ended though they had ended before.
    pub repeated_seconds: f64,
}

/// What the tasks of a sweep were given and took.
#[derive(Debug, Clone, PartialEq)]
pub struct Efficiency {
    /// The sweep.
    pub sweep: Title,
    /// Starts of tasks.
    pub starts: u64,
    /// Tasks that were started.
    pub tasks: u64,
    /// Starts that wrote what they took.
    pub measured: u64,
    /// How starts ended, the most frequent first.
    pub endings: Vec<(Ending, u64)>,
    /// Each resource of which something is known.
    pub resources: Vec<Resource>,
    /// Hours of cores.
    pub cpu_hours: Hours,
    /// Hours of GPUs; nothing where no task had one.
    pub gpu_hours: Option<Hours>,
    /// What else would help, a sentence each.
    pub hints: Vec<String>,
}

/// How a start of a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All its work was done.
    Well,
    /// It wrote why it ended before that.
    By(Cause),
    /// It has not ended.
    Running,
    /// It was killed with all its processes: it has no last line.
    Silent,
    /// It has no last line, and whether it runs is not known.
    Unknown,
}

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Seconds of a start.
    Time,
    /// Cores.
    Cores,
    /// Memory in MiB.
    Memory,
    /// Share of the time in which GPUs were busy.
    Gpu,
    /// Memory of a GPU in MiB.
    GpuMemory,
}

/// What was given of a resource, and what was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Which.
    pub what: What,
    /// The least and the most that a start was given, where that is known.
    pub granted: Option<(f64, f64)>,
    /// What starts took.
    pub used: Spread,
    /// What was taken of all that was given, from 0 to 1; nothing where that is not known.
    pub share: Option<f64>,
    /// What to ask for the next time.
    pub ask: Option<Ask>,
}

/// Numbers in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half of them are not above it.
    pub median: f64,
    /// All but one in twenty are not above it.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

/// Hours of a resource over all starts that wrote what they took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hours {
    /// Given.
    pub granted: f64,
    /// Used; nothing where nobody measured it.
    pub used: Option<f64>,
    /// Given to starts that were killed and left no result, and to runs trained once more.
    pub wasted: f64,
}

impl Spread {
    fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.retain(|x| x.is_finite());
        numbers.sort_by(f64::total_cmp);
        let max = *numbers.last()?;
        let at = |percent: usize| {
            let rank = (numbers.len() * percent).div_ceil(100).max(1);
            numbers[rank - 1]
        };
        Some(Self { median: at(50), p95: at(95), max })
    }
}

impl Efficiency {
    /// The efficiency of these starts; those of arrays that train nothing have no slices and do
    /// not count.
    #[must_use]
    pub fn of(starts: &[TaskStart], around: &Around<'_>) -> Self {
        let starts: Vec<&TaskStart> =
            starts.iter().filter(|s| !s.begin.slices.is_empty()).collect();
        let measured: Vec<(&TaskStart, &TaskEnd)> =
            starts.iter().filter_map(|s| Some((*s, s.end.as_ref()?))).collect();
        let tasks: BTreeSet<(u32, u32)> =
            starts.iter().map(|s| (s.begin.intent, s.begin.task)).collect();
        let how = ends(&starts, around.liveness);
        let short = Short::of(&starts, &how);
        let resources = resources(&starts, &measured, &short);
        Self {
            sweep: around.sweep.clone(),
            starts: starts.len() as u64,
            tasks: tasks.len() as u64,
            measured: measured.len() as u64,
            endings: endings(&how),
            hints: advice::hints(&resources, &measured, &short, around),
            cpu_hours: cpu_hours(&measured, around.repeated_seconds),
            gpu_hours: gpu_hours(&measured, around.repeated_seconds),
            resources,
        }
    }
}

/// What starts had too little of.
#[derive(Debug, Clone, Copy, Default)]
struct Short {
    /// Starts that ran out of memory, or a worker of which did.
    out_of_memory: u64,
    /// The most memory that one of them had, in MiB.
    memory_mib: Option<u64>,
    /// Starts that the time limit ended, for good, before any run.
    out_of_time: u64,
    /// The most seconds that one of them had.
    seconds: Option<u64>,
}

impl Short {
    fn of(starts: &[&TaskStart], how: &[Ending]) -> Self {
        let mut short = Self::default();
        for (start, how) in starts.iter().zip(how) {
            let granted = &start.begin.granted;
            if ran_out(start, *how) {
                short.out_of_memory += 1;
                short.memory_mib = short.memory_mib.max(granted.memory_mib);
            }
            let is_cut_off = |end: &TaskEnd| end.last_cause() == Some(Cause::Time);
            if start.end.as_ref().is_some_and(|end| is_cut_off(end) && end.ends == end.failed) {
                short.out_of_time += 1;
                short.seconds = short.seconds.max(granted.seconds);
            }
        }
        short
    }
}

/// Whether a start ran out of memory, or a worker of it did.
fn ran_out(start: &TaskStart, how: Ending) -> bool {
    let killed = how == Ending::Silent && start.full.is_some();
    let died = start.died.iter().any(|died| died.cause == Cause::Memory);
    how == Ending::By(Cause::Memory) || killed || died
}

/// How each start ended.
fn ends(starts: &[&TaskStart], liveness: &dyn Fn(u32) -> Liveness) -> Vec<Ending> {
    let mut newest: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for (place, start) in starts.iter().enumerate() {
        newest.insert((start.begin.intent, start.begin.task), place);
    }
    let ending = |(place, start): (usize, &&TaskStart)| {
        let begin = &start.begin;
        let slice = || ranges::read(&begin.slices).and_then(|s| s.first().copied());
        match &start.end {
            Some(TaskEnd { cause: None, .. }) => Ending::Well,
            Some(TaskEnd { cause: Some(cause), .. }) => Ending::By(*cause),
            None if newest.get(&(begin.intent, begin.task)) != Some(&place) => Ending::Silent,
            None => match slice().map_or(Liveness::Unknown, liveness) {
                Liveness::Alive => Ending::Running,
                Liveness::Gone | Liveness::Queued => Ending::Silent,
                Liveness::Unknown => Ending::Unknown,
            },
        }
    };
    starts.iter().enumerate().map(ending).collect()
}

fn endings(how: &[Ending]) -> Vec<(Ending, u64)> {
    let mut counts: BTreeMap<Ending, u64> = BTreeMap::new();
    for ending in how {
        *counts.entry(*ending).or_default() += 1;
    }
    let mut counts: Vec<(Ending, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts
}

fn resources(
    starts: &[&TaskStart],
    measured: &[(&TaskStart, &TaskEnd)],
    short: &Short,
) -> Vec<Resource> {
    let all = [What::Time, What::Cores, What::Memory, What::Gpu, What::GpuMemory];
    let mut found: Vec<Resource> =
        all.into_iter().filter_map(|what| resource(what, measured)).collect();
    for resource in &mut found {
        resource.ask = advice::ask(resource, starts, short);
    }
    found
}

fn resource(what: What, measured: &[(&TaskStart, &TaskEnd)]) -> Option<Resource> {
    let pair = |(start, end): &(&TaskStart, &TaskEnd)| {
        Some((given(what, &start.begin.granted), taken(what, &end.used)?, end.used.seconds))
    };
    let pairs: Vec<(Option<f64>, f64, f64)> = measured.iter().filter_map(pair).collect();
    let used = Spread::of(pairs.iter().map(|(_, taken, _)| *taken).collect())?;
    let granted = pairs.iter().filter_map(|(given, ..)| *given).fold(None, |range, x| {
        let (low, high) = range.unwrap_or((x, x));
        Some((f64::min(low, x), f64::max(high, x)))
    });
    Some(Resource { what, granted, used, share: share(what, &pairs), ask: None })
}

/// Time and memory: of what was given. Cores and GPUs: of what was given, for as long as it was.
fn share(what: What, pairs: &[(Option<f64>, f64, f64)]) -> Option<f64> {
    let (mut given, mut taken) = (0.0, 0.0);
    for (granted, used, seconds) in pairs {
        let weight = if matches!(what, What::Cores | What::Gpu) { *seconds } else { 1.0 };
        // The busy share of GPUs is a share already.
        let granted = if what == What::Gpu { Some(1.0) } else { *granted };
        if let Some(granted) = granted {
            given += granted * weight;
            taken += used * weight;
        }
    }
    (given > 0.0).then(|| taken / given)
}

fn given(what: What, granted: &Granted) -> Option<f64> {
    match what {
        What::Time => granted.seconds,
        What::Cores => granted.cpus,
        What::Memory => granted.memory_mib,
        What::Gpu => granted.gpus.filter(|gpus| *gpus > 0),
        What::GpuMemory => None,
    }
    .map(float)
}

fn taken(what: What, used: &Used) -> Option<f64> {
    match what {
        What::Time => Some(used.seconds),
        What::Cores | What::Memory if used.apart => None,
        What::Cores => (used.seconds > 0.0).then(|| used.cpu_seconds / used.seconds),
        What::Memory => used.peak_memory_mib.map(float),
        What::Gpu => used.gpu_use,
        What::GpuMemory => used.gpu_peak_memory_mib.map(float),
    }
}

/// Whether a start left nothing of its time: it ended no run well, and what ended it lets
/// nothing be saved.
fn came_to_nothing(end: &TaskEnd) -> bool {
    let kills =
        matches!(end.cause, Some(Cause::Memory | Cause::Killed | Cause::Node | Cause::Unusable));
    kills && end.ends == end.failed
}

fn cpu_hours(measured: &[(&TaskStart, &TaskEnd)], repeated: f64) -> Hours {
    let cores = |start: &TaskStart| start.begin.granted.cpus.map(float);
    let mut hours = hours(measured, repeated, &cores);
    let used = || measured.iter().map(|(_, end)| &end.used);
    let all = !used().any(|used| used.apart);
    hours.used = all.then(|| used().map(|used| used.cpu_seconds).sum::<f64>() / 3600.0);
    hours
}

fn gpu_hours(measured: &[(&TaskStart, &TaskEnd)], repeated: f64) -> Option<Hours> {
    let gpus = |start: &TaskStart| given(What::Gpu, &start.begin.granted);
    let mut hours = hours(measured, repeated, &gpus);
    let used: Vec<f64> = measured
        .iter()
        .filter_map(|(start, end)| Some(gpus(start)? * end.used.gpu_use? * end.used.seconds))
        .collect();
    hours.used = (!used.is_empty()).then(|| used.iter().sum::<f64>() / 3600.0);
    (hours.granted > 0.0).then_some(hours)
}

/// Hours given and wasted of what `of` says that a start had.
fn hours(
    measured: &[(&TaskStart, &TaskEnd)],
    repeated: f64,
    of: &dyn Fn(&TaskStart) -> Option<f64>,
) -> Hours {
    let (mut granted, mut wasted, mut work) = (0.0, 0.0, 0.0);
    for (start, end) in measured {
        let Some(count) = of(start) else { continue };
        let seconds = count * end.used.seconds;
        granted += seconds;
        work += float(u64::from(start.begin.workers.max(1))) * end.used.seconds;
        if came_to_nothing(end) {
            wasted += seconds;
        }
    }
    // A run has the share of one worker of what its task has.
    let a_worker = if work > 0.0 { granted / work } else { 0.0 };
    wasted = (wasted + repeated * a_worker).min(granted);
    Hours { granted: granted / 3600.0, used: None, wasted: wasted / 3600.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
const fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
