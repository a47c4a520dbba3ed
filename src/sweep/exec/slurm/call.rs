//! The thin actor: starts Slurm's programs, each with a time limit and an environment of its
//! own, again where Slurm could not be reached. Decides nothing else.
use std::ffi::{OsStr, OsString};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::backoff::Backoff;
use super::error::SlurmError;
use super::nodes::{self, Node};
use super::parse::{self, Row};
use super::preflight::accounts::{self, Association};
use super::ranges;
use crate::host;
use crate::mutant::{self, Mutant};

/// Variables of the caller that Slurm's programs, and by way of sbatch the jobs, get; all
/// others stay here: no secret travels, and no `SBATCH_*` or `SLURM_*` of an outer job acts. Which
/// modules are loaded is not told: most of what they set stays here, and where they count as loaded
/// `module load` in a job would do nothing.
pub const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_COLLATE",
    "LC_MESSAGES",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "CONDA_EXE",
    "MODULEPATH",
    "MODULESHOME",
    "LMOD_CMD",
    "CUDA_HOME",
    "CUDA_PATH",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "HF_HOME",
    "TORCH_HOME",
    "DLGRID_CACHE",
    "DLGRID_DATA",
    "DLGRID_SITE",
    "SLURM_CONF",
    "SLURM_CLUSTERS",
];

/// Longest that a question may take, and sbatch: it waits two minutes by itself when Slurm is
/// full.
const ANSWER: Duration = Duration::from_secs(30);
const SUBMISSION: Duration = Duration::from_secs(150);
const NODES_ARE_BACK: Duration = Duration::from_secs(60);

/// Slurm, as it is reached from here.
#[derive(Debug, Clone)]
pub struct Slurm {
    environment: Vec<(OsString, OsString)>,
    /// The cluster's name, where it is known: an accounting may serve several.
    cluster: Option<String>,
    patience: Duration,
    /// Whether it could not be reached at some time: its nodes may not be back yet.
    was_away: Arc<AtomicBool>,
    /// Is told, once, that it does not answer.
    say: fn(&str),
}

/// What came of asking sbatch for an array.
#[derive(Debug)]
pub enum Submitted {
    /// It is this job.
    Job(u64),
    /// It is or is not in the queue: sbatch could not tell, in these words.
    Unknown(String),
    /// It should be, but the answer has no number: this is all of it.
    Unread(String),
    /// It is not, in these words.
    Refused(String),
}

impl Slurm {
    /// Slurm, if this machine has sbatch. Where it can't be reached it is asked again for as
    /// long as `patience`.
    #[must_use]
    pub fn find(patience: Duration) -> Option<Self> {
        host::which("sbatch").map(|_| Self::new(patience))
    }

    /// Slurm, whether or not this machine has its programs.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        let environment = PASSED
            .iter()
            .filter_map(|name| Some((OsString::from(name), host::env(name)?)))
            .collect();
        // In a job Slurm tells it.
        let cluster = host::env("SLURM_CLUSTER_NAME").and_then(|name| name.into_string().ok());
        Self { environment, cluster, patience, was_away: Arc::default(), say: |_| {} }
    }

    /// Tells this, once, when it does not answer and is asked again.
    #[must_use]
    pub const fn telling(mut self, say: fn(&str)) -> Self {
        self.say = say;
        self
    }

    /// Passes these further variables of the caller, too.
    #[must_use]
    pub fn passing(mut self, names: &[String]) -> Self {
        let further = names.iter().filter_map(|name| Some((name.into(), host::env(name)?)));
        self.environment.extend(further);
        self
    }

    /// Asks accounting for what is of this cluster alone.
    #[must_use]
    pub fn of_cluster(mut self, name: Option<&str>) -> Self {
        self.cluster = name.map(str::to_owned).or(self.cluster);
        self
    }

    /// How long Slurm is asked again while it can't be reached.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    fn once(
        &self,
        program: &'static str,
        words: &[impl AsRef<OsStr>],
        limit: Duration,
    ) -> Result<Output, SlurmError> {
        let mut command = host::command(program);
        command.args(words).env_clear().envs(self.environment.iter().map(|(n, v)| (n, v)));
        // Lists of tasks would be cut off, in some versions without a word.
        command.env("SLURM_BITSTR_LEN", "0");
        match host::run_within(&mut command, limit) {
            Ok(output) => Ok(output),
            Err(cause) if cause.kind() == std::io::ErrorKind::TimedOut => {
                let words = format!("nothing, for {} seconds", limit.as_secs());
                Err(SlurmError::Unreachable { program, words })
            }
            Err(cause) => Err(SlurmError::Absent { program, cause }),
        }
    }

    /// Asks once; what a program says that ends badly is an error.
    fn ask_once(&self, program: &'static str, words: &[&str]) -> Result<Output, SlurmError> {
        // Who only looks does not wait long for one answer either.
        let limit = ANSWER.min(self.patience + Duration::from_secs(8));
        let output = self.once(program, words, limit)?;
        if output.status.success() {
            return Ok(output);
        }
        let words = said(&output);
        Err(if parse::is_transient(&words) {
            SlurmError::Unreachable { program, words }
        } else {
            SlurmError::Refused { program, words }
        })
    }

    /// Asks until Slurm can be reached. Only for what may be asked twice.
    fn ask_for(&self, program: &'static str, words: &[&str]) -> Result<Output, SlurmError> {
        let mut backoff = Backoff::new(self.patience);
        loop {
            match self.ask_once(program, words) {
                Err(SlurmError::Unreachable { words, .. }) if backoff.is_left() => {
                    if !self.was_away.load(Ordering::Relaxed) {
                        (self.say)(&format!(
                            "Slurm does not answer (`{program}` says: {words}); it is asked again for up to {} s",
                            self.patience.as_secs()
                        ));
                    }
                    backoff.wait();
                    self.was_away.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
    }

    /// As [`Self::ask_for`], for what stands on standard output.
    fn ask(&self, program: &'static str, words: &[&str]) -> Result<String, SlurmError> {
        self.ask_for(program, words).map(|output| text(&output.stdout))
    }

    /// All jobs of this user, those included that ended a moment ago.
    ///
    /// # Errors
    /// If Slurm does not answer.
    pub fn queue(&self) -> Result<Vec<Row>, SlurmError> {
        let user = format!("--user={}", host::user());
        let format = format!("--format={}", parse::QUEUE_FORMAT);
        let words = ["--noheader", "--all", "--states=all", &user, &format];
        Ok(parse::queue(&self.ask("squeue", &words)?))
    }

    /// As [`Self::queue`], without asking again.
    ///
    /// # Errors
    /// If Slurm does not answer.
    pub fn queue_now(&self) -> Result<Vec<Row>, SlurmError> {
        let hasty = Self { patience: Duration::ZERO, ..self.clone() };
        hasty.queue()
    }

    /// `scontrol show config`.
    ///
    /// # Errors
    /// If Slurm does not answer.
    pub fn config(&self) -> Result<String, SlurmError> {
        self.ask("scontrol", &["show", "config"])
    }

    /// All partitions. Each cluster has one: where there is none, the controller has just come
    /// back, and is asked again.
    ///
    /// # Errors
    /// If Slurm does not answer.
    pub fn partitions(&self) -> Result<Vec<parse::Partition>, SlurmError> {
        let mut backoff = Backoff::new(self.patience.min(NODES_ARE_BACK));
        loop {
            let words = ["--all", "--oneliner", "show", "partition"];
            let all = parse::partitions(&self.ask("scontrol", &words)?);
            if !all.is_empty() || !backoff.wait() {
                return Ok(all);
            }
        }
    }

    /// All nodes, once for each of their partitions.
    ///
    /// # Errors
    /// If Slurm does not answer.
    pub fn nodes(&self) -> Result<Vec<Node>, SlurmError> {
        let format = format!("--format={}", nodes::NODE_FORMAT);
        Ok(nodes::nodes(&self.ask("sinfo", &["--noheader", "--Node", "--all", &format])?))
    }

    /// What accounting allows this user. Nothing where accounting does not say: it is an extra,
    /// and asked once.
    #[must_use]
    pub fn associations(&self) -> Option<Vec<Association>> {
        let user = host::env("USER").or_else(|| host::env("LOGNAME"))?;
        let words = accounts::question(user.to_str()?, self.cluster.as_deref());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = self.ask_once("sacctmgr", &words).ok()?;
        let all = accounts::associations(&text(&output.stdout));
        (!all.is_empty()).then_some(all)
    }

    /// Whether Slurm would take such a job; its words, which say when it would start.
    ///
    /// # Errors
    /// If it would not.
    pub fn would_take(&self, words: &[String]) -> Result<String, SlurmError> {
        let mut all: Vec<&str> = vec!["--test-only"];
        all.extend(words.iter().map(String::as_str));
        // A controller that has just come back knows no nodes for a while.
        let mut backoff = Backoff::new(self.patience.min(NODES_ARE_BACK));
        loop {
            match self.ask_for("sbatch", &all) {
                Err(SlurmError::Refused { .. })
                    if self.was_away.load(Ordering::Relaxed) && backoff.wait() => {}
                answer => return answer.map(|output| said(&output)),
            }
        }
    }

    /// Submits an array, once.
    ///
    /// # Errors
    /// If sbatch can't be started.
    pub fn sbatch(&self, words: &[String]) -> Result<Submitted, SlurmError> {
        let output = match self.once("sbatch", words, SUBMISSION) {
            Ok(output) => output,
            Err(SlurmError::Unreachable { words, .. }) => return Ok(doubtful(words)),
            Err(other) => return Err(other),
        };
        if output.status.success() {
            return match parse::submitted(&text(&output.stdout)) {
                Ok(job) => Ok(Submitted::Job(job)),
                Err(SlurmError::Unread { text, .. }) => Ok(Submitted::Unread(text)),
                Err(other) => Err(other),
            };
        }
        let words = said(&output);
        // One that was killed may have done its work before.
        Ok(if output.status.code().is_none() || parse::is_transient(&words) {
            doubtful(words)
        } else {
            Submitted::Refused(words)
        })
    }

    /// Lets a held array go. One that was never held, where a site does not allow it, may be over.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn release(&self, array: u64) -> Result<(), SlurmError> {
        self.change(&["release", &array.to_string()])
    }

    /// Changes what waits of an array: what runs or is over stays as it is, and is no failure.
    fn change(&self, words: &[&str]) -> Result<(), SlurmError> {
        match self.ask("scontrol", words) {
            Err(SlurmError::Refused { words, .. }) if parse::is_for_the_past(&words) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Lets a held job start only when another task is over, or in ten minutes where there is
    /// none.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn wait_for(&self, job: u64, after: Option<&str>) -> Result<(), SlurmError> {
        let job = format!("JobId={job}");
        let when = after.map_or_else(
            || "StartTime=now+10minutes".to_owned(),
            |task| format!("Dependency=afterany:{task}"),
        );
        self.ask("scontrol", &["update", &job, &when]).map(drop)
    }

    /// Lets so many tasks of an array run at once; 0: as many as there are.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn throttle(&self, array: u64, most: u64) -> Result<(), SlurmError> {
        let (job, most) = (format!("JobId={array}"), format!("ArrayTaskThrottle={most}"));
        self.change(&["update", &job, &most])
    }

    /// Lets the tasks of an array that wait wait for the good end of a canary, where there is
    /// one, and for the end of another array, or of none.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn depend(
        &self,
        array: u64,
        canary: Option<u64>,
        after: Option<u64>,
    ) -> Result<(), SlurmError> {
        let canary = canary.map(|job| format!("afterok:{job}"));
        let after = after.map(|job| format!("afterany:{job}"));
        let on: Vec<String> = canary.into_iter().chain(after).collect();
        let (job, on) = (format!("JobId={array}"), format!("Dependency={}", on.join(",")));
        self.change(&["update", &job, &on])
    }

    /// Cancels what waits of an array, if it has this name.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn cancel_waiting(&self, array: u64, token: &str) -> Result<(), SlurmError> {
        let name = format!("--name={token}");
        self.ask("scancel", &[&name, "--state=PENDING", &array.to_string()]).map(drop)
    }

    /// Cancels tasks of an array, which the queue has shown under its name a moment ago. Slurm
    /// can't compare here: with `--name`, scancel cancels all tasks that wait.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn cancel_tasks(&self, array: u64, tasks: &[u32]) -> Result<(), SlurmError> {
        // Long lists would not fit into what Slurm takes.
        for some in tasks.chunks(500) {
            match self.ask("scancel", &[&format!("{array}_[{}]", ranges::write(some))]) {
                Err(SlurmError::Refused { words, .. }) if parse::is_for_the_past(&words) => {}
                answer => answer.map(drop)?,
            }
        }
        Ok(())
    }

    /// Cancels an array, if it has this name: Slurm itself compares, so that a number that was
    /// given to another job in the meantime hits nothing.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn cancel(&self, array: u64, token: &str) -> Result<(), SlurmError> {
        if mutant::is(Mutant::CancelByNumber) {
            return self.ask("scancel", &[&array.to_string()]).map(drop);
        }
        let name = format!("--name={token}");
        self.ask("scancel", &[&name, &array.to_string()]).map(drop)
    }

    /// Puts one task of an array back into the queue. Always by both numbers: that of the job
    /// alone can mean the whole array. Asked again where Slurm does not answer: a task that is put
    /// back is ended, so that it does not ask twice.
    ///
    /// # Errors
    /// If Slurm does not answer or refuses.
    pub fn requeue(&self, array: u64, task: u32) -> Result<(), SlurmError> {
        let mut backoff = Backoff::new(self.patience);
        loop {
            match self.requeue_once(array, task) {
                Err(SlurmError::Unreachable { .. }) if backoff.wait() => {}
                answer => return answer,
            }
        }
    }

    fn requeue_once(&self, array: u64, task: u32) -> Result<(), SlurmError> {
        let output = self.once("scontrol", &["requeue", &format!("{array}_{task}")], ANSWER)?;
        let words = said(&output);
        // Where requeuing is off, the exit code is 0 and the words say so.
        let refused = words.to_lowercase().contains("disabled");
        if output.status.success() && !refused {
            return Ok(());
        }
        if parse::is_transient(&words) {
            return Err(SlurmError::Unreachable { program: "scontrol", words });
        }
        Err(SlurmError::Refused { program: "scontrol", words })
    }
}

/// What sbatch could not tell.
fn doubtful(words: String) -> Submitted {
    if mutant::is(Mutant::BlindRetry) {
        return Submitted::Refused(words);
    }
    Submitted::Unknown(words)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A program's own words, on one line.
fn said(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = errors.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    match (lines.is_empty(), output.status.code()) {
        (false, _) => lines.join("; "),
        (true, Some(code)) => format!("nothing, and ends with exit code {code}"),
        (true, None) => "nothing: it was killed".into(),
    }
}
