//! Finds `dlgrid-worker` and asks it what it was built of, so that a sweep is refused before
//! anything is submitted where it could not train.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host;

/// The worker's file name.
pub const NAME: &str = "dlgrid-worker";

/// How long it may take to start: libtorch comes from a slow shared disk at times.
const LIMIT: Duration = Duration::from_secs(60);

/// What `dlgrid-worker --about` says of itself: one JSON object on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of dlgrid that it belongs to.
    pub dlgrid: String,
    /// Version of the libtorch that it runs with.
    pub libtorch: String,
    /// Whether it can train on a GPU here and now.
    #[serde(default)]
    pub cuda: bool,
    /// How many GPUs it sees.
    #[serde(default)]
    pub cuda_devices: usize,
    /// What became of libtorch's half that trains on them.
    #[serde(default)]
    pub cuda_half: CudaHalf,
    /// Whether it has the MPI half that ranks need; it may lack MPI itself here.
    #[serde(default)]
    pub ranks: bool,
    /// Why runs can't have ranks here and now, if they can't.
    #[serde(default)]
    pub no_ranks: Option<String>,
}

/// What became of `libtorch_cuda.so`, the half of libtorch that trains on GPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CudaHalf {
    /// It was not looked for: no driver is there, or an empty `CUDA_VISIBLE_DEVICES` hides all GPUs.
    #[default]
    NotTried,
    /// It is not there: this libtorch is for the CPU.
    Absent,
    /// It is there and can't be loaded.
    Broken,
    /// It is loaded.
    Loaded,
}

/// Why there is no worker to train with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// It is nowhere.
    #[error("`dlgrid-worker` is not there; looked at {}", listed(looked))]
    NotFound {
        /// Every path where it could have been.
        looked: Vec<PathBuf>,
    },
    /// It can't be executed.
    #[error("`{}` cannot be started: {why}", worker.display())]
    NotStarted {
        /// Its file.
        worker: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The loader does not find a library that it needs.
    #[error("`{}` does not find its `{library}`", worker.display())]
    NoLibrary {
        /// Its file.
        worker: PathBuf,
        /// The library.
        library: String,
    },
    /// It was built for a newer system than this.
    #[error("`{}` was built on a newer system than this: {why}", worker.display())]
    OldSystem {
        /// Its file.
        worker: PathBuf,
        /// What the loader said.
        why: String,
    },
    /// It did not answer.
    #[error("`{}` did not answer within `{seconds}` seconds", worker.display())]
    TooSlow {
        /// Its file.
        worker: PathBuf,
        /// How long it had.
        seconds: u64,
    },
    /// It answered with a failure.
    #[error("`{}` fails: {words}", worker.display())]
    Failed {
        /// Its file.
        worker: PathBuf,
        /// How it ended, and its last line.
        words: String,
    },
    /// What it said of itself is not understood.
    #[error("`{}` is no dlgrid-worker: it said `{said}` of itself", worker.display())]
    NoWorker {
        /// Its file.
        worker: PathBuf,
        /// The beginning of what it said.
        said: String,
    },
    /// It belongs to another dlgrid.
    #[error("`{}` is of dlgrid `{theirs}`, and this is dlgrid `{ours}`", worker.display())]
    OtherVersion {
        /// Its file.
        worker: PathBuf,
        /// Its version.
        theirs: String,
        /// This program's version.
        ours: String,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

impl WorkerError {
    /// The one command or step that mends it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            WorkerError::NotFound { .. } => {
                "make build, in dlgrid's source folder; or name a worker with DLGRID_WORKER"
            }
            WorkerError::NoLibrary { library, .. }
                if library.starts_with("libtorch") || library.starts_with("libc10") =>
            {
                "make build, in dlgrid's source folder (it fetches libtorch again); \
                 or add your libtorch's lib folder to LD_LIBRARY_PATH"
            }
            WorkerError::NoLibrary { .. } => {
                "add the folder of that library to LD_LIBRARY_PATH (a module of the cluster?)"
            }
            WorkerError::OldSystem { .. } => "make build, on this system or an older one",
            WorkerError::NotStarted { .. }
            | WorkerError::NoWorker { .. }
            | WorkerError::OtherVersion { .. } => "make build, in dlgrid's source folder",
            WorkerError::TooSlow { .. } => {
                "try again; if it stays, put dlgrid and libtorch on a faster disk"
            }
            WorkerError::Failed { .. } => "dlgrid-worker --about, to see all that it says",
        }
    }
}

/// The worker: `explicit` where given, else `DLGRID_WORKER`, else the file beside this program,
/// else on `PATH`.
///
/// # Errors
/// [`WorkerError::NotFound`]. A worker that is named and absent is never replaced by another.
pub fn find(explicit: Option<&Path>) -> Result<PathBuf, WorkerError> {
    let named = explicit.map(Path::to_owned).or_else(|| host::env("DLGRID_WORKER").map(Into::into));
    let beside = host::executable().ok().and_then(|me| Some(me.parent()?.join(NAME)));
    choose(named, beside, host::which(NAME), |path| path.is_file())
}

fn choose(
    named: Option<PathBuf>,
    beside: Option<PathBuf>,
    on_path: Option<PathBuf>,
    there: impl Fn(&Path) -> bool,
) -> Result<PathBuf, WorkerError> {
    let candidates: Vec<_> = match named {
        Some(named) => vec![named],
        None => beside.into_iter().chain(on_path).collect(),
    };
    match candidates.iter().find(|path| there(path)) {
        Some(found) => Ok(found.clone()),
        None => Err(WorkerError::NotFound { looked: candidates }),
    }
}

/// Starts the worker and asks what it is. Costs about as much as libtorch takes to load, 0.3 s.
///
/// # Errors
/// Where it doesn't start, doesn't answer, or belongs to another dlgrid.
pub fn probe(worker: &Path) -> Result<About, WorkerError> {
    let mut command = host::command(worker);
    match host::run_within(command.arg("--about").env("LC_ALL", "C"), LIMIT) {
        Ok(output) => judge(
            worker,
            output.status.code(),
            &String::from_utf8_lossy(&output.stdout),
            &String::from_utf8_lossy(&output.stderr),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            Err(WorkerError::TooSlow { worker: worker.to_owned(), seconds: LIMIT.as_secs() })
        }
        Err(error) => {
            Err(WorkerError::NotStarted { worker: worker.to_owned(), why: error.to_string() })
        }
    }
}

/// What the worker's answer means: exit code (none: a signal), stdout, stderr.
fn judge(worker: &Path, code: Option<i32>, out: &str, err: &str) -> Result<About, WorkerError> {
    let worker = worker.to_owned();
    if let Some(library) = lacking_library(err) {
        return Err(WorkerError::NoLibrary { worker, library: library.to_owned() });
    }
    if let Some(line) = err.lines().find(|l| l.contains("version `") && l.contains("not found")) {
        let why = line.rsplit(": ").next().unwrap_or(line).trim();
        let why = line.find("version `").map_or(why, |at| &line[at..]);
        return Err(WorkerError::OldSystem { worker, why: why.to_owned() });
    }
    if code != Some(0) {
        let ended = code.map_or("killed by a signal".to_owned(), |code| format!("exit {code}"));
        let last = err.lines().rev().find(|line| !line.trim().is_empty());
        let words = last.map_or(ended.clone(), |last| format!("{ended}, `{}`", last.trim()));
        return Err(WorkerError::Failed { worker, words });
    }
    let Some(about) = out.lines().find_map(|line| serde_json::from_str::<About>(line).ok()) else {
        return Err(WorkerError::NoWorker { worker, said: out.trim().chars().take(80).collect() });
    };
    let ours = env!("CARGO_PKG_VERSION");
    if about.dlgrid != ours {
        return Err(WorkerError::OtherVersion { worker, theirs: about.dlgrid, ours: ours.into() });
    }
    Ok(about)
}

/// The library in the loader's words `… error while loading shared libraries: NAME: …`.
fn lacking_library(err: &str) -> Option<&str> {
    let (_, rest) = err.split_once("error while loading shared libraries: ")?;
    rest.split(':').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(code: i32, out: &str, err: &str) -> Result<About, WorkerError> {
        judge(Path::new("/w"), Some(code), out, err)
    }

    #[test]
    fn answers_of_the_worker() {
        let version = env!("CARGO_PKG_VERSION");
        let said = format!(r#"{{"dlgrid":"{version}","libtorch":"2.11.0","cuda":true,"more":1}}"#);
        let about = judged(0, &said, "some warning\n").unwrap();
        assert_eq!((about.libtorch.as_str(), about.cuda, about.cuda_devices), ("2.11.0", true, 0));
        assert_eq!(about.cuda_half, CudaHalf::NotTried);

        let loader = "/w: error while loading shared libraries: libtorch_cpu.so: cannot open \
                      shared object file: No such file or directory";
        let glibc = "/w: /lib/libc.so.6: version `GLIBC_2.34' not found (required by /w)";
        let cases = [
            (127, "", loader, "`/w` does not find its `libtorch_cpu.so`"),
            (
                1,
                "",
                glibc,
                "`/w` was built on a newer system than this: \
                 version `GLIBC_2.34' not found (required by /w)",
            ),
            (101, "", "thread main panicked\nat x\n\n", "`/w` fails: exit 101, `at x`"),
            (3, "", "", "`/w` fails: exit 3"),
            (
                0,
                "GNU coreutils 9.1\n",
                "",
                "`/w` is no dlgrid-worker: it said `GNU coreutils 9.1` of itself",
            ),
            (0, "", "", "`/w` is no dlgrid-worker: it said `` of itself"),
        ];
        for (code, out, err, words) in cases {
            assert_eq!(judged(code, out, err).unwrap_err().to_string(), words);
        }
        let other = judged(0, r#"{"dlgrid":"9.9.9","libtorch":"2.11.0"}"#, "").unwrap_err();
        assert!(matches!(other, WorkerError::OtherVersion { ref theirs, .. } if theirs == "9.9.9"));
        let killed = judge(Path::new("/w"), None, "", "").unwrap_err();
        assert_eq!(killed.to_string(), "`/w` fails: killed by a signal");
    }

    #[test]
    fn a_named_worker_is_never_replaced_by_another() {
        let path = |name: &str| Some(PathBuf::from(name));
        let there = |p: &Path| p != Path::new("/named");
        assert_eq!(choose(None, path("/beside"), path("/path"), there), Ok("/beside".into()));
        assert_eq!(choose(None, None, path("/path"), there), Ok("/path".into()));
        let error = choose(path("/named"), path("/beside"), path("/path"), there).unwrap_err();
        assert_eq!(error.to_string(), "`dlgrid-worker` is not there; looked at `/named`");
    }

    #[test]
    fn a_real_program_that_is_no_worker_is_told() {
        assert!(matches!(probe(Path::new("/bin/echo")), Err(WorkerError::NoWorker { .. })));
        assert!(matches!(probe(Path::new("/bin/false")), Err(WorkerError::Failed { .. })));
        assert!(matches!(probe(Path::new("/no/such")), Err(WorkerError::NotStarted { .. })));
    }
}
