//! The stages of a sweep on Slurm: begun by a job, without anyone.
use crate::blobs::write_blobs;
use crate::lives::spec;
use crate::place::place;
use crate::support::REPORT;

#[test]
fn the_best_are_confirmed_by_themselves_once_the_search_is_complete() {
    let Some(on) = place() else { return };
    let slurm = spec(4, REPORT, "time: 5m, runs_per_task: 1");
    on.here.write("toy.yaml", format!("{slurm}confirm: {{top: 2, seeds: 3}}\n"));
    on.run(["submit", "toy.yaml"]).code(0).says("it concludes the sweep");
    let ended = || {
        let status = on.run(["status", "toy"]);
        status.out.contains("6 of 6 runs ended, on Slurm")
    };
    on.wait(120, "the stage to end", ended);
    on.drained();
    let report = on.run(["report", "toy", "--format", "json"]).code(0).json();
    assert_eq!(report["sweep"]["name"], "toy/confirm");
    assert_eq!(report["counts"]["done"], 6);
    assert_eq!(report["rows"][0]["objective"]["n"], 3);
    on.run(["submit", "toy.yaml"]).code(0).says("6 of 6 runs done");
    assert!(on.queue().is_empty(), "{:?}", on.queue());
}

#[test]
fn what_can_not_learn_is_found_by_the_canary_and_nothing_of_it_is_trained() {
    let Some(on) = place() else { return };
    if cfg!(not(feature = "torch")) {
        eprintln!("skipped: no worker");
        return;
    }
    write_blobs(&on.here.path().join("blobs"), 200, 40);
    let spec = |rates: &str| {
        format!(
            "name: toy\ntrain:\n  data: {{set: idx, path: blobs}}\n  model: {{layers: 1, width: 32}}\n  epochs: 1\n  batch_size: 32\nparameters: {{optimizer.lr: [{rates}]}}\nsanity: true\nslurm: {{time: 5m}}\n"
        )
    };
    on.here.write("toy.yaml", spec("1.0e-9, 0.01"));
    on.run(["submit", "toy.yaml"]).code(0).says("it tries one run first");
    on.drained();
    // Slurm 22.05 loses the script of a job now and then, which is told, and put back.
    for _ in 0..3 {
        if on.run(["status", "toy"]).says("canary").out.contains("gone without a word") {
            on.run(["retry", "toy"]).code(0);
            on.drained();
        }
    }
    assert_eq!(on.here.count("end"), 0);
    on.run(["status", "toy"]).says("can't learn one batch");
    on.here.write("toy.yaml", spec("0.02, 0.01"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(120, "the sound sweep to end", || on.here.count("end") == 2);
}

#[test]
fn a_finish_runs_on_slurm_and_opens_the_test_set_there() {
    let Some(on) = place() else { return };
    if cfg!(not(feature = "torch")) {
        eprintln!("skipped: no worker");
        return;
    }
    write_blobs(&on.here.path().join("blobs"), 400, 80);
    on.here.write(
        "toy.yaml",
        "name: toy\ntrain:\n  data: {set: idx, path: blobs}\n  model: {layers: 1, width: 16}\n  epochs: 6\n  batch_size: 16\nparameters: {optimizer.lr: [0.003, 1e-6]}\nslurm: {time: 5m}\n",
    );
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    on.run(["finish", "toy", "--seeds", "2"]).code(0).says("submitted array");
    let report = || on.run(["report", "toy", "--format", "json"]).code(0).json();
    on.wait(120, "the finish to end", || report()["openings"][0]["done"] == 2);
    let opened = &report()["openings"][0];
    assert!(opened["results"][0]["mean"].as_f64().unwrap() > 0.95, "{opened:#}");
}
