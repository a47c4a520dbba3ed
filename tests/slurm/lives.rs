//! Whole lives of sweeps on Slurm: completed, cancelled, timed out, put back, tried again.
use std::time::Duration;

use crate::answers::put_before;
use crate::place::place;
use crate::support::{REPORT, Said, script};

pub fn spec(runs: u32, body: &str, slurm: &str) -> String {
    format!("{}slurm: {{{slurm}}}\n", script(runs, body))
}

#[test]
fn a_sweep_completes_each_run_once_in_the_least_number_of_arrays() {
    let Some(on) = place() else { return };
    on.here.write("toy.yaml", spec(64, REPORT, "time: 5m, runs_per_task: 1"));
    let said = on.run(["submit", "toy.yaml"]).code(0);
    assert_eq!(said.err.matches("submitted array").count(), 6, "{}", said.err);
    on.drained();
    on.each_ran_once(64);
    assert_eq!(on.files("fate").len(), 6);
    on.run(["submit", "toy.yaml"]).code(0).says("64 of 64 runs done");
    assert_eq!(on.files("intent").len(), 6, "nothing was left to submit");
    on.run(["status"]).code(0).says("64 done");
    on.run(["logs", "toy", "40"]).code(0).says("well");
}

#[test]
fn what_waits_and_runs_is_seen_with_slurms_reason_and_without_slurm() {
    let Some(on) = place() else { return };
    on.here.write(
        "toy.yaml",
        spec(6, &format!("sleep 4; {REPORT}"), "max_running: 2, runs_per_task: 1"),
    );
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(30, "two tasks at work", || on.starts().len() == 2);
    let status = on.run(["status", "--format", "json"]).code(0).json();
    assert_eq!(status["counts"]["running"], 2, "{status:#}");
    assert_eq!(status["slurm"][0]["running"], 2);
    assert_eq!(status["slurm"][0]["waiting"], 4);
    assert!(status["slurm"][0]["reasons"][0].as_str().unwrap().contains("max_running"));
    assert_eq!(status["missing"], 0);
    on.run(["status"]).code(0).says("2 running, 4 waiting: as many run as `max_running` allows");
    let blind = on.run(["status", "--no-slurm", "--format", "json"]).code(0).json();
    assert_eq!(blind["slurm"].as_array().unwrap().len(), 0);
    on.run(["list"]).code(0).says("running");
    on.run(["submit", "toy.yaml", "--local"]).code(5).says("dlgrid cancel toy");
    on.drained();
    on.each_ran_once(6);
    let mut lost = on.command(["status"]);
    lost.env("SLURM_CONF", "/nonexistent/slurm.conf");
    let lost = crate::support::Said::from(lost.output().unwrap()).code(0);
    assert!(lost.err.contains("what runs is not known"), "{}", lost.err);
}

#[test]
fn never_do_more_tasks_run_than_may_across_arrays() {
    let Some(on) = place() else { return };
    let body = format!("echo +1 >> events; sleep 0.5; {REPORT}; echo -1 >> events");
    on.here.write("toy.yaml", spec(30, &body, "max_running: 2, runs_per_task: 1"));
    on.run(["submit", "toy.yaml"]).code(0);
    assert_eq!(on.jobs().len(), 3);
    on.drained();
    on.each_ran_once(30);
    let events = std::fs::read_to_string(on.here.path().join("events")).unwrap();
    let (mut now, mut most) = (0, 0);
    for event in events.lines() {
        now += event.parse::<i32>().unwrap();
        most = most.max(now);
    }
    assert_eq!(most, 2);
}

#[test]
fn a_cancelled_task_is_missing_until_it_is_submitted_again() {
    let Some(on) = place() else { return };
    on.here.write("toy.yaml", spec(5, &format!("sleep 3; {REPORT}"), "time: 5m"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(30, "all to run", || on.starts().len() == 5);
    let job = on.jobs()[0];
    on.slurm(["scancel", &format!("{job}_2")]).code(0);
    on.drained();
    let status = on.run(["status", "--format", "json"]).code(3).json();
    assert_eq!((&status["counts"]["done"], &status["missing"]), (&4.into(), &1.into()));
    on.run(["submit", "toy.yaml"]).code(0).says("of 1 task\n");
    on.drained();
    on.run(["status"]).code(0).says("5 done");
    let starts: Vec<usize> = on.starts().into_values().collect();
    assert_eq!(starts, [1, 1, 2, 1, 1]);
}

#[test]
fn a_cancelled_sweep_leaves_the_queue_alone_and_goes_on_later() {
    let Some(on) = place() else { return };
    let foreign = on.slurm(["sbatch", "--parsable", "--hold", "--wrap", "true"]).code(0).out;
    on.here.write("toy.yaml", spec(20, &format!("sleep 1; {REPORT}"), "max_running: 4"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(30, "some to end", || on.here.count("end") >= 4);
    on.run(["cancel"]).code(0).says("cancelled array");
    on.drained();
    assert_eq!(on.slurm(["squeue", "-h", "-j", foreign.trim(), "-o", "%T"]).out.trim(), "PENDING");
    on.slurm(["scancel", foreign.trim()]);
    let ended = on.here.count("end");
    assert!(ended < 20);
    on.run(["cancel"]).code(0).says("nothing works on");
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    on.run(["status"]).code(0).says("20 done");
    assert_eq!(on.here.count("end"), 20, "no run that had ended ran again");
}

#[test]
fn failed_runs_alone_are_retried() {
    let Some(on) = place() else { return };
    let body = format!("case $DLGRID_PARAM_X in 1|3) test -e healed || exit 9;; esac; {REPORT}");
    on.here.write("toy.yaml", spec(5, &body, "time: 5m, runs_per_task: 1"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    on.run(["status"]).code(3).says("2 failed");
    on.run(["submit", "toy.yaml"]).code(3).says("dlgrid retry toy");
    on.here.write("healed", "");
    on.run(["retry"]).code(0).says("of 2 tasks");
    on.drained();
    on.run(["status"]).code(0).says("5 done");
    assert_eq!(on.starts().into_values().collect::<Vec<_>>(), [1, 2, 1, 2, 1]);
}

/// Counts seconds to LIMIT in a file that outlives it, and stops when asked to.
pub const COUNTER: &str = r#"mkdir -p "$DLGRID_CHECKPOINTS"; f="$DLGRID_CHECKPOINTS/n"; trap "exit 0" TERM; n=$(cat "$f" 2>/dev/null || echo 0); echo start at $n >&2; while [ $n -lt LIMIT ]; do sleep 1 & wait $!; n=$((n+1)); echo $n > "$f.new"; mv "$f.new" "$f"; done;"#;

#[test]
fn a_task_whose_time_is_over_saves_and_goes_on_by_itself() {
    let Some(on) = place() else { return };
    let body = format!("{} {REPORT}", COUNTER.replace("LIMIT", "55"));
    on.here.write("toy.yaml", spec(1, &body, "time: 1m"));
    // The controller does not answer when the task asks for the first time.
    let silence = "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1";
    let path = put_before(&on, "scontrol", "requeue", silence, "0");
    let mut submit = on.command(["submit", "toy.yaml"]);
    Said::from(submit.env("PATH", path).output().unwrap()).code(0);
    on.drained();
    assert!(on.here.path().join("used").exists());
    let log = on.run(["logs", "toy", "0"]).code(0).out;
    assert_eq!(on.run(["status"]).code, 0, "{log}");
    assert!(log.contains("time is nearly over: put back into the queue"), "{log}");
    assert!(log.contains(", start 2"), "{log}");
    let begun: Vec<u32> =
        log.lines().filter_map(|l| l.strip_prefix("start at ")?.parse().ok()).collect();
    assert!(begun.len() >= 2 && begun[0] == 0 && begun[1] > 5, "it went on where it was: {log}");
}

#[test]
fn a_requeued_task_goes_on_and_shows_as_interrupted_meanwhile() {
    let Some(on) = place() else { return };
    let body = format!("{} {REPORT}", COUNTER.replace("LIMIT", "4"));
    on.here.write("toy.yaml", spec(3, &body, "time: 5m"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(30, "all to run", || on.starts().len() == 3);
    std::thread::sleep(Duration::from_millis(1500));
    // The last task has the number of the whole array: only the pair of numbers means it alone.
    on.slurm(["scontrol", "requeue", &format!("{}_2", on.jobs()[0])]).code(0);
    on.wait(30, "it to wait", || on.queue().iter().any(|row| row.contains("|2|PENDING")));
    let status = on.run(["status", "--format", "json"]).code(0).json();
    assert_eq!(status["counts"]["interrupted"], 1, "{status:#}");
    on.run(["submit", "toy.yaml"]).code(0).says("were in the queue");
    on.drained();
    on.run(["status"]).code(0).says("3 done");
    assert_eq!(on.starts().into_values().collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(on.files("intent").len(), 1);
}

#[test]
fn nothing_of_the_callers_slurm_or_secrets_reaches_a_job() {
    let Some(on) = place() else { return };
    let body = format!("env > env.$DLGRID_PARAM_X; {REPORT}");
    on.here.write("toy.yaml", spec(2, &body, "time: 5m, env: [MY_MODE]"));
    let mut submit = on.command(["submit", "toy.yaml"]);
    for (name, value) in [
        ("SBATCH_PARTITION", "nowhere"),
        ("SBATCH_ARRAY_INX", "1-9"),
        ("SBATCH_JOB_NAME", "stolen"),
        ("SLURM_JOB_ID", "77"),
        ("SLURM_CPU_BIND", "none"),
        ("PMI_RANK", "3"),
        ("OMPI_COMM_WORLD_RANK", "3"),
        ("SQUEUE_FORMAT", "%A"),
        ("MY_SECRET", "hunter2"),
        ("MY_MODE", "a,b=c"),
        ("PYTHONPATH", "/some where"),
    ] {
        submit.env(name, value);
    }
    crate::support::Said::from(submit.output().unwrap()).code(0);
    on.drained();
    on.each_ran_once(2);
    let env = std::fs::read_to_string(on.here.path().join("env.0")).unwrap();
    for absent in ["hunter2", "SLURM_CPU_BIND=none", "PMI_RANK", "OMPI_COMM", "SLURM_EXPORT_ENV"] {
        assert!(!env.contains(absent), "{absent} in\n{env}");
    }
    assert!(env.contains("PYTHONPATH=/some where\n") && env.contains("MY_MODE=a,b=c\n"), "{env}");
}

#[test]
fn a_job_may_submit() {
    let Some(on) = place() else { return };
    on.here.write("toy.yaml", spec(3, REPORT, "time: 5m, cpus: 2"));
    let dlgrid = env!("CARGO_BIN_EXE_dlgrid");
    let folder = on.here.path().to_str().unwrap().to_owned();
    let wrap = format!("{dlgrid} submit toy.yaml > outer.log 2>&1");
    let chdir = format!("--chdir={folder}");
    let array = ["sbatch", "--wait", "--array=3", "--output=/dev/null", &chdir, "--wrap", &wrap];
    let outer = on.slurm(array);
    let log = std::fs::read_to_string(on.here.path().join("outer.log")).unwrap();
    outer.code(0);
    assert!(log.contains("submitted array"), "{log}");
    on.drained();
    on.each_ran_once(3);
}

#[test]
fn what_slurm_would_never_run_is_refused_before_anything_is_made() {
    let Some(on) = place() else { return };
    for (slurm, code, words) in [
        ("partition: gpuu", 2, "has no partition `gpuu`"),
        ("site: my-cluster", 2, "there is no site `my-cluster`"),
        ("extra: [--array=0-3]", 2, "sets itself"),
        ("memory: 999T", 2, "no node of partition `main` has it"),
        ("memory: 999T, cpus: 1000", 2, "has it; `slurm.cpus` is 1000, and no node"),
        ("cpus: 1000", 2, "no node of partition `main` has so many"),
        ("gpus: unicorn:1", 2, "no node of partition `main` has a GPU of the type `unicorn`"),
        ("constraint: unicorn", 4, "Slurm refuses"),
    ] {
        on.here.write("toy.yaml", spec(2, REPORT, slurm));
        on.run(["submit", "toy.yaml"]).code(code).says(words).says("hint:");
        assert!(on.files("intent").is_empty(), "{slurm}");
    }
    on.here.write("toy.yaml", spec(2, REPORT, ""));
    on.run(["submit", "toy.yaml", "--slots", "3"]).code(2).says("--local");
    let shown = on.run(["plan", "toy.yaml", "--script"]).code(0).out;
    assert!(shown.contains("exec \"$@\"") && shown.contains("--array=0-1 "), "{shown}");
    on.run(["submit", "toy.yaml", "--local"]).code(0).says("2 of 2 runs done");
}

#[test]
fn what_was_cancelled_a_moment_ago_is_submitted_whole() {
    let Some(on) = place() else { return };
    // It takes its time to end.
    let body = format!("trap : TERM; for i in 1 2 3 4 5 6; do sleep 0.5; done; {REPORT}");
    on.here.write("toy.yaml", spec(4, &body, "time: 5m, runs_per_task: 1"));
    on.run(["submit", "toy.yaml"]).code(0);
    on.wait(30, "all to run", || on.starts().len() == 4);
    on.run(["cancel"]).code(0).says("cancelled array");
    let said = on.run(["retry"]).code(0).says("that are just ending");
    assert!(!said.err.contains("were in the queue"), "{}", said.err);
    on.drained();
    on.run(["status"]).code(0).says("4 done");
}
