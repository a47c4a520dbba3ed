//! What starts the processes of a task with ranks: `srun` where Slurm and MPI know each other
//! (PMIx), `mpirun` elsewhere.
use std::ffi::OsString;

use crate::spec::Ranks;

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
                // Seconds before SIGTERM, and once more before SIGKILL: a rank that is asked to stop
                // has time to save, and those that wait for a dead one are not long in its way.
                "--mca".to_owned(),
                "odls_base_sigkill_timeout".to_owned(),
                "8".to_owned(),
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

/// Whether what these words start is a step of Slurm's: no descendant of who starts it.
#[must_use]
pub fn are_steps(starter: &[OsString]) -> bool {
    starter.first().is_some_and(|program| program == "srun")
}

#[cfg(test)]
mod tests {
    use super::*;

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
