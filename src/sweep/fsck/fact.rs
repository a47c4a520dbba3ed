//! What can be found in a sweep directory: kinds, how grave each is, and the way out.
use std::collections::BTreeMap;

use crate::store::layout::{CONFIRM, is_stage};

/// How grave a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What a killed process leaves behind. Nothing is lost, and nothing need be done.
    Harmless,
    /// Not as dlgrid left it, or open to others; no result is lost.
    Warning,
    /// An invariant is broken: something that was there is gone, or was changed.
    Damage,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Warning => "warning",
            Self::Damage => "damage",
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal $severity:ident $hint:literal;)+) => {
        /// A kind of fact.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word for it, as JSON has it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// How grave it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            /// The way out.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)+ }
            }
        }
    };
}

kinds! {
    /// A file in the making whose process is gone, or one removed while open.
    Leftover "leftover" Harmless
        "may be deleted once nothing works on the sweep";
    /// The last line of a file was cut off, or is being written.
    Torn "torn" Harmless
        "nothing to do: what was cut off had not been acknowledged";
    /// A creation that was cut short: no sweep yet.
    Unfinished "unfinished" Harmless
        "the command that made it goes on where it stopped";
    /// Slurm gave the number of an earlier array again, as after a loss of its state.
    JobNumberAgain "job_number_again" Harmless
        "nothing to do: a job counts only under its array's name";
    /// An array whose fate is not written: its submission was cut short, or goes on.
    IntentOpen "intent_open" Harmless
        "`dlgrid submit` with the same spec finds out what became of it";
    /// Checkpoints of a run that has ended.
    CheckpointAfterEnd "checkpoint_after_end" Harmless
        "may be deleted";
    /// A segment under another name that is there under its own, too.
    SegmentCopy "segment_copy" Harmless
        "may be deleted: what it holds is read under its own name";
    /// A file that dlgrid did not write.
    ForeignFile "foreign_file" Harmless
        "dlgrid does not read it; move it elsewhere if it is in the way";
    /// Two attempts trained a run to different results.
    EndsDisagree "ends_disagree" Harmless
        "the training is not deterministic; the later attempt counts";
    /// A file among the segments that is none.
    StraySegment "stray_segment" Warning
        "it is not read: if it was renamed, give it its name back";
    /// A symbolic link where dlgrid makes none.
    SymbolicLink "symbolic_link" Warning
        "put the file itself there: dlgrid writes through no link";
    /// Neither a file nor a folder.
    SpecialFile "special_file" Warning
        "remove it: dlgrid makes no such file";
    /// A file with a second name.
    HardLink "hard_link" Warning
        "who writes to its other name changes it here: `cp` it, and remove the link";
    /// Everybody may write to it.
    WorldWritable "world_writable" Warning
        "`chmod o-w` it";
    /// It belongs to another user.
    OtherOwner "other_owner" Warning
        "a sweep belongs to who submitted it: find out who put it there";
    /// A later dlgrid wrote it.
    LaterSchema "later_schema" Warning
        "use the later dlgrid for this sweep";
    /// The claim of an attempt is gone.
    ClaimMissing "claim_missing" Warning
        "`dlgrid fsck --repair` writes it again";
    /// A claim holds something.
    ClaimNotEmpty "claim_not_empty" Warning
        "claims are empty: find out who wrote to it";
    /// Curves are damaged.
    CurvesDamaged "curves_damaged" Warning
        "nothing to do: ends are kept elsewhere, some epochs' metrics are not shown";
    /// A checkpoint is not what its name says.
    CheckpointDamaged "checkpoint_damaged" Warning
        "nothing to do: the worker takes the one before it, or starts from the beginning";
    /// A segment of a slice that the sweep has not.
    SliceUnknown "slice_unknown" Warning
        "its ends count; find out whether `SWEEP.json` was made anew";
    /// A run that another slice has.
    OutsideSlice "outside_slice" Warning
        "its end counts; find out whether `SWEEP.json` was made anew";
    /// What an array task wrote of itself is damaged.
    TaskDamaged "task_damaged" Warning
        "nothing to do: no result depends on it, `dlgrid efficiency` leaves it out";
    /// The manifest is gone.
    ManifestMissing "manifest_missing" Damage
        "restore `SWEEP.json`, or submit the file again that you submitted: what has ended is kept";
    /// The manifest can't be read.
    ManifestDamaged "manifest_damaged" Damage
        "restore `SWEEP.json`; or move it away and submit the file again that you submitted: what has ended is kept";
    /// The manifest contradicts the spec or itself.
    ManifestWrong "manifest_wrong" Damage
        "use the version of dlgrid that it names, if that is another; else restore `SWEEP.json`, or move it away and submit the file again that you submitted: what has ended is kept";
    /// The spec is gone.
    SpecMissing "spec_missing" Damage
        "put the spec back that was submitted, byte for byte";
    /// The spec is not the one that was submitted.
    SpecChanged "spec_changed" Damage
        "put it back as it was; a changed spec is submitted as a sweep of its own";
    /// The spec is not accepted.
    SpecRefused "spec_refused" Damage
        "put it back as it was, or use the dlgrid that made the sweep";
    /// A line of a segment does not match its checksum or is no record.
    LineDamaged "line_damaged" Damage
        "`dlgrid submit` trains again what no other line has; `--repair` first saves sound parts";
    /// Lines of a segment are missing.
    LinesMissing "lines_missing" Damage
        "`dlgrid submit` trains again what no other line has";
    /// A line of a segment comes twice, or after the last one.
    LineExtra "line_extra" Damage
        "it counts once: find out who wrote to the segment";
    /// The last line of a segment counts other ends than stand there.
    CloseMiscounts "close_miscounts" Damage
        "`dlgrid submit` trains again what is missing";
    /// A segment does not say who wrote it.
    HeadMissing "head_missing" Damage
        "nothing to do: the lines after it count";
    /// A segment of another sweep.
    SegmentForeign "segment_foreign" Damage
        "it is not read: move it back to the sweep that its first line names";
    /// A segment under another name than it gives itself, or in another folder.
    SegmentMisnamed "segment_misnamed" Damage
        "it is not read: `dlgrid fsck --repair` writes it again under its own name";
    /// A file can't be read.
    Unreadable "unreadable" Damage
        "see `ls -l`, and whether the file server is well";
    /// A result of a run that the sweep has not.
    RunUnknown "run_unknown" Damage
        "use the version of dlgrid that made the sweep; else find out who wrote it";
    /// One attempt ended a run twice, differently.
    EndedTwice "ended_twice" Damage
        "two processes wrote as one attempt: find out how, before you trust the run";
    /// Fewer runs have ended than a task counted, or a report needed.
    EndsLost "ends_lost" Damage
        "segments were deleted or cut short (purged?): restore them, or `dlgrid submit` again";
    /// A run that nobody is to train and that has not ended.
    RunUncovered "run_uncovered" Damage
        "what was taken over from another sweep is gone: restore the segments of attempt 0";
    /// No sound checkpoint is left of a run that had one and has not ended.
    CheckpointLost "checkpoint_lost" Damage
        "nothing to do: the run starts from the beginning";
    /// Weights that a run left are gone.
    WeightsMissing "weights_missing" Damage
        "restore the file, or train the run again in a sweep of its own";
    /// A file of weights is damaged.
    WeightsDamaged "weights_damaged" Damage
        "restore the file, or train the run again in a sweep of its own";
    /// A file of the submission can't be read or is not what its name says.
    SubmitDamaged "submit_damaged" Damage
        "restore it; where it can't be, `dlgrid cancel`, move it away (of an array all of `array-N.*`), submit again";
    /// A file of the submission that must be there is not.
    SubmitMissing "submit_missing" Damage
        "restore it; `squeue --me` shows what Slurm has under the names of `submit/*.intent`";
    /// Two arrays have the same name.
    NameTwice "name_twice" Damage
        "`squeue --me` shows whose it is; `dlgrid cancel` ends neither without checking its name";
    /// A program that tasks run was changed.
    ProgramChanged "program_changed" Damage
        "cancel the sweep's jobs; remove the folder and `dlgrid retry`: it is made anew";
    /// A record of an opening of the test set is damaged or out of order.
    OpeningDamaged "opening_damaged" Damage
        "restore it: how often the test set was opened is part of the result";
    /// A finish whose opening is not written down.
    OpeningMissing "opening_missing" Damage
        "`dlgrid fsck --repair` writes it down again";
    /// A stage of another sweep.
    StageForeign "stage_foreign" Damage
        "move it back to the sweep whose stage it is";
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// What kind it is.
    pub kind: Kind,
    /// The file, below the sweep directory; empty for the directory itself.
    pub file: String,
    /// The line, from 1, where it is about one.
    pub line: Option<u64>,
    /// What is the case, in words.
    pub text: String,
}

impl Fact {
    /// The way out: that of its kind, but for a stage, of which nobody submits the spec.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        let stage = self.file.split_once('/').map(|(folder, _)| folder).filter(|f| is_stage(f));
        match (self.kind, stage) {
            (
                Kind::ManifestMissing | Kind::ManifestDamaged | Kind::ManifestWrong,
                Some(CONFIRM),
            ) => {
                "restore it, or move it away if it is there; `dlgrid submit` of the sweep's spec makes it anew"
            }
            (Kind::ManifestMissing | Kind::ManifestDamaged | Kind::ManifestWrong, Some(_)) => {
                "restore it, or move it away if it is there; the same `dlgrid finish` makes it anew"
            }
            _ => self.kind.hint(),
        }
    }
}

/// Facts of a kind that are kept one by one; further ones are counted.
const NAMED: u64 = 1000;

/// Gathers facts.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    list: Vec<Fact>,
    counts: BTreeMap<Kind, u64>,
    /// Put before each file: the folder of the stage that is looked at.
    prefix: String,
}

impl Facts {
    /// Adds one.
    pub fn add(&mut self, kind: Kind, file: impl AsRef<str>, text: impl Into<String>) {
        self.add_line(kind, file, None, text);
    }

    /// Adds one that is about a line.
    pub fn add_line(
        &mut self,
        kind: Kind,
        file: impl AsRef<str>,
        line: impl Into<Option<u64>>,
        text: impl Into<String>,
    ) {
        let (file, text, line) = (file.as_ref(), text.into(), line.into());
        // A folder that can't be listed is met by several checks.
        let is_told = |fact: &Fact| {
            fact.kind == kind
                && fact.text == text
                && fact.file.strip_prefix(&self.prefix) == Some(file)
        };
        if kind == Kind::Unreadable && self.list.iter().any(is_told) {
            return;
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= NAMED {
            let file = format!("{}{file}", self.prefix);
            self.list.push(Fact { kind, file, line, text });
        }
    }

    /// From now on files are those of the stage in this folder.
    pub(super) fn enter(&mut self, folder: &str) {
        self.prefix = format!("{folder}/");
    }

    /// From now on files are those of the sweep itself.
    pub(super) fn leave(&mut self) {
        self.prefix.clear();
    }

    /// Those that are kept one by one, the gravest first; and how many there are of each kind.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Fact>, BTreeMap<Kind, u64>) {
        self.list.sort_by(|a, b| (b.kind.severity(), a).cmp(&(a.kind.severity(), b)));
        self.list.dedup();
        (self.list, self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_different_words_and_a_way_out() {
        let words: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|k| k.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let hint = kind.hint();
            assert!(!hint.ends_with('.') && !hint.is_empty(), "{hint}");
        }
    }

    #[test]
    fn nobody_submits_the_spec_of_a_stage() {
        let hint = |kind: Kind, file: &str| {
            Fact { kind, file: file.into(), line: None, text: String::new() }.hint()
        };
        for kind in [Kind::ManifestMissing, Kind::ManifestDamaged, Kind::ManifestWrong] {
            assert_eq!(hint(kind, "SWEEP.json"), kind.hint());
            assert!(hint(kind, "confirm/SWEEP.json").contains("of the sweep's spec"));
            assert!(hint(kind, "finish-2/SWEEP.json").contains("dlgrid finish"));
        }
        assert_eq!(hint(Kind::Torn, "confirm/seg/x"), Kind::Torn.hint());
    }

    #[test]
    fn the_gravest_come_first_and_floods_are_counted() {
        let mut facts = Facts::default();
        (0..1500).for_each(|line| facts.add_line(Kind::Torn, "a", line, "x"));
        facts.add(Kind::SpecMissing, "spec.yaml", "y");
        let (list, counts) = facts.finish();
        assert_eq!((list.len(), counts[&Kind::Torn]), (1001, 1500));
        assert_eq!(list[0].kind, Kind::SpecMissing);
    }
}
