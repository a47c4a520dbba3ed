//! What Slurm's queue has of a sweep, in lines of the status.
use super::{NAMED, Status, item};
use crate::exec::slurm::ledger::Kind;
use crate::exec::slurm::state::Array;
use crate::terminal::View;
use crate::text::{clean, cut, grouped, plural};

/// Arrays that train, and why those that wait do; then those that help them, by what they are
/// for.
pub(super) fn lines(status: &Status, view: View) -> Vec<String> {
    let room = view.room(9);
    let (train, help): (Vec<&Array>, Vec<&Array>) =
        status.arrays.iter().partition(|array| array.kind == Kind::Runs);
    let mut texts: Vec<String> = train.iter().take(NAMED).map(|a| words(a)).collect();
    if train.len() > NAMED {
        let rest = &train[NAMED..];
        let waiting: u64 = rest.iter().map(|a| a.waiting).sum();
        let running: u64 = rest.iter().map(|a| a.running).sum();
        texts.push(format!(
            "and {} more: {} running, {} waiting",
            plural(rest.len() as u64, "array"),
            grouped(running),
            grouped(waiting)
        ));
    }
    texts.extend(help.iter().take(NAMED).map(|a| words(a)));
    let head = |place: usize| if place == 0 { "slurm" } else { "" };
    let line = |(place, text): (usize, &String)| item(view, head(place), &cut(text, room));
    texts.iter().enumerate().map(line).collect()
}

pub(in crate::report) fn words(array: &Array) -> String {
    let reasons = array.reasons.iter().map(|r| clean(r)).collect::<Vec<_>>().join(", ");
    let start = array.start.as_deref().map(|s| format!(", from {} on", clean(s)));
    let start = start.unwrap_or_default();
    if array.kind != Kind::Runs {
        let state = if array.running > 0 { "runs".into() } else { format!("{reasons}{start}") };
        return format!("{} {}: {state}", array.kind.word(), array.job);
    }
    let mut parts = Vec::new();
    if array.running > 0 {
        parts.push(format!("{} running", grouped(array.running)));
    }
    if array.waiting > 0 {
        parts.push(format!("{} waiting: {reasons}{start}", grouped(array.waiting)));
    }
    format!("array {}: {}", array.job, parts.join(", "))
}
