//! Tasks that Slurm killed for their memory at once: they could write nothing of it themselves, and
//! slurmstepd did, at the end of their log.
use std::collections::{HashMap, HashSet};

use super::log;
use crate::exec::slurm::ranges;
use crate::judge::Liveness;
use crate::store::layout::SweepDir;
use crate::store::tasks::{Full, TaskStart};

/// Bytes at the end of a log in which slurmstepd's lines are looked for.
const TAIL: u64 = 8 << 10;
/// Lines at the end of a log among which they are: of what was killed nothing follows them.
const LAST: usize = 16;

/// Marks starts of tasks, and remembers those whose logs told it.
#[derive(Debug, Default)]
pub struct Killed {
    known: HashSet<(u64, u32, u32)>,
}

impl Killed {
    /// Takes memory for full at the end of each start without a last line whose log says so. Of what
    /// is at work nothing is looked at.
    pub fn mark(
        &mut self,
        dir: &SweepDir,
        starts: &mut [TaskStart],
        liveness: &dyn Fn(u32) -> Liveness,
    ) {
        for place in silent(starts, liveness) {
            let begin = &starts[place].begin;
            let key = (begin.array, begin.task, begin.restarts);
            let is_killed = || {
                let path = dir.logs().join(format!("{}_{}.log", begin.array, begin.task));
                let lines = log::tail(&path, TAIL).map(|(tail, _)| log::lines(&tail));
                lines.is_ok_and(|lines| lines.iter().rev().take(LAST).any(|l| is_memory(l)))
            };
            if self.known.contains(&key) || is_killed() {
                self.known.insert(key);
                let memory_mib = begin.granted.memory_mib.unwrap_or_default();
                starts[place].full = Some(Full { memory_mib, time: begin.time });
            }
        }
    }
}

/// The newest start of each task, where it has no last line, says nothing of its memory and is not at
/// work: a later task with its slice shows that, too.
fn silent(starts: &[TaskStart], liveness: &dyn Fn(u32) -> Liveness) -> Vec<usize> {
    let slice = |start: &TaskStart| ranges::read(&start.begin.slices)?.first().copied();
    let (mut of_task, mut with_slice) = (HashMap::new(), HashMap::new());
    for (place, start) in starts.iter().enumerate() {
        of_task.insert((start.begin.intent, start.begin.task), place);
        with_slice.extend(slice(start).map(|slice| (slice, place)));
    }
    let is_silent = |place: &usize| {
        let start = &starts[*place];
        let is_newest = |slice: &u32| with_slice.get(slice) == Some(place);
        start.end.is_none()
            && start.full.is_none()
            && of_task.get(&(start.begin.intent, start.begin.task)) == Some(place)
            && slice(start).is_some_and(|s| !is_newest(&s) || liveness(s) != Liveness::Alive)
    };
    (0..starts.len()).filter(is_silent).collect()
}

/// Whether a line is slurmstepd's own and says that memory ran out: it bears its name, or, as newer
/// ones have it, an instant and the step.
fn is_memory(line: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "exceeded memory limit",
        "exceeded job memory limit",
        "exceeded step memory limit",
        "oom-kill event",
        "oom_kill event",
        "out of memory",
    ];
    let said = match line.strip_prefix("slurmstepd") {
        Some(rest) => rest.split_once(": error: ").filter(|(node, _)| !node.contains(' ')),
        None => line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] error: "))
            .filter(|(instant, said)| !instant.contains(' ') && said.contains("StepId=")),
    };
    let said = said.map_or_else(String::new, |(_, said)| said.to_lowercase());
    // It counts also where there were none.
    SIGNS.iter().any(|sign| said.contains(sign)) && !said.contains("detected 0 ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fate::{Attempt, Starts, of, of_start};
    use crate::store::fs;
    use crate::store::record::Cause;
    use crate::store::tasks::{Begin, Granted, TaskEnd, Used};

    #[test]
    fn only_lines_of_slurmstepd_count() {
        for (line, expected) in [
            (
                "slurmstepd: error: Job 257 exceeded memory limit (56250368 > 52428800), being \
                 killed",
                true,
            ),
            (
                "slurmstepd: error: StepId=257.batch exceeded memory limit (9 > 5), being killed",
                true,
            ),
            ("slurmstepd: error: Exceeded step memory limit at some point.", true),
            ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=257.batch.", true),
            ("slurmstepd-n1: error: Detected 2 oom_kill events in StepId=257.batch.", true),
            ("slurmstepd: error: task 0: Out Of Memory", true),
            ("[2026-11-30T11:08:15.312] error: Detected 1 oom_kill event in StepId=2.0.", true),
            ("slurmstepd: error: Detected 0 oom_kill events in StepId=257.batch.", false),
            ("slurmstepd: error: *** JOB 257 ON n1 CANCELLED AT 2026-11-30T11:08:15 ***", false),
            ("[2026-11-30T11:08:15] error: CUDA out of memory", false),
            ("[epoch 3] error: Out Of Memory in StepId=x y", false),
            ("torch: exceeded memory limit", false),
            ("says slurmstepd: error: exceeded memory limit", false),
            ("slurmstepd said this: error: out of memory", false),
        ] {
            assert_eq!(is_memory(line), expected, "{line}");
        }
    }

    fn start(intent: u32, restarts: u32, end: Option<TaskEnd>) -> TaskStart {
        let begin = Begin {
            intent,
            array: 256 + u64::from(intent),
            restarts,
            slices: "3".into(),
            granted: Granted { memory_mib: Some(50), ..Granted::default() },
            time: 10.0,
            ..Begin::default()
        };
        TaskStart { begin, died: vec![], full: None, end }
    }

    #[test]
    fn a_task_that_slurm_killed_for_its_memory_ran_out_of_it() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        fs::create_dirs(&dir.logs()).expect("a folder");
        let killed = "worker 0: run 1\nslurmstepd: error: Job 257 exceeded memory limit (9 > 5), \
                      being killed\nslurmstepd: error: *** JOB 257 CANCELLED ***\n";
        fs::publish(&dir.logs().join("257_0.log"), killed.as_bytes()).expect("written");
        let end = TaskEnd {
            cause: Some(Cause::Asked),
            requeued: false,
            why: None,
            ends: 0,
            failed: 0,
            used: Used::default(),
            time: 20.0,
        };
        for (what, all, alive, expected) in [
            ("killed", vec![start(1, 0, None)], false, vec![true]),
            ("at work", vec![start(1, 0, None)], true, vec![false]),
            ("with a last line", vec![start(1, 0, Some(end))], false, vec![false]),
            (
                "another works on it",
                vec![start(1, 0, None), start(2, 0, None)],
                true,
                vec![true, false],
            ),
            (
                "its last start",
                vec![start(1, 0, None), start(1, 1, None)],
                false,
                vec![false, true],
            ),
        ] {
            let liveness = |_| if alive { Liveness::Alive } else { Liveness::Gone };
            let mut all = all;
            Killed::default().mark(&dir, &mut all, &liveness);
            let found: Vec<bool> = all.iter().map(|start| start.full.is_some()).collect();
            assert_eq!(found, expected, "{what}");
        }
        let mut all = vec![start(1, 0, None)];
        Killed::default().mark(&dir, &mut all, &|_| Liveness::Gone);
        assert_eq!(of_start(3, &all[0]), Some(Cause::Memory));
        let (attempt, starts) =
            (Attempt { slice: 3, intent: Some(1), time: 11.0 }, Starts::new(all));
        let fate = of(&attempt, &starts, Some("FAILED")).expect("known");
        assert_eq!(fate.cause, Some(Cause::Memory));
        assert_eq!(fate.words, "out of memory: its task had 50 M");
    }
}
