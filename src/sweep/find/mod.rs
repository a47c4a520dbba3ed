//! Which sweep a person means: by name, by a part of it, by id, by path, or simply the newest.
pub mod killed;
pub mod log;
pub mod run;
mod typed;
pub mod wanted;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::spec::mistake::nearest;
use crate::store::fs;
use crate::store::layout::{self, SweepDir};
use crate::text::clean;
pub use typed::{DEFAULT_ROOT, ROOT_VARIABLE, typed, typed_of};

/// A sweep under a root.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its directory.
    pub dir: SweepDir,
    /// Its name.
    pub name: String,
    /// Its identity, 32 hex digits.
    pub id: String,
    /// When it was submitted, in seconds since the Unix epoch.
    pub created: f64,
}

/// The sweep that was meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// It.
    pub sweep: Found,
    /// What to tell the reader, where there was a choice.
    pub note: Option<String>,
}

/// Why no sweep was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// There is no sweep at all.
    #[error("there is no sweep in `{root}`")]
    Empty {
        /// Where sweeps were looked for.
        root: PathBuf,
    },
    /// No sweep matches.
    #[error("no sweep in `{root}` is called `{wanted}`")]
    NoMatch {
        /// Where sweeps were looked for.
        root: PathBuf,
        /// What was asked for.
        wanted: String,
        /// The name that comes closest.
        near: Option<String>,
    },
    /// A path that is no sweep directory.
    #[error("`{path}` is no sweep directory: it has no readable SWEEP.json")]
    NotASweep {
        /// The path.
        path: PathBuf,
    },
    /// The sweep has no such stage.
    #[error("`{sweep}` has no stage `{stage}`")]
    NoStage {
        /// The sweep, as it was asked for.
        sweep: String,
        /// The stage.
        stage: String,
    },
    /// The root can't be read.
    #[error("cannot read `{root}`: {why}")]
    Unreadable {
        /// Where sweeps were looked for.
        root: PathBuf,
        /// What the system says.
        why: String,
    },
}

impl FindError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoMatch { near: Some(near), .. } => format!("did you mean `{}`?", clean(near)),
            Self::NoMatch { .. } | Self::NotASweep { .. } => {
                "`dlgrid list` shows the sweeps; `--root DIR` looks elsewhere".into()
            }
            Self::NoStage { .. } => {
                "`confirm: {top: 10, seeds: 5}` in the spec makes the one, `dlgrid finish` the other"
                    .into()
            }
            Self::Empty { .. } => {
                "`dlgrid submit FILE` makes one; `--root DIR` or DLGRID_ROOT looks elsewhere".into()
            }
            Self::Unreadable { .. } => "`--root DIR` or DLGRID_ROOT looks elsewhere".into(),
        }
    }
}

/// What a manifest says that finding needs; the rest of it may be of any version.
#[derive(Deserialize)]
struct Card {
    id: String,
    name: String,
    created: f64,
}

/// The sweep in a directory; nothing if it is none. One whose manifest is damaged is a sweep
/// all the same: opening it says what is wrong.
#[must_use]
pub fn open(path: &Path) -> Option<Found> {
    let dir = SweepDir::new(path);
    let bytes = fs::read(&dir.manifest()).ok()?;
    let damaged = || Card { id: String::new(), name: dir.label(), created: 0.0 };
    let card: Card = serde_json::from_slice(&bytes).unwrap_or_else(|_| damaged());
    Some(Found { dir, name: card.name, id: card.id, created: card.created })
}

/// The sweeps under a root, the newest first.
///
/// # Errors
/// If the root is there and can't be read.
pub fn all(root: &Path) -> Result<Vec<Found>, FindError> {
    let names = match fs::list_dir(root) {
        Ok(names) => names,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), plain);
            return Err(FindError::Unreadable { root: root.to_owned(), why: cause });
        }
    };
    let mut found: Vec<Found> = names.iter().filter_map(|name| open(&root.join(name))).collect();
    found.sort_by(|a, b| {
        b.created.total_cmp(&a.created).then_with(|| b.dir.label().cmp(&a.dir.label()))
    });
    Ok(found)
}

/// What the system says, without its number.
fn plain(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// The sweep that `wanted` means: a path, or what [`choose`] makes of it.
///
/// # Errors
/// If there is none.
pub fn find(root: &Path, wanted: Option<&str>) -> Result<Chosen, FindError> {
    if let Some(wanted) = wanted {
        let path = Path::new(wanted);
        if let Some(sweep) = open(path) {
            return Ok(Chosen { sweep, note: None });
        }
        if let Some((sweep, stage)) = wanted.rsplit_once('/')
            && is_stage_word(stage)
            && let Ok(of) = find(root, Some(sweep))
        {
            let found = stage_of(&of.sweep.dir, stage);
            let missing = || FindError::NoStage { sweep: sweep.into(), stage: stage.into() };
            return found.map(|sweep| Chosen { sweep, note: of.note }).ok_or_else(missing);
        }
        if wanted.contains('/') || wanted == "." || wanted == ".." {
            return Err(FindError::NotASweep { path: path.to_owned() });
        }
    }
    let all = all(root)?;
    choose(&all, root, wanted).or_else(|error| {
        let stage = wanted.and_then(|wanted| stage_by_id(&all, wanted));
        stage.map(|sweep| Chosen { sweep, note: None }).ok_or(error)
    })
}

/// Whether these are the first digits, four at least, of an id.
fn begins_id(wanted: &str, id: &str) -> bool {
    let hex = wanted.len() >= 4 && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    hex && id.starts_with(&wanted.to_lowercase())
}

/// The stage of one of these sweeps whose id begins so.
fn stage_by_id(all: &[Found], wanted: &str) -> Option<Found> {
    let stages = all.iter().flat_map(|of| of.dir.stages());
    stages.filter_map(|dir| open(dir.path())).find(|stage| begins_id(wanted, &stage.id))
}

/// Whether a word after a sweep's name means one of its stages: `confirm`, `finish`, `finish-2`.
fn is_stage_word(word: &str) -> bool {
    word == "finish" || layout::is_stage(word)
}

/// A stage in a sweep's directory; `finish` means the newest of them.
fn stage_of(sweep: &SweepDir, word: &str) -> Option<Found> {
    if word != "finish" {
        return open(&sweep.path().join(word));
    }
    let finishes = (1..).map_while(|number| open(sweep.finish(number).path()));
    finishes.last()
}

/// The newest of the sweeps that match best: a whole name or directory name, else a part of
/// an id from four digits on, else the beginning of a name or directory name.
///
/// # Errors
/// If none matches.
pub fn choose(all: &[Found], root: &Path, wanted: Option<&str>) -> Result<Chosen, FindError> {
    let newest = all.first().ok_or_else(|| FindError::Empty { root: root.to_owned() })?;
    let Some(wanted) = wanted else {
        return Ok(chosen(newest, all.len()));
    };
    let exact = |f: &&Found| f.name == wanted || f.dir.label() == wanted;
    let by_id = |f: &&Found| {
        let label = f.dir.label();
        let tail = label.rsplit('-').next().is_some_and(|tail| begins_id(wanted, tail));
        begins_id(wanted, &f.id) || tail
    };
    let by_prefix = |f: &&Found| f.name.starts_with(wanted) || f.dir.label().starts_with(wanted);
    let rules: [&dyn Fn(&&Found) -> bool; 3] = [&exact, &by_id, &by_prefix];
    for rule in rules {
        let mut matching = all.iter().filter(|f| rule(f));
        if let Some(first) = matching.next() {
            return Ok(chosen(first, 1 + matching.count()));
        }
    }
    let near = nearest(wanted, all.iter().map(|f| f.name.as_str())).map(str::to_owned);
    Err(FindError::NoMatch { root: root.to_owned(), wanted: wanted.to_owned(), near })
}

fn chosen(sweep: &Found, of: usize) -> Chosen {
    let note = (of > 1)
        .then(|| format!("showing {}, the newest of {of} sweeps", clean(&sweep.dir.label())));
    Chosen { sweep: sweep.clone(), note }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(name: &str, id: &str, created: f64) -> Found {
        let dir = SweepDir::new(format!("runs/{name}-{}", &id[..8]));
        Found { dir, name: name.into(), id: id.into(), created }
    }

    fn three() -> Vec<Found> {
        vec![
            sweep("depth", "c0ffee0055667788", 3.0),
            sweep("depth", "deadbeef11223344", 2.0),
            sweep("depth-wide", "0123456789abcdef", 1.0),
        ]
    }

    #[test]
    fn the_newest_that_matches_best_is_meant() {
        let all = three();
        for (wanted, id, noted) in [
            (None, "c0ffee00", true),
            (Some("depth"), "c0ffee00", true),
            (Some("dep"), "c0ffee00", true),
            (Some("depth-w"), "01234567", false),
            (Some("dead"), "deadbeef", false),
            (Some("DEADBEEF1122"), "deadbeef", false),
            (Some("depth-deadbeef"), "deadbeef", false),
            (Some("depth-wide-01234567"), "01234567", false),
        ] {
            let chosen = choose(&all, Path::new("runs"), wanted).expect("a sweep");
            assert!(chosen.sweep.id.starts_with(id), "{wanted:?}");
            assert_eq!(chosen.note.is_some(), noted, "{wanted:?}");
        }
    }

    #[test]
    fn what_matches_nothing_gets_a_hint() {
        let error = choose(&three(), Path::new("runs"), Some("detph")).expect_err("none");
        assert_eq!(error.to_string(), "no sweep in `runs` is called `detph`");
        assert_eq!(error.hint(), "did you mean `depth`?");
        let error = choose(&[], Path::new("runs"), None).expect_err("none");
        assert_eq!(error.to_string(), "there is no sweep in `runs`");
        assert!(choose(&three(), Path::new("runs"), Some("dea")).is_err(), "three digits are few");
    }

    #[test]
    fn directories_are_read_newest_first_and_others_are_not() {
        let root = tempfile::tempdir().expect("a folder");
        for (dir, created, id) in
            [("a-1111", 1.0, "ab"), ("b-2222", 2.0, "ab"), ("a-1111/confirm", 3.0, "cd")]
        {
            let path = root.path().join(dir);
            fs::create_dirs(&path).expect("a folder");
            let card = serde_json::json!({"id": id.repeat(16), "name": dir, "created": created, "later": 1});
            fs::publish(&path.join("SWEEP.json"), card.to_string().as_bytes()).expect("a file");
        }
        fs::create_dirs(&root.path().join("other")).expect("a folder");
        fs::publish(&root.path().join("file"), b"x").expect("a file");
        let names: Vec<_> = all(root.path()).expect("sweeps").into_iter().map(|f| f.name).collect();
        assert_eq!(names, ["b-2222", "a-1111"]);
        let path = root.path().join("a-1111");
        let by_path = find(root.path(), path.to_str()).expect("a sweep");
        assert_eq!((by_path.sweep.name.as_str(), by_path.note), ("a-1111", None));
        let stage = find(root.path(), Some("CDcd")).expect("a stage");
        assert_eq!(stage.sweep.name, "a-1111/confirm");
        assert!(
            find(root.path(), Some("cdd")).is_err() && find(root.path(), Some("cdcc")).is_err()
        );
        assert!(all(&root.path().join("none")).expect("nothing").is_empty());
        let other = root.path().join("other");
        assert!(matches!(find(root.path(), other.to_str()), Err(FindError::NotASweep { .. })));
    }
}
