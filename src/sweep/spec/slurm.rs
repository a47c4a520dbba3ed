//! The `slurm` section: what is asked of the cluster, and how runs are packed.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::duration;
use super::mistake::Mistake;
use super::section::Mistakes;
use super::yaml::{Kind, Node};

/// What a key of the section takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlurmKind {
    /// Text.
    Text,
    /// A whole number of at least 1.
    Count,
    /// Any whole number.
    Whole,
    /// A time: `30m`, or one of Slurm's forms.
    Time,
    /// A count, or text such as `a100:2`.
    CountOrText,
    /// A count, or `auto`.
    CountOrAuto,
    /// A list of words.
    Words,
}

/// Every key of the section, sorted.
pub const KEYS: &[(&str, SlurmKind, &str)] = &[
    ("account", SlurmKind::Text, "the account that pays"),
    ("constraint", SlurmKind::Text, "features that a node must have"),
    ("cpus", SlurmKind::Count, "cores for each worker; also threads of a local worker"),
    ("env", SlurmKind::Words, "names of further variables of yours that travel into jobs"),
    ("exclude", SlurmKind::Text, "nodes to keep away from"),
    ("extra", SlurmKind::Words, "further words for sbatch"),
    ("gpus", SlurmKind::CountOrText, "GPUs of a task, such as 1 or `a100:1`"),
    ("gres", SlurmKind::Text, "generic resources of a task"),
    ("max_running", SlurmKind::Count, "tasks that may run at once"),
    (
        "memory",
        SlurmKind::CountOrText,
        "memory of a task, in Slurm's units (`16G`; a bare number is MiB)",
    ),
    ("nice", SlurmKind::Whole, "how far to stand back"),
    ("nodes", SlurmKind::Count, "nodes of a task"),
    ("partition", SlurmKind::Text, "the partition"),
    ("qos", SlurmKind::Text, "the quality of service"),
    ("reservation", SlurmKind::Text, "the reservation"),
    ("runs_per_task", SlurmKind::CountOrAuto, "runs of one slice"),
    ("site", SlurmKind::Text, "the profile of the cluster"),
    ("time", SlurmKind::Time, "the longest that a task may take"),
];

/// The section, checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlurmSettings {
    /// Every key that was given, as text; `null` ones are left out.
    pub given: BTreeMap<String, String>,
    /// Runs of one slice, if the spec says.
    pub runs_per_task: Option<u64>,
    /// Threads of a local worker.
    pub cpus: Option<u64>,
}

pub(super) fn check(node: &Node, mistakes: &mut Mistakes) -> SlurmSettings {
    let mut settings = SlurmSettings::default();
    let names: Vec<&str> = KEYS.iter().map(|k| k.0).collect();
    for entry in mistakes.entries(node, "`slurm`") {
        let Some((name, kind, _)) = KEYS.iter().find(|k| k.0 == entry.key) else {
            match synonym(&entry.key) {
                Some(word) => mistakes.add(
                    Mistake::new(
                        entry.key_span.clone(),
                        format!("unknown key `{}` in `slurm`", entry.key),
                        "not known here",
                    )
                    .hint(format!("did you mean `{word}`?")),
                ),
                None => mistakes.unknown_key(entry, "`slurm`", &names),
            }
            continue;
        };
        if entry.value.kind == Kind::Null {
            continue;
        }
        match admit(*kind, &entry.value) {
            Some(text) => {
                let count = text.parse().ok();
                match *name {
                    "runs_per_task" => settings.runs_per_task = count,
                    "cpus" => settings.cpus = count,
                    _ => {}
                }
                settings.given.insert((*name).to_owned(), text);
            }
            None => wrong(*kind, name, &entry.value, mistakes),
        }
    }
    settings
}

fn synonym(word: &str) -> Option<&'static str> {
    Some(match word.replace('-', "_").as_str() {
        "walltime" | "timelimit" | "time_limit" => "time",
        "mem" | "ram" => "memory",
        "cpus_per_task" | "cores" | "threads" => "cpus",
        "queue" => "partition",
        "array_parallelism" | "max_simultaneous_jobs" | "concurrency" => "max_running",
        "additional_parameters" | "options" => "extra",
        _ => return None,
    })
}

fn admit(kind: SlurmKind, node: &Node) -> Option<String> {
    let count = match &node.kind {
        Kind::Int(n) if *n >= 1 => Some(n.to_string()),
        _ => None,
    };
    let text =
        node.text().filter(|t| !t.trim().is_empty() && !t.contains(|c: char| c.is_control()));
    match kind {
        SlurmKind::Text => text.map(str::to_owned),
        SlurmKind::Count => count,
        SlurmKind::Whole => match &node.kind {
            Kind::Int(n) => Some(n.to_string()),
            _ => None,
        },
        SlurmKind::Time => {
            text.filter(|t| duration::seconds(t).is_some() || is_slurm_time(t)).map(str::to_owned)
        }
        SlurmKind::CountOrText => count.or_else(|| text.map(str::to_owned)),
        SlurmKind::CountOrAuto => {
            count.or_else(|| text.filter(|t| *t == "auto").map(str::to_owned))
        }
        SlurmKind::Words => match &node.kind {
            Kind::List(items) => {
                let words: Option<Vec<&str>> = items.iter().map(Node::text).collect();
                words.map(|w| w.join("\u{1f}"))
            }
            _ => None,
        },
    }
}

/// `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`, `D-HH:MM:SS`. A bare number is refused, for Slurm
/// reads it as minutes and people mean anything.
fn is_slurm_time(text: &str) -> bool {
    let number = |t: &str| !t.is_empty() && t.len() <= 4 && t.bytes().all(|b| b.is_ascii_digit());
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(days), rest),
        None => (None, text),
    };
    let fields: Vec<&str> = rest.split(':').collect();
    days.is_none_or(number)
        && fields.iter().all(|f| number(f))
        && if days.is_some() { fields.len() <= 3 } else { (2..=3).contains(&fields.len()) }
}

fn wrong(kind: SlurmKind, name: &str, node: &Node, mistakes: &mut Mistakes) {
    let what = format!("`slurm.{name}`");
    let expected = match kind {
        SlurmKind::Text => "text",
        SlurmKind::Count => "a whole number of at least 1",
        SlurmKind::Whole => "a whole number",
        SlurmKind::Time => "a time such as `30m` or `04:00:00`",
        SlurmKind::CountOrText => "a whole number of at least 1, or text",
        SlurmKind::CountOrAuto => "a whole number of at least 1, or `auto`",
        SlurmKind::Words => "a list of words",
    };
    let mistake = Mistake::new(
        node.span.clone(),
        format!("{what} must be {expected}, got {}", node.describe()),
        format!("expected {expected}"),
    );
    mistakes.add(match (&node.kind, kind) {
        (Kind::Int(n), SlurmKind::Time) => {
            mistake.hint(format!("Slurm would read {n} minutes: write `{n}m`, or `{n}h`"))
        }
        _ => mistake,
    });
}
