//! How the process of a worker ended.
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use crate::store::record::Cause;

/// A worker that ends by itself before it has taken a slice will not do better next time. One whose
/// starter tells that a rank was killed, in the shell's way, may.
pub(super) fn is_refusal(status: ExitStatus) -> bool {
    status.code().is_some_and(|code| code <= 128)
}

/// Whether it was killed by signal 9, itself or, as a shell or the starter of ranks tells it, what it
/// had started.
pub(super) fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9) || status.code() == Some(128 + 9)
}

/// Why a worker died: of memory, if the kernel has killed more often for want of it than is known to
/// have been the end of others; this one's is known then. Two may die at once.
pub(super) fn cause(known: &mut Option<u64>, kills: Option<u64>, killed: bool) -> Cause {
    if kills <= *known {
        return Cause::Killed;
    }
    *known = known.map_or(kills, |known| Some(known + 1));
    if killed { Cause::Memory } else { Cause::Killed }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_refuses_by_an_exit_code_of_its_own() {
        let code = |code: i32| ExitStatus::from_raw(code << 8);
        for (status, refuses, killed) in [
            (code(1), true, false),
            (code(127), true, false),
            (code(128 + 9), false, true),
            (code(128 + 11), false, false),
            (ExitStatus::from_raw(9), false, true),
            (ExitStatus::from_raw(15), false, false),
        ] {
            assert_eq!((is_refusal(status), is_killed(status)), (refuses, killed), "{status:?}");
        }
    }

    #[test]
    fn each_kill_of_the_kernel_is_the_end_of_one_worker() {
        use Cause::{Killed, Memory};
        let mut known = Some(3);
        for (kills, killed, expected) in [
            (Some(3), true, Killed),
            (Some(5), true, Memory),
            (Some(5), true, Memory),
            (Some(5), true, Killed),
            (Some(6), false, Killed),
            (Some(6), true, Killed),
            (None, true, Killed),
        ] {
            assert_eq!(cause(&mut known, kills, killed), expected, "{kills:?} {killed}");
        }
        let mut unknown = None;
        assert_eq!(cause(&mut unknown, Some(9), true), Memory);
        assert_eq!(cause(&mut unknown, Some(9), true), Killed);
    }
}
