//! Starts a command of dlgrid beside the live view, and passes on what it says.
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::Sender;

use dlgrid_sweep::host;

use super::model::Event;

/// Starts `dlgrid command sweep`, on this machine where so, in a process group of its own: it goes on where the view is left.
/// Each line that it says, and its end, become events.
pub fn start(command: &'static str, is_local: bool, sweep: &Path, tell: Sender<Event>) {
    let sweep = sweep.to_owned();
    std::thread::spawn(move || {
        // Where nobody listens any more, the view was left, and the command goes on.
        let say = |event| tell.send(event).is_ok();
        let child = host::executable().and_then(|program| {
            let mut child = host::command(program);
            child.arg(command).arg(sweep).args(is_local.then_some("--local")).stdin(Stdio::null());
            child.stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0).spawn()
        });
        let code = match child {
            Ok(mut child) => {
                lines(child.stderr.take(), |line| say(Event::Said(command, line)));
                child.wait().ok().and_then(|status| status.code()).unwrap_or(1)
            }
            Err(error) => {
                say(Event::Said(command, format!("cannot start: {error}")));
                1
            }
        };
        say(Event::Ended(command, code));
    });
}

fn lines(from: Option<impl Read>, mut say: impl FnMut(String) -> bool) {
    for line in from.into_iter().flat_map(|from| BufReader::new(from).lines()) {
        match line {
            Ok(line) => drop(say(line)),
            Err(_) => return,
        }
    }
}
