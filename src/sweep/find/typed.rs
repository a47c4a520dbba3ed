//! What to type for a sweep: its name, that of its directory, or a path.
use std::path::{Path, PathBuf};

use super::{Found, open};
use crate::host;
use crate::store::fs;
use crate::store::layout::SweepDir;
use crate::text::shell_word;

/// Where sweeps are, unless something else is said.
pub const DEFAULT_ROOT: &str = "./runs";
/// The variable that says something else.
pub const ROOT_VARIABLE: &str = "DLGRID_ROOT";

/// What to type for the sweep, or the stage, in this directory: its name, or that of its directory
/// where a newer sweep beside it has the name; a path, where it is not among the sweeps that a name
/// is looked for in.
#[must_use]
pub fn typed(dir: &SweepDir, name: &str) -> String {
    let root = host::env(ROOT_VARIABLE).map_or_else(|| DEFAULT_ROOT.into(), PathBuf::from);
    typed_beside(&root, dir, name)
}

/// What to type for the sweep, or the stage, in this directory, of which no more is known.
#[must_use]
pub fn typed_of(dir: &SweepDir) -> String {
    let name = open(dir.path()).map_or_else(|| dir.label(), |found| found.name);
    typed(dir, &name)
}

/// The same, where names are looked for in this folder.
fn typed_beside(looked_in: &Path, dir: &SweepDir, name: &str) -> String {
    let (of, stage) = name.split_once('/').map_or((name, None), |(of, word)| (of, Some(word)));
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let path = real(dir.path());
    let own = if stage.is_some() { path.parent() } else { Some(path.as_path()) };
    let Some((own, root)) = own.and_then(|own| Some((own, own.parent()?))) else {
        return name.to_owned();
    };
    if real(looked_in) != root {
        return shell_word(&dir.path().to_string_lossy());
    }
    // Directories are `<name>-<id>`: others need not be read.
    let begins = format!("{of}-");
    let names = fs::list_dir(root).unwrap_or_default();
    let alike = names.iter().filter(|label| label.starts_with(&begins)).map(|l| root.join(l));
    let created = open(own).map_or(0.0, |own| own.created);
    let newer = |other: &Found| other.name == of && other.created > created;
    let is_hidden =
        alike.filter(|path| path != own).filter_map(|path| open(&path)).any(|f| newer(&f));
    if is_hidden { SweepDir::new(path).label() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_means_this_sweep_and_no_other() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path().canonicalize().expect("a folder");
        for (dir, created) in
            [("runs/a-1111", 1.0), ("runs/a-1111/confirm", 3.0), ("my runs/a-2222", 2.0)]
        {
            let path = root.join(dir);
            fs::create_dirs(&path).expect("a folder");
            let name = if dir.ends_with("confirm") { "a/confirm" } else { "a" };
            let card = serde_json::json!({"id": "ab".repeat(16), "name": name, "created": created});
            fs::publish(&path.join("SWEEP.json"), card.to_string().as_bytes()).expect("a file");
        }
        let typed = |looked_in: &str, dir: &str, name: &str| {
            typed_beside(&root.join(looked_in), &SweepDir::new(root.join(dir)), name)
        };
        assert_eq!(typed("runs", "runs/a-1111", "a"), "a", "none newer has that name");
        assert_eq!(typed("runs/../runs", "my runs/../runs/a-1111", "a"), "a");
        assert_eq!(typed("runs", "runs/a-1111/confirm", "a/confirm"), "a/confirm");
        let path = |of: &str| root.join(of).display().to_string();
        assert_eq!(typed("none", "runs/a-1111", "a"), path("runs/a-1111"));
        assert_eq!(typed("none", "runs/a-1111/confirm", "a/confirm"), path("runs/a-1111/confirm"));
        assert_eq!(typed("runs", "my runs/a-2222", "a"), format!("'{}'", path("my runs/a-2222")));
        let newer = root.join("runs/a-3333");
        fs::create_dirs(&newer).expect("a folder");
        let card = serde_json::json!({"id": "ef".repeat(16), "name": "a", "created": 9.0});
        fs::publish(&newer.join("SWEEP.json"), card.to_string().as_bytes()).expect("a file");
        assert_eq!(typed("runs", "runs/a-1111", "a"), "a-1111");
        assert_eq!(typed("runs", "runs/a-3333", "a"), "a");
        assert_eq!(typed("runs", "runs/a-1111/confirm", "a/confirm"), "a-1111/confirm");
    }
}
