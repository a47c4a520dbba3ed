//! The record of each opening of a sweep's test set: written down before it is opened, never taken
//! back.
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::fs;
use super::layout::{SweepDir, is_stage};
use super::versioned;

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
/// Where one is gone that a later one or a finish shows, can't be read, or made durable: how often the
/// set was opened would be told wrong.
pub fn read_all(dir: &SweepDir) -> Result<Vec<Opening>, StoreError> {
    // A finish is made after its record: so it is looked for before.
    let finishes = finishes(dir)?;
    let records = numbers(dir)?;
    for (number, before) in records.iter().zip(1..) {
        if *number != before {
            return Err(gone(dir, before, dir.opening(*number)));
        }
    }
    if let Some(number) = finishes.into_iter().find(|number| !records.contains(number)) {
        return Err(gone(dir, number, dir.finish(number).path().to_owned()));
    }
    let all = records.iter().map(|number| parse(dir, *number)).collect::<Result<Vec<_>, _>>()?;
    if !all.is_empty() {
        fs::confirm(&dir.opening(1))?;
    }
    Ok(all)
}

/// Whether this is a folder with a record of an opening.
#[must_use]
pub fn is_there(dir: &SweepDir) -> bool {
    numbers(dir).is_ok_and(|numbers| !numbers.is_empty())
}

/// Whether an opening is written down; durably, also where its writer was killed.
///
/// # Errors
/// Where its record can't be read, or made durable.
pub fn is_written(dir: &SweepDir, number: u32) -> Result<bool, StoreError> {
    match parse(dir, number) {
        Ok(opening) => {
            fs::confirm(&dir.opening(number))?;
            Ok(opening.number == number)
        }
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

fn parse(dir: &SweepDir, number: u32) -> Result<Opening, StoreError> {
    let path = dir.opening(number);
    versioned::parse(&fs::read(&path)?, &path, OPENING_SCHEMA)
}

/// The numbers of the records that are there, in order.
fn numbers(dir: &SweepDir) -> Result<Vec<u32>, StoreError> {
    let number = |name: &String| name.strip_suffix(".json")?.parse().ok().filter(|n| *n > 0);
    let mut numbers: Vec<u32> = fs::list_dir(&dir.openings())?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// The numbers of the finishes that were made.
fn finishes(dir: &SweepDir) -> Result<Vec<u32>, StoreError> {
    let names = fs::list_dir(dir.path())?;
    let numbers = names.iter().filter(|name| is_stage(name));
    let numbers = numbers.filter_map(|name| name.rsplit_once('-')?.1.parse().ok());
    Ok(numbers.filter(|number| fs::is_file(&dir.finish(*number).manifest())).collect())
}

fn gone(dir: &SweepDir, number: u32, shown_by: std::path::PathBuf) -> StoreError {
    StoreError::OpeningGone { path: dir.opening(number), shown_by }
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

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests damage files behind the store's back")]
    fn a_record_that_is_gone_is_no_seal_that_is_whole() {
        let root = tempfile::tempdir().expect("folder");
        let dir = SweepDir::new(root.path());
        for number in [1, 2] {
            Opening { number, ..Opening::default() }.publish(&dir).expect("written");
            fs::publish(&dir.finish(number).manifest(), b"{}").expect("written");
        }
        let gone = |number: u32, shown: &str| {
            let error = read_all(&dir).expect_err("told").to_string();
            assert!(error.contains(&format!("000{number}.json` is gone")), "{error}");
            assert!(error.contains(shown), "{error}");
        };
        assert_eq!(read_all(&dir).expect("two").len(), 2);
        std::fs::remove_file(dir.opening(1)).expect("removed");
        gone(1, "0002.json");
        assert!(is_written(&dir, 2).expect("read") && !is_written(&dir, 1).expect("looked"));
        std::fs::remove_file(dir.opening(2)).expect("removed");
        gone(1, "finish-1");
        std::fs::remove_dir_all(dir.finish(1).path()).expect("removed");
        gone(2, "finish-2");
    }
}
