//! Ranks from where a command stands: whether they can be had, and what starts them here.
use std::path::{Path, PathBuf};
use std::time::Duration;

use dlgrid_sweep::exec::local::Slot;
use dlgrid_sweep::exec::ranks::{Starter, slot_words};
use dlgrid_sweep::spec::{As, Contradiction, Ranks, SlurmSettings, Spec};
use dlgrid_sweep::{doctor, exit, host};

use crate::talk::{refuse, talk};

/// The file of the MPI half, beside the worker.
const FILE: &str = "libdlgrid_mpi.so";
/// The variable that names it where it is elsewhere, as the worker reads it.
const VARIABLE: &str = "DLGRID_MPI";
/// Longest that a starter may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// The MPI half that belongs to a worker.
pub fn library(worker: &Path) -> PathBuf {
    let named = host::env(VARIABLE).filter(|named| !named.is_empty()).map(PathBuf::from);
    named.unwrap_or_else(|| worker.with_file_name(FILE))
}

/// Refuses runs with ranks that can't be had, as far as this machine can tell: `here` if they are
/// to be trained on it.
pub fn check(
    spec: &Spec,
    settings: &SlurmSettings,
    worker: &Path,
    here: bool,
) -> anyhow::Result<()> {
    let ranks = Ranks::of(settings, spec.trains())
        .map_err(|Contradiction { fact, hint }| refuse(exit::INPUT, fact, hint))?;
    let Some(ranks) = ranks.filter(|ranks| ranks.kind == As::Run && ranks.count > 1) else {
        return Ok(());
    };
    let lacks = |code, what: String, hint: &str| {
        Err(refuse(code, format!("`slurm.ranks: {}` needs {what}", ranks.count), hint))
    };
    let library = library(worker);
    if library.file_name().is_none_or(|name| name != FILE) {
        let what = format!("a file `{FILE}`, and `{VARIABLE}` is `{}`", library.display());
        return lacks(exit::INPUT, what, "jobs look for it beside their worker, by that name");
    }
    let about = doctor::worker::probe(worker)?;
    match &about.no_ranks {
        None if !about.ranks => {
            let what = format!("MPI, of which `{}` knows nothing", worker.display());
            return lacks(exit::MISSING, what, "make build mpi, in dlgrid's source folder");
        }
        Some(why) if !about.ranks => {
            let hint = "make mpi, in dlgrid's source folder, where `mpicc` is on PATH";
            return lacks(exit::MISSING, format!("MPI: {why}"), hint);
        }
        Some(why) if here => {
            let hint = "load the MPI with which `make mpi` was made (a module of the cluster?)";
            return lacks(exit::MISSING, format!("MPI: {why}"), hint);
        }
        // The site's lines may load it in the job.
        Some(why) => {
            talk(&format!("warning: {why}; jobs need that MPI from their site's `setup`\n"));
        }
        None => {}
    }
    if here && starter(false).is_none() {
        let hint = "load an MPI, or install Open MPI (`apt install openmpi-bin`)";
        return lacks(exit::MISSING, "`mpirun`, which is not on PATH".to_owned(), hint);
    }
    Ok(())
}

/// What starts ranks here, in a job of Slurm's or outside.
pub fn starter(in_job: bool) -> Option<Starter> {
    let says = |program: &str, word: &str| {
        host::which(program)?;
        let output = host::run_within(host::command(program).arg(word), PATIENCE).ok()?;
        // Slurm before 20.11 lists on standard error.
        Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let list = if in_job { says("srun", "--mpi=list") } else { None };
    Starter::of(list.as_deref(), says("mpirun", "--version").as_deref())
}

/// What a worker with ranks is told.
pub fn words(settings: &SlurmSettings) -> Vec<String> {
    let ranks = Ranks::together(settings);
    ranks.map_or_else(Vec::new, |ranks| vec!["--ranks".to_owned(), ranks.count.to_string()])
}

/// Variables of whoever starts these ranks, unless they are set: Open MPI starts none of root's
/// unless it is told twice to, and on a host with more to do than cores a rank that waits for
/// another keeps it from its core unless it yields (four times as slow).
pub fn environment(ranks: Option<Ranks>) -> Vec<(String, String)> {
    if ranks.is_none() {
        return Vec::new();
    }
    let root = ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"];
    let root = root.into_iter().filter(|_| host::user() == 0);
    root.chain(["OMPI_MCA_mpi_yield_when_idle"])
        .filter(|name| host::env(name).is_none())
        .map(|name| (name.to_owned(), "1".to_owned()))
        .collect()
}

/// Where the ranks of runs are on this machine: as many starts at a time as GPUs, or cores, are
/// enough for.
pub fn local_slots(ranks: Ranks, asked: Option<usize>, threads: usize) -> Vec<Slot> {
    let size = usize::try_from(ranks.count).unwrap_or(usize::MAX);
    let gpus = host::gpus();
    let room = if gpus > 0 { gpus } else { host::cores() / threads };
    let count = asked.unwrap_or(room / size).max(1);
    let here = Ranks { nodes: 1, ..ranks };
    let words = starter(false).map(|starter| starter.words(here, threads)).unwrap_or_default();
    (0..count)
        .map(|n| {
            let ids = (n * size..(n + 1) * size).map(|id| (id % gpus.max(1)).to_string());
            Slot {
                device: "auto".into(),
                threads,
                starter: words.clone(),
                visible: (gpus > 0 && count > 1).then(|| ids.collect::<Vec<_>>().join(",")),
            }
        })
        .collect()
}

/// Where the ranks of a task are: one worker of all of them, or a worker each; nothing where they
/// can't be started, which is said.
pub fn task_slots(ranks: Ranks, slot: &dyn Fn(usize) -> Slot, threads: usize) -> Option<Vec<Slot>> {
    if ranks.kind == As::Slots {
        let of_node = |node: u64| {
            (0..ranks.per_node()).map(move |n| {
                let own = slot(usize::try_from(n).unwrap_or(usize::MAX));
                match (ranks.nodes, &own.visible) {
                    (1, _) => own,
                    // A step sees all GPUs of its node, whatever it is told to see.
                    (_, Some(_)) => Slot {
                        starter: slot_words(node),
                        device: format!("cuda:{n}"),
                        visible: None,
                        ..own
                    },
                    (_, None) => Slot { starter: slot_words(node), ..own },
                }
            })
        };
        return Some((0..ranks.nodes).flat_map(of_node).collect());
    }
    let Some(starter) = starter(true) else {
        talk(
            "error: neither `srun --mpi=pmix` nor `mpirun` is there to start ranks\n\
             hint: load an MPI in the lines of `setup` of the site's profile\n",
        );
        return None;
    };
    talk(&format!(
        "{} ranks are started by {}\n",
        ranks.count,
        match starter {
            Starter::Srun(plugin) => format!("srun --mpi={plugin}"),
            Starter::OpenMpi | Starter::Mpirun => "mpirun".to_owned(),
        }
    ));
    let words = starter.words(ranks, threads);
    Some(vec![Slot { device: "auto".into(), threads, starter: words, visible: None }])
}
