//! Whether some node has what a task asks for. Slurm accepts much that no node has, and lets it
//! wait for ever.
use super::super::error::SlurmError;
use super::super::gres::{self, Gres};
use super::super::nodes::{self, Node};
use super::chosen::may_have;
use crate::spec::slurm::memory_mib;
use crate::spec::{Ranks, SlurmSettings};

/// What a task asks of one node.
#[derive(Clone)]
struct Need {
    cpus: u64,
    memory: u64,
    gpus: Vec<Gres>,
}

impl Need {
    fn of(settings: &SlurmSettings) -> Self {
        let memory = settings.given.get("memory").and_then(|text| memory_mib(text));
        let ranks = Ranks::of(settings, true).ok().flatten();
        let (nodes, each) = ranks.map_or((1, 1), |ranks| (ranks.nodes, ranks.per_node()));
        let mut gpus = gres::gpus(settings);
        if settings.given.contains_key("gpus") {
            gpus.iter_mut().for_each(|one| one.count = one.count.div_ceil(nodes));
        }
        Self {
            cpus: settings.cpus.unwrap_or(1).saturating_mul(each),
            memory: memory.unwrap_or(0),
            gpus,
        }
    }

    fn has_gpus(&self, node: &Node) -> bool {
        self.gpus.iter().all(|one| node.gpus(one.kind.as_deref()) >= one.count)
    }

    fn fits(&self, node: &Node) -> bool {
        node.memory >= self.memory && self.fits_but_for_memory(node)
    }

    fn fits_but_for_memory(&self, node: &Node) -> bool {
        node.cpus >= self.cpus && self.has_gpus(node)
    }
}

/// The most memory, in MiB, that a node has which has all else that a task asks for; of nodes that are
/// away only where there is no other.
pub fn most_memory(all: &[&Node], settings: &SlurmSettings) -> Option<u64> {
    let need = Need::of(settings);
    let most = |is_such: &dyn Fn(&Node) -> bool| {
        all.iter().filter(|node| is_such(node)).map(|node| node.memory).max()
    };
    most(&|node| !node.is_away() && need.fits_but_for_memory(node))
        .or_else(|| most(&|node| need.fits_but_for_memory(node)))
        .or_else(|| most(&|_| true))
}

/// Whether there may be nodes that a task could have, and all of these be away: one that is up is none
/// of them for sure.
pub fn may_be_away(all: &[&Node], settings: &SlurmSettings) -> bool {
    let is_one = |node: &Node| may_have(node, settings) == Some(true);
    let mut fitting = fitting(all, settings);
    fitting.clone().any(Node::is_away) && fitting.all(|node| node.is_away() || !is_one(node))
}

/// Those that have what a task asks for, and that it may have as far as that can be told.
fn fitting<'a, 'n>(
    all: &'a [&'n Node],
    settings: &'a SlurmSettings,
) -> impl Iterator<Item = &'n Node> + Clone + use<'a, 'n> {
    let need = Need::of(settings);
    let is_one = move |node: &&Node| need.fits(node) && may_have(node, settings) != Some(false);
    all.iter().copied().filter(is_one)
}

fn first_away<'n>(all: &[&'n Node], settings: &SlurmSettings) -> Option<&'n Node> {
    let mut fitting = fitting(all, settings);
    let first = fitting.next()?;
    (first.is_away() && fitting.all(Node::is_away)).then_some(first)
}

/// All nodes that have what a task asks for are away, in words: it waits until one is back.
pub fn away(all: &[&Node], partition: &str, settings: &SlurmSettings) -> Option<String> {
    let first = first_away(all, settings)?;
    Some(format!(
        "all nodes of partition `{partition}` that have what a task asks for are down or drained \
         (`{}` is {}): tasks wait until one is back",
        first.name, first.state
    ))
}

/// What no node of these, all of the partitions of this name, has of what a task asks for.
/// Where nothing is known of nodes, all is well.
pub fn faults(all: &[&Node], partition: &str, settings: &SlurmSettings) -> Vec<SlurmError> {
    // Those that are away count, too: they come back as they were.
    let nodes = all;
    let need = Need::of(settings);
    if nodes.is_empty() || nodes.iter().any(|node| need.fits(node)) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let most = |size: fn(&Node) -> u64| nodes.iter().copied().max_by_key(|node| size(node));
    if let Some(node) = most(|n| n.memory).filter(|node| node.memory < need.memory) {
        let asked = settings.given.get("memory").map_or("", String::as_str);
        let has = nodes::memory(node.memory);
        faults.push(SlurmError::asked(
            format!("`slurm.memory` is `{asked}`, and no node of partition `{partition}` has it"),
            format!("the largest, `{}`, has {has}: ask for less", node.name),
        ));
    }
    if let Some(node) = most(|n| n.cpus).filter(|node| node.cpus < need.cpus) {
        faults.push(SlurmError::asked(
            format!(
                "`slurm.cpus` is {}, and no node of partition `{partition}` has so many",
                need.cpus
            ),
            format!("the largest, `{}`, has {} cores: ask for less", node.name, node.cpus),
        ));
    }
    if let Some(one) = need
        .gpus
        .iter()
        .find(|one| nodes.iter().all(|node| node.gpus(one.kind.as_deref()) < one.count))
    {
        faults.push(lacks_gpus(one, nodes, partition, settings));
    }
    if faults.is_empty() {
        faults.push(SlurmError::asked(
            format!("no node of partition `{partition}` has all that a task asks for at once"),
            format!("there are: {}", kinds(nodes)),
        ));
    }
    faults
}

fn lacks_gpus(
    one: &Gres,
    nodes: &[&Node],
    partition: &str,
    settings: &SlurmSettings,
) -> SlurmError {
    let key = if settings.given.contains_key("gpus") { "gpus" } else { "gres" };
    let asked = settings.given.get(key).map_or("", String::as_str);
    let of_type = |kind: Option<&str>| nodes.iter().map(|node| node.gpus(kind)).max().unwrap_or(0);
    let such = |fact: &str| {
        format!("`slurm.{key}` is `{asked}`, and no node of partition `{partition}` has {fact}")
    };
    if of_type(None) == 0 {
        return SlurmError::asked(
            such("a GPU"),
            "`sinfo -o '%P %G'` shows which partition has: set `slurm.partition`",
        );
    }
    let mut types: Vec<&str> = nodes
        .iter()
        .flat_map(|node| &node.gres)
        .filter(|g| g.name == "gpu")
        .filter_map(|g| g.kind.as_deref())
        .collect();
    types.sort_unstable();
    types.dedup();
    match one.kind.as_deref() {
        Some(kind) if of_type(Some(kind)) == 0 => {
            let hint = if types.is_empty() {
                format!(
                    "GPUs have no types there: write `{key}: {}`",
                    if key == "gpus" {
                        one.count.to_string()
                    } else {
                        format!("gpu:{}", one.count)
                    }
                )
            } else {
                format!("there are: {}", types.join(", "))
            };
            SlurmError::asked(such(&format!("a GPU of the type `{kind}`")), hint)
        }
        kind => SlurmError::asked(
            such("so many"),
            format!("a node has {} GPUs at most: ask for less", of_type(kind)),
        ),
    }
}

/// What kinds of nodes there are, a few of them.
pub(in super::super) fn kinds(nodes: &[&Node]) -> String {
    const SHOWN: usize = 6;
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for node in nodes {
        let words = node.describe();
        match kinds.iter_mut().find(|(known, _)| *known == words) {
            Some((_, count)) => *count += 1,
            None => kinds.push((words, 1)),
        }
    }
    let more = kinds.len().saturating_sub(SHOWN);
    let mut told: Vec<String> = kinds
        .into_iter()
        .take(SHOWN)
        .map(|(words, n)| format!("{n} node{} of {words}", if n == 1 { "" } else { "s" }))
        .collect();
    if more > 0 {
        told.push(format!("{more} more kinds"));
    }
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::super::nodes::tests::NODES;
    use super::*;

    fn told(partition: &str, pairs: &[(&str, &str)]) -> String {
        let all = nodes::nodes(NODES);
        let of: Vec<&Node> = all.iter().filter(|n| n.partition == partition).collect();
        let given = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match SlurmError::all(faults(&of, partition, &SlurmSettings::of(given, Default::default())))
        {
            Ok(()) => String::new(),
            Err(error) => format!("{error} ({})", error.hint().unwrap_or_default()),
        }
    }

    #[test]
    fn what_some_node_has_is_taken() {
        for (partition, pairs) in [
            ("gpu", &[][..]),
            ("gpu", &[("gpus", "4"), ("cpus", "64"), ("memory", "500G")]),
            ("gpu", &[("gpus", "v100:2")]),
            ("gpu", &[("gpus", "8")]),
            ("gpu", &[("gres", "gpu:a100:4,shard:1")]),
            ("gpu", &[("memory", "0")]),
            ("all", &[("cpus", "128"), ("memory", "1000G")]),
            ("old", &[("cpus", "16"), ("memory", "60G")]),
            ("unknown", &[("cpus", "1000")]),
        ] {
            assert_eq!(told(partition, pairs), "", "{partition} {pairs:?}");
        }
    }

    #[test]
    fn what_no_node_has_is_refused_with_what_there_is() {
        let all: Vec<String> = [
            ("gpu", &[("memory", "600G")][..]),
            ("gpu", &[("cpus", "65")]),
            ("gpu", &[("gpus", "16")]),
            ("gpu", &[("gpus", "v100:3")]),
            ("gpu", &[("gpus", "a10")]),
            ("gpu", &[("gres", "gpu:h200:2")]),
            ("gpu", &[("gpus", "v100:2"), ("cpus", "64")]),
            ("old", &[("gpus", "1")]),
            ("gpu", &[("memory", "600G"), ("cpus", "65"), ("gpus", "16")]),
            ("gpu", &[("cpus", "4"), ("ranks", "9223372036854775807"), ("ranks_as", "slots")]),
        ]
        .iter()
        .map(|(partition, pairs)| told(partition, pairs))
        .collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        `slurm.memory` is `600G`, and no node of partition `gpu` has it (the largest, `n2`, has 515000M: ask for less)
        `slurm.cpus` is 65, and no node of partition `gpu` has so many (the largest, `n2`, has 64 cores: ask for less)
        `slurm.gpus` is `16`, and no node of partition `gpu` has so many (a node has 8 GPUs at most: ask for less)
        `slurm.gpus` is `v100:3`, and no node of partition `gpu` has so many (a node has 2 GPUs at most: ask for less)
        `slurm.gpus` is `a10`, and no node of partition `gpu` has a GPU of the type `a10` (there are: a100, v100)
        `slurm.gres` is `gpu:h200:2`, and no node of partition `gpu` has a GPU of the type `h200` (there are: a100, v100)
        no node of partition `gpu` has all that a task asks for at once (there are: 1 node of 64 cores, 515000M, 4 GPUs (a100); 1 node of 64 cores, 515000M, 8 GPUs (a100); 1 node of 32 cores, 257000M, 2 GPUs (v100))
        `slurm.gpus` is `1`, and no node of partition `old` has a GPU (`sinfo -o '%P %G'` shows which partition has: set `slurm.partition`)
        `slurm.memory` is `600G`, and no node of partition `gpu` has it; `slurm.cpus` is 65, and no node of partition `gpu` has so many; `slurm.gpus` is `16`, and no node of partition `gpu` has so many (the largest, `n2`, has 515000M: ask for less; the largest, `n2`, has 64 cores: ask for less; a node has 8 GPUs at most: ask for less)
        `slurm.cpus` is 18446744073709551615, and no node of partition `gpu` has so many (the largest, `n2`, has 64 cores: ask for less)
        ");
    }
}
