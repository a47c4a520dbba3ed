//! The simulated Slurm: takes jobs, loses them, has them twice or late, gives a number again after it
//! has forgotten, starts tasks on nodes, and again elsewhere while the first ones still go on.
mod after;

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use self::after::After;
use super::{LOGINS, Process, World, is_dead, life, step, with};
use crate::exec::slurm::ranges;
use crate::exec::slurm::task::ArrayTask;

/// How long a job is remembered that is over, in seconds (`MinJobAge`).
const REMEMBERED: f64 = 300.0;
/// How long jobs of others are in the queue, in seconds.
const OTHERS: f64 = 600.0;
/// What is younger than this when the controller dies may be forgotten, in seconds.
const UNSAVED: f64 = 5.0;

/// The controller.
#[derive(Debug, Default)]
pub struct Controller {
    jobs: Vec<Job>,
    last: u64,
    /// Away until then.
    away: f64,
    /// Whether it refuses jobs without a GPU: those that train nothing.
    pub refuses_small: bool,
    /// Tasks that its user may have in the queue, if that is limited.
    pub room: Option<usize>,
    /// What was done to jobs of others.
    pub trespasses: Vec<String>,
}

#[derive(Debug)]
struct Job {
    id: u64,
    name: String,
    intent: u32,
    held: bool,
    after: Vec<After>,
    /// It waits until then.
    begins: f64,
    tasks: Vec<Task>,
    /// When it was asked for, and when it gets here.
    asked: f64,
    arrives: f64,
}

#[derive(Debug)]
struct Task {
    state: State,
    restarts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Waits,
    /// On this node, as this process.
    Runs(usize, usize),
    /// In Slurm's word, since then.
    Over(&'static str, f64),
}

impl Job {
    fn is_foreign(&self) -> bool {
        self.intent == 0
    }

    fn is_alive(&self) -> bool {
        self.tasks.iter().any(|task| !matches!(task.state, State::Over(..)))
    }
}

/// What one of Slurm's programs answers.
pub fn answer(command: &Command, limit: Duration) -> io::Result<Output> {
    step()?;
    let program = command.get_program().to_string_lossy().into_owned();
    let words: Vec<String> =
        command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    with(|world| world.controller_may_die(&program));
    let said = with(|world| match &*program {
        _ if world.slurm.away > world.now => Said::Error("Unable to contact slurm controller"),
        "sbatch" => world.sbatch(&words),
        "squeue" => world.hears(|world| Said::Words(world.squeue())),
        "scontrol" if words[0] == "requeue" => world.requeue(&words[1]),
        "scontrol" => world.hears(|world| world.scontrol(&words)),
        "scancel" => world.hears(|world| world.scancel(&words)),
        _ => Said::Error("not here"),
    });
    // What was asked for is done, whatever becomes of who asked.
    step()?;
    if is_dead() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let output = |code: i32, out: &str, err: &str| Output {
        status: ExitStatus::from_raw(code << 8),
        stdout: out.as_bytes().to_vec(),
        stderr: err.as_bytes().to_vec(),
    };
    match said {
        Said::Words(words) => Ok(output(0, &words, "")),
        Said::Error(words) => Ok(output(1, "", words)),
        Said::Nothing => {
            super::sleep(limit);
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

enum Said {
    Words(String),
    Error(&'static str),
    /// For longer than one waits.
    Nothing,
}

const TIMED_OUT: Said = Said::Error("Socket timed out on send/recv operation");

impl World {
    /// Does it; in a storm it may not come that far, or the answer not get back.
    fn hears(&mut self, work: impl FnOnce(&mut Self) -> Said) -> Said {
        match if self.stormy { self.draw.below(40) } else { 40 } {
            0 => TIMED_OUT,
            1 => {
                let _lost = work(self);
                TIMED_OUT
            }
            _ => work(self),
        }
    }

    /// Why it takes no such job, where it does not.
    fn refuses(&self, words: &[String]) -> Option<Said> {
        let [small, of_array] = ["--time=0-00:15:00", "--array=0-"];
        if self.slurm.refuses_small && words.iter().any(|word| word == small) {
            return Some(Said::Error(
                "sbatch: error: QOSMinGRES; sbatch: error: Batch job submission failed: Job violates \
                 accounting/QOS policy (job submit limit, user's size and/or time limits)",
            ));
        }
        let last = words.iter().find_map(|word| word.strip_prefix(of_array)?.parse::<usize>().ok());
        let alive = |task: &&Task| !matches!(task.state, State::Over(..));
        let own = self.slurm.jobs.iter().filter(|job| !job.is_foreign());
        let queued = own.flat_map(|job| &job.tasks).filter(alive).count();
        let all = queued + last.unwrap_or(0) + 1;
        self.slurm.room.is_some_and(|room| all > room).then_some(Said::Error(
            "sbatch: error: AssocMaxSubmitJobLimit; sbatch: error: Batch job submission failed: Job \
             violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        ))
    }

    fn sbatch(&mut self, words: &[String]) -> Said {
        if let Some(said) = self.refuses(words) {
            return said;
        }
        let calm = if self.draw.one_in(4) { 1 } else { 9 };
        match if self.stormy { self.draw.below(16) } else { calm } {
            0 => TIMED_OUT,
            1 => {
                self.take(words, 0.0);
                TIMED_OUT
            }
            2 => {
                self.take(words, 0.0);
                Said::Nothing
            }
            3 => {
                let late = self.draw.seconds(50.0);
                self.take(words, late);
                TIMED_OUT
            }
            4 => {
                let (first, second) = (self.take(words, 0.0), self.take(words, 0.0));
                Said::Words(if self.draw.one_in(2) { first } else { second }.to_string())
            }
            _ => Said::Words(self.take(words, 0.0).to_string()),
        }
    }

    fn take(&mut self, words: &[String], late: f64) -> u64 {
        let word = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
        let intent = words.iter().position(|word| word == "--intent").map(|at| &words[at + 1]);
        let last = word("--array=0-").and_then(|n| n.split('%').next()?.parse().ok());
        let tasks = 0..=last.unwrap_or(0_u32);
        let after = word("--dependency=").map_or_else(Vec::new, |text| self.after(text));
        self.slurm.last += 1;
        self.slurm.jobs.push(Job {
            id: self.slurm.last,
            name: word("--job-name=").unwrap_or_default().to_owned(),
            intent: intent.and_then(|n| n.parse().ok()).expect("a job of an intent"),
            held: words.iter().any(|word| word == "--hold"),
            after,
            begins: 0.0,
            tasks: tasks.map(|_| Task { state: State::Waits, restarts: 0 }).collect(),
            asked: self.now,
            arrives: self.now + late,
        });
        self.slurm.last
    }

    fn squeue(&self) -> String {
        let mut text = String::new();
        for job in self.slurm.jobs.iter().filter(|job| job.arrives <= self.now) {
            for (number, task) in job.tasks.iter().enumerate() {
                let (state, reason) = match task.state {
                    State::Waits if job.held => ("PENDING", "JobHeldUser"),
                    State::Waits => ("PENDING", "Resources"),
                    State::Runs(..) => ("RUNNING", "None"),
                    State::Over(word, since) if self.now - since < REMEMBERED => (word, "None"),
                    State::Over(..) => continue,
                };
                let (id, name) = (job.id, &job.name);
                text.push_str(&format!("{id}|{number}|{state}|{name}|N/A||{reason}\n"));
            }
        }
        text
    }

    fn scontrol(&mut self, words: &[String]) -> Said {
        let id = words
            .get(1)
            .and_then(|word| word.strip_prefix("JobId=").unwrap_or(word).parse::<u64>().ok());
        let Some(id) = id else { return Said::Words(String::new()) };
        let now = self.now;
        let after = words
            .get(2)
            .and_then(|word| word.strip_prefix("Dependency="))
            .map(|text| self.after(text));
        let is_circular = after.iter().flatten().any(|one| self.leads_to(one.job(), id));
        let there = |job: &&mut Job| job.id == id && job.is_alive() && job.arrives <= now;
        let Some(job) = self.slurm.jobs.iter_mut().find(there) else {
            return Said::Error("Invalid job id specified");
        };
        match (&*words[0], after) {
            ("release", _) => job.held = false,
            (_, Some(_)) if is_circular => {
                return Said::Error("Job dependency problem for job");
            }
            (_, Some(after)) => job.after = after,
            _ if words.get(2).is_some_and(|word| word == "StartTime=now+10minutes") => {
                job.begins = now + 600.0;
            }
            _ => {}
        }
        Said::Words(String::new())
    }

    /// Ends the task that asks, and puts it back into the queue.
    fn requeue(&mut self, word: &str) -> Said {
        let (id, task) = word.split_once('_').expect("both numbers");
        let (id, task): (u64, usize) = (id.parse().expect("a job"), task.parse().expect("a task"));
        let job = self.slurm.jobs.iter().position(|job| job.id == id && !job.is_foreign());
        let Some(job) = job else { return Said::Error("Invalid job id specified") };
        // The number may be that of a later, smaller array by now.
        match self.slurm.jobs[job].tasks.get(task).map(|task| &task.state) {
            None => return Said::Error("Invalid job id specified"),
            Some(&State::Runs(_, pid)) => {
                self.again(job, task);
                self.kill(pid);
            }
            Some(_) => {}
        }
        Said::Words(String::new())
    }

    fn again(&mut self, job: usize, task: usize) {
        let task = &mut self.slurm.jobs[job].tasks[task];
        task.state = State::Waits;
        task.restarts += 1;
    }

    fn scancel(&mut self, words: &[String]) -> Said {
        let name = words.iter().find_map(|word| word.strip_prefix("--name="));
        let waiting = words.iter().any(|word| word == "--state=PENDING");
        let (id, tasks) = match words.last().and_then(|word| word.split_once("_[")) {
            Some((id, tasks)) => (id.to_owned(), ranges::read(tasks.trim_end_matches(']'))),
            None => (words.last().cloned().unwrap_or_default(), None),
        };
        let id: u64 = id.parse().expect("a job");
        let (mut ended, now) = (Vec::new(), self.now);
        for job in self.slurm.jobs.iter_mut().filter(|job| job.id == id) {
            if name.is_some_and(|name| name != job.name) {
                continue;
            }
            if job.is_foreign() && job.is_alive() {
                self.slurm.trespasses.push(format!("job {id} of others was cancelled"));
            }
            for (number, task) in (0_u32..).zip(&mut job.tasks) {
                let meant = tasks.as_ref().is_none_or(|tasks| tasks.contains(&number));
                match task.state {
                    State::Waits if meant => task.state = State::Over("CANCELLED", now),
                    State::Runs(_, pid) if meant && !waiting => {
                        task.state = State::Over("CANCELLED", now);
                        ended.push(pid);
                    }
                    _ => {}
                }
            }
        }
        ended.into_iter().for_each(|pid| self.kill(pid));
        Said::Words(String::new())
    }

    /// Starts what may start.
    pub(super) fn start_tasks(&mut self) {
        for at in 0..self.slurm.jobs.len() {
            let job = &self.slurm.jobs[at];
            if job.is_foreign() && job.is_alive() && job.asked + OTHERS < self.now {
                let over = State::Over("COMPLETED", self.now);
                self.slurm.jobs[at].tasks.iter_mut().for_each(|task| task.state = over);
                continue;
            }
            if job.is_alive() && job.arrives <= self.now && self.waits_in_vain(job) {
                let over = State::Over("CANCELLED", self.now);
                self.slurm.jobs[at].tasks.iter_mut().for_each(|task| task.state = over);
                continue;
            }
            let early = job.arrives.max(job.begins) > self.now;
            let waits = job.held || early || self.depends(job);
            if waits || job.is_foreign() || !job.is_alive() {
                continue;
            }
            for task in 0..job.tasks.len() {
                let workers = (self.nodes.len() - LOGINS) as u64;
                let node = LOGINS + self.draw.below(workers) as usize;
                let job = &self.slurm.jobs[at];
                if job.tasks[task].state != State::Waits || self.nodes[node].frozen > self.now {
                    continue;
                }
                let env = vec![
                    ("SLURM_ARRAY_JOB_ID", job.id.to_string()),
                    ("SLURM_ARRAY_TASK_ID", task.to_string()),
                    ("SLURM_RESTART_COUNT", job.tasks[task].restarts.to_string()),
                    ("DLGRID_INTENT", job.intent.to_string()),
                ];
                let intent = job.intent;
                let pid = self.spawn(node, env, Box::new(move || life::task(intent)));
                self.processes[pid].wakes = self.now + self.draw.seconds(60.0);
                self.slurm.jobs[at].tasks[task].state = State::Runs(node, pid);
            }
        }
    }

    /// When something of the queue arrives, or a node for it is back.
    pub(super) fn next_in_queue(&self) -> Option<f64> {
        let jobs = self.slurm.jobs.iter().filter(|job| !job.held && !job.is_foreign());
        let waits = |job: &&Job| {
            job.tasks.iter().any(|task| task.state == State::Waits) && !self.depends(job)
        };
        let begins = |job: &Job| job.arrives.max(job.begins).max(self.now + 1.0);
        jobs.filter(waits).map(begins).min_by(f64::total_cmp)
    }

    /// A process is over: its task, too, if it still is that.
    pub(super) fn task_ended(&mut self, pid: usize) {
        let process = &self.processes[pid];
        let word = if process.killed || process.failed { "FAILED" } else { "COMPLETED" };
        let now = self.now;
        for task in self.slurm.jobs.iter_mut().flat_map(|job| &mut job.tasks) {
            if matches!(task.state, State::Runs(_, runs) if runs == pid) {
                task.state = State::Over(word, now);
            }
        }
    }

    /// Slurm takes a node for dead: what ran there is started elsewhere, or is over.
    pub(super) fn node_failed(&mut self, node: usize) {
        let again = !self.draw.one_in(3);
        for job in 0..self.slurm.jobs.len() {
            for task in 0..self.slurm.jobs[job].tasks.len() {
                match self.slurm.jobs[job].tasks[task].state {
                    State::Runs(on, _) if on == node && again => self.again(job, task),
                    State::Runs(on, _) if on == node => {
                        self.slurm.jobs[job].tasks[task].state = State::Over("NODE_FAIL", self.now);
                    }
                    _ => {}
                }
            }
        }
    }

    /// The controller dies: what it had not saved it has forgotten, and others get the numbers. One
    /// in so many times it comes back with what it knew long ago.
    pub(super) fn controller_dies(&mut self) {
        self.slurm.away = self.now + self.draw.seconds(30.0);
        let unsaved = if self.draw.one_in(4) { self.draw.seconds(900.0) } else { UNSAVED };
        let since = self.now - unsaved;
        let lost = self.slurm.jobs.iter().filter(|job| job.asked > since).map(|job| job.id).min();
        let Some(first) = lost else { return };
        self.slurm.jobs.retain(|job| job.id < first);
        self.slurm.last = first - 1;
        for _ in 0..self.draw.below(4) {
            self.slurm.last += 1;
            self.slurm.jobs.push(Job {
                id: self.slurm.last,
                name: "somebody-else".into(),
                intent: 0,
                held: false,
                after: Vec::new(),
                begins: 0.0,
                tasks: vec![Task { state: State::Waits, restarts: 0 }],
                asked: self.now,
                arrives: self.now,
            });
        }
    }

    /// Where it is told a number, it may just have died and given that to others.
    fn controller_may_die(&mut self, program: &str) {
        let by_number = matches!(program, "scancel" | "scontrol");
        if by_number && self.stormy && self.draw.one_in(30) {
            self.witness.faults += 1;
            self.controller_dies();
        }
    }

    /// A task begins to work: beside none of another array, as far as Slurm has both.
    pub(super) fn works(&mut self, intent: u32, task: ArrayTask, slices: &[u32]) {
        self.witness.worked.insert((intent, task.array));
        let Some(own) = self.current else { return };
        let all = self.slurm.jobs.iter().flat_map(|job| &job.tasks);
        let running: Vec<usize> = all
            .filter_map(|task| match task.state {
                State::Runs(_, pid) => Some(pid),
                _ => None,
            })
            .collect();
        let beside = running.iter().filter(|_| running.contains(&own)).find(|pid| {
            let other =
                self.processes[**pid].works.as_ref().filter(|_| !self.processes[**pid].done);
            other.is_some_and(|(array, theirs)| {
                *array != task.array && theirs.iter().any(|slice| slices.contains(slice))
            })
        });
        if let Some((array, theirs)) = beside.and_then(|pid| self.processes[*pid].works.as_ref()) {
            let (one, two) = (task.array, array);
            self.witness.twice.push(format!("arrays {one} and {two}: {slices:?}, {theirs:?}"));
        }
        self.processes[own].works = Some((task.array, slices.to_vec()));
    }

    /// Tasks that are under way beside the one that asks.
    pub(super) fn tasks_at_work(&self) -> usize {
        let at_work = |p: &&Process| !p.done && !p.killed && p.works.is_some();
        self.processes.iter().filter(at_work).count().saturating_sub(1)
    }

    /// A task is put back by hand, or makes room for others.
    pub(super) fn requeue_some(&mut self) {
        let running: Vec<(usize, usize, usize)> = (0..self.slurm.jobs.len())
            .flat_map(|job| (0..self.slurm.jobs[job].tasks.len()).map(move |task| (job, task)))
            .filter_map(|(job, task)| match self.slurm.jobs[job].tasks[task].state {
                State::Runs(_, pid) => Some((job, task, pid)),
                _ => None,
            })
            .collect();
        if running.is_empty() {
            return;
        }
        let (job, task, pid) = running[self.draw.below(running.len() as u64) as usize];
        self.again(job, task);
        self.kill(pid);
    }

    /// Names that more than one job has that is not over.
    pub(super) fn doubles(&self) -> Vec<String> {
        let left = self.left_in_queue();
        let mut names: Vec<String> = left.into_iter().map(|(_, name)| name).collect();
        names.sort_unstable();
        names.chunk_by(|a, b| a == b).filter(|c| c.len() > 1).map(|c| c[0].clone()).collect()
    }

    /// Jobs of the sweep that are not over: number and name.
    pub(super) fn left_in_queue(&self) -> BTreeSet<(u64, String)> {
        let own = self.slurm.jobs.iter().filter(|job| !job.is_foreign() && job.is_alive());
        own.map(|job| (job.id, job.name.clone())).collect()
    }
}
