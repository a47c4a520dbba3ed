//! What Slurm is asked before anything is submitted: it accepts much that can never run.
use std::path::Path;

use super::again::More;
use super::call::Slurm;
use super::error::SlurmError;
use super::nodes::Node;
use super::parse::{self, Partition};
use super::script::{slurm_time, time_seconds};
use super::site::Limits;
use crate::spec::SlurmSettings;
use crate::spec::mistake::nearest;
use crate::{file_system, host};

pub mod accounts;
pub mod fit;
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

/// Asks accounting, where it has a say, whether the account is one of the user's.
///
/// # Errors
/// If it is not.
pub fn check_account(
    slurm: &Slurm,
    cluster: &Cluster,
    settings: &SlurmSettings,
) -> Result<(), SlurmError> {
    let asks = cluster.accounting && cluster.enforces_accounts;
    if !asks || !settings.given.contains_key("account") {
        return Ok(());
    }
    slurm.associations().map_or(Ok(()), |all| accounts::check(&all, settings))
}

/// What Slurm says of a job of these words, which it does not submit; its word is the last.
/// While all nodes of a partition are away it calls every job impossible, and would still take
/// it and let it wait.
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
        Err(SlurmError::Refused { words, .. })
            if are_all_away(cluster, settings) && words.contains("node configuration") =>
        {
            Ok(words)
        }
        other => other,
    }
}

/// Whether no node that these settings lead to can start a job now.
fn are_all_away(cluster: &Cluster, settings: &SlurmSettings) -> bool {
    let Ok(wanted) = wanted(cluster, settings) else { return false };
    let nodes = cluster.nodes_of(&wanted);
    !nodes.is_empty() && nodes.iter().all(|node| node.is_away())
}

/// What need not go wrong, and is likely to, for a sweep below this folder.
#[must_use]
pub fn warnings(cluster: &Cluster, settings: &SlurmSettings, folder: &Path) -> Vec<String> {
    let Ok(wanted) = wanted(cluster, settings) else { return Vec::new() };
    let nodes = cluster.nodes_of(&wanted);
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let system = file_system::of(&absolute).ok();
    let folder = system.and_then(|system| warn::folder(&system, &nodes, &host::name()));
    warn::nodes(&nodes, &joined(&wanted)).into_iter().chain(folder).collect()
}

/// The partitions that jobs with these settings may go to.
fn wanted<'c>(
    cluster: &'c Cluster,
    settings: &SlurmSettings,
) -> Result<Vec<&'c Partition>, SlurmError> {
    let all = &cluster.partitions;
    let asked = settings.given.get("partition").map(String::as_str);
    let wanted: Vec<&Partition> = match asked {
        Some(names) => names.split(',').map(|name| find(all, name)).collect::<Result<_, _>>()?,
        None => all.iter().filter(|p| p.is_default).collect(),
    };
    if wanted.is_empty() {
        return Err(SlurmError::asked(
            "the cluster has no default partition",
            format!("set `slurm.partition` to one of: {}", names(all)),
        ));
    }
    Ok(wanted)
}

/// The most that a task with these settings may have, where partitions and nodes tell.
#[must_use]
pub fn most(cluster: &Cluster, settings: &SlurmSettings) -> More {
    let Ok(wanted) = wanted(cluster, settings) else { return More::default() };
    let seconds = wanted.iter().map(|p| p.max_seconds.unwrap_or(u64::MAX)).max();
    let nodes = cluster.nodes_of(&wanted);
    More {
        memory_mib: nodes.iter().map(|node| node.memory).max(),
        seconds: seconds.filter(|most| *most < u64::MAX),
    }
}

fn joined(partitions: &[&Partition]) -> String {
    partitions.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(",")
}

/// The partitions that are asked for are there, are up, allow the time, and have a node that is
/// large enough.
///
/// # Errors
/// All that is not so; without the partition nothing else can be told.
pub fn check(cluster: &Cluster, settings: &SlurmSettings) -> Result<(), SlurmError> {
    let wanted = wanted(cluster, settings)?;
    let partitions = check_partitions(&wanted, &cluster.partitions, settings).err();
    let nodes = fit::faults(&cluster.nodes_of(&wanted), &joined(&wanted), settings);
    SlurmError::all(partitions.into_iter().chain(nodes).collect())
}

fn check_partitions(
    wanted: &[&Partition],
    all: &[Partition],
    settings: &SlurmSettings,
) -> Result<(), SlurmError> {
    if let Some(down) = wanted.iter().find(|_| wanted.iter().all(|p| p.state != "UP")) {
        return Err(SlurmError::asked(
            format!("the partition `{}` is {}", down.name, down.state),
            format!("take another of: {}; `sinfo -s` shows what they are", names(all)),
        ));
    }
    let Some(seconds) = time_seconds(settings) else { return Ok(()) };
    let allows = |p: &&Partition| p.max_seconds.is_none_or(|most| seconds <= most);
    if wanted.iter().any(allows) {
        return Ok(());
    }
    let most = wanted.iter().filter_map(|p| p.max_seconds).max().unwrap_or(0);
    Err(SlurmError::asked(
        format!(
            "`slurm.time` is {}, and the partition `{}` allows {}",
            slurm_time(seconds),
            wanted[0].name,
            slurm_time(most)
        ),
        "lower it: a task that reaches its limit saves, and goes on in another",
    ))
}

fn find<'p>(all: &'p [Partition], name: &str) -> Result<&'p Partition, SlurmError> {
    all.iter().find(|p| p.name == name).ok_or_else(|| {
        let near = nearest(name, all.iter().map(|p| p.name.as_str()));
        let hint = near.map_or_else(
            || format!("there are: {}", names(all)),
            |near| format!("did you mean `{near}`? there are: {}", names(all)),
        );
        SlurmError::asked(format!("the cluster has no partition `{name}`"), hint)
    })
}

fn names(all: &[Partition]) -> String {
    all.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        let partitions = parse::partitions(
            "PartitionName=gpu Default=YES MaxTime=1-00:00:00 State=UP\nPartitionName=long Default=NO MaxTime=UNLIMITED State=UP\nPartitionName=old Default=NO MaxTime=UNLIMITED State=DOWN\n",
        );
        Cluster { array: 11, partitions, ..Cluster::default() }
    }

    fn fact(partition: Option<&str>, time: Option<&str>) -> Option<(String, String)> {
        let mut settings = SlurmSettings::default();
        for (key, value) in [("partition", partition), ("time", time)] {
            settings.given.extend(value.map(|v| (key.to_owned(), v.to_owned())));
        }
        let error = check(&cluster(), &settings).err()?;
        Some((error.to_string(), error.hint().unwrap_or_default()))
    }

    #[test]
    fn time_and_size_are_told_at_once() {
        let mut of = cluster();
        of.nodes = super::super::nodes::nodes(super::super::nodes::tests::NODES);
        let given = [("partition", "gpu"), ("time", "25h"), ("memory", "600G")];
        let mut settings = SlurmSettings::default();
        settings.given.extend(given.map(|(k, v)| (k.to_owned(), v.to_owned())));
        let error = check(&of, &settings).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(
            error,
            "`slurm.time` is 1-01:00:00, and the partition `gpu` allows 1-00:00:00; \
             `slurm.memory` is `600G`, and no node of partition `gpu` has it"
        );
    }

    #[test]
    fn partitions_and_times_are_checked() {
        assert_eq!(fact(None, Some("1d")), None);
        assert_eq!(fact(Some("gpu,long"), Some("2d")), None);
        assert_eq!(fact(Some("gpu,old"), None), None, "one of them is up");
        let (fact_, hint) = fact(Some("gpuu"), None).expect("refused");
        assert_eq!(fact_, "the cluster has no partition `gpuu`");
        assert_eq!(hint, "did you mean `gpu`? there are: gpu, long, old");
        assert_eq!(fact(Some("old"), None).expect("refused").0, "the partition `old` is DOWN");
        let told = fact(None, Some("25h")).expect("refused").0;
        assert_eq!(told, "`slurm.time` is 1-01:00:00, and the partition `gpu` allows 1-00:00:00");
    }

    #[test]
    fn the_smaller_limit_on_arrays_counts() {
        for (config, size) in [
            ("MaxArraySize = 11\n", 11),
            ("MaxArraySize = 5000\nSchedulerParameters = bf_x,max_array_tasks=100\n", 100),
            ("", USUAL_ARRAY),
        ] {
            assert_eq!(array_size(config), size);
        }
    }

    #[test]
    fn a_configuration_is_read() {
        let text = "AccountingStorageEnforce = associations,limits,qos,safe\nAccountingStorageType   = accounting_storage/slurmdbd\nClusterName             = hpc\nJobRequeue              = 0\nMaxArraySize            = 1001\nMinJobAge               = 60 sec\nSLURM_VERSION           = 22.05.8\n";
        let cluster = configured(text);
        assert_eq!(
            (cluster.name.as_deref(), cluster.version.as_deref()),
            (Some("hpc"), Some("22.05.8"))
        );
        assert_eq!((cluster.array, cluster.remembers), (1001, 60));
        assert!(!cluster.requeue && cluster.accounting && cluster.enforces_accounts);
        let silent =
            configured("AccountingStorageType = (null)\nAccountingStorageEnforce = none\n");
        assert!(silent.requeue && !silent.accounting && !silent.enforces_accounts);
        assert_eq!((silent.name, silent.remembers), (None, 300));
        let limits = Limits { max_array_size: Some(50), ..Limits::default() };
        assert_eq!(cluster.clone().within(&limits).array, 50);
        assert_eq!(cluster.within(&Limits::default()).array, 1001);
    }

    #[test]
    fn the_nodes_of_the_partition_count() {
        let mut cluster = cluster();
        cluster.nodes = super::super::nodes::nodes(
            "n1|n1|gpu|8|32000|idle|(null)|\nn2|n2|long|64|32000|idle|(null)|\n",
        );
        let cpus = |partition: Option<&str>| {
            let mut given: std::collections::BTreeMap<String, String> =
                [("cpus".into(), "64".into())].into();
            given.extend(partition.map(|p| ("partition".to_owned(), p.to_owned())));
            check(&cluster, &SlurmSettings::of(given, Default::default())).is_ok()
        };
        assert!(!cpus(None) && cpus(Some("long")) && cpus(Some("gpu,long")));
    }
}
