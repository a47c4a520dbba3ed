//! The weights of runs that are done, where their recipe keeps them: a file a run.
use super::error::StoreError;
use super::fs;
use super::layout::SweepDir;
use crate::trial::RunId;

/// Keeps the weights of a run, durable when this returns. Another attempt at the same run would
/// write the same.
///
/// # Errors
/// What the system refused.
pub fn save(dir: &SweepDir, run: &RunId, bytes: &[u8]) -> Result<(), StoreError> {
    let path = dir.weights(run);
    let mut draft = fs::draft_as(&dir.all_weights(), &run.to_string())?;
    draft.write(bytes)?;
    draft.rename(&path)
}
