//! Every path of a sweep directory, computed here and nowhere else.
use std::path::{Path, PathBuf};

use super::fs;
use crate::trial::RunId;

/// A sweep directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepDir(PathBuf);

/// What a segment file is called by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The slice.
    pub slice: u32,
    /// The attempt at it, from 1; 0 holds runs taken over from other sweeps.
    pub attempt: u32,
    /// Eight hex digits that tell two attempts of the same number apart.
    pub nonce: String,
}

/// The folder of the stage that confirms.
pub(crate) const CONFIRM: &str = "confirm";
const FINISH: &str = "finish-";

/// Whether a folder in a sweep's directory is called as a stage is.
#[must_use]
pub fn is_stage(name: &str) -> bool {
    let number = name.strip_prefix(FINISH).filter(|n| !n.starts_with(['0', '+']));
    name == CONFIRM || number.is_some_and(|n| n.parse::<u32>().is_ok())
}

impl SweepDir {
    /// The sweep directory at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its last component, `<name>-<id>`; of a stage with that of the sweep in front of it.
    #[must_use]
    pub fn label(&self) -> String {
        let last = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
        let own = last(&self.0).unwrap_or_default();
        match self.0.parent().and_then(last) {
            Some(sweep) if is_stage(&own) => format!("{sweep}/{own}"),
            _ => own,
        }
    }

    /// The directory of its stage that confirms the best trials.
    #[must_use]
    pub fn confirm(&self) -> Self {
        Self(self.0.join(CONFIRM))
    }

    /// The directories of its stages that are there, in the order in which they are made.
    #[must_use]
    pub fn stages(&self) -> Vec<Self> {
        let finishes = (1..).map(|number| self.finish(number));
        let is_there = |stage: &Self| fs::is_file(&stage.manifest());
        let confirm = Some(self.confirm()).filter(is_there);
        confirm.into_iter().chain(finishes.take_while(is_there)).collect()
    }

    /// The directory of the stage that opens the test set for the `number`th time, from 1.
    #[must_use]
    pub fn finish(&self, number: u32) -> Self {
        Self(self.0.join(format!("{FINISH}{number}")))
    }

    /// Whether it is that of a stage that opens the test set.
    #[must_use]
    pub fn is_finish(&self) -> bool {
        let own = self.0.file_name().and_then(|name| name.to_str());
        own.is_some_and(|name| name.starts_with(FINISH) && is_stage(name))
    }

    /// What is written down before the test set is opened for the `number`th time, from 1.
    #[must_use]
    pub fn opening(&self, number: u32) -> PathBuf {
        self.openings().join(format!("{number:04}.json"))
    }

    /// The records of when the test set was opened.
    #[must_use]
    pub fn openings(&self) -> PathBuf {
        self.0.join("openings")
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> PathBuf {
        self.0.join("SWEEP.json")
    }

    /// The bytes that the user gave.
    #[must_use]
    pub fn spec(&self) -> PathBuf {
        self.0.join("spec.yaml")
    }

    /// What the files of the user's repository differed in from the revision that the manifest
    /// names.
    #[must_use]
    pub fn changes(&self) -> PathBuf {
        self.0.join("code.diff")
    }

    /// Events of submission.
    #[must_use]
    pub fn submit(&self) -> PathBuf {
        self.0.join("submit")
    }

    /// The worker that its array tasks run, and their script, by the hash of both.
    #[must_use]
    pub fn programs(&self, hash: &str) -> PathBuf {
        self.0.join("bin").join(hash)
    }

    /// All segments, in folders of 256 slices.
    #[must_use]
    pub fn segments(&self) -> PathBuf {
        self.0.join("seg")
    }

    /// The folder of a slice's segments.
    #[must_use]
    pub fn segment_folder(&self, slice: u32) -> PathBuf {
        self.segments().join(format!("{:02}", slice / 256))
    }

    /// A segment of ends.
    #[must_use]
    pub fn ends(&self, name: &SegmentName) -> PathBuf {
        self.segment_folder(name.slice).join(format!("{name}.jsonl"))
    }

    /// The curves that go with a segment.
    #[must_use]
    pub fn curves(&self, name: &SegmentName) -> PathBuf {
        self.segment_folder(name.slice).join(format!("{name}.curves"))
    }

    /// The file whose creation makes an attempt's number taken.
    #[must_use]
    pub fn claim(&self, slice: u32, attempt: u32) -> PathBuf {
        self.segment_folder(slice).join(claim_name(slice, attempt))
    }

    /// The folder of a run's checkpoints.
    #[must_use]
    pub fn checkpoints(&self, run: &RunId) -> PathBuf {
        self.0.join("ckpt").join(run.to_string())
    }

    /// The weights that runs left.
    #[must_use]
    pub fn all_weights(&self) -> PathBuf {
        self.0.join("weights")
    }

    /// The weights that a run left.
    #[must_use]
    pub fn weights(&self, run: &RunId) -> PathBuf {
        self.all_weights().join(format!("{run}.safetensors"))
    }

    /// What the worker of an attempt printed.
    #[must_use]
    pub fn log(&self, slice: u32, tag: &str) -> PathBuf {
        self.0.join("logs").join(format!("c{slice:06}.{tag}.log"))
    }

    /// Reports that were written when the sweep was complete, each in a folder of its own.
    #[must_use]
    pub fn reports(&self) -> PathBuf {
        self.0.join("report")
    }

    /// What array tasks write of themselves, in a folder for each intent.
    #[must_use]
    pub fn tasks(&self) -> PathBuf {
        self.0.join("tasks")
    }

    /// What one start of an array task writes of itself.
    #[must_use]
    pub fn task(&self, intent: u32, task: u32, nonce: &str) -> PathBuf {
        self.tasks().join(format!("{intent:06}")).join(format!("t{task:06}.{nonce}.jsonl"))
    }

    /// The folder of logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "c{:06}.a{}.{}", self.slice, self.attempt, self.nonce)
    }
}

impl SegmentName {
    /// Reads the name of a segment file (`c000012.a2.7f3c91aa.jsonl`); nothing for any other file,
    /// nor for another spelling of the same name.
    #[must_use]
    pub fn parse(file_name: &str) -> Option<Self> {
        let stem =
            file_name.strip_suffix(".jsonl").or_else(|| file_name.strip_suffix(".curves"))?;
        let mut parts = stem.split('.');
        let slice = parts.next()?.strip_prefix('c')?.parse().ok()?;
        let attempt = parts.next()?.strip_prefix('a')?.parse().ok()?;
        let nonce = parts.next()?;
        let hex = nonce.len() == 8 && nonce.bytes().all(|b| b.is_ascii_hexdigit());
        (hex && parts.next().is_none())
            .then(|| Self { slice, attempt, nonce: nonce.to_owned() })
            .filter(|name| {
                name.to_string() == stem && !nonce.bytes().any(|b| b.is_ascii_uppercase())
            })
    }
}

/// Reads the name of a claim (`c000012.a2.claim`): slice and attempt; nothing for another spelling.
#[must_use]
pub(crate) fn parse_claim(file_name: &str) -> Option<(u32, u32)> {
    let (slice, attempt) = file_name.strip_suffix(".claim")?.split_once('.')?;
    let slice: u32 = slice.strip_prefix('c')?.parse().ok()?;
    let attempt: u32 = attempt.strip_prefix('a')?.parse().ok()?;
    (claim_name(slice, attempt) == file_name).then_some((slice, attempt))
}

fn claim_name(slice: u32, attempt: u32) -> String {
    format!("c{slice:06}.a{attempt}.claim")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A name that is read is written the same, and is of one file in its folder.
        #[test]
        fn names_that_are_read_are_those_that_are_written(
            name in prop_oneof![
                "[ca0-9.]{0,9}[a-f0-9./]{0,9}(jsonl|curves|claim)?",
                "c[0-9+]{1,7}\\.a[0-9+]{1,3}\\.([0-9a-f/]{8}\\.jsonl|claim)",
                "(finish-|confirm)[0-9+-]{0,3}",
                ".*",
            ]
        ) {
            if let Some(read) = SegmentName::parse(&name) {
                let written = [format!("{read}.jsonl"), format!("{read}.curves")];
                prop_assert!(written.contains(&name));
            }
            let dir = SweepDir::new("s");
            if let Some((slice, attempt)) = parse_claim(&name) {
                prop_assert_eq!(dir.claim(slice, attempt), dir.segment_folder(slice).join(&name));
            }
            if is_stage(&name) {
                let mut stages = (1..1000).map(|n| dir.finish(n)).chain([dir.confirm()]);
                prop_assert!(stages.any(|stage| stage.path() == dir.path().join(&name)));
            }
        }
    }

    #[test]
    fn segment_names_read_back_and_others_do_not() {
        let name = SegmentName { slice: 12, attempt: 2, nonce: "7f3c91aa".into() };
        assert_eq!(SegmentName::parse(&format!("{name}.jsonl")), Some(name));
        let others = [
            ".nfs0001",
            "c000001.a1.zzzzzzzz.jsonl",
            "c000001.a1.7f3c91aa.jsonl.tmp",
            "c1.a1.7f3c91aa.jsonl",
            "c000001.a01.7f3c91aa.jsonl",
            "c000001.a1.7F3C91AA.jsonl",
            "c000001.a1.claim",
            "x",
        ];
        for foreign in others {
            assert_eq!(SegmentName::parse(foreign), None, "{foreign}");
        }
    }
}
