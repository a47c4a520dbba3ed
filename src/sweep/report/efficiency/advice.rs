//! From what tasks took to what to ask for: sizes that a person would write into a spec.
use super::{Around, Resource, Short, Spread, What, float};
use crate::exec::slurm::ranges;
use crate::store::tasks::{Cause, TaskEnd, TaskStart};
use crate::text::{duration, plural};

/// What to ask for the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The key of `slurm:` in the spec; nothing where no key says it.
    pub key: Option<&'static str>,
    /// Its value, as a spec has it; of a GPU, words.
    pub value: String,
    /// Whether that is what was asked for already.
    pub same: bool,
}

/// Tasks that live shorter are hardly worth their start, in seconds.
const SHORT_TASK: f64 = 30.0;
/// What a task should live at least, in seconds.
const GOOD_TASK: f64 = 300.0;
/// Least time to ask for, in seconds: Slurm's warning before the limit needs some of it.
const LEAST_TIME: f64 = 120.0;
/// Room above what was seen.
const TIME_ROOM: f64 = 1.3;
const MEMORY_ROOM: f64 = 1.2;
/// A core that is busy for less is not asked for.
const IDLE_CORE: f64 = 0.1;
/// GPUs that are busy for less of their time are too large, or fed too slowly.
const IDLE_GPU: f64 = 0.4;

pub(super) fn ask(resource: &Resource, starts: &[&TaskStart], short: &Short) -> Option<Ask> {
    let Spread { median: _, p95, max } = resource.used;
    let most = resource.granted.map(|(_, most)| most);
    match resource.what {
        What::Time => {
            let seen = p95.max(short.seconds.map_or(0.0, float));
            let seconds = time((seen * TIME_ROOM).max(LEAST_TIME));
            Some(setting("time", time_words(seconds), most == Some(seconds)))
        }
        What::Cores => {
            let busy = resource.share.zip(most).map_or(p95, |(share, most)| share * most);
            // `cpus` are those of a rank, or of a task without ranks, whose workers need one each.
            let ranks = starts.iter().filter_map(|s| s.begin.ranks).max().unwrap_or(1).max(1);
            let workers = starts.iter().map(|s| s.begin.workers).max().unwrap_or(1);
            let least = f64::from(workers.div_ceil(ranks).max(1));
            let ranks = f64::from(ranks);
            let cores = (busy / ranks - IDLE_CORE).ceil().max(least);
            Some(setting("cpus", format!("{cores:.0}"), most == Some(cores * ranks)))
        }
        What::Memory => {
            let seen = (p95 * MEMORY_ROOM).max(max);
            let mib = memory(short.memory_mib.map_or(seen, |mib| seen.max(2.0 * float(mib))));
            Some(setting("memory", memory_words(mib), most == Some(mib)))
        }
        What::Gpu => (resource.share? < IDLE_GPU).then(|| Ask {
            key: None,
            value: "smaller".into(),
            same: false,
        }),
        What::GpuMemory => {
            let value = memory_words(memory((p95 * MEMORY_ROOM).max(max)));
            Some(Ask { key: None, value, same: false })
        }
    }
}

const fn setting(key: &'static str, value: String, same: bool) -> Ask {
    Ask { key: Some(key), value, same }
}

/// Up to a step that grows with the number.
fn up(x: f64, steps: &[(f64, f64)]) -> f64 {
    let step = steps.iter().find(|(below, _)| x <= *below).map_or(1.0, |(_, step)| *step);
    (x / step).ceil() * step
}

/// Seconds, up to a time that a person would ask for.
fn time(seconds: f64) -> f64 {
    const M: f64 = 60.0;
    const H: f64 = 3600.0;
    up(seconds, &[(10.0 * M, M), (H, 5.0 * M), (6.0 * H, 15.0 * M), (f64::INFINITY, H)])
}

/// MiB, up to a size that a person would ask for.
fn memory(mib: f64) -> f64 {
    const G: f64 = 1024.0;
    let steps = [
        (G, 128.0),
        (4.0 * G, 512.0),
        (16.0 * G, G),
        (64.0 * G, 4.0 * G),
        (f64::INFINITY, 16.0 * G),
    ];
    up(mib.max(128.0), &steps)
}

/// As a spec has it: `90m` is `1h30m`.
fn time_words(seconds: f64) -> String {
    let minutes = (seconds / 60.0).ceil();
    let (hours, rest) = ((minutes / 60.0).floor(), minutes % 60.0);
    match (hours > 0.0, rest > 0.0) {
        (false, _) => format!("{minutes:.0}m"),
        (true, false) => format!("{hours:.0}h"),
        (true, true) => format!("{hours:.0}h{rest:.0}m"),
    }
}

/// As a spec has it: Slurm takes whole numbers only.
fn memory_words(mib: f64) -> String {
    if mib % 1024.0 == 0.0 { format!("{:.0}G", mib / 1024.0) } else { format!("{mib:.0}M") }
}

/// What no single setting says.
pub(super) fn hints(
    resources: &[Resource],
    measured: &[(&TaskStart, &TaskEnd)],
    short: &Short,
    around: &Around<'_>,
) -> Vec<String> {
    let find = |what: What| resources.iter().find(|r| r.what == what);
    let mut hints = Vec::new();
    if short.out_of_memory > 0 {
        hints.push(format!(
            "{} ran out of memory: twice as much is asked for",
            plural(short.out_of_memory, "start")
        ));
    }
    if short.out_of_time > 0 {
        hints.push(format!(
            "{} came to the time limit before any run ended: more is asked for",
            plural(short.out_of_time, "start")
        ));
    }
    let cut_off = measured.iter().any(|(_, end)| end.cause == Some(Cause::Time));
    let is_short = |time: &&Resource| time.used.median < SHORT_TASK && !cut_off;
    if let Some(time) = find(What::Time).filter(is_short) {
        let slices = |start: &TaskStart| ranges::read(&start.begin.slices).map_or(1, |s| s.len());
        let slices = measured.iter().map(|(start, _)| slices(start)).max().unwrap_or(1);
        let runs = float(around.runs_per_slice.max(1) * slices as u64);
        let better = (runs * GOOD_TASK / time.used.median.max(1.0)).ceil();
        let better = better.min(float(around.runs).max(1.0));
        hints.push(format!(
            "tasks live {} at the median: `slurm.runs_per_task: {better:.0}` saves starts",
            duration(time.used.median)
        ));
    }
    let busy = find(What::Gpu).and_then(|gpu| gpu.share).filter(|busy| *busy < IDLE_GPU);
    if let Some(busy) = busy {
        hints.push(format!(
            "GPUs are busy {:.0} % of the time: larger batches fill them, a smaller GPU would do",
            100.0 * busy
        ));
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_people_ask_for() {
        for (seconds, words) in [
            (1.0, "1m"),
            (61.0, "2m"),
            (601.0, "15m"),
            (3600.0, "1h"),
            (3601.0, "1h15m"),
            (30_000.0, "9h"),
        ] {
            assert_eq!(time_words(time(seconds)), words, "{seconds}");
        }
        for (mib, words) in [
            (10.0, "128M"),
            (1000.0, "1G"),
            (1025.0, "1536M"),
            (2500.0, "2560M"),
            (3584.1, "4G"),
            (5000.0, "5G"),
            (17_000.0, "20G"),
            (70_000.0, "80G"),
        ] {
            assert_eq!(memory_words(memory(mib)), words, "{mib}");
        }
    }
}
