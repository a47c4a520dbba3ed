//! A sign of life on standard error for what takes longer than half a second; only in a terminal.
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dlgrid_sweep::doctor::size;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::show::Terminal;

/// What is done sooner shows nothing.
const DELAY: Duration = Duration::from_millis(500);
/// Time between two pictures.
const TICK: Duration = Duration::from_millis(125);

/// The one that is shown: work within work is not.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Shown from half a second after it was made until it is dropped.
pub struct Busy {
    bar: Option<ProgressBar>,
    /// Gone with it: what draws stops then.
    _work: Sender<()>,
}

impl Busy {
    /// Work of unknown length, such as `reading toy`.
    pub fn new(what: impl Into<String>) -> Self {
        Self::begin(ProgressBar::no_length(), "{spinner} {msg}", what.into(), None)
    }

    /// Work of so many steps.
    pub fn steps(what: impl Into<String>, steps: u64) -> Self {
        Self::begin(ProgressBar::new(steps), "{bar:32} {pos}/{len} {msg}", what.into(), None)
    }

    /// Files that come into a folder: how much of them is there is shown.
    pub fn growing(what: impl Into<String>, folder: PathBuf) -> Self {
        let bar = ProgressBar::no_length();
        Self::begin(bar, "{spinner} {msg}, {elapsed}", what.into(), Some(folder))
    }

    fn begin(bar: ProgressBar, template: &str, what: String, folder: Option<PathBuf>) -> Self {
        let (work, over) = channel();
        let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_some() || !Terminal::stderr().is_terminal {
            return Self { bar: None, _work: work };
        }
        bar.set_draw_target(ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.set_message(what.clone());
        *shown = Some(bar.clone());
        let drawn = bar.clone();
        std::thread::spawn(move || {
            let mut wait = DELAY;
            while over.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                if wait == DELAY {
                    drawn.set_draw_target(ProgressDrawTarget::stderr());
                }
                wait = TICK;
                if let Some(folder) = &folder {
                    drawn.set_message(format!("{what}: {}", size(bytes_in(folder))));
                }
                drawn.tick();
            }
        });
        Self { bar: Some(bar), _work: work }
    }

    /// One step is done.
    pub fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

/// Does what writes lines, with the sign out of their way.
pub fn aside<T>(write: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Bytes of the files in a folder and those below; what can't be read counts nothing.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.filter_map(|entry| {
        let kind = entry.file_type().ok()?;
        if kind.is_dir() {
            return Some(bytes_in(&entry.path()));
        }
        Some(entry.metadata().ok()?.len()).filter(|_| kind.is_file())
    });
    each.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_with_those_of_folders_below() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::fs::write(folder.path().join("a"), "abc").unwrap();
        std::fs::write(folder.path().join("below/b"), "defg").unwrap();
        assert_eq!(bytes_in(folder.path()), 7);
        assert_eq!(bytes_in(Path::new("/nonexistent")), 0);
    }
}
