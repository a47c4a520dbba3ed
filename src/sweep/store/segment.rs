//! Writing a segment: one process, one slice, one attempt.
use super::curves::CurvesWriter;
use super::error::StoreError;
use super::fs::{self, AppendFile};
use super::layout::{SegmentName, SweepDir, parse_claim};
use super::line::frame;
use super::record::{Checkpoint, Close, End, Epoch, Head, Record, SEGMENT_SCHEMA, Start, Stop};
use crate::host;
use crate::mutant::{self, Mutant};
use crate::trial::Run;

type Result<T> = std::result::Result<T, StoreError>;

/// Who writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadFacts {
    /// The sweep, 32 hex digits.
    pub sweep: String,
    /// `cpu`, `cuda:0`, or `command`.
    pub device: String,
    /// Name of the file in the sweep's folder of logs that has what this process prints.
    pub log: Option<String>,
    /// Slurm's name of the node, where Slurm started this process.
    pub node: Option<String>,
    /// The intent of the sweep whose array it works for.
    pub intent: Option<u32>,
    /// Version of dlgrid.
    pub dlgrid: String,
}

/// The only writer of an attempt's segment.
///
/// When a write or a sync fails, the segment is given up: what was not acknowledged is written
/// to a new one of the same attempt. So no error here is the last word: a call that failed can
/// be made again.
#[derive(Debug)]
pub struct SegmentWriter {
    dir: SweepDir,
    facts: HeadFacts,
    name: SegmentName,
    /// Nothing while the last segment is given up and no new one could be opened.
    open: Option<Open>,
    /// Records that no sync has confirmed, in order.
    pending: Vec<Record>,
    given_up: u32,
    curves: CurvesWriter,
}

#[derive(Debug)]
struct Open {
    file: AppendFile,
    /// Number of the next line.
    n: u64,
    ends: u64,
}

impl Open {
    fn append(&mut self, records: &[Record]) -> Result<()> {
        let mut bytes = Vec::new();
        let mut ends = 0;
        for (n, record) in (self.n..).zip(records) {
            bytes.extend_from_slice(&frame(n, None, record));
            ends += u64::from(matches!(record, Record::End(_)));
        }
        self.file.append(&bytes)?;
        self.n += records.len() as u64;
        self.ends += ends;
        Ok(())
    }
}

impl SegmentWriter {
    /// Begins the next attempt at this slice: the number after the highest that is there, made
    /// this process's own by creating a file of that name that was not there.
    ///
    /// # Errors
    /// What the system refused. Nothing but a claim may be left behind, which harms nothing.
    pub fn begin(dir: &SweepDir, slice: u32, facts: HeadFacts) -> Result<Self> {
        let attempt = claim_attempt(dir, slice)?;
        let name = SegmentName { slice, attempt, nonce: fs::nonce()? };
        let curves = CurvesWriter::new(dir.clone(), slice, attempt);
        let mut writer = Self {
            dir: dir.clone(),
            facts,
            name,
            open: None,
            pending: Vec::new(),
            given_up: 0,
            curves,
        };
        writer.open_new()?;
        Ok(writer)
    }

    /// The segment that is being written; another one after the first was given up.
    #[must_use]
    pub const fn name(&self) -> &SegmentName {
        &self.name
    }

    /// How many segments were given up after a failed write or sync.
    #[must_use]
    pub const fn given_up(&self) -> u32 {
        self.given_up
    }

    /// Epochs whose metrics could not be written.
    #[must_use]
    pub const fn curves_lost(&self) -> u64 {
        self.curves.lost()
    }

    /// Notes that work on a run begins. Not synced.
    ///
    /// # Errors
    /// Where it can be written nowhere; training may go on and the call be left out.
    pub fn start(&mut self, run: &Run) -> Result<()> {
        let start = Start { run: run.id, index: run.index, time: host::now() };
        self.write(vec![Record::Start(start)], false)
    }

    /// Notes the metrics of an epoch, for the curves. Buffered, and never an error: what cannot
    /// be written is counted by [`Self::curves_lost`], and training goes on.
    pub fn epoch(&mut self, epoch: &Epoch) {
        self.curves.push(epoch, self.name.nonce.as_str());
    }

    /// Notes that a checkpoint is durable. Not synced.
    ///
    /// # Errors
    /// Where it can be written nowhere; training may go on.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.write(vec![Record::Checkpoint(checkpoint.clone())], false)
    }

    /// Records that a run has ended. When this returns, the record is durable.
    ///
    /// # Errors
    /// Where it can be written nowhere. The run has then not ended: call again, or see
    /// [`patiently`](super::patience::patiently).
    pub fn end(&mut self, end: &End) -> Result<()> {
        self.end_all(std::slice::from_ref(end))
    }

    /// As [`Self::end`] for runs that ended together, with one sync for all of them.
    ///
    /// # Errors
    /// As [`Self::end`]; then none of them has ended.
    pub fn end_all(&mut self, ends: &[End]) -> Result<()> {
        if ends.is_empty() {
            return Ok(());
        }
        self.curves.flush(self.name.nonce.as_str());
        self.write(ends.iter().map(|end| Record::End(Box::new(sound(end)))).collect(), true)
    }

    /// Notes that work stops before a run, or the slice, has ended. Durable when it returns.
    ///
    /// # Errors
    /// Where it can be written nowhere.
    pub fn stop(&mut self, stop: &Stop) -> Result<()> {
        self.curves.sync(self.name.nonce.as_str());
        self.write(vec![Record::Stop(stop.clone())], true)
    }

    /// Ends the segment in order. Durable when it returns.
    ///
    /// # Errors
    /// Where it can be written nowhere. All ends that were acknowledged are kept.
    pub fn close(mut self) -> Result<()> {
        self.curves.sync(self.name.nonce.as_str());
        if self.try_close().is_ok() {
            return Ok(());
        }
        self.give_up();
        self.open_new()?;
        self.try_close()
    }

    fn try_close(&mut self) -> Result<()> {
        let Some(open) = &mut self.open else {
            return self.open_new().and_then(|()| self.try_close());
        };
        let close = Close { ends: open.ends, time: host::now() };
        open.append(&[Record::Close(close)])?;
        open.file.sync()
    }

    /// Appends records and, if asked, makes all that is pending durable. On an error nothing of
    /// `records` is pending.
    fn write(&mut self, records: Vec<Record>, durable: bool) -> Result<()> {
        let before = self.pending.len();
        let appended = match &mut self.open {
            Some(open) => {
                let tried = open.append(&records).and_then(|()| match durable {
                    true if mutant::is(Mutant::AcknowledgedEarly) => Ok(()),
                    true => open.file.sync(),
                    false => Ok(()),
                });
                if tried.is_err() && mutant::is(Mutant::GoesOnAfterError) {
                    return open.append(&records).and_then(|()| open.file.sync());
                }
                if tried.is_err() {
                    self.give_up();
                }
                tried.is_ok()
            }
            None => false,
        };
        if appended || !mutant::is(Mutant::PendingForgotten) {
            self.pending.extend(records);
        }
        let done = if appended { Ok(()) } else { self.open_new() };
        match &done {
            Err(_) => self.pending.truncate(before),
            Ok(()) if durable || !appended => self.pending.clear(),
            Ok(()) => {}
        }
        done
    }

    fn give_up(&mut self) {
        self.open = None;
        self.given_up += 1;
    }

    /// Opens a segment of this attempt and makes all that is pending durable there.
    fn open_new(&mut self) -> Result<()> {
        if self.given_up > 0 {
            self.name.nonce = fs::nonce()?;
        }
        let head = Record::Head(Head {
            schema: SEGMENT_SCHEMA,
            sweep: self.facts.sweep.clone(),
            slice: self.name.slice,
            attempt: self.name.attempt,
            nonce: self.name.nonce.clone(),
            host: host::name(),
            pid: host::pid(),
            dlgrid: self.facts.dlgrid.clone(),
            device: self.facts.device.clone(),
            log: self.facts.log.clone(),
            node: self.facts.node.clone(),
            intent: self.facts.intent,
            time: host::now(),
        });
        let path = self.dir.ends(&self.name);
        let mut open = Open { file: fs::create_new(&path)?, n: 0, ends: 0 };
        let written = open
            .append(std::slice::from_ref(&head))
            .and_then(
                |()| if self.pending.is_empty() { Ok(()) } else { open.append(&self.pending) },
            )
            .and_then(|()| open.file.sync());
        if let Err(cause) = written {
            // Nothing in it was acknowledged. Left there, a full disk would fill with such files.
            drop(open);
            drop(fs::remove(&path));
            self.given_up += 1;
            return Err(cause);
        }
        self.open = Some(open);
        Ok(())
    }
}

/// The end with times that JSON can hold, whatever a clock did.
fn sound(end: &End) -> End {
    let mut end = end.clone();
    end.seconds = if end.seconds.is_finite() { end.seconds } else { 0.0 };
    end.time = if end.time.is_finite() { end.time } else { 0.0 };
    end.samples_per_s = end.samples_per_s.filter(|x| x.is_finite());
    end
}

/// Takes the next attempt's number. A listing can be out of date; that a file was not there
/// when it was created cannot.
fn claim_attempt(dir: &SweepDir, slice: u32) -> Result<u32> {
    let names = fs::list_dir(&dir.segment_folder(slice))?;
    let taken = names.iter().filter_map(|name| {
        let named = SegmentName::parse(name).map(|n| (n.slice, n.attempt));
        named.or_else(|| parse_claim(name)).filter(|(s, _)| *s == slice).map(|(_, attempt)| attempt)
    });
    let mut attempt = taken.max().unwrap_or(0).saturating_add(1);
    loop {
        match fs::create_new(&dir.claim(slice, attempt)) {
            Ok(_) => return Ok(attempt),
            Err(taken) if taken.is_exists() && mutant::is(Mutant::AttemptByListing) => {
                return Ok(attempt);
            }
            Err(taken) if taken.is_exists() && attempt < u32::MAX => attempt += 1,
            Err(cause) => return Err(cause),
        }
    }
}
