//! What Slurm is asked before anything is submitted: it accepts much that can never run.
use super::call::Slurm;
use super::error::SlurmError;
use super::parse::{self, Partition};
use super::script::{slurm_time, time_seconds};
use crate::spec::SlurmSettings;
use crate::spec::mistake::nearest;

/// What a cluster is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Tasks that one array may have: Slurm's limit is on their numbers, from 0.
    pub array: usize,
    /// Its partitions.
    pub partitions: Vec<Partition>,
}

/// Slurm's own limit where its configuration does not say.
pub const USUAL_ARRAY: usize = 1001;

/// Asks what the cluster is like.
///
/// # Errors
/// If Slurm does not answer.
pub fn cluster(slurm: &Slurm) -> Result<Cluster, SlurmError> {
    let config = slurm.config()?;
    Ok(Cluster { array: array_size(&config), partitions: slurm.partitions()? })
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

/// The partitions that are asked for are there, are up, and allow the time.
///
/// # Errors
/// The first that is not so.
pub fn check(cluster: &Cluster, settings: &SlurmSettings) -> Result<(), SlurmError> {
    let all = &cluster.partitions;
    let asked = settings.given.get("partition").map(String::as_str);
    let wanted: Vec<&Partition> = match asked {
        Some(names) => names.split(',').map(|name| find(all, name)).collect::<Result<_, _>>()?,
        None => all.iter().filter(|p| p.is_default).collect(),
    };
    if wanted.is_empty() {
        return Err(SlurmError::asked(
            "the cluster has no default partition",
            format!("set `slurm.partition` to one of: {}", names(all)),
        ));
    }
    if let Some(down) = wanted.iter().find(|_| wanted.iter().all(|p| p.state != "UP")) {
        return Err(SlurmError::asked(
            format!("the partition `{}` is {}", down.name, down.state),
            format!("take another of: {}; `sinfo -s` shows what they are", names(all)),
        ));
    }
    let Some(seconds) = time_seconds(settings) else { return Ok(()) };
    let allows = |p: &&Partition| p.max_seconds.is_none_or(|most| seconds <= most);
    if wanted.iter().any(allows) {
        return Ok(());
    }
    let most = wanted.iter().filter_map(|p| p.max_seconds).max().unwrap_or(0);
    Err(SlurmError::asked(
        format!(
            "`slurm.time` is {}, and the partition `{}` allows {}",
            slurm_time(seconds),
            wanted[0].name,
            slurm_time(most)
        ),
        "lower it: a task that reaches its limit saves, and goes on in another",
    ))
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

    fn cluster() -> Cluster {
        let partitions = parse::partitions(
            "PartitionName=gpu Default=YES MaxTime=1-00:00:00 State=UP\nPartitionName=long Default=NO MaxTime=UNLIMITED State=UP\nPartitionName=old Default=NO MaxTime=UNLIMITED State=DOWN\n",
        );
        Cluster { array: 11, partitions }
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
    fn partitions_and_times_are_checked() {
        assert_eq!(fact(None, Some("1d")), None);
        assert_eq!(fact(Some("gpu,long"), Some("2d")), None);
        assert_eq!(fact(Some("gpu,old"), None), None, "one of them is up");
        let (fact_, hint) = fact(Some("gpuu"), None).expect("refused");
        assert_eq!(fact_, "the cluster has no partition `gpuu`");
        assert_eq!(hint, "did you mean `gpu`? there are: gpu, long, old");
        assert_eq!(fact(Some("old"), None).expect("refused").0, "the partition `old` is DOWN");
        let told = fact(None, Some("25h")).expect("refused").0;
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
}
