//! Tables of facts and the lines that must come of them.
use super::*;
use crate::dataset::verify::Fault;

fn system(kind: &str, shared: Shared, free: u64) -> FileSystem {
    FileSystem { path: "/here".into(), kind: kind.into(), shared, free }
}

fn about(cuda: bool) -> (PathBuf, About) {
    let about = About {
        dlgrid: "0.1.0".into(),
        libtorch: "2.11.0".into(),
        cuda,
        cuda_devices: 0,
        cuda_half: CudaHalf::Loaded,
        ranks: false,
        no_ranks: None,
    };
    ("/bin/dlgrid-worker".into(), about)
}

/// A laptop on which all is well.
fn well() -> Facts {
    Facts {
        worker: Ok(about(false)),
        driver: false,
        gpus: 0,
        slurm: None,
        data: vec![("mnist", "/cache/data/mnist".into(), State::Ready)],
        cache: Ok(system("ext4", Shared::Unlikely, 50_000_000_000)),
        current: Ok(system("ext4", Shared::Unlikely, 50_000_000_000)),
        cores: 8,
        memory: Some(16_000_000_000),
    }
}

fn shown(facts: &Facts) -> String {
    let mut text = String::new();
    for line in examine(facts) {
        let mend = line.mend.map_or(String::new(), |mend| format!(" => {mend}"));
        text += &format!("{} {}: {}{mend}\n", line.verdict.word(), line.what, line.found);
    }
    text
}

#[test]
fn all_is_well() {
    assert_eq!(worst(&examine(&well())), Verdict::Ok);
    insta::assert_snapshot!(shown(&well()), @"
    ok worker: libtorch 2.11.0, `/bin/dlgrid-worker`
    ok CUDA: no NVIDIA driver: sweeps train on the CPU
    ok Slurm: no `sbatch` on PATH: sweeps run on this machine
    ok data mnist: `/cache/data/mnist`
    ok cache: `/here`, 50.0 GB free
    ok this folder: ext4, shared: unlikely, 50.0 GB free
    ok machine: 8 cores, 16.0 GB of memory free
    ");
}

#[test]
fn all_is_wrong() {
    let facts = Facts {
        worker: Err(WorkerError::NoLibrary {
            worker: "/bin/dlgrid-worker".into(),
            library: "libtorch_cpu.so".into(),
        }),
        driver: true,
        gpus: 2,
        slurm: Some(Err("no such cluster".into())),
        data: vec![
            ("fashion-mnist", "/cache/data/fashion-mnist".into(), State::Absent),
            (
                "mnist",
                "/cache/data/mnist".into(),
                State::Damaged(vec![Fault::Size { file: "a", found: 1, expected: 2 }]),
            ),
        ],
        cache: Err(("/cache".into(), "Read-only file system".into())),
        current: Err(("/here".into(), "Permission denied".into())),
        cores: 1,
        memory: Some(500_000_000),
    };
    assert_eq!(worst(&examine(&facts)), Verdict::Missing);
    insta::assert_snapshot!(shown(&facts), @"
    missing worker: `/bin/dlgrid-worker` does not find its `libtorch_cpu.so` => make build, in dlgrid's source folder (it fetches libtorch again); or add your libtorch's lib folder to LD_LIBRARY_PATH
    warn CUDA: 2 GPUs, no worker to use them
    warn Slurm: `sbatch` is there and fails, so that submit needs `--local`: no such cluster => dlgrid submit --local, or the cluster's slurm.conf
    warn data fashion-mnist: not fetched => dlgrid data fetch fashion-mnist
    missing data mnist: damaged: `a` has `1` bytes, not `2` => dlgrid data fetch mnist
    missing cache: cannot write to `/cache`: Read-only file system => export DLGRID_CACHE=<a folder of yours>
    warn this folder: cannot write to `/here`: Permission denied => dlgrid submit --root <a folder of yours>
    warn machine: 1 core, 500 MB of memory free => dlgrid submit --slots 1
    ");
}

/// The verdict on one thing after a change to the facts of a machine on which all is well.
fn verdict(what: &str, change: impl FnOnce(&mut Facts)) -> Verdict {
    let mut facts = well();
    change(&mut facts);
    examine(&facts).into_iter().find(|line| line.what == what).expect("a line").verdict
}

#[test]
fn a_gpu_that_the_worker_cannot_use_is_a_warning() {
    let with = |cuda| {
        move |facts: &mut Facts| {
            (facts.driver, facts.gpus, facts.worker) = (true, 1, Ok(about(cuda)));
        }
    };
    assert_eq!(verdict("CUDA", with(false)), Verdict::Warn);
    assert_eq!(verdict("CUDA", with(true)), Verdict::Ok);
}

#[test]
fn why_no_gpu_can_be_used_is_told() {
    use CudaHalf::{Absent, Broken, Loaded, NotTried};
    let mut told = String::new();
    for (gpus, half) in [
        (2, Absent),
        (0, Absent),
        (2, Broken),
        (1, NotTried),
        (1, Loaded),
        (0, NotTried),
        (0, Loaded),
    ] {
        let (path, known) = about(false);
        let worker = Ok((path, About { cuda_half: half, ..known }));
        let facts = Facts { driver: true, gpus, worker, ..well() };
        let text = shown(&facts);
        let line = text.lines().find(|line| line.contains(" CUDA: ")).expect("a line");
        told += &format!("{half:?} {line}\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn mpi_is_told_of_where_the_worker_has_its_half() {
    let said = |ranks, no_ranks: Option<&str>| {
        let mut facts = well();
        let (path, known) = about(false);
        let no_ranks = no_ranks.map(str::to_owned);
        facts.worker = Ok((path, About { ranks, no_ranks, ..known }));
        examine(&facts).into_iter().find(|line| line.what == "MPI").map(|line| line.verdict)
    };
    assert_eq!(said(false, Some("`libdlgrid_mpi.so`, which ranks need, is not there")), None);
    assert_eq!(said(true, None), Some(Verdict::Ok));
    assert_eq!(said(true, Some("it can't be loaded")), Some(Verdict::Warn));
}

#[test]
fn an_unshared_folder_matters_only_where_slurm_is() {
    let cases = [
        (false, Shared::Unlikely, Verdict::Ok),
        (true, Shared::Unlikely, Verdict::Warn),
        (true, Shared::Unknown, Verdict::Ok),
        (true, Shared::Likely, Verdict::Ok),
    ];
    for (slurm, shared, expected) in cases {
        let found = verdict("this folder", |facts| {
            facts.slurm = slurm.then(|| Ok("slurm 22.05.8".into()));
            facts.current = Ok(system("some", shared, LITTLE));
        });
        assert_eq!(found, expected, "{slurm} {shared:?}");
    }
}

#[test]
fn little_space_is_a_warning() {
    let little = || Ok(system("nfs", Shared::Likely, LITTLE - 1));
    assert_eq!(verdict("cache", |facts| facts.cache = little()), Verdict::Warn);
    assert_eq!(verdict("this folder", |facts| facts.current = little()), Verdict::Warn);
}

#[test]
fn sizes_are_short() {
    let cases = [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (79_440_000_000, "79.4 GB"),
        (99_960_000_000, "100 GB"),
        (u64::MAX, "18447 PB"),
    ];
    for (bytes, words) in cases {
        assert_eq!(size(bytes), words);
    }
}
