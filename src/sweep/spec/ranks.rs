//! What `slurm.ranks` asks for: the processes of a task, and what they are for.
use super::SlurmSettings;
use super::mistake::Mistake;
use super::section::Mistakes;
use super::yaml::Entry;

/// What the ranks of a task are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// They train each run together.
    Run,
    /// Each trains runs of its own.
    Slots,
}

impl As {
    /// The words of `slurm.ranks_as`.
    pub const WORDS: &'static [&'static str] = &["run", "slots"];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Slots => "slots",
        }
    }

    /// What a word means.
    #[must_use]
    pub fn of(word: &str) -> Self {
        if word == "slots" { Self::Slots } else { Self::Run }
    }
}

/// Checks what a spec says of ranks. A site may add what it leaves out, `ranks` itself too.
pub(super) fn check(entry: &Entry, settings: &SlurmSettings, trains: bool, all: &mut Mistakes) {
    if !settings.given.contains_key("ranks") {
        return;
    }
    if let Err(Contradiction { fact, hint }) = Ranks::of(settings, trains) {
        all.add(Mistake::new(entry.value.span.clone(), fact, "contradicts itself").hint(hint));
    }
}

/// Settings that contradict each other, with the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fact}")]
pub struct Contradiction {
    /// What is wrong.
    pub fact: String,
    /// The way out.
    pub hint: &'static str,
}

impl Contradiction {
    pub(super) fn new(fact: impl Into<String>, hint: &'static str) -> Self {
        Self { fact: fact.into(), hint }
    }
}

/// The ranks of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    /// How many there are.
    pub count: u64,
    /// On how many nodes, as many on each.
    pub nodes: u64,
    /// What they are for.
    pub kind: As,
}

impl Ranks {
    /// Those that settings ask for, if they do.
    ///
    /// # Errors
    /// Where the settings contradict each other, or the sweep is of programs, which start their
    /// ranks themselves.
    pub fn of(settings: &SlurmSettings, trains: bool) -> Result<Option<Self>, Contradiction> {
        let number = |key: &str| settings.given.get(key).and_then(|n| n.parse::<u64>().ok());
        let Some(count) = number("ranks") else {
            return match ["nodes", "ranks_per_node", "ranks_as"]
                .into_iter()
                .find(|key| settings.given.get(*key).is_some_and(|n| *key != "nodes" || n != "1"))
            {
                None => Ok(None),
                Some(key) => Err(Contradiction::new(
                    format!("`slurm.{key}` is of tasks with ranks, and `slurm.ranks` is not given"),
                    "leave it out, or set `slurm.ranks`; many tasks run on many nodes by themselves",
                )),
            };
        };
        let kind = settings.given.get("ranks_as").map_or(As::Run, |word| As::of(word));
        let each = number("ranks_per_node");
        let nodes =
            number("nodes").unwrap_or_else(|| each.map_or(1, |each| count.div_ceil(each.max(1))));
        let even = count.is_multiple_of(nodes)
            && each.is_none_or(|each| each.checked_mul(nodes) == Some(count));
        if !even {
            let each = each.map_or(String::new(), |each| format!(", `ranks_per_node: {each}`"));
            return Err(Contradiction::new(
                format!("`slurm.ranks: {count}` are not as many on each of `nodes: {nodes}`{each}"),
                "ranks are nodes × ranks per node",
            ));
        }
        if kind == As::Run && count > 1 && !trains {
            return Err(Contradiction::new(
                "`slurm.ranks` is of the built-in trainer; a program starts its ranks itself",
                "`ranks_as: slots` runs a program on each rank",
            ));
        }
        if settings.given.get("workers").is_some_and(|n| n != "1") {
            return Err(Contradiction::new(
                "`slurm.workers` and `slurm.ranks` contradict each other",
                "a task with ranks has one worker, or with `ranks_as: slots` one a rank",
            ));
        }
        Ok(Some(Self { count, nodes, kind }))
    }

    /// Those of the settings that train each run together.
    #[must_use]
    pub fn together(settings: &SlurmSettings) -> Option<Self> {
        let ranks = Self::of(settings, true).ok().flatten()?;
        (ranks.kind == As::Run && ranks.count > 1).then_some(ranks)
    }

    /// Ranks on each node.
    #[must_use]
    pub const fn per_node(self) -> u64 {
        self.count / self.nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> SlurmSettings {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        SlurmSettings::of(pairs.iter().map(own).collect(), std::collections::BTreeSet::new())
    }

    #[test]
    fn ranks_are_nodes_times_ranks_per_node() {
        let of = |pairs: &[(&str, &str)]| Ranks::of(&settings(pairs), true);
        let run = |count, nodes| Some(Ranks { count, nodes, kind: As::Run });
        for (pairs, expected) in [
            (&[][..], None),
            (&[("nodes", "1")], None),
            (&[("ranks", "4")], run(4, 1)),
            (&[("ranks", "4"), ("nodes", "2")], run(4, 2)),
            (&[("ranks", "4"), ("ranks_per_node", "1")], run(4, 4)),
            (&[("ranks", "4"), ("ranks_per_node", "2"), ("nodes", "2")], run(4, 2)),
        ] {
            assert_eq!(of(pairs).expect("they agree"), expected, "{pairs:?}");
        }
        let slots = of(&[("ranks", "2"), ("ranks_as", "slots")]).expect("right");
        assert_eq!(slots, Some(Ranks { count: 2, nodes: 1, kind: As::Slots }));
        for (pairs, fact) in [
            (&[("nodes", "2")][..], "`slurm.nodes` is of tasks with ranks"),
            (&[("ranks_as", "slots")], "`slurm.ranks_as` is of tasks with ranks"),
            (&[("ranks", "3"), ("nodes", "2")], "`slurm.ranks: 3` are not as many on each"),
            (&[("ranks", "4"), ("nodes", "2"), ("ranks_per_node", "1")], "ranks_per_node: 1"),
            (
                &[("ranks", "4"), ("nodes", "4"), ("ranks_per_node", "9223372036854775807")],
                "ranks_per_node: 9223372036854775807",
            ),
            (&[("ranks", "2"), ("workers", "2")], "contradict each other"),
        ] {
            let told = of(pairs).expect_err("they contradict each other").to_string();
            assert!(told.contains(fact), "{told}");
        }
        assert!(Ranks::of(&settings(&[("ranks", "2")]), false).is_err(), "a program");
    }
}
