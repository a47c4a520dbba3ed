//! Known-bad variants of the code, by which tests show that they can fail. In what people run
//! there are none: outside tests [`is`] is `false`.

macro_rules! mutants {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal;)+) => {
        /// A known-bad variant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(not(test), expect(dead_code, reason = "some are variants of what only tests have"))]
        pub enum Mutant {
            $($(#[doc = $doc])+ $name,)+
        }

        #[cfg(test)]
        impl Mutant {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

mutants! {
    /// Files are never synced.
    NoSync "no_sync";
    /// Folders are never synced.
    NoDirSync "no_dir_sync";
    /// A file that is there is opened and appended to.
    SharedAppend "shared_append";
    /// A write that took fewer bytes counts as done.
    ShortWriteTaken "short_write_taken";
    /// An error of a sync is swallowed, as closing a file swallows it.
    SyncErrorSwallowed "sync_error_swallowed";
    /// A file that appears once is written under its final name.
    PublishedInPlace "published_in_place";
    /// A file that appears once replaces one that is there.
    PublishReplaces "publish_replaces";
    /// A folder that is there counts as durable, whoever was killed when he made it.
    FolderTrusted "folder_trusted";
    /// A lost answer to a link counts as a failure.
    LinkAnswerTrusted "link_answer_trusted";
    /// A segment is gone on with after a write failed.
    GoesOnAfterError "goes_on_after_error";
    /// What no sync had confirmed is not written again.
    PendingForgotten "pending_forgotten";
    /// An end is acknowledged before it is synced.
    AcknowledgedEarly "acknowledged_early";
    /// Checksums are not checked.
    NoCrc "no_crc";
    /// Numbers of lines are not checked.
    NoSequence "no_sequence";
    /// A line without its newline is taken.
    TornLineTaken "torn_line_taken";
    /// Reading ends at the first damaged line.
    StopsAtDamage "stops_at_damage";
    /// Segments of other sweeps are taken.
    ForeignTaken "foreign_taken";
    /// The end that is read last wins.
    LastRecordWins "last_record_wins";
    /// A later failure wins over an end that is done.
    LateFailureWins "late_failure_wins";
    /// A stale handle is an error.
    StaleGivesUp "stale_gives_up";
    /// Older checkpoints go before the new one is durable.
    CheckpointsRemovedFirst "checkpoints_removed_first";
    /// A checkpoint is taken without its hash.
    CheckpointTrusted "checkpoint_trusted";
    /// The manifest is written before what was taken over.
    ManifestFirst "manifest_first";
    /// A fate that is decided is not read again.
    FateNotReread "fate_not_reread";
    /// A job counts as an intent's by its number alone.
    JobIdTrusted "job_id_trusted";
    /// A folder is not opened to see what is new in it, only asked for its times.
    FolderNotOpened "folder_not_opened";
    /// A client that believes that a folder is not there is believed.
    AbsenceBelieved "absence_believed";
    /// The clock of another machine is trusted, however far it is ahead.
    ClockTrusted "clock_trusted";
    /// A task works although its job is not the intent's.
    TaskUnelected "task_unelected";
    /// The number of an attempt is chosen by listing the folder.
    AttemptByListing "attempt_by_listing";
    /// Jobs are cancelled by their number alone.
    CancelByNumber "cancel_by_number";
    /// A doubtful answer of sbatch is taken for a refusal, and the slices are submitted anew.
    BlindRetry "blind_retry";
    /// An intent takes the number that is free when it is made, whoever took one meanwhile.
    NumberReadAnew "number_read_anew";
    /// The files of a report go into the newest folder, whoever else writes there.
    ReportUnclaimed "report_unclaimed";
    /// Files in the making are never removed.
    DraftLeft "draft_left";
    /// Files are made in the folder above their own.
    DraftOutside "draft_outside";
}

/// Whether this variant is on.
#[cfg(not(test))]
#[must_use]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}

/// Whether this variant is on: the one that `DLGRID_MUTANT` names.
#[cfg(test)]
pub(crate) fn is(mutant: Mutant) -> bool {
    static ON: std::sync::OnceLock<Option<Mutant>> = std::sync::OnceLock::new();
    let read = || {
        let word = crate::host::env("DLGRID_MUTANT")?;
        Mutant::ALL.iter().copied().find(|mutant| *mutant.word() == *word)
    };
    *ON.get_or_init(read) == Some(mutant)
}
