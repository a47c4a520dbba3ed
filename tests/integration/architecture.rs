//! The house's rules that no tool checks: which room may import which.
use std::path::{Path, PathBuf};

/// Modules of `dlgrid-sweep` by floor: one may import those on its own floor or below.
/// `host` and `exit` are the ground; `recipe` knows nothing of the world.
const FLOORS: &[&[&str]] = &[
    &["host", "mutant", "exit", "text", "terminal", "html", "file_system"],
    &["dataset", "recipe"],
    &["space", "trial"],
    &["spec"],
    &["cohort", "store", "plan", "pack", "explore", "sanity"],
    &["sweep", "family", "slice", "orders", "stage"],
    &["exec", "judge"],
    &["report", "find", "doctor", "export", "fsck", "fuzz"],
];

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|f| f.contains(&module))
        .unwrap_or_else(|| panic!("`{module}` has no floor: add it to FLOORS"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_none_or(|n| n != "snapshots") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The code of a file, without its tests and without comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == "tests" || c.as_os_str() == "simulated")
        || path.file_name().is_some_and(|n| n == "tests.rs")
}

#[test]
fn imports_go_one_way() {
    let sweep = root().join("sweep");
    let mut wrong = Vec::new();
    for path in sources(&sweep) {
        let inside = path.strip_prefix(&sweep).unwrap();
        let module =
            inside.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" || is_test(&path) {
            continue;
        }
        let text = code(&path);
        for part in text.split("crate::").skip(1) {
            let used: String =
                part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if FLOORS.iter().flat_map(|f| f.iter()).any(|m| *m == used)
                && floor(&used) > floor(&module)
            {
                wrong.push(format!("{} imports {used}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_sweep_half_knows_no_tensor_and_the_training_half_no_scheduler() {
    for path in sources(&root().join("sweep")) {
        assert!(!code(&path).contains("tch::"), "{}", path.display());
    }
    for path in sources(&root().join("train")) {
        let text = code(&path);
        for word in ["exec::", "sbatch", "SLURM", "judge::", "report::", "spec::read"] {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn files_say_what_they_are_for_and_stay_small() {
    let mut long = Vec::new();
    for path in sources(&root()) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
        let lines = code(&path).lines().count();
        if lines > 400 && !is_test(&path) {
            long.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// What others may write to, too, and where names can be foreseen.
#[test]
fn nothing_goes_to_a_folder_of_all() {
    for path in sources(&root()).iter().filter(|path| !is_test(path)) {
        let text = code(path);
        let found =
            ["temp_dir(", "\"/tmp", "\"/var/tmp"].into_iter().find(|word| text.contains(word));
        assert_eq!(found, None, "{}", path.display());
    }
}

#[test]
fn nothing_in_product_code_is_left_undone() {
    for path in sources(&root()) {
        if is_test(&path) {
            continue;
        }
        let text = code(&path);
        for word in ["todo!(", "unimplemented!(", ".unwrap()", "dbg!("] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
    }
}
