//! Faults that tests inject into this thread's file operations: errors, a kill, and what a power
//! failure leaves of them.
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

pub(crate) use super::done::Done;
use super::os::OpenFile;
use crate::store::error::StoreError;

/// Which operations fail, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The first operation that fails, counted from 0.
    pub first: u32,
    /// How many fail from there.
    pub count: u32,
    /// What the system answers.
    pub errno: Errno,
    /// Percent of the bytes that a failing write leaves in the file.
    pub kept: usize,
}

/// What is thrown where the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Killed;

thread_local! {
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
    static KILL: Cell<Option<(u32, usize)>> = const { Cell::new(None) };
    static DEAD: Cell<bool> = const { Cell::new(false) };
    static DONE: Cell<u32> = const { Cell::new(0) };
    static LOST: Cell<bool> = const { Cell::new(false) };
    static HIT: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    static SYNCED: RefCell<BTreeMap<PathBuf, u64>> = const { RefCell::new(BTreeMap::new()) };
    static NAMES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    static LOG: RefCell<Option<Vec<Done>>> = const { RefCell::new(None) };
}

/// Sets the plan, counts from 0 again; the thread's process lives.
pub(crate) fn plan(plan: Option<Plan>) {
    PLAN.set(plan);
    KILL.set(None);
    DEAD.set(false);
    DONE.set(0);
    HIT.take();
    NAMES.take();
}

/// Kills the thread's process before its operation of this number, from 0; where that is a write,
/// after so many percent of it.
pub(crate) fn kill(at: u32, kept: usize) {
    plan(None);
    KILL.set(Some((at, kept)));
}

/// Notes what is done from now on.
pub(crate) fn record() {
    LOG.set(Some(Vec::new()));
}

/// What was done since then; nothing is noted any more.
pub(crate) fn recorded() -> Vec<Done> {
    LOG.take().unwrap_or_default()
}

/// How many operations were asked for since the plan was set.
pub(crate) fn operations() -> u32 {
    DONE.get()
}

/// Every operation that was asked for since the plan was set, by its name.
pub(crate) fn names() -> Vec<&'static str> {
    NAMES.take()
}

/// The kinds of operations that failed by plan.
pub(crate) fn hit() -> Vec<&'static str> {
    HIT.take()
}

/// Whether the thread's process was killed: it does nothing any more.
pub(crate) fn is_dead() -> bool {
    DEAD.get() || crate::simulated::is_dead()
}

/// The percent of a write that are left, where this operation is the last one.
fn last() -> Option<usize> {
    let (at, kept) = KILL.get()?;
    (at == DONE.get()).then_some(kept)
}

fn die() -> ! {
    DEAD.set(true);
    std::panic::resume_unwind(Box::new(Killed))
}

fn due(what: &'static str) -> Option<Plan> {
    if crate::simulated::is_on() {
        return None;
    }
    let now = DONE.get();
    DONE.set(now + 1);
    NAMES.with_borrow_mut(|names| names.push(what));
    let plan = PLAN.get().filter(|p| now >= p.first && now - p.first < p.count)?;
    // What removes something needs no space.
    let frees = what.starts_with("remove") && matches!(plan.errno, Errno::NOSPC | Errno::DQUOT);
    (!frees).then(|| {
        HIT.with_borrow_mut(|hit| hit.push(what));
        plan
    })
}

/// Fails, or ends the process, if the plan says so.
pub(super) fn gate(what: &'static str, path: &Path) -> Result<(), StoreError> {
    if is_dead() {
        return Err(StoreError::io(what, path, Errno::IO));
    }
    if last().is_some() {
        die();
    }
    due(what).map_or(Ok(()), |plan| Err(StoreError::io(what, path, plan.errno)))
}

/// As [`gate`] for a sync. Where the plan keeps nothing, what was not synced before is lost, as on a
/// network file system whose disk is full.
pub(super) fn sync(file: &OpenFile, path: &Path) -> Result<(), StoreError> {
    let length = || file.length().unwrap_or(0);
    let refused = gate("sync", path);
    if crate::simulated::is_on() {
        return refused;
    }
    if refused.is_ok() {
        SYNCED.with_borrow_mut(|synced| synced.insert(path.to_owned(), length()));
    } else if !is_dead() && PLAN.get().is_some_and(|plan| plan.kept == 0) {
        let kept = SYNCED.with_borrow(|synced| synced.get(path).copied());
        file.cut(kept.unwrap_or(0)).expect("the test's own disk works");
    }
    refused
}

/// As [`gate`], leaving a part of the bytes in the file.
pub(super) fn append(file: &mut OpenFile, bytes: &[u8], path: &Path) -> Result<(), StoreError> {
    if is_dead() {
        return Err(StoreError::io("write to", path, Errno::IO));
    }
    let mut leave = |percent: usize| {
        let part = &bytes[..bytes.len() * percent / 100];
        let written: io::Result<usize> = file.write(part);
        assert_eq!(written.ok(), Some(part.len()), "the test's own disk is full");
        done(|| Done::Write(path.to_owned(), part.to_vec()));
        part.len()
    };
    if let Some(kept) = last() {
        leave(kept);
        die();
    }
    let Some(plan) = due("append") else { return Ok(()) };
    let written = leave(plan.kept);
    if plan.errno == SHORT {
        return Err(StoreError::Short { path: path.to_owned(), written, asked: bytes.len() });
    }
    Err(StoreError::io("write to", path, plan.errno))
}

/// In a plan: a write that takes fewer bytes and says so; other operations fail for want of space.
pub(crate) const SHORT: Errno = Errno::NOBUFS;

/// Loses the answers to all links from now on, on this thread.
pub(crate) fn lose_answers(lost: bool) {
    LOST.set(lost);
}

/// What the process hears of a link that was made or not.
pub(super) fn answer(told: Result<(), Errno>) -> Result<(), Errno> {
    if LOST.get() { Err(Errno::IO) } else { told }
}

/// Notes that something was done.
pub(super) fn done(what: impl FnOnce() -> Done) {
    LOG.with_borrow_mut(|log| {
        if let Some(log) = log {
            log.push(what());
        }
    });
}

/// What a power failure leaves: the files, by path, and the folders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    files: Vec<(Vec<u8>, usize)>,
    live: BTreeMap<PathBuf, Option<usize>>,
    durable: BTreeMap<PathBuf, Option<usize>>,
    pending: BTreeMap<PathBuf, Vec<Change>>,
}

/// What no sync has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsynced {
    /// Names of a folder that came or went, in their order.
    Names,
    /// Bytes at the end of a file.
    Bytes,
}

/// Names that appear (of a file by number, or of a folder) or go, at one stroke.
type Change = Vec<(PathBuf, Option<Option<usize>>)>;

impl Disk {
    /// The disk after these operations. Nothing is on it but what they did.
    pub(crate) fn after(log: &[Done]) -> Self {
        let mut disk = Self::default();
        for one in log {
            disk.take(one.clone());
        }
        disk
    }

    fn take(&mut self, one: Done) {
        match one {
            Done::Create(path) => {
                self.files.push((Vec::new(), 0));
                let file = Some(Some(self.files.len() - 1));
                self.change(vec![(path, file)]);
            }
            Done::Write(path, bytes) => {
                if let Some(Some(file)) = self.live.get(&path) {
                    self.files[*file].0.extend(bytes);
                }
            }
            Done::Sync(path) => {
                if let Some(Some(file)) = self.live.get(&path) {
                    self.files[*file].1 = self.files[*file].0.len();
                }
            }
            Done::Link(from, to) => {
                let file = self.live.get(&from).copied();
                self.change(vec![(to, file)]);
            }
            Done::Rename(from, to) => {
                let file = self.live.get(&from).copied();
                self.change(vec![(to, file), (from, None)]);
            }
            Done::Unlink(path) => self.change(vec![(path, None)]),
            Done::Mkdir(path) => self.change(vec![(path, Some(None))]),
            Done::SyncDir(folder) => {
                for change in self.pending.remove(&folder).unwrap_or_default() {
                    apply(&mut self.durable, change);
                }
            }
        }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.live, change.clone());
        let folder = change[0].0.parent().map(Path::to_owned).unwrap_or_default();
        self.pending.entry(folder).or_default().push(change);
    }

    /// What is there after the power came back. `keep` says how many of so many things survive
    /// that no sync has confirmed.
    pub(crate) fn survive(mut self, mut keep: impl FnMut(Unsynced, usize) -> usize) -> Survivors {
        for (_, changes) in std::mem::take(&mut self.pending) {
            let kept = keep(Unsynced::Names, changes.len());
            changes.into_iter().take(kept).for_each(|change| apply(&mut self.durable, change));
        }
        let mut survivors = Survivors::default();
        let folders: Vec<PathBuf> =
            self.durable.iter().filter(|(_, n)| n.is_none()).map(|(p, _)| p.clone()).collect();
        let root = self.live.keys().next().and_then(|path| path.parent()).map(Path::to_owned);
        let reached = |path: &Path| {
            path.ancestors().skip(1).all(|above| {
                root.as_ref().is_some_and(|root| root.starts_with(above))
                    || folders.iter().any(|folder| folder == above)
            })
        };
        for (path, node) in &self.durable {
            match node {
                _ if !reached(path) => {}
                None => survivors.folders.push(path.clone()),
                Some(file) => {
                    let (bytes, synced) = &self.files[*file];
                    let kept = synced + keep(Unsynced::Bytes, bytes.len() - synced);
                    survivors.files.push((path.clone(), bytes[..kept].to_vec()));
                }
            }
        }
        survivors
    }
}

fn apply(names: &mut BTreeMap<PathBuf, Option<usize>>, change: Change) {
    for (path, node) in change {
        match node {
            Some(node) => drop(names.insert(path, node)),
            None => drop(names.remove(&path)),
        }
    }
}

/// Folders (each after those above it) and files with what they hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survivors {
    pub folders: Vec<PathBuf>,
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

impl Survivors {
    /// The operations that would have made them.
    pub(crate) fn as_done(&self) -> Vec<Done> {
        let mut log = Vec::new();
        for folder in &self.folders {
            log.push(Done::Mkdir(folder.clone()));
        }
        for (file, bytes) in &self.files {
            log.push(Done::Create(file.clone()));
            log.push(Done::Write(file.clone(), bytes.clone()));
            log.push(Done::Sync(file.clone()));
        }
        let above = log.iter().filter_map(|one| match one {
            Done::Mkdir(path) | Done::Create(path) => path.parent().map(Path::to_owned),
            _ => None,
        });
        let above: std::collections::BTreeSet<PathBuf> = above.collect();
        log.extend(above.into_iter().map(Done::SyncDir));
        log
    }
}
