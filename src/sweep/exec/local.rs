//! Works on slices on this machine: one worker process a slot, fed line by line.
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::death::{self, describe, is_killed, is_refusal};
use super::feed::{Given, Report};
use super::{orphans, usage};
use crate::host;
use crate::store::layout::SweepDir;
use crate::store::merge::Results;
use crate::store::record::Cause;
use crate::store::{StoreError, fs, read};

/// Where one worker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// Threads of the worker.
    pub threads: usize,
    /// Words before the program, such as those of `mpirun`: what they start is signalled through it.
    pub starter: Vec<OsString>,
    /// The GPUs that it may see, as `CUDA_VISIBLE_DEVICES`; nothing: those that this process sees.
    pub visible: Option<String>,
}

/// Where what workers print goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Print {
    /// To a log of its own in the sweep for each worker.
    ToLogs,
    /// To where this process prints.
    Through,
}

/// The program that works on slices.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The program.
    pub program: PathBuf,
    /// Words before those that name the sweep.
    pub args: Vec<OsString>,
}

/// Slices to be worked on here.
#[derive(Debug, Clone)]
pub struct Job {
    /// The sweep.
    pub dir: SweepDir,
    /// Its id.
    pub sweep: String,
    /// Its slices, in order.
    pub slices: Vec<u32>,
    /// Where workers run.
    pub slots: Vec<Slot>,
    /// What they run.
    pub worker: Worker,
    /// Further words for the worker, such as `--redo failed`.
    pub extra: Vec<OsString>,
    /// Further variables of the worker.
    pub environment: Vec<(String, String)>,
    /// Where what workers print goes.
    pub print: Print,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A slice ended.
    Done {
        /// The slice.
        slice: u32,
        /// Its exit code.
        code: u8,
    },
    /// A worker died while it worked on a slice.
    Died {
        /// The slice.
        slice: u32,
        /// How, in words.
        how: String,
        /// Why.
        cause: Cause,
        /// Whether the slice is tried again.
        again: bool,
        /// Its log.
        log: PathBuf,
    },
    /// A worker could not work at all.
    Unusable {
        /// How, in words.
        how: String,
        /// Its log.
        log: PathBuf,
    },
}

/// The variable by which a worker is told how many there are at a time, itself included.
pub const WORKERS: &str = "DLGRID_WORKERS";

/// Times that a slice is tried when its worker dies.
const TRIES: u32 = 4;
/// Seconds between two looks at the sweep.
const TICK: Duration = Duration::from_millis(200);
/// How much later than its workers a process may hear a signal that was meant for all.
const HEARSAY: Duration = Duration::from_millis(500);

struct Queue {
    open: VecDeque<Turn>,
    stopped: bool,
}

/// A slice on its way through workers.
#[derive(Debug, Clone, Copy)]
struct Turn {
    slice: u32,
    /// Workers that it was given to since one of its runs last ended.
    tried: u32,
    /// Ends of its runs, those of earlier attempts included, when they were last counted.
    ends: u64,
    /// Why the last worker that had it died.
    died: Option<Cause>,
}

/// A worker at work.
#[derive(Debug, Clone, Copy)]
struct Living {
    worker: u32,
    /// Whether another program has started it, which hands SIGUSR2 on and would be ended by SIGTERM.
    started: bool,
}

struct Shared {
    job: Job,
    queue: Mutex<Queue>,
    living: Mutex<Vec<Living>>,
    /// How often the kernel had killed for want of memory when that was last looked at.
    memory_kills: Mutex<Option<u64>>,
    /// What happens; nothing when a slot is done.
    events: mpsc::Sender<Option<Event>>,
}

/// Works until every slice has ended, or `stops` says how many times a stop was asked for:
/// once ends gently, twice at once. `tick` is called a few times a second with what happened.
///
/// # Errors
/// If no worker can be started.
pub fn run(
    job: Job,
    stops: &Arc<AtomicUsize>,
    tick: &mut dyn FnMut(&[Event]),
) -> std::io::Result<()> {
    let (events, inbox) = mpsc::channel();
    let queue = Queue {
        open: job
            .slices
            .iter()
            .map(|s| Turn { slice: *s, tried: 1, ends: 0, died: None })
            .collect(),
        stopped: false,
    };
    let slots: Vec<Slot> = job.slots.iter().take(job.slices.len()).cloned().collect();
    let shared = Arc::new(Shared {
        job,
        queue: Mutex::new(queue),
        living: Mutex::default(),
        memory_kills: Mutex::new(usage::memory_kills()),
        events,
    });
    let threads: Vec<_> = slots
        .into_iter()
        .enumerate()
        .map(|(number, slot)| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let served = serve(&shared, number, &slot);
                let _heard = shared.events.send(None);
                served
            })
        })
        .collect();
    let mut seen = 0;
    while threads.iter().any(|t| !t.is_finished()) {
        let asked = stops.load(Ordering::SeqCst);
        if asked > seen {
            seen = asked;
            shared.stop(asked > 1);
        }
        let mut happened: Vec<Event> = inbox.recv_timeout(TICK).into_iter().flatten().collect();
        happened.extend(inbox.try_iter().flatten());
        tick(&happened);
    }
    let last: Vec<Event> = inbox.try_iter().flatten().collect();
    tick(&last);
    for thread in threads {
        match thread.join() {
            Ok(result) => result?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    Ok(())
}

impl Shared {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn living(&self) -> std::sync::MutexGuard<'_, Vec<Living>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, at_once: bool) {
        self.queue().stopped = true;
        for living in self.living().iter() {
            if at_once {
                living.end();
            } else {
                living.ask();
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.queue().stopped
    }

    /// Gives a slice to another worker, unless too many have died over it in vain.
    fn again(&self, turn: Turn) -> bool {
        let ends = read::load_slice_to_show(&self.job.dir, turn.slice, &self.job.sweep)
            .map_or(turn.ends, |results| ends(&results));
        let turn = turn.next(ends);
        let again = turn.tried <= TRIES;
        if again {
            self.queue().open.push_front(turn);
        }
        again
    }

    /// Why a worker died.
    fn cause(&self, status: ExitStatus) -> Cause {
        let mut known = self.memory_kills.lock().unwrap_or_else(PoisonError::into_inner);
        death::cause(&mut known, usage::memory_kills(), is_killed(status))
    }

    fn take(&self) -> Option<Turn> {
        let mut queue = self.queue();
        if queue.stopped { None } else { queue.open.pop_front() }
    }

    /// No worker of this job will do better: the rest is left.
    fn give_up(&self, how: String, log: &std::path::Path) {
        self.queue().stopped = true;
        self.tell(Event::Unusable { how, log: log.to_owned() });
    }

    fn tell(&self, event: Event) {
        // The receiver lives as long as any worker thread.
        let _heard = self.events.send(Some(event));
    }
}

impl Turn {
    /// The slice for another worker, when its runs have so many ends.
    const fn next(self, ends: u64) -> Self {
        let tried = if ends > self.ends { 1 } else { self.tried + 1 };
        Self { tried, ends, ..self }
    }
}

/// How many ends the runs of a slice have: one more, too, where a run is ended again.
fn ends(results: &Results) -> u64 {
    results.runs.values().map(|run| u64::from(run.ends)).sum()
}

impl Living {
    /// Asks the worker to stop.
    fn ask(self) {
        let signal = if self.started { host::Signal::Usr2 } else { host::Signal::Term };
        host::signal_group(self.worker, signal);
    }

    /// Ends the worker at once.
    fn end(self) {
        host::signal_group(self.worker, host::Signal::Kill);
    }
}

/// One slot: worker after worker, until nothing is left.
fn serve(shared: &Shared, number: usize, slot: &Slot) -> std::io::Result<()> {
    let mut generation = 0;
    while let Some(first) = shared.take() {
        let started = talk_of(&shared.job, number, &mut generation).and_then(|(talk, log)| {
            let mark = orphans::mark()?;
            Ok((start(&shared.job, slot, talk, &log, mark)?, log, mark))
        });
        let ((mut child, stdout), log, mark) = match started {
            Ok(started) => started,
            Err(error) => {
                // Others may be able to work on it.
                shared.queue().open.push_front(first);
                return Err(error);
            }
        };
        let worker = child.id();
        let living = Living { worker, started: !slot.starter.is_empty() };
        shared.living().push(living);
        if shared.is_stopped() {
            living.ask();
        }
        let (held, served) = feed(shared, &mut child, stdout, first, &log);
        let status = child.wait()?;
        shared.living().retain(|l| l.worker != worker);
        let Some(turn) = held else { continue };
        // A worker that was killed leaves its program behind.
        living.end();
        orphans::end(mark);
        if shared.is_stopped() {
            continue;
        }
        if !served && is_refusal(status) {
            shared.give_up(describe(status), &log);
            return Ok(());
        }
        let cause = shared.cause(status);
        let again = shared.again(Turn { died: Some(cause), ..turn });
        shared.tell(Event::Died { slice: turn.slice, how: describe(status), cause, again, log });
    }
    Ok(())
}

/// Where the talk of a slot's next worker goes, and the name of its log. A process of the same id may have left
/// logs: before this machine was started again, in another container, or on another machine.
fn talk_of(job: &Job, number: usize, generation: &mut u32) -> std::io::Result<(Stdio, PathBuf)> {
    loop {
        *generation += 1;
        let name = format!("local-{}-{number}-{generation}.log", host::pid());
        let log = job.dir.logs().join(name);
        if job.print == Print::Through {
            return Ok((Stdio::inherit(), log));
        }
        match fs::create_log(&log) {
            Ok(file) => return Ok((file.into(), log)),
            Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(std::io::Error::other(error)),
        }
    }
}

fn start(
    job: &Job,
    slot: &Slot,
    talk: Stdio,
    log: &std::path::Path,
    mark: u64,
) -> std::io::Result<(Child, std::process::ChildStdout)> {
    let mut words = slot.starter.iter().map(OsString::as_os_str);
    let mut command = match words.next() {
        None => host::command(&job.worker.program),
        Some(starter) => {
            let mut command = host::command(starter);
            command.args(words).arg(&job.worker.program);
            command
        }
    };
    command
        .args(&job.worker.args)
        .arg("--sweep")
        .arg(job.dir.path())
        .args(["--slices", "-", "--device", &slot.device])
        .args(["--threads", &slot.threads.to_string()])
        .args(&job.extra)
        .envs(job.environment.iter().map(|(name, value)| (name, value)))
        .env(WORKERS, job.slots.len().min(job.slices.len()).to_string())
        .env("OMP_NUM_THREADS", slot.threads.to_string())
        .env("MKL_NUM_THREADS", slot.threads.to_string())
        .env("OMP_WAIT_POLICY", "passive")
        .env(orphans::MARK, orphans::written(mark))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(talk)
        .process_group(0);
    if job.print == Print::ToLogs {
        command.env("DLGRID_LOG", log.file_name().unwrap_or_default());
    }
    if let Some(visible) = &slot.visible {
        command.env("CUDA_VISIBLE_DEVICES", visible);
    }
    let mut child = host::spawn(&mut command)?;
    let stdout = child.stdout.take().expect("standard output is piped");
    Ok((child, stdout))
}

/// Answers a worker until its output closes. Returns the slice that it still held, and whether
/// it ever reported.
fn feed(
    shared: &Shared,
    child: &mut Child,
    stdout: std::process::ChildStdout,
    first: Turn,
    log: &std::path::Path,
) -> (Option<Turn>, bool) {
    let mut input = child.stdin.take();
    let mut waiting = Some(first);
    let mut held = Some(first);
    let mut served = false;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Some(report) = Report::parse(&line) else { continue };
        served = true;
        match report {
            Report::Ready => {}
            Report::Done { slice, code } => {
                shared.done(slice, code, held.take(), log);
            }
        }
        let next = waiting.take().filter(|_| !shared.is_stopped()).or_else(|| shared.take());
        let given = next.map(|turn| Given { slice: turn.slice, died: turn.died });
        let answer = given.map_or_else(|| "end\n".to_owned(), |given| format!("{given}\n"));
        held = next;
        let sent = input.as_mut().is_some_and(|pipe| {
            pipe.write_all(answer.as_bytes()).and_then(|()| pipe.flush()).is_ok()
        });
        if !sent {
            break;
        }
    }
    (held, served)
}

impl Shared {
    fn done(&self, slice: u32, code: u8, turn: Option<Turn>, log: &std::path::Path) {
        self.tell(Event::Done { slice, code });
        match code {
            crate::exit::MISSING => self.give_up("lacks something on this machine".into(), log),
            // Somebody else asked that worker to stop: the slice is not done. Slurm asks all
            // processes of a task at once, and this one may hear of it later.
            crate::exit::STOPPED => {
                std::thread::sleep(HEARSAY);
                if let Some(turn) = turn.filter(|_| !self.is_stopped()) {
                    self.again(turn);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(folder: &std::path::Path) -> Job {
        Job {
            dir: SweepDir::new(folder),
            sweep: String::new(),
            slices: Vec::new(),
            slots: Vec::new(),
            worker: Worker { program: PathBuf::new(), args: Vec::new() },
            extra: Vec::new(),
            environment: Vec::new(),
            print: Print::ToLogs,
        }
    }

    #[test]
    fn a_slice_is_given_up_when_no_run_of_it_ends_any_more() {
        let turn = |tried, ends| Turn { slice: 0, tried, ends, died: None };
        let told = |turn: Turn| (turn.tried, turn.ends);
        assert_eq!(told(turn(3, 5).next(5)), (4, 5));
        assert_eq!(told(turn(3, 5).next(6)), (1, 6));
        let mut results = Results::default();
        for (index, ends) in [(0, 1), (1, 2), (2, 0)] {
            results.runs.entry(index).or_default().ends = ends;
        }
        assert_eq!(super::ends(&results), 3, "the second end of a run counts");
    }

    /// Where no worker can be started here, the slice stays for others.
    #[test]
    fn a_slice_whose_worker_can_t_be_started_is_put_back() {
        let folder = tempfile::tempdir().expect("folder");
        let worker = Worker { program: folder.path().join("none"), args: Vec::new() };
        let (events, _inbox) = mpsc::channel();
        let turn = Turn { slice: 7, tried: 1, ends: 0, died: None };
        let shared = Shared {
            job: Job { worker, ..job(folder.path()) },
            queue: Mutex::new(Queue { open: [turn].into(), stopped: false }),
            living: Mutex::default(),
            memory_kills: Mutex::default(),
            events,
        };
        let device = "cpu".to_owned();
        let slot = Slot { device, threads: 1, starter: Vec::new(), visible: None };
        serve(&shared, 0, &slot).expect_err("no such program");
        assert_eq!(shared.take().map(|turn| turn.slice), Some(7));
    }

    /// What a process of this id left before the machine was started again is no obstacle, and stays as it is.
    #[test]
    fn the_log_of_an_earlier_process_of_the_same_id_is_left_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let job = job(folder.path());
        let first_log = |generation: &mut u32| talk_of(&job, 0, generation).expect("a log").1;
        let (mut before, mut now) = (0, 0);
        let left = first_log(&mut before);
        assert_ne!(first_log(&mut now), left);
        assert_eq!((before, now), (1, 2));
    }
}
