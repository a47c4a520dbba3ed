//! What a worker leaves behind when it is killed. Its program has a process group of its own, and may be
//! faster than the worker's word of it: so all that a worker starts carries its mark.
use std::collections::BTreeSet;

use crate::host;

/// The variable of the environment that has the mark.
pub const MARK: &str = "DLGRID_WORKER_MARK";
/// Looks for what has started while the last look was under way.
const LOOKS: u32 = 5;

/// A mark that no other worker has.
///
/// # Errors
/// If there are no random numbers.
pub fn mark() -> std::io::Result<u64> {
    Ok(u64::from_be_bytes(host::random()?))
}

/// Its text in the environment.
#[must_use]
pub fn written(mark: u64) -> String {
    format!("{mark:016x}")
}

/// Ends at once what carries the mark on this machine, each with its process group.
pub fn end(mark: u64) {
    let carried = format!("{MARK}={}", written(mark));
    for _ in 0..LOOKS {
        let groups = groups(carried.as_bytes());
        if groups.is_empty() {
            return;
        }
        for group in groups {
            host::signal_group(group, host::Signal::Kill);
        }
    }
}

/// The process groups of what has this in its environment, but for that of this process.
fn groups(carried: &[u8]) -> BTreeSet<u32> {
    let group = |pid: u32| group(&host::process_stat(pid)?);
    let own = group(host::pid());
    let Ok(all) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        // That of others can't be read, and is none of ours.
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|one| one == carried)
    })
    .filter_map(group)
    .filter(|group| Some(*group) != own)
    .collect()
}

/// The process group in `/proc/<pid>/stat`.
fn group(stat: &str) -> Option<u32> {
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};

    use super::*;

    #[test]
    fn what_carries_the_mark_ends_with_all_that_it_has_started_and_nothing_else_does() {
        let start = |mark: u64| {
            let mut shell = host::command("sh");
            shell.args(["-c", "sleep 60 & sleep 60"]).env(MARK, written(mark)).process_group(0);
            host::spawn(&mut shell).expect("a shell")
        };
        let (mut left, mut other) = (start(1 << 40), start(2 << 40));
        end(1 << 40);
        assert_eq!(left.wait().expect("it has ended").signal(), Some(9));
        assert!(groups(format!("{MARK}={}", written(1 << 40)).as_bytes()).is_empty());
        assert!(other.try_wait().expect("asked").is_none(), "the other goes on");
        end(2 << 40);
        assert_eq!(other.wait().expect("it has ended").signal(), Some(9));
    }

    #[test]
    fn a_process_group_is_read_whatever_the_program_is_called() {
        assert_eq!(group("12 (a) b) S 1 77 77 0 -1"), Some(77));
        assert_eq!(group("12 (a"), None);
    }
}
