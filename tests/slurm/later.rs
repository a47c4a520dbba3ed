//! What is done to a sweep after it was submitted, and what it submits by itself later: throttled, stopped in part,
//! put back in the middle of a retry, kept out by a limit.
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::lives::spec;
use crate::place::{Place, place};
use crate::support::REPORT;

/// What each array waits for, of those that have tasks that wait.
fn dependencies(on: &Place) -> Vec<String> {
    let said = on.slurm(["squeue", "-h", "-t", "PD", "-o", "%F %E"]).code(0);
    let is_ours = |line: &&str| on.jobs().iter().any(|job| line.starts_with(&format!("{job} ")));
    let after = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    said.out.lines().filter(is_ours).map(after).collect()
}

#[test]
fn arrays_that_are_partly_done_are_throttled_more_and_less() {
    let Some(on) = place() else { return };
    on.here.write(
        "toy.yaml",
        spec(22, &format!("sleep 2; {REPORT}"), "max_running: 4, runs_per_task: 1"),
    );
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(60, "some to end", || on.here.count("end") >= 4);
    on.run(["throttle", "toy", "1"]).code(0);
    assert!(dependencies(&on).iter().any(|on| on.contains("afterany")), "{:?}", dependencies(&on));
    on.run(["throttle", "toy", "none"]).code(0);
    let free = dependencies(&on);
    assert!(free.iter().all(|on| on == "(null)"), "{free:?}");
    on.drained();
    on.each_ran_once(22);
}

#[test]
fn a_run_that_failed_again_is_not_tried_once_more_when_its_task_is_put_back() {
    let Some(on) = place() else { return };
    let body = format!(
        "case $DLGRID_PARAM_X in 0) exit 9;; 1) test -e again && sleep 6;; esac; \
         test -e again || exit 8; {REPORT}"
    );
    on.here.write("toy.yaml", spec(2, &body, "time: 5m, runs_per_task: 2"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    on.here.write("again", "");
    on.run(["retry"]).code(0);
    on.wait(60, "the second run to be tried again", || on.starts().get(&1) == Some(&2));
    let job = on.jobs()[1];
    on.slurm(["scontrol", "requeue", &format!("{job}_0")]).code(0);
    on.wait(60, "it to begin once more", || on.starts().get(&1) == Some(&3));
    on.drained();
    on.run(["status"]).code(3).says("1 done, 1 failed");
    assert_eq!(on.starts()[&0], 2, "the first run had its turn");
}

#[test]
fn what_a_retry_trains_again_is_not_cancelled_with_other_runs() {
    let Some(on) = place() else { return };
    let body = format!(
        "case $DLGRID_PARAM_X in 0) test -e again || exit 9; sleep 5;; 1) sleep 4;; esac; {REPORT}"
    );
    on.here.write("toy.yaml", spec(2, &body, "time: 5m, runs_per_task: 2"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(60, "the second run", || on.starts().contains_key(&1));
    on.run(["cancel"]).code(0);
    on.drained();
    on.here.write("again", "");
    on.run(["retry"]).code(0);
    on.wait(60, "the first run to be tried again", || on.starts().get(&0) == Some(&2));
    on.run(["cancel", "toy", "--where", "x == 1"]).code(0).says("0 tasks with nothing else");
    on.drained();
    on.run(["status"]).says("1 done");
    let log = on.run(["logs", "toy", "0"]).code(0).out;
    assert!(log.contains("Done"), "{log}");
}

#[test]
fn a_submission_that_is_killed_before_its_last_job_is_made_whole_by_the_next() {
    let Some(on) = place() else { return };
    let real = on.slurm(["sh", "-c", "command -v sbatch"]).code(0).out;
    let kills = format!(
        "#!/bin/sh\ncase \"$*\" in *--dependency=afterany*) kill -9 $PPID; exit 1;; esac\nexec {} \"$@\"\n",
        real.trim()
    );
    let bin = on.here.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("sbatch"), kills).unwrap();
    std::fs::set_permissions(bin.join("sbatch"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let spec = spec(3, &format!("sleep 20; {REPORT}"), "time: 5m, runs_per_task: 1");
    on.here.write("toy.yaml", format!("{spec}after: report\n"));
    let mut killed = on.command(["submit", "toy.yaml"]);
    killed.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
    assert_eq!(killed.output().unwrap().status.code(), None, "it was killed");
    on.run(["submit", "toy.yaml"]).code(0).says("concludes the sweep");
    on.run(["submit", "toy.yaml"]).code(0).says("3 of 3 slices were in the queue");
    on.drained();
    on.each_ran_once(3);
    let sweep = on.here.sweeps().pop().unwrap();
    assert!(sweep.join("report/0001/leaderboard.md").is_file());
}

#[test]
fn tasks_of_other_runs_wait_on_when_some_are_left_out() {
    let Some(on) = place() else { return };
    let settings = "max_running: 1, runs_per_task: 1, time: 5m";
    on.here.write("toy.yaml", spec(9, &format!("sleep 1; {REPORT}"), settings));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(60, "one to end", || on.here.count("end") >= 1);
    let said = on.run(["cancel", "toy", "--where", "x == 6 or x == 8"]).code(0);
    said.says("left out 2 runs; 2 tasks with nothing else");
    on.drained();
    let ran: Vec<u64> = on.starts().into_keys().collect();
    assert_eq!(ran, [0, 1, 2, 3, 4, 5, 7]);
}

/// A place where nobody may have more than so many tasks in the queue.
fn limited(most: u32) -> Option<Place> {
    let options =
        ["--max-array", "11", "--accounting", "on", "--enforce", "associations,limits,qos"];
    let on = Place::on(Arc::new(Cluster::up(&options)?));
    let user = on.slurm(["id", "-un"]).code(0).out;
    let (user, most) = (user.trim().to_owned(), format!("maxsubmit={most}"));
    on.slurm(["sacctmgr", "-i", "modify", "user", &user, "set", &most]).code(0);
    Some(on)
}

#[test]
fn what_a_limit_keeps_out_obeys_what_was_ordered_and_a_canary_that_fails_stops_it_all() {
    let Some(on) = limited(8) else { return };
    let kinds = |on: &Place, kind: &str| on.intents().iter().filter(|i| i["kind"] == kind).count();
    on.here.write("toy.yaml", spec(20, "exit 7", "canary: true, runs_per_task: 1, time: 5m"));
    on.run(["submit", "toy.yaml"]).code(0).says("the rest follows by itself");
    on.drained();
    assert_eq!(kinds(&on, "canary"), 1);
    assert_eq!(on.here.count("start"), 0, "nothing was begun");
    std::fs::remove_dir_all(on.here.sweeps().pop().unwrap()).unwrap();

    // None ends, and makes room, before all is ordered.
    let body = format!("until test -e ordered; do sleep 0.2; done; {REPORT}");
    on.here.write("toy.yaml", spec(20, &body, "runs_per_task: 1, time: 5m"));
    on.run(["submit", "toy.yaml"]).code(0).says("the rest follows by itself");
    on.here.write("other.yaml", spec(2, &body, "runs_per_task: 1").replace("toy", "other"));
    on.run(["submit", "other.yaml"]).code(0).says("`dlgrid submit` again adds the rest");
    on.run(["cancel", "toy", "--where", "x >= 10"]).code(0).says("left out 10 runs");
    on.here.write("ordered", "");
    on.drained();
    let done = on.run(["report", "toy", "--format", "json"]).json();
    assert_eq!(done["counts"]["done"], 10, "{}", done["counts"]);
}
