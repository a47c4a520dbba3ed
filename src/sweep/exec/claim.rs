//! Who works on a sweep from this machine: one claim at a time, made by creating a file.
//!
//! A claim only spares double work. Nothing is lost without it: two attempts at one slice
//! write to different segments, and the reader picks one end of each run.
use serde::{Deserialize, Serialize};

use crate::host;
use crate::store::StoreError;
use crate::store::fs;
use crate::store::layout::SweepDir;

/// A process that works on a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Name of its machine.
    pub host: String,
    /// Its process id.
    pub pid: u32,
    /// Tells it from a later process of the same id: when it started, in the kernel's ticks.
    pub started: u64,
    /// Seconds since the Unix epoch.
    pub time: f64,
}

impl Claim {
    /// Of this process, now.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            host: host::name(),
            pid: host::pid(),
            started: started(host::pid()).unwrap_or(0),
            time: host::now(),
        }
    }
}

/// Whether a claim still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its process runs on this machine.
    Alive,
    /// Its process is gone.
    Gone,
    /// It is of another machine, and can't be seen from here.
    Elsewhere,
}

/// The outcome of trying to claim a sweep.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours until the guard is dropped.
    Ours(Guard),
    /// Another process has it.
    Taken(Claim, Standing),
}

/// A claim that is given back when it is dropped.
#[derive(Debug)]
pub struct Guard {
    dir: SweepDir,
    number: u32,
}

/// Claims the sweep for this process. With `take_over`, a claim of another machine counts as
/// gone.
///
/// # Errors
/// If the sweep directory can't be read or written.
pub fn claim(dir: &SweepDir, take_over: bool) -> Result<Claimed, StoreError> {
    let mut number = 0;
    if let Some((last, claim)) = latest(dir)? {
        let standing = standing(&claim);
        if standing == Standing::Alive || (standing == Standing::Elsewhere && !take_over) {
            return Ok(Claimed::Taken(claim, standing));
        }
        number = last;
    }
    let mine = Claim::of_this_process();
    let bytes = serde_json::to_vec(&mine).expect("a claim has only text and numbers");
    match fs::publish(&dir.submit().join(format!("local-{:06}.json", number + 1)), &bytes) {
        Ok(()) => Ok(Claimed::Ours(Guard { dir: dir.clone(), number: number + 1 })),
        Err(StoreError::Exists { .. }) => match latest(dir)? {
            Some((_, claim)) => Ok(Claimed::Taken(claim, Standing::Alive)),
            None => claim_again(dir, take_over),
        },
        Err(error) => Err(error),
    }
}

/// The other one came and went within the moment.
fn claim_again(dir: &SweepDir, take_over: bool) -> Result<Claimed, StoreError> {
    claim(dir, take_over)
}

/// The process that works on the sweep, if one does.
///
/// # Errors
/// If the sweep directory can't be read.
pub fn holder(dir: &SweepDir) -> Result<Option<(Claim, Standing)>, StoreError> {
    Ok(latest(dir)?
        .map(|(_, claim)| {
            let standing = standing(&claim);
            (claim, standing)
        })
        .filter(|(_, standing)| *standing != Standing::Gone))
}

/// The latest claim that has not been given back.
fn latest(dir: &SweepDir) -> Result<Option<(u32, Claim)>, StoreError> {
    let names = fs::list_dir(&dir.submit())?;
    let number = |name: &String| -> Option<(u32, bool)> {
        let rest = name.strip_prefix("local-")?;
        let (digits, kind) = rest.split_once('.')?;
        Some((digits.parse().ok()?, kind == "end"))
    };
    let mut last: Option<(u32, bool)> = None;
    for (n, ended) in names.iter().filter_map(number) {
        last = match last {
            Some((m, e)) if m == n => Some((m, e || ended)),
            Some((m, e)) if m > n => Some((m, e)),
            _ => Some((n, ended)),
        };
    }
    let Some((n, ended)) = last else { return Ok(None) };
    let gone = Claim { host: String::new(), pid: 0, started: 0, time: 0.0 };
    if ended {
        return Ok(Some((n, Claim { host: host::name(), ..gone })));
    }
    let path = dir.submit().join(format!("local-{n:06}.json"));
    let claim = serde_json::from_slice(&fs::read(&path)?)
        .map_err(|cause| StoreError::Malformed { path, cause })?;
    Ok(Some((n, claim)))
}

pub(super) fn standing(claim: &Claim) -> Standing {
    if claim.host != host::name() {
        return Standing::Elsewhere;
    }
    match started(claim.pid) {
        Some(ticks) if claim.pid > 0 && ticks == claim.started => Standing::Alive,
        _ => Standing::Gone,
    }
}

/// When a process of this machine started, in the kernel's ticks; nothing if there is none.
pub(super) fn started(pid: u32) -> Option<u64> {
    let stat = host::process_stat(pid)?;
    // The second field is the program's name in parentheses and may hold anything.
    let rest = &stat[stat.rfind(')')? + 1..];
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

impl Drop for Guard {
    fn drop(&mut self) {
        let path = self.dir.submit().join(format!("local-{:06}.end", self.number));
        // If this fails the process's own end tells the same.
        let _unheld = fs::publish(&path, b"{}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_at_a_time_and_the_dead_hold_none() {
        let tmp = tempfile::tempdir().expect("folder");
        let dir = SweepDir::new(tmp.path());
        let Claimed::Ours(guard) = claim(&dir, false).expect("claim") else { panic!("free") };
        assert!(matches!(claim(&dir, false).expect("claim"), Claimed::Taken(_, Standing::Alive)));
        assert!(holder(&dir).expect("holder").is_some());
        drop(guard);
        assert!(holder(&dir).expect("holder").is_none());
        let dead = Claim { host: host::name(), pid: 4_000_000, started: 1, time: 0.0 };
        let bytes = serde_json::to_vec(&dead).expect("json");
        fs::publish(&dir.submit().join("local-000002.json"), &bytes).expect("publish");
        assert!(matches!(claim(&dir, false).expect("claim"), Claimed::Ours(_)));
    }

    #[test]
    fn a_claim_of_another_machine_holds_until_it_is_taken_over() {
        let tmp = tempfile::tempdir().expect("folder");
        let dir = SweepDir::new(tmp.path());
        let other = Claim { host: "elsewhere".into(), pid: 1, started: 1, time: 0.0 };
        let bytes = serde_json::to_vec(&other).expect("json");
        fs::publish(&dir.submit().join("local-000001.json"), &bytes).expect("publish");
        assert!(matches!(
            claim(&dir, false).expect("claim"),
            Claimed::Taken(_, Standing::Elsewhere)
        ));
        assert!(matches!(claim(&dir, true).expect("claim"), Claimed::Ours(_)));
    }
}
