//! Where a data set lies, and whether it is there: by its files' names and sizes.

use std::path::{Path, PathBuf};

use super::{CATALOGUE, DataSet, find, verify};
use crate::host;
use crate::text::shell_word;

/// Whether a set can be used.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// All files are there, each of the right size.
    Ready,
    /// None of its files is there.
    Absent,
    /// Files are missing, or are not what they must be.
    Damaged(Vec<verify::Fault>),
}

impl State {
    /// One word for a table.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            State::Ready => "ready",
            State::Absent => "absent",
            State::Damaged(_) => "damaged",
        }
    }

    fn of(set: &DataSet, faults: Vec<verify::Fault>) -> Self {
        let missing = |f: &verify::Fault| matches!(f, verify::Fault::Missing { .. });
        if faults.is_empty() {
            State::Ready
        } else if faults.len() == set.files.len() && faults.iter().all(missing) {
            State::Absent
        } else {
            State::Damaged(faults)
        }
    }
}

/// Where the files of a recipe's data are: at its path, else where the set of the catalogue is fetched
/// to. Nothing of a set that is in no catalogue and has no path.
///
/// # Errors
/// As [`locate`].
pub fn place(set: &str, path: Option<&str>) -> Result<Option<PathBuf>, LocateError> {
    match (path, find(set)) {
        (Some(path), _) => Ok(Some(PathBuf::from(path))),
        (None, Some(known)) => locate(known.name).map(Some),
        (None, None) => Ok(None),
    }
}

/// Why a data set can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LocateError {
    /// The catalogue has no such set.
    #[error("there is no data set `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It has not been fetched.
    #[error("data set `{name}` is not at `{}`", dir.display())]
    Absent {
        /// Its name.
        name: &'static str,
        /// Where it should lie.
        dir: PathBuf,
    },
    /// It is there, but not whole.
    #[error("data set `{name}` at `{}` is damaged: {}", dir.display(), verify::in_words(faults))]
    Damaged {
        /// Its name.
        name: &'static str,
        /// Where it lies.
        dir: PathBuf,
        /// What is wrong with it.
        faults: Vec<verify::Fault>,
    },
}

impl LocateError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            LocateError::Unknown { name } => {
                let names: Vec<_> = CATALOGUE.iter().map(|set| set.name).collect();
                let near = names.iter().find(|known| strsim::damerau_levenshtein(known, name) <= 2);
                near.map_or_else(
                    || format!("the data sets are `{}`", names.join("`, `")),
                    |near| format!("did you mean `{near}`?"),
                )
            }
            LocateError::Absent { name, dir } | LocateError::Damaged { name, dir, .. } => {
                format!("dlgrid data fetch {name}{}", dir_option(dir.parent()))
            }
        }
    }
}

/// What leads a further command to the same folder of data sets, where that is not the usual one:
/// ` --dir FOLDER`.
#[must_use]
pub fn dir_option(folder: Option<&Path>) -> String {
    let full = |path: &Path| std::path::absolute(path).ok();
    match folder.filter(|folder| full(folder) != full(&root())) {
        Some(folder) => format!(" --dir {}", shell_word(&folder.to_string_lossy())),
        None => String::new(),
    }
}

/// The folder of all data sets: `DLGRID_DATA`, else `data` in the cache.
#[must_use]
pub fn root() -> PathBuf {
    host::env("DLGRID_DATA").map_or_else(|| host::cache().join("data"), PathBuf::from)
}

/// Where a set lies, if it is there with every file of the right size. Reads no file's content;
/// [`verify::verify`] does.
///
/// # Errors
/// Where there is no such set, or it is absent or damaged.
pub fn locate(name: &str) -> Result<PathBuf, LocateError> {
    locate_in(&root(), name)
}

/// [`locate`] under a root of the caller's.
///
/// # Errors
/// As [`locate`].
pub fn locate_in(root: &Path, name: &str) -> Result<PathBuf, LocateError> {
    let set = find(name).ok_or_else(|| LocateError::Unknown { name: name.to_owned() })?;
    let dir = root.join(set.name);
    match state(set, &dir) {
        State::Ready => Ok(dir),
        State::Absent => Err(LocateError::Absent { name: set.name, dir }),
        State::Damaged(faults) => Err(LocateError::Damaged { name: set.name, dir, faults }),
    }
}

/// What is at `dir` of a set, by names and sizes.
#[must_use]
pub fn state(set: &DataSet, dir: &Path) -> State {
    State::of(set, verify::sizes(dir, set.files))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests make the files that they look at")]
    use super::*;

    /// A set of the right names and sizes, and of no content (sparse files).
    fn hollow(root: &Path, set: &DataSet) -> PathBuf {
        let dir = root.join(set.name);
        std::fs::create_dir_all(&dir).unwrap();
        for file in set.files {
            std::fs::File::create(dir.join(file.name)).unwrap().set_len(file.bytes).unwrap();
        }
        dir
    }

    #[test]
    fn a_set_is_ready_absent_or_damaged() {
        let root = tempfile::tempdir().unwrap();
        let set = find("mnist").unwrap();
        let error = locate_in(root.path(), "mnist").unwrap_err();
        assert!(matches!(error, LocateError::Absent { .. }));
        let expected = format!("dlgrid data fetch mnist --dir {}", root.path().display());
        assert_eq!(error.hint(), expected);

        let dir = hollow(root.path(), set);
        assert_eq!(locate_in(root.path(), "mnist"), Ok(dir.clone()));

        std::fs::File::create(dir.join("train-labels-idx1-ubyte")).unwrap().set_len(9).unwrap();
        std::fs::remove_file(dir.join("t10k-images-idx3-ubyte")).unwrap();
        let error = locate_in(root.path(), "mnist").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "data set `mnist` at `{}` is damaged: `train-labels-idx1-ubyte` has `9` bytes, \
                 not `60008`; `t10k-images-idx3-ubyte` is missing",
                dir.display()
            )
        );
        assert_eq!(error.hint(), expected);
    }

    #[test]
    fn a_hint_names_the_folder_where_it_is_not_the_usual_one() {
        let folder = std::path::absolute(super::root()).unwrap();
        assert_eq!(dir_option(Some(&folder)), "");
        assert_eq!(dir_option(Some(Path::new("/my data"))), " --dir '/my data'");
    }

    #[test]
    fn a_folder_in_the_place_of_a_file_is_damage() {
        let root = tempfile::tempdir().unwrap();
        let dir = hollow(root.path(), find("mnist").unwrap());
        std::fs::remove_file(dir.join("train-labels-idx1-ubyte")).unwrap();
        std::fs::create_dir(dir.join("train-labels-idx1-ubyte")).unwrap();
        let error = locate_in(root.path(), "mnist").unwrap_err();
        assert!(error.to_string().ends_with("`train-labels-idx1-ubyte` is not a file"), "{error}");
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_or_all() {
        let hint = |name: &str| locate_in(Path::new("/"), name).unwrap_err().hint();
        assert_eq!(hint("minst"), "did you mean `mnist`?");
        assert!(hint("imagenet").starts_with("the data sets are `breast-cancer`, `cifar-10`"));
    }
}
