//! What can go wrong while a sweep runs: each time a clear word, and nothing lost.
use std::process::{Child, Command};
use std::time::Duration;

use crate::support::{REPORT, Said, Sandbox, script};

pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

fn finish(child: Child) -> Said {
    Said::from(child.wait_with_output().unwrap())
}

/// Processes whose environment names this sandbox's metrics: programs of its runs.
fn programs_of(here: &Sandbox) -> usize {
    let mark = here.path().file_name().unwrap().to_string_lossy().into_owned();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| {
            let cwd = std::fs::read_link(p.join("cwd")).unwrap_or_default();
            cwd.to_string_lossy().contains(&mark)
        })
        .count()
}

#[test]
fn interrupted_gently_it_goes_on_later() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(6, &format!("sleep 0.3; {REPORT}")));
    let child = here.start(["submit", "toy.yaml", "--slots", "2"]);
    here.wait("the first end", || here.count("end") > 0);
    signal(&child, "INT");
    finish(child).code(6).says("stopping").says("missing");
    let ended = here.count("end");
    assert!((1..6).contains(&ended));
    assert_eq!(programs_of(&here), 0);
    here.run(["submit", "toy.yaml"]).code(0).says("6 of 6 runs done");
    assert_eq!(here.count("end"), 6);
}

/// A spec without a name is called after its file, and the copy in the sweep has another one.
#[test]
fn the_command_that_a_report_names_next_goes_on_with_that_sweep() {
    let here = Sandbox::new();
    let unnamed = script(6, &format!("sleep 0.3; {REPORT}")).replace("name: toy\n", "");
    here.write("plain.yaml", unnamed);
    let child = here.start(["submit", "plain.yaml"]);
    here.wait("the first end", || here.count("end") > 0);
    signal(&child, "INT");
    finish(child).code(6);
    here.run(["report"]).code(3).says("next: dlgrid retry plain ");
    here.run(["status"]).code(3).says("dlgrid retry plain ");
    here.run(["retry", "plain"]).code(0).says("6 of 6 runs done");
    assert_eq!((here.sweeps().len(), here.count("end")), (1, 6));
}

#[test]
fn cancelled_from_elsewhere_it_stops() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(4, &format!("sleep 1; {REPORT}")));
    let child = here.start(["submit", "toy.yaml"]);
    here.wait("a start", || here.count("start") > 0);
    here.run(["cancel", "toy"]).code(0).says("stopped");
    finish(child).code(6);
    here.run(["cancel", "toy"]).code(0).says("nothing works on");
    assert_eq!(programs_of(&here), 0);
}

#[test]
fn a_killed_submit_leaves_nothing_running_and_loses_nothing() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(6, &format!("sleep 0.3; {REPORT}")));
    let mut child = here.start(["submit", "toy.yaml", "--slots", "2"]);
    here.wait("the first end", || here.count("end") > 0);
    signal(&child, "KILL");
    child.wait().unwrap();
    here.wait("the workers to notice", || programs_of(&here) == 0);
    here.run(["submit", "toy.yaml"]).code(0).says("6 of 6 runs done");
    let report = here.run(["report", "--format", "json"]).code(0).json();
    assert_eq!(report["counts"]["done"], 6);
}

#[test]
fn killed_workers_are_replaced_and_their_runs_done_again() {
    let here = Sandbox::new();
    // The first attempt of run 1 kills the worker that started it.
    let body = format!(
        "if [ $DLGRID_PARAM_X = 1 ] && [ ! -e killed ]; then touch killed; kill -9 $PPID; sleep 1; fi; {REPORT}"
    );
    here.write("toy.yaml", script(4, &body));
    here.run(["submit", "toy.yaml"])
        .code(0)
        .says("was killed by signal 9")
        .says("another takes over")
        .says("4 of 4 runs done");
    assert_eq!(here.run(["report", "--format", "json"]).code(0).json()["counts"]["done"], 4);
}

#[test]
fn a_run_that_kills_every_worker_holds_up_nobody() {
    let here = Sandbox::new();
    let body = format!("if [ $DLGRID_PARAM_X = 1 ]; then kill -9 $PPID; sleep 1; fi; {REPORT}");
    here.write("toy.yaml", script(4, &body));
    here.run(["submit", "toy.yaml"]).code(3).says("3 of 4 runs done, 1 failed");
    here.run(["report"]).code(3).says("its worker died 3 times");
}

#[test]
fn two_submits_at_once_train_each_run_once() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(6, &format!("sleep 0.2; {REPORT}")));
    let one = here.start(["submit", "toy.yaml"]);
    let two = here.start(["submit", "toy.yaml"]);
    let (one, two) = (finish(one), finish(two));
    let mut codes = [one.code, two.code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 5], "{}{}", one.err, two.err);
    let busy = if one.code == 5 { one } else { two };
    busy.says("is working on").says("hint: `dlgrid status toy`");
    assert_eq!(here.count("end"), 6);
    assert_eq!(here.sweeps().len(), 1);
}

#[test]
fn a_root_that_cannot_be_written_is_told() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT));
    here.run(["submit", "toy.yaml", "--root", "/proc/nowhere"]).code(4).says("hint:");
    here.write("file", "");
    here.run(["submit", "toy.yaml", "--root", "file"]).code(4);
}

#[test]
fn damaged_segments_are_counted_and_the_rest_is_shown() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(6, REPORT));
    here.run(["submit", "toy.yaml", "--slots", "1"]).code(0);
    let segment = here.segments().remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.find("\"t\":\"end\"").unwrap();
    bytes[at + 40] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let report = here.run(["report", "--format", "json"]).code(3).json();
    assert_eq!(report["damaged_lines"], 1);
    assert_eq!(report["counts"]["done"], 5);
    here.run(["report"]).code(3).says("damaged");
    // What was lost is trained again.
    here.run(["submit", "toy.yaml"]).code(0).says("6 of 6 runs done");
}

#[test]
fn a_full_disk_is_waited_out() {
    let here = Sandbox::new();
    let disk = here.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&disk).status();
    if !mount.is_ok_and(|s| s.success()) {
        eprintln!("skipped: only root can mount a small file system");
        return;
    }
    let root = disk.to_str().unwrap();
    here.write("toy.yaml", script(8, &format!("sleep 0.2; {REPORT}")));
    let child = here.start(["submit", "toy.yaml", "--root", root, "--slots", "1"]);
    std::thread::sleep(Duration::from_millis(700));
    let filler = disk.join("filler");
    let _full = std::fs::write(&filler, vec![1_u8; 2 << 20]);
    std::thread::sleep(Duration::from_millis(1500));
    std::fs::remove_file(&filler).unwrap();
    let said = finish(child).code(0).says("8 of 8 runs done");
    assert!(!said.err.contains("panicked"));
    // A disk that is full from the start is told, and makes no half sweep.
    let _full = std::fs::write(&filler, vec![1_u8; 2 << 20]);
    here.write("other.yaml", script(3, REPORT).replace("toy", "other"));
    here.run(["submit", "other.yaml", "--root", root]).code(4).says("hint:");
    std::fs::remove_file(&filler).unwrap();
    here.run(["submit", "other.yaml", "--root", root]).code(0).says("3 of 3 runs done");
    assert!(Command::new("umount").arg(&disk).status().unwrap().success());
}

#[test]
fn a_changed_spec_in_a_sweep_is_noticed() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    let sweep = here.sweeps().remove(0);
    std::fs::write(sweep.join("spec.yaml"), script(3, REPORT)).unwrap();
    here.run(["report"]).code(2).says("was changed after the sweep was created");
}

#[test]
fn training_without_a_worker_is_refused_before_anything_is_made() {
    let here = Sandbox::new();
    here.write("m.yaml", "train: {data: {set: mnist}}\n");
    here.run(["submit", "m.yaml", "--worker", "/nowhere/dlgrid-worker"]).code(4).says("hint:");
    here.write("broken", "#!/bin/sh\necho 'error while loading shared libraries: libtorch_cpu.so: cannot open shared object file' >&2; exit 127\n");
    let broken = here.path().join("broken");
    Command::new("chmod").arg("+x").arg(&broken).status().unwrap();
    here.run(["submit", "m.yaml", "--worker", broken.to_str().unwrap()])
        .code(4)
        .says("libtorch_cpu.so")
        .says("hint:");
    assert!(here.sweeps().is_empty());
}

#[test]
fn ended_at_once_no_program_is_left() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, &format!("trap '' TERM; sleep 50; {REPORT}")));
    let child = here.start(["submit", "toy.yaml"]);
    here.wait("a start", || here.count("start") > 0);
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    finish(child).code(6).says("ending at once");
    here.wait("the programs to be gone", || programs_of(&here) == 0);
}

#[test]
fn the_program_of_a_killed_worker_does_not_run_beside_its_successor() {
    let here = Sandbox::new();
    let body = format!(
        "echo $$ >> pids; if [ ! -e killed ]; then touch killed; kill -9 $PPID; sleep 6; touch survived; fi; {REPORT}"
    );
    here.write("toy.yaml", script(1, &body));
    here.run(["submit", "toy.yaml"]).code(0).says("was killed by signal 9");
    std::thread::sleep(Duration::from_millis(6500));
    assert!(!here.path().join("survived").exists());
}

#[test]
fn runs_that_kill_their_workers_take_no_sound_run_with_them() {
    let here = Sandbox::new();
    let body = format!("if [ $DLGRID_PARAM_X -lt 3 ]; then kill -9 $PPID; sleep 1; fi; {REPORT}");
    here.write(
        "toy.yaml",
        script(6, &body).replace("objective", "slurm: {runs_per_task: 6}\nobjective"),
    );
    here.run(["submit", "toy.yaml"]).code(3).says("3 of 6 runs done, 3 failed");
}

#[test]
fn runs_that_another_sweep_of_that_name_is_at_are_not_trained_twice() {
    let here = Sandbox::new();
    let body = format!("[ -e fast ] || sleep 60; {REPORT}");
    here.write("toy.yaml", script(3, &body));
    let child = here.start(["submit", "toy.yaml", "--slots", "1"]);
    here.wait("a start", || here.count("start") > 0);
    let first = here.sweeps().pop().unwrap();
    let first = first.file_name().unwrap().to_str().unwrap();
    here.write("toy.yaml", script(4, &body));
    here.run(["submit", "toy.yaml"])
        .code(5)
        .says(&format!("`{first}` has 3 runs of this spec at work or in the queue"))
        .says("--twice");
    assert_eq!(here.sweeps().len(), 1, "nothing is created");
    here.write("fast", "");
    here.run(["submit", "toy.yaml", "--twice"]).code(0).says("4 of 4 runs done");
    here.run(["cancel", first]).code(0);
    finish(child).code(6);
}
