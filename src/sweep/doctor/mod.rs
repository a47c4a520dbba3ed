//! What is true of this machine, and what that means for a sweep: facts in, lines out.
//! Gathering the facts stands apart in [`probe`].
pub mod probe;
pub mod worker;

use std::path::PathBuf;

use serde::Serialize;

use crate::dataset::State;
use crate::file_system::{FileSystem, Shared};
use worker::{About, CudaHalf, WorkerError};

/// Free space under which the cache or the current folder is worth a warning, in bytes.
const LITTLE: u64 = 2_000_000_000;

/// What is true of this machine.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The worker and what it says of itself.
    pub worker: Result<(PathBuf, About), WorkerError>,
    /// Whether an NVIDIA driver is loaded.
    pub driver: bool,
    /// How many NVIDIA GPUs the system shows.
    pub gpus: usize,
    /// What `sbatch --version` says, where there is an `sbatch`.
    pub slurm: Option<Result<String, String>>,
    /// Each data set of the catalogue: name, place, state.
    pub data: Vec<(&'static str, PathBuf, State)>,
    /// The cache folder's file system; the reason where it can't be written.
    pub cache: Result<FileSystem, (PathBuf, String)>,
    /// The current folder's file system; the reason where it can't be written.
    pub current: Result<FileSystem, (PathBuf, String)>,
    /// Processors that this process may use.
    pub cores: usize,
    /// Memory that programs can still get, in bytes, where the system tells.
    pub memory: Option<u64>,
}

/// How bad a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Sweeps run here, with a limit.
    Warn,
    /// Sweeps can't run here.
    Missing,
}

impl Verdict {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Missing => "missing",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at.
    pub what: String,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// The one command, or step, that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

fn line(what: &str, verdict: Verdict, found: impl Into<String>, mend: Option<&str>) -> Line {
    Line { what: what.into(), verdict, found: found.into(), mend: mend.map(str::to_owned) }
}

/// What the facts mean, one line a thing, in a fixed order.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Line> {
    let mut lines = vec![worker_line(facts), cuda_line(facts)];
    lines.extend(mpi_line(facts));
    lines.push(slurm_line(facts));
    lines.extend(facts.data.iter().map(data_line));
    lines.extend([cache_line(facts), current_line(facts), machine_line(facts)]);
    lines
}

/// The worst verdict of all.
#[must_use]
pub fn worst(lines: &[Line]) -> Verdict {
    lines.iter().map(|line| line.verdict).max().unwrap_or(Verdict::Ok)
}

fn worker_line(facts: &Facts) -> Line {
    match &facts.worker {
        Ok((path, about)) => {
            let found = format!("libtorch {}, `{}`", about.libtorch, path.display());
            line("worker", Verdict::Ok, found, None)
        }
        Err(error) => line("worker", Verdict::Missing, error.to_string(), Some(error.hint())),
    }
}

fn cuda_line(facts: &Facts) -> Line {
    let gpus = match facts.gpus {
        1 => "1 GPU".to_owned(),
        n => format!("{n} GPUs"),
    };
    match (facts.driver, &facts.worker) {
        (false, _) => line("CUDA", Verdict::Ok, "no NVIDIA driver: sweeps train on the CPU", None),
        (true, Ok((_, about))) if about.cuda => {
            line("CUDA", Verdict::Ok, format!("{gpus}, the worker can use them"), None)
        }
        (true, Ok((_, about))) => no_cuda_line(facts.gpus, &gpus, about.cuda_half),
        (true, Err(_)) => {
            line("CUDA", Verdict::Warn, format!("{gpus}, no worker to use them"), None)
        }
    }
}

/// A driver is there, and the worker can train on none of these GPUs.
fn no_cuda_line(gpus: usize, shown: &str, half: CudaHalf) -> Line {
    let (why, mend) = match half {
        CudaHalf::Absent => (
            "but the worker's libtorch is for the CPU",
            "LIBTORCH=<PyTorch with CUDA>/torch make build",
        ),
        CudaHalf::Broken => (
            "but the worker can't load its `libtorch_cuda.so`",
            "ldd <libtorch>/lib/libtorch_cuda.so   (tells which library it does not find)",
        ),
        // Such as a login node.
        CudaHalf::NotTried | CudaHalf::Loaded if gpus == 0 => {
            let found = "an NVIDIA driver, but no GPU: sweeps train on the CPU here";
            return line("CUDA", Verdict::Ok, found, None);
        }
        CudaHalf::NotTried => {
            ("but an empty `CUDA_VISIBLE_DEVICES` hides them", "unset CUDA_VISIBLE_DEVICES")
        }
        CudaHalf::Loaded => (
            "but libtorch can use none: hidden by `CUDA_VISIBLE_DEVICES`, or the driver is too old",
            "nvidia-smi   (tells the newest CUDA of the driver)",
        ),
    };
    line("CUDA", Verdict::Warn, format!("{shown}, {why}"), Some(mend))
}

/// Who has no MPI half wants no ranks.
fn mpi_line(facts: &Facts) -> Option<Line> {
    let (_, about) = facts.worker.as_ref().ok().filter(|(_, about)| about.ranks)?;
    Some(match &about.no_ranks {
        None => line("MPI", Verdict::Ok, "a run may have several ranks", None),
        Some(why) => {
            line("MPI", Verdict::Warn, why.clone(), Some("module load <the MPI of `make mpi`>"))
        }
    })
}

fn slurm_line(facts: &Facts) -> Line {
    match &facts.slurm {
        None => line("Slurm", Verdict::Ok, "no `sbatch` on PATH: sweeps run on this machine", None),
        Some(Ok(version)) => line("Slurm", Verdict::Ok, version.clone(), None),
        Some(Err(why)) => line(
            "Slurm",
            Verdict::Warn,
            format!("`sbatch` is there and fails, so that submit needs `--local`: {why}"),
            Some("dlgrid submit --local, or the cluster's slurm.conf"),
        ),
    }
}

fn data_line((name, dir, state): &(&'static str, PathBuf, State)) -> Line {
    let what = format!("data {name}");
    let fetch = format!("dlgrid data fetch {name}");
    match state {
        State::Ready => line(&what, Verdict::Ok, format!("`{}`", dir.display()), None),
        State::Absent => line(&what, Verdict::Warn, "not fetched", Some(&fetch)),
        State::Damaged(faults) => {
            let found = format!("damaged: {}", crate::dataset::verify::in_words(faults));
            line(&what, Verdict::Missing, found, Some(&fetch))
        }
    }
}

fn cache_line(facts: &Facts) -> Line {
    match &facts.cache {
        Ok(system) if system.free >= LITTLE => {
            let found = format!("`{}`, {} free", system.path.display(), size(system.free));
            line("cache", Verdict::Ok, found, None)
        }
        Ok(system) => line(
            "cache",
            Verdict::Warn,
            format!("`{}`, only {} free", system.path.display(), size(system.free)),
            Some("export DLGRID_CACHE=<a folder with room>"),
        ),
        Err((path, why)) => line(
            "cache",
            Verdict::Missing,
            format!("cannot write to `{}`: {why}", path.display()),
            Some("export DLGRID_CACHE=<a folder of yours>"),
        ),
    }
}

fn current_line(facts: &Facts) -> Line {
    let what = "this folder";
    let system = match &facts.current {
        Ok(system) => system,
        Err((path, why)) => {
            let found = format!("cannot write to `{}`: {why}", path.display());
            return line(
                what,
                Verdict::Warn,
                found,
                Some("dlgrid submit --root <a folder of yours>"),
            );
        }
    };
    let free = size(system.free);
    let found = format!("{}, shared: {}, {free} free", system.kind, system.shared.word());
    if facts.slurm.is_some() && system.shared == Shared::Unlikely {
        let mend = "cd to the cluster's shared file system, where the compute nodes see the sweep";
        line(what, Verdict::Warn, found, Some(mend))
    } else if system.free < LITTLE {
        line(what, Verdict::Warn, found, Some("dlgrid submit --root <a folder with room>"))
    } else {
        line(what, Verdict::Ok, found, None)
    }
}

fn machine_line(facts: &Facts) -> Line {
    let cores = match facts.cores {
        1 => "1 core".to_owned(),
        n => format!("{n} cores"),
    };
    let Some(memory) = facts.memory else { return line("machine", Verdict::Ok, cores, None) };
    let found = format!("{cores}, {} of memory free", size(memory));
    if memory < 1_000_000_000 {
        line("machine", Verdict::Warn, found, Some("dlgrid submit --slots 1"))
    } else {
        line("machine", Verdict::Ok, found, None)
    }
}

/// Bytes for people, in decimal units: `79.4 GB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 99.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests;
