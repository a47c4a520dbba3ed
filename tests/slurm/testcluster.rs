//! The test cluster itself: two side by side, a daemon that dies, and nothing left at the end.
use std::time::Duration;

use crate::cluster::Cluster;

#[test]
fn two_clusters_run_side_by_side_and_survive_a_killed_slurmctld() {
    let Some(first) = Cluster::up(&["--nodes", "1", "--gpus", "0", "--max-array", "11"]) else {
        return;
    };
    let Some(second) = Cluster::up(&["--nodes", "1", "--gpus", "0"]) else { return };
    let job = first
        .slurm("sbatch", &["--parsable", "--array=0-3", "-o", "task.%a", "--wrap", "echo here"]);
    first.wait("an array", Duration::from_secs(60), || {
        let states = first.states(&job);
        states.len() == 4 && states.iter().all(|(_, state)| state == "COMPLETED")
    });
    let tasks: Vec<usize> = first.states(&job).into_iter().map(|(task, _)| task).collect();
    assert_eq!(tasks, [0, 1, 2, 3]);
    assert_eq!(std::fs::read_to_string(first.dir().join("task.3")).unwrap(), "here\n");
    assert_eq!(
        second.slurm("squeue", &["-h", "-t", "all"]),
        "",
        "the second knows nothing of the first"
    );

    let job = first.slurm("sbatch", &["--parsable", "-o", "/dev/null", "--wrap", "sleep 3"]);
    first.wait("its start", Duration::from_secs(30), || {
        first.slurm("squeue", &["-h", "-j", &job, "-o", "%t"]) == "R"
    });
    first.act("stop", &["slurmctld"]);
    first.act("start", &["slurmctld"]);
    first.wait("its end", Duration::from_secs(60), || {
        first.slurm("squeue", &["-h", "-t", "all", "-j", &job, "-o", "%T"]) == "COMPLETED"
    });

    first.act("kill", &["slurmctld"]);
    let mark = format!("DLGRID_TESTCLUSTER={}", first.dir().display());
    assert!(carriers(&mark) > 0, "munged and slurmd live on without slurmctld");
    drop(first);
    assert_eq!(carriers(&mark), 0, "processes are left");
    assert!(
        second.slurm("scontrol", &["ping"]).contains("UP"),
        "the second is not touched by the end of the first"
    );
}

/// How many processes carry this variable.
fn carriers(mark: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let environments =
        processes.filter_map(|process| std::fs::read(process.path().join("environ")).ok());
    environments
        .filter(|text| text.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()))
        .count()
}
