//! Tasks that die with their node or for want of memory, and what is asked of Slurm about them.
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::lives::{COUNTER, spec};
use crate::place::{Place, place};
use crate::support::{REPORT, Said};

#[test]
fn what_ran_on_a_node_that_died_comes_back_on_another() {
    let small = ["--nodes", "2", "--cpus", "2", "--gpus", "0", "--max-array", "11"];
    let options = [small.as_slice(), &["--conf", "SlurmdTimeout=5"]].concat();
    let Some(cluster) = Cluster::up(&options) else { return };
    let cluster = Arc::new(cluster);
    let on = Place::on(Arc::clone(&cluster));
    on.here.write("toy.yaml", spec(4, &format!("{} {REPORT}", COUNTER.replace("LIMIT", "6")), ""));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(30, "all to run", || on.starts().len() == 4);
    std::thread::sleep(Duration::from_millis(2500));
    let places = on.slurm(["squeue", "-h", "-r", "-t", "R", "-o", "%K %N"]).code(0).out;
    let dying: Vec<u64> =
        places.lines().filter_map(|row| row.strip_suffix(" n1")?.parse().ok()).collect();
    assert_eq!(dying.len(), 2, "{places}");

    cluster.act("kill", &["n1"]);
    on.wait(60, "their tasks to wait", || {
        on.queue().iter().filter(|row| row.contains("|PENDING|")).count() == 2
    });
    on.drained();
    on.run(["status"]).code(0).says("4 done");
    on.run(["report"]).code(0);
    let expected = (0..4).map(|run| (run, if dying.contains(&run) { 2 } else { 1 }));
    assert_eq!(on.starts(), expected.collect());
    assert_eq!(on.jobs().len(), 1, "nobody submitted anything again");
    let again = on.run(["logs", "toy", &dying[0].to_string()]).code(0).out;
    let begun: Vec<u32> =
        again.lines().filter_map(|l| l.strip_prefix("start at ")?.parse().ok()).collect();
    assert!(begun.last() > Some(&0), "it went on where it was: {again}");
}

/// Four runs, two of which want more memory than their task has: of one, a child of the program
/// does, and the program sees it die; of the other, the program itself does.
fn two_of_four_want_too_much(memory_limit: &str) {
    let small = ["--nodes", "1", "--gpus", "0", "--max-array", "11", "--memory-limit"];
    let options = [small.as_slice(), &[memory_limit]].concat();
    let Some(cluster) = Cluster::up(&options) else { return };
    let on = Place::on(Arc::new(cluster));
    // `tail` keeps what has no line ends; slurmd looks once a second only.
    let much = "{ head -c 500000000 /dev/zero; sleep 5; }";
    let body = format!(
        "case $DLGRID_PARAM_X in 1) {much} | tail > /dev/null || exit 9;; 2) {REPORT}; mkfifo much 2>/dev/null; {much} > much & exec tail < much > /dev/null;; esac; {REPORT}"
    );
    let text = spec(4, &body, "time: 5m, memory: 200M, runs_per_task: 1");
    on.here.write("toy.yaml", format!("{text}retry: {{on: {{oom: {{memory: x4}}}}}}\n"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    let status = on.run(["status", "--format", "json"]).code(3).json();
    let counts = &status["counts"];
    assert_eq!(counts["done"], 2, "{status:#}");
    let ended_badly: u64 = ["failed", "lost"].iter().filter_map(|k| counts[k].as_u64()).sum();
    assert_eq!(ended_badly, 2, "{status:#}");
    let report = on.run(["report", "--format", "json"]).code(3).json();
    assert_eq!(report["counts"]["done"], 2, "{report:#}");
    let causes = report["failures"].as_array().unwrap();
    assert!(causes.iter().all(|c| c["kind"] == "memory"), "{causes:#?}");
    on.run(["status"]).code(3).says("2 done").says("out of memory").says("n1");

    // With four times as much they have enough; nothing else runs again.
    on.run(["retry", "--timeout"]).code(3).says("nothing of that kind");
    on.run(["retry", "--oom"]).code(0).says("2 slices with 800 MiB of memory (x4)");
    on.drained();
    on.run(["status"]).code(0).says("4 done");
    assert_eq!(on.starts().into_values().collect::<Vec<_>>(), [1, 2, 2, 1]);
}

#[test]
fn runs_that_want_too_much_memory_die_alone_where_the_kernel_looks() {
    two_of_four_want_too_much("cgroup");
}

#[test]
fn runs_that_want_too_much_memory_die_alone_where_slurmd_looks() {
    two_of_four_want_too_much("poll");
}

/// Programs before Slurm's own that write down each call.
fn overheard(on: &Place) -> PathBuf {
    let folder = on.here.path().join("shim");
    std::fs::create_dir_all(&folder).unwrap();
    for program in ["sacct", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "sacctmgr"] {
        let text = format!(
            "#!/bin/bash\necho {program} >> \"${{0%/*}}/../calls\"\nPATH=${{PATH#*:}}\nexec {program} \"$@\"\n"
        );
        let file = folder.join(program);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn accounting_is_never_asked_and_the_queue_once() {
    let Some(on) = place() else { return };
    let shim = overheard(&on);
    let path = format!("{}:{}", shim.display(), std::env::var("PATH").unwrap());
    let calls = |words: &[&str]| {
        let file = on.here.path().join("calls");
        drop(std::fs::remove_file(&file));
        let mut command = on.command([]);
        Said::from(command.args(words).env("PATH", &path).output().unwrap()).code(0);
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    on.here.write("toy.yaml", spec(2, &format!("sleep 3; {REPORT}"), "time: 5m"));
    let asked = calls(&["submit", "toy.yaml"]);
    assert!(asked.contains(&"sbatch".to_owned()), "{asked:?}");
    assert!(!asked.iter().any(|program| program.starts_with("sacct")), "{asked:?}");
    let reading: [&[&str]; 3] = [&["status"], &["report"], &["list"]];
    for queued in [true, false] {
        for words in reading {
            assert_eq!(calls(words), ["squeue"], "{words:?}, while it is in the queue: {queued}");
            let blind = [words, &["--no-slurm"]].concat();
            assert!(calls(&blind).is_empty(), "{blind:?}");
        }
        on.drained();
    }
}
