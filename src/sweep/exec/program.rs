//! Runs a `command:` run: starts the program, follows the metrics that it reports.
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::death::is_killed;
use super::metrics::{Ended, Follower};
use super::usage;
use crate::host;
use crate::recipe::{self, Command};
use crate::spec::Objective;
use crate::store::record::{Cause, Epoch, Metrics, Outcome};
use crate::trial::Run;

/// What became of a program.
#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    /// It ended by itself.
    Ended(Box<Ended>),
    /// It was stopped on request and can be started again.
    Stopped,
}

/// Seconds that a program has to stop by itself after it was asked to. Slurm kills all that is left
/// of a job 30 seconds after it has asked (`KillWait`): by then it must be written down how the
/// program stopped.
const GRACE: Duration = Duration::from_secs(30);
const GRACE_IN_JOB: Duration = Duration::from_secs(20);
/// How much later than its program a worker may hear a signal that was meant for both.
const HEARSAY: Duration = Duration::from_millis(200);
/// Time that the copying of a program's output may go on after its end.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);
/// Time between two looks at a program: short at first, for short programs, then longer.
const FIRST_LOOK: Duration = Duration::from_micros(500);
const LONGEST_LOOK: Duration = Duration::from_millis(20);

/// What a program is given beside its words.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// A folder of this process's own for the files that it exchanges with the program.
    pub scratch: &'a Path,
    /// A folder that outlives attempts, for the program's own checkpoints.
    pub checkpoints: &'a Path,
    /// What counts.
    pub objective: &'a Objective,
    /// Whether nothing else that takes memory is in this process's cgroup.
    pub alone: bool,
    /// The GPUs that the program may see, as `CUDA_VISIBLE_DEVICES`; nothing: those that this process sees.
    pub visible: Option<&'a str>,
}

/// Runs the program of a run to its end, or until `stop` says so. Each line of metrics is
/// passed to `epoch`.
///
/// # Errors
/// If the files for the exchange can't be written or read.
pub fn run(
    run: &Run,
    command: &Command,
    around: &Around<'_>,
    stop: &dyn Fn() -> bool,
    epoch: &mut dyn FnMut(Epoch),
) -> std::io::Result<Finished> {
    let begun = host::instant();
    let kills = usage::memory_kills();
    let words = match command.words(run.seed, run.fold) {
        Ok(words) => words,
        Err(error) => return Ok(failed(error.to_string(), 0.0)),
    };
    let Some((program, args)) = words.split_first() else {
        return Ok(failed("the command is empty".into(), 0.0));
    };
    let metrics_file = around.scratch.join(format!("{}.metrics", run.id));
    let parameters_file = around.scratch.join(format!("{}.json", run.id));
    host::write_scratch(&metrics_file, b"")?;
    host::write_scratch(&parameters_file, parameters_json(run, command).as_bytes())?;
    let mut starting = host::command(program);
    starting
        .args(args)
        .envs(environment(run, command))
        .env("DLGRID_METRICS", &metrics_file)
        .env("DLGRID_PARAMETERS", &parameters_file)
        .env("DLGRID_CHECKPOINTS", around.checkpoints)
        .envs(around.visible.map(|visible| ("CUDA_VISIBLE_DEVICES", visible)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = match host::spawn(&mut starting) {
        Ok(child) => child,
        Err(error) => return Ok(failed(format!("cannot start `{program}`: {error}"), 0.0)),
    };
    let tail = Tail::default();
    let copies = [
        child.stdout.take().map(|out| tail.follow(out, false)),
        child.stderr.take().map(|err| tail.follow(err, true)),
    ];
    let mut follower = Follower::new(run, around.objective, begun);
    let mut asked: Option<std::time::Instant> = None;
    let mut pause = FIRST_LOOK;
    let grace = grace(host::env("SLURM_JOB_ID").is_some());
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        follower.poll(&metrics_file, epoch)?;
        match asked {
            None if stop() => {
                host::signal_group(child.id(), host::Signal::Term);
                asked = Some(host::instant());
            }
            Some(when) if when.elapsed() > grace => {
                host::signal_group(child.id(), host::Signal::Kill);
            }
            _ => {}
        }
        std::thread::sleep(pause);
        pause = (pause * 5 / 4).min(LONGEST_LOOK);
    };
    // What the program left behind in its group must not outlive it.
    host::signal_group(child.id(), host::Signal::Kill);
    wait_for(copies.into_iter().flatten().collect());
    let killed = usage::memory_kills() > kills;
    let (why, cause) = blame(status, killed, around.alone, tail.last_error());
    let mut ended = follower.end(&metrics_file, why, epoch)?;
    ended.cause = cause;
    host::remove_scratch(&metrics_file);
    host::remove_scratch(&parameters_file);
    if asked.is_some() || stop() {
        return Ok(Finished::Stopped);
    }
    // Slurm signals all processes of a task at once: this one may hear of it after the program.
    if ended.outcome != Outcome::Done {
        std::thread::sleep(HEARSAY);
        if stop() {
            return Ok(Finished::Stopped);
        }
    }
    Ok(Finished::Ended(Box::new(ended)))
}

/// Waits for the last of a program's output to be copied, but not for a daemon that keeps its
/// output open.
fn wait_for(copies: Vec<std::thread::JoinHandle<()>>) {
    let begun = host::instant();
    while copies.iter().any(|c| !c.is_finished()) && begun.elapsed() < OUTPUT_GRACE {
        std::thread::sleep(FIRST_LOOK);
    }
}

fn failed(why: String, seconds: f64) -> Finished {
    Finished::Ended(Box::new(Ended {
        outcome: Outcome::Failed,
        why: Some(why),
        cause: None,
        metrics: Metrics::new(),
        best: BTreeMap::new(),
        epochs: 0,
        unreadable: 0,
        seconds,
    }))
}

const fn grace(in_job: bool) -> Duration {
    if in_job { GRACE_IN_JOB } else { GRACE }
}

/// Why a program failed, if it did, and what kind of cause that is: `killed` says whether the kernel
/// has killed for want of memory meanwhile, in the cgroup where the program may be `alone`; `last` is
/// the last line of its errors.
fn blame(
    status: ExitStatus,
    killed: bool,
    alone: bool,
    last: Option<String>,
) -> (Option<String>, Option<Cause>) {
    if status.success() {
        return (None, None);
    }
    if killed && is_killed(status) {
        return (Some("out of memory: the kernel killed it".to_owned()), Some(Cause::Memory));
    }
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "killed by signal 9 (out of memory?)".into(),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".into(),
    };
    // One of its own processes, such as one that loads data; or one of another program.
    let killed_one =
        if killed { ", and the kernel killed a process for want of memory" } else { "" };
    let last = last.map_or_else(String::new, |line| format!(": {line}"));
    (Some(format!("{how}{killed_one}{last}")), (killed && alone).then_some(Cause::Memory))
}

/// Every parameter, with `seed` and, where there are folds, `fold` and `folds`, as one JSON object.
fn parameters_json(run: &Run, command: &Command) -> String {
    let mut map: serde_json::Map<String, serde_json::Value> =
        command.parameters.iter().map(|(path, value)| (path.clone(), value.to_json())).collect();
    map.insert("seed".into(), run.seed.into());
    if let Some(fold) = run.fold {
        map.insert("fold".into(), fold.number.into());
        map.insert("folds".into(), fold.of.into());
    }
    serde_json::Value::Object(map).to_string()
}

/// Parameters, seed, fold and identity as environment variables.
fn environment(run: &Run, command: &Command) -> Vec<(String, String)> {
    let fold = run.fold.iter().flat_map(|fold| {
        [("DLGRID_FOLD", fold.number), ("DLGRID_FOLDS", fold.of)]
            .map(|(name, n)| (name.to_owned(), n.to_string()))
    });
    command
        .parameters
        .iter()
        .map(|(path, value)| (recipe::variable(path), recipe::exact(value)))
        .chain([
            ("DLGRID_SEED".to_owned(), run.seed.to_string()),
            ("DLGRID_RUN".to_owned(), run.id.to_string()),
        ])
        .chain(fold)
        .collect()
}

/// Copies a program's output to the log and remembers its last lines.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn follow(
        &self,
        from: impl Read + Send + 'static,
        remember: bool,
    ) -> std::thread::JoinHandle<()> {
        let lines = self.0.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(from);
            let mut line = Vec::new();
            loop {
                line.clear();
                let read = reader.by_ref().take(64 * 1024).read_until(b'\n', &mut line);
                if !matches!(read, Ok(n) if n > 0) {
                    return;
                }
                // The log is talk: a full disk must not end the program.
                let _copied = std::io::stderr().write_all(&line);
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if remember && !text.trim().is_empty() {
                    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                    if lines.len() == 8 {
                        lines.pop_front();
                    }
                    lines.push_back(text.chars().take(300).collect());
                }
            }
        })
    }

    fn last_error(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).back().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Fold, Value, Work};
    use crate::spec::At;
    use crate::spec::metric::Goal;
    use crate::store::record::{Best, Number};
    use crate::trial::RunId;

    fn sh(script: &str) -> Finished {
        sh_until(script, &|| false)
    }

    fn sh_until(script: &str, stop: &dyn Fn() -> bool) -> Finished {
        let command = Command {
            template: vec!["sh".into(), "-c".into(), script.into()],
            parameters: [("a.b".to_owned(), Value::Float(0.5))].into(),
        };
        let work = Work::Command(command.clone());
        let (seed, fold) = (7, Some(Fold { number: 2, of: 5 }));
        let id = RunId::of(&work, seed, fold);
        let this = Run { index: 0, point: 0, seed, fold, id, work };
        let tmp = tempfile::tempdir().expect("folder");
        let objective = Objective { goal: Goal::Minimize, metric: "loss".into(), at: At::Last };
        let around = Around {
            scratch: tmp.path(),
            checkpoints: tmp.path(),
            objective: &objective,
            alone: true,
            visible: Some("1,2"),
        };
        run(&this, &command, &around, stop, &mut |_| {}).expect("run")
    }

    fn ended(script: &str) -> Ended {
        match sh(script) {
            Finished::Ended(ended) => *ended,
            Finished::Stopped => panic!("stopped"),
        }
    }

    #[test]
    fn a_program_reports_by_lines() {
        let end = ended(
            "echo '{\"loss\": 0.5}' >> $DLGRID_METRICS; echo '{\"loss\": 0.75, \"acc\": 1}' >> $DLGRID_METRICS",
        );
        assert_eq!((end.outcome, end.epochs), (Outcome::Done, 2));
        assert_eq!(end.metrics["loss"], Number(0.75));
        assert_eq!(end.best["loss"], Best { epoch: 1, value: Number(0.5) });
    }

    #[test]
    fn a_program_gets_its_parameters_three_ways() {
        let end = ended(
            "test \"$DLGRID_PARAM_A_B\" = 0.5 && test $DLGRID_SEED = 7 && test {a.b} = 0.5 && grep -q '\"a.b\":0.5' $DLGRID_PARAMETERS && echo '{\"loss\": 1}' >> $DLGRID_METRICS",
        );
        assert_eq!(end.outcome, Outcome::Done, "{:?}", end.why);
    }

    #[test]
    fn a_program_sees_the_gpus_that_it_may() {
        let end = ended(
            "test \"$CUDA_VISIBLE_DEVICES\" = 1,2 && echo '{\"loss\": 1}' >> $DLGRID_METRICS",
        );
        assert_eq!(end.outcome, Outcome::Done, "{:?}", end.why);
    }

    #[test]
    fn a_program_gets_its_fold_three_ways() {
        let end = ended(
            "test $DLGRID_FOLD/$DLGRID_FOLDS = 2/5 && test {fold}/{folds} = 2/5 && grep -q '\"fold\":2,\"folds\":5' $DLGRID_PARAMETERS && echo '{\"loss\": 1}' >> $DLGRID_METRICS",
        );
        assert_eq!(end.outcome, Outcome::Done, "{:?}", end.why);
    }

    #[test]
    fn failures_carry_their_cause() {
        let end = ended("echo first >&2; echo 'no such layer' >&2; exit 3");
        assert_eq!(end.why.as_deref(), Some("exit code 3: no such layer"));
        assert!(ended("true").why.expect("why").contains("never reported `loss`"));
        assert!(
            ended("echo hello >> $DLGRID_METRICS")
                .why
                .expect("why")
                .contains("none is a JSON object")
        );
        assert_eq!(
            ended("echo '{\"loss\": \"NaN\"}' >> $DLGRID_METRICS").outcome,
            Outcome::Diverged
        );
        assert_eq!(ended("kill -9 $$").why.as_deref(), Some("killed by signal 9 (out of memory?)"));
    }

    #[test]
    fn only_a_program_that_was_killed_surely_ran_out_of_memory() {
        let code = |code: i32| ExitStatus::from_raw(code << 8);
        let memory = Some(Cause::Memory);
        let sure = "out of memory: the kernel killed it";
        let hint = "exit code 1, and the kernel killed a process for want of memory: no such layer";
        for (status, killed, alone, why, cause) in [
            (code(0), true, true, None, None),
            (ExitStatus::from_raw(9), true, false, Some(sure), memory),
            (code(137), true, false, Some(sure), memory),
            (code(137), false, true, Some("exit code 137: no such layer"), None),
            (code(1), true, false, Some(hint), None),
            (code(1), true, true, Some(hint), memory),
            (code(1), false, true, Some("exit code 1: no such layer"), None),
            (
                ExitStatus::from_raw(11),
                false,
                true,
                Some("killed by signal 11: no such layer"),
                None,
            ),
        ] {
            let (told, kind) = blame(status, killed, alone, Some("no such layer".into()));
            assert_eq!((told.as_deref(), kind), (why, cause), "{status:?} {killed} {alone}");
        }
    }

    #[test]
    fn in_a_job_a_program_stops_before_slurm_kills_all() {
        let kill_wait = Duration::from_secs(30);
        assert!(grace(true) + Duration::from_secs(5) < kill_wait && grace(false) <= kill_wait);
    }

    #[test]
    fn a_program_that_heard_the_signal_first_is_stopped_and_has_not_failed() {
        for script in ["exit 1", "kill -15 $$", "exit 0"] {
            let begun = host::instant();
            let late = || begun.elapsed() > Duration::from_millis(80);
            assert_eq!(sh_until(script, &late), Finished::Stopped, "{script}");
        }
    }

    #[test]
    fn a_daemon_that_keeps_the_output_open_holds_up_nobody() {
        let begun = host::instant();
        let end = ended("setsid sleep 30 & echo '{\"loss\": 1}' >> $DLGRID_METRICS");
        assert_eq!(end.outcome, Outcome::Done);
        assert!(begun.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn what_a_program_leaves_running_ends_with_it() {
        let begun = host::instant();
        let end = ended("sleep 60 & echo '{\"loss\": 1}' >> $DLGRID_METRICS");
        assert_eq!(end.outcome, Outcome::Done);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
