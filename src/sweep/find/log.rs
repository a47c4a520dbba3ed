//! Where the log of a run's worker is, and what it says last.
use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::run::NoRun;
use crate::store::layout::SegmentName;
use crate::store::merge::Results;
use crate::store::{StoreError, fs};
use crate::sweep::Sweep;
use crate::text::clean;

/// Where a run's log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// The log of the newest attempt at it.
    Of(PathBuf),
    /// The newest log of the sweep: nothing says which one is the run's.
    Newest(PathBuf),
}

/// The log of the newest attempt at a run.
///
/// # Errors
/// If there is none.
pub fn find_log(sweep: &Sweep, results: &Results, index: u64) -> Result<Log, NoRun> {
    let folder = sweep.dir.logs();
    let names = fs::list_dir(&folder).unwrap_or_default();
    let last = results.runs.get(&index).and_then(|run| run.last.as_ref());
    let last = last.ok_or(NoRun::NotBegun { index })?;
    if let Some((from, end)) = results.end(index).and_then(|end| Some((end.from.clone()?, end))) {
        return Err(NoRun::TakenOver { index, from: from.into(), run: end.run.to_string() });
    }
    let segment = last.at.segment();
    let named = recorded(results, &segment).filter(|name| names.contains(name));
    if let Some(name) = named.or_else(|| of_slice(&names, &segment)) {
        return Ok(Log::Of(folder.join(name)));
    }
    let newest = names
        .iter()
        .filter(|name| name.ends_with(".log"))
        .max_by_key(|name| folder.join(name).metadata().and_then(|m| m.modified()).ok());
    newest
        .map(|name| Log::Newest(folder.join(name)))
        .ok_or_else(|| NoRun::NoLog { index, folder: folder.display().to_string() })
}

/// The log that the segment's first line names, where it names one.
fn recorded(results: &Results, segment: &SegmentName) -> Option<String> {
    let head = results.segments.get(segment)?.head.as_deref()?;
    let head = serde_json::to_value(head).ok()?;
    Some(head.get("log")?.as_str()?.to_owned())
}

/// Of the logs named after the slice (`c000012.….log`) that of the attempt, else the last.
fn of_slice(names: &[String], segment: &SegmentName) -> Option<String> {
    let prefix = format!("c{:06}.", segment.slice);
    let mut logs: Vec<&String> =
        names.iter().filter(|n| n.starts_with(&prefix) && n.ends_with(".log")).collect();
    logs.sort_by_key(|name| (name.len(), name.as_str()));
    let attempt = format!("{prefix}a{}.", segment.attempt);
    let own = logs.iter().find(|name| name.starts_with(&attempt));
    own.or(logs.last()).map(|name| (*name).clone())
}

/// Bytes at the end of a log that are read for the last words of a run: as many as it takes to
/// find it, up to the last of these.
const TAILS: [u64; 3] = [64 << 10, 1 << 20, 16 << 20];

/// The last words of a run, at most so many lines: what its worker printed while it was at it.
/// Nothing where its log can't be read, or tells of so much else that they are far up.
#[must_use]
pub fn last_lines(sweep: &Sweep, results: &Results, index: u64, most: usize) -> Vec<String> {
    let Ok(Log::Of(path)) = find_log(sweep, results, index) else { return Vec::new() };
    let name = sweep.run(index).map_or_else(String::new, |run| run.id.short());
    let ended = results.end(index).is_some();
    let known = OnceCell::new();
    let is_run = |digits: &str| known.get_or_init(|| names(sweep, results)).contains(digits);
    for bytes in TAILS {
        let Ok((tail, whole)) = tail(&path, bytes) else { break };
        let lines = lines(&tail);
        if whole || lines.iter().any(|line| about(line) == Some(&name)) {
            let found = last_words(&lines, (&name, &is_run), ended, most);
            if whole || found.len() == most || bytes == TAILS[TAILS.len() - 1] {
                return found;
            }
        }
    }
    Vec::new()
}

/// At most so many bytes of the end of a file, from the beginning of a line on, and whether that
/// is all of it.
pub(super) fn tail(path: &Path, most: u64) -> Result<(Vec<u8>, bool), StoreError> {
    fs::reading(path, |file| {
        let from = file.length()?.saturating_sub(most);
        let mut bytes = file.read_from(from)?;
        let whole = bytes.iter().position(|b| *b == b'\n').filter(|_| from > 0);
        Ok((bytes.split_off(whole.map_or(0, |at| at + 1)), from == 0))
    })
}

/// The lines of a log as a terminal may show them: of a line that was written over, the last.
#[must_use]
pub fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let shown = |line: &str| clean(line.rsplit('\r').next().unwrap_or(line)).into_owned();
    text.lines().map(shown).collect()
}

/// The runs that were begun, by the eight digits that people see.
fn names(sweep: &Sweep, results: &Results) -> HashSet<String> {
    let name = |index: u64| match results.end(index) {
        Some(end) => Some(end.run.short()),
        None => sweep.run(index).map(|run| run.id.short()),
    };
    results.runs.keys().filter_map(|index| name(*index)).collect()
}

/// Of a log that tells of several runs, the last lines about one. dlgrid's own lines name a run
/// by the eight digits `name` when work on it begins and when it ends: what it printed stands
/// before the last of them where it has ended, and after it where not. The trainer's only line
/// about a run is that of its end. A program may print what looks like such a line: `is_run` says
/// whether digits are those of a run.
fn last_words(
    lines: &[String],
    (name, is_run): (&str, &dyn Fn(&str) -> bool),
    ended: bool,
    most: usize,
) -> Vec<String> {
    let last = lines.iter().rposition(|line| about(line) == Some(name));
    let (from, to) = match last {
        Some(last) if ended => (0, last),
        Some(last) => (last + 1, lines.len()),
        None => (0, lines.len()),
    };
    let is_own = |line: &String| about(line).is_some_and(|run| run == name || is_run(run));
    let printed = lines[from..to].iter().rev().take_while(|line| !is_own(line));
    let printed = printed.filter(|line| !line.trim().is_empty());
    let mut found: Vec<String> = printed.take(most).cloned().collect();
    found.reverse();
    let own = last.map(|last| &lines[last]).filter(|line| !line.starts_with("run "));
    if let (true, Some(own)) = (found.is_empty() && ended, own) {
        found.push(own.clone());
    }
    found
}

/// The eight digits that a line begins with as dlgrid's own about a run do: `run 6d42b423: …`, or
/// the trainer's `6d42b423  lr=0.01  …`.
fn about(line: &str) -> Option<&str> {
    let (text, then) = match line.strip_prefix("run ") {
        Some(text) => (text, ":"),
        None => (line, "  "),
    };
    let (digits, rest) = text.split_at_checked(8)?;
    let is_hex = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && rest.starts_with(then)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_run_are_its_own() {
        let log = |text: &str| lines(text.as_bytes());
        let two = "run aaaaaaaa: sh\nfirst\n\x1b[31mbad\x1b[0m\n\nrun aaaaaaaa: Failed: bad\n\
                   run bbbbbbbb: sh\n10%\r20%\nmore\n";
        let trained = "device cpu\naaaaaaaa  lr=1  seed 1  failed: bad\nbbbbbbbb  lr=2  done\n";
        let dated = "run aaaaaaaa: sh\n20261130 12:00:01 a\n20261130  b\nrun 20261130: c\n\
                     run aaaaaaaa: Failed: c\n";
        let saves = "run aaaaaaaa: sh\nbegins\nckpt/aaaaaaaa11\naaaaaaaa1 more\n";
        let is_run = |digits: &str| ["aaaaaaaa", "bbbbbbbb"].contains(&digits);
        for (text, name, ended, most, expected) in [
            (two, "aaaaaaaa", true, 2, vec!["first", "bad"]),
            (two, "aaaaaaaa", true, 1, vec!["bad"]),
            (two, "aaaaaaaa", true, 9, vec!["first", "bad"]),
            (two, "bbbbbbbb", false, 2, vec!["20%", "more"]),
            (two, "bbbbbbbb", false, 1, vec!["more"]),
            (two, "cccccccc", true, 1, vec!["more"]),
            (trained, "bbbbbbbb", true, 2, vec!["bbbbbbbb  lr=2  done"]),
            ("run aaaaaaaa: sh\nrun aaaaaaaa: Failed\n", "aaaaaaaa", true, 2, vec![]),
            ("", "aaaaaaaa", true, 2, vec![]),
            ("alone", "", true, 2, vec!["alone"]),
            (
                dated,
                "aaaaaaaa",
                true,
                9,
                vec!["20261130 12:00:01 a", "20261130  b", "run 20261130: c"],
            ),
            (saves, "aaaaaaaa", false, 9, vec!["begins", "ckpt/aaaaaaaa11", "aaaaaaaa1 more"]),
        ] {
            let runs = (name, &is_run as &dyn Fn(&str) -> bool);
            assert_eq!(last_words(&log(text), runs, ended, most), expected, "{text:?} {name}");
        }
    }

    #[test]
    fn of_a_long_log_the_end_is_read() {
        let tmp = tempfile::tempdir().expect("a folder");
        let path = tmp.path().join("x.log");
        let line = format!("{}\n", "x".repeat(99));
        fs::publish(&path, format!("{}the end\n", line.repeat(1000)).as_bytes()).expect("written");
        let (bytes, whole) = tail(&path, 64 << 10).expect("readable");
        let lines = lines(&bytes);
        assert!(!whole && lines.len() > 600 && lines.iter().rev().skip(1).all(|l| l.len() == 99));
        assert_eq!(lines.last().map(String::as_str), Some("the end"));
    }

    #[test]
    fn logs_are_told_by_slice_and_attempt() {
        let segment = |slice, attempt| SegmentName { slice, attempt, nonce: "7f3c91aa".into() };
        let names =
            ["c000001.a1.log", "c000001.a2.log", "c000001.a10.log", "c000002.x.log", "other"]
                .map(str::to_owned);
        for (slice, attempt, expected) in [
            (1, 2, Some("c000001.a2.log")),
            (1, 10, Some("c000001.a10.log")),
            (1, 11, Some("c000001.a10.log")),
            (2, 1, Some("c000002.x.log")),
            (3, 1, None),
        ] {
            assert_eq!(of_slice(&names, &segment(slice, attempt)).as_deref(), expected);
        }
    }
}
