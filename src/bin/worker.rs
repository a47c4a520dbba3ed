//! `dlgrid-worker`: trains the runs of a slice. Its standard output is data (`--about`, or
//! reports to who feeds it slices), its log goes to standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program may print")]
#[path = "worker/args.rs"]
mod args;
#[path = "worker/cohort.rs"]
mod cohort;
#[path = "worker/ends.rs"]
mod ends;
#[path = "worker/ranks.rs"]
mod ranks;
#[path = "worker/sanity.rs"]
mod sanity;
#[path = "worker/slice.rs"]
mod slice;
#[path = "worker/stop.rs"]
mod stop;

use std::io::Write as _;

use anyhow::Context as _;
use dlgrid_sweep::exec::feed::{Given, Report, Slices};
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{exit, host, stage};
use dlgrid_train::data::shelf::Shelf;
use dlgrid_train::engine::Stop;
use dlgrid_train::ranks::Ranks;
use dlgrid_train::{device, tch};

use args::{Args, Asked, Work};

fn main() {
    std::panic::set_hook(Box::new(|info| {
        // What libtorch refuses ends the run and stands in its record, not here.
        let text = info.payload_as_str().unwrap_or_default();
        if !dlgrid_train::run::is_from_libtorch(text) {
            eprintln!("internal error: {info}");
        }
    }));
    let code = match args::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Work(args)) => work(&args).unwrap_or_else(|error| tell(&error)),
        Ok(Asked::Sanity { runs, device, threads }) => grant(device, threads)
            .map_or(Ok(exit::MISSING), |device| sanity::try_all(&runs, device))
            .unwrap_or_else(|error| tell(&error)),
        Ok(Asked::About) => about(),
        Ok(Asked::Help) => {
            print!("{}", args::HELP);
            exit::OK
        }
        Err(wrong) => {
            eprintln!("error: {wrong}\nhint: `dlgrid-worker --help` shows what it takes");
            exit::INPUT
        }
    };
    let _flushed = std::io::stdout().flush();
    // Taking libtorch down in order takes longer than many a slice's share of its start.
    dlgrid_train::device::leave(code.into());
}

fn tell(error: &anyhow::Error) -> u8 {
    eprintln!("error: {error}");
    error.chain().skip(1).for_each(|cause| eprintln!("caused by: {cause}"));
    exit::UNEXPECTED
}

/// The device that was asked for; nothing where it is missing, which is said.
fn grant(wish: device::Wish, threads: i32) -> Option<tch::Device> {
    tch::set_num_threads(threads);
    tch::set_num_interop_threads(1);
    let device = wish.grant().inspect_err(|missing| {
        eprintln!("error: {missing}\nhint: `dlgrid doctor` says what is missing here");
    });
    if matches!(device, Ok(tch::Device::Cuda(_))) && !device::is_bound() {
        eprintln!(
            "warning: this libtorch can't be told how to convolve: on the GPU convolutions may \
             round to TF32, and a resumed run may differ\nhint: libtorch {} can",
            dlgrid_train::LIBTORCH
        );
    }
    device.ok()
}

/// One line of JSON for `dlgrid doctor`.
fn about() -> u8 {
    let devices = device::cuda_devices();
    println!(
        "{}",
        serde_json::json!({
            "dlgrid": env!("CARGO_PKG_VERSION"),
            "libtorch": dlgrid_train::LIBTORCH,
            "cuda": devices > 0,
            "cuda_devices": devices,
            "cuda_half": device::cuda_half().word(),
            "ranks": dlgrid_train::ranks::file().is_file(),
            "no_ranks": dlgrid_train::ranks::check().err().map(|error| error.to_string()),
        })
    );
    exit::OK
}

fn work(args: &Args) -> anyhow::Result<u8> {
    let ranks = match args.ranks {
        1 => dlgrid_train::ranks::here(),
        // Before signals are asked to be caught, MPI would catch some of them itself.
        several => match ranks::begin(several) {
            Some(ranks) => ranks,
            None => return Ok(exit::MISSING),
        },
    };
    let stop = Stop::default();
    stop::on_signals(&stop).context("signals can't be caught")?;
    let wish = args.device.of_local(local_rank(ranks));
    let Some(device) = grant(wish, args.threads) else { return Ok(exit::MISSING) };
    let sweep = match Sweep::open(SweepDir::new(&args.sweep)) {
        Ok(sweep) => sweep,
        Err(error) => {
            let hint = error.hint();
            eprintln!("error: the sweep `{}` can't be opened", args.sweep.display());
            eprintln!("caused by: {:#}", anyhow::Error::from(error));
            if let Some(hint) = hint {
                eprintln!("hint: {hint}");
            }
            return Ok(exit::INPUT);
        }
    };
    let name = device::Name(device);
    if !ranks.is_alone() {
        ranks::introduce(ranks, name);
    }
    if ranks.is_first() {
        eprintln!("{} on {} ({name}), process {}", sweep.dir.label(), host::name(), host::pid());
    }
    let leave = stage::unseal(&sweep).map_err(ends::with_hint)?;
    if sweep.spec.finishes() && leave.is_none() {
        anyhow::bail!("that the test set is opened is not written down: `dlgrid finish` does");
    }
    let shelf = Shelf::new(device);
    let mut station = slice::Station { sweep: &sweep, args, device: name, shelf, leave, stop };
    if !ranks.is_first() {
        let code = ranks::follow(&mut station)?;
        ranks::dismiss(ranks);
        return Ok(code);
    }
    let code = match args.work {
        Work::Slice(slice) => station.serve(Given { slice, died: None }),
        Work::Fed => serve_fed(&mut station),
        Work::Canary => station.try_one(),
    }?;
    ranks::dismiss(ranks);
    Ok(code)
}

/// The number of a rank among those of its machine: MPI's starters tell it.
fn local_rank(ranks: &Ranks) -> usize {
    ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"]
        .iter()
        .find_map(|name| host::env(name)?.to_str()?.parse().ok())
        .filter(|_| !ranks.is_alone())
        .unwrap_or_else(|| ranks.rank())
}

/// Works on the slices that the feeder names, until it has no more or is gone.
fn serve_fed(station: &mut slice::Station<'_>) -> anyhow::Result<u8> {
    let flag = station.stop.flag();
    let mut slices = Slices::listen(move || stop::parent_gone(&flag));
    let (mut report, mut worst) = (Report::Ready, exit::OK);
    while let Some(given) = slices.next(report) {
        if station.stop.requested().is_some() {
            return Ok(exit::STOPPED);
        }
        let code = station.serve(given)?;
        worst = worst.max(code);
        report = Report::Done { slice: given.slice, code };
    }
    Ok(worst)
}
