//! How the process of a worker ended.
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// A worker that ends by itself before it has taken a slice will not do better next time.
pub(super) fn is_refusal(status: ExitStatus) -> bool {
    status.code().is_some()
}

/// It in words, after the name of the process.
pub(super) fn describe(status: ExitStatus) -> String {
    if let Some(signal) = status.signal() {
        let name = match signal {
            6 => " (SIGABRT)",
            9 => " (SIGKILL; the system kills so when memory runs out)",
            11 => " (SIGSEGV)",
            15 => " (SIGTERM)",
            _ => "",
        };
        return format!("was killed by signal {signal}{name}");
    }
    match status.code() {
        Some(code) if code > 128 => {
            format!("ended with exit code {code}: a rank was killed by signal {}", code - 128)
        }
        Some(127) => "could not start: a program or library is missing".into(),
        Some(code) => format!("ended with exit code {code}"),
        None => "ended".into(),
    }
}
