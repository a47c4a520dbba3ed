//! The stages of a sweep: the best again on fresh seeds; the finish is tested where runs are trained.
use crate::faults::signal;
use crate::support::{REPORT, Sandbox, script};

fn confirmed(body: &str) -> String {
    format!("{}seeds: 2\nconfirm: {{top: 2, seeds: 3}}\n", script(4, body))
}

#[test]
fn the_best_are_run_again_on_fresh_seeds_and_rank() {
    let here = Sandbox::new();
    // On the seeds of the search 0 is best, on others 1 is.
    let body = "echo \"{\\\"loss\\\": $(( DLGRID_SEED < 2 ? DLGRID_PARAM_X : \
                (DLGRID_PARAM_X - 1) * (DLGRID_PARAM_X - 1) ))}\" >> \"$DLGRID_METRICS\"";
    here.write("toy.yaml", confirmed(body));
    here.run(["submit", "toy.yaml"])
        .code(0)
        .says("8 of 8 runs done")
        .says("begins the stage `toy/confirm`: 2 trials × 3 seeds = 6 runs")
        .says("toy-")
        .says("/confirm: 6 of 6 runs done");
    let report = here.run(["report", "toy", "--format", "json"]).code(0).json();
    assert_eq!(report["sweep"]["name"], "toy/confirm");
    assert_eq!(report["rows"].as_array().unwrap().len(), 2);
    assert_eq!(report["rows"][0]["parameters"]["x"], 1);
    assert_eq!(report["rows"][0]["objective"]["n"], 3);
    let search = here.run(["report", "toy", "--search", "--format", "json"]).code(0).json();
    assert_eq!(search["rows"][0]["parameters"]["x"], 0);
    assert_eq!(search["rows"].as_array().unwrap().len(), 4);
    here.run(["status", "toy"]).code(0).says("confirm").says("6 of 6 runs ended");
    here.run(["status", "toy/confirm"]).code(0).says("6 of 6 runs ended");
    here.run(["logs", "toy/confirm", "0"]).code(0);
    here.run(["submit", "toy.yaml"]).code(0).says("going on with the stage `toy/confirm`");
    assert_eq!(here.count("end"), 8, "nothing of the search is run twice");
}

#[test]
fn a_stage_that_is_cut_short_goes_on_as_it_was_chosen() {
    let here = Sandbox::new();
    // The stage's first run waits until it is stopped.
    let body = format!("[ $DLGRID_SEED -lt 2 ] || [ -e \"$PWD/go\" ] || sleep 60; {REPORT}");
    here.write("toy.yaml", confirmed(&body));
    let child = here.start(["submit", "toy.yaml", "--slots", "1"]);
    let stage = || here.sweeps().first().map(|sweep| sweep.join("confirm/seg"));
    here.wait("the stage to begin", || stage().is_some_and(|seg| seg.exists()));
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(&child, "INT");
    let said = child.wait_with_output().unwrap();
    assert_eq!(said.status.code(), Some(6), "{}", String::from_utf8_lossy(&said.stderr));
    here.write("go", "");
    here.run(["submit", "toy.yaml"]).code(0).says("going on with the stage").says("6 of 6");
}

#[test]
fn a_cancel_of_a_sweep_stops_the_stage_that_is_at_work() {
    let here = Sandbox::new();
    let body = format!("[ $DLGRID_SEED -lt 2 ] || sleep 60; {REPORT}");
    here.write("toy.yaml", confirmed(&body));
    let child = here.start(["submit", "toy.yaml", "--slots", "1"]);
    let stage = || here.sweeps().first().map(|sweep| sweep.join("confirm/seg"));
    here.wait("the stage to begin", || stage().is_some_and(|seg| seg.exists()));
    here.run(["cancel", "toy"]).code(0).says("stopped `toy-").says("/confirm`");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(6));
    here.run(["cancel", "toy"]).code(0).says("nothing works on `toy-");
}

#[test]
fn what_can_not_be_confirmed_or_finished_is_told() {
    let here = Sandbox::new();
    here.write("toy.yaml", confirmed("exit 3"));
    here.run(["submit", "toy.yaml"]).code(3).says("there is nothing to confirm");
    here.run(["report", "toy/confirm"]).code(2).says("`toy` has no stage `confirm`");
    here.run(["finish", "toy"]).code(2).says("is for `train`");
    here.write("x.yaml", format!("{}stage: {{kind: finish, of: x}}\n", script(2, REPORT)));
    here.run(["check", "x.yaml"]).code(2).says("written by dlgrid alone");
}
