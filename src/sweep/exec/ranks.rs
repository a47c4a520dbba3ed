//! What `slurm.ranks` asks for, and how the processes of a task are started: by `srun` where
//! Slurm and MPI know each other (PMIx), by `mpirun` elsewhere.
use std::ffi::OsString;

use super::slurm::SlurmError;
use crate::spec::SlurmSettings;

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
    pub fn of(settings: &SlurmSettings, trains: bool) -> Result<Option<Self>, SlurmError> {
        let number = |key: &str| settings.given.get(key).and_then(|n| n.parse::<u64>().ok());
        let Some(count) = number("ranks") else {
            return match ["nodes", "ranks_per_node", "ranks_as"]
                .into_iter()
                .find(|key| settings.given.get(*key).is_some_and(|n| *key != "nodes" || n != "1"))
            {
                None => Ok(None),
                Some(key) => Err(SlurmError::asked(
                    format!("`slurm.{key}` is of tasks with ranks, and `slurm.ranks` is not given"),
                    "leave it out, or set `slurm.ranks`; many tasks run on many nodes by themselves",
                )),
            };
        };
        let kind = settings.given.get("ranks_as").map_or(As::Run, |word| As::of(word));
        let each = number("ranks_per_node");
        let nodes =
            number("nodes").unwrap_or_else(|| each.map_or(1, |each| count.div_ceil(each.max(1))));
        let even = count.is_multiple_of(nodes) && each.is_none_or(|each| each * nodes == count);
        if !even {
            let each = each.map_or(String::new(), |each| format!(", `ranks_per_node: {each}`"));
            return Err(SlurmError::asked(
                format!("`slurm.ranks: {count}` are not as many on each of `nodes: {nodes}`{each}"),
                "ranks are nodes × ranks per node",
            ));
        }
        if kind == As::Run && count > 1 && !trains {
            return Err(SlurmError::asked(
                "`slurm.ranks` is of the built-in trainer; a program starts its ranks itself",
                "`ranks_as: slots` runs a program on each rank",
            ));
        }
        if settings.given.get("workers").is_some_and(|n| n != "1") {
            return Err(SlurmError::asked(
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

/// What starts the ranks of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starter {
    /// Slurm's `srun`, with the plugin of this name.
    Srun(&'static str),
    /// Open MPI's `mpirun`.
    OpenMpi,
    /// Another MPI's `mpirun`.
    Mpirun,
}

impl Starter {
    /// The one to use, by what `srun --mpi=list` and `mpirun --version` say, where they are.
    #[must_use]
    pub fn of(list: Option<&str>, version: Option<&str>) -> Option<Self> {
        // Whoever has PMIx needs no more than Slurm; the other plugins are of other MPIs.
        let pmix = |list: &str| list.split_whitespace().any(|word| word == "pmix");
        match (list, version) {
            (Some(list), _) if pmix(list) => Some(Self::Srun("pmix")),
            (_, Some(version)) if version.contains("Open MPI") || version.contains("PRRTE") => {
                Some(Self::OpenMpi)
            }
            (_, Some(_)) => Some(Self::Mpirun),
            _ => None,
        }
    }

    /// The words before those of a worker that is started as so many ranks.
    #[must_use]
    pub fn words(self, ranks: Ranks, threads: usize) -> Vec<OsString> {
        let Ranks { count, nodes, .. } = ranks;
        let words = match self {
            // Only the first rank is fed. A rank that ends badly takes the others with it.
            Self::Srun(plugin) => vec![
                "srun".to_owned(),
                format!("--mpi={plugin}"),
                format!("--ntasks={count}"),
                format!("--nodes={nodes}"),
                format!("--cpus-per-task={threads}"),
                "--cpu-bind=none".to_owned(),
                "--input=0".to_owned(),
                "--kill-on-bad-exit=1".to_owned(),
                "--wait=20".to_owned(),
                "--unbuffered".to_owned(),
            ],
            Self::OpenMpi => vec![
                "mpirun".to_owned(),
                "-n".to_owned(),
                count.to_string(),
                // By itself it gives two tasks of a machine the same cores.
                "--bind-to".to_owned(),
                "none".to_owned(),
                "--oversubscribe".to_owned(),
                // A rank that is asked to stop has time to save.
                "--mca".to_owned(),
                "odls_base_sigkill_timeout".to_owned(),
                "60".to_owned(),
            ],
            Self::Mpirun => vec!["mpirun".to_owned(), "-n".to_owned(), count.to_string()],
        };
        words.into_iter().map(Into::into).collect()
    }
}

/// The words that start a worker of its own on a node of this task, by the node's number.
#[must_use]
pub fn slot_words(node: u64) -> Vec<OsString> {
    [
        "srun".to_owned(),
        "--overlap".to_owned(),
        "--nodes=1".to_owned(),
        "--ntasks=1".to_owned(),
        format!("--relative={node}"),
        "--mpi=none".to_owned(),
        "--cpu-bind=none".to_owned(),
        "--unbuffered".to_owned(),
    ]
    .map(Into::into)
    .into()
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
            (&[("ranks", "2"), ("workers", "2")], "contradict each other"),
        ] {
            let told = of(pairs).expect_err("they contradict each other").to_string();
            assert!(told.contains(fact), "{told}");
        }
        assert!(Ranks::of(&settings(&[("ranks", "2")]), false).is_err(), "a program");
    }

    #[test]
    fn srun_starts_ranks_where_it_speaks_pmix_and_mpirun_elsewhere() {
        let old = "srun: MPI types are...\nsrun: none\nsrun: pmi2\n";
        let new = "MPI plugin types are...\n\tnone\n\tpmix\nspecific pmix plugin versions available: pmix_v4\n";
        let open = "mpirun (Open MPI) 4.1.4\n";
        for (list, version, expected) in [
            (Some(new), Some(open), Some(Starter::Srun("pmix"))),
            (Some(old), Some(open), Some(Starter::OpenMpi)),
            (None, Some("HYDRA build details:"), Some(Starter::Mpirun)),
            (Some(old), None, None),
            (None, None, None),
        ] {
            assert_eq!(Starter::of(list, version), expected);
        }
    }
}
