//! Which run of a sweep a person means, and where its worker's log is.
use std::path::PathBuf;

use crate::spec::Spec;
use crate::store::fs;
use crate::store::layout::SegmentName;
use crate::store::merge::Results;
use crate::sweep::Sweep;
use crate::trial::{RunId, TrialId};

/// The run that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRun {
    /// Its place in the sweep.
    pub index: u64,
    /// What to tell the reader, where there was a choice.
    pub note: Option<String>,
}

/// Why there is no run or no log.
#[derive(Debug, thiserror::Error)]
pub enum NoRun {
    /// A number that is no run of the sweep.
    #[error("`{name}` has no run {index}: its runs have numbers from 0 to {last}")]
    NoSuchNumber {
        /// The sweep.
        name: String,
        /// The number.
        index: u64,
        /// The highest number of a run.
        last: u64,
    },
    /// A number of a point that the spec leaves out.
    #[error("run {index} is of a point that the spec leaves out")]
    LeftOut {
        /// The number.
        index: u64,
    },
    /// No run or trial has an id that begins so.
    #[error("no run or trial of `{name}` has an id that begins with `{wanted}`")]
    NoMatch {
        /// The sweep.
        name: String,
        /// What was asked for.
        wanted: String,
    },
    /// Text that is neither a number nor an id.
    #[error("`{wanted}` is neither the number of a run nor the beginning of an id")]
    NotARun {
        /// What was asked for.
        wanted: String,
    },
    /// Nobody has begun the run.
    #[error("run {index} has not begun: there is no log of it")]
    NotBegun {
        /// The run.
        index: u64,
    },
    /// The run was taken over from another sweep.
    #[error("run {index} was trained in sweep `{from}`: its log is there")]
    TakenOver {
        /// The run.
        index: u64,
        /// That sweep.
        from: String,
    },
    /// There is no log.
    #[error("there is no log of run {index} in `{folder}`")]
    NoLog {
        /// The run.
        index: u64,
        /// The folder of logs.
        folder: String,
    },
}

impl NoRun {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotBegun { .. } => "`dlgrid status` shows what is going on".into(),
            Self::TakenOver { from, .. } => {
                format!("`dlgrid logs {} RUN`", from.get(..8).unwrap_or(from))
            }
            Self::NoLog { .. } => {
                "logs are kept in the sweep's folder; this one was removed".into()
            }
            _ => {
                "a RUN is a number, such as 41, or at least four digits of a run's or trial's id; \
                  `dlgrid report --runs --format csv` names them"
                    .into()
            }
        }
    }
}

/// The run that `wanted` means: a number, the beginning of a run's id, or of a trial's id. Of
/// a trial the run that went worst is taken: failed, else lost, else any.
///
/// # Errors
/// If there is none.
pub fn find_run(sweep: &Sweep, results: &Results, wanted: &str) -> Result<FoundRun, NoRun> {
    let is_hex = wanted.len() >= 4 && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    let lower = wanted.to_lowercase();
    let spec = &sweep.spec;
    let numbers = spec.run_numbers();
    if let Ok(index) = wanted.parse::<u64>() {
        if index < numbers {
            let left_out = || NoRun::LeftOut { index };
            return spec.run(index).map(|_| FoundRun { index, note: None }).ok_or_else(left_out);
        }
        if !is_hex {
            let last = numbers.saturating_sub(1);
            return Err(NoRun::NoSuchNumber { name: spec.name.clone(), index, last });
        }
    }
    if !is_hex {
        return Err(NoRun::NotARun { wanted: wanted.into() });
    }
    by_id(spec, results, &lower)
        .ok_or_else(|| NoRun::NoMatch { name: spec.name.clone(), wanted: wanted.into() })
}

/// Looks through the runs that were begun, in order.
fn by_id(spec: &Spec, results: &Results, prefix: &str) -> Option<FoundRun> {
    let mut indices: Vec<u64> = results.runs.keys().copied().collect();
    indices.sort_unstable();
    let mut of_trial = Vec::new();
    for index in indices {
        let Some((point, seed)) = spec.place(index) else { continue };
        let Some(work) = spec.space.work(point) else { continue };
        if RunId::of(&work, seed).to_string().starts_with(prefix) {
            return Some(FoundRun { index, note: None });
        }
        if TrialId::of(&work).to_string().starts_with(prefix) {
            of_trial.push(index);
        }
    }
    let worst = of_trial.iter().copied().min_by_key(|index| badness(results, *index))?;
    let others = of_trial.len() - 1;
    let note = (others > 0).then(|| {
        let list: Vec<String> = of_trial.iter().map(ToString::to_string).collect();
        format!("showing run {worst}; the trial has runs {}", list.join(", "))
    });
    Some(FoundRun { index: worst, note })
}

fn badness(results: &Results, index: u64) -> u8 {
    use crate::store::record::Outcome;
    match results.end(index).map(|end| end.outcome) {
        Some(Outcome::Failed) => 0,
        None => 1,
        Some(Outcome::Diverged) => 2,
        Some(Outcome::Done) => 3,
    }
}

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
    if let Some(from) = results.end(index).and_then(|end| end.from.clone()) {
        return Err(NoRun::TakenOver { index, from: from.into() });
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

#[cfg(test)]
mod tests {
    use super::*;

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
