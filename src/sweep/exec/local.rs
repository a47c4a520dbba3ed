//! Works on slices on this machine: one worker process a slot, fed line by line.
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::feed::Report;
use crate::host;
use crate::store::layout::SweepDir;

/// Where one worker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `cpu`, `cuda:0`, …
    pub device: String,
    /// Threads of the worker.
    pub threads: usize,
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
    /// Its slices, in order.
    pub slices: Vec<u32>,
    /// Where workers run.
    pub slots: Vec<Slot>,
    /// What they run.
    pub worker: Worker,
    /// Further words for the worker, such as `--redo failed`.
    pub extra: Vec<OsString>,
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

/// Times that a slice is tried when its worker dies.
const TRIES: u32 = 4;
/// Seconds between two looks at the sweep.
const TICK: Duration = Duration::from_millis(200);

struct Queue {
    open: VecDeque<(u32, u32)>,
    stopped: bool,
}

struct Shared {
    job: Job,
    queue: Mutex<Queue>,
    /// Process groups of the living workers.
    living: Mutex<Vec<u32>>,
    events: mpsc::Sender<Event>,
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
    let queue = Queue { open: job.slices.iter().map(|s| (*s, 1)).collect(), stopped: false };
    let slots: Vec<Slot> = job.slots.iter().take(job.slices.len()).cloned().collect();
    let shared =
        Arc::new(Shared { job, queue: Mutex::new(queue), living: Mutex::default(), events });
    let threads: Vec<_> = slots
        .into_iter()
        .enumerate()
        .map(|(number, slot)| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(&shared, number, &slot))
        })
        .collect();
    let mut seen = 0;
    while threads.iter().any(|t| !t.is_finished()) {
        let asked = stops.load(Ordering::SeqCst);
        if asked > seen {
            seen = asked;
            shared.stop(asked > 1);
        }
        let mut happened: Vec<Event> = inbox.recv_timeout(TICK).into_iter().collect();
        happened.extend(inbox.try_iter());
        tick(&happened);
    }
    let last: Vec<Event> = inbox.try_iter().collect();
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

    fn living(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, at_once: bool) {
        self.queue().stopped = true;
        for pid in self.living().iter() {
            host::signal_group(*pid, if at_once { host::Signal::Kill } else { host::Signal::Term });
        }
    }

    fn take(&self) -> Option<(u32, u32)> {
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
        let _heard = self.events.send(event);
    }
}

/// One slot: worker after worker, until nothing is left.
fn serve(shared: &Shared, number: usize, slot: &Slot) -> std::io::Result<()> {
    let mut generation = 0;
    while let Some(first) = shared.take() {
        generation += 1;
        let log =
            shared.job.dir.logs().join(format!("local-{}-{number}-{generation}.log", host::pid()));
        let (mut child, stdout) = start(shared, slot, &log)?;
        shared.living().push(child.id());
        if shared.queue().stopped {
            host::signal_group(child.id(), host::Signal::Term);
        }
        let (held, served) = feed(shared, &mut child, stdout, first, &log);
        let status = child.wait()?;
        shared.living().retain(|pid| *pid != child.id());
        let stopped = shared.queue().stopped;
        match held {
            None => {}
            Some(_) if stopped => {}
            Some(_) if !served && is_refusal(status) => {
                shared.give_up(describe(status), &log);
                return Ok(());
            }
            Some((slice, tried)) => {
                let again = tried < TRIES;
                if again {
                    shared.queue().open.push_front((slice, tried + 1));
                }
                shared.tell(Event::Died { slice, how: describe(status), again, log });
            }
        }
    }
    Ok(())
}

/// A worker that ends by itself before it has taken a slice will not do better next time.
fn is_refusal(status: ExitStatus) -> bool {
    status.code().is_some()
}

fn start(
    shared: &Shared,
    slot: &Slot,
    log: &std::path::Path,
) -> std::io::Result<(Child, std::process::ChildStdout)> {
    let errors = crate::store::fs::create_log(log).map_err(std::io::Error::other)?;
    let job = &shared.job;
    let mut command = host::command(&job.worker.program);
    command
        .args(&job.worker.args)
        .arg("--sweep")
        .arg(job.dir.path())
        .args(["--slices", "-", "--device", &slot.device])
        .args(["--threads", &slot.threads.to_string()])
        .args(&job.extra)
        .env("DLGRID_LOG", log.file_name().unwrap_or_default())
        .env("OMP_NUM_THREADS", slot.threads.to_string())
        .env("MKL_NUM_THREADS", slot.threads.to_string())
        .env("OMP_WAIT_POLICY", "passive")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .process_group(0);
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().expect("standard output is piped");
    Ok((child, stdout))
}

/// Answers a worker until its output closes. Returns the slice that it still held, and whether
/// it ever reported.
fn feed(
    shared: &Shared,
    child: &mut Child,
    stdout: std::process::ChildStdout,
    first: (u32, u32),
    log: &std::path::Path,
) -> (Option<(u32, u32)>, bool) {
    let mut input = child.stdin.take();
    let mut waiting = Some(first);
    let mut held = Some(first);
    let mut served = false;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Some(report) = Report::parse(&line) else { continue };
        served = true;
        if let Report::Done { slice, code } = report {
            shared.tell(Event::Done { slice, code });
            if code == crate::exit::MISSING {
                shared.give_up("lacks something on this machine".into(), log);
            }
        }
        let next = waiting.take().filter(|_| !shared.queue().stopped).or_else(|| shared.take());
        let answer = next.map_or_else(|| "end\n".to_owned(), |(slice, _)| format!("{slice}\n"));
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

fn describe(status: ExitStatus) -> String {
    if let Some(signal) = status.signal() {
        let name = match signal {
            6 => " (SIGABRT)",
            9 => " (SIGKILL; the system kills so when memory runs out)",
            11 => " (SIGSEGV)",
            15 => " (SIGTERM)",
            _ => "",
        };
        return format!("was killed by signal {signal}{name}");
    }
    match status.code() {
        Some(127) => "could not start: a program or library is missing".into(),
        Some(code) => format!("ended with exit code {code}"),
        None => "ended".into(),
    }
}
