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

fn judge(cluster: &Cluster, settings: &SlurmSettings) -> Result<Judged, SlurmError> {
    let wanted = Wanted::of(cluster, settings)?;
    let faults = |of: &[&Partition]| {
        let shut = partitions::shut(of, &cluster.partitions);
        let nodes = fit::faults(&cluster.nodes_of(of), &joined(of), settings);
        (shut, partitions::too_long(of, settings), nodes)
    };
    let (shut, too_long, nodes) = faults(&wanted.all);
    let mut judged = Judged::default();
    // One with the flag `PartitionTimeLimit` goes beyond the partition's.
    let time_is_certain = !settings.given.contains_key("qos");
    judged.certain.extend(shut);
    if time_is_certain { &mut judged.certain } else { &mut judged.doubtful }.extend(too_long);
    judged.certain.extend(nodes);
    if wanted.by == By::Default {
        let (shut, too_long, nodes) = faults(&cluster.partitions.iter().collect::<Vec<_>>());
        if shut.is_none() && nodes.is_empty() && (too_long.is_none() || !time_is_certain) {
            judged.doubtful.append(&mut judged.certain);
        }
    }
    Ok(judged)
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
    let of_nodes = words.contains("node configuration") && fit::is_away(&nodes, settings);
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
    let longest = wanted.all.iter().map(|p| p.max_seconds.unwrap_or(u64::MAX)).max();
    // A quality of service may allow more than the account.
    let asks = cluster.enforces_limits && !settings.given.contains_key("qos");
    let own = asks.then(|| accounts::most_seconds(&cluster.own, settings)).flatten();
    More {
        memory_mib: fit::most_memory(&cluster.nodes_of(&wanted.all), settings),
        seconds: longest.into_iter().chain(own).min().filter(|most| *most < u64::MAX),
    }
}

fn joined(partitions: &[&Partition]) -> String {
    partitions.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        let partitions = parse::partitions(
            "PartitionName=gpu Default=YES MaxTime=1-00:00:00 State=UP\nPartitionName=long Default=NO MaxTime=UNLIMITED State=UP\nPartitionName=old Default=NO MaxTime=UNLIMITED State=DOWN\nPartitionName=shut Default=NO MaxTime=UNLIMITED State=DRAIN\n",
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
        assert_eq!(hint, "did you mean `gpu`? there are: gpu, long, old, shut");
        assert_eq!(fact(Some("old"), None), None, "it takes jobs, and lets them wait");
        assert_eq!(fact(Some("shut"), None).expect("refused").0, "the partition `shut` is DRAIN");
        let told = fact(Some("gpu"), Some("25h")).expect("refused").0;
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
        assert!(cluster.enforces_limits);
        let silent =
            configured("AccountingStorageType = (null)\nAccountingStorageEnforce = none\n");
        assert!(
            silent.requeue
                && !silent.accounting
                && !silent.enforces_accounts
                && !silent.enforces_limits
        );
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
        assert!(!cpus(Some("gpu")) && cpus(Some("long")) && cpus(Some("gpu,long")));
        assert!(cpus(None), "the site may send them to `long`");
    }

    fn settings(pairs: &[(&str, &str)]) -> SlurmSettings {
        let given = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        SlurmSettings::of(given, Default::default())
    }

    /// What is refused, and what is doubted, of jobs with these settings.
    fn judged(cluster: &Cluster, pairs: &[(&str, &str)]) -> (Option<String>, String) {
        let settings = settings(pairs);
        let wanted = Wanted::of(cluster, &settings).expect("they are there");
        let refused = check(cluster, &settings).err().map(|error| error.to_string());
        (refused, doubts(cluster, &wanted, &settings).join("; "))
    }

    const NODES: &str = "\
c1|c1|gpu|8|64000|idle|(null)|
g1|g1|long|8|128000|idle|gpu:a100:2|
g2|g2|long|8|512000|idle|gpu:a100:8|
f1|f1|long|64|3000000|idle|(null)|
";

    fn with_nodes() -> Cluster {
        Cluster { nodes: super::super::nodes::nodes(NODES), ..cluster() }
    }

    #[test]
    fn what_a_site_may_send_elsewhere_is_doubted_and_not_refused() {
        let mut of = with_nodes();
        for (pairs, refused, doubted) in [
            (&[][..], false, ""),
            (&[("gpus", "1")], false, "no node of partition `gpu` has a GPU; `sinfo"),
            (&[("gpus", "1"), ("partition", "gpu")], true, ""),
            (&[("gpus", "16")], true, ""),
            (&[("time", "2d")], false, "the partition `gpu` allows 1-00:00:00; lower it"),
            (&[("time", "2d"), ("partition", "gpu")], true, ""),
            (&[("time", "2d"), ("partition", "gpu"), ("qos", "long")], false, "`gpu` allows 1-00"),
            (&[("partition", "old")], false, "`old` is DOWN: tasks wait until it is up again"),
            (&[("partition", "shut")], true, ""),
        ] {
            let (fact, doubts) = judged(&of, pairs);
            assert_eq!(fact.is_some(), refused, "{pairs:?}: {fact:?}");
            assert!(
                doubts.contains(doubted) && doubts.is_empty() == doubted.is_empty(),
                "{doubts}"
            );
        }
        of.partitions.iter_mut().for_each(|p| p.is_default = false);
        let (fact, doubts) = judged(&of, &[("gpus", "1"), ("time", "2d")]);
        assert!(
            fact.is_none() && doubts.contains("no default partition: set"),
            "{fact:?} {doubts}"
        );
        assert!(judged(&of, &[("gpus", "16")]).0.is_some(), "nobody has so many");
    }

    #[test]
    fn what_will_be_there_again_is_waited_for() {
        const NODE: &str = "allocation failure: Requested node configuration is not available";
        const PARTITION: &str =
            "allocation failure: Requested partition configuration not available now";
        let mut of = with_nodes();
        let waits = |of: &Cluster, pairs: &[_], words| may_wait(of, &settings(pairs), words);
        let eight = [("partition", "long"), ("gpus", "8")];
        assert!(!waits(&of, &eight, NODE), "Slurm has a reason of its own");
        assert!(waits(&of, &[("partition", "old")], PARTITION));
        assert!(!waits(&of, &[("partition", "gpu")], PARTITION));
        of.nodes[2].state = "drained".into();
        assert!(waits(&of, &eight, NODE) && !waits(&of, &eight, "Invalid account"));
        assert!(!waits(&of, &[("partition", "long"), ("gpus", "2")], NODE));
        let (fact, doubts) = judged(&of, &eight);
        assert_eq!(fact, None);
        assert_eq!(
            doubts,
            "all nodes of partition `long` that have what a task asks for are down or drained \
             (`g2` is drained): tasks wait until one is back"
        );
    }

    #[test]
    fn a_small_job_that_slurm_refuses_is_told_with_a_way_out_of_its_own() {
        const POLICY: &str = "Job violates accounting/QOS policy";
        for (first, refused) in
            [("error: QOSMinGRES; ", true), ("error: AssocMaxSubmitJobLimit; ", false)]
        {
            let words = format!("{first}{POLICY}");
            let error = of_light(Err(SlurmError::Refused { program: "sbatch", words })).err();
            assert_eq!(error.is_some(), refused, "{first}");
            let hint = error.and_then(|error| error.hint());
            assert!(hint.is_none_or(|hint| hint.contains("`light: {partition: cpu, qos: null}`")));
        }
        assert!(of_light(Ok("to start at …".into())).is_ok());
    }

    #[test]
    fn a_task_may_have_no_more_than_a_node_for_it_has() {
        let mut of = with_nodes();
        let memory = |of: &Cluster, pairs: &[_]| most(of, &settings(pairs)).memory_mib;
        let long = |more| [("partition", "long"), more];
        assert_eq!(memory(&of, &long(("gpus", "1"))), Some(512_000));
        assert_eq!(memory(&of, &long(("cpus", "16"))), Some(3_000_000));
        of.nodes[2].state = "down".into();
        assert_eq!(memory(&of, &long(("gpus", "1"))), Some(128_000));
        assert_eq!(memory(&of, &long(("gpus", "8"))), Some(512_000), "it comes back");
        let seconds = |of: &Cluster, pairs: &[_]| most(of, &settings(pairs)).seconds;
        of.own = accounts::associations("lab||normal|||12:00:00\n");
        assert_eq!(seconds(&of, &[]), Some(86_400), "limits are not enforced");
        of.enforces_limits = true;
        assert_eq!(seconds(&of, &[]), Some(43_200));
        assert_eq!(seconds(&of, &[("qos", "long")]), Some(86_400));
        let (fact, doubts) = judged(&of, &[("time", "13h")]);
        assert!(fact.is_none() && doubts.contains("your account allows 0-12:00:00"), "{doubts}");
    }
}
