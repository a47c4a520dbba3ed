//! Reading the store: all of it at once, or what came since the last look.
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::fs::{self, OpenFile};
use super::layout::{SegmentName, SweepDir};
use super::line::unframe;
use super::merge::{Merged, Results, Tail};
use super::parse::Part;
use super::record::{Cause, End, Outcome, Record};

/// Bytes that are read at once.
const CHUNK: usize = 4 << 20;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A reader of the whole store that reads each byte once.
#[derive(Debug)]
pub struct StoreReader {
    dir: SweepDir,
    sweep: String,
    results: Results,
}

/// What a look at the store brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Poll {
    /// Segments that had something new.
    pub grown: usize,
    /// Records of an end among it.
    pub ends: u64,
    /// Whether a segment was shorter than before, or another, and all was read anew.
    pub reread: bool,
}

impl StoreReader {
    /// A reader of this sweep's segments that has read nothing yet; `sweep_id` as in the manifest.
    #[must_use]
    pub fn new(dir: SweepDir, sweep_id: String) -> Self {
        Self { dir, sweep: sweep_id, results: Results::default() }
    }

    /// What was read so far.
    #[must_use]
    pub const fn results(&self) -> &Results {
        &self.results
    }

    /// What was read so far, kept.
    #[must_use]
    pub fn into_results(self) -> Results {
        self.results
    }

    /// Reads what came since the last look. A segment that was ended in order is not looked at
    /// again. What is damaged, gone or unreadable stands in the results and is no error.
    ///
    /// # Errors
    /// Where the folder of segments can't be listed; a later look may succeed.
    pub fn poll(&mut self) -> Result<Poll> {
        let names = segment_names(&self.dir, None, ".jsonl")?;
        self.look(&names)
    }

    fn look(&mut self, names: &[SegmentName]) -> Result<Poll> {
        let mut poll = Poll::default();
        let mut looks = self.advance(names);
        if looks.iter().any(|(_, look)| matches!(look, Ok(Look::Shrunk))) {
            // What it said before can't be taken out of a merge: all is read anew.
            self.results = Results::default();
            poll.reread = true;
            looks = self.advance(names);
        }
        let known: BTreeSet<&SegmentName> = names.iter().collect();
        let gone = |tail: &Tail, name: &SegmentName| tail.offset > 0 && !known.contains(name);
        let segments = self.results.segments.iter();
        self.results.vanished = segments
            .filter(|(name, tail)| gone(tail, name))
            .map(|(name, _)| name.clone())
            .collect();
        self.results.unreadable.clear();
        for (name, look) in looks {
            match look {
                Ok(Look::Grown(part)) => {
                    poll.grown += 1;
                    poll.ends += part.ends();
                    self.results.absorb(*part);
                }
                Ok(Look::Same | Look::Shrunk) => {}
                Err(gone) if gone.is_not_found() => {}
                Err(cause) => self.results.unreadable.push((name, said(&cause))),
            }
        }
        self.results.damage.sort_unstable();
        Ok(poll)
    }

    fn advance(&self, names: &[SegmentName]) -> Vec<(SegmentName, Result<Look>)> {
        let new = Tail::default();
        let look = |name: &SegmentName| {
            let tail = self.results.segments.get(name);
            if tail.is_some_and(|t| t.closed) {
                return None;
            }
            let look = look_at(&self.dir, name, tail.unwrap_or(&new), tail.is_some(), &self.sweep);
            Some((name.clone(), look))
        };
        fs::each(names, look)
    }
}

fn said(cause: &StoreError) -> String {
    use std::error::Error as _;
    cause.source().map_or_else(|| cause.to_string(), |source| format!("{cause}: {source}"))
}

/// What a look at one segment brought.
enum Look {
    Same,
    Shrunk,
    Grown(Box<Part>),
}

fn look_at(
    dir: &SweepDir,
    name: &SegmentName,
    tail: &Tail,
    known: bool,
    sweep: &str,
) -> Result<Look> {
    fs::reading(&dir.ends(name), |file| {
        let length = file.length()?;
        if length < tail.offset || !same_first_line(file, tail)? {
            return Ok(Look::Shrunk);
        }
        if known && length == tail.offset + tail.torn {
            return Ok(Look::Same);
        }
        let mut part = Part::new(name.clone(), tail.clone());
        let mut chunk = CHUNK;
        loop {
            let bytes = read_at(file, part.tail.offset, chunk)?;
            let taken = part.feed(&bytes, sweep);
            if bytes.len() < chunk {
                part.tail.torn = (bytes.len() - taken) as u64;
                return Ok(Look::Grown(Box::new(part)));
            }
            if taken == 0 {
                chunk *= 2;
            }
        }
    })
}

fn same_first_line(file: &OpenFile, tail: &Tail) -> io::Result<bool> {
    let Some((length, crc)) = tail.first else { return Ok(true) };
    Ok(crc32c::crc32c(&read_at(file, 0, length)?) == crc)
}

/// Up to `length` bytes from `offset`; fewer only at the end of the file.
fn read_at(file: &OpenFile, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let left = file.length()?.saturating_sub(offset);
    // One more than is there, so that the end is met.
    let length_now = length.min(usize::try_from(left).unwrap_or(length).saturating_add(1));
    let mut bytes = vec![0; length_now];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The names of all segments' files that end so, or of one slice's and of those with what was
/// taken over.
pub(super) fn segment_names(
    dir: &SweepDir,
    slice: Option<u32>,
    suffix: &str,
) -> Result<Vec<SegmentName>> {
    let folders: BTreeSet<_> = match slice {
        Some(slice) => [dir.segment_folder(slice), dir.segment_folder(0)].into(),
        None => fs::list_dir(&dir.segments())?.iter().map(|f| dir.segments().join(f)).collect(),
    };
    let mut names = Vec::new();
    for folder in folders {
        // A file that strayed in among the folders is none.
        let listed = match names_in(dir, &folder, suffix) {
            Err(_) if !fs::is_dir(&folder) => continue,
            listed => listed?,
        };
        let is_its =
            |name: &SegmentName| slice.is_none_or(|s| name.slice == s || name.attempt == 0);
        names.extend(listed.into_iter().filter(is_its));
    }
    Ok(names)
}

fn names_in(dir: &SweepDir, folder: &Path, suffix: &str) -> Result<Vec<SegmentName>> {
    let listed = fs::list_dir(folder)?;
    let names = listed.iter().filter(|file| file.ends_with(suffix));
    let names = names.filter_map(|file| SegmentName::parse(file));
    Ok(names.filter(|name| dir.segment_folder(name.slice) == folder).collect())
}

/// Reads the whole store, segments in parallel. The ends are durable then.
///
/// # Errors
/// Where the folder of segments can't be listed, or ends of a killed worker can't be made durable.
pub fn load(dir: &SweepDir, sweep_id: &str) -> Result<Results> {
    let results = load_as_is(dir, sweep_id)?;
    confirm(dir, &results)?;
    Ok(results)
}

/// As [`load`], for one who shows what is there; where ends can't be made durable, as they are: a full
/// or failing disk is when people look.
///
/// # Errors
/// Where the folder of segments can't be listed.
pub fn load_to_show(dir: &SweepDir, sweep_id: &str) -> Result<Results> {
    let results = load_as_is(dir, sweep_id)?;
    drop(confirm(dir, &results));
    Ok(results)
}

/// As [`load_to_show`], of those folders of segments that can be listed.
///
/// # Errors
/// None that is met so far.
pub(crate) fn load_listed(dir: &SweepDir, sweep_id: &str) -> Result<Results> {
    let folders = fs::list_dir(&dir.segments()).unwrap_or_default();
    let listed = |folder: &String| names_in(dir, &dir.segments().join(folder), ".jsonl").ok();
    let names: Vec<SegmentName> = folders.iter().filter_map(listed).flatten().collect();
    let mut reader = StoreReader::new(dir.clone(), sweep_id.to_owned());
    reader.look(&names)?;
    drop(confirm(dir, &reader.results));
    Ok(reader.into_results())
}

fn load_as_is(dir: &SweepDir, sweep_id: &str) -> Result<Results> {
    let mut reader = StoreReader::new(dir.clone(), sweep_id.to_owned());
    reader.poll()?;
    Ok(reader.into_results())
}

/// Makes durable the ends in segments that are not closed: their writers may have been killed before
/// they were, and what relies on them would outlive a power failure alone.
fn confirm(dir: &SweepDir, results: &Results) -> Result<()> {
    let open = results.segments.iter().filter(|(_, tail)| !tail.closed && tail.ends > 0);
    fs::confirm_bytes(&open.map(|(name, _)| dir.ends(name)).collect::<Vec<_>>())
}

/// Which runs are trained again though they have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Those that failed, but for want of memory.
    pub failed: bool,
    /// Those that failed for want of memory.
    pub memory: bool,
    /// Those whose loss stopped being a finite number.
    pub diverged: bool,
}

impl RetryPolicy {
    /// Whether a run that ended so is trained again.
    #[must_use]
    pub fn admits(&self, end: &Merged) -> bool {
        match end.outcome {
            Outcome::Done => false,
            Outcome::Diverged => self.diverged,
            Outcome::Failed if end.cause == Some(Cause::Memory) => self.memory,
            Outcome::Failed => self.failed,
        }
    }

    /// Whether a run is still to be trained.
    #[must_use]
    pub fn is_left(&self, end: Option<&Merged>) -> bool {
        end.is_none_or(|end| self.admits(end))
    }

    /// The words for it, as a worker is told.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        [(self.failed, "failed"), (self.memory, "memory"), (self.diverged, "diverged")]
            .into_iter()
            .filter_map(|(on, word)| on.then_some(word))
            .collect()
    }

    /// Reads those words.
    ///
    /// # Errors
    /// The first that is none.
    pub fn parse<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, String> {
        let mut policy = Self::default();
        for word in words {
            match word {
                "failed" => policy.failed = true,
                "memory" => policy.memory = true,
                "diverged" => policy.diverged = true,
                _ => return Err(word.to_owned()),
            }
        }
        Ok(policy)
    }
}

/// What one slice's segments, and those with what was taken over, say. The ends are durable then.
///
/// # Errors
/// Where a segment can't be listed or read, or made durable.
pub fn load_slice(dir: &SweepDir, slice: u32, sweep_id: &str) -> Result<Results> {
    let results = load_slice_to_show(dir, slice, sweep_id)?;
    confirm(dir, &results)?;
    Ok(results)
}

/// As [`load_slice`]; an end that a killed worker has left may not outlive a power failure.
///
/// # Errors
/// Where a segment can't be listed or read.
pub fn load_slice_to_show(dir: &SweepDir, slice: u32, sweep_id: &str) -> Result<Results> {
    let mut reader = StoreReader::new(dir.clone(), sweep_id.to_owned());
    let names = segment_names(dir, Some(slice), ".jsonl")?;
    for _ in 0..3 {
        reader.look(&names)?;
        let Some((name, _)) = reader.results.unreadable.first() else { break };
        // For the typed error; where it can be read now, all is looked at again.
        fs::read(&dir.ends(name))?;
    }
    match reader.results.unreadable.first() {
        None => Ok(reader.into_results()),
        Some((name, why)) => {
            Err(StoreError::io("read", &dir.ends(name), io::Error::other(why.clone())))
        }
    }
}

/// The whole record of a merged end.
///
/// # Errors
/// Where the segment can't be read, or the line is no longer there.
pub fn end(dir: &SweepDir, merged: &Merged) -> Result<End> {
    let name = merged.at.segment();
    let bytes = fs::read(&dir.ends(&name))?;
    let number = format!("\"n\":{},", merged.at.n);
    for line in bytes.split(|b| *b == b'\n') {
        let head = &line[..line.len().min(48)];
        if !head.windows(number.len()).any(|w| w == number.as_bytes()) {
            continue;
        }
        let record = unframe(line).ok().and_then(|content| serde_json::from_slice(content).ok());
        if let Some(Record::End(end)) = record
            && end.index == merged.index
        {
            return Ok(*end);
        }
    }
    Err(StoreError::Gone { segment: name.to_string(), n: merged.at.n })
}

/// The confusion matrix of a merged end, `[true class][predicted class]`, if it has one.
///
/// # Errors
/// As [`end`].
pub fn confusion(dir: &SweepDir, merged: &Merged) -> Result<Option<Vec<Vec<u64>>>> {
    Ok(end(dir, merged)?.confusion)
}
