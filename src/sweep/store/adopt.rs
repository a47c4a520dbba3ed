//! Taking over runs that other sweeps have trained: one segment of attempt 0, all or nothing.
use super::error::StoreError;
use super::fs::{self, Draft};
use super::layout::{SegmentName, SweepDir};
use super::line::frame;
use super::record::{Close, End, Epoch, Head, Record, SEGMENT_SCHEMA};
use super::segment::HeadFacts;
use crate::host;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 20;

/// What was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The segment that holds it.
    pub segment: SegmentName,
    /// How many runs.
    pub ends: u64,
    /// Whether that very segment was there already.
    pub existed: bool,
}

/// Lines on their way into a hidden file.
struct Lines {
    draft: Draft,
    buffer: Vec<u8>,
}

impl Lines {
    fn new(dir: &SweepDir) -> Result<Self, StoreError> {
        Ok(Self { draft: fs::draft(&dir.segment_folder(0))?, buffer: Vec::new() })
    }

    fn push(&mut self, line: &[u8]) -> Result<(), StoreError> {
        self.buffer.extend_from_slice(line);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.draft.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Writes a segment of attempt 0 that holds these ends (their `index` is the place in this
/// sweep, `from` the sweep that trained them) with their curves. It appears complete or not at
/// all; the same ends taken over twice make one segment. Nothing is written for no ends.
///
/// # Errors
/// What the system refused; nothing was taken over then.
pub fn adopt(
    dir: &SweepDir,
    facts: &HeadFacts,
    ends: impl IntoIterator<Item = (End, Vec<Epoch>)>,
) -> Result<Option<Adopted>, StoreError> {
    // The segment's name is a hash of its ends and stands in its first line: so the ends are
    // encoded before anything is written.
    let mut body = Vec::new();
    let mut curves: Option<Lines> = None;
    let mut epochs_written = 0;
    let mut count = 0;
    for (end, epochs) in ends {
        count += 1;
        body.extend_from_slice(&frame(count, None, &Record::End(Box::new(end))));
        for epoch in epochs {
            let lines = match &mut curves {
                Some(lines) => lines,
                none => none.insert(Lines::new(dir)?),
            };
            lines.push(&frame(epochs_written, Some("epoch"), &epoch))?;
            epochs_written += 1;
        }
    }
    if count == 0 {
        return Ok(None);
    }
    let nonce = blake3::hash(&body).to_hex().chars().take(8).collect();
    let segment = SegmentName { slice: 0, attempt: 0, nonce };
    let existed = write(dir, facts, &segment, &body, count, curves)?;
    Ok(Some(Adopted { segment, ends: count, existed }))
}

/// Curves first: what makes it all count is that the segment appears.
fn write(
    dir: &SweepDir,
    facts: &HeadFacts,
    segment: &SegmentName,
    body: &[u8],
    ends: u64,
    curves: Option<Lines>,
) -> Result<bool, StoreError> {
    if let Some(mut lines) = curves {
        lines.flush()?;
        unless_there(lines.draft.publish(&dir.curves(segment)))?;
    }
    let mut draft = fs::draft(&dir.segment_folder(0))?;
    draft.write(&frame(0, None, &head(facts, segment)))?;
    draft.write(body)?;
    draft.write(&frame(ends + 1, None, &Record::Close(Close { ends, time: host::now() })))?;
    unless_there(draft.publish(&dir.ends(segment)))
}

/// Whether it was there.
fn unless_there(published: Result<(), StoreError>) -> Result<bool, StoreError> {
    match published {
        Ok(()) => Ok(false),
        Err(there) if there.is_exists() => Ok(true),
        Err(cause) => Err(cause),
    }
}

fn head(facts: &HeadFacts, segment: &SegmentName) -> Record {
    Record::Head(Head {
        schema: SEGMENT_SCHEMA,
        sweep: facts.sweep.clone(),
        slice: segment.slice,
        attempt: segment.attempt,
        nonce: segment.nonce.clone(),
        host: host::name(),
        pid: host::pid(),
        dlgrid: facts.dlgrid.clone(),
        device: facts.device.clone(),
        log: facts.log.clone(),
        node: facts.node.clone(),
        intent: facts.intent,
        time: host::now(),
    })
}
