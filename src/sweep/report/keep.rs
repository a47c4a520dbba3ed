//! The leaderboard as files of a sweep: each report has a numbered folder of its own with three forms
//! of the same, which never change.
use std::path::{Path, PathBuf};

use super::{Report, csv, json, markdown};
use crate::mutant::{self, Mutant};
use crate::store::layout::SweepDir;
use crate::store::{StoreError, fs};

/// The form that has everything. Whoever publishes it has the folder: the others are made from it.
pub const BOARD: &str = "leaderboard.json";
/// The other forms.
const TABLE: &str = "leaderboard.csv";
const TEXT: &str = "leaderboard.md";

/// A report that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it is one that was not there before.
    pub is_new: bool,
}

/// Writes a report down, unless the last one says just that. Of two that do so at once, each has a
/// folder of its own, or both the same where they say the same; what one that was killed has left
/// undone of its report is done.
///
/// # Errors
/// If the files can't be read or written.
pub fn keep(dir: &SweepDir, report: &Report) -> Result<Kept, StoreError> {
    let board = json::render(report);
    let root = dir.reports();
    let mut number = newest(&root)?.max(1);
    loop {
        let folder = root.join(format!("{number:04}"));
        let Some(is_new) = has(&folder, board.as_bytes())? else {
            number += 1;
            continue;
        };
        for (name, text) in [(TEXT, markdown::render(report)), (TABLE, csv::render(report))] {
            match fs::publish(&folder.join(name), text.as_bytes()) {
                // Another one writes the same at the same moment.
                Err(error) if error.is_exists() => {}
                written => written?,
            }
        }
        return Ok(Kept { folder, is_new });
    }
}

/// Whether the newest report is there, whole.
///
/// # Errors
/// If the folders can't be listed.
pub fn is_kept(dir: &SweepDir) -> Result<bool, StoreError> {
    let root = dir.reports();
    let names = fs::list_dir(&root.join(format!("{:04}", newest(&root)?)))?;
    Ok([BOARD, TABLE, TEXT].iter().all(|form| names.iter().any(|name| name == form)))
}

/// Whether a folder has this board: since now, or since before; nothing where it is another's.
fn has(folder: &Path, board: &[u8]) -> Result<Option<bool>, StoreError> {
    let path = folder.join(BOARD);
    // One of an earlier version may have been killed before it came to the board.
    let names = fs::list_dir(folder)?;
    if !names.is_empty() && !names.iter().any(|name| name == BOARD) {
        return Ok(None);
    }
    match fs::publish(&path, board) {
        Ok(()) => Ok(Some(true)),
        Err(error) if error.is_exists() => {
            let same = fs::read(&path)? == board || mutant::is(Mutant::ReportUnclaimed);
            Ok(same.then_some(false))
        }
        Err(error) => Err(error),
    }
}

fn newest(root: &Path) -> Result<u32, StoreError> {
    let numbers = fs::list_dir(root)?;
    Ok(numbers.iter().filter_map(|name| name.parse().ok()).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Query, Title};

    fn report(name: &str) -> Report {
        let report = crate::report::tests::report(Query::default()).expect("a report");
        Report { sweep: Title { name: name.to_owned(), ..report.sweep }, ..report }
    }

    #[test]
    fn a_report_is_written_once_and_one_that_says_more_beside_it() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        let folder = |number: &str| dir.reports().join(number);
        assert!(!is_kept(&dir).expect("none"));
        let keep = |name: &str| keep(&dir, &report(name)).expect("written");
        let kept = |number: &str, is_new| Kept { folder: folder(number), is_new };
        assert_eq!(keep("a"), kept("0001", true));
        assert_eq!(keep("a"), kept("0001", false));
        assert_eq!(keep("b"), kept("0002", true));
        assert_eq!(keep("a"), kept("0003", true));
        assert!(is_kept(&dir).expect("listed"));
    }

    #[test]
    fn what_was_left_undone_of_a_report_is_done_and_nothing_is_mixed() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path());
        let first = keep(&dir, &report("a")).expect("written").folder;
        fs::remove(&first.join(TABLE)).expect("removed");
        assert!(!is_kept(&dir).expect("listed"), "a form is missing");
        let again = keep(&dir, &report("a")).expect("written");
        assert_eq!(again, Kept { folder: first.clone(), is_new: false });
        assert!(is_kept(&dir).expect("listed"));
        fs::remove(&first.join(BOARD)).expect("removed");
        let other = keep(&dir, &report("b")).expect("written");
        assert!(other.folder.ends_with("0002"), "forms of another report stay alone");
    }
}
