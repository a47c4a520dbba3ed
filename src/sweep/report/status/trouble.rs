//! What goes wrong in a sweep, in lines of the status: causes, where they happen, and last words.
use super::{Status, item};
use crate::exec::slurm::bad_nodes::BadNode;
use crate::terminal::{Tone, View};
use crate::text::{clean, cut, grouped, plural};

/// Causes that are named.
const CAUSES: usize = 3;
/// Bad nodes that are named.
const NODES: usize = 3;

pub(super) fn lines(status: &Status, view: View) -> Vec<String> {
    let room = view.room(9);
    let mut lines = Vec::new();
    for (place, cause) in status.causes.iter().take(CAUSES).enumerate() {
        let text = format!("{}: {}", plural(cause.runs, "run"), clean(&cause.text));
        let head = view.paint(cause.state.tone(), &format!("{:<8}", cause.state.word()));
        lines.push(format!("{head} {}", cut(&text, room)));
        lines.extend(cause.places().map(|places| item(view, "", &cut(&places, room))));
        if place == 0 {
            let is_new = |line: &&String| !repeats(&cause.text, line);
            let dim = |line: &String| view.paint(Tone::Less, &cut(&format!("| {line}"), room));
            lines.extend(
                status.last_lines.iter().filter(is_new).map(|line| item(view, "", &dim(line))),
            );
        }
    }
    for bad in status.bad_nodes.iter().take(NODES) {
        let head = view.paint(Tone::Bad, "bad node");
        lines.push(format!("{head} {}", cut(&words(bad), room)));
    }
    if status.bad_nodes.len() > NODES {
        lines.push(item(view, "", &format!("and {} more", status.bad_nodes.len() - NODES)));
    }
    if let Some(first) = status.damage.first() {
        let count = plural(status.damaged_lines, "line");
        let head = view.paint(Tone::Bad, "damaged ");
        lines.push(format!("{head} {}", cut(&format!("{count}: {first}"), room)));
    }
    lines
}

/// Whether a cause says what a line of the log does: a program that fails says why there, too, and
/// so does the worker when it tells how the run ended.
fn repeats(cause: &str, line: &str) -> bool {
    let (cause, line) = (clean(cause), clean(line));
    let (cause, line) = (cause.trim(), line.trim());
    line.is_empty() || cause.contains(line) || line.ends_with(cause)
}

/// The way out stands before the reason, so that it survives a narrow screen.
fn words(bad: &BadNode) -> String {
    format!(
        "{}: {} of {} failed at once; `slurm.exclude: {}` avoids it ({})",
        clean(&bad.node),
        grouped(bad.failed),
        plural(bad.starts, "task"),
        clean(&bad.node),
        clean(&bad.why)
    )
}

#[cfg(test)]
mod tests {
    use super::repeats;

    #[test]
    fn what_the_cause_says_is_not_said_again() {
        let cause = "exit code 3: no such layer";
        for (line, told) in [
            ("no such layer", true),
            ("run 97efd701: Failed after 0.1 s: exit code 3: no such layer", true),
            ("  ", true),
            ("File \"train.py\", line 3", false),
        ] {
            assert_eq!(repeats(cause, line), told, "{line}");
        }
    }
}
