//! Reads what `sinfo` says of nodes: text in forms that all versions from 20.11 on share.
use super::gres::{self, Gres};

/// The fields that [`nodes`] reads, as an argument of `sinfo --format`. Features are last: they
/// hold what an administrator likes.
pub const NODE_FORMAT: &str = "%N|%n|%R|%c|%m|%T|%G|%f";

/// A node, in one of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Slurm's name of it.
    pub name: String,
    /// The machine's own name.
    pub host: String,
    /// The partition.
    pub partition: String,
    /// Processors.
    pub cpus: u64,
    /// Memory in MiB.
    pub memory: u64,
    /// Slurm's word for its state, without marks: `idle`, `mixed`, `down`.
    pub state: String,
    /// What it has besides.
    pub gres: Vec<Gres>,
    /// Its features.
    pub features: Vec<String>,
}

/// Reads what `sinfo --noheader --Node --format=`[`NODE_FORMAT`] writes. Lines of other forms
/// are left out.
#[must_use]
pub fn nodes(text: &str) -> Vec<Node> {
    text.lines().filter_map(node).collect()
}

fn node(line: &str) -> Option<Node> {
    let mut fields = line.splitn(8, '|');
    let mut next = || fields.next().map(str::trim);
    let (name, host, partition) = (next()?, next()?, next()?);
    let (cpus, memory, state, gres) = (next()?, next()?, next()?, next()?);
    let features = next().unwrap_or_default();
    // `16+` stands where several nodes share a line.
    let number = |text: &str| text.trim_end_matches('+').parse().ok();
    Some(Node {
        name: name.to_owned(),
        host: host.to_owned(),
        partition: partition.trim_end_matches('*').to_owned(),
        cpus: number(cpus)?,
        memory: number(memory)?,
        state: state_word(state),
        gres: gres::list(gres),
        features: features
            .split(',')
            .filter(|f| !f.is_empty() && *f != "(null)")
            .map(str::to_owned)
            .collect(),
    })
}

/// A state without its marks (`idle~` sleeps, `down*` does not answer) and in one case.
fn state_word(text: &str) -> String {
    text.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase()
}

impl Node {
    /// Whether jobs can't start there until somebody mends it.
    #[must_use]
    pub fn is_away(&self) -> bool {
        const AWAY: &[&str] = &["down", "drain", "fail", "error", "future", "inval", "no_respond"];
        AWAY.iter().any(|word| self.state.starts_with(word))
    }

    /// How many GPUs it has, of one type or of all.
    #[must_use]
    pub fn gpus(&self, kind: Option<&str>) -> u64 {
        let is_such =
            |g: &&Gres| g.name == "gpu" && kind.is_none_or(|kind| g.kind.as_deref() == Some(kind));
        self.gres.iter().filter(is_such).map(|g| g.count).fold(0, u64::saturating_add)
    }

    /// What it has, in words: `4 cores, 16000M, 2 GPUs (fake)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        let cores = format!("{} core{}", self.cpus, plural(self.cpus));
        let mut parts = vec![cores, memory(self.memory)];
        for one in self.gres.iter().filter(|g| g.name == "gpu") {
            let kind = one.kind.as_ref().map_or_else(String::new, |kind| format!(" ({kind})"));
            parts.push(format!("{} GPU{}{kind}", one.count, plural(one.count)));
        }
        parts.join(", ")
    }
}

/// MiB in Slurm's units: `16000M`, `64G`.
#[must_use]
pub fn memory(mib: u64) -> String {
    if mib > 0 && mib.is_multiple_of(1024) { format!("{}G", mib / 1024) } else { format!("{mib}M") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Nodes as several versions tell of them.
    pub const NODES: &str = "\
n1|n1.site|gpu|64|515000|mixed|gpu:a100:4(S:0-1)|ib,a100
n2|n2.site|gpu|64|515000|down*|gpu:a100:8(S:0-1)|ib,a100
n3|n3.site|gpu|32|257000|idle~|gpu:v100:2(S:0),shard:8|(null)
n1|n1.site|all*|64|515000|mixed|gpu:a100:4(S:0-1)|ib,a100
c1|c1.site|all*|128|1031000|allocated+|(null)|ib|odd
c2|c2.site|old|16|64000|drained|(null)|
c3|c3.site|old|16|64000|DRAINING@|(null)|
";

    #[test]
    fn nodes_of_several_versions_are_read() {
        let all = nodes(NODES);
        let told: Vec<String> = all
            .iter()
            .map(|n| {
                let away = if n.is_away() { " away" } else { "" };
                format!("{} {} {}: {}{away}", n.partition, n.name, n.state, n.describe())
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        gpu n1 mixed: 64 cores, 515000M, 4 GPUs (a100)
        gpu n2 down: 64 cores, 515000M, 8 GPUs (a100) away
        gpu n3 idle: 32 cores, 257000M, 2 GPUs (v100)
        all n1 mixed: 64 cores, 515000M, 4 GPUs (a100)
        all c1 allocated: 128 cores, 1031000M
        old c2 drained: 16 cores, 64000M away
        old c3 draining: 16 cores, 64000M away
        ");
        assert_eq!(all[0].features, ["ib", "a100"]);
        assert_eq!(all[2].features, Vec::<String>::new());
        assert_eq!((all[2].gpus(None), all[2].gpus(Some("a100"))), (2, 0));
    }

    #[test]
    fn other_lines_are_left_out() {
        let odd = "CLUSTER: other\nslurm_load_partitions: x\nn1|n1|p|a few|5|idle|(null)|(null)\n";
        assert_eq!(nodes(odd), []);
        let many = nodes("n1|h|p|4+|16000+|unknown*|gpu:fake:2|(null)");
        assert_eq!((many[0].cpus, many[0].memory, many[0].is_away()), (4, 16_000, false));
    }

    #[test]
    fn memory_reads_well() {
        assert_eq!((memory(16_000), memory(65_536)), ("16000M".into(), "64G".into()));
    }
}
