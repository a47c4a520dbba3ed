//! What fuzzing runs: for each reader of text or bytes from outside a function that takes any bytes
//! and holds what must hold. `fuzz/` draws bytes; the tests run them over a stored corpus.
pub use crate::exec::slurm::fuzz::{cluster, sbatch, squeue};
pub use crate::fsck::fuzz::{checkpoint, manifest};
pub use crate::report::fuzz::{escaping, report};
pub use crate::spec::fuzz::spec;
pub use crate::store::fuzz::{portions, segment};

/// A name, which its folder in `fuzz/corpus` has too, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 10] = [
    ("checkpoint", checkpoint),
    ("cluster", cluster),
    ("escaping", escaping),
    ("manifest", manifest),
    ("portions", portions),
    ("report", report),
    ("sbatch", sbatch),
    ("segment", segment),
    ("spec", spec),
    ("squeue", squeue),
];

#[cfg(test)]
mod tests;
