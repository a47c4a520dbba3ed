//! The partitions that jobs may go to: which those are, and whether they take such jobs.
use super::super::error::SlurmError;
use super::super::parse::Partition;
use super::super::script::{slurm_time, time_seconds};
use super::Cluster;
use crate::spec::SlurmSettings;
use crate::spec::mistake::nearest;

/// Where jobs with some settings go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'c> {
    /// The partitions.
    pub all: Vec<&'c Partition>,
    /// How that is known.
    pub by: By,
}

/// How it is known where jobs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The settings say so.
    Name,
    /// It is the default; a site may send jobs elsewhere by what they ask for.
    Default,
    /// It is not: there is no default, and a site may choose among all.
    Nothing,
}

impl<'c> Wanted<'c> {
    /// The partitions that jobs with these settings may go to.
    ///
    /// # Errors
    /// If the settings name one that is not there.
    pub fn of(cluster: &'c Cluster, settings: &SlurmSettings) -> Result<Self, SlurmError> {
        let all = &cluster.partitions;
        if let Some(asked) = settings.given.get("partition") {
            let all = asked.split(',').map(|name| find(all, name)).collect::<Result<_, _>>()?;
            return Ok(Self { all, by: By::Name });
        }
        let default: Vec<&Partition> = all.iter().filter(|p| p.is_default).collect();
        Ok(if default.is_empty() {
            Self { all: all.iter().collect(), by: By::Nothing }
        } else {
            Self { all: default, by: By::Default }
        })
    }

    /// Whether jobs wait only until somebody sets a partition up again.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.all.iter().all(|p| p.state != "UP") && self.all.iter().any(|p| p.state == "DOWN")
    }
}

fn is_shut(partition: &Partition) -> bool {
    matches!(partition.state.as_str(), "DRAIN" | "INACTIVE")
}

/// No partition of these takes jobs. One that is down takes them, and lets them wait.
pub fn shut(wanted: &[&Partition], all: &[Partition]) -> Option<SlurmError> {
    let one = wanted.iter().find(|_| wanted.iter().all(|p| is_shut(p)))?;
    let open: Vec<&str> = all.iter().filter(|p| !is_shut(p)).map(|p| p.name.as_str()).collect();
    let hint = match open.join(", ") {
        open if open.is_empty() => "none takes jobs now: `sinfo -s` shows what they are".to_owned(),
        open => format!("take another of: {open}; `sinfo -s` shows what they are"),
    };
    Some(SlurmError::asked(format!("the partition `{}` is {}", one.name, one.state), hint))
}

/// No partition of these allows the time that is asked for.
pub fn too_long(wanted: &[&Partition], settings: &SlurmSettings) -> Option<SlurmError> {
    let seconds = time_seconds(settings)?;
    let allows = |p: &&Partition| p.max_seconds.is_none_or(|most| seconds <= most);
    if wanted.iter().any(allows) {
        return None;
    }
    let longest = wanted.iter().max_by_key(|p| p.max_seconds)?;
    Some(SlurmError::asked(
        format!(
            "`slurm.time` is {}, and the partition `{}` allows {}",
            slurm_time(seconds),
            longest.name,
            slurm_time(longest.max_seconds.unwrap_or(0))
        ),
        "lower it: a task that reaches its limit saves, and goes on in another",
    ))
}

/// There is no default partition: only a site that chooses one itself takes such a job.
pub fn without_default(all: &[Partition]) -> String {
    format!(
        "the cluster has no default partition: set `slurm.partition` to one of: {}, unless the \
         site chooses one by itself",
        names(all)
    )
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

    #[test]
    fn a_partition_that_is_shut_is_not_advised() {
        let part = |name: &str, state: &str| Partition {
            name: name.into(),
            is_default: false,
            state: state.into(),
            max_seconds: None,
            open: true,
        };
        let main = part("main", "DRAIN");
        for (other, expected) in [
            ("UP", "take another of: urgent; `sinfo -s` shows what they are"),
            ("INACTIVE", "none takes jobs now: `sinfo -s` shows what they are"),
        ] {
            let all = [main.clone(), part("urgent", other)];
            let error = shut(&[&all[0]], &all).expect("it is shut");
            assert_eq!(error.hint().as_deref(), Some(expected));
        }
        assert_eq!(shut(&[&part("main", "UP")], &[main]).map(|e| e.to_string()), None);
    }
}
