//! What it costs to sum gradients over two ranks of this machine, against copying as many numbers:
//! `make mpi; cargo bench --features torch --bench ranks`. Prints medians of each step.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
use std::time::Instant;

use dlgrid_train::ranks;
use dlgrid_train::tch::{self, Device, Kind, Tensor};

/// Parameters of the course's perceptron, of a small convolutional network, of a ResNet-18.
const SIZES: [i64; 3] = [60_000, 1_000_000, 11_000_000];
/// The variable that tells a process that it is one of the ranks.
const RANKED: &str = "DLGRID_BENCH_RANKED";

fn main() -> std::process::ExitCode {
    if std::env::var_os(RANKED).is_some() {
        measure();
        return std::process::ExitCode::SUCCESS;
    }
    let me = std::env::current_exe().expect("this program has a path");
    // `target/PROFILE/deps/ranks-HASH`
    let half = me.ancestors().nth(2).map(|folder| folder.join("libdlgrid_mpi.so"));
    let status = std::process::Command::new("mpirun")
        .args(["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "2"])
        .arg(me)
        .env(RANKED, "1")
        .env("DLGRID_MPI", half.unwrap_or_default())
        .env("OMPI_MCA_mpi_yield_when_idle", "1")
        .status();
    match status {
        Ok(status) if status.success() => std::process::ExitCode::SUCCESS,
        told => {
            println!("skipped: no MPI: {told:?} (setup/mpi; make mpi)");
            std::process::ExitCode::FAILURE
        }
    }
}

fn measure() {
    tch::set_num_threads(1);
    let ranks = ranks::begin(2).expect("two ranks");
    let rounds = std::env::args().find_map(|a| a.strip_prefix("--rounds=")?.parse().ok());
    for size in SIZES {
        let own = Tensor::ones([size], (Kind::Float, Device::Cpu));
        let mut all = own.zeros_like();
        let mut ours: Vec<(f64, f64)> = (0..rounds.unwrap_or(41))
            .map(|_| {
                let _together = ranks.all(true);
                let begun = Instant::now();
                ranks.sum_into(&own, &mut all);
                let summed = begun.elapsed().as_secs_f64();
                let begun = Instant::now();
                all.copy_(&own);
                (summed, begun.elapsed().as_secs_f64())
            })
            .collect();
        ours.sort_by(|a, b| a.0.total_cmp(&b.0));
        let sum = ours[ours.len() / 2].0;
        ours.sort_by(|a, b| a.1.total_cmp(&b.1));
        let copy = ours[ours.len() / 2].1;
        if ranks.is_first() {
            #[expect(clippy::cast_precision_loss, reason = "a size is small")]
            let gigabytes = size as f64 * 4.0 / 1e9;
            println!(
                "{size:>9} numbers: sum {:>9.1} us ({:.2} GB/s), copy {:>9.1} us ({:.2} GB/s)",
                sum * 1e6,
                gigabytes / sum,
                copy * 1e6,
                gigabytes / copy
            );
        }
    }
    ranks.end();
}
