//! The stages of a sweep on Slurm: begun by a job, without anyone.
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
