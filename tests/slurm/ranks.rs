//! Runs that several ranks of a task train together, and tasks of several nodes whose ranks train a
//! run each.
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::blobs::{results, write_blobs};
use crate::cluster::Cluster;
use crate::lives::spec;
use crate::mpi::mpi;
use crate::place::Place;
use crate::sites::profile;
use crate::support::{REPORT, Sandbox};
use crate::training::{signal, workers_below};

/// Two nodes of their own.
fn two_nodes() -> Option<Place> {
    let options = ["--nodes", "2", "--cpus", "4", "--gpus", "0", "--max-array", "11"];
    Cluster::up(&options).map(|cluster| Place::on(Arc::new(cluster)))
}

fn write(here: &Sandbox, epochs: u32, slurm: &str) {
    write_blobs(&here.path().join("blobs"), 300, 40);
    here.write(
        "ranked.yaml",
        format!(
            "name: ranked\ntrain:\n  data: {{set: idx, path: blobs, scale: [-1, 1]}}\n  model: {{layers: 2, width: 16, batch_norm: true}}\n  regularize: {{dropout: 0.1}}\n  precision: f64\n  epochs: {epochs}\n  batch_size: 34\nparameters: {{optimizer.kind: [adam, sgd]}}\nobjective: {{maximize: valid/accuracy}}\ncheckpoint: 1s\nfuse: off\nslurm: {{{slurm}}}\n"
        ),
    );
}

/// Metrics are those of one process, to the last digits.
#[track_caller]
fn agree(on: &Sandbox, alone: &Sandbox) {
    let (on, alone) = (results(on), results(alone));
    assert!(on.keys().eq(alone.keys()), "the same runs");
    for (run, alone) in alone {
        for (metric, value) in alone["metrics"].as_object().unwrap() {
            let (a, b) = (value.as_f64().unwrap(), on[&run]["metrics"][metric].as_f64().unwrap());
            assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{run} {metric}: {a}, {b}");
        }
    }
}

#[test]
fn ranks_on_two_nodes_come_to_what_one_process_does() {
    let (Some(_turn), Some(on)) = (mpi(), two_nodes()) else { return };
    let alone = Sandbox::new();
    write(&alone, 12, "");
    alone.run(["submit", "ranked.yaml", "--local"]).code(0);
    write(&on.here, 12, "ranks: 2, nodes: 2, time: 5m, memory: 1G, canary: true");
    on.run(["submit", "ranked.yaml"]).code(0).says("tries one run first");
    on.drained();
    on.each_ran_once(2);
    agree(&on.here, &alone);
    on.run(["logs", "ranked", "0"]).code(0).says("2 ranks are started by srun --mpi=pmix");
}

/// A site whose `srun` has no PMIx.
#[test]
fn where_srun_knows_no_mpi_mpirun_starts_ranks_on_two_nodes() {
    let (Some(_turn), Some(on)) = (mpi(), two_nodes()) else { return };
    let alone = Sandbox::new();
    write(&alone, 12, "");
    alone.run(["submit", "ranked.yaml", "--local"]).code(0);
    let bin = tempfile::tempdir().unwrap();
    let srun = on.slurm(["sh", "-c", "command -v srun"]).code(0).out;
    let deaf = format!(
        "#!/bin/sh\ncase $1 in --mpi=list) echo none;; *) exec {} \"$@\";; esac\n",
        srun.trim()
    );
    let deaf_srun = bin.path().join("srun");
    std::fs::write(&deaf_srun, deaf).unwrap();
    std::fs::set_permissions(&deaf_srun, std::fs::Permissions::from_mode(0o755)).unwrap();
    let line = format!("export PATH={}:$PATH", bin.path().display());
    // By shared memory ranks of both nodes would take each other's files: they are on one host.
    let btl = "export OMPI_MCA_btl=self,tcp";
    profile(&on, "deaf", &format!("setup:\n  - {line}\n  - {btl}\n"));
    write(&on.here, 12, "ranks: 4, nodes: 2, time: 5m, memory: 1G, site: deaf");
    on.run(["submit", "ranked.yaml"]).code(0);
    on.drained();
    on.run(["logs", "ranked", "0"]).code(0).says("4 ranks are started by mpirun");
    agree(&on.here, &alone);
}

#[test]
fn a_rank_that_dies_and_a_task_that_is_put_back_are_no_end() {
    let (Some(_turn), Some(on)) = (mpi(), two_nodes()) else { return };
    write(&on.here, 300, "ranks: 3, time: 5m, memory: 1G, max_running: 1");
    on.run(["submit", "ranked.yaml"]).code(0);
    on.wait(60, "a checkpoint", || on.here.count("checkpoint") > 0);
    let starts = on.here.count("start");
    signal("-KILL", &workers_below(on.here.path())[1..]);
    let begun = Instant::now();
    on.wait(40, "the run to begin again", || on.here.count("start") > starts);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let deaths = deaths(&on.here);
    assert_eq!(deaths.len(), 1, "{deaths:?}");
    assert_eq!(deaths[0]["cause"], "killed", "{deaths:?}");
    assert!(deaths[0]["how"].as_str().unwrap().contains("rank"), "{deaths:?}");
    let saved = on.here.count("checkpoint");
    on.wait(60, "another checkpoint", || on.here.count("checkpoint") > saved);
    let task = on.queue().iter().find(|row| row.contains("|RUNNING|")).cloned().unwrap();
    let task = task.split('|').take(2).collect::<Vec<_>>().join("_");
    on.slurm(["scontrol", "requeue", &task]).code(0);
    on.drained();
    on.run(["status"]).code(0).says("2 done");
}

/// What tasks have written of the deaths of their workers.
fn deaths(here: &Sandbox) -> Vec<Value> {
    let tasks = here.sweeps().pop().unwrap().join("tasks");
    let folders = std::fs::read_dir(tasks).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let lines = files.flat_map(|file| {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let records = text.lines().filter_map(|line| line.split('\t').next()?.parse().ok());
        records.collect::<Vec<Value>>()
    });
    lines.filter(|record| record["t"] == "died").collect()
}

#[test]
fn ranks_as_slots_train_a_run_each_on_all_nodes_of_a_task() {
    let Some(on) = two_nodes() else { return };
    let body = format!(
        "echo \"$SLURMD_NODENAME\" >> seen; n=0; while [ $(sort -u seen | wc -l) -lt 2 ]; do sleep 0.1; n=$((n+1)); test $n -lt 150 || exit 9; done; sleep 0.5; {REPORT}"
    );
    let slurm = "time: 5m, ranks: 4, nodes: 2, ranks_as: slots, runs_per_task: 8";
    on.here.write("toy.yaml", spec(8, &body, slurm));
    on.run(["submit", "toy.yaml"]).code(0).says("of 1 task\n");
    on.drained();
    on.each_ran_once(8);
    let seen = std::fs::read_to_string(on.here.path().join("seen")).unwrap();
    let runs_of = |node: &str| seen.lines().filter(|line| *line == node).count();
    assert!(runs_of("n1") >= 2 && runs_of("n2") >= 2 && seen.lines().count() == 8, "{seen}");
}
