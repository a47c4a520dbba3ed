//! The scripts of `jobs/`, submitted as a person would.
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::place::{Place, place};
use crate::support::{REPORT, Said, script};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `PATH` with the programs that are tested first, and before them what lies in `bin` here.
fn path(on: &Place) -> String {
    let built = Path::new(env!("CARGO_BIN_EXE_dlgrid")).parent().unwrap();
    let bin = on.here.path().join("bin");
    format!("{}:{}:{}", bin.display(), built.display(), std::env::var("PATH").unwrap())
}

fn program(on: &Place, name: &str, text: &str) {
    let bin = on.here.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let file = bin.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Submits a script with these options before its name and words after it; the job's number.
fn submitted(on: &Place, options: &[&str], name: &str, words: &[&str]) -> String {
    let mut sbatch = on.client("sbatch");
    sbatch.arg("--parsable").args(options).arg(repository().join("jobs").join(name)).args(words);
    // What make and cargo tell the tests that they run is not what a person's shell has.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_make = text.starts_with("MAKE") || ["MFLAGS", "FEATURES"].contains(&text.as_ref());
        if of_make || text.starts_with("CARGO") && text != "CARGO_HOME" {
            sbatch.env_remove(&name);
        }
    }
    let said = sbatch.env("PATH", path(on)).env("NO_COLOR", "1").output().unwrap();
    Said::from(said).code(0).out.trim().to_owned()
}

/// Waits for the end of a job; its exit code as Slurm knows it, and what it printed.
#[track_caller]
fn ended(on: &Place, job: &str, log: &Path) -> Said {
    let field = |name: &str| {
        let said = on.slurm(["scontrol", "-o", "show", "job", job]).code(0).out;
        let mut words = said.split_whitespace();
        words.find_map(|w| Some(w.strip_prefix(name)?.strip_prefix('=')?.to_owned())).unwrap()
    };
    on.wait(240, "a job's end", || {
        let state = field("JobState");
        !["PENDING", "CONFIGURING", "RUNNING", "COMPLETING"].contains(&state.as_str())
    });
    let code = field("ExitCode").split(':').next().unwrap().parse().unwrap();
    let mut out = String::new();
    // Output comes in after the end.
    on.wait(10, "a job's output", || {
        out = std::fs::read_to_string(log).unwrap_or_default();
        !out.is_empty()
    });
    Said { code, out, err: String::new() }
}

fn log(on: &Place, name: &str, job: &str) -> PathBuf {
    on.here.path().join(format!("{name}-{job}.out"))
}

#[track_caller]
fn run(on: &Place, options: &[&str], file: &str, words: &[&str], name: &str) -> Said {
    let job = submitted(on, options, file, words);
    ended(on, &job, &log(on, name, &job))
}

#[test]
fn fetch_data_verifies_what_is_there() {
    let Some(on) = place() else { return };
    run(&on, &[], "fetch-data.sbatch", &[], "dlgrid-data")
        .code(2)
        .says("no data set is named")
        .says("hint: sbatch jobs/fetch-data.sbatch");
    if on.run(["data", "verify", "mnist"]).code != 0 {
        eprintln!("skipped: no MNIST in the cache of data, and tests fetch nothing");
        return;
    }
    run(&on, &[], "fetch-data.sbatch", &["mnist"], "dlgrid-data").code(0).says("mnist");
    run(&on, &[], "fetch-data.sbatch", &["minst"], "dlgrid-data").code(2).says("hint:");
}

/// The only folder of a day in `reports`, and the names of files there.
fn reports(on: &Place) -> Vec<String> {
    let days = std::fs::read_dir(on.here.path().join("reports")).into_iter().flatten();
    let files = days.flat_map(|day| std::fs::read_dir(day.unwrap().path()).unwrap());
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.dedup();
    names
}

fn finished_sweep(on: &Place) {
    // One of the runs fails: the report of the others is good.
    on.here.write("toy.yaml", script(3, &format!("test $DLGRID_PARAM_X != 2 && {REPORT}")));
    on.run(["submit", "toy.yaml", "--local"]).code(3);
}

#[test]
fn without_dlgrid_they_say_how_to_get_it() {
    let Some(on) = place() else { return };
    for (file, name) in [("fetch-data.sbatch", "dlgrid-data"), ("report.sbatch", "dlgrid-report")] {
        run(&on, &["--export=PATH=/usr/bin:/bin"], file, &["mnist"], name)
            .code(4)
            .says("no dlgrid is built")
            .says("hint: cd to the folder of dlgrid");
    }
}

#[test]
fn report_writes_the_boards_of_the_day() {
    let Some(on) = place() else { return };
    finished_sweep(&on);
    run(&on, &[], "report.sbatch", &[], "dlgrid-report").code(0).says("newest.md");
    run(&on, &[], "report.sbatch", &["toy"], "dlgrid-report").code(0).says("toy.csv");
    assert_eq!(reports(&on), ["newest.csv", "newest.md", "toy.csv", "toy.md"]);
    run(&on, &[], "report.sbatch", &["toy", "yot"], "dlgrid-report").code(2).says("yot");
    assert_eq!(reports(&on).len(), 4, "nothing is left of what did not work");
}

#[test]
fn report_comes_again_each_night_until_it_is_cancelled() {
    let Some(on) = place() else { return };
    finished_sweep(&on);
    let next_of = |said: &Said| {
        let line = said.out.lines().find_map(|l| l.strip_prefix("the next report: job "));
        line.unwrap_or_else(|| panic!("no next report in {}", said.out)).trim().to_owned()
    };
    let first = submitted(&on, &[], "report.sbatch", &["--nightly", "toy"]);
    let said = ended(&on, &first, &log(&on, "dlgrid-report", &first)).code(0).says("toy.md");
    let second = next_of(&said);
    let waiting = on.slurm(["squeue", "-h", "-j", &second, "-o", "%T %r %j %S"]).code(0).out;
    assert!(waiting.starts_with("PENDING BeginTime dlgrid-report "), "{waiting}");
    assert!(waiting.trim().ends_with("T22:00:00"), "{waiting}");

    // The night comes early.
    std::fs::remove_dir_all(on.here.path().join("reports")).unwrap();
    on.slurm(["scontrol", "update", &format!("JobId={second}"), "StartTime=now"]).code(0);
    let said = ended(&on, &second, &log(&on, "dlgrid-report", &second)).code(0).says("toy.md");
    assert_eq!(reports(&on), ["toy.csv", "toy.md"]);
    let third = next_of(&said);
    on.slurm(["scancel", "--name=dlgrid-report", &third]).code(0);
    assert_eq!(on.slurm(["squeue", "-h", "-j", &third, "-o", "%T"]).out.trim(), "");
}

/// Whether what was built for release is newer than all that it is built from.
fn is_fresh(built: &Path) -> bool {
    let changed = |file: &Path| file.metadata().and_then(|meta| meta.modified()).ok();
    let Some(built) = changed(built) else { return false };
    let mut todo: Vec<PathBuf> = ["src", "slurm", "setup", "Cargo.toml", "Cargo.lock", "build.rs"]
        .map(|n| repository().join(n))
        .into();
    let mut newest = SystemTime::UNIX_EPOCH;
    while let Some(path) = todo.pop() {
        newest = newest.max(changed(&path).unwrap());
        if path.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    newest < built
}

#[test]
fn build_worker_builds_in_the_folder_of_dlgrid_alone() {
    let Some(on) = place() else { return };
    run(&on, &[], "build-worker.sbatch", &[], "dlgrid-build")
        .code(2)
        .says("is not the folder of dlgrid")
        .says("hint: cd to it");
    let debug = Path::new(env!("CARGO_BIN_EXE_dlgrid")).parent().unwrap();
    let worker = debug.with_file_name("release").join("dlgrid-worker");
    if !is_fresh(&worker) || !is_fresh(&worker.with_file_name("dlgrid")) {
        eprintln!("skipped: nothing is built in target/release");
        return;
    }
    let folder = format!("--chdir={}", repository().display());
    let printed = on.here.path().join("build.out");
    let output = format!("--output={}", printed.display());
    let target = format!("--export=ALL,CARGO_TARGET_DIR={}", debug.parent().unwrap().display());
    let job = submitted(&on, &[&folder, &output, &target], "build-worker.sbatch", &[]);
    ended(&on, &job, &printed).code(0).says("with 4 cores").says("\"libtorch\":").says("built in");
}

#[test]
fn smoke_gpu_says_what_is_missing() {
    let Some(on) = place() else { return };
    let smoke = |options: &[&str]| run(&on, options, "smoke-gpu.sbatch", &[], "dlgrid-gpu");
    smoke(&["--gres=none"]).code(4).says("Slurm gave this job no GPU").says("hint: sinfo");
    program(&on, "nvidia-smi", "echo no devices were found; exit 6");
    smoke(&[]).code(4).says("the driver of node `n").says("hint: sbatch --exclude=n");
    program(&on, "nvidia-smi", "echo name, memory.total, driver_version; echo Toy, 1 MiB, 1.0");
    let bare = format!("--export=PATH={}:/usr/bin:/bin", on.here.path().join("bin").display());
    smoke(&[&bare]).code(4).says("no dlgrid-worker is built").says("hint: cd to the folder");
    if !cfg!(feature = "torch") {
        eprintln!("skipped: no worker");
        return;
    }
    if Path::new("/dev/nvidiactl").exists() {
        eprintln!("skipped: a GPU is here, so that its want can't be shown");
        return;
    }
    smoke(&[]).code(4).says("Toy, 1 MiB").says("\"cuda\":false").says("this worker sees no CUDA");
}
