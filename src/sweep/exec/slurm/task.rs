//! The other end: an array task finds its work, says why it ended, and puts itself back into the
//! queue when its time is over.
use super::call::Slurm;
use super::error::SlurmError;
use super::ledger::{self, Fate, Intent, Kind};
use crate::exec::usage::gpu_ids;
use crate::mutant::{self, Mutant};
use crate::store::layout::SweepDir;
use crate::store::merge::LastEvent;
use crate::store::read;
use crate::store::record::Cause;
use crate::store::tasks::Granted;
use crate::sweep::Sweep;
use crate::{exit, host, orders};

/// The array task that this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayTask {
    /// Its array.
    pub array: u64,
    /// Its number in the array.
    pub task: u32,
    /// How often Slurm has started it again.
    pub restarts: u32,
}

/// What a task is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// To work on these slices.
    Slices(Vec<u32>),
    /// To do what its intent's kind says; it has no slices.
    Errand(Kind),
    /// Nothing, for this reason.
    Nothing(String),
}

impl ArrayTask {
    /// The task that Slurm says this process is, if it is one. The number of the job is not
    /// asked for: that of an array's last task is the whole array's.
    #[must_use]
    pub fn here() -> Option<Self> {
        let number = |name: &str| host::env(name)?.to_str()?.parse::<u64>().ok();
        Some(Self {
            array: number("SLURM_ARRAY_JOB_ID")?,
            task: u32::try_from(number("SLURM_ARRAY_TASK_ID")?).ok()?,
            restarts: number("SLURM_RESTART_COUNT")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0),
        })
    }

    /// What this task of an intent's array is to do. A job that is not the intent's does
    /// nothing: it is what a doubtful submission left. Where nobody has decided yet which job
    /// the intent's is, this one now is: where a site forbids to hold jobs, its tasks may start
    /// before their number is written down.
    ///
    /// # Errors
    /// If the sweep directory can't be read or written, or the array has no such task.
    pub fn assigned(&self, dir: &SweepDir, intent: &Intent) -> Result<Assigned, SlurmError> {
        match ledger::decide(dir, intent.number, Fate::Job(self.array))? {
            _ if mutant::is(Mutant::TaskUnelected) => {}
            Fate::Job(job) if job != self.array => {
                return Ok(Assigned::Nothing(format!(
                    "array {} has this work, and this is array {}",
                    job, self.array
                )));
            }
            Fate::Void(why) => {
                return Ok(Assigned::Nothing(format!("this array was given up: {why}")));
            }
            Fate::Job(_) => {}
        }
        if intent.kind != Kind::Runs {
            return Ok(Assigned::Errand(intent.kind));
        }
        if let Some(why) = orders::stop(&orders::read(dir)?, intent.obeys_as()) {
            return Ok(Assigned::Nothing(format!("the sweep was stopped: {why}")));
        }
        match intent.slices_of(self.task) {
            slices if slices.is_empty() => Err(SlurmError::asked(
                format!("array {} has no slice for its task {}", self.array, self.task),
                "`dlgrid submit` starts tasks; they are not started by hand",
            )),
            slices => Ok(Assigned::Slices(slices)),
        }
    }

    /// Whether this task may put itself back into the queue, or why not.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn may_go_on_later(&self, sweep: &Sweep, slices: &[u32]) -> Result<(), String> {
        may_requeue(self.restarts, slices.iter().any(|slice| has_progressed(sweep, *slice)))
    }

    /// Puts this task back into the queue. Slurm ends the task at once: everything must be on
    /// disk.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn go_on_later(&self) -> Result<(), SlurmError> {
        Slurm::new(PUT_BACK_FOR).requeue(self.array, self.task)
    }

    /// What Slurm has given this task; the time is what was asked for.
    #[must_use]
    pub fn granted(intent: &Intent) -> Granted {
        let number = |name: &str| host::env(name)?.to_str()?.parse::<u64>().ok();
        let cpus = number("SLURM_CPUS_ON_NODE").or_else(|| number("SLURM_CPUS_PER_TASK"));
        let each = number("SLURM_MEM_PER_CPU").zip(cpus).map(|(mib, cpus)| mib * cpus);
        let gpus = host::env("CUDA_VISIBLE_DEVICES").or_else(|| host::env("SLURM_JOB_GPUS"));
        let gpus = gpus
            .and_then(|list| Some(gpu_ids(list.to_str()?).len() as u64))
            .filter(|gpus| *gpus > 0);
        Granted {
            seconds: intent.granted.seconds,
            cpus,
            memory_mib: number("SLURM_MEM_PER_NODE").or(each).filter(|mib| *mib > 0),
            gpus,
        }
    }
}

/// What has befallen a task by the time that its workers are gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Befallen {
    /// Slurm has warned of the time limit.
    pub time_is_over: bool,
    /// It was asked to stop.
    pub asked: bool,
    /// Its workers could not work at all.
    pub unusable: bool,
    /// The gravest cause of a worker's death.
    pub died: Option<Cause>,
    /// Runs of its slices that have not ended.
    pub left: u64,
    /// Runs of its slices that failed.
    pub failed: u64,
}

/// Why a task ended before its work was done, if it did, and its exit code.
#[must_use]
pub const fn verdict(befallen: &Befallen) -> (Option<Cause>, u8) {
    if befallen.left == 0 {
        let code = if befallen.failed > 0 { exit::RUNS_FAILED } else { exit::OK };
        return (None, code);
    }
    match befallen {
        Befallen { time_is_over: true, .. } => (Some(Cause::Time), exit::STOPPED),
        Befallen { asked: true, .. } => (Some(Cause::Asked), exit::STOPPED),
        Befallen { unusable: true, .. } => (Some(Cause::Unusable), exit::MISSING),
        Befallen { died, .. } => (*died, exit::RUNS_FAILED),
    }
}

/// Whether a task may put itself back that was asked to stop at this age in seconds, if it was, and
/// whose time limit in seconds this is, if it has one. What is cancelled stays so, and what is preempted
/// Slurm itself puts back; but the one whom Slurm asks because its time is over, although it has been warned,
/// has only saved for too long.
#[must_use]
pub fn may_go_back(befallen: &Befallen, asked_at: Option<f64>, limit: Option<u64>) -> bool {
    // Slurm counts time limits in whole minutes.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a job")]
    let is_at_limit =
        |age: f64| limit.is_some_and(|seconds| age >= (seconds.div_ceil(60) * 60) as f64);
    asked_at.is_none_or(|age| befallen.time_is_over && is_at_limit(age))
}

/// A task asks for so long to be put back: of the two minutes that Slurm gives it, saving has taken
/// some.
const PUT_BACK_FOR: std::time::Duration = std::time::Duration::from_secs(60);

/// Starts of a task at most, and those of one that gets nowhere.
const MOST_RESTARTS: u32 = 1000;
const IDLE_RESTARTS: u32 = 3;

fn may_requeue(restarts: u32, progressed: bool) -> Result<(), String> {
    if restarts >= MOST_RESTARTS {
        return Err(format!("it was started {restarts} times"));
    }
    if !progressed && restarts >= IDLE_RESTARTS {
        return Err(format!(
            "it was started {} times, and its last start ended no run and saved nothing; \
             `slurm.time` is too short for a run",
            restarts + 1
        ));
    }
    Ok(())
}

/// Whether the newest attempt at a slice ended a run or saved a part of one. Where that can't be
/// read, it is taken to have.
fn has_progressed(sweep: &Sweep, slice: u32) -> bool {
    let Ok(results) = read::load_slice_to_show(&sweep.dir, slice, &sweep.manifest.id) else {
        return true;
    };
    let newest = results.attempts(slice);
    results.runs.values().any(|run| {
        run.end.as_ref().is_some_and(|end| end.at.attempt == newest)
            || run.last.as_ref().is_some_and(|last| {
                let saved = matches!(
                    last.what,
                    LastEvent::Checkpoint { .. } | LastEvent::Stopped { saved: true, .. }
                );
                last.at.attempt == newest && saved
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::slurm::ledger::tests::entry;

    #[test]
    fn a_task_works_on_its_slices_and_on_none_if_its_array_is_not_the_one() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        let task = |array, task| ArrayTask { array, task, restarts: 0 };
        let mut intent = entry(1, "5,9-11", None).intent;
        intent.per_task = 3;
        let assigned = |one: ArrayTask| one.assigned(&dir, &intent);
        let slices = |numbers: &[u32]| Assigned::Slices(numbers.to_vec());
        assert_eq!(assigned(task(7, 0)).expect("slices"), slices(&[5, 9, 10]));
        assert_eq!(ledger::read_fate(&dir, 1).expect("decided"), Some(Fate::Job(7)));
        assert_eq!(assigned(task(7, 1)).expect("slices"), slices(&[11]));
        assert!(assigned(task(7, 2)).is_err());
        assert!(matches!(assigned(task(8, 1)), Ok(Assigned::Nothing(_))));
        orders::give(&dir, 1, &orders::Order::Stop("enough".into())).expect("written");
        assert!(
            matches!(assigned(task(7, 1)), Ok(Assigned::Nothing(why)) if why.contains("enough"))
        );
        let later = Intent { number: 2, kind: Kind::Report, ..intent.clone() };
        assert_eq!(task(9, 0).assigned(&dir, &later).expect("it"), Assigned::Errand(Kind::Report));
    }

    #[test]
    fn why_a_task_ended_follows_from_what_befell_it() {
        let left = Befallen { left: 3, ..Befallen::default() };
        for (befallen, cause, code) in [
            (Befallen::default(), None, exit::OK),
            (Befallen { failed: 1, ..Befallen::default() }, None, exit::RUNS_FAILED),
            (Befallen { asked: true, ..Befallen::default() }, None, exit::OK),
            (Befallen { asked: true, ..left }, Some(Cause::Asked), exit::STOPPED),
            (
                Befallen { time_is_over: true, asked: true, ..left },
                Some(Cause::Time),
                exit::STOPPED,
            ),
            (Befallen { unusable: true, ..left }, Some(Cause::Unusable), exit::MISSING),
            (
                Befallen { died: Some(Cause::Memory), ..left },
                Some(Cause::Memory),
                exit::RUNS_FAILED,
            ),
            (left, None, exit::RUNS_FAILED),
        ] {
            assert_eq!(verdict(&befallen), (cause, code), "{befallen:?}");
        }
    }

    #[test]
    fn only_the_time_limit_asks_a_task_that_goes_on_later() {
        let warned = Befallen { time_is_over: true, left: 3, ..Befallen::default() };
        for (befallen, asked_at, limit, may) in [
            (warned, None, Some(600), true),
            // Cancelled between the warning and the limit.
            (warned, Some(590.0), Some(600), false),
            // It has saved until the limit, which Slurm looks at twice a minute.
            (warned, Some(600.0), Some(600), true),
            (warned, Some(629.5), Some(600), true),
            // Cancelled after 90 seconds, and Slurm gives two minutes.
            (warned, Some(90.0), Some(90), false),
            (warned, Some(121.0), Some(90), true),
            // Preempted, or never warned.
            (Befallen { time_is_over: false, ..warned }, Some(620.0), Some(600), false),
            // Neither its age nor its limit is known.
            (warned, Some(0.0), Some(600), false),
            (warned, Some(620.0), None, false),
        ] {
            assert_eq!(may_go_back(&befallen, asked_at, limit), may, "{asked_at:?} {limit:?}");
        }
    }

    #[test]
    fn a_task_that_gets_nowhere_is_not_started_for_ever() {
        assert!(may_requeue(0, false).is_ok() && may_requeue(2, false).is_ok());
        assert!(may_requeue(3, false).is_err() && may_requeue(3, true).is_ok());
        assert!(may_requeue(1000, true).is_err());
    }
}
