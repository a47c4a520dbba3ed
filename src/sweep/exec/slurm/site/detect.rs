//! Words a profile for a cluster that was looked at, for a person to edit.
use super::super::nodes::Node;
use super::super::parse::Partition;
use super::super::preflight::accounts::{self, Association};
use super::super::preflight::{Cluster, fit};
use super::super::script::slurm_time;

/// A name for the profile of a cluster.
#[must_use]
pub fn name(cluster: &Cluster) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = cluster.name.as_deref().unwrap_or_default().chars().map(plain).collect();
    let name = name.trim_start_matches(['.', '_', '-']);
    if name.is_empty() { "my-cluster".into() } else { name.chars().take(64).collect() }
}

/// The text of a profile of this name.
#[must_use]
pub fn profile(name: &str, cluster: &Cluster, own: Option<&[Association]>) -> String {
    let mut text = String::new();
    let mut line = |words: String| text.push_str(&format!("{words}\n"));
    let version = cluster.version.as_deref().map_or_else(String::new, |v| format!(" (Slurm {v})"));
    line(format!(
        "# Profile of a cluster{version}, as `dlgrid site detect` saw it. Edit it as you like;"
    ));
    line("# `dlgrid site show example` explains every key.".into());
    line(format!("name: {}", scalar(name)));
    if let Some(cluster) = &cluster.name {
        line("# Sweeps on this cluster use the profile without being told.".into());
        line(format!("cluster: {}", scalar(cluster)));
    }
    line(
        "\n# Settings of every job; those of a spec go over them, and `null` there takes one away."
            .into(),
    );
    let settings = settings(cluster, own);
    let is_bare = settings.iter().all(|l| l.trim_start().starts_with('#'));
    line(if is_bare { "slurm: {}".into() } else { "slurm:".into() });
    settings.into_iter().for_each(&mut line);
    line("\n# Over those of the sweep for small jobs of one core without a GPU.\nlight: {}".into());
    light(cluster).into_iter().for_each(&mut line);
    line("\n# Lines of bash that every job runs before its worker.\nsetup: []".into());
    line("#  - module load cuda".into());
    line("\nlimits:".into());
    limits(cluster, own).into_iter().for_each(&mut line);
    text
}

fn settings(cluster: &Cluster, own: Option<&[Association]>) -> Vec<String> {
    let mut lines: Vec<String> =
        cluster.partitions.iter().map(|p| format!("  # {}", about(p, cluster))).collect();
    let all = cluster.partitions.iter();
    // The default alone is sure to take the user's jobs.
    match all.clone().find(|p| p.is_default).or_else(|| all.clone().find(|p| p.state == "UP")) {
        Some(partition) => lines.push(format!("  partition: {}", scalar(&partition.name))),
        None => lines.push("  # partition: NAME".into()),
    }
    match own.map(accounts::names).as_deref() {
        Some([one]) => lines.push(format!("  account: {}", scalar(one))),
        Some(names) => {
            lines.push(format!("  # your accounts: {}", names.join(", ")));
            lines.extend(names.first().map(|one| format!("  # account: {}", scalar(one))));
        }
        None if cluster.accounting => lines.push("  # account: NAME".into()),
        None => {}
    }
    let mut qos: Vec<&str> =
        own.unwrap_or_default().iter().flat_map(|a| &a.qos).map(String::as_str).collect();
    qos.sort_unstable();
    qos.dedup();
    if qos.len() > 1 {
        lines.push(format!("  # qos: {}   # yours: {}", scalar(qos[0]), qos.join(", ")));
    }
    lines.extend(gpu_types(cluster).first().map(|(kind, _)| {
        format!(
            "  # gpus: {}",
            kind.as_ref().map_or("1".into(), |kind| scalar(&format!("{kind}:1")))
        )
    }));
    lines.push("  # time: 4h".into());
    lines
}

/// Where small jobs would rather go: a partition that is up and whose nodes have no GPU.
fn light(cluster: &Cluster) -> Vec<String> {
    let has_gpu = |p: &Partition| cluster.nodes_of(&[p]).iter().any(|n| n.gpus(None) > 0);
    if !cluster.nodes.iter().any(|n| n.gpus(None) > 0) {
        return Vec::new();
    }
    let without =
        |p: &&Partition| p.state == "UP" && !cluster.nodes_of(&[p]).is_empty() && !has_gpu(p);
    let one = cluster.partitions.iter().find(without);
    one.map(|p| format!("#  partition: {}", scalar(&p.name))).into_iter().collect()
}

fn limits(cluster: &Cluster, own: Option<&[Association]>) -> Vec<String> {
    let mut lines = vec![format!("  max_array_size: {}", cluster.array)];
    lines.push(match most_jobs(own) {
        Some(most) => {
            let several = own.is_some_and(|own| own.len() > 1);
            let note = if several { "   # the least of your accounts" } else { "" };
            format!("  max_submit_jobs: {most}{note}")
        }
        None => "  # max_submit_jobs: 1000   # not told here".into(),
    });
    lines.push("  hold: true".into());
    let default = if cluster.requeue { "" } else { "   # not by default here; dlgrid asks for it" };
    lines.push(format!("  requeue: true{default}"));
    lines.push(format!("  jobs_may_submit: {}", jobs_may_submit(cluster)));
    lines
}

fn most_jobs(own: Option<&[Association]>) -> Option<u64> {
    // The least: which association a job falls under is not known.
    own?.iter().filter_map(|one| one.max_submit).min()
}

fn jobs_may_submit(cluster: &Cluster) -> bool {
    cluster.partitions.iter().filter(|p| p.is_default).all(|p| p.open)
}

/// Types of GPUs and the most that a node has of each.
fn gpu_types(cluster: &Cluster) -> Vec<(Option<String>, u64)> {
    let mut types: Vec<(Option<String>, u64)> = Vec::new();
    for one in cluster.nodes.iter().flat_map(|node| &node.gres).filter(|g| g.name == "gpu") {
        match types.iter_mut().find(|(kind, _)| *kind == one.kind) {
            Some((_, most)) => *most = one.count.max(*most),
            None => types.push((one.kind.clone(), one.count)),
        }
    }
    types
}

/// A partition in one line.
fn about(partition: &Partition, cluster: &Cluster) -> String {
    let default = if partition.is_default { ", the default" } else { "" };
    let state = if partition.state == "UP" { "" } else { &partition.state };
    let time = partition
        .max_seconds
        .map_or("no time limit".into(), |s| format!("up to {}", slurm_time(s)));
    let nodes: Vec<&Node> = cluster.nodes_of(&[partition]);
    let parts = [state, &time, &fit::kinds(&nodes)].map(clean);
    let told: Vec<&str> = parts.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
    format!("{}{default}: {}", clean(&partition.name), told.join("; "))
}

/// What was found, a line each, for a person.
#[must_use]
pub fn findings(cluster: &Cluster, own: Option<&[Association]>) -> Vec<String> {
    let name = cluster.name.as_deref().unwrap_or("without a name");
    let version = cluster.version.as_deref().unwrap_or("of an unknown version");
    let mut lines = vec![format!("cluster {}, Slurm {}", clean(name), clean(version))];
    lines.extend(cluster.partitions.iter().map(|p| format!("partition {}", about(p, cluster))));
    if cluster.nodes.is_empty() {
        lines.push("nodes: not told here (sinfo)".into());
    }
    let most = most_jobs(own)
        .map_or("no limit told on jobs in the queue".into(), |n| format!("{n} jobs in the queue"));
    lines.push(format!("limits: arrays of {} tasks, {most}", cluster.array));
    lines.push(match (cluster.accounting, own) {
        (false, _) => "accounting: none".into(),
        (true, None) => "accounting: there is, and it tells nothing of you".into(),
        (true, Some(own)) => {
            format!("accounting: your accounts are {}", accounts::names(own).join(", "))
        }
    });
    if !jobs_may_submit(cluster) {
        lines.push(
            "jobs may not submit jobs: the default partition takes them from some nodes only"
                .into(),
        );
    }
    if !cluster.requeue {
        lines.push("jobs are not put back into the queue by default; dlgrid asks for it".into());
    }
    lines
}

fn clean(text: &str) -> String {
    crate::text::clean(text).into()
}

/// Text as YAML has it, in quotes where it could be read as anything else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if is_word && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::super::nodes::{nodes, tests::NODES};
    use super::super::super::parse;
    use super::super::read;
    use super::*;

    fn cluster() -> Cluster {
        let partitions = parse::partitions(
            "PartitionName=all AllocNodes=login Default=YES MaxTime=1-00:00:00 State=UP\nPartitionName=gpu AllocNodes=ALL Default=NO MaxTime=UNLIMITED State=UP\nPartitionName=old Default=NO MaxTime=UNLIMITED State=DOWN\n",
        );
        Cluster {
            name: Some("on".into()),
            version: Some("23.11.4".into()),
            array: 1001,
            partitions,
            nodes: nodes(NODES),
            accounting: true,
            ..Cluster::default()
        }
    }

    #[test]
    fn a_profile_of_a_cluster_can_be_read_and_says_what_it_saw() {
        let own = accounts::associations("lab||normal,high|500|\nlab||normal|200|\n");
        let text = profile("on", &cluster(), Some(&own));
        insta::assert_snapshot!(text, @r#"
        # Profile of a cluster (Slurm 23.11.4), as `dlgrid site detect` saw it. Edit it as you like;
        # `dlgrid site show example` explains every key.
        name: "on"
        # Sweeps on this cluster use the profile without being told.
        cluster: "on"

        # Settings of every job; those of a spec go over them, and `null` there takes one away.
        slurm:
          # all, the default: up to 1-00:00:00; 1 node of 64 cores, 515000M, 4 GPUs (a100); 1 node of 128 cores, 1031000M
          # gpu: no time limit; 1 node of 64 cores, 515000M, 4 GPUs (a100); 1 node of 64 cores, 515000M, 8 GPUs (a100); 1 node of 32 cores, 257000M, 2 GPUs (v100)
          # old: DOWN; no time limit; 2 nodes of 16 cores, 64000M
          partition: all
          account: lab
          # qos: high   # yours: high, normal
          # gpus: "a100:1"
          # time: 4h

        # Over those of the sweep for small jobs of one core without a GPU.
        light: {}

        # Lines of bash that every job runs before its worker.
        setup: []
        #  - module load cuda

        limits:
          max_array_size: 1001
          max_submit_jobs: 200   # the least of your accounts
          hold: true
          requeue: true   # not by default here; dlgrid asks for it
          jobs_may_submit: false
        "#);
        let site = read::read("x.yaml", "x", text.as_bytes(), None).expect("a profile");
        assert_eq!(site.cluster.as_deref(), Some("on"));
        assert_eq!(site.slurm.given["account"], "lab");
        assert_eq!((site.limits.max_submit_jobs, site.limits.jobs_may_submit), (Some(200), false));
        insta::assert_snapshot!(findings(&cluster(), Some(&own)).join("\n"), @r"
        cluster on, Slurm 23.11.4
        partition all, the default: up to 1-00:00:00; 1 node of 64 cores, 515000M, 4 GPUs (a100); 1 node of 128 cores, 1031000M
        partition gpu: no time limit; 1 node of 64 cores, 515000M, 4 GPUs (a100); 1 node of 64 cores, 515000M, 8 GPUs (a100); 1 node of 32 cores, 257000M, 2 GPUs (v100)
        partition old: DOWN; no time limit; 2 nodes of 16 cores, 64000M
        limits: arrays of 1001 tasks, 200 jobs in the queue
        accounting: your accounts are lab
        jobs may not submit jobs: the default partition takes them from some nodes only
        jobs are not put back into the queue by default; dlgrid asks for it
        ");
    }

    #[test]
    fn of_an_unknown_cluster_a_profile_can_be_read_too() {
        let bare = Cluster { array: 11, requeue: true, ..Cluster::default() };
        let text = profile(&name(&bare), &bare, None);
        let site = read::read("x.yaml", "x", text.as_bytes(), None).expect("a profile");
        assert_eq!((site.name.as_str(), site.slurm.given.len()), ("my-cluster", 0));
        let two = accounts::associations("a||q||\nb||q||\n");
        let site = read::read("x.yaml", "x", profile("x", &cluster(), Some(&two)).as_bytes(), None);
        assert!(!site.expect("a profile").slurm.given.contains_key("account"));
    }

    #[test]
    fn names_are_safe() {
        for (cluster, safe) in
            [("hpc", "hpc"), ("-my cluster/2", "my-cluster-2"), ("", "my-cluster")]
        {
            let cluster = Cluster { name: Some(cluster.into()), ..Cluster::default() };
            assert_eq!(name(&cluster), safe);
        }
        for (text, yaml) in
            [("gpu", "gpu"), ("no", "\"no\""), ("a: b", "\"a: b\""), ("12", "\"12\"")]
        {
            assert_eq!(scalar(text), yaml);
        }
    }
}
