//! `dlgrid watch`: lines where there is no terminal, the live view where there is one.
#[cfg(feature = "tui")]
use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
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
    here.run(["status", "toy"]).says(&format!("at work  process {} of", worker.id()));
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

/// `dlgrid watch` in a terminal of its own, which `script` of util-linux makes and `vt100` reads.
#[cfg(feature = "tui")]
struct Screen {
    child: Child,
    input: ChildStdin,
    terminal: Arc<Mutex<vt100::Parser>>,
}

#[cfg(feature = "tui")]
impl Screen {
    const SIZE: (u16, u16) = (24, 80);

    fn new(here: &Sandbox) -> Self {
        let program = env!("CARGO_BIN_EXE_dlgrid");
        let (rows, columns) = Self::SIZE;
        let watch =
            format!("stty rows {rows} cols {columns}; echo $$ > pid; exec '{program}' watch toy");
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &watch, "/dev/null"]);
        command.current_dir(here.path()).env("TERM", "xterm").env("NO_COLOR", "1");
        command.env_remove("COLUMNS").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let terminal = Arc::new(Mutex::new(vt100::Parser::new(some(rows), some(columns), 0)));
        let shown = Arc::clone(&terminal);
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut part) {
                shown.lock().unwrap().process(&part[..n]);
            }
        });
        Self { child, input, terminal }
    }

    /// What stands on the terminal now.
    fn shows(&self) -> String {
        self.terminal.lock().unwrap().screen().contents()
    }

    #[track_caller]
    fn wait(&self, here: &Sandbox, text: &str) {
        here.wait(&format!("`{text}` on the screen"), || self.shows().contains(text));
    }

    /// Waits until a text is shown, then types.
    #[track_caller]
    fn then(&mut self, here: &Sandbox, text: &str, keys: &str) {
        self.wait(here, text);
        self.input.write_all(keys.as_bytes()).unwrap();
    }

    /// Makes the terminal's window larger or smaller, as a hand with a mouse does.
    fn resize(&self, here: &Sandbox, rows: u16, columns: u16) {
        self.terminal.lock().unwrap().screen_mut().set_size(some(rows), some(columns));
        let terminal = format!("/proc/{}/fd/0", pid(here));
        let (rows, columns) = (rows.to_string(), columns.to_string());
        let mut stty = Command::new("stty");
        stty.args(["-F", &terminal, "rows", &rows, "cols", &columns]);
        assert!(stty.status().unwrap().success());
    }

    /// Its exit code, and what stands on the terminal once its screen is gone.
    fn ends(&mut self, here: &Sandbox) -> (Option<i32>, String) {
        here.wait("its end", || self.child.try_wait().unwrap().is_some());
        self.wait(here, "next: ");
        let terminal = self.terminal.lock().unwrap();
        let screen = terminal.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "the terminal is as before");
        (self.child.wait().unwrap().code(), screen.contents())
    }
}

#[cfg(feature = "tui")]
fn some(cells: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(cells).unwrap()
}

#[cfg(feature = "tui")]
fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// The process of the live view.
#[cfg(feature = "tui")]
fn pid(here: &Sandbox) -> String {
    std::fs::read_to_string(here.path().join("pid")).unwrap().trim().to_owned()
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
    screen.then(&here, "any key", " ");
    // Larger, everything stands side by side; smaller, what does not fit ends in `…`.
    screen.resize(&here, 40, 140);
    screen.wait(&here, "what happened");
    screen.resize(&here, 20, 30);
    screen.wait(&here, "loss: each run, and the best …");
    let formatted = screen.terminal.lock().unwrap().screen().contents_formatted();
    assert!(!formatted.contains("\x1b[31"), "NO_COLOR is honoured");
    screen.resize(&here, 24, 80);
    screen.then(&here, "? help", "q");
    let (code, after) = screen.ends(&here);
    assert_eq!(code, Some(0));
    assert!(after.contains("next: dlgrid logs toy --failed"), "{after}");
}

#[test]
#[cfg(feature = "tui")]
fn keys_cancel_a_sweep_and_go_on_with_it() {
    let here = Sandbox::new();
    let body = format!("until [ -e go ]; do sleep 0.1; done; {REPORT}");
    here.write("toy.yaml", script(3, &body));
    let mut worker = here.start(["submit", "toy.yaml", "--slots", "1"]);
    here.wait("the sweep", || here.count("start") > 0);
    let mut screen = Screen::new(&here);
    screen.then(&here, "on this machine", "c");
    screen.then(&here, "stop the sweep? 3 runs stay open", "n");
    screen.then(&here, "cancel: not done", "c");
    screen.then(&here, "y yes, n no", "y");
    assert_eq!(worker.wait().unwrap().code(), Some(6), "it was asked to stop");
    here.write("go", "");
    screen.wait(&here, "stopped");
    screen.then(&here, "nothing works on it", "r");
    screen.then(&here, "train again 3 missing?", "y");
    screen.then(&here, "3 of 3 runs", "q");
    let (code, after) = screen.ends(&here);
    assert_eq!(code, Some(0));
    assert!(after.contains("toy: 3 done"), "{after}");
    assert_eq!(here.count("end"), 3);
}

#[test]
#[cfg(feature = "tui")]
fn a_signal_ends_the_live_view_and_not_the_sweep() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, &format!("sleep 5; {REPORT}")));
    let mut worker = here.start(["submit", "toy.yaml", "--slots", "1"]);
    here.wait("the sweep", || here.count("start") > 0);
    for signal in ["-TERM", "-QUIT"] {
        let mut screen = Screen::new(&here);
        screen.wait(&here, "on this machine");
        kill(signal, &pid(&here));
        let (code, after) = screen.ends(&here);
        assert_eq!(code, Some(6), "{signal}");
        assert!(after.contains("next: dlgrid watch toy"), "{after}");
    }
    assert!(worker.try_wait().unwrap().is_none(), "the sweep goes on");
    here.run(["cancel", "toy"]).code(0);
    worker.wait().unwrap();
}

#[test]
#[cfg(feature = "tui")]
fn a_live_view_that_was_stopped_is_drawn_anew() {
    let here = Sandbox::new();
    slow(&here, 2);
    here.run(["submit", "toy.yaml", "--slots", "2"]).code(0);
    let mut screen = Screen::new(&here);
    screen.wait(&here, "complete");
    let (watch, script) = (pid(&here), screen.child.id().to_string());
    kill("-TSTP", &watch);
    let state = format!("/proc/{watch}/stat");
    here.wait("its stop", || std::fs::read_to_string(&state).unwrap().contains(") T "));
    // What a shell prints meanwhile takes the place of all that was drawn.
    let (rows, columns) = Screen::SIZE;
    *screen.terminal.lock().unwrap() = vt100::Parser::new(some(rows), some(columns), 0);
    here.wait("the whole view", || {
        // `script` stops with what it runs.
        kill("-CONT", &script);
        kill("-CONT", &watch);
        screen.shows().contains("complete")
    });
    assert!(screen.terminal.lock().unwrap().screen().alternate_screen());
    screen.then(&here, "? help", "q");
    assert_eq!(screen.ends(&here).0, Some(0));
}
