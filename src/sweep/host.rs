//! The clock, the environment and other processes: the only module that touches them.
#![expect(clippy::disallowed_methods, reason = "this is the one module that may")]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(test)]
use crate::simulated;

/// Seconds since the Unix epoch, for people to read; nothing is decided by it.
#[must_use]
pub fn now() -> f64 {
    #[cfg(test)]
    if let Some(now) = simulated::now() {
        return now;
    }
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// An instant of the monotonic clock, for durations.
#[must_use]
pub fn instant() -> std::time::Instant {
    #[cfg(test)]
    if let Some(instant) = simulated::instant() {
        return instant;
    }
    std::time::Instant::now()
}

/// How long an instant is past.
#[must_use]
pub fn since(instant: std::time::Instant) -> Duration {
    self::instant().saturating_duration_since(instant)
}

/// Waits.
pub fn sleep(time: Duration) {
    #[cfg(test)]
    if simulated::sleep(time) {
        return;
    }
    std::thread::sleep(time);
}

/// An environment variable, if it is set and not empty.
#[must_use]
pub fn env(name: &str) -> Option<OsString> {
    #[cfg(test)]
    if simulated::is_on() {
        return simulated::env(name);
    }
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A command to start. Programs are spawned by what this returns and by nothing else.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Starts a command; again, for some seconds, where the machine has too many processes or too little
/// memory at the moment, or where the program's file is just being written.
///
/// # Errors
/// Where it can't be started.
pub fn spawn(command: &mut Command) -> std::io::Result<Child> {
    const PAUSES: [u64; 5] = [100, 300, 1000, 3000, 9000];
    for pause in PAUSES {
        match command.spawn() {
            Err(error) if is_for_the_moment(&error) => {
                std::thread::sleep(Duration::from_millis(pause));
            }
            came => return came,
        }
    }
    command.spawn()
}

fn is_for_the_moment(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ExecutableFileBusy, OutOfMemory, WouldBlock};
    matches!(error.kind(), ExecutableFileBusy | OutOfMemory | WouldBlock)
}

/// Runs a command to its end, with no input, and takes what it says; kills it after `limit`.
///
/// # Errors
/// Where it can't be started; of kind `TimedOut` where it did not end in time.
pub fn run_within(command: &mut Command, limit: Duration) -> std::io::Result<Output> {
    #[cfg(test)]
    if simulated::is_on() {
        return simulated::slurm::answer(command, limit);
    }
    let mut child =
        spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let end = instant() + limit;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if instant() >= end {
            child.kill()?;
            child.wait()?;
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(pause.min(end.saturating_duration_since(instant())));
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    // A grandchild may hold the pipes open for ever; what its parent said is there by now.
    let take = |pipe: std::sync::mpsc::Receiver<Vec<u8>>| {
        let mut all = Vec::new();
        while let Ok(part) = pipe.recv_timeout(Duration::from_millis(200)) {
            all.extend(part);
        }
        all
    };
    Ok(Output { status, stdout: take(stdout), stderr: take(stderr) })
}

/// Reads a pipe to its end in a thread of its own, so that a talkative child never waits.
fn drain(pipe: Option<impl std::io::Read + Send + 'static>) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            if send.send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    receive
}

/// The file of this running program, links followed.
///
/// # Errors
/// Where the system does not tell.
pub fn executable() -> std::io::Result<PathBuf> {
    std::env::current_exe()?.canonicalize()
}

/// The first file of that name that `PATH` leads to.
#[must_use]
pub fn which(program: &str) -> Option<PathBuf> {
    let path = env("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Name of this machine.
#[must_use]
pub fn name() -> String {
    #[cfg(test)]
    if let Some(name) = simulated::host_name() {
        return name;
    }
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// This process's id.
#[must_use]
pub fn pid() -> u32 {
    #[cfg(test)]
    if let Some(pid) = simulated::pid() {
        return pid;
    }
    std::process::id()
}

/// The number of the user that this process belongs to.
#[must_use]
pub fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

/// Random bytes from the system, for identities; training never draws from here.
///
/// # Errors
/// Where the system gives none.
pub fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    use std::io::Read as _;
    let mut bytes = [0; N];
    #[cfg(test)]
    if simulated::random(&mut bytes) {
        return Ok(bytes);
    }
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The folder for what is fetched once per user: `DLGRID_CACHE`, else `XDG_CACHE_HOME/dlgrid`,
/// else `~/.cache/dlgrid`.
#[must_use]
pub fn cache() -> PathBuf {
    if let Some(dir) = env("DLGRID_CACHE") {
        return dir.into();
    }
    if let Some(dir) = env("XDG_CACHE_HOME") {
        return Path::new(&dir).join("dlgrid");
    }
    env("HOME").map_or_else(
        || PathBuf::from(".dlgrid-cache"),
        |home| Path::new(&home).join(".cache/dlgrid"),
    )
}

/// The folder for a user's own settings: `XDG_CONFIG_HOME/dlgrid`, else `~/.config/dlgrid`.
#[must_use]
pub fn config() -> PathBuf {
    if let Some(dir) = env("XDG_CONFIG_HOME") {
        return Path::new(&dir).join("dlgrid");
    }
    env("HOME").map_or_else(
        || PathBuf::from(".dlgrid-config"),
        |home| Path::new(&home).join(".config/dlgrid"),
    )
}

/// How many processors this process may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A signal that dlgrid sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Please stop.
    Term,
    /// Please stop, for programs that hand it on to those that they have started.
    Usr2,
    /// Stop at once.
    Kill,
}

fn send(pid: u32, signal: Signal, group: bool) -> bool {
    use rustix::process::{Pid, kill_process, kill_process_group};
    let signal = match signal {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Usr2 => rustix::process::Signal::USR2,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    if group { kill_process_group(pid, signal) } else { kill_process(pid, signal) }.is_ok()
}

/// Sends a signal to a process; whether it was there.
pub fn signal(pid: u32, signal: Signal) -> bool {
    send(pid, signal, false)
}

/// Sends a signal to a process group; whether it was there.
pub fn signal_group(pid: u32, signal: Signal) -> bool {
    send(pid, signal, true)
}

/// What the kernel says of a process of this machine (`/proc/<pid>/stat`).
#[must_use]
pub fn process_stat(pid: u32) -> Option<String> {
    #[cfg(test)]
    if simulated::is_on() {
        return simulated::process_stat(pid);
    }
    std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// How many NVIDIA GPUs this process may use: what `CUDA_VISIBLE_DEVICES` names, else all that
/// the driver lists.
#[must_use]
pub fn gpus() -> usize {
    let listed = std::fs::read_dir("/proc/driver/nvidia/gpus").map_or(0, Iterator::count);
    match std::env::var("CUDA_VISIBLE_DEVICES") {
        Ok(visible) => visible
            .split(',')
            .filter(|d| !d.trim().is_empty() && !d.starts_with('-'))
            .count()
            .min(listed),
        Err(_) => listed,
    }
}

/// Writes a file of this process's own scratch folder.
///
/// # Errors
/// As the system answers.
pub fn write_scratch(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(path, bytes)
}

/// What stands in a scratch file from an offset on, 8 MiB at most.
///
/// # Errors
/// As the system answers; a file that is gone is empty.
pub fn read_scratch(path: &Path, from: u64) -> std::io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _};
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(std::io::SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(8 << 20).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes a scratch file; the folder goes with the process anyway.
pub fn remove_scratch(path: &Path) {
    let _gone = std::fs::remove_file(path);
}

/// What git answers in the current folder; nothing where there is no git or no repository.
fn git(words: &[&str]) -> Option<Vec<u8>> {
    #[cfg(test)]
    if simulated::is_on() {
        return None;
    }
    // A look takes no lock that the user's own git would wait for.
    let output = command("git")
        .arg("--no-optional-locks")
        .args(words)
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .output();
    output.ok().filter(|o| o.status.success()).map(|o| o.stdout)
}

/// The git revision of the current folder, with `+` where tracked files differ from it.
#[must_use]
pub fn git_revision() -> Option<String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    let revision = git(&["rev-parse", "HEAD"]).map(text)?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).map(text)?;
    Some(if changed.is_empty() { revision } else { format!("{revision}+") })
}

/// Longest patch that is kept, in bytes.
const MOST_CHANGES: usize = 4 << 20;

/// How tracked files of the current folder's repository differ from the revision, as a patch; the
/// names of the changed files alone where that is longer than 4 MiB.
#[must_use]
pub fn git_changes() -> Option<Vec<u8>> {
    let patch = git(&["diff", "--no-ext-diff", "--no-color", "HEAD"])?;
    let patch = if patch.len() > MOST_CHANGES {
        let mut names = b"# longer than 4 MiB: the names of the changed files alone\n".to_vec();
        names.extend(git(&["diff", "--no-ext-diff", "--stat", "HEAD"])?);
        names
    } else {
        patch
    };
    (!patch.is_empty()).then_some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    #[test]
    fn a_program_that_is_being_written_is_started_when_it_is_whole() {
        let tmp = tempfile::tempdir().expect("a folder");
        let program = tmp.path().join("program");
        let mut file = std::fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o700)
            .open(&program)
            .expect("created");
        file.write_all(b"#!/bin/sh\nexit 7\n").expect("written");
        assert!(is_for_the_moment(&command(&program).spawn().expect_err("it is busy")));
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(250));
            drop(file);
        });
        let mut child = spawn(&mut command(&program)).expect("started");
        assert_eq!(child.wait().expect("ended").code(), Some(7));
        writer.join().expect("closed");
        assert!(spawn(&mut command(tmp.path().join("absent"))).is_err(), "at once");
    }
}
