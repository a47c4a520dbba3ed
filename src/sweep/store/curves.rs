//! Curves: the metrics of each epoch, beside the segments; the leaderboard never reads them.
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::error::StoreError;
use super::fs::{self, AppendFile};
use super::layout::{SegmentName, SweepDir};
use super::line::{frame, unframe};
use super::read::segment_names;
use super::record::{Epoch, Metrics, SEGMENT_SCHEMA};
use crate::host;
use crate::trial::RunId;

/// Bytes that are kept back before they are written.
const BUFFER: usize = 64 << 10;
/// Bytes that are kept back at most while writing fails.
const BUFFER_LIMIT: usize = 4 << 20;
/// How long what was written may stay without a sync.
const SYNC_EVERY: Duration = Duration::from_secs(30);

/// The writer that goes with a segment's. Its failures are counted and never stop training.
#[derive(Debug)]
pub(super) struct CurvesWriter {
    dir: SweepDir,
    slice: u32,
    attempt: u32,
    file: Option<AppendFile>,
    n: u64,
    buffer: Vec<Epoch>,
    bytes: usize,
    lost: u64,
    synced: Instant,
    unsynced: bool,
}

impl CurvesWriter {
    pub(super) fn new(dir: SweepDir, slice: u32, attempt: u32) -> Self {
        Self {
            dir,
            slice,
            attempt,
            file: None,
            n: 0,
            buffer: Vec::new(),
            bytes: 0,
            lost: 0,
            synced: host::instant(),
            unsynced: false,
        }
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) fn push(&mut self, epoch: &Epoch, nonce: &str) {
        let mut epoch = epoch.clone();
        epoch.seconds = if epoch.seconds.is_finite() { epoch.seconds } else { 0.0 };
        epoch.samples_per_s = epoch.samples_per_s.filter(|x| x.is_finite());
        self.bytes += 200 + 32 * epoch.metrics.len();
        self.buffer.push(epoch);
        if self.bytes > BUFFER_LIMIT {
            self.lost += self.buffer.len() as u64;
            self.buffer.clear();
            self.bytes = 0;
        } else if self.bytes > BUFFER {
            self.flush(nonce);
        }
    }

    /// Writes what is kept back; syncs where the last time is long ago. `nonce` names the file
    /// where there is none yet.
    pub(super) fn flush(&mut self, nonce: &str) {
        if self.try_flush(nonce).is_err() {
            self.file = None;
        } else if host::since(self.synced) > SYNC_EVERY {
            self.sync_now();
        }
    }

    /// Writes what is kept back and makes all durable.
    pub(super) fn sync(&mut self, nonce: &str) {
        if self.try_flush(nonce).is_err() {
            self.file = None;
            // Once more, to a new file; after that what could not be written is lost.
            if self.try_flush(nonce).is_err() {
                self.file = None;
                self.lost += self.buffer.len() as u64;
                self.buffer.clear();
                self.bytes = 0;
            }
        }
        self.sync_now();
    }

    fn sync_now(&mut self) {
        self.synced = host::instant();
        if self.unsynced && self.file.as_mut().is_some_and(|file| file.sync().is_err()) {
            self.file = None;
            self.lost += 1;
        }
        self.unsynced = false;
    }

    fn try_flush(&mut self, nonce: &str) -> Result<(), StoreError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = create(&self.dir, self.slice, self.attempt, nonce)?;
                self.n = 0;
                none.insert(file)
            }
        };
        let lines = (self.n..).zip(&self.buffer).flat_map(|(n, e)| frame(n, Some("epoch"), e));
        file.append(&lines.collect::<Vec<u8>>())?;
        self.n += self.buffer.len() as u64;
        self.unsynced = true;
        self.buffer.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// The segment's name if it is free, else one of its own: a file that failed is not gone on with.
fn create(dir: &SweepDir, slice: u32, attempt: u32, nonce: &str) -> Result<AppendFile, StoreError> {
    let path = |nonce: String| dir.curves(&SegmentName { slice, attempt, nonce });
    match fs::create_new(&path(nonce.to_owned())) {
        Err(taken) if taken.is_exists() => fs::create_new(&path(fs::nonce()?)),
        created => created,
    }
}

/// Curves of some runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// For each run (by its place in the sweep) its epochs in order.
    pub runs: HashMap<u64, Vec<Epoch>>,
    /// Lines that were damaged or that only a later dlgrid reads; not taken.
    pub damaged: u64,
}

/// The curve of one run, epochs in order; an attempt takes the place of those before from its
/// first epoch on.
///
/// # Errors
/// What the system refused.
pub fn curves(dir: &SweepDir, index: u64) -> Result<Vec<Epoch>, StoreError> {
    let mut all = curves_of(dir, Some(&HashSet::from([index])), |_| true)?;
    Ok(all.runs.remove(&index).unwrap_or_default())
}

/// The curves of these runs (by their places in the sweep; nothing: of all), looked for in the
/// slices that `slices` names (a run's slice stands in `Merged::at`) and in what was taken over.
///
/// # Errors
/// What the system refused.
pub fn curves_of(
    dir: &SweepDir,
    runs: Option<&HashSet<u64>>,
    slices: impl Fn(u32) -> bool,
) -> Result<Curves, StoreError> {
    let mut files = segment_names(dir, None, ".curves")?;
    files.retain(|name| name.attempt == 0 || slices(name.slice));
    read_files(dir, files, runs)
}

/// The files of a sweep's curves, listed once: to read those of one slice after the other.
#[derive(Debug, Default)]
pub(crate) struct CurveFiles {
    slices: HashMap<u32, Vec<SegmentName>>,
    adopted: Vec<SegmentName>,
}

impl CurveFiles {
    /// Lists them.
    pub(crate) fn list(dir: &SweepDir) -> Result<Self, StoreError> {
        let mut files = Self::default();
        for name in segment_names(dir, None, ".curves")? {
            match name.attempt {
                0 => files.adopted.push(name),
                _ => files.slices.entry(name.slice).or_default().push(name),
            }
        }
        Ok(files)
    }

    /// The curves of these runs, whose ends are in segments of this slice. What was taken over counts as
    /// of slice 0, and is read for no other.
    pub(crate) fn read(
        &self,
        dir: &SweepDir,
        slice: u32,
        runs: &HashSet<u64>,
    ) -> Result<Curves, StoreError> {
        let own = self.slices.get(&slice).into_iter().flatten();
        let adopted = self.adopted.iter().filter(|_| slice == 0);
        read_files(dir, own.chain(adopted).cloned().collect(), Some(runs))
    }
}

fn read_files(
    dir: &SweepDir,
    mut files: Vec<SegmentName>,
    runs: Option<&HashSet<u64>>,
) -> Result<Curves, StoreError> {
    files.sort_by_key(|name| (name.attempt, name.nonce.clone(), name.slice));
    let read: Vec<_> = fs::each(&files, |name| Some(read_file(dir, name, runs)));
    let mut merged: HashMap<u64, Vec<(u32, Epoch)>> = HashMap::new();
    let mut damaged = 0;
    for (name, part) in files.iter().zip(read) {
        let (epochs, bad) = part?;
        damaged += bad;
        for epoch in epochs {
            merged.entry(epoch.index).or_default().push((name.attempt, epoch));
        }
    }
    let runs = merged.into_iter().map(|(index, lines)| (index, in_order(lines))).collect();
    Ok(Curves { runs, damaged })
}

/// Puts the lines of a run in order, each with its attempt; they came by rising attempt. An attempt
/// went on before its first epoch, or began anew: what those before it told of later epochs is no
/// part of what became of the run. Its own lines come in any order (a file that failed is gone on
/// with in another), and of one epoch there may be several: a program tells its metrics as it has
/// them.
fn in_order(lines: Vec<(u32, Epoch)>) -> Vec<Epoch> {
    if lines.is_sorted_by(|(_, a), (_, b)| a.epoch < b.epoch) {
        return lines.into_iter().map(|(_, epoch)| epoch).collect();
    }
    let mut firsts = BTreeMap::new();
    for (attempt, epoch) in &lines {
        let first = firsts.entry(*attempt).or_insert(epoch.epoch);
        *first = epoch.epoch.min(*first);
    }
    let mut kept: BTreeMap<u32, Epoch> = BTreeMap::new();
    for (attempt, epoch) in lines {
        if let Some(first) = firsts.remove(&attempt) {
            drop(kept.split_off(&first));
        }
        match kept.entry(epoch.epoch) {
            Entry::Vacant(free) => {
                free.insert(epoch);
            }
            Entry::Occupied(mut there) => join(there.get_mut(), epoch),
        }
    }
    kept.into_values().collect()
}

/// Adds what a later line tells of the same epoch.
fn join(epoch: &mut Epoch, later: Epoch) {
    epoch.metrics.extend(later.metrics);
    epoch.seconds = later.seconds;
    epoch.samples_per_s = later.samples_per_s.or(epoch.samples_per_s);
}

/// So many runs are looked for line by line; of more, most lines are theirs.
const FEW: usize = 16;

#[derive(Deserialize)]
struct Peek {
    v: u32,
    index: Option<u64>,
}

/// A line as it stands: an epoch with the version of its form.
#[derive(Deserialize)]
struct Line {
    v: u32,
    run: RunId,
    index: u64,
    epoch: u32,
    metrics: Metrics,
    seconds: f64,
    #[serde(default)]
    samples_per_s: Option<f64>,
}

fn read_file(
    dir: &SweepDir,
    name: &SegmentName,
    runs: Option<&HashSet<u64>>,
) -> Result<(Vec<Epoch>, u64), StoreError> {
    let bytes = match fs::read(&dir.curves(name)) {
        Err(gone) if gone.is_not_found() => return Ok((Vec::new(), 0)),
        read => read?,
    };
    let mut epochs = Vec::new();
    let mut damaged = 0;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    for line in bytes[..whole].split_inclusive(|b| *b == b'\n') {
        match read_line(&line[..line.len() - 1], runs) {
            Some(epoch) => epochs.extend(epoch),
            None => damaged += 1,
        }
    }
    Ok((epochs, damaged))
}

/// Nothing for a damaged line, nothing in it for a run that was not asked for.
pub(super) fn read_line(line: &[u8], runs: Option<&HashSet<u64>>) -> Option<Option<Epoch>> {
    let content = unframe(line).ok()?;
    if let Some(few) = runs.filter(|runs| runs.len() <= FEW) {
        let peek: Peek = serde_json::from_slice(content).ok()?;
        if peek.v <= SEGMENT_SCHEMA && !peek.index.is_some_and(|index| few.contains(&index)) {
            return Some(None);
        }
    }
    let line: Line = serde_json::from_slice(content).ok()?;
    let Line { v, run, index, epoch, metrics, seconds, samples_per_s } = line;
    let is_asked = runs.is_none_or(|wanted| wanted.contains(&index));
    let epoch = Epoch { run, index, epoch, metrics, seconds, samples_per_s };
    (v <= SEGMENT_SCHEMA).then(|| is_asked.then_some(epoch))
}
