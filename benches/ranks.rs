//! What it costs to sum gradients over two ranks of this machine, against copying as many numbers:
//! `make mpi; cargo bench --features torch --bench ranks`. Prints medians, and the least.
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
        let (mut sums, mut copies): (Vec<f64>, Vec<f64>) = (0..rounds.unwrap_or(41))
            .map(|_| {
                let _together = ranks.all(true);
                let begun = Instant::now();
                ranks.sum_into(&own, &mut all);
                let summed = begun.elapsed().as_secs_f64();
                let begun = Instant::now();
                all.copy_(&own);
                (summed, begun.elapsed().as_secs_f64())
            })
            .unzip();
        if ranks.is_first() {
            let [sum, copy] = [&mut sums, &mut copies].map(|of| shown(of));
            println!("{size:>9} numbers: sum {sum}, copy {copy}");
        }
    }
    ranks.end();
}

/// Median and least of some times: the least tells more where others use this machine, too.
fn shown(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    format!("{:>8.3} ms (least {:.3})", times[times.len() / 2] * 1e3, times[0] * 1e3)
}
