//! Sites: what is true of a cluster for all sweeps. The type, and how it goes under a spec.
//!
//! [`read`] makes a site of YAML, [`find`] knows where profiles lie and which one counts,
//! [`detect`] words a profile for a cluster that was looked at.
use std::path::PathBuf;

use crate::spec::SlurmSettings;
use crate::spec::slurm::SEPARATOR;

pub mod detect;
pub mod find;
pub mod read;

/// A profile. The default is the site of nobody: it sets nothing and forbids nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Site {
    /// Its name: letters, digits, `.`, `_`, `-`; empty for the site of nobody.
    pub name: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// Slurm's `ClusterName` of the cluster that it is meant for.
    pub cluster: Option<String>,
    /// Settings of every job, under those of the spec.
    pub slurm: SlurmSettings,
    /// Settings of small helper jobs, over those of the sweep.
    pub light: SlurmSettings,
    /// Lines of bash that each job runs before its worker.
    pub setup: Vec<String>,
    /// Whether jobs start in a login shell.
    pub login_shell: bool,
    /// What the cluster allows.
    pub limits: Limits,
    /// The file that it stands in; nothing for one that is built in.
    pub origin: Option<PathBuf>,
}

/// What a cluster allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Tasks of one array at most.
    pub max_array_size: Option<usize>,
    /// Tasks of this user in the queue at most.
    pub max_submit_jobs: Option<u64>,
    /// Whether jobs may be submitted held.
    pub hold: bool,
    /// Whether jobs may be put back into the queue.
    pub requeue: bool,
    /// Whether jobs may submit jobs.
    pub jobs_may_submit: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_array_size: None,
            max_submit_jobs: None,
            hold: true,
            requeue: true,
            jobs_may_submit: true,
        }
    }
}

/// Settings of a sweep that a helper job does not share: it needs one core and no GPU.
const HEAVY: &[&str] = &[
    "constraint",
    "cpus",
    "exclude",
    "gpus",
    "gres",
    "licenses",
    "mail_type",
    "mail_user",
    "memory",
    "nodelist",
    "nodes",
    "ranks",
    "ranks_as",
    "ranks_per_node",
    "time",
];

/// Options in `extra` that a helper job does not share.
const HEAVY_EXTRA: &[&str] = &[
    "--constraint",
    "--cores-per",
    "--cpus-per",
    "--exclusive",
    "--gpu",
    "--gres",
    "--mail",
    "--mem",
    "--mincpus",
    "--ntasks-per",
    "--sockets-per",
    "--threads-per",
    "--tres",
];

/// The time of a helper job where its site does not say.
const LIGHT_TIME: &str = "15m";

impl Site {
    /// The settings of a sweep here: those of its spec over those of the site; what the spec
    /// sets to `null` is left out.
    #[must_use]
    pub fn settings(&self, spec: &SlurmSettings) -> SlurmSettings {
        self.slurm.under(spec)
    }

    /// The settings of a helper job of a sweep with these settings, which [`Self::settings`]
    /// gave.
    #[must_use]
    pub fn light_settings(&self, of: &SlurmSettings) -> SlurmSettings {
        let mut given = of.given.clone();
        given.retain(|key, _| !HEAVY.contains(&key.as_str()));
        if let Some(words) = given.remove("extra") {
            let light = |word: &&str| !HEAVY_EXTRA.iter().any(|start| word.starts_with(start));
            let kept: Vec<&str> = words.split(SEPARATOR).filter(light).collect();
            if !kept.is_empty() {
                given.insert("extra".into(), kept.join(&SEPARATOR.to_string()));
            }
        }
        given.insert("time".into(), LIGHT_TIME.into());
        SlurmSettings::of(given, of.removed.clone()).under(&self.light)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Site {
        read::read("here.yaml", "here", text.as_bytes(), None).expect("a profile")
    }

    fn spec(slurm: &str) -> SlurmSettings {
        let text = format!("command: [a]\nobjective: {{minimize: x}}\nslurm: {slurm}\n");
        crate::spec::read("x.yaml", text.as_bytes(), 10).expect("a spec").0.slurm
    }

    fn shown(settings: &SlurmSettings) -> String {
        let pairs: Vec<String> = settings.given.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join(" ").replace('\u{1f}', "|")
    }

    #[test]
    fn a_spec_goes_over_its_site() {
        let site = site(
            "slurm: {partition: gpu, account: lab, cpus: 4, runs_per_task: 3, run_time: 1m}\n",
        );
        for (over, told) in [
            ("{}", "account=lab cpus=4 partition=gpu run_time=1m runs_per_task=3"),
            ("{cpus: 8, account: null}", "cpus=8 partition=gpu run_time=1m runs_per_task=3"),
            (
                "{runs_per_task: auto, qos: x}",
                "account=lab cpus=4 partition=gpu qos=x run_time=1m runs_per_task=auto",
            ),
            ("{reservation: null}", "account=lab cpus=4 partition=gpu run_time=1m runs_per_task=3"),
        ] {
            assert_eq!(shown(&site.settings(&spec(over))), told, "{over}");
        }
        let merged = site.settings(&spec("{cpus: null, runs_per_task: auto, canary: true}"));
        assert_eq!((merged.cpus, merged.runs_per_task), (None, None));
        assert_eq!((merged.run_seconds, merged.canary), (Some(60.0), true));
        let nobody = Site::default();
        assert_eq!(nobody.settings(&spec("{cpus: 2, time: null}")).cpus, Some(2));
        assert!(nobody.limits.hold && nobody.limits.requeue && nobody.limits.jobs_may_submit);
    }

    #[test]
    fn helper_jobs_ask_for_little() {
        let of = "{partition: gpu, account: lab, gpus: 2, cpus: 8, memory: 64G, time: 2d, constraint: a100, exclude: n1, mail_type: END, extra: ['--gpus-per-task=1', '--wckey=w']}";
        for (profile, told) in [
            ("slurm: {qos: q}\n", "account=lab extra=--wckey=w partition=gpu qos=q time=15m"),
            (
                "slurm: {qos: q}\nlight: {partition: small, qos: null, memory: 500M}\n",
                "account=lab extra=--wckey=w memory=500M partition=small time=15m",
            ),
            ("light: {time: null, account: x}\n", "account=x extra=--wckey=w partition=gpu"),
            ("light: {time: 5m}\n", "account=lab extra=--wckey=w partition=gpu time=5m"),
        ] {
            let site = site(profile);
            let merged = site.settings(&spec(of));
            assert_eq!(shown(&site.light_settings(&merged)), told, "{profile}");
        }
    }
}
