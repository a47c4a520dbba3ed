//! What Slurm is asked before anything is submitted: it accepts much that can never run.
use std::path::Path;

use super::again::More;
use super::call::Slurm;
use super::error::{SlurmError, is_limit};
use super::nodes::Node;
use super::parse::{self, Partition};
use super::site::Limits;
use crate::spec::SlurmSettings;
use crate::{file_system, host};

use accounts::Association;
use partitions::{By, Wanted};

pub mod accounts;
mod chosen;
pub mod fit;
pub mod partitions;
pub mod warn;

/// What a cluster is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Slurm's `ClusterName`.
    pub name: Option<String>,
    /// Slurm's version, such as `22.05.8`.
    pub version: Option<String>,
    /// Tasks that one array may have: Slurm's limit is on their numbers, from 0.
    pub array: usize,
    /// Its partitions.
    pub partitions: Vec<Partition>,
    /// Its nodes, once for each of their partitions; none where they are not told.
    pub nodes: Vec<Node>,
    /// Whether jobs are put back into the queue unless they say otherwise (`JobRequeue`).
    pub requeue: bool,
    /// Whether there is accounting.
    pub accounting: bool,
    /// Whether accounting refuses accounts that a user does not have.
    pub enforces_accounts: bool,
    /// Whether accounting keeps users and accounts within limits.
    pub enforces_limits: bool,
    /// What accounting allows this user; nothing where it does not tell, or was not asked.
    pub own: Vec<Association>,
    /// Seconds for which Slurm remembers jobs that ended.
    pub remembers: u64,
}

/// Slurm's own limit where its configuration does not say.
pub const USUAL_ARRAY: usize = 1001;

/// Asks what the cluster is like.
///
/// # Errors
/// If Slurm does not answer.
pub fn cluster(slurm: &Slurm) -> Result<Cluster, SlurmError> {
    let config = slurm.config()?;
    let partitions = slurm.partitions()?;
    let nodes = match slurm.nodes() {
        Err(error @ SlurmError::Unreachable { .. }) => return Err(error),
        other => other.unwrap_or_default(),
    };
    Ok(Cluster { partitions, nodes, ..configured(&config) })
}

/// What stands in `scontrol show config`.
pub(super) fn configured(config: &str) -> Cluster {
    let text = |key| parse::setting(config, key).map(str::to_owned);
    // `60 sec`.
    let number = |key| parse::setting(config, key)?.split_whitespace().next()?.parse().ok();
    let storage = parse::setting(config, "AccountingStorageType").unwrap_or_default();
    let enforced = parse::setting(config, "AccountingStorageEnforce").unwrap_or_default();
    Cluster {
        name: text("ClusterName"),
        version: text("SLURM_VERSION"),
        array: array_size(config),
        requeue: number("JobRequeue") != Some(0),
        accounting: storage.contains("slurmdbd"),
        enforces_accounts: enforced.contains("associations"),
        enforces_limits: ["limits", "safe"].iter().any(|word| enforced.contains(word)),
        remembers: number("MinJobAge").unwrap_or(300),
        ..Cluster::default()
    }
}

impl Cluster {
    /// The same within what a site allows.
    #[must_use]
    pub fn within(mut self, limits: &Limits) -> Self {
        self.array = self.array.min(limits.max_array_size.unwrap_or(usize::MAX)).max(1);
        self
    }

    /// The nodes of these partitions.
    #[must_use]
    pub fn nodes_of(&self, partitions: &[&Partition]) -> Vec<&Node> {
        let is_there = |node: &&Node| partitions.iter().any(|p| p.name == node.partition);
        self.nodes.iter().filter(is_there).collect()
    }
}

/// `MaxArraySize`, or less where the scheduler allows fewer tasks.
fn array_size(config: &str) -> usize {
    let number = |text: &str| text.parse::<usize>().ok();
    let size = parse::setting(config, "MaxArraySize").and_then(number).unwrap_or(USUAL_ARRAY);
    let parameters = parse::setting(config, "SchedulerParameters").unwrap_or_default();
    let tasks =
        parameters.split(',').find_map(|p| number(p.trim().strip_prefix("max_array_tasks=")?));
    size.min(tasks.unwrap_or(usize::MAX)).max(1)
}

/// What accounting allows this user, asked where it has a say; nothing where it does not tell.
#[must_use]
pub fn own(slurm: &Slurm, cluster: &Cluster) -> Vec<Association> {
    let asks = cluster.accounting && (cluster.enforces_accounts || cluster.enforces_limits);
    asks.then(|| slurm.associations()).flatten().unwrap_or_default()
}

/// What stands against jobs with some settings.
#[derive(Debug, Default)]
struct Judged {
    /// Slurm would never run them.
    certain: Vec<SlurmError>,
    /// It may: the site may send them elsewhere, or a quality of service allow more.
    doubtful: Vec<SlurmError>,
}

/// What some partitions lack for jobs with some settings.
struct Lacks {
    /// They take no jobs.
    shut: Option<SlurmError>,
    /// None of them allows the time.
    time: Option<SlurmError>,
    /// No node of theirs has what is asked for.
    nodes: Vec<SlurmError>,
}

impl Lacks {
    fn of(cluster: &Cluster, partitions: &[&Partition], settings: &SlurmSettings) -> Self {
        Self {
            shut: partitions::shut(partitions, &cluster.partitions),
            time: partitions::too_long(partitions, settings),
            nodes: fit::faults(&cluster.nodes_of(partitions), &joined(partitions), settings),
        }
    }

    const fn nothing(&self) -> bool {
        self.shut.is_none() && self.time.is_none() && self.nodes.is_empty()
    }
}

fn judge(cluster: &Cluster, settings: &SlurmSettings) -> Result<Judged, SlurmError> {
    let wanted = Wanted::of(cluster, settings)?;
    let lacks = Lacks::of(cluster, &wanted.all, settings);
    let mut judged = Judged::default();
    let time_is_certain = time_is_certain(cluster, settings);
    judged.certain.extend(lacks.shut);
    if time_is_certain { &mut judged.certain } else { &mut judged.doubtful }.extend(lacks.time);
    judged.certain.extend(lacks.nodes);
    if wanted.by == By::Default {
        let lacks = Lacks::of(cluster, &cluster.partitions.iter().collect::<Vec<_>>(), settings);
        let lacks = if time_is_certain { lacks } else { Lacks { time: None, ..lacks } };
        if lacks.nothing() {
            judged.doubtful.append(&mut judged.certain);
        }
    }
    Ok(judged)
}

/// Whether the time limit of a partition holds for sure: a quality of service with the flag
/// `PartitionTimeLimit` goes beyond it, and one that no setting names may be the user's default.
fn time_is_certain(cluster: &Cluster, settings: &SlurmSettings) -> bool {
    let has_no_other = !cluster.own.is_empty() && accounts::has_only_the_usual_qos(&cluster.own);
    !settings.given.contains_key("qos") && (!cluster.accounting || has_no_other)
}

/// Where jobs go for sure, the partitions are there, take them, allow the time, and have a node that is
/// large enough; the account is one of the user's, where accounting refuses others.
///
/// # Errors
/// All that is not so; without the partition nothing else can be told.
pub fn check(cluster: &Cluster, settings: &SlurmSettings) -> Result<(), SlurmError> {
    SlurmError::all(judge(cluster, settings)?.certain)?;
    if cluster.enforces_accounts { accounts::check(&cluster.own, settings) } else { Ok(()) }
}

/// What need not go wrong, and is likely to, for a sweep below this folder.
#[must_use]
pub fn warnings(cluster: &Cluster, settings: &SlurmSettings, folder: &Path) -> Vec<String> {
    let Ok(wanted) = Wanted::of(cluster, settings) else { return Vec::new() };
    let nodes = cluster.nodes_of(&wanted.all);
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let system = file_system::of(&absolute).ok();
    let folder = system.and_then(|system| warn::folder(&system, &nodes, &host::name()));
    doubts(cluster, &wanted, settings).into_iter().chain(folder).collect()
}

/// What speaks against jobs with these settings, and may be wrong or pass.
fn doubts(cluster: &Cluster, wanted: &Wanted<'_>, settings: &SlurmSettings) -> Vec<String> {
    let doubtful = judge(cluster, settings).unwrap_or_default().doubtful;
    let told = |doubt: &SlurmError| format!("{doubt}; {}", doubt.hint().unwrap_or_default());
    let mut all: Vec<String> = doubtful.iter().map(told).collect();
    all.extend(
        (wanted.by == By::Nothing).then(|| partitions::without_default(&cluster.partitions)),
    );
    let names = joined(&wanted.all);
    all.extend(
        wanted
            .is_down()
            .then(|| format!("the partition `{names}` is DOWN: tasks wait until it is up again")),
    );
    let nodes = cluster.nodes_of(&wanted.all);
    all.extend(warn::nodes(&nodes, &names).or_else(|| fit::away(&nodes, &names, settings)));
    if cluster.enforces_limits {
        all.extend(accounts::too_long(&cluster.own, settings));
    }
    all
}

/// What Slurm says of a job of these words, which it does not submit; its word is the last.
/// While all nodes that such a job could have are away, or its partition is down, it calls the job
/// impossible, and would still take it and let it wait.
///
/// # Errors
/// If it would not take it.
pub fn try_out(
    slurm: &Slurm,
    cluster: &Cluster,
    settings: &SlurmSettings,
    words: &[String],
) -> Result<String, SlurmError> {
    match slurm.would_take(words) {
        Err(SlurmError::Refused { words, .. }) if may_wait(cluster, settings, &words) => Ok(words),
        other => other,
    }
}

/// Whether Slurm refuses in these words only for what will be there again.
fn may_wait(cluster: &Cluster, settings: &SlurmSettings, words: &str) -> bool {
    let Ok(wanted) = Wanted::of(cluster, settings) else { return false };
    let nodes = cluster.nodes_of(&wanted.all);
    let of_nodes = words.contains("node configuration") && fit::may_be_away(&nodes, settings);
    // It looks at partitions first.
    let of_both = ["node configuration", "partition configuration"];
    of_nodes || wanted.is_down() && of_both.iter().any(|part| words.contains(part))
}

/// As [`try_out`] of the small jobs that help a sweep along, which have these settings: without GPUs, they
/// may not go where the sweep does. That a limit is reached for now says nothing of them.
///
/// # Errors
/// If Slurm would not take them.
pub fn try_light(
    slurm: &Slurm,
    cluster: &Cluster,
    settings: &SlurmSettings,
    words: &[String],
) -> Result<(), SlurmError> {
    of_light(try_out(slurm, cluster, settings, words))
}

/// What Slurm's answer means for such a job.
fn of_light(answer: Result<String, SlurmError>) -> Result<(), SlurmError> {
    match answer {
        Err(SlurmError::Refused { words, .. }) if !is_limit(&words) => Err(SlurmError::asked(
            format!(
                "Slurm would not take the small job, without a GPU, that concludes the sweep: \
                 sbatch says: {words}"
            ),
            LIGHT,
        )),
        Err(SlurmError::Refused { .. }) | Ok(_) => Ok(()),
        Err(other) => Err(other),
    }
}

/// Where small jobs go, for who must say so.
pub(super) const LIGHT: &str = "say where such jobs go in the site's profile: `light: {partition: cpu, qos: null}` \
     (`dlgrid site show example`)";

/// The most that a task with these settings may have, where partitions, nodes and accounting tell.
#[must_use]
pub fn most(cluster: &Cluster, settings: &SlurmSettings) -> More {
    let Ok(wanted) = Wanted::of(cluster, settings) else { return More::default() };
    // Where the default does not take them, the site sends them elsewhere.
    let is_sent = wanted.by == By::Default && !Lacks::of(cluster, &wanted.all, settings).nothing();
    let all = if is_sent { cluster.partitions.iter().collect() } else { wanted.all };
    let longest = all.iter().map(|p| p.max_seconds.unwrap_or(u64::MAX)).max();
    // Tasks with a time beyond it run by a quality of service that goes beyond it.
    let longest = longest.filter(|_| partitions::too_long(&all, settings).is_none());
    // A quality of service may allow more than the account.
    let asks = cluster.enforces_limits && !settings.given.contains_key("qos");
    let own = asks.then(|| accounts::most_seconds(&cluster.own, settings)).flatten();
    More {
        memory_mib: fit::most_memory(&cluster.nodes_of(&all), settings),
        seconds: longest.into_iter().chain(own).min().filter(|most| *most < u64::MAX),
    }
}

fn joined(partitions: &[&Partition]) -> String {
    partitions.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
