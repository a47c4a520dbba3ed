//! Whether a program has saved something: by the names, lengths and times of the files in its folder.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files that are looked at, at most.
const MOST: usize = 10_000;

/// The files below a folder, each with its length in bytes and the time of its last change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

impl Files {
    /// The files below a folder, links not followed; none where there is no folder. What can't be
    /// read is left out.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                if files.len() >= MOST {
                    return Self(files);
                }
                match entry.metadata() {
                    Ok(about) if about.is_dir() => folders.push(entry.path()),
                    Ok(about) => {
                        files.insert(entry.path(), (about.len(), about.modified().ok()));
                    }
                    Err(_) => {}
                }
            }
        }
        Self(files)
    }

    /// Whether a file is new, or has changed, since these were there; taken to be so where there are
    /// too many to tell.
    #[must_use]
    pub fn have_changed(&self, before: &Self) -> bool {
        let is_new = |(path, file)| before.0.get(path) != Some(file);
        self.0.len() >= MOST || self.0.iter().any(is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host;

    #[test]
    fn a_file_that_is_new_or_changed_is_something_saved() {
        let tmp = tempfile::tempdir().expect("a folder");
        let folder = tmp.path().join("ckpt");
        let write = |name: &str, text: &str| {
            host::write_scratch(&folder.join(name), text.as_bytes()).expect("written");
        };
        let at_first = Files::below(&folder);
        assert_eq!(at_first, Files::default());
        crate::store::fs::create_dirs(&folder.join("step-1")).expect("folders");
        assert!(!Files::below(&folder).have_changed(&at_first), "folders alone hold nothing");
        write("step-1/model", "one");
        let before = Files::below(&folder);
        assert!(before.have_changed(&at_first));
        assert!(!Files::below(&folder).have_changed(&before));
        write("step-1/model", "three");
        assert!(Files::below(&folder).have_changed(&before), "another length");
        let before = Files::below(&folder);
        std::thread::sleep(std::time::Duration::from_millis(20));
        write("step-1/model", "seven");
        assert!(Files::below(&folder).have_changed(&before), "another time");
        let before = Files::below(&folder);
        host::remove_scratch(&folder.join("step-1/model"));
        assert!(!Files::below(&folder).have_changed(&before), "what goes is nothing saved");
    }
}
