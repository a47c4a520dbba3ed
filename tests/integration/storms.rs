//! What many processes, small disks and wrong clocks do to a sweep on this machine: a few rounds here, more of them
//! where `DLGRID_CHAOS_ROUNDS` says so (`make chaos`).
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::draw::Draw;
use crate::support::{REPORT, Said, Sandbox, script};

/// Rounds: so many here, or as the environment says.
fn rounds(few: u64) -> u64 {
    let asked = std::env::var("DLGRID_CHAOS_ROUNDS").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(few)
}

/// A number below `n` that follows from a seed and a place in the round.
fn drawn(seed: u64, place: u64, n: u64) -> u64 {
    Draw::new(seed << 8 | place).below(n)
}

/// All runs are done, each once in the report, and the sweep is well.
#[track_caller]
fn is_complete(here: &Sandbox, root: &str, runs: usize, what: &str) -> String {
    let report = here.run(["report", "--root", root, "--format", "json"]);
    assert_eq!(report.code, 0, "{what}: {}", report.err);
    let report = report.json();
    assert_eq!(report["counts"]["done"], runs, "{what}");
    let mut shown: Vec<i64> = Vec::new();
    for row in report["rows"].as_array().unwrap() {
        shown.push(row["parameters"]["x"].as_i64().unwrap());
        assert_eq!(row["objective"]["mean"].as_f64(), row["parameters"]["x"].as_f64(), "{what}");
    }
    shown.sort_unstable();
    assert_eq!(shown, (0..runs as i64).collect::<Vec<_>>(), "{what}");
    let fsck = here.run(["fsck", "--root", root]);
    assert_eq!(fsck.code, 0, "{what}: {}", fsck.out);
    here.run(["report", "--root", root, "--format", "csv"]).out
}

#[test]
fn several_commands_at_once_do_each_run_once() {
    for seed in 1..=rounds(4) {
        let here = Sandbox::new();
        here.write("toy.yaml", script(6, &format!("sleep 0.05; {REPORT}")));
        let mut children = Vec::new();
        for place in 0..2 + drawn(seed, 0, 3) {
            std::thread::sleep(Duration::from_millis(drawn(seed, 10 + place, 300)));
            children.push(match drawn(seed, 20 + place, 5) {
                0 => here.start(["cancel", "toy"]),
                1 => here.start(["retry", "toy"]),
                _ => here.start(["submit", "toy.yaml"]),
            });
        }
        for child in children {
            let said = Said::from(child.wait_with_output().unwrap());
            // 2: there was no sweep yet to cancel; 5: another one is at work; 6: it was cancelled.
            assert!([0, 2, 5, 6].contains(&said.code), "seed {seed}: {} {}", said.code, said.err);
        }
        here.run(["submit", "toy.yaml"]).code(0).says("6 of 6 runs done");
        is_complete(&here, "runs", 6, &format!("seed {seed}"));
        assert_eq!(here.count("end"), 6, "seed {seed}: no run was trained twice");
    }
}

fn mount(options: &str, folder: &Path) -> bool {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder);
    mount.output().is_ok_and(|said| said.status.success())
}

/// A small file system, gone with the test.
struct Disk<'a>(&'a Path);

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).output());
    }
}

#[test]
fn a_disk_that_fills_at_any_size_loses_nothing() {
    for seed in 1..=rounds(4) {
        let here = Sandbox::new();
        let folder = here.path().join("disk");
        std::fs::create_dir(&folder).unwrap();
        // Bytes run out in one half of the rounds, names in the other.
        let (kib, names) = match seed % 2 {
            0 => (4 * (1 + drawn(seed, 0, 24)), 1000),
            _ => (1024, 3 + drawn(seed, 0, 30)),
        };
        let what = format!("seed {seed}: {kib} KiB, {names} names");
        if !mount(&format!("size={kib}k,nr_inodes={names}"), &folder) {
            eprintln!("skipped: only root can mount a small file system");
            return;
        }
        let _disk = Disk(&folder);
        let root = folder.to_str().unwrap();
        let noise = "head -c 20000 /dev/zero | tr '\\0' x";
        here.write("toy.yaml", script(6, &format!("{noise}; echo; {REPORT}")));
        let mut child = here.start(["submit", "toy.yaml", "--root", root, "--slots", "1"]);
        // It ends, or waits for space.
        std::thread::sleep(Duration::from_millis(1500));
        assert!(mount("remount,size=8m,nr_inodes=2000", &folder), "{what}");
        let waited = child.try_wait().unwrap().is_none();
        let said = Said::from(child.wait_with_output().unwrap());
        assert!([0, 3, 4].contains(&said.code), "{what}: {} {}", said.code, said.err);
        assert!(!said.err.contains("panicked"), "{what}: {}", said.err);
        assert!(!waited || said.code == 0, "{what}: it waited: {} {}", said.code, said.err);
        let again = here.run(["submit", "toy.yaml", "--root", root, "--slots", "1"]);
        assert_eq!(again.code, 0, "{what}: {}", again.err);
        is_complete(&here, root, 6, &what);
    }
}

/// The library by which `faketime` gives a process a clock of its own.
fn faketime() -> Option<String> {
    let said = Command::new("faketime").args(["-f", "+0h", "printenv", "LD_PRELOAD"]).output();
    let said = said.ok().filter(|said| said.status.success())?;
    Some(String::from_utf8(said.stdout).unwrap().trim().to_owned())
}

#[test]
fn clocks_that_jump_by_days_change_no_result() {
    let Some(library) = faketime() else {
        eprintln!("skipped: `faketime` is not installed");
        return;
    };
    let mut boards = Vec::new();
    for seed in 0..=rounds(3) {
        let here = Sandbox::new();
        here.write("toy.yaml", script(6, &format!("sleep 0.1; {REPORT}")));
        // Killed in the middle, it is gone on with by processes of another time. The first sweep is undisturbed.
        for turn in 0..3 * u64::from(seed > 0) {
            let mut command = here.command(["submit", "toy.yaml", "--slots", "2"]);
            let hours = drawn(seed, turn, 49) as i64 - 24;
            command.env("LD_PRELOAD", &library).env("FAKETIME", format!("{hours:+}h"));
            // A clock that jumps leaves the one alone by which processes wait.
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            let mut child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_millis(200 + drawn(seed, 10 + turn, 400)));
            let _gone = child.kill();
            child.wait().unwrap();
        }
        here.run(["submit", "toy.yaml"]).code(0).says("6 of 6 runs done");
        here.run(["status"]).code(0);
        boards.push(is_complete(&here, "runs", 6, &format!("seed {seed}")));
    }
    let untimed = |board: &String| -> Vec<String> {
        board.lines().map(|row| row.split(',').take(4).collect::<Vec<_>>().join(",")).collect()
    };
    assert!(boards.iter().all(|board| untimed(board) == untimed(&boards[0])), "{boards:?}");
}
