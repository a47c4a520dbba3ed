//! What array tasks write of themselves: on which node, with what, what it took, how it ended.
//!
//! A file a start of a task, with one writer, in the form of a segment's lines. The first line
//! is there before the task does anything, the last one when it ends by itself: a task without
//! it was killed, with all its processes, at one stroke. Nothing of a run's result stands here.
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::fs::{self, AppendFile};
use super::layout::SweepDir;
use super::line::{frame, unframe};
pub use super::record::Cause;

/// Version of the lines.
pub const TASK_SCHEMA: u32 = 1;

/// One line of a task's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum TaskLine {
    /// The first: what the task is.
    Begin(Begin),
    /// A worker of the task died.
    Died(Died),
    /// Its memory came close to what it has: should it be killed now, that is why.
    Full(Full),
    /// The last: how it ended, and what it took.
    End(TaskEnd),
}

/// What a task is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// Version of the lines.
    pub schema: u32,
    /// The intent of the sweep that made its array.
    pub intent: u32,
    /// The array's job number.
    pub array: u64,
    /// Its number in the array.
    pub task: u32,
    /// How often Slurm had started it before.
    pub restarts: u32,
    /// The node, by Slurm's name for it.
    pub node: String,
    /// Its slices, as ranges.
    pub slices: String,
    /// Workers at a time.
    pub workers: u32,
    /// Ranks on its node; nothing where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<u32>,
    /// What it may use.
    pub granted: Granted,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// What a task was given; nothing where that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Granted {
    /// Seconds until its time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
    /// Memory in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u64>,
}

/// A worker of a task died.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Died {
    /// The slice that it worked on.
    pub slice: u32,
    /// How, in words.
    pub how: String,
    /// Why.
    pub cause: Cause,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// The memory of a task came close to what it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Full {
    /// What its processes took then, in MiB.
    pub memory_mib: u64,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskEnd {
    /// Why it ended before its work was done; nothing if all is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Whether it put itself back into the queue.
    #[serde(default)]
    pub requeued: bool,
    /// More of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Runs of its slices that tasks of its array had ended by then, well or not.
    pub ends: u64,
    /// Runs among them that failed.
    pub failed: u64,
    /// What it took.
    pub used: Used,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

impl TaskEnd {
    /// Why the work is not done, as far as this end says: a task that put itself back into the queue
    /// left it to its next start, and what becomes of that is not known here.
    #[must_use]
    pub fn last_cause(&self) -> Option<Cause> {
        self.cause.filter(|_| !self.requeued)
    }
}

/// What a task took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// Seconds from its first line to its last.
    pub seconds: f64,
    /// Seconds of processors, over all its processes that ended.
    pub cpu_seconds: f64,
    /// Most memory at a time in MiB: of all its processes where the kernel tells, else of the largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_mib: Option<u64>,
    /// Mean use of its GPUs, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_use: Option<f64>,
    /// Most memory of a GPU at a time in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_peak_memory_mib: Option<u64>,
    /// Whether Slurm started its workers, as steps of its own: then what is told of processors and
    /// memory is without them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

/// Writes the file of this start of a task. Where a line could not be written, all of them are written
/// to another file: what became of the old one's end is not known.
#[derive(Debug)]
pub struct TaskWriter {
    dir: SweepDir,
    file: AppendFile,
    begin: Begin,
    later: Vec<TaskLine>,
    /// Whether the file holds all of them.
    is_whole: bool,
}

impl TaskWriter {
    /// Begins the file; durable when it returns.
    ///
    /// # Errors
    /// What the system refused.
    pub fn begin(dir: &SweepDir, begin: &Begin) -> Result<Self, StoreError> {
        let file = written(dir, begin, &[])?;
        Ok(Self { dir: dir.clone(), file, begin: begin.clone(), later: Vec::new(), is_whole: true })
    }

    /// Adds a line; durable when it returns. One that could not be added is tried again with the next.
    ///
    /// # Errors
    /// What the system refused.
    pub fn add(&mut self, line: &TaskLine) -> Result<(), StoreError> {
        self.later.push(line.clone());
        if self.is_whole {
            let bytes = frame(self.later.len() as u64, None, line);
            if self.file.append(&bytes).and_then(|()| self.file.sync()).is_ok() {
                return Ok(());
            }
            self.is_whole = false;
        }
        let file = written(&self.dir, &self.begin, &self.later)?;
        let old = std::mem::replace(&mut self.file, file);
        self.is_whole = true;
        // One that stays says nothing that the new one doesn't.
        let _removed = fs::remove(old.path());
        Ok(())
    }
}

/// A new file of these lines.
fn written(dir: &SweepDir, begin: &Begin, later: &[TaskLine]) -> Result<AppendFile, StoreError> {
    let mut file = fs::create_new(&dir.task(begin.intent, begin.task, &fs::nonce()?))?;
    let first = TaskLine::Begin(begin.clone());
    let lines = (0..).zip(std::iter::once(&first).chain(later));
    let bytes: Vec<u8> = lines.flat_map(|(n, line)| frame(n, None, line)).collect();
    file.append(&bytes).and_then(|()| file.sync())?;
    Ok(file)
}

/// A start of a task, as its file tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskStart {
    /// What it was.
    pub begin: Begin,
    /// Workers of it that died.
    pub died: Vec<Died>,
    /// Whether its memory came close to what it has.
    pub full: Option<Full>,
    /// How it ended; nothing while it runs, or where it was killed with all its processes.
    pub end: Option<TaskEnd>,
}

/// Every start of every task of a sweep, in the order of intents and tasks, those of one task by
/// how often it was started before. Files that can't be read are left out: nothing of a result
/// depends on them.
///
/// # Errors
/// If the folder can't be listed.
pub fn read_all(dir: &SweepDir) -> Result<Vec<TaskStart>, StoreError> {
    let mut starts = Vec::new();
    let folders = match fs::list_dir(&dir.tasks()) {
        Err(error) if error.is_not_found() => return Ok(starts),
        listed => listed?,
    };
    for folder in folders {
        let folder = dir.tasks().join(folder);
        for name in fs::list_dir(&folder).unwrap_or_default() {
            if name.ends_with(".jsonl") && !name.starts_with('.') {
                starts.extend(fs::read(&folder.join(name)).ok().and_then(|bytes| parse(&bytes)));
            }
        }
    }
    Ok(sorted(starts))
}

/// A reader of all starts that reads a file again only where it has grown, and never one that has
/// its last line.
#[derive(Debug)]
pub struct TaskReader {
    dir: SweepDir,
    /// Each file's length when it was read, and what it said.
    files: BTreeMap<PathBuf, (u64, Option<TaskStart>)>,
}

impl TaskReader {
    /// A reader that has read nothing yet.
    #[must_use]
    pub const fn new(dir: SweepDir) -> Self {
        Self { dir, files: BTreeMap::new() }
    }

    /// Reads what came since the last look; whether anything did. A file that can't be read is
    /// left out until it can.
    ///
    /// # Errors
    /// If the folder can't be listed.
    pub fn poll(&mut self) -> Result<bool, StoreError> {
        let folders = match fs::list_dir(&self.dir.tasks()) {
            Err(error) if error.is_not_found() => return Ok(false),
            listed => listed?,
        };
        let mut any = false;
        for folder in folders {
            let folder = self.dir.tasks().join(folder);
            let names = fs::list_dir(&folder).unwrap_or_default();
            for name in names.iter().filter(|n| n.ends_with(".jsonl") && !n.starts_with('.')) {
                any |= self.look_at(folder.join(name));
            }
        }
        Ok(any)
    }

    fn look_at(&mut self, path: PathBuf) -> bool {
        let known = self.files.get(&path);
        if known.is_some_and(|(_, start)| start.as_ref().is_some_and(|s| s.end.is_some())) {
            return false;
        }
        let length = known.map(|(length, _)| *length);
        let read = fs::reading(&path, |file| {
            if Some(file.length()?) == length {
                return Ok(None);
            }
            file.read_from(0).map(Some)
        });
        let Ok(Some(bytes)) = read else { return false };
        self.files.insert(path, (bytes.len() as u64, parse(&bytes)));
        true
    }

    /// Every start that was read, in the order of [`read_all`].
    #[must_use]
    pub fn starts(&self) -> Vec<TaskStart> {
        sorted(self.files.values().filter_map(|(_, start)| start.clone()).collect())
    }
}

/// In order; of a start that was written to two files, what the longer one says.
fn sorted(mut starts: Vec<TaskStart>) -> Vec<TaskStart> {
    starts.sort_by(|a, b| {
        let length = |start: &TaskStart| (start.end.is_none(), Reverse(start.died.len()));
        let order = key(&a.begin).partial_cmp(&key(&b.begin)).unwrap_or(Ordering::Equal);
        order.then_with(|| length(a).cmp(&length(b)))
    });
    starts.dedup_by(|later, first| later.begin == first.begin);
    starts
}

const fn key(begin: &Begin) -> (u32, u32, u32, f64) {
    (begin.intent, begin.task, begin.restarts, begin.time)
}

/// Reads a task's file; nothing if its first line is not whole. A later line that is damaged is
/// left out.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<TaskStart> {
    let mut lines = bytes
        .split_inclusive(|b| *b == b'\n')
        .filter_map(|line| serde_json::from_slice(unframe(line.strip_suffix(b"\n")?).ok()?).ok());
    let Some(TaskLine::Begin(begin)) = lines.next() else { return None };
    let mut start = TaskStart { begin, died: Vec::new(), full: None, end: None };
    for line in lines {
        match line {
            TaskLine::Begin(_) => {}
            TaskLine::Died(died) => start.died.push(died),
            TaskLine::Full(full) => start.full = Some(full),
            TaskLine::End(end) => start.end = Some(end),
        }
    }
    Some(start)
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::store::fs::fault::{self, Plan};

    fn begin(intent: u32, task: u32, restarts: u32) -> Begin {
        let granted = Granted { memory_mib: Some(4096), ..Granted::default() };
        Begin { schema: TASK_SCHEMA, intent, task, restarts, granted, ..Begin::default() }
    }

    #[test]
    fn what_tasks_wrote_is_read_in_order_and_a_torn_line_is_left_out() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        assert_eq!(read_all(&dir).expect("nothing yet"), []);
        for (intent, task, restarts) in [(2, 0, 0), (1, 3, 1), (1, 3, 0)] {
            let mut writer =
                TaskWriter::begin(&dir, &begin(intent, task, restarts)).expect("written");
            if restarts == 1 {
                let died = Died { slice: 7, how: "x".into(), cause: Cause::Memory, time: 1.0 };
                writer.add(&TaskLine::Died(died)).expect("written");
                writer.file.append(b"{\"v\":1,\"n\":2,\"t\":\"end\"").expect("torn");
            }
        }
        let starts = read_all(&dir).expect("readable");
        let order: Vec<_> =
            starts.iter().map(|s| (s.begin.intent, s.begin.task, s.begin.restarts)).collect();
        assert_eq!(order, [(1, 3, 0), (1, 3, 1), (2, 0, 0)]);
        assert_eq!(starts[1].died[0].cause, Cause::Memory);
        assert!(starts.iter().all(|s| s.end.is_none()));
        assert_eq!(parse(b"not a line\n"), None);
        let mut reader = TaskReader::new(dir.clone());
        assert!(reader.poll().expect("readable"));
        assert_eq!(reader.starts(), starts);
        assert!(!reader.poll().expect("nothing is new"));
        let mut writer = TaskWriter::begin(&dir, &begin(3, 0, 0)).expect("written");
        assert!(reader.poll().expect("a new start"));
        let full = Full { memory_mib: 4000, time: 2.0 };
        writer.add(&TaskLine::Full(full.clone())).expect("written");
        assert!(reader.poll().expect("a line more"));
        assert_eq!(reader.starts()[3].full, Some(full));
        assert_eq!(reader.starts(), read_all(&dir).expect("readable"));
    }

    #[test]
    fn a_line_that_was_cut_off_is_written_anew_with_all_before_it() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        let mut writer = TaskWriter::begin(&dir, &begin(1, 0, 0)).expect("written");
        let died = Died { slice: 7, how: "x".into(), cause: Cause::Memory, time: 1.0 };
        // Another file can't be made either.
        fault::plan(Some(Plan { first: 0, count: 2, errno: Errno::NOSPC, kept: 30 }));
        writer.add(&TaskLine::Died(died.clone())).expect_err("no room");
        fault::plan(None);
        let full = Full { memory_mib: 4000, time: 2.0 };
        writer.add(&TaskLine::Full(full.clone())).expect("room again");
        let folder = dir.tasks().join("000001");
        let [name] = &fs::list_dir(&folder).expect("listed")[..] else { panic!("one file") };
        let bytes = fs::read(&folder.join(name)).expect("read");
        let told =
            TaskStart { begin: begin(1, 0, 0), died: vec![died], full: Some(full), end: None };
        assert_eq!(parse(&bytes).as_ref(), Some(&told));
        assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 3);
        assert_eq!(read_all(&dir).expect("readable"), [told]);
    }
}
