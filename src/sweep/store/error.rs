//! What can go wrong in a sweep directory, as typed facts with a way out.
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::text::shell_word;

/// Something in the sweep directory could not be done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as a verb phrase: `write to`, `sync`.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system answered.
        #[source]
        cause: io::Error,
    },
    /// A write took fewer bytes than it was given; the file is not written to again.
    #[error("only {written} of {asked} bytes could be written to `{}`", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// Bytes that were taken.
        written: usize,
        /// Bytes that were given.
        asked: usize,
    },
    /// A file that is created once is there already.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what its name says.
    #[error("`{}` cannot be understood", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        cause: serde_json::Error,
    },
    /// The file was written by a later dlgrid.
    #[error(
        "`{}` has schema {found}, written by {}; dlgrid {} knows schemas up to {known}",
        path.display(),
        if by.is_empty() { "a later dlgrid".to_owned() } else { format!("dlgrid `{by}`") },
        env!("CARGO_PKG_VERSION")
    )]
    LaterSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The latest one that this dlgrid reads.
        known: u32,
        /// The version that wrote it; empty where the file does not say.
        by: String,
    },
    /// The record of an opening of the test set is gone.
    #[error("`{}` is gone, but `{}` is there: the test set was opened", path.display(), shown_by.display())]
    OpeningGone {
        /// The record.
        path: PathBuf,
        /// A later record, or the finish that it was made for.
        shown_by: PathBuf,
    },
    /// Others could put something there that this user then runs.
    #[error("`{}` {why}: what is run there can be another's", path.display())]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A record that was merged is no longer where it was.
    #[error("line {n} of segment `{segment}` is gone or damaged")]
    Gone {
        /// The segment.
        segment: String,
        /// The sequence number of the line.
        n: u64,
    },
}

impl StoreError {
    pub(super) fn io(action: &'static str, path: &Path, cause: impl Into<io::Error>) -> Self {
        Self::Io { action, path: path.to_owned(), cause: cause.into() }
    }

    /// Whether space, inodes or a quota ran out: waiting can help. A short write counts, for a
    /// full disk is what makes one.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Short { .. })
            || matches!(self.errno(), Some(Errno::NOSPC | Errno::DQUOT))
    }

    /// Whether the file or folder is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.errno() == Some(Errno::NOENT)
    }

    /// Whether a file that is created once was there already.
    #[must_use]
    pub const fn is_exists(&self) -> bool {
        matches!(self, Self::Exists { .. })
    }

    /// What the system said.
    pub(super) fn errno(&self) -> Option<Errno> {
        match self {
            Self::Io { cause, .. } => cause.raw_os_error().map(Errno::from_raw_os_error),
            _ => None,
        }
    }

    /// The way out, where there is one: what to type or to look at.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        // The folder two above a file.
        let sweep = |path: &Path| {
            let sweep = path.parent().and_then(Path::parent).unwrap_or(path);
            shell_word(&format!("{}/", sweep.display()))
        };
        let near = |path: &Path| path.parent().unwrap_or(path).display().to_string();
        match self {
            Self::Io { path, .. } => hint_of(self.errno()?, &near(path)),
            Self::Short { path, .. } => hint_of(Errno::NOSPC, &near(path)),
            Self::Exists { .. } => Some(
                "another dlgrid created it first; run the command again to go on with what is there"
                    .into(),
            ),
            Self::Malformed { path, .. } if path.file_name().is_some_and(|n| n == "SWEEP.json") => Some(
                "restore it from a backup; or move it away, and the command that made it makes it anew: \
                 what has ended is kept"
                    .into(),
            ),
            Self::Malformed { path, .. } => {
                Some(format!("`dlgrid fsck {}` tells what is damaged, and the way out", sweep(path)))
            }
            Self::OpeningGone { path, .. } => Some(format!(
                "`dlgrid fsck {} --repair` writes it down again where its finish is there; else restore it",
                sweep(path)
            )),
            Self::LaterSchema { by, .. } if by.is_empty() => {
                Some("use the later dlgrid for this sweep".into())
            }
            Self::LaterSchema { by, .. } => Some(format!("use dlgrid {by} or later for this sweep")),
            Self::Untrusted { .. } => Some(
                "have sweeps in a folder of your own (`--root DIR`), where others may not write \
                 (`chmod o-w DIR`)"
                    .into(),
            ),
            Self::Gone { .. } => {
                Some("files of the sweep were changed or purged; read the sweep again".into())
            }
        }
    }
}

fn hint_of(errno: Errno, folder: &str) -> Option<String> {
    Some(match errno {
        Errno::NOSPC | Errno::DQUOT => format!(
            "the disk or your quota is full: see `df -h {folder}`, `df -i {folder}` and `quota`, free \
             some space, then `dlgrid submit` again: everything that was finished is kept"
        ),
        Errno::ROFS => format!(
            "`{folder}` is mounted read-only here: put the sweep on a file system that compute nodes \
             may write to"
        ),
        Errno::ACCESS | Errno::PERM => {
            format!(
                "you may not do that here: see `ls -ld {folder}`; a sweep belongs to who submitted it"
            )
        }
        Errno::LOOP => "it is a symbolic link; dlgrid writes through none".into(),
        Errno::NAMETOOLONG => "choose a shorter name or folder for the sweep".into(),
        Errno::MFILE | Errno::NFILE => {
            "too many open files: raise the limit with `ulimit -n`".into()
        }
        Errno::STALE | Errno::IO => format!(
            "the file server gave up on `{folder}`: try again when it is back (`ls {folder}` shows it)"
        ),
        Errno::NOENT => format!("nothing is there: see `ls {folder}`"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_sweep_as_a_shell_takes_it() {
        let gone = |of: &str| {
            let sweep = Path::new(of);
            let path = sweep.join("openings/0001.json");
            StoreError::OpeningGone { path, shown_by: sweep.join("finish-1") }
        };
        for (of, command) in [
            ("sweeps/toy-12345678", "`dlgrid fsck sweeps/toy-12345678/ --repair`"),
            ("my sweeps/toy-12345678", "`dlgrid fsck 'my sweeps/toy-12345678/' --repair`"),
        ] {
            let hint = gone(of).hint().unwrap_or_default();
            assert!(hint.starts_with(command), "{hint}");
        }
        let cause = serde_json::from_str::<u8>("x").expect_err("no number");
        let damaged =
            StoreError::Malformed { path: "my sweeps/t/openings/0001.json".into(), cause };
        let hint = damaged.hint().unwrap_or_default();
        assert!(hint.starts_with("`dlgrid fsck 'my sweeps/t/'` tells"), "{hint}");
    }
}
