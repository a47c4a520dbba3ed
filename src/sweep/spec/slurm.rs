//! The `slurm` section: what is asked of the cluster, and how runs are packed.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::mistake::Mistake;
use super::ranks::{As, Contradiction};
use super::section::Mistakes;
use super::upkeep;
use super::yaml::{Entry, Kind, Node};
use super::{duration, extra};

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
    /// Memory in Slurm's units: `16G`, `2048M`, or a number of MiB.
    Memory,
    /// How long something takes: `30s`, `20m`.
    Length,
    /// `true` or `false`.
    Flag,
    /// `run` or `slots`.
    RanksAs,
}

impl SlurmKind {
    /// What it takes, in words.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Count => "a whole number of at least 1",
            Self::Whole => "a whole number",
            Self::Time => "a time such as `30m` or `04:00:00`",
            Self::CountOrText => "a whole number of at least 1, or text",
            Self::CountOrAuto => "a whole number of at least 1, or `auto`",
            Self::Words => "a list of words",
            Self::Memory => "memory such as `16G` or `2048M`",
            Self::Length => "a time such as `30s` or `20m`",
            Self::Flag => "true or false",
            Self::RanksAs => "`run` or `slots`",
        }
    }
}

/// Every key of the section, sorted.
pub const KEYS: &[(&str, SlurmKind, &str)] = &[
    ("account", SlurmKind::Text, "the account that pays"),
    ("canary", SlurmKind::Flag, "whether one task goes first, and the rest when it went well"),
    ("constraint", SlurmKind::Text, "features that a node must have"),
    (
        "cpus",
        SlurmKind::Count,
        "cores of a task, shared by its workers, or of each of its ranks; also threads of a local \
         worker",
    ),
    ("env", SlurmKind::Words, "names of further variables of yours that travel into jobs"),
    ("exclude", SlurmKind::Text, "nodes to keep away from"),
    ("extra", SlurmKind::Words, "further words for sbatch"),
    ("gpus", SlurmKind::CountOrText, "GPUs of a task, such as 1 or `a100:1`"),
    ("gres", SlurmKind::Text, "generic resources of a task"),
    ("licenses", SlurmKind::Text, "licenses of a task"),
    ("mail_type", SlurmKind::Text, "events that Slurm sends mail about, such as `END,FAIL`"),
    ("mail_user", SlurmKind::Text, "who gets that mail"),
    ("max_running", SlurmKind::Count, "tasks that may run at once"),
    (
        "memory",
        SlurmKind::Memory,
        "memory of a task, in Slurm's units of 1024 (`16G`; a bare number is MiB, 0 all of a node)",
    ),
    ("nice", SlurmKind::Whole, "how far to stand back"),
    ("nodelist", SlurmKind::Text, "nodes that tasks must run on"),
    ("nodes", SlurmKind::Count, "nodes of a task with ranks"),
    ("partition", SlurmKind::Text, "the partition"),
    ("qos", SlurmKind::Text, "the quality of service"),
    ("ranks", SlurmKind::Count, "processes of a task: they train each run together, by MPI"),
    ("ranks_as", SlurmKind::RanksAs, "`run`: all ranks train one run; `slots`: each its own"),
    ("ranks_per_node", SlurmKind::Count, "ranks on each node"),
    ("reservation", SlurmKind::Text, "the reservation"),
    ("run_time", SlurmKind::Length, "how long one run takes, such as `20m`: packs runs into tasks"),
    ("runs_per_task", SlurmKind::CountOrAuto, "runs of one task, or `auto`"),
    ("site", SlurmKind::Text, "the profile of the cluster"),
    ("time", SlurmKind::Time, "the longest that a task may take"),
    ("workers", SlurmKind::Count, "workers of a task that share its GPUs and cores (one a GPU)"),
];

/// Between two words of a list in [`SlurmSettings::given`].
pub const SEPARATOR: char = '\u{1f}';

/// The section, checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlurmSettings {
    /// Every key that was given, as text; `null` ones are left out.
    pub given: BTreeMap<String, String>,
    /// Keys that are `null`: what a site sets by default is left out.
    pub removed: BTreeSet<String>,
    /// Runs of one slice, if the spec says.
    pub runs_per_task: Option<u64>,
    /// Threads of a local worker.
    pub cpus: Option<u64>,
    /// Seconds that one run takes, if the spec says.
    pub run_seconds: Option<f64>,
    /// Whether one task goes first.
    pub canary: bool,
}

impl SlurmSettings {
    /// Whether GPUs are asked for.
    #[must_use]
    pub fn asks_for_gpus(&self) -> bool {
        ["gpus", "gres"].iter().any(|key| self.given.contains_key(*key))
    }

    /// Whether `gres` asks for GPUs.
    fn asks_for_gpus_by_gres(&self) -> bool {
        self.given.get("gres").is_some_and(|gres| gres.split(',').any(is_gpu))
    }

    /// The words of a list.
    pub fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        let words = self.given.get(key).map(String::as_str).unwrap_or_default();
        words.split(SEPARATOR).filter(|word| !word.is_empty())
    }

    /// Settings of these keys; what is read from them follows.
    #[must_use]
    pub fn of(given: BTreeMap<String, String>, removed: BTreeSet<String>) -> Self {
        let text = |key: &str| given.get(key).map(String::as_str);
        let count = |key: &str| text(key).and_then(|n| n.parse().ok());
        Self {
            runs_per_task: count("runs_per_task"),
            cpus: count("cpus"),
            run_seconds: text("run_time").and_then(duration::seconds),
            canary: text("canary") == Some("true"),
            given,
            removed,
        }
    }

    /// These settings with others over them: what those give counts, and what they set to
    /// `null` is left out. GPUs are asked for by `gpus` or by `gres`: those of the others count.
    #[must_use]
    pub fn under(&self, over: &Self) -> Self {
        let mut given = self.given.clone();
        given.retain(|key, _| !over.removed.contains(key));
        if over.given.contains_key("gpus")
            && let Some(gres) = given.remove("gres")
        {
            let kept: Vec<&str> = gres.split(',').filter(|part| !is_gpu(part)).collect();
            given.extend((!kept.is_empty()).then(|| ("gres".to_owned(), kept.join(","))));
        }
        if over.asks_for_gpus_by_gres() {
            given.remove("gpus");
        }
        given.extend(over.given.clone());
        let removed = self.removed.union(&over.removed);
        let removed = removed.filter(|key| !given.contains_key(*key)).cloned().collect();
        Self::of(given, removed)
    }
}

/// Whether a part of `gres` asks for GPUs: `gpu`, `gpu:2`, `gpu=2`, `gres/gpu:a100:1`.
fn is_gpu(part: &str) -> bool {
    let part = part.trim();
    let part = part.strip_prefix("gres/").or_else(|| part.strip_prefix("gres:")).unwrap_or(part);
    part.split([':', '=']).next() == Some("gpu")
}

/// MiB of memory in Slurm's units: `16G`, `2048M`, `512K`, `1T`; a bare number is MiB.
#[must_use]
pub fn memory_mib(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    match text[digits.len()..].to_ascii_uppercase().as_str() {
        "K" => Some(number.div_ceil(1024)),
        "" | "M" => Some(number),
        "G" => number.checked_mul(1024),
        "T" => number.checked_mul(1024 * 1024),
        _ => None,
    }
}

/// Checks a section of this name, such as `slurm`.
pub(crate) fn check(what: &str, node: &Node, mistakes: &mut Mistakes) -> SlurmSettings {
    let (mut given, mut removed) = (BTreeMap::new(), BTreeSet::new());
    let section = format!("`{what}`");
    for entry in mistakes.entries(node, &section) {
        let Some((name, kind, _)) = KEYS.iter().find(|k| k.0 == entry.key) else {
            unknown(entry, &section, mistakes);
            continue;
        };
        if entry.value.kind == Kind::Null {
            removed.insert((*name).to_owned());
            continue;
        }
        let wrong = || wrong(*kind, &format!("{what}.{name}"), &entry.value);
        match admit(*kind, &entry.value) {
            Some(text) if is_no_limit(name, &text) && mistakes.refuse_anew(wrong()) => {}
            Some(text) => {
                given.insert((*name).to_owned(), text);
            }
            None => mistakes.add(wrong()),
        }
    }
    let settings = SlurmSettings::of(given, removed);
    agree(node, &settings, mistakes);
    settings
}

fn unknown(entry: &Entry, section: &str, mistakes: &mut Mistakes) {
    let names: Vec<&str> = KEYS.iter().map(|k| k.0).collect();
    match synonym(&entry.key) {
        Some(word) => mistakes.add(
            Mistake::new(
                entry.key_span.clone(),
                format!("unknown key `{}` in {section}", entry.key),
                "not known here",
            )
            .hint(format!("did you mean `{word}`?")),
        ),
        None if upkeep::KEYS.contains(&entry.key.as_str()) => mistakes.add(
            Mistake::new(
                entry.key_span.clone(),
                format!("`{}` is no setting of {section}", entry.key),
                "stands one level too deep",
            )
            .hint(format!("write `{}:` at the top level, beside {section}", entry.key)),
        ),
        None => mistakes.unknown_key(entry, section, &names),
    }
}

/// Keys of a section that sbatch would not take together, and words of `extra` that it should not get.
fn agree(node: &Node, settings: &SlurmSettings, mistakes: &mut Mistakes) {
    let Kind::Map(entries) = &node.kind else { return };
    let at = |key: &str| entries.iter().find(|entry| entry.key == key);
    if let (Some(entry), Err(wrong)) = (at("extra"), extra::check(settings)) {
        let mistake = Mistake::new(entry.value.span.clone(), wrong.fact, "can't stand here");
        mistakes.refuse_anew(mistake.hint(wrong.hint));
    }
    let both = settings.given.contains_key("gpus") && settings.asks_for_gpus_by_gres();
    if let Some(entry) = at("gres").filter(|_| both) {
        let fact = "`gpus` and `gres` both ask for GPUs";
        let mistake = Mistake::new(entry.value.span.clone(), fact, "sbatch would ask for both");
        mistakes.refuse_anew(mistake.hint("leave one of them out"));
    }
}

fn synonym(word: &str) -> Option<&'static str> {
    Some(match word.replace('-', "_").as_str() {
        "walltime" | "timelimit" | "time_limit" => "time",
        "mem" | "ram" => "memory",
        "run_seconds" | "time_per_run" | "run_length" => "run_time",
        "mail" | "email" => "mail_user",
        "license" => "licenses",
        "nodeslist" | "node_list" => "nodelist",
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
        SlurmKind::Time => text
            .filter(|t| duration::seconds(t).is_some() || duration::is_slurms(t))
            .map(str::to_owned),
        SlurmKind::CountOrText => count.or_else(|| text.map(str::to_owned)),
        SlurmKind::CountOrAuto => {
            count.or_else(|| text.filter(|t| *t == "auto").map(str::to_owned))
        }
        SlurmKind::Memory => match &node.kind {
            Kind::Int(n) if *n >= 0 => Some(n.to_string()),
            _ => text.filter(|t| memory_mib(t).is_some()).map(str::to_owned),
        },
        SlurmKind::Length => {
            text.filter(|t| duration::seconds(t).is_some_and(|s| s > 0.0)).map(str::to_owned)
        }
        SlurmKind::Flag => match &node.kind {
            Kind::Bool(flag) => Some(flag.to_string()),
            _ => None,
        },
        SlurmKind::RanksAs => text.filter(|t| As::WORDS.contains(t)).map(str::to_owned),
        SlurmKind::Words => match &node.kind {
            Kind::List(items) => {
                let words: Option<Vec<&str>> = items.iter().map(Node::text).collect();
                words.map(|w| w.join(&SEPARATOR.to_string()))
            }
            _ => None,
        },
    }
}

const NO_LIMIT: &str = "Slurm takes 0 for no limit: leave it out for what the partition allows";

/// Whether it is a time that Slurm takes for none.
fn is_no_limit(name: &str, text: &str) -> bool {
    name == "time" && duration::is_zero(text)
}

/// Settings with which nothing may be submitted, though a spec of an earlier dlgrid may have them.
///
/// # Errors
/// The first of them.
pub fn check_asked(settings: &SlurmSettings) -> Result<(), Contradiction> {
    if let Some(time) = settings.given.get("time").filter(|time| is_no_limit("time", time)) {
        return Err(Contradiction::new(
            format!("`slurm.time` is `{time}`, and Slurm takes 0 for no limit"),
            "change it in the spec and `dlgrid submit` that: what is asked of Slurm makes no other sweep",
        ));
    }
    extra::check(settings)
}

fn wrong(kind: SlurmKind, name: &str, node: &Node) -> Mistake {
    let what = format!("`{name}`");
    let expected = kind.expected();
    let mistake = Mistake::new(
        node.span.clone(),
        format!("{what} must be {expected}, got {}", node.describe()),
        format!("expected {expected}"),
    );
    let hint = match (&node.kind, kind) {
        (Kind::Int(0), SlurmKind::Time) => Some(NO_LIMIT.into()),
        (Kind::Text(text), SlurmKind::Time) if duration::is_zero(text) => Some(NO_LIMIT.into()),
        (Kind::Int(n), SlurmKind::Time) => {
            Some(format!("Slurm would read {n} minutes: write `{n}m`, or `{n}h`"))
        }
        (Kind::Int(n), SlurmKind::Length) => Some(format!("write `{n}s`, or `{n}m`")),
        (Kind::Text(text), SlurmKind::Memory) => near_memory(text),
        (Kind::Float(_), SlurmKind::Memory) => Some("Slurm takes whole numbers only".into()),
        _ => None,
    };
    match hint {
        Some(hint) => mistake.hint(hint),
        None => mistake,
    }
}

/// What memory in another spelling means to Slurm: `16GB`, `16 GiB`, `1.5G`.
fn near_memory(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let digits = plain.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = plain[digits.len()..].to_ascii_uppercase();
    let letter = unit.chars().next().filter(|c| "KMGT".contains(*c));
    if !matches!(unit.get(1..), None | Some("" | "B" | "IB")) {
        return None;
    }
    let (unit, smaller) = match letter? {
        'K' => ("K", None),
        'M' => ("M", Some("K")),
        'G' => ("G", Some("M")),
        _ => ("T", Some("G")),
    };
    if digits.parse::<u64>().is_ok() {
        return Some(format!("did you mean `{digits}{unit}`? Slurm counts in units of 1024"));
    }
    let value: f64 = digits.parse().ok().filter(|v: &f64| v.is_finite() && *v > 0.0)?;
    Some(format!("Slurm takes whole numbers only: write `{:.0}{}`", value * 1024.0, smaller?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_slurm_reads_it() {
        for (text, mib) in [
            ("16G", Some(16_384)),
            ("2048M", Some(2048)),
            ("2048", Some(2048)),
            ("512K", Some(1)),
            ("1025k", Some(2)),
            ("1T", Some(1_048_576)),
            ("0", Some(0)),
            ("16GB", None),
            ("16 G", None),
            ("1.5G", None),
            ("G", None),
            ("", None),
            ("-1G", None),
            ("99999999999999999999G", None),
        ] {
            assert_eq!(memory_mib(text), mib, "{text}");
        }
    }

    #[test]
    fn what_a_spec_of_an_earlier_dlgrid_has_is_not_submitted() {
        for (key, value, told) in [
            ("time", "0s", Some("takes 0 for no limit")),
            ("time", "00:00:00", Some("takes 0 for no limit")),
            ("time", "1s", None),
            ("extra", "--mem=4G", Some("does not stand there")),
            ("extra", "--wckey=w", None),
        ] {
            let given = [(key.to_owned(), value.to_owned())].into();
            let said = check_asked(&SlurmSettings::of(given, BTreeSet::new())).err();
            let said = said.map(|wrong| format!("{wrong}: {}", wrong.hint));
            let is_right = match told {
                Some(told) => said.as_ref().is_some_and(|said| said.contains(told)),
                None => said.is_none(),
            };
            assert!(is_right, "{key}: {value}: {said:?}");
        }
    }

    #[test]
    fn gpus_are_asked_for_once() {
        let of = |pairs: &[(&str, &str)]| {
            let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
            SlurmSettings::of(pairs.iter().map(own).collect(), BTreeSet::new())
        };
        for (below, over, merged) in [
            (("gres", "gpu:a100:1"), ("gpus", "2"), &[("gpus", "2")][..]),
            (("gres", "gpu,lscratch:5"), ("gpus", "2"), &[("gpus", "2"), ("gres", "lscratch:5")]),
            (("gres", "gres/gpu=1"), ("gpus", "2"), &[("gpus", "2")]),
            (("gpus", "2"), ("gres", "gpu:1"), &[("gres", "gpu:1")]),
            (("gpus", "2"), ("gres", "gpumem:1"), &[("gpus", "2"), ("gres", "gpumem:1")]),
        ] {
            assert_eq!(of(&[below]).under(&of(&[over])), of(merged), "{below:?} {over:?}");
        }
    }

    #[test]
    fn what_lies_over_wins_and_null_deletes() {
        let of = |pairs: &[(&str, &str)], removed: &[&str]| {
            let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
            SlurmSettings::of(
                pairs.iter().map(own).collect(),
                removed.iter().map(|k| (*k).to_owned()).collect(),
            )
        };
        let below =
            of(&[("cpus", "4"), ("qos", "q"), ("canary", "true"), ("run_time", "20m")], &[]);
        assert_eq!((below.cpus, below.canary, below.run_seconds), (Some(4), true, Some(1200.0)));
        let over = of(&[("cpus", "2"), ("canary", "false")], &["qos", "gres"]);
        let merged = below.under(&over);
        assert_eq!(
            (merged.cpus, merged.canary, merged.run_seconds),
            (Some(2), false, Some(1200.0))
        );
        assert!(!merged.given.contains_key("qos"));
        assert!(merged.removed.contains("gres"));
        let again = merged.under(&of(&[("qos", "r")], &[]));
        assert_eq!(again.given["qos"], "r");
        assert!(!again.removed.contains("qos"));
    }
}
