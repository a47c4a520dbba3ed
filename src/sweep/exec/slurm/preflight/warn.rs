//! What is likely to go wrong on a cluster, and need not.
use super::super::nodes::Node;
use crate::file_system::{FileSystem, Shared};

/// All nodes of the partitions are away: a task waits until one is back.
#[must_use]
pub fn nodes(all: &[&Node], partition: &str) -> Option<String> {
    let state = &all.first()?.state;
    all.iter().all(|node| node.is_away()).then(|| {
        format!(
            "all nodes of partition `{partition}` are down or drained (`{}` is {state}): tasks \
             wait until one is back",
            all[0].name
        )
    })
}

/// The sweep's folder lies on a disk of this machine, and nodes are other machines.
#[must_use]
pub fn folder(system: &FileSystem, all: &[&Node], here: &str) -> Option<String> {
    let is_here = |node: &&Node| short(&node.host) == short(here) || node.name == short(here);
    if system.shared != Shared::Unlikely || all.iter().copied().all(|node| is_here(&node)) {
        return None;
    }
    Some(format!(
        "`{}` lies on {} of this machine, which nodes are unlikely to see: if they do not, tasks \
         end at once; `--root DIR` puts sweeps elsewhere",
        system.path.display(),
        system.kind
    ))
}

fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::super::super::nodes::{self as parse, tests::NODES};
    use super::*;

    #[test]
    fn a_partition_without_nodes_is_warned_of() {
        let all = parse::nodes(NODES);
        let of = |name: &str| all.iter().filter(|n| n.partition == name).collect::<Vec<_>>();
        assert_eq!(nodes(&of("gpu"), "gpu"), None);
        assert_eq!(nodes(&[], "none"), None);
        insta::assert_snapshot!(
            nodes(&of("old"), "old").expect("warned"),
            @"all nodes of partition `old` are down or drained (`c2` is drained): tasks wait until one is back"
        );
    }

    #[test]
    fn a_local_disk_is_warned_of_where_nodes_are_other_machines() {
        let system =
            |shared| FileSystem { path: "/scratch".into(), kind: "xfs".into(), shared, free: 1 };
        let all = parse::nodes(NODES);
        let one: Vec<&Node> = all.iter().filter(|n| n.name == "n1").collect();
        let many: Vec<&Node> = all.iter().collect();
        for (shared, nodes, here, warned) in [
            (Shared::Unlikely, &many, "login", true),
            (Shared::Unlikely, &many, "n1", true),
            (Shared::Unlikely, &one, "n1.site", false),
            (Shared::Unlikely, &one, "n1", false),
            (Shared::Likely, &many, "login", false),
            (Shared::Unknown, &many, "login", false),
        ] {
            assert_eq!(folder(&system(shared), nodes, here).is_some(), warned, "{shared:?} {here}");
        }
        assert_eq!(folder(&system(Shared::Unlikely), &[], "x"), None, "nothing is known of nodes");
    }
}
