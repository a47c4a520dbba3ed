//! The record of each opening of a sweep's test set: written down before it is opened, never taken
//! back.
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::fs;
use super::layout::SweepDir;

/// Version of the record.
pub const OPENING_SCHEMA: u32 = 1;

/// The test set was opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Version of this record.
    pub schema: u32,
    /// How often it has been opened with this one, from 1.
    pub number: u32,
    /// For which trials, the best first: eight digits each, as a leaderboard shows them.
    pub trials: Vec<String>,
    /// Runs of each of them.
    pub seeds: u64,
    /// Name of the machine that it was asked on.
    pub host: String,
    /// Version of dlgrid.
    pub dlgrid: String,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

impl Opening {
    /// Writes it down, durably.
    ///
    /// # Errors
    /// Where that fails, or that number is there: somebody else opens at the same moment.
    pub fn publish(&self, dir: &SweepDir) -> Result<(), StoreError> {
        let mut json = serde_json::to_vec(self)
            .expect("a record has string keys and no failing part: it always serializes");
        json.push(b'\n');
        fs::publish(&dir.opening(self.number), &json)
    }
}

/// Every opening of a sweep's test set, in order; durable, also where its writer was killed.
///
/// # Errors
/// Where one can't be read, or made durable: how often the set was opened would be told wrong.
pub fn read_all(dir: &SweepDir) -> Result<Vec<Opening>, StoreError> {
    let mut all = Vec::new();
    for number in 1.. {
        let path = dir.opening(number);
        match fs::read(&path) {
            Ok(bytes) => all.push(
                serde_json::from_slice(&bytes)
                    .map_err(|cause| StoreError::Malformed { path, cause })?,
            ),
            Err(error) if error.is_not_found() => break,
            Err(error) => return Err(error),
        }
    }
    if !all.is_empty() {
        fs::confirm(&dir.opening(1))?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_are_numbered_and_none_is_overwritten() {
        let root = tempfile::tempdir().expect("folder");
        let dir = SweepDir::new(root.path());
        assert!(read_all(&dir).expect("none").is_empty());
        let first = Opening { number: 1, trials: vec!["1a2b3c4d".into()], ..Opening::default() };
        first.publish(&dir).expect("written");
        assert!(first.publish(&dir).expect_err("there").is_exists());
        let second = Opening { number: 2, ..first.clone() };
        second.publish(&dir).expect("written");
        assert_eq!(read_all(&dir).expect("two"), [first, second]);
    }
}
