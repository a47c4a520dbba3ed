//! The checker as a command: on sweeps that are well, killed, damaged and mended.
use std::process::{Command, Stdio};

use crate::faults::signal;
use crate::support::{REPORT, Sandbox, script};

#[test]
fn a_sweep_is_well_then_damaged_then_mended() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(4, REPORT));
    here.run(["submit", "toy.yaml", "--slots", "1"]).code(0);
    let well = here.run(["fsck"]).code(0).says("all is well");
    assert!(well.out.contains("4 ends"), "{}", well.out);
    // A segment that was renamed is not read; a repair writes it again under its own name.
    let segment = here.segments().remove(0);
    std::fs::rename(&segment, segment.with_extension("bak")).unwrap();
    here.run(["fsck", "toy"]).code(8).says("warning: seg/00/").says("hint: ");
    let report = here.run(["report", "--format", "json"]).json();
    let found = here.run(["fsck", "--format", "json", "--repair"]).json();
    assert_eq!(found["schema"], "dlgrid.fsck/1");
    assert_eq!(found["added"].as_array().unwrap().len(), 1, "{found}");
    assert!(segment.is_file() && segment.with_extension("bak").is_file());
    let after = here.run(["report", "--format", "json"]).code(0).json();
    assert_ne!(after["counts"], report["counts"]);
    assert_eq!(after["counts"]["done"], 4);
    // A damaged line is told, and named.
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(9).position(|w| w == b"\"t\":\"end\"").unwrap();
    bytes[at + 30] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    here.run(["fsck"]).code(8).says("does not match its checksum").says("damaged: ");
    here.run(["fsck", "--format", "csv"]).code(2).says("hint: ");
    here.run(["fsck", "nothing"]).code(2);
    // Its directory is taken also where no manifest names it.
    let sweep = here.sweeps().remove(0);
    std::fs::remove_file(sweep.join("SWEEP.json")).unwrap();
    here.run(["fsck", sweep.to_str().unwrap()]).code(8).says("SWEEP.json is not there");
}

/// A shell completes a folder's name with a slash.
#[test]
fn the_folder_of_all_sweeps_is_no_sweep() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    here.run(["fsck", "runs/"]).code(2).says("is no sweep directory").says("dlgrid list");
    here.run(["fsck", "."]).code(2);
    let sweep = here.sweeps().remove(0);
    here.run(["fsck", &format!("{}/", sweep.display())]).code(0).says("all is well");
}

/// Results don't depend on what was asked of Slurm.
#[test]
fn a_submission_that_cannot_be_read_hides_no_result() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT));
    here.run(["submit", "toy.yaml"]).code(0);
    let submit = here.sweeps().remove(0).join("submit");
    for file in ["array-000001.intent", "array-000002.fate", "order-000001.json"] {
        std::fs::write(submit.join(file), [0; 9]).unwrap();
    }
    for command in ["report", "status"] {
        here.run([command, "toy"]).code(0).says("order-000001.json` cannot be understood");
    }
    here.run(["retry", "toy"]).code(4).says("hint: `dlgrid fsck ./runs/toy-");
    here.run(["fsck"]).code(8).says("array-000002.fate is not understood").says("array-N");
}

/// The way out that a damaged manifest's error names.
#[test]
fn a_damaged_manifest_that_was_moved_away_is_made_anew() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(3, REPORT).replace("name: toy\n", ""));
    here.run(["submit", "toy.yaml"]).code(0);
    let manifest = here.sweeps().remove(0).join("SWEEP.json");
    std::fs::write(&manifest, [0; 9]).unwrap();
    here.run(["submit", "toy.yaml"]).code(4).says("move it away");
    std::fs::rename(&manifest, here.path().join("moved")).unwrap();
    let ends = here.count("end");
    here.run(["submit", "toy.yaml"]).code(0).says("3 of 3 runs done");
    assert_eq!((here.count("end"), here.sweeps().len()), (ends, 1));
    here.run(["fsck"]).code(0).says("all is well");
}

#[test]
fn a_spec_that_has_its_name_from_its_file_is_well() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(2, REPORT).replace("name: toy\n", ""));
    here.run(["submit", "toy.yaml"]).code(0);
    here.run(["fsck"]).code(0).says("all is well");
    // Also where no manifest says it.
    let sweep = here.sweeps().remove(0);
    std::fs::remove_file(sweep.join("SWEEP.json")).unwrap();
    let found = here.run(["fsck", sweep.to_str().unwrap(), "--format", "json"]).code(8).json();
    assert_eq!(found["counts"], serde_json::json!({"manifest_missing": 1}), "{found}");
}

#[test]
fn a_sweep_whose_processes_were_killed_is_well_and_goes_on() {
    let here = Sandbox::new();
    here.write("toy.yaml", script(6, &format!("sleep 0.2; {REPORT}")));
    let mut child = here.start(["submit", "toy.yaml", "--slots", "2"]);
    here.wait("the first end", || here.count("end") > 0);
    signal(&child, "KILL");
    child.wait().unwrap();
    here.run(["fsck"]).code(0).says("all is well");
    here.run(["submit", "toy.yaml"]).code(0).says("6 of 6 runs done");
    here.run(["fsck"]).code(0).says("all is well");
}

/// Each process of the command, killed when it makes a system call for the nth time.
#[test]
fn killed_at_system_calls_it_is_well_and_goes_on() {
    let traces = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !traces.is_ok_and(|status| status.success()) {
        eprintln!("skipped: strace is not installed, or may not trace");
        return;
    }
    let mut killed = 0;
    for (call, numbers) in [
        ("fsync", &[1, 2, 3, 5, 8, 13, 21][..]),
        ("linkat", &[1, 2, 3]),
        ("mkdir,mkdirat", &[1, 2, 4]),
    ] {
        for number in numbers {
            let here = Sandbox::new();
            here.write("toy.yaml", script(3, REPORT));
            let plain = here.command(["submit", "toy.yaml", "--slots", "1"]);
            let mut traced = Command::new("strace");
            let inject = format!("inject={call}:signal=SIGKILL:when={number}");
            traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]);
            traced.arg(plain.get_program()).args(plain.get_args()).current_dir(here.path());
            for (name, value) in plain.get_envs() {
                match value {
                    Some(value) => traced.env(name, value),
                    None => traced.env_remove(name),
                };
            }
            traced.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            killed += usize::from(!traced.status().unwrap().success());
            for sweep in here.sweeps() {
                here.run(["fsck", sweep.to_str().unwrap()]).code(0);
            }
            here.run(["submit", "toy.yaml", "--slots", "1"]).code(0).says("3 of 3 runs done");
            here.run(["fsck"]).code(0).says("all is well");
        }
    }
    assert!(killed >= 6, "{killed} submits were killed");
}
