//! `submit` killed at every step and started again, two at once, and a Slurm that is away.
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::answers::put_before;
use crate::cluster::Cluster;
use crate::lives::spec;
use crate::place::{Place, place};
use crate::support::{REPORT, Said, script};

/// Puts programs before Slurm's own that dawdle once, where `word` is among their words: before
/// or after they do their work. While they dawdle, the file `here` is there.
fn dawdling(on: &Place, program: &str, word: &str, before: &str, after: &str) -> PathBuf {
    let real = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let folder = on.here.path().join("shim");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(program);
    let real = real.trim();
    let text = format!(
        "#!/bin/bash\nhere=\"${{0%/*}}/../here\"\n\
         case \" $* \" in *' --test-only '*) exec {real} \"$@\";; *' {word} '*) ;; *) exec {real} \"$@\";; esac\n\
         [ -e \"$here\" ] && exec {real} \"$@\"\n\
         if [ {before} != 0 ]; then touch \"$here\"; sleep {before}; fi\n\
         {real} \"$@\"; code=$?\n\
         if [ {after} != 0 ]; then touch \"$here\"; sleep {after}; fi\nexit $code\n"
    );
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn sweep(on: &Place) {
    on.here.write("toy.yaml", script(25, REPORT));
}

/// Starts `submit` with a program that dawdles, and kills it there with SIGKILL.
fn killed_at(program: &str, word: &str, before: &str, after: &str) -> Option<Place> {
    let on = place()?;
    sweep(&on);
    let shim = dawdling(&on, program, word, before, after);
    let mut submit = on.command(["submit", "toy.yaml"]);
    let path = std::env::var("PATH").unwrap();
    submit.env("PATH", format!("{}:{path}", shim.display()));
    let mut child = on.start(submit);
    on.wait(30, "submit to come there", || on.here.path().join("here").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    Some(on)
}

/// Submits again, and all is as if nothing had happened.
fn goes_on(on: &Place, arrays: usize) {
    on.run(["submit", "toy.yaml"]).code(0);
    on.drained();
    on.each_ran_once(25);
    assert_eq!(on.jobs().len(), arrays);
}

#[test]
fn killed_before_slurm_had_the_job() {
    // The sbatch that was under way dies with its pipe or comes too late: see the next one.
    let Some(on) = killed_at("sbatch", "--parsable", "1", "0") else { return };
    goes_on(&on, 3);
}

#[test]
fn killed_and_sbatch_arrives_when_nobody_waits_for_it_any_more() {
    let Some(on) = killed_at("sbatch", "--parsable", "9", "0") else { return };
    goes_on(&on, 3);
    on.wait(30, "the late one", || on.queue().iter().any(|row| row.contains("PENDING")));
    assert_eq!(on.starts().len(), 25, "what comes late is held");
    on.run(["status"]).code(0);
    on.run(["cancel"]).code(0).says("cancelled array");
    on.drained();
    on.each_ran_once(25);
}

#[test]
fn a_retry_that_has_nothing_to_train_clears_what_came_late() {
    let Some(on) = killed_at("sbatch", "--parsable", "9", "0") else { return };
    goes_on(&on, 3);
    on.wait(30, "the late one", || on.queue().iter().any(|row| row.contains("PENDING")));
    on.run(["retry"]).code(0).says("nothing of that kind").says("cancelled job");
    on.drained();
    on.each_ran_once(25);
}

#[test]
fn killed_when_slurm_had_the_job_and_nobody_knew() {
    let Some(on) = killed_at("sbatch", "--parsable", "0", "30") else { return };
    assert_eq!((on.files("intent").len(), on.files("fate").len()), (1, 0));
    assert!(on.queue().iter().all(|row| row.contains("PENDING")), "it is held");
    goes_on(&on, 3);
}

#[test]
fn killed_before_the_job_was_let_go() {
    let Some(on) = killed_at("scontrol", "release", "30", "0") else { return };
    assert_eq!((on.files("fate").len(), on.files("released").len()), (1, 0));
    goes_on(&on, 3);
}

#[test]
fn killed_at_random() {
    let Some(on) = place() else { return };
    sweep(&on);
    for pause in [40, 90, 5, 130, 60, 20] {
        let mut child = on.start(on.command(["submit", "toy.yaml"]));
        std::thread::sleep(Duration::from_millis(pause));
        let _gone = child.kill();
        child.wait().unwrap();
    }
    goes_on(&on, on.jobs().len().max(3));
}

#[test]
fn of_many_at_once_each_array_has_one() {
    let Some(on) = place() else { return };
    sweep(&on);
    let children: Vec<_> = (0..4).map(|_| on.start(on.command(["submit", "toy.yaml"]))).collect();
    for child in children {
        Said::from(child.wait_with_output().unwrap()).code(0);
    }
    on.drained();
    on.each_ran_once(25);
    assert_eq!(on.jobs().len(), 3);
}

#[test]
fn submit_waits_for_a_controller_that_is_away() {
    let Some(cluster) = Cluster::up(&["--nodes", "1", "--max-array", "11"]) else { return };
    let cluster = Arc::new(cluster);
    let on = Place::on(Arc::clone(&cluster));
    sweep(&on);
    cluster.act("stop", &["slurmctld"]);
    let child = on.start(on.command(["submit", "toy.yaml"]));
    std::thread::sleep(Duration::from_secs(30));
    cluster.act("start", &["slurmctld"]);
    Said::from(child.wait_with_output().unwrap()).code(0);
    on.drained();
    on.each_ran_once(25);
}

/// A sweep that sbatch has refused once, so that it is there and not in the queue.
fn refused() -> Option<Place> {
    let on = place()?;
    on.here.write("toy.yaml", spec(5, REPORT, "time: 5m"));
    let no = "echo 'Invalid qos specification' >&2; exit 1";
    let path = put_before(&on, "sbatch", "--parsable", no, "0");
    let mut submit = on.command(["submit", "toy.yaml"]);
    Said::from(submit.env("PATH", path).output().unwrap()).code(4);
    Some(on)
}

/// Writes a file into the folder of submission, as a process of another machine would.
fn write(on: &Place, name: &str, value: &Value) {
    let sweep = on.here.sweeps().pop().unwrap();
    std::fs::write(sweep.join("submit").join(name), value.to_string()).unwrap();
}

#[test]
fn what_another_machine_has_claimed_is_submitted_once_it_is_taken_over() {
    let Some(on) = refused() else { return };
    let claim = serde_json::json!({"host": "elsewhere", "pid": 1, "started": 1, "time": 0.0});
    write(&on, "local-000001.json", &claim);
    on.run(["submit", "toy.yaml"]).code(5).says("on `elsewhere`").says("--take-over");
    on.run(["submit", "toy.yaml", "--take-over"]).code(0).says("of 5 tasks");
    on.drained();
    on.each_ran_once(5);
    assert_eq!(on.jobs().len(), 1);
}

/// A login node dies in the middle of `submit`: its intent is there, its job is not.
#[test]
fn what_another_machine_was_submitting_is_submitted_once_it_is_taken_over() {
    let Some(on) = refused() else { return };
    let mut intent = on.intents().pop().unwrap();
    intent["number"] = 2.into();
    intent["token"] = format!("{}-elsewhere", intent["token"].as_str().unwrap()).into();
    intent["by"]["host"] = "elsewhere".into();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    intent["by"]["time"] = now.as_secs_f64().into();
    write(&on, "array-000002.intent", &intent);
    on.run(["submit", "toy.yaml"]).code(0).says("5 of 5 slices were in the queue");
    assert!(on.jobs().is_empty(), "it may be under way");
    on.run(["submit", "toy.yaml", "--take-over"]).code(0).says("of 5 tasks");
    on.drained();
    on.each_ran_once(5);
}
