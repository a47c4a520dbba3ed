//! `dlgrid watch`: lines where there is no terminal, the live view where there is one.
#[cfg(feature = "tui")]
use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::support::{REPORT, Sandbox, script};

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
    assert!(
        said.out.contains("6 of 6 runs ended: 5 done, 1 failed; best loss 0.0000"),
        "{}",
        said.out
    );
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

/// `dlgrid watch` in a terminal of its own, which `script` of util-linux makes.
#[cfg(feature = "tui")]
struct Screen {
    child: Child,
    input: ChildStdin,
    drawn: Arc<Mutex<String>>,
}

#[cfg(feature = "tui")]
impl Screen {
    fn new(here: &Sandbox) -> Self {
        let program = env!("CARGO_BIN_EXE_dlgrid");
        let watch = format!("stty rows 24 cols 80; echo $$ > pid; exec '{program}' watch toy");
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &watch, "/dev/null"]);
        command.current_dir(here.path()).env("TERM", "xterm").env("NO_COLOR", "1");
        command.env_remove("COLUMNS").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let drawn = Arc::new(Mutex::new(String::new()));
        let all = Arc::clone(&drawn);
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            let mut bytes = Vec::new();
            while let Ok(n @ 1..) = output.read(&mut part) {
                bytes.extend_from_slice(&part[..n]);
                *all.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self { child, input, drawn }
    }

    fn drawn(&self) -> String {
        self.drawn.lock().unwrap().clone()
    }

    /// Waits until a text is drawn, then types.
    fn then(&mut self, here: &Sandbox, text: &str, keys: &str) {
        here.wait(&format!("`{text}` on the screen"), || self.drawn().contains(text));
        self.input.write_all(keys.as_bytes()).unwrap();
    }

    /// Its exit code, and what stands on the terminal once its screen is gone.
    fn ends(&mut self, here: &Sandbox) -> (Option<i32>, String) {
        here.wait("its end", || self.child.try_wait().unwrap().is_some());
        let (enter, leave) = ("\x1b[?1049h", "\x1b[?1049l");
        here.wait("the screen behind it", || self.drawn().contains(leave));
        std::thread::sleep(Duration::from_millis(100));
        let drawn = self.drawn();
        assert!(drawn.find(enter) < drawn.rfind(leave), "{drawn}");
        assert!(drawn.rfind("\x1b[?25l") < drawn.rfind("\x1b[?25h"), "the cursor is back: {drawn}");
        (self.child.wait().unwrap().code(), drawn.rsplit(leave).next().unwrap().to_owned())
    }
}

#[test]
#[cfg(feature = "tui")]
fn the_live_view_is_drawn_and_leaves_the_terminal_as_it_was() {
    let here = Sandbox::new();
    slow(&here, 4);
    here.run(["submit", "toy.yaml", "--slots", "2"]).code(3);
    let mut screen = Screen::new(&here);
    screen.then(&here, "complete", "3");
    screen.then(&here, "exit code 3: no such layer", "l");
    screen.then(&here, "PgUp", "q?");
    screen.then(&here, "any key", " q");
    let (code, after) = screen.ends(&here);
    assert_eq!(code, Some(0));
    assert!(after.contains("next: dlgrid logs toy --failed"), "{after}");
    assert!(!screen.drawn().contains("\x1b[31m"), "NO_COLOR is honoured");
}

#[test]
#[cfg(feature = "tui")]
fn a_signal_ends_the_live_view_and_not_the_sweep() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, &format!("sleep 5; {REPORT}")));
    let mut worker = here.start(["submit", "toy.yaml", "--slots", "1"]);
    here.wait("the sweep", || here.count("start") > 0);
    let mut screen = Screen::new(&here);
    screen.then(&here, "on this machine", "");
    let watch = std::fs::read_to_string(here.path().join("pid")).unwrap();
    assert!(Command::new("kill").args(["-TERM", watch.trim()]).status().unwrap().success());
    let (code, after) = screen.ends(&here);
    assert_eq!(code, Some(6));
    assert!(after.contains("next: dlgrid watch toy"), "{after}");
    assert!(worker.try_wait().unwrap().is_none(), "the sweep goes on");
    here.run(["cancel", "toy"]).code(0);
    worker.wait().unwrap();
}
