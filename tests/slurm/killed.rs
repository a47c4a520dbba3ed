//! `submit` or its sbatch killed by strace at a system call, with the real Slurm: a sample, and each call that
//! matters of both for as long as `DLGRID_CHAOS_SECONDS` says (`make chaos`).
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::answers::goes_on;
use crate::lives::spec;
use crate::place::{Place, place};
use crate::support::REPORT;

/// Who is killed.
#[derive(Debug, Clone, Copy)]
enum Who {
    Dlgrid,
    Sbatch,
}

/// Calls that change nothing outside of the process and wait for nothing: killed at one of them it leaves what it
/// leaves at the next other call.
const QUIET: &[&str] = &[
    "access",
    "arch_prctl",
    "brk",
    "close",
    "fcntl",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "getrandom",
    "getrlimit",
    "gettid",
    "getuid",
    "lseek",
    "lstat",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "pipe2",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "readlinkat",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "socketpair",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "umask",
    "uname",
];

/// Whether a call that strace shows so may leave something else than the call before it.
fn matters(name: &str, line: &str) -> bool {
    match name {
        "open" | "openat" => line.contains("O_CREAT") || line.contains("O_TRUNC"),
        "ioctl" => line.contains("FICLONE"),
        name => !QUIET.contains(&name),
    }
}

/// `submit` in a new folder, with options of strace for itself or for its sbatch; its place, and whether it or that
/// was killed.
fn submit(who: Who, options: &[&str]) -> Option<(Place, bool)> {
    let on = place()?;
    let settings = "time: 5m, runs_per_task: 1, max_running: 1";
    on.here.write("toy.yaml", spec(3, &format!("sleep 60; {REPORT}"), settings));
    let plain = on.command(["submit", "toy.yaml"]);
    let mut command = match who {
        Who::Dlgrid => Command::new("strace"),
        Who::Sbatch => Command::new(plain.get_program()),
    };
    if let Who::Dlgrid = who {
        command.args(["-qq"]).args(options).arg(plain.get_program());
    }
    command.args(plain.get_args()).current_dir(on.here.path());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Who::Sbatch = who {
        let folder = traced_sbatch(&on, options);
        command.env("PATH", format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()));
    }
    let said = command.output().unwrap();
    let killed = match who {
        Who::Dlgrid => said.status.signal() == Some(9),
        Who::Sbatch => String::from_utf8_lossy(&said.stderr).contains("it was killed"),
    };
    Some((on, killed))
}

/// An sbatch before the real one that runs that under strace, but for `--test-only`; only the first time.
fn traced_sbatch(on: &Place, options: &[&str]) -> PathBuf {
    let real = Command::new("sh").args(["-c", "command -v sbatch"]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let folder = on.here.path().join("shim");
    std::fs::create_dir(&folder).unwrap();
    let text = format!(
        "#!/bin/bash\ncd \"${{0%/*}}/..\"\ncase \" $* \" in *' --test-only '*) exec {0} \"$@\";; esac\n\
         [ -e used ] && exec {0} \"$@\"\n: > used\nexec strace -qq {1} {0} \"$@\"\n",
        real.trim(),
        options.join(" ")
    );
    let file = folder.join("sbatch");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The system calls of an undisturbed `submit` or its sbatch that matter, in order: the name and which of that name;
/// and how many there are of all.
fn calls(who: Who) -> Option<(Vec<(String, usize)>, usize)> {
    let (on, _) = submit(who, &["-o", "trace"])?;
    goes_on(&on, 3, "undisturbed");
    on.run(["cancel"]).code(0);
    let text = std::fs::read_to_string(on.here.path().join("trace")).unwrap();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for (name, line) in text.lines().filter_map(|line| Some((line.split_once('(')?.0, line))) {
        if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            let count = counts.entry(name).or_default();
            *count += 1;
            if matters(name, line) {
                calls.push((name.to_owned(), *count));
            }
        }
    }
    Some((calls, counts.values().sum()))
}

fn can_trace() -> bool {
    let traces = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    let can = traces.is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: strace is not installed, or may not trace");
    }
    can
}

fn killed_at_calls_of(who: Who, sample: usize) {
    let Some(_cluster) = place() else { return };
    if !can_trace() {
        return;
    }
    let Some((mut all, every)) = calls(who) else { return };
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seconds = number("DLGRID_CHAOS_SECONDS");
    // Where time is short, it is not always the first calls that have their turn.
    let first = number("DLGRID_CHAOS_SEED").unwrap_or(0) % all.len() as u64;
    all.rotate_left(first as usize);
    // A sample has calls from all over the life.
    let step = if seconds.is_some() { 1 } else { all.len().div_ceil(sample) };
    let (begun, limit) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(u64::MAX)));
    let (next, done) = (AtomicUsize::new(step / 2), AtomicUsize::new(0));
    let missed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        // Most of the time is waiting.
        for _ in 0..6 {
            scope.spawn(|| {
                while begun.elapsed() < limit {
                    let Some((call, number)) = all.get(next.fetch_add(step, Ordering::Relaxed))
                    else {
                        break;
                    };
                    let inject = format!("inject={call}:signal=SIGKILL:when={number}");
                    let tried = submit(who, &["-o", "/dev/null", "-e", &inject]);
                    let Some((on, killed)) = tried else { break };
                    goes_on(&on, 3, &format!("{who:?} killed at {call} {number}"));
                    on.run(["cancel"]).code(0);
                    // How often it waits differs from time to time.
                    let count = if killed { &done } else { &missed };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (done, missed, matter) = (done.into_inner(), missed.into_inner(), all.len());
    eprintln!(
        "{who:?} killed at {done} system calls of the {matter} that matter of {every}, {missed} did not come: each \
         task once, {} s",
        begun.elapsed().as_secs()
    );
    assert!(done > 0);
}

#[test]
fn submit_killed_at_system_calls_has_each_task_once_in_the_queue() {
    killed_at_calls_of(Who::Dlgrid, 5);
}

#[test]
fn sbatch_killed_at_system_calls_has_each_task_once_in_the_queue() {
    killed_at_calls_of(Who::Sbatch, 5);
}
