//! Reads what Slurm's programs write: text in forms that all versions from 20.11 on share.
use super::error::SlurmError;

mod reason;

pub use reason::{has_hold, is_hold, reason};

/// The fields that [`queue`] reads, as an argument of `squeue --format`. None of them holds
/// what a user typed, but the name, which is last but two and ours where it matters.
pub const QUEUE_FORMAT: &str = "%F|%K|%T|%j|%S|%N|%r";

/// The number of the job that `sbatch --parsable` made: `22`, or `22;cluster`.
///
/// # Errors
/// If there is none.
pub fn submitted(stdout: &str) -> Result<u64, SlurmError> {
    // What plugins print stands before it.
    let line = stdout.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let number = line.split(';').next().and_then(|n| n.parse().ok());
    number.ok_or_else(|| SlurmError::Unread { program: "sbatch", text: stdout.trim().into() })
}

/// The state of a job, as Slurm names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Known.
    Known(Known),
    /// Not known to this dlgrid, verbatim.
    Unknown(String),
}

macro_rules! states {
    ($($(#[$doc:meta])* $state:ident = $word:literal is $phase:ident),+ $(,)?) => {
        /// Every state that Slurm's manuals name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Known { $($(#[$doc])* $state),+ }

        impl Known {
            /// Slurm's word for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$state => $word),+ }
            }

            /// What it means for the task.
            #[must_use]
            pub const fn phase(self) -> Phase {
                match self { $(Self::$state => Phase::$phase),+ }
            }

            fn of(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$state),)+ _ => None }
            }
        }

        #[cfg(test)]
        const ALL: &[Known] = &[$(Known::$state),+];
    };
}

/// What a state means for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It will start, or start again.
    Queued,
    /// It has a node.
    Active,
    /// It is over, and Slurm does not start it again.
    Over,
}

states! {
    /// Waits.
    Pending = "PENDING" is Queued,
    /// Was put back into the queue.
    Requeued = "REQUEUED" is Queued,
    /// Was put back, and is held.
    RequeueHold = "REQUEUE_HOLD" is Queued,
    /// Was put back by a federation.
    RequeueFed = "REQUEUE_FED" is Queued,
    /// Was put back, held, with a mark.
    SpecialExit = "SPECIAL_EXIT" is Queued,
    /// Its reservation is gone, and it is held.
    ResvDelHold = "RESV_DEL_HOLD" is Queued,
    /// Could not be launched: Slurm puts it back, or holds it.
    LaunchFailed = "LAUNCH_FAILED" is Queued,
    /// Its node could not be made ready: Slurm puts it back, or holds it.
    ReconfigFail = "RECONFIG_FAIL" is Queued,
    /// Runs.
    Running = "RUNNING" is Active,
    /// Its node is being made ready.
    Configuring = "CONFIGURING" is Active,
    /// Its node is being cleaned up.
    Completing = "COMPLETING" is Active,
    /// Has a node and stands still.
    Suspended = "SUSPENDED" is Active,
    /// Was stopped by a signal, and keeps its node.
    Stopped = "STOPPED" is Active,
    /// Is about to change its size.
    Resizing = "RESIZING" is Active,
    /// Is being signalled.
    Signaling = "SIGNALING" is Active,
    /// Copies files out.
    StageOut = "STAGE_OUT" is Active,
    /// Ended by itself, with exit code 0.
    Completed = "COMPLETED" is Over,
    /// Ended by itself, with another exit code.
    Failed = "FAILED" is Over,
    /// Reached its time limit.
    Timeout = "TIMEOUT" is Over,
    /// Was cancelled.
    Cancelled = "CANCELLED" is Over,
    /// Its node failed.
    NodeFail = "NODE_FAIL" is Over,
    /// Made room for another job, for good.
    Preempted = "PREEMPTED" is Over,
    /// Took more memory than it had.
    OutOfMemory = "OUT_OF_MEMORY" is Over,
    /// Reached its deadline.
    Deadline = "DEADLINE" is Over,
    /// Its node did not boot.
    BootFail = "BOOT_FAIL" is Over,
    /// Another cluster of the federation took it.
    Revoked = "REVOKED" is Over,
}

impl JobState {
    /// Reads a state; what follows the first word (`CANCELLED by 0`, `CANCELLED+`) is left out.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let word = text.split_whitespace().next().unwrap_or_default().trim_end_matches('+');
        Known::of(word).map_or_else(|| Self::Unknown(text.trim().to_owned()), Self::Known)
    }

    /// What it means; of an unknown state nothing is known.
    #[must_use]
    pub const fn phase(&self) -> Option<Phase> {
        match self {
            Self::Known(known) => Some(known.phase()),
            Self::Unknown(_) => None,
        }
    }

    /// Slurm's word for it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Known(known) => known.word(),
            Self::Unknown(word) => word,
        }
    }
}

/// A line of `squeue`: one task, or the tasks of an array that still wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The array.
    pub array: u64,
    /// Its tasks as Slurm writes them: `3`, `[4-9%2]`; `N/A` where it names none.
    pub tasks: String,
    /// Their state.
    pub state: JobState,
    /// The job's name.
    pub name: String,
    /// When it started or is thought to start, in Slurm's form, if it is said.
    pub start: Option<String>,
    /// Nodes that it has.
    pub nodes: String,
    /// Why it waits, in Slurm's word.
    pub reason: String,
}

/// Reads what `squeue --noheader --format=`[`QUEUE_FORMAT`] writes. Lines of other forms, such
/// as the headings of several clusters, are left out.
#[must_use]
pub fn queue(text: &str) -> Vec<Row> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    let mut fields = line.splitn(7, '|');
    let mut next = || fields.next().map(str::trim);
    let (array, tasks, state, name) = (next()?.parse().ok()?, next()?, next()?, next()?);
    let (start, nodes, reason) = (next()?, next()?, next()?);
    Some(Row {
        array,
        tasks: tasks.to_owned(),
        state: JobState::read(state),
        name: name.to_owned(),
        start: (start != "N/A" && !start.is_empty()).then(|| start.to_owned()),
        nodes: nodes.to_owned(),
        reason: reason.to_owned(),
    })
}

/// The value of a key in `scontrol show config`.
#[must_use]
pub fn setting<'t>(config: &'t str, key: &str) -> Option<&'t str> {
    config.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim()).filter(|v| *v != "(null)")
    })
}

/// For how many seconds the controller has run, in `scontrol show config`: by its own clock.
#[must_use]
pub fn runs_for(config: &str) -> Option<f64> {
    let now = config.lines().find_map(|line| line.strip_prefix("Configuration data as of "))?;
    Some(instant(now)? - instant(setting(config, "BOOT_TIME")?)?)
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Whether jobs that name none go there.
    pub is_default: bool,
    /// Its state: `UP`, `DOWN`, `DRAIN`, `INACTIVE`.
    pub state: String,
    /// Longest time of a job in seconds; nothing where there is no limit.
    pub max_seconds: Option<u64>,
    /// Whether jobs may be submitted from every node.
    pub open: bool,
}

/// Reads `scontrol --oneliner show partition`.
#[must_use]
pub fn partitions(text: &str) -> Vec<Partition> {
    text.lines()
        .filter_map(|line| {
            let of = |key: &str| {
                line.split_whitespace().find_map(|w| w.strip_prefix(key)?.strip_prefix('='))
            };
            Some(Partition {
                name: of("PartitionName")?.to_owned(),
                is_default: of("Default") == Some("YES"),
                state: of("State").unwrap_or("UNKNOWN").to_owned(),
                max_seconds: of("MaxTime").and_then(seconds),
                open: of("AllocNodes").is_none_or(|nodes| nodes == "ALL"),
            })
        })
        .collect()
}

/// Seconds of a time in Slurm's forms: `MM`, `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`,
/// `D-HH:MM:SS`; nothing for any other text, such as `UNLIMITED`.
#[must_use]
pub fn seconds(text: &str) -> Option<u64> {
    let (days, rest) = match text.trim().split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, text.trim()),
    };
    let fields: Option<Vec<u64>> = rest.split(':').map(|f| f.parse().ok()).collect();
    let (h, m, s) = match (days.is_some(), fields?.as_slice()) {
        (true, [h]) => (*h, 0, 0),
        (true, [h, m]) | (_, [h, m, 0]) => (*h, *m, 0),
        (_, [h, m, s]) => (*h, *m, *s),
        (false, [m]) => (0, *m, 0),
        (false, [m, s]) => (0, *m, *s),
        _ => return None,
    };
    [(days.unwrap_or(0), 86_400), (h, 3600), (m, 60), (s, 1)]
        .into_iter()
        .try_fold(0_u64, |all, (count, each)| all.checked_add(count.checked_mul(each)?))
}

/// When `sbatch --test-only` thinks that a job would start, in Slurm's form, where it says so;
/// what lies more than a year after `now` (seconds since the epoch) means that it can't tell.
#[must_use]
pub fn start(says: &str, now: f64) -> Option<String> {
    const YEAR: f64 = 366.0 * 86_400.0;
    let at = says.split("to start at ").nth(1)?.split_whitespace().next()?;
    instant(at).filter(|at| at - now <= YEAR).map(|_| at.to_owned())
}

/// An instant in Slurm's form, such as `2026-11-24T11:34:54`, in seconds since the Unix epoch as
/// if it was said in UTC: at most a day off. Nothing for any other text.
#[must_use]
pub fn instant(text: &str) -> Option<f64> {
    let (date, time) = text.trim().split_once('T')?;
    let numbers = |text: &str, sign| -> Option<Vec<i64>> {
        text.split(sign).map(|part| part.parse().ok()).collect()
    };
    let [year, month, day] = numbers(date, '-')?.try_into().ok()?;
    let [hour, minute, second] = numbers(time, ':')?.try_into().ok()?;
    let is_date =
        (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_time =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !is_date || !is_time {
        return None;
    }
    // Years that begin in March, so that the day that comes and goes is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    Some((86_400 * days + 3600 * hour + 60 * minute + second) as f64)
}

/// Whether these words of a program mean that Slurm could not be reached or is busy: whether it
/// has done what it was asked is not known then.
#[must_use]
pub fn is_transient(words: &str) -> bool {
    const SIGNS: &[&str] = &[
        "unable to contact slurm controller",
        "socket timed out",
        "zero bytes were transmitted",
        "connection refused",
        "connection reset",
        "connection timed out",
        "connect failure",
        "communication connection failure",
        "temporarily unable",
        "temporarily unavailable",
        "transport endpoint",
        "unexpected message received",
        "in standby mode",
        "message receive failure",
        "message send failure",
        "can not be altered now",
        "not available right now",
    ];
    let words = words.to_lowercase();
    SIGNS.iter().any(|sign| words.contains(sign))
}

/// Whether a change of an array was refused only for tasks that run or are over: scontrol names
/// each part of the array, and ends badly for one of them although it has changed the others.
#[must_use]
pub fn is_for_the_past(words: &str) -> bool {
    const SIGNS: &[&str] =
        &["no error", "already finished", "no longer pending", "already completing or completed"];
    let words = words.to_lowercase();
    words.split("; ").all(|part| SIGNS.iter().any(|sign| part.contains(sign)))
}

#[cfg(test)]
#[path = "parse/tests.rs"]
mod tests;
