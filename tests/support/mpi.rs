//! MPI in tests: whether it is here, and who works for it.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// MPI, for one test at a time: ranks wait for each other, and this host may have two cores. Nothing
/// where ranks can't be had, which is said.
#[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
pub fn mpi() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    let starts = Command::new("mpirun").arg("--version").output().is_ok_and(|s| s.status.success());
    let half = Path::new(env!("CARGO_BIN_EXE_dlgrid")).with_file_name("libdlgrid_mpi.so").exists();
    if !starts || !half {
        let what = if starts { "`libdlgrid_mpi.so` (make mpi)" } else { "`mpirun`" };
        eprintln!("skipped: no MPI here: {what} is missing");
    }
    (starts && half).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The folders in `/proc` of processes of a program that come from this one.
pub fn processes_below(process: u32, program: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut parents = vec![process];
    while let Some(parent) = parents.pop() {
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task"));
        for task in tasks.into_iter().flatten().filter_map(Result::ok) {
            let children = std::fs::read_to_string(task.path().join("children"));
            for child in children.unwrap_or_default().split_whitespace() {
                let folder = PathBuf::from(format!("/proc/{child}"));
                if std::fs::read_link(folder.join("exe")).is_ok_and(|exe| exe.ends_with(program)) {
                    found.push(folder);
                }
                parents.extend(child.parse::<u32>().ok());
            }
        }
    }
    found.sort();
    found
}
