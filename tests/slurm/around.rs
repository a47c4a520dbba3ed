//! What happens around the arrays of a sweep: a canary, a report, an end that is told, a stop of what is
//! plainly broken, several workers of a task, few files for many runs.
use crate::lives::spec;
use crate::place::place;
use crate::support::{REPORT, script};

#[test]
fn a_canary_goes_first_and_its_death_cancels_the_rest() {
    let Some(on) = place() else { return };
    let body = format!("test -e healed || exit 9; {REPORT}");
    on.here.write("toy.yaml", spec(4, &body, "time: 5m, canary: true, runs_per_task: 1"));
    on.run(["submit", "toy.yaml"]).code(0).says("it tries one run first").says("of 4 tasks");
    on.drained();
    assert!(on.starts().is_empty(), "the arrays never started");
    let status = on.run(["status", "--format", "json"]).code(3).json();
    assert_eq!((&status["counts"]["waiting"], &status["missing"]), (&4.into(), &4.into()));
    on.run(["status"]).says("canary");

    on.here.write("healed", "");
    on.run(["submit", "toy.yaml"]).code(0).says("it tries one run first");
    on.drained();
    on.each_ran_once(4);
    on.run(["status"]).code(0).says("4 done");
}

#[test]
fn a_complete_sweep_is_concluded_once() {
    let Some(on) = place() else { return };
    let text = spec(
        6,
        &format!("case $DLGRID_PARAM_X in 5) test -e healed;; esac && {REPORT}"),
        "time: 5m, runs_per_task: 2",
    );
    let around =
        "after: report\non_complete: [sh, -c, 'echo \"$DLGRID_NAME $DLGRID_REPORT\" >> told']\n";
    on.here.write("toy.yaml", format!("{text}{around}"));
    on.run(["submit", "toy.yaml"]).code(0).says("it concludes the sweep");
    on.drained();
    on.run(["status"]).code(3).says("5 done, 1 failed");
    let sweep = on.here.sweeps().pop().unwrap();
    let told = std::fs::read_to_string(on.here.path().join("told")).unwrap();
    let first = sweep.canonicalize().unwrap().join("report/0001");
    assert_eq!(told, format!("toy {}\n", first.display()));
    for name in ["leaderboard.md", "leaderboard.csv", "leaderboard.json"] {
        assert!(first.join(name).is_file(), "{name}");
    }
    on.here.write("healed", "");
    on.run(["retry"]).code(0);
    on.drained();
    on.run(["status"]).code(0).says("6 done");
    let board = std::fs::read_to_string(sweep.join("report/0002/leaderboard.csv")).unwrap();
    assert_eq!(board.lines().count(), 7);
    assert_eq!(std::fs::read_to_string(on.here.path().join("told")).unwrap(), told, "once");
}

#[test]
fn a_sweep_that_is_plainly_broken_is_stopped_and_goes_on_when_it_is_mended() {
    let Some(on) = place() else { return };
    let body = format!("sleep 0.3; test -e healed || exit 9; {REPORT}");
    let text = spec(30, &body, "time: 5m, runs_per_task: 1, max_running: 2");
    on.here.write("toy.yaml", format!("{text}max_failures: 3\n"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    let status = on.run(["status", "--format", "json"]).code(3).json();
    let failed = status["counts"]["failed"].as_u64().unwrap();
    assert!((3..=6).contains(&failed), "{status:#}");
    on.run(["status"]).code(3).says("`max_failures` is 3");

    on.here.write("healed", "");
    on.run(["retry"]).code(0);
    on.drained();
    on.run(["status"]).code(0).says("30 done");
}

#[test]
fn a_task_with_four_gpus_has_four_workers() {
    let Some(on) = place() else { return };
    let body = format!(
        "echo \"$CUDA_VISIBLE_DEVICES $DLGRID_INTENT\" >> seen; n=0; while [ $(wc -l < seen) -lt 2 ]; do sleep 0.1; n=$((n+1)); test $n -lt 150 || exit 9; done; {REPORT}"
    );
    on.here.write("toy.yaml", spec(4, &body, "time: 5m, gpus: 2, runs_per_task: 4, cpus: 2"));
    on.run(["submit", "toy.yaml"]).code(0).says("of 1 task\n");
    on.drained();
    on.each_ran_once(4);
    let seen = std::fs::read_to_string(on.here.path().join("seen")).unwrap();
    let gpus = |gpu: &str| seen.lines().filter(|line| line.starts_with(gpu)).count();
    assert!(gpus("0 ") >= 1 && gpus("1 ") >= 1 && gpus("0 ") + gpus("1 ") == 4, "{seen}");
    on.run(["efficiency"]).code(0).says("2");
}

#[test]
fn many_short_runs_are_packed_into_few_tasks_and_files() {
    let Some(on) = place() else { return };
    on.here.write("toy.yaml", script(200, REPORT));
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    on.each_ran_once(200);
    let files = walk(&on.here.sweeps().pop().unwrap());
    assert!(files < 200, "{files} files for 200 runs");
    // Now that their length is known, one task is enough for what is left of a wider sweep.
    on.here.write("toy.yaml", script(240, REPORT));
    on.run(["submit", "toy.yaml"]).code(0).says("200 of its runs").says("of 1 task\n");
    on.drained();
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}
