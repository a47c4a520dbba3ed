//! Brings a data set into the cache: source after source until one gives the genuine files.
//! Nothing half-done is ever seen under a final name, and two at once do no harm.
#![expect(clippy::disallowed_methods, reason = "data sets are no files of a sweep")]

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use super::download::SourceError;
use super::locate::dir_option;
use super::{DataSet, download, verify};
use crate::host;

/// What a fetch has to tell while it works.
#[derive(Debug)]
pub enum Event {
    /// A source is asked.
    Asking {
        /// Which.
        source: String,
    },
    /// A source did not give the files; the next is asked.
    Failed {
        /// Which.
        source: String,
        /// Why.
        why: String,
    },
    /// Something that takes its time.
    Note(String),
    /// Files begin to come into this working folder, which is gone at the end.
    Into(PathBuf),
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Event::Asking { source } => write!(f, "asking {source}"),
            Event::Failed { why, .. } => write!(f, "  no: {why}"),
            Event::Note(words) => write!(f, "  {words}"),
            Event::Into(folder) => write!(f, "working in `{}`", folder.display()),
        }
    }
}

/// How a fetch ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The genuine files were there already.
    Before,
    /// They came from this source.
    From(String),
}

/// Why a data set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Every source failed.
    #[error("data set `{name}` could not be fetched{}", listed(tried))]
    NoSource {
        /// Its name.
        name: &'static str,
        /// Where it should lie.
        dir: PathBuf,
        /// Each source with the reason why it did not give the files.
        tried: Vec<(String, SourceError)>,
    },
    /// The disk has too little room.
    #[error("`{}` has `{free}` bytes free, fetching needs `{needed}`", dir.display())]
    NoSpace {
        /// The folder of the data sets.
        dir: PathBuf,
        /// Free bytes.
        free: u64,
        /// Bytes that fetching needs.
        needed: u64,
    },
    /// The disk refuses.
    #[error("cannot write to `{}`: {why}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

fn listed(tried: &[(String, SourceError)]) -> String {
    tried.iter().map(|(source, why)| format!("\n  {source}: {why}")).collect()
}

impl FetchError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            FetchError::NoSource { name, dir, .. } => format!(
                "where a network is, get its files and bring them here by \
                 `dlgrid data fetch {name} --from FOLDER{}` (.gz or not); they are put in `{}`",
                dir_option(dir.parent()),
                dir.display()
            ),
            FetchError::NoSpace { .. } | FetchError::Write { .. } => {
                "make room, or name another folder with DLGRID_DATA or --dir".to_owned()
            }
        }
    }
}

/// Brings `set` into `dir` (made where it is missing), from a folder of the user's where `from`
/// names one, else from the sources of the catalogue. Files that are there and genuine are kept.
///
/// # Errors
/// Where no source gives the genuine files, or the disk refuses; `dir` is then as it was.
pub fn fetch(
    set: &'static DataSet,
    dir: &Path,
    from: Option<&Path>,
    talk: &mut dyn FnMut(&Event),
) -> Result<Fetched, FetchError> {
    if verify::verify(dir, set).is_empty() {
        return Ok(Fetched::Before);
    }
    let root = dir.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(root).map_err(write(root))?;
    check_space(root, 3 * set.bytes())?;
    let work = Work::new(root)?;
    talk(&Event::Into(work.0.clone()));
    let mut tried = Vec::new();
    if let Some(folder) = from {
        match download::bring_from_folder(set, folder, &work.0) {
            Ok(files) => return place(set, &files, dir, folder.display().to_string()),
            Err(why) => tried.push((folder.display().to_string(), why)),
        }
    } else {
        for source in set.sources {
            talk(&Event::Asking { source: source.to_string() });
            let mut note = |words| talk(&Event::Note(words));
            match download::bring(set, source, &work.0, &mut note) {
                Ok(files) => return place(set, &files, dir, source.to_string()),
                Err(why) => {
                    talk(&Event::Failed { source: source.to_string(), why: why.to_string() });
                    tried.push((source.to_string(), why));
                }
            }
        }
    }
    Err(FetchError::NoSource { name: set.name, dir: dir.to_owned(), tried })
}

/// Gives synced files their final names: the folder at once where none is there, else file
/// by file, each replaced in one step.
fn place(set: &DataSet, files: &Path, dir: &Path, source: String) -> Result<Fetched, FetchError> {
    for file in set.files {
        let path = files.join(file.name);
        std::fs::File::open(&path).and_then(|file| file.sync_all()).map_err(write(&path))?;
    }
    if std::fs::rename(files, dir).is_err() {
        std::fs::create_dir_all(dir).map_err(write(dir))?;
        for file in set.files {
            let target = dir.join(file.name);
            std::fs::rename(files.join(file.name), &target).map_err(write(&target))?;
        }
    }
    let parent = dir.parent().unwrap_or(Path::new("."));
    for folder in [dir, parent] {
        std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(write(folder))?;
    }
    Ok(Fetched::From(source))
}

fn check_space(root: &Path, needed: u64) -> Result<(), FetchError> {
    let stat = rustix::fs::statvfs(root).map_err(|why| write(root)(why.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < needed {
        return Err(FetchError::NoSpace { dir: root.to_owned(), free, needed });
    }
    Ok(())
}

/// A working folder beside the data sets, gone when it is dropped.
struct Work(PathBuf);

impl Work {
    const PREFIX: &'static str = ".fetching-";

    fn new(root: &Path) -> Result<Self, FetchError> {
        remove_stale(root);
        let id = host::random::<8>().map_err(write(root))?;
        let dir = root.join(format!("{}{:016x}", Self::PREFIX, u64::from_le_bytes(id)));
        std::fs::create_dir(&dir).map_err(write(&dir))?;
        Ok(Self(dir))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes what fetches that were killed have left, a day old and more.
fn remove_stale(root: &Path) {
    let day = Duration::from_hours(24).as_secs_f64();
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(Work::PREFIX);
        let made = entry.metadata().and_then(|meta| meta.modified()).ok();
        let made = made.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        if ours && made.is_some_and(|at| at.as_secs_f64() + day < host::now()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn write(path: &Path) -> impl FnOnce(std::io::Error) -> FetchError {
    let path = path.to_owned();
    move |why| FetchError::Write { path, why }
}

#[cfg(test)]
mod tests {
    use super::super::DataFile;
    use super::*;

    const fn file(name: &'static str, sha256: &'static str) -> DataFile {
        DataFile { name, bytes: 3, sha256 }
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static SET: DataSet = DataSet {
        name: "small",
        about: "four files of three bytes",
        train_samples: 1,
        test_samples: 1,
        classes: 1,
        class_names: &[],
        shape: &[1, 1, 1],
        form: super::super::Form::Idx,
        files: &[file("a", ABC), file("b", ABC), file("c", ABC), file("d", ABC)],
        sources: &[],
        licence: "none",
    };

    fn source(dir: &Path, contents: [&str; 4]) -> PathBuf {
        let folder = dir.join("source");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, content) in ["a", "b", "c", "d"].iter().zip(contents) {
            std::fs::write(folder.join(name), content).unwrap();
        }
        folder
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_come_are_kept_and_are_mended() {
        let root = tempfile::tempdir().unwrap();
        let from = source(root.path(), ["abc"; 4]);
        let data = root.path().join("deep/data");
        let dir = data.join("small");
        let get = || fetch(&SET, &dir, Some(&from), &mut |_| {}).unwrap();
        assert_eq!(get(), Fetched::From(from.display().to_string()));
        assert_eq!(get(), Fetched::Before);
        for damage in ["", "abd", "abcd"] {
            std::fs::write(dir.join("b"), damage).unwrap();
            assert!(matches!(get(), Fetched::From(_)), "{damage:?}");
            assert_eq!(verify::verify(&dir, &SET), []);
        }
        std::fs::remove_file(dir.join("d")).unwrap();
        assert!(matches!(get(), Fetched::From(_)));
        assert_eq!(names(&dir), ["a", "b", "c", "d"]);
        assert_eq!(names(&data), ["small"], "no working folder is left");
    }

    #[test]
    fn a_false_file_is_refused_and_nothing_is_touched() {
        let root = tempfile::tempdir().unwrap();
        let from = source(root.path(), ["abc", "abc", "xyz", "abc"]);
        let data = root.path().join("data");
        let error = fetch(&SET, &data.join("small"), Some(&from), &mut |_| {}).unwrap_err();
        let FetchError::NoSource { tried, .. } = &error else { panic!("{error:?}") };
        let [(_, SourceError::NotGenuine(faults))] = &tried[..] else { panic!("{tried:?}") };
        assert!(matches!(&faults[..], [verify::Fault::Checksum { file: "c", .. }]), "{faults:?}");
        assert_eq!(names(&data), [""; 0]);

        std::fs::remove_file(from.join("a")).unwrap();
        let error = fetch(&SET, &data.join("small"), Some(&from), &mut |_| {}).unwrap_err();
        assert!(error.to_string().ends_with(": it holds no `a`"), "{error}");
        let option = format!("--from FOLDER --dir {}`", data.display());
        assert!(error.hint().contains(&option), "{}", error.hint());
    }

    #[test]
    fn a_link_in_the_cache_is_replaced_and_not_written_through() {
        let root = tempfile::tempdir().unwrap();
        let from = source(root.path(), ["abc"; 4]);
        let (dir, other) = (root.path().join("data/small"), root.path().join("other"));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, dir.join("b")).unwrap();
        fetch(&SET, &dir, Some(&from), &mut |_| {}).unwrap();
        assert_eq!(verify::verify(&dir, &SET), []);
        assert!(dir.join("b").symlink_metadata().unwrap().is_file());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
    }

    #[test]
    fn two_at_once_do_no_harm() {
        let root = tempfile::tempdir().unwrap();
        let from = source(root.path(), ["abc"; 4]);
        let dir = root.path().join("data/small");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| fetch(&SET, &dir, Some(&from), &mut |_| {}).unwrap());
            }
        });
        assert_eq!(verify::verify(&dir, &SET), []);
        assert_eq!(names(dir.parent().unwrap()), ["small"]);
    }
}
