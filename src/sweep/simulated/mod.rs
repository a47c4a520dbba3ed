//! A world that a seed decides, for tests: nodes with clocks and caches of their own, a file server,
//! Slurm, and processes that run the product's code and are interleaved at each operation on a file
//! or question to Slurm. One thread, nothing of it outside: the same seed leads the same life.
pub mod files;
mod hold;
mod life;
mod open;
pub mod slurm;
mod stage;
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::draw::SplitMix;
use crate::store::fs::fault::Killed;
use slurm::Controller;

/// What chance does to a world.
#[derive(Debug)]
pub struct Draw(SplitMix);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(SplitMix(seed))
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next() % n.max(1)
    }

    pub fn number(&mut self, n: u64) -> u32 {
        u32::try_from(self.below(n)).unwrap_or(0)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Seconds from 0 to `most`.
    pub fn seconds(&mut self, most: f64) -> f64 {
        f64::from(self.number(1 << 20)) / f64::from(1 << 20) * most
    }
}

/// A machine.
#[derive(Debug, Default)]
pub struct Node {
    name: String,
    /// How far its wall clock is from the world's.
    skew: f64,
    client: files::Client,
    /// How often it was started: what was open before is gone.
    boots: u32,
    /// Cut off or frozen until then: its processes stand still.
    frozen: f64,
}

/// A process.
#[derive(Debug)]
pub struct Process {
    node: usize,
    killed: bool,
    done: bool,
    /// Whether its exit code is none of success.
    failed: bool,
    /// When it goes on.
    wakes: f64,
    env: Vec<(&'static str, String)>,
    /// The array and the slices that it works on, once it does.
    works: Option<(u64, Vec<u32>)>,
}

/// What is known from outside the file system.
#[derive(Debug, Default)]
pub struct Witness {
    /// Ends that were acknowledged: number of the run, attempt, bits of its objective.
    pub acknowledged: Vec<(u64, u32, u64)>,
    /// Arrays that worked for an intent.
    pub worked: BTreeSet<(u32, u64)>,
    /// Attempts: slice and number.
    pub attempts: BTreeSet<(u32, u32)>,
    /// Checkpoints that were acknowledged: number of the run, epoch.
    pub saved: Vec<(u64, u32)>,
    /// Slices on which two arrays worked that Slurm had both.
    pub twice: Vec<String>,
    /// Names that were changed outside the sweep's directory.
    pub strays: Vec<PathBuf>,
    /// Processes that were killed, and operations that were refused or whose answer got lost: what
    /// may leave a file in the making behind.
    pub cut_short: usize,
    /// Faults that befell the world.
    pub faults: u64,
    /// Runs that were tried first, and well.
    pub canaries: u64,
    /// Jobs that added what a limit had kept out.
    pub top_ups: u64,
}

impl Witness {
    /// The last epoch of a run with an acknowledged checkpoint; 0 where it has ended.
    fn saved_since_ends(&self, run: u64) -> u32 {
        if self.acknowledged.iter().any(|(index, ..)| *index == run) {
            return 0;
        }
        let of_run = self.saved.iter().filter(|(index, _)| *index == run);
        of_run.map(|(_, epoch)| *epoch).max().unwrap_or(0)
    }
}

/// What a world does more or less often, drawn once.
#[derive(Debug, Default)]
pub struct Habits {
    /// One in so many operations another process goes on.
    switch: u64,
    /// One in so many operations is refused; 0: none.
    refuse: u64,
    /// One in so many answers is lost; 0: none.
    lose: u64,
    /// Whether jobs are held until their number is written down.
    hold: bool,
    /// Whether a job concludes the sweep with a report.
    report: bool,
    /// Whether one run is tried before all others.
    canary: bool,
}

type Body = Box<dyn FnOnce() + Send>;

/// All of it.
pub struct World {
    pub draw: Draw,
    now: f64,
    operations: u64,
    begun: Instant,
    nodes: Vec<Node>,
    processes: Vec<Process>,
    current: Option<usize>,
    server: files::Server,
    /// The sweep's directory: all that changes is in there.
    inside: PathBuf,
    pub slurm: Controller,
    habits: Habits,
    /// Whether faults befall it.
    stormy: bool,
    /// Operations at which something befalls it, the next last.
    due: Vec<u64>,
    pub witness: Witness,
    /// Whether all is over but the last look.
    last_look: bool,
    born: Vec<(usize, Body)>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Whether this thread is in a world.
pub fn is_on() -> bool {
    WORLD.with_borrow(Option::is_some)
}

/// Looks at the world, or changes it.
fn with<T>(work: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| work(world.as_mut().expect("a world is on")))
}

/// Something of the world, where there is one.
fn of<T>(work: impl FnOnce(&mut World) -> T) -> Option<T> {
    WORLD.with_borrow_mut(|world| world.as_mut().map(work))
}

/// Something of the process that runs.
fn here<T>(work: impl FnOnce(&World, usize, &Process) -> T) -> Option<T> {
    of(|world| world.current.map(|pid| work(world, pid, &world.processes[pid]))).flatten()
}

pub fn now() -> Option<f64> {
    const BEGINNING: f64 = 1.8e9;
    let skew = here(|world, _, process| world.nodes[process.node].skew).unwrap_or(0.0);
    of(|world| BEGINNING + world.now + skew)
}

pub fn instant() -> Option<Instant> {
    of(|world| world.begun + Duration::from_secs_f64(world.now))
}

pub fn host_name() -> Option<String> {
    here(|world, _, process| world.nodes[process.node].name.clone())
}

pub fn pid() -> Option<u32> {
    here(|_, pid, _| u32::try_from(pid + 1).unwrap_or(u32::MAX))
}

/// In the kernel's form; a process is seen from its own machine alone.
pub fn process_stat(pid: u32) -> Option<String> {
    let node = here(|_, _, process| process.node)?;
    let at = (pid as usize).checked_sub(1)?;
    let runs = |world: &mut World| {
        world.processes.get(at).is_some_and(|p| p.node == node && !p.done && !p.killed)
    };
    of(runs)?.then(|| format!("{pid} (dlgrid) S{} {pid}", " 0".repeat(18)))
}

pub fn env(name: &str) -> Option<OsString> {
    let of_process = |_: &World, _, process: &Process| {
        process.env.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into())
    };
    here(of_process).flatten()
}

pub fn random(bytes: &mut [u8]) -> bool {
    of(|world| bytes.iter_mut().for_each(|byte| *byte = world.draw.number(256) as u8)).is_some()
}

/// Whether the process that runs was killed, or its machine has died: it does nothing any more.
pub fn is_dead() -> bool {
    here(|_, _, process| process.killed).unwrap_or(false)
}

/// Waits in the world's time, where there is one.
pub fn sleep(time: Duration) -> bool {
    if of(|world| world.current).flatten().is_none() {
        return is_on();
    }
    with(|world| {
        let pid = world.current.expect("a process sleeps");
        world.processes[pid].wakes = world.now + time.as_secs_f64();
    });
    give_way();
    true
}

/// Lets the scheduler choose who goes on; a process that was killed meanwhile ends here.
fn give_way() {
    end_if_dead();
    if std::thread::panicking() {
        return;
    }
    #[expect(deprecated, reason = "it is the one that can be called from the depth of other code")]
    generator::yield_with(());
    end_if_dead();
}

/// Ends the process that runs if it was killed, unless it is ending already.
fn end_if_dead() {
    if is_dead() && !std::thread::panicking() {
        std::panic::resume_unwind(Box::new(Killed));
    }
}

/// Time passes, and others may go on, before each operation. The checker, who is no process, is
/// outside of time.
fn step() -> Result<(), Errno> {
    if of(|world| world.current).flatten().is_none() {
        return Ok(());
    }
    end_if_dead();
    if is_dead() {
        return Err(Errno::IO);
    }
    let gives_way = with(|world| {
        world.operations += 1;
        world.now += world.draw.seconds(0.02);
        let due = world.due.last().is_some_and(|at| *at <= world.operations);
        due || world.draw.one_in(world.habits.switch)
    });
    if gives_way {
        give_way();
    }
    Ok(())
}

/// Whether the file server refuses an operation, and how; where it `writes`, space can be wanting.
fn refused(writes: bool) -> Result<(), Errno> {
    with(|world| {
        let refuses = world.current.is_some() && world.stormy && world.habits.refuse > 0;
        if !refuses || !world.draw.one_in(world.habits.refuse) {
            return Ok(());
        }
        world.witness.faults += 1;
        world.witness.cut_short += 1;
        let errnos = [Errno::IO, Errno::STALE, Errno::NOSPC, Errno::DQUOT];
        Err(errnos[world.draw.below(if writes { 4 } else { 2 }) as usize])
    })
}

/// Whether the answer to what was done gets lost.
fn lost() -> bool {
    with(|world| {
        let loses = world.current.is_some() && world.stormy && world.habits.lose > 0;
        let lost = loses && world.draw.one_in(world.habits.lose);
        world.witness.faults += u64::from(lost);
        world.witness.cut_short += usize::from(lost);
        lost
    })
}

impl World {
    /// The node of the process that runs.
    fn node(&self) -> Option<usize> {
        self.current.map(|pid| self.processes[pid].node)
    }

    /// A new process of a node.
    fn spawn(&mut self, node: usize, env: Vec<(&'static str, String)>, body: Body) -> usize {
        let wakes = self.now;
        let (killed, done, failed, works) = (false, false, false, None);
        self.processes.push(Process { node, killed, done, failed, wakes, env, works });
        self.born.push((self.processes.len() - 1, body));
        self.processes.len() - 1
    }

    fn kill(&mut self, pid: usize) {
        let process = &mut self.processes[pid];
        process.killed = !process.done;
        self.witness.cut_short += usize::from(process.killed);
        process.wakes = self.now;
    }

    /// A machine dies with what it had not written, and comes back.
    fn reboot(&mut self, node: usize) {
        for pid in 0..self.processes.len() {
            if self.processes[pid].node == node {
                self.kill(pid);
            }
        }
        let client = std::mem::take(&mut self.nodes[node].client);
        self.server.take_some(client.dirty, &mut self.draw);
        self.nodes[node].boots += 1;
        self.nodes[node].frozen = 0.0;
    }

    fn ready(&self) -> Vec<usize> {
        let goes = |process: &Process| {
            let thawed = self.nodes[process.node].frozen <= self.now;
            !process.done && (process.killed || (thawed && process.wakes <= self.now))
        };
        (0..self.processes.len()).filter(|pid| goes(&self.processes[*pid])).collect()
    }

    /// When the next process goes on, where none does now.
    fn next_wake(&self) -> Option<f64> {
        let wakes = |p: &Process| p.wakes.max(self.nodes[p.node].frozen);
        let alive = self.processes.iter().filter(|p| !p.done).map(wakes);
        alive.min_by(f64::total_cmp)
    }

    /// Something befalls the world.
    fn befall(&mut self) {
        self.witness.faults += 1;
        let alive: Vec<usize> =
            (0..self.processes.len()).filter(|pid| !self.processes[*pid].done).collect();
        let node = self.draw.below(self.nodes.len() as u64) as usize;
        match self.draw.below(8) {
            0 | 1 if !alive.is_empty() => {
                let pid = alive[self.draw.below(alive.len() as u64) as usize];
                self.kill(pid);
            }
            2 => {
                self.reboot(node);
                self.node_failed(node);
            }
            // Slurm thinks that it is dead, and it goes on later.
            3 | 4 if node >= LOGINS => {
                self.nodes[node].frozen = self.now + self.draw.seconds(400.0);
                self.node_failed(node);
            }
            3 | 4 => self.nodes[node].frozen = self.now + self.draw.seconds(100.0),
            5 => {
                let jump = self.draw.seconds(200_000.0) - 100_000.0;
                self.nodes[node].skew += jump;
            }
            6 => self.controller_dies(),
            _ => self.requeue_some(),
        }
    }
}

/// Nodes from which people type; those after them work.
const LOGINS: usize = 2;
