//! What can go wrong between dlgrid and Slurm, as typed facts with a way out.
use crate::spec::Contradiction;
use crate::store::StoreError;

/// Something could not be done with Slurm.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// A program of Slurm's can't be started.
    #[error("cannot start `{program}`")]
    Absent {
        /// The program.
        program: &'static str,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// Slurm could not be reached, or did not answer, however often it was asked.
    #[error("Slurm does not answer: `{program}` says: {words}")]
    Unreachable {
        /// The program.
        program: &'static str,
        /// Its own words.
        words: String,
    },
    /// Slurm said no.
    #[error("Slurm refuses: `{program}` says: {words}")]
    Refused {
        /// The program.
        program: &'static str,
        /// Its own words.
        words: String,
    },
    /// Slurm's answer is in no form that dlgrid knows.
    #[error("the answer of `{program}` cannot be understood: {text}")]
    Unread {
        /// The program.
        program: &'static str,
        /// What it wrote.
        text: String,
    },
    /// The spec asks for what can't be had.
    #[error("{fact}")]
    Asked {
        /// What is wrong.
        fact: String,
        /// The way out.
        hint: String,
    },
    /// The sweep directory can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Contradiction> for SlurmError {
    fn from(Contradiction { fact, hint }: Contradiction) -> Self {
        Self::asked(fact, hint)
    }
}

impl SlurmError {
    pub(super) fn asked(fact: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Asked { fact: fact.into(), hint: hint.into() }
    }

    /// Several faults as one error, each with its way out.
    pub(super) fn all(faults: Vec<Self>) -> Result<(), Self> {
        if faults.len() < 2 {
            return faults.into_iter().next().map_or(Ok(()), Err);
        }
        let joined = |words: Vec<String>| words.join("; ");
        let facts = joined(faults.iter().map(ToString::to_string).collect());
        Err(Self::asked(facts, joined(faults.iter().filter_map(Self::hint).collect())))
    }

    /// The way out, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Absent { .. } => {
                "run this on a login node; `--local` runs the sweep on this machine".into()
            }
            Self::Unreachable { .. } => "nothing is lost: the same command goes on when Slurm \
                is back (`scontrol ping` asks); `--local` runs the sweep on this machine"
                .into(),
            Self::Refused { words, .. } => hint_of(words)?.into(),
            Self::Unread { .. } => "nothing is lost: the same command asks the queue and goes on; \
                look at what stands before Slurm's program on PATH if it stays so"
                .into(),
            Self::Asked { hint, .. } => hint.clone(),
            Self::Store(error) => return error.hint(),
        })
    }
}

/// Whether Slurm refuses because the user, account or quality of service may have no more jobs. One
/// sentence stands for that and for a job that is too large or too long; what goes before it names
/// the limit (`QOSMaxSubmitJobPerUserLimit`, `QOSMaxWallDurationPerJobLimit`), where anything does.
#[must_use]
pub fn is_limit(words: &str) -> bool {
    const SIGNS: &[&str] = &["maxsubmit", "job submit limit", POLICY];
    let words = words.to_lowercase();
    if let Some(limit) = limit_named(&words) {
        return limit.contains("submit");
    }
    SIGNS.iter().any(|sign| words.contains(sign))
}

const POLICY: &str = "violates accounting/qos policy";

/// The limit that Slurm names in these words, in lower case.
fn limit_named(words: &str) -> Option<&str> {
    let is_limit = |word: &&str| {
        word.ends_with("limit") && ["qos", "assoc"].iter().any(|kind| word.starts_with(kind))
            || ["qosmax", "qosmin", "qosgrp", "assocmax", "assocgrp"]
                .iter()
                .any(|kind| word.starts_with(kind))
    };
    words.split(|c: char| !c.is_ascii_alphanumeric()).find(is_limit)
}

/// What mends what Slurm complains of.
fn hint_of(words: &str) -> Option<&'static str> {
    const HINTS: &[(&str, &str)] = &[
        (
            POLICY,
            "ask for less: lower `slurm.time`, `gpus`, `cpus` or `memory`; \
             `sacctmgr show qos` and `sacctmgr show assoc user=$USER` list what is allowed",
        ),
        (
            "could not establish a configuration source",
            "there is no cluster behind Slurm's programs here: `--local` runs the sweep on this \
             machine; or run this on a login node",
        ),
        ("time limit specification required", "set `slurm.time`: the cluster has no default"),
        ("time limit", "lower `slurm.time`; `sinfo -s` shows the limits"),
        (
            "gres option unsupported",
            "write `slurm.gres: gpu:1` and not `gpus: 1`: this Slurm chooses no single GPUs",
        ),
        ("(gres) specification", "`sinfo -o '%P %G'` lists what `slurm.gpus` and `gres` may name"),
        (
            "memory required by task",
            "no node has so much: lower `slurm.memory`; `sinfo -o '%P %m'` lists what nodes have",
        ),
        ("invalid node name", "`sinfo -N` lists what `slurm.nodelist` and `exclude` may name"),
        (
            "mutually exclusive",
            "leave one of them out: `slurm.memory`, or `--mem-per-cpu` in `slurm.extra`; a site \
             or the administrator may set one",
        ),
        (
            "partition configuration",
            "the partition is down or allows less: `scontrol show partition` tells its limits",
        ),
        ("account", "set `slurm.account`; `sacctmgr -n show assoc user=$USER` lists yours"),
        ("partition", "set `slurm.partition`; `sinfo -s` lists them"),
        ("qos", "set `slurm.qos`, or wait: a limit may be reached; submit again tops up"),
        ("limit", "a limit of your account is reached: submit again later tops up"),
        (
            "node configuration",
            "no node that is up has so much: lower `slurm.cpus`, `memory` or `gpus`, or see `sinfo -Nl`",
        ),
        ("reservation", "`scontrol show reservation` lists them"),
        ("feature", "`sinfo -o '%N %f'` lists what `slurm.constraint` may name"),
        ("option", "see `man sbatch` for what `slurm.extra` may hold"),
    ];
    if is_limit(words) {
        return Some("a limit of your account is reached: submit again later tops up");
    }
    let words = words.to_lowercase();
    HINTS.iter().find(|(part, _)| words.contains(part)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_is_too_large_is_told_from_a_full_queue() {
        let end =
            "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)";
        for (first, is_full) in [
            ("error: AssocMaxSubmitJobLimit; ", true),
            ("error: QOSMaxSubmitJobPerUserLimit; ", true),
            ("error: QOSGrpSubmitJobsLimit; ", true),
            ("error: QOSMaxWallDurationPerJobLimit; ", false),
            ("error: QOSMaxGRESPerUser; ", false),
            ("error: QOSMinGRES; ", false),
            ("error: AssocMaxWallDurationPerJobLimit; ", false),
            ("", true),
        ] {
            let words = format!("sbatch: {first}sbatch: error: Batch job submission failed: {end}");
            assert_eq!(is_limit(&words), is_full, "{words}");
            let hint = hint_of(&words).expect("a hint");
            assert_eq!(hint.contains("submit again"), is_full, "{words}: {hint}");
            assert_eq!(hint.contains("`slurm.time`"), !is_full, "{words}: {hint}");
        }
        let limit = "Requested time limit is invalid (missing or exceeds some limit)";
        assert!(hint_of(limit).is_some_and(|hint| hint.contains("`slurm.time`")));
    }

    #[test]
    fn what_slurm_complains_of_has_a_way_out_of_its_own() {
        for (words, part) in [
            ("Requested time limit is invalid (missing or exceeds some limit)", "lower"),
            ("Time limit specification required, but not provided", "set `slurm.time`"),
            (
                "Requested GRES option unsupported by configured SelectType plugin",
                "`slurm.gres: gpu:1`",
            ),
            ("Invalid generic resource (gres) specification", "sinfo -o '%P %G'"),
            ("Memory required by task is not available", "lower `slurm.memory`"),
            ("Invalid node name specified", "`slurm.nodelist`"),
            (
                "--mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive",
                "`--mem-per-cpu` in `slurm.extra`",
            ),
            ("scontrol: fatal: Could not establish a configuration source", "`--local`"),
            ("Requested partition configuration not available now", "scontrol show partition"),
            ("unrecognized option '--nonsense'", "slurm.extra"),
        ] {
            let hint = hint_of(words).expect("a hint");
            assert!(hint.contains(part), "{words}: {hint}");
        }
    }
}
