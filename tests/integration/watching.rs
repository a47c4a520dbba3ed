//! `dlgrid watch`: lines where there is no terminal, the live view where there is one.
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{REPORT, Sandbox, Said, script};

fn slow(here: &Sandbox, runs: u32) {
    let body = format!(
        "sleep 0.3; [ $DLGRID_PARAM_X != 2 ] || {{ echo no such layer >&2; exit 3; }}; {REPORT}"
    );
    here.write("toy.yaml", script(runs, &body));
}

#[test]
fn lines_tell_what_changes_until_the_sweep_is_over() {
    let here = Sandbox::new();
    slow(&here, 6);
    let mut worker = here.start(["submit", "toy.yaml", "--slots", "2"]);
    here.wait("the sweep", || here.count("start") > 0);
    let said = here.run(["watch", "toy"]).code(3).says("watching toy: minimize loss");
    worker.wait().unwrap();
    assert!(said.out.contains("run 2 failed: exit code 3"), "{}", said.out);
    assert!(said.out.contains("see: dlgrid logs toy 2"), "{}", said.out);
    assert!(said.out.contains("6 of 6 runs ended: 5 done, 1 failed; best loss 0.0000"), "{}", said.out);
    assert!(said.err.contains("next: dlgrid logs toy --failed"), "{}", said.err);
    let json = here.run(["watch", "toy", "--format", "json"]).code(3).json();
    assert_eq!((&json["event"], &json["counts"]["failed"]), (&"over".into(), &1.into()));
    here.run(["watch", "toy", "--format", "csv"]).code(2).says("use `--format json`");
    here.run(["watch", "tou"]).code(2).says("did you mean `toy`?");
}

#[test]
fn a_reader_that_goes_away_ends_the_lines() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, &format!("sleep 5; {REPORT}")));
    let mut worker = here.start(["submit", "toy.yaml", "--slots", "1"]);
    here.wait("the sweep", || here.count("start") > 0);
    let mut watch = here.start(["watch", "toy"]);
    drop(watch.stdout.take());
    here.wait("its end", || watch.try_wait().unwrap().is_some());
    here.run(["cancel", "toy"]).code(0);
    worker.wait().unwrap();
}

/// `dlgrid watch` in a terminal of its own (`script`, of util-linux, makes it), with keys typed after
/// a while; all that was drawn.
fn in_a_terminal(here: &Sandbox, keys: &str) -> (Said, String) {
    let program = env!("CARGO_BIN_EXE_dlgrid");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command"]);
    command.arg(format!("stty rows 24 cols 80; '{program}' watch toy")).arg("/dev/null");
    command.current_dir(here.path()).env("TERM", "xterm").env("NO_COLOR", "1").env_remove("COLUMNS");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for key in keys.chars() {
        std::thread::sleep(Duration::from_millis(700));
        input.write_all(key.to_string().as_bytes()).unwrap();
    }
    let mut drawn = String::new();
    child.stdout.take().unwrap().read_to_string(&mut drawn).unwrap();
    (Said::from(child.wait_with_output().unwrap()), drawn)
}

#[test]
#[cfg(feature = "tui")]
fn the_live_view_is_drawn_and_leaves_the_terminal_as_it_was() {
    let here = Sandbox::new();
    slow(&here, 4);
    here.run(["submit", "toy.yaml", "--slots", "2"]).code(3);
    let (said, drawn) = in_a_terminal(&here, "3lq?2q");
    assert_eq!(said.code, 0, "{drawn}");
    for text in ["4 of 4 runs", "complete", "exit code 3", "log of run 2", "no such layer", " keys "] {
        assert!(drawn.contains(text), "not drawn: {text}\n{drawn}");
    }
    let (enter, leave) = ("\x1b[?1049h", "\x1b[?1049l");
    assert!(drawn.find(enter) < drawn.rfind(leave), "the screen behind it comes back");
    let after = drawn.rsplit(leave).next().unwrap();
    assert!(after.contains("next: dlgrid logs toy --failed"), "{after}");
    assert!(!drawn.contains("\x1b[31m"), "NO_COLOR is honoured");
}
