//! `dlgrid sanity`: overfits one batch of some trials and says what it sees; also what `submit` and
//! the canary do where the spec says `sanity: true`.
use std::path::{Path, PathBuf};

use dlgrid_sweep::recipe::Work;
use dlgrid_sweep::sanity::{self, Asked, Checked, Curve, NoAnswer, Start, Trial};
use dlgrid_sweep::spec::{self, Spec};
use dlgrid_sweep::text::shell_word;
use dlgrid_sweep::trial::TrialId;
use dlgrid_sweep::{exit, host};

use crate::busy::Busy;
use crate::check;
use crate::show::{Format, Terminal, print, wrong_input};
use crate::talk::{next, refuse, talk};
use crate::work::{self, LocalArgs};

const EXAMPLES: &str = "\
Examples:
  dlgrid sanity sweep.yaml                  the ends and the middle of the space
  dlgrid sanity sweep.yaml --trials 3       fewer of them
  dlgrid sanity sweep.yaml --format json    every loss

Each trial trains on one batch alone, 200 steps of up to 64 samples, without dropout, penalties,
smoothing and schedule: its loss must fall to zero. It trains here; no sweep is made.

Exit codes: 0 all are well, 7 some trial is not; the others as always (`dlgrid --help`).";

/// Arguments of `sanity`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The spec, a YAML file; `-` reads standard input
    pub file: PathBuf,
    /// How many trials to try at most
    #[arg(long, value_name = "N", default_value_t = sanity::TRIALS as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub trials: u16,
    /// Refuse a sweep of more runs than this
    #[arg(long, value_name = "N", default_value_t = spec::DEFAULT_MAX_RUNS)]
    pub max_runs: u64,
    /// The worker program [default: dlgrid-worker beside dlgrid, or DLGRID_WORKER]
    #[arg(long, value_name = "FILE", env = "DLGRID_WORKER", hide_env = true)]
    pub worker: Option<PathBuf>,
    /// How to print it: table or json
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    if !matches!(args.format, Format::Table | Format::Json) {
        return Err(wrong_input("what a check sees is no table of rows", "use `--format json`"));
    }
    let (spec, bytes) = check::read(&args.file, args.max_runs)?;
    if !spec.trains() {
        return Err(wrong_input(
            "this sweep runs a `command`, and dlgrid can't look into its models",
            "`dlgrid sanity` is for `train`; `slurm: {canary: true}` tries a program before the rest",
        ));
    }
    let here = LocalArgs {
        local: true,
        slots: None,
        worker: args.worker.clone(),
        site: None,
        take_over: false,
    };
    let worker = work::preflight(&spec, &spec.tables(), &here)?;
    let threads = work::threads(spec.slurm.cpus);
    let checked = look(&spec, &bytes, &worker.program, args.trials.into(), threads)?;
    print(&match args.format {
        Format::Json => sanity::render_json(&checked),
        _ => sanity::render(&checked, Terminal::stdout().view()),
    })?;
    let has_file = args.file.as_os_str() != "-";
    if checked.bad() == 0 && args.format == Format::Table && has_file {
        next(&format!("dlgrid submit {}", shell_word(&args.file.to_string_lossy())));
    }
    Ok(if checked.bad() > 0 { exit::UNSOUND } else { exit::OK })
}

/// What a submit does before it makes a sweep: refuses it where a trial is not well.
pub fn insist(spec: &Spec, bytes: &[u8], worker: &Path) -> anyhow::Result<()> {
    let checked = look(spec, bytes, worker, sanity::TRIALS, work::threads(spec.slurm.cpus))?;
    let bad = checked.bad();
    if bad == 0 {
        talk(&format!("sanity: {}\n", checked.summary()));
        return Ok(());
    }
    talk(&sanity::render(&checked, Terminal::stderr().view()));
    Err(refuse(
        exit::UNSOUND,
        format!(
            "`sanity: true`, and {bad} of the {} trials tried can't learn one batch",
            checked.tried.len()
        ),
        "mend them, leave them out with `exclude`, or submit with `--no-sanity`",
    ))
}

/// Tries a sample of a spec's trials on this machine.
pub fn look(
    spec: &Spec,
    bytes: &[u8],
    worker: &Path,
    trials: usize,
    threads: usize,
) -> anyhow::Result<Checked> {
    // The number of a point is that of its run with the first seed.
    let runs = sanity::sample(&spec.space, trials);
    let device = if host::gpus() > 0 { "cuda:0" } else { "cpu" };
    let asked = Asked { worker, device, threads, spec: bytes, runs: &runs };
    let busy = Busy::steps("trials", runs.len() as u64);
    let curves = sanity::ask(&asked, &mut |_| busy.step());
    drop(busy);
    let curves = curves.map_err(|error| match error {
        NoAnswer::Ended { code: Some(exit::MISSING), .. } => refuse(
            exit::MISSING,
            "data or a device is missing: see above",
            "`dlgrid doctor` checks this machine",
        ),
        other => anyhow::Error::new(other),
    })?;
    let tried = curves.into_iter().map(|curve| trial(spec, curve)).collect();
    let paths = spec.space.paths().to_vec();
    Ok(Checked { name: spec.name.clone(), paths, trials: spec.space.trials(), tried })
}

fn trial(spec: &Spec, curve: Curve) -> Trial {
    let point = spec.place(curve.run).map_or(0, |(point, ..)| point);
    let work = spec.space.work(point);
    let id = work.as_ref().map(|work| TrialId::of(work).short());
    let start = match &work {
        Some(Work::Train(settings)) => Start::of(settings),
        _ => Start::Classes,
    };
    Trial {
        id: id.unwrap_or_default(),
        values: spec.space.values(point).unwrap_or_default(),
        start,
        curve,
    }
}
