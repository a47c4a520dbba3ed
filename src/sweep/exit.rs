//! The exit codes of `dlgrid` and `dlgrid-worker`, documented and stable.

/// All is well.
pub const OK: u8 = 0;
/// Something unexpected: a bug, or the system failed in a way dlgrid has no words for.
pub const UNEXPECTED: u8 = 1;
/// The user's input is wrong: arguments, a spec, the name of a sweep.
pub const INPUT: u8 = 2;
/// The command did its work, and some runs failed or are missing.
pub const RUNS_FAILED: u8 = 3;
/// Something is missing on this machine: libtorch, data, a program, space.
pub const MISSING: u8 = 4;
/// Another `dlgrid` is working on the same sweep.
pub const BUSY: u8 = 5;
/// Stopped gently on request, everything finished so far is kept; submit again to go on.
pub const STOPPED: u8 = 6;
/// A sanity check saw a trial that can't learn one batch.
pub const UNSOUND: u8 = 7;

/// `dlgrid fsck` found a sweep directory that is not as dlgrid left it.
pub const DAMAGED: u8 = 8;

/// Every code with its meaning, for `--help` and the docs.
pub const TABLE: &[(u8, &str)] = &[
    (OK, "all well"),
    (UNEXPECTED, "unexpected: a bug, or the system failed"),
    (INPUT, "your input is wrong: arguments, spec, name of a sweep"),
    (RUNS_FAILED, "some runs failed or are missing"),
    (MISSING, "something is missing on this machine: see `dlgrid doctor`"),
    (BUSY, "another dlgrid is working on the same sweep"),
    (STOPPED, "stopped on request; `dlgrid submit` again goes on"),
    (UNSOUND, "a sanity check saw a trial that can't learn one batch"),
    (DAMAGED, "`dlgrid fsck` found a sweep directory that is not as dlgrid left it"),
];
