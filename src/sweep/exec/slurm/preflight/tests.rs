//! Tests of what is told and refused before anything is submitted.
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
    let silent = configured("AccountingStorageType = (null)\nAccountingStorageEnforce = none\n");
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
        assert!(doubts.contains(doubted) && doubts.is_empty() == doubted.is_empty(), "{doubts}");
    }
    of.partitions.iter_mut().for_each(|p| p.is_default = false);
    let (fact, doubts) = judged(&of, &[("gpus", "1"), ("time", "2d")]);
    assert!(fact.is_none() && doubts.contains("no default partition: set"), "{fact:?} {doubts}");
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
fn only_the_nodes_that_a_task_may_have_count() {
    const NODE: &str = "allocation failure: Requested node configuration is not available";
    let mut of = with_nodes();
    for (node, features) in of.nodes.iter_mut().zip(["ib", "ib,a100", "ib,h100", "ib"]) {
        node.features = features.split(',').map(str::to_owned).collect();
    }
    of.nodes[1].state = "drained".into();
    for (key, text, waits) in [
        ("constraint", "a100", true),
        ("constraint", "a100&ib", true),
        ("constraint", "h100", false),
        ("constraint", "ib", false),
        ("constraint", "a100|v100", true),
        ("nodelist", "g1", true),
        ("nodelist", "g2", false),
        ("nodelist", "g[1-2]", true),
        ("exclude", "g2,f1", true),
        ("exclude", "g1", false),
    ] {
        let pairs = [("partition", "long"), (key, text)];
        assert_eq!(may_wait(&of, &settings(&pairs), NODE), waits, "{key}: {text}");
        let warned = judged(&of, &pairs).1.contains("(`g1` is drained)");
        let is_known = !text.contains(['|', '[']);
        assert_eq!(warned, waits && is_known, "{key}: {text}");
    }
}

#[test]
fn a_time_is_certain_where_no_quality_of_service_may_lift_it() {
    let mut of = cluster();
    let refused = |of: &Cluster, pairs: &[_]| judged(of, pairs).0.is_some();
    let long = [("partition", "gpu"), ("time", "2d")];
    assert!(refused(&of, &long));
    of.accounting = true;
    assert!(!refused(&of, &long), "the default may be another");
    of.own = accounts::associations("lab||normal|||\n");
    assert!(refused(&of, &long));
    of.own = accounts::associations("lab||long,normal|||\n");
    assert!(!refused(&of, &long) && judged(&of, &long).1.contains("`gpu` allows 1-00:00:00"));
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
    // Those that the default does not take are sent elsewhere by the site.
    assert_eq!((memory(&of, &[("cpus", "8")]), seconds(&of, &[])), (Some(64_000), Some(86_400)));
    assert_eq!(memory(&of, &[("gpus", "8")]), Some(512_000));
    assert_eq!(seconds(&of, &[("time", "2d")]), None);
    let long = [("time", "2d"), ("partition", "gpu"), ("qos", "long")];
    assert_eq!((seconds(&of, &long), seconds(&of, &long[1..])), (None, Some(86_400)));
    of.own = accounts::associations("lab||normal|||12:00:00\n");
    assert_eq!(seconds(&of, &[]), Some(86_400), "limits are not enforced");
    of.enforces_limits = true;
    assert_eq!(seconds(&of, &[]), Some(43_200));
    assert_eq!(seconds(&of, &[("qos", "long")]), Some(86_400));
    let (fact, doubts) = judged(&of, &[("time", "13h")]);
    assert!(fact.is_none() && doubts.contains("your account allows 0-12:00:00"), "{doubts}");
}
