//! Values, messages and folders that are made to do harm: each arrives as it is, and does nothing.
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{HOSTILE, REPORT, Said, Sandbox, hostile, script};

/// What no terminal may get of a text: escapes and what turns its direction round.
fn acts(text: &str) -> bool {
    text.contains(|c: char| {
        (c.is_control() && !"\n\t".contains(c)) || ('\u{202a}'..='\u{202e}').contains(&c)
    })
}

/// All files and folders below a folder, itself included.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(below(&path))
        } else {
            found.push(path)
        }
    }
    found
}

#[test]
fn hostile_values_reach_a_program_as_they_are_and_act_nowhere() {
    let here = Sandbox::new();
    here.write("toy.yaml", hostile());
    here.run(["submit", "toy.yaml"]).code(0).says("runs done");
    let outs = std::fs::read_dir(here.path()).unwrap().map(|e| e.unwrap().path());
    let outs = outs.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("out."));
    let got: BTreeSet<String> = outs.map(|p| std::fs::read_to_string(p).unwrap()).collect();
    let sent: BTreeSet<String> = HOSTILE.iter().map(|v| format!("{v}\u{1}{v}")).collect();
    assert_eq!(got, sent);
    let touched = below(here.path()).into_iter().find(|p| p.ends_with("pwned"));
    assert_eq!(touched, None);
    for words in [
        &["report", "--all"][..],
        &["report", "--format", "csv"],
        &["report", "--format", "markdown"],
        &["status"],
        &["list"],
        &["plan", "toy.yaml"],
        &["show", "toy", "0"],
        &["export", "toy", "--format", "csv", "--out", "out"],
    ] {
        let said = Said::from(here.command(words).output().unwrap());
        assert!(!acts(&said.err), "{words:?}: {:?}", said.err);
        assert!(!acts(&said.out), "{words:?}: {:?}", said.out);
    }
}

#[test]
fn a_nul_in_a_value_is_refused_before_anything_runs() {
    let here = Sandbox::new();
    let spec = script(1, "true").replace("x: {int: [0, 0]}", "x: [\"a\\0b\"]");
    here.write("toy.yaml", spec);
    here.run(["check", "toy.yaml"]).code(2).says("a text holds a NUL");
}

#[test]
fn what_failed_runs_say_acts_on_no_terminal_and_in_no_file() {
    let here = Sandbox::new();
    let body = "printf \"\\033[2J\\033]0;owned\\007\\342\\200\\256=1+1 </script><script>|*x*\\n\" >&2; exit 3";
    here.write("toy.yaml", script(2, body));
    let said = here.run(["submit", "toy.yaml"]).code(3);
    assert!(!acts(&said.err) && !acts(&said.out), "{:?}", said.err);
    for words in [
        &["status"][..],
        &["report"],
        &["report", "--format", "csv", "--runs"],
        &["report", "--format", "markdown"],
        &["logs", "toy", "--failed"],
        &["show", "toy", "0"],
        &["list"],
        &["fsck", "toy"],
        &["watch", "toy"],
    ] {
        let said = Said::from(here.command(words).output().unwrap());
        assert!(!acts(&said.err), "{words:?}: {:?}", said.err);
        assert!(!acts(&said.out), "{words:?}: {:?}", said.out);
    }
}

/// A manifest and a segment that somebody else wrote.
#[test]
fn what_stands_in_a_sweep_directory_acts_on_no_terminal() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(1, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    let path = here.sweeps()[0].join("SWEEP.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let evil = "9\u{1b}[2J\u{202e}";
    for (key, value) in [
        ("name", evil.into()),
        ("host", evil.into()),
        ("schema", 9.into()),
        ("dlgrid", evil.into()),
    ] {
        manifest[key] = value;
        std::fs::write(&path, manifest.to_string()).unwrap();
        for words in [
            &["status", "toy"][..],
            &["report", "toy"],
            &["list"],
            &["fsck", "toy"],
            &["show", "toy", "0"],
        ] {
            let said = Said::from(here.command(words).output().unwrap());
            assert!(
                !acts(&said.err) && !acts(&said.out),
                "{key} {words:?}: {:?}{:?}",
                said.err,
                said.out
            );
        }
    }
}

#[test]
fn no_secret_of_the_environment_or_of_git_is_kept() {
    let here = Sandbox::new();
    for words in [
        &["init", "-q"][..],
        &["config", "user.email", "a@example.org"],
        &["config", "user.name", "a"],
        &["remote", "add", "origin", "https://me:hunter2@example.org/x.git"],
        &["commit", "-q", "--allow-empty", "-m", "x"],
    ] {
        let done = Command::new("git").args(words).current_dir(here.path()).status();
        if !done.is_ok_and(|status| status.success()) {
            println!("skipped: no git");
            return;
        }
    }
    here.write("toy.yaml", script(2, REPORT));
    let mut submit = here.command(["submit", "toy.yaml"]);
    submit.env("MY_TOKEN", "hunter2").env("AWS_SECRET_ACCESS_KEY", "hunter2");
    Said::from(submit.output().unwrap()).code(0);
    here.run(["report", "toy", "--html", "page.html"]).code(0);
    here.run(["export", "toy", "--format", "csv", "--out", "out"]).code(0);
    let files = ["runs", "page.html", "out"].map(|name| here.path().join(name));
    let files =
        files.iter().flat_map(|path| if path.is_dir() { below(path) } else { vec![path.clone()] });
    for file in files.filter(|file| file.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(7).any(|w| w == b"hunter2"), "{}", file.display());
    }
}

#[test]
fn files_are_for_the_user_and_the_group_whatever_the_umask_and_for_the_user_alone_where_it_says_so()
{
    for (umask, forbidden) in [("000", 0o027), ("077", 0o077)] {
        let here = Sandbox::new();
        here.write("toy.yaml", script(2, REPORT));
        let plain = here.command(["submit", "toy.yaml"]);
        let words: Vec<_> = plain.get_args().map(ToOwned::to_owned).collect();
        let mut under = Command::new("sh");
        under
            .args(["-c", &format!("umask {umask}; exec \"$@\""), "-", env!("CARGO_BIN_EXE_dlgrid")])
            .args(words);
        under.current_dir(here.path()).stdin(Stdio::null());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => under.env(name, value),
                None => under.env_remove(name),
            };
        }
        Said::from(under.output().unwrap()).code(0);
        for path in below(&here.sweeps()[0]) {
            let mode = path.symlink_metadata().unwrap().mode() & 0o7777;
            assert_eq!(mode & forbidden, 0, "umask {umask}: {} is {mode:o}", path.display());
        }
    }
}

#[test]
fn nothing_is_submitted_where_everybody_may_write() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(1, REPORT));
    let root = here.path().join("shared");
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o777)).unwrap();
    let refused = here.run(["submit", "toy.yaml", "--root", "shared"]).code(4);
    refused
        .says("can be written to by everybody")
        .says("hint: have sweeps in a folder of your own");
    assert_eq!(below(&root), std::slice::from_ref(&root));
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o1777)).unwrap();
    here.run(["submit", "toy.yaml", "--root", "shared"]).code(0);
}

/// The corpus of the fuzzer, and what is made to need much: in bounded memory and time.
#[test]
fn no_spec_takes_much_memory_or_time() {
    let here = Sandbox::new();
    let head = "name: x\ncommand: [echo]\nobjective: {minimize: loss}\n";
    let many = |n: usize, one: &dyn Fn(usize) -> String| (0..n).map(one).collect::<String>();
    let grid = many(9, &|i| format!("  p{i}: {{int: [1, 1000000]}}\n"));
    let blocks = many(2000, &|i| format!("  - {{parameters: {{a: [{i}, {}]}}}}\n", i + 1));
    let rules = many(200, &|i| format!("  - \"a * b > {i} and a in range(1000000)\"\n"));
    let keys = many(9000, &|i| format!("k{i}: {{a: [1, 2, 3]}}\n"));
    let aliases = format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(20_000), "*a, ".repeat(20_000));
    let quotes = format!("a: \"{}\"\n", "\\x41".repeat(60_000));
    for (name, text) in [
        ("grid", format!("{head}parameters:\n{grid}")),
        ("blocks", format!("{head}sweeps:\n{blocks}")),
        (
            "rules",
            format!(
                "{head}parameters: {{a: {{int: [1, 300]}}, b: {{int: [1, 300]}}}}\nexclude:\n{rules}"
            ),
        ),
        ("keys", format!("{head}{keys}")),
        ("aliases", format!("{head}{aliases}")),
        ("quotes", format!("{head}{quotes}")),
        ("braces", "{a: ".repeat(60_000)),
        ("dashes", format!("a:\n{}", "- ".repeat(120_000))),
        ("question", "? ".repeat(120_000)),
        ("anchors", many(20_000, &|i| format!("a{i}: &b{i} x\n"))),
    ] {
        here.write(&format!("{name}.yaml"), text);
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/spec");
    for entry in std::fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, here.path().join(path.file_name().unwrap()).with_extension("yaml"))
            .unwrap();
    }
    let specs =
        below(here.path()).into_iter().filter(|p| p.extension().is_some_and(|e| e == "yaml"));
    for spec in specs {
        let begun = std::time::Instant::now();
        let mut shell = Command::new("sh");
        // Address space, most of it of idle threads' stacks; in KiB.
        shell.args(["-c", "ulimit -v 1500000; exec \"$@\"", "-", env!("CARGO_BIN_EXE_dlgrid")]);
        let said = Said::from(
            shell.arg("check").arg(&spec).env("RAYON_NUM_THREADS", "2").output().unwrap(),
        );
        assert!([0, 2].contains(&said.code), "{}: {} {}", spec.display(), said.code, said.err);
        assert!(begun.elapsed().as_secs() < 60, "{}", spec.display());
    }
}
