//! Checkpoints as bytes: each file's name says how long it is and what it hashes to.
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::error::StoreError;
use super::fs;
use super::layout::SweepDir;
use super::record::Checkpoint;
use crate::mutant::{self, Mutant};
use crate::trial::RunId;

/// Checkpoints that are kept.
const KEPT: usize = 2;
/// What the name of one that was set aside begins with.
const ASIDE: &str = ".refused.";

type Result<T> = std::result::Result<T, StoreError>;

/// A run's checkpoints. One attempt writes them; each attempt may read those of all.
#[derive(Debug)]
pub struct CheckpointStore {
    folder: PathBuf,
    run: RunId,
    /// Names of files that this process has read back whole.
    verified: Mutex<HashSet<String>>,
}

/// A checkpoint that holds what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Epochs finished.
    pub epoch: u32,
    /// Steps finished.
    pub step: u64,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// What was saved.
    pub bytes: Vec<u8>,
}

/// What a search for the newest checkpoint found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest sound one.
    pub latest: Option<Loaded>,
    /// Newer ones that are damaged, by file name, newest first.
    pub damaged: Vec<String>,
}

/// What a file is called: `e000012.s000000003400.a2.81920.9f86d081884c7d65.ckpt`. Ordered as
/// they are preferred: an attempt that got further is worth more than a later one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    epoch: u32,
    step: u64,
    attempt: u32,
    bytes: u64,
    hash: String,
}

impl Name {
    fn file(&self) -> String {
        let Self { epoch, step, attempt, bytes, hash } = self;
        format!("e{epoch:06}.s{step:012}.a{attempt}.{bytes}.{hash}.ckpt")
    }

    fn parse(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(".ckpt")?.split('.');
        let epoch = parts.next()?.strip_prefix('e')?.parse().ok()?;
        let step = parts.next()?.strip_prefix('s')?.parse().ok()?;
        let attempt = parts.next()?.strip_prefix('a')?.parse().ok()?;
        let bytes = parts.next()?.parse().ok()?;
        let hash = parts.next()?.to_owned();
        Some(Self { epoch, step, attempt, bytes, hash }).filter(|name| name.file() == file)
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        mutant::is(Mutant::CheckpointTrusted)
            || (self.bytes == bytes.len() as u64 && self.hash == hash(bytes))
    }
}

/// The first 16 hex digits of BLAKE3.
fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().chars().take(16).collect()
}

impl CheckpointStore {
    /// The checkpoints of this run in this sweep.
    #[must_use]
    pub fn new(dir: &SweepDir, run: &RunId) -> Self {
        Self { folder: dir.checkpoints(run), run: *run, verified: Mutex::default() }
    }

    /// Saves `bytes` as the state after `epoch` epochs and `step` steps. When this returns they
    /// are durable and read back, and older checkpoints but the last sound one are removed.
    ///
    /// # Errors
    /// What the system refused; the checkpoints that were there are then untouched.
    pub fn save(&self, epoch: u32, step: u64, attempt: u32, bytes: &[u8]) -> Result<Checkpoint> {
        let name = Name { epoch, step, attempt, bytes: bytes.len() as u64, hash: hash(bytes) };
        self.remove_leftovers(attempt)?;
        if mutant::is(Mutant::CheckpointsRemovedFirst) {
            for old in self.names()? {
                fs::remove(&self.folder.join(old.file()))?;
            }
        }
        let mut draft = fs::draft_as(&self.folder, &format!("a{attempt}"))?;
        draft.write(bytes)?;
        draft.rename(&self.folder.join(name.file()))?;
        self.prune()?;
        Ok(Checkpoint { run: self.run, epoch, step, file: name.file(), bytes: name.bytes })
    }

    /// Files in the making that earlier attempts left behind.
    fn remove_leftovers(&self, attempt: u32) -> Result<()> {
        for file in fs::list_all(&self.folder)? {
            let of = file.strip_prefix(".a").and_then(|rest| rest.split('.').next()?.parse().ok());
            if file.ends_with(".tmp") && of.is_some_and(|earlier: u32| earlier < attempt) {
                fs::remove(&self.folder.join(file))?;
            }
        }
        Ok(())
    }

    /// Removes what is older than the newest two that read back whole.
    fn prune(&self) -> Result<()> {
        let mut sound = 0;
        for name in self.names()? {
            if sound >= KEPT {
                fs::remove(&self.folder.join(name.file()))?;
            } else if self.is_sound(&name)? {
                sound += 1;
            }
        }
        Ok(())
    }

    fn is_sound(&self, name: &Name) -> Result<bool> {
        let file = name.file();
        if self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(&file) {
            return Ok(true);
        }
        Ok(self.load(name)?.is_some())
    }

    fn load(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        let file = name.file();
        let bytes = match fs::read(&self.folder.join(&file)) {
            Err(gone) if gone.is_not_found() => return Ok(None),
            read => read?,
        };
        if !name.holds(&bytes) {
            return Ok(None);
        }
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(file);
        Ok(Some(bytes))
    }

    /// Newest first.
    fn names(&self) -> Result<Vec<Name>> {
        let files = fs::list_dir(&self.folder)?;
        let mut names: Vec<Name> = files.iter().filter_map(|file| Name::parse(file)).collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }

    /// The newest checkpoint whose length and hash hold: epochs finished, steps finished, bytes.
    /// [`Self::find`] also says which ones are damaged.
    ///
    /// # Errors
    /// What the system refused.
    pub fn latest(&self) -> Result<Option<(u32, u64, Vec<u8>)>> {
        Ok(self.find()?.latest.map(|found| (found.epoch, found.step, found.bytes)))
    }

    /// The newest sound checkpoint, and the newer ones that are not. One that cannot be read
    /// counts as damaged.
    ///
    /// # Errors
    /// Where the folder can't be listed.
    pub fn find(&self) -> Result<Found> {
        let mut found = Found::default();
        for name in self.names()? {
            if let Ok(Some(bytes)) = self.load(&name) {
                let Name { epoch, step, attempt, .. } = name;
                found.latest = Some(Loaded { epoch, step, attempt, bytes });
                break;
            }
            found.damaged.push(name.file());
        }
        Ok(found)
    }

    /// Sets a sound checkpoint aside that can't be gone on from, as of another version of dlgrid: it
    /// is neither found any more nor one of those that are kept, and goes once the run has ended.
    ///
    /// # Errors
    /// What the system refused.
    pub fn set_aside(&self, refused: &Loaded) -> Result<()> {
        let Loaded { epoch, step, attempt, ref bytes } = *refused;
        let name = Name { epoch, step, attempt, bytes: bytes.len() as u64, hash: hash(bytes) };
        let file = name.file();
        let aside = self.folder.join(format!("{ASIDE}{file}.tmp"));
        fs::set_aside(&self.folder.join(file), &aside)
    }

    /// Every checkpoint, newest first: its file name, and what it holds where that is what its
    /// name says.
    ///
    /// # Errors
    /// Where the folder can't be listed, or a file can't be read.
    pub fn all(&self) -> Result<Vec<(String, Option<Vec<u8>>)>> {
        self.names()?.iter().map(|name| Ok((name.file(), self.load(name)?))).collect()
    }

    /// Removes all checkpoints of the run, once it has ended.
    ///
    /// # Errors
    /// What the system refused.
    pub fn remove(&self) -> Result<()> {
        for file in fs::list_all(&self.folder)? {
            let hidden = file.starts_with(".a") || file.starts_with(ASIDE);
            let ours = Name::parse(&file).is_some() || (hidden && file.ends_with(".tmp"));
            if ours {
                fs::remove(&self.folder.join(file))?;
            }
        }
        fs::remove_empty_dir(&self.folder)
    }
}
