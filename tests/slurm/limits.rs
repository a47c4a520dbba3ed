//! Limits: of an account, of a sweep, of a site that forbids to hold jobs, of time; and parts of a sweep
//! that are cancelled.
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::lives::{COUNTER, spec};
use crate::place::{Place, place};
use crate::support::REPORT;

#[test]
fn what_a_limit_keeps_out_follows_by_itself() {
    let options = [
        "--nodes",
        "2",
        "--gpus",
        "0",
        "--accounting",
        "on",
        "--enforce",
        "associations,limits,qos",
    ];
    let Some(cluster) = Cluster::up(&options) else { return };
    let cluster = Arc::new(cluster);
    for words in [
        &["add", "account", "lab"][..],
        &["add", "user", "root", "account=lab", "defaultaccount=lab"],
        &["modify", "user", "root", "where", "account=lab", "set", "maxsubmitjobs=6"],
    ] {
        cluster.slurm("sacctmgr", &[&["-i"], words].concat());
    }
    let on = Place::on(Arc::clone(&cluster));
    let text = spec(
        14,
        &format!("sleep 0.5; {REPORT}"),
        "account: lab, time: 5m, runs_per_task: 1, max_running: 4",
    );
    on.here.write("toy.yaml", format!("{text}after: report\n"));
    let said = on.run(["submit", "toy.yaml"]).code(0).says("the rest follows by itself");
    assert!(said.err.contains("it submits the rest later"), "{}", said.err);
    on.wait(120, "all to be done", || on.here.count("end") == 14);
    on.drained();
    on.each_ran_once(14);
    let runs = on.intents().into_iter().filter(|intent| intent["kind"] == "runs");
    let shares: Vec<_> = runs.map(|intent| intent["share"].as_u64()).collect();
    assert!(shares.len() > 2 && shares.iter().all(|share| *share == Some(4)), "{shares:?}");
    on.wait(30, "the report", || {
        on.here.sweeps().pop().unwrap().join("report/0001/leaderboard.md").is_file()
    });
    on.drained();

    // What is too long for the quality of service never fits, however few come.
    for words in [
        &["add", "qos", "short", "set", "maxwall=00:02:00", "flags=denyonlimit"][..],
        &["modify", "user", "root", "where", "account=lab", "set", "qos+=short"],
    ] {
        cluster.slurm("sacctmgr", &[&["-i"], words].concat());
    }
    on.here.write(
        "long.yaml",
        text.replace("name: toy", "name: long").replace("time: 5m", "time: 5m, qos: short"),
    );
    let said = on.run(["submit", "long.yaml"]).says("ask for less: lower `slurm.time`");
    assert_ne!(said.code, 0);
    std::fs::remove_dir_all(on.here.sweeps().remove(0)).unwrap();

    // What is known of the limit beforehand packs: all is in at once.
    on.here.write("site.yaml", "limits: {max_submit_jobs: 5}\n");
    on.here.write(
        "packed.yaml",
        text.replace("name: toy", "name: packed").replace(", runs_per_task: 1", ""),
    );
    let said = on.run(["submit", "packed.yaml", "--site", "./site.yaml"]).code(0);
    assert!(said.err.contains("of 4 tasks") && !said.err.contains("limit"), "{}", said.err);
    cluster.slurm("scancel", &["--user=root"]);
}

#[test]
fn how_many_run_can_be_changed_while_they_do() {
    let Some(on) = place() else { return };
    let body = format!("echo +1 >> events; sleep 0.7; {REPORT}; echo -1 >> events");
    on.here.write("toy.yaml", spec(30, &body, "max_running: 6, runs_per_task: 1"));
    on.run(["submit", "toy.yaml"]).code(0);
    assert_eq!(on.jobs().len(), 3);
    on.wait(30, "some to run", || on.starts().len() >= 3);
    on.run(["throttle", "toy", "1"]).code(0).says("may run 1 task at once");
    // Those that run end; from then on one runs at a time.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let before = std::fs::read_to_string(on.here.path().join("events")).unwrap().lines().count();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let text = std::fs::read_to_string(on.here.path().join("events")).unwrap();
    let (mut now, mut most) = (0, 0);
    for (place, event) in text.lines().enumerate() {
        now += event.parse::<i32>().unwrap();
        if place > before {
            most = most.max(now);
        }
    }
    assert!(most <= 1, "{most} ran at once\n{text}");
    on.run(["throttle", "toy", "none"]).code(0).says("all of their tasks");
    on.drained();
    on.each_ran_once(30);
}

#[test]
fn a_site_that_forbids_to_hold_jobs_is_served() {
    let Some(on) = place() else { return };
    on.here.write("site.yaml", "limits: {hold: false}\n");
    on.here.write("toy.yaml", spec(25, REPORT, "time: 5m, runs_per_task: 1"));
    let shown = on.run(["plan", "toy.yaml", "--script", "--site", "./site.yaml"]).code(0).out;
    assert!(!shown.contains("--hold"), "{shown}");
    on.run(["submit", "toy.yaml", "--site", "./site.yaml"]).code(0);
    on.drained();
    on.each_ran_once(25);
}

#[test]
fn a_part_of_a_sweep_is_cancelled_and_put_back() {
    let Some(on) = place() else { return };
    let body = format!("sleep 1; {REPORT}");
    on.here.write("toy.yaml", spec(12, &body, "time: 5m, runs_per_task: 2, max_running: 2"));
    on.run(["submit", "toy.yaml"]).code(0).says("of 6 tasks");
    on.run(["cancel", "--where", "y == 1"]).code(2).says("`y` is no parameter").says("it has: x");
    on.run(["cancel", "--where", "x >= 5"])
        .code(0)
        .says("left out 7 runs; 3 tasks with nothing else");
    on.drained();
    let done: Vec<u64> = on.starts().into_keys().collect();
    assert_eq!(done, [0, 1, 2, 3, 4]);
    let status = on.run(["status", "--format", "json"]).code(0).json();
    assert_eq!(status["counts"]["left_out"], 7, "{status:#}");
    assert_eq!((&status["counts"]["waiting"], &status["missing"]), (&0.into(), &0.into()));
    on.run(["status"]).code(0).says("5 done, 7 left out").says("left out x >= 5");
    on.run(["list"]).code(0).says("7 left out");
    let back = "puts back 1 run that `cancel --where` had left out";
    on.run(["retry", "--where", "x == 7"]).code(0).says(back).says("of 1 task\n");
    on.drained();
    assert_eq!(on.starts().into_keys().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 7]);
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    on.each_ran_once(12);
}

#[test]
fn what_reached_its_time_limit_in_vain_is_retried_with_more_time() {
    let Some(on) = place() else { return };
    on.here.write("site.yaml", "limits: {requeue: false}\n");
    let body = format!("{} {REPORT}", COUNTER.replace("LIMIT", "60"));
    on.here.write("toy.yaml", spec(1, &body, "time: 1m"));
    on.run(["submit", "toy.yaml", "--site", "./site.yaml"]).code(0);
    on.drained();
    let status = on.run(["status", "--format", "json"]).code(3).json();
    assert_eq!(status["counts"]["interrupted"], 1, "{status:#}");
    on.run(["retry", "--oom"]).code(3).says("nothing of that kind");
    on.run(["retry", "--timeout"]).code(0).says("1 slice with 2 min of time (x2)");
    on.drained();
    on.run(["status"]).code(0).says("1 done");
    let log = on.run(["logs", "toy", "0"]).code(0).out;
    assert!(log.contains("start at ") && !log.contains("start at 0"), "it went on: {log}");
}
