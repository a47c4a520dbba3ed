//! `dlgrid watch` of a sweep in the queue: it tells what comes, and asks Slurm but once in 30 seconds.
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use crate::lives::spec;
use crate::place::place;
use crate::support::{REPORT, Said};

#[test]
fn a_sweep_in_the_queue_is_watched_to_its_end_and_slurm_is_hardly_asked() {
    let Some(on) = place() else { return };
    let body = format!(
        "sleep 2; [ $DLGRID_PARAM_X != 2 ] || {{ echo no such layer >&2; exit 3; }}; {REPORT}"
    );
    on.here.write("toy.yaml", spec(4, &body, "time: 5m, runs_per_task: 1, max_running: 2"));
    on.run(["submit", "toy.yaml"]).code(0).says("next: dlgrid watch toy");
    // A squeue that counts its calls.
    let path = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|dir| dir.join("squeue")).find(|p| p.is_file());
    let real = real.expect("a cluster has its squeue on the path");
    let text =
        format!("#!/bin/sh\necho asked >> \"${{0%/*}}/asked\"\nexec {} \"$@\"\n", real.display());
    std::fs::create_dir(on.here.path().join("bin")).unwrap();
    let squeue = on.here.write("bin/squeue", text);
    std::fs::set_permissions(&squeue, std::fs::Permissions::from_mode(0o755)).unwrap();

    let begun = Instant::now();
    let mut watch = on.command(["watch", "toy"]);
    watch.env("PATH", format!("{}/bin:{path}", on.here.path().display()));
    let mut child = on.start(watch);
    on.wait(120, "its end", || child.try_wait().unwrap().is_some());
    let said = Said::from(child.wait_with_output().unwrap())
        .code(3)
        .says("watching toy: minimize loss, on Slurm");
    for text in
        ["run 2 failed: exit code 3: no such layer (on n", "best run so far", "4 of 4 runs ended"]
    {
        assert!(said.out.contains(text), "not told: {text}\n{}", said.out);
    }
    assert!(
        !said.out.contains("interrupted"),
        "what is at work is not taken for put back\n{}",
        said.out
    );
    let asked =
        std::fs::read_to_string(on.here.path().join("bin/asked")).unwrap().lines().count() as u64;
    assert!(
        (1..=1 + begun.elapsed().as_secs() / 30).contains(&asked),
        "{asked} in {:?}",
        begun.elapsed()
    );
    on.drained();
}
