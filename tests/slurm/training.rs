//! `dlgrid-worker` as tasks of arrays: whatever happens to them, what they come to is, bit for
//! bit, what a sweep comes to that runs on this machine alone.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::blobs::{results, write_blobs};
use crate::cluster::Cluster;
use crate::place::{Place, place};
use crate::support::{Said, Sandbox, segments_below};

fn no_worker() -> bool {
    let none = !cfg!(feature = "torch");
    if none {
        eprintln!("skipped: no worker");
    }
    none
}

fn write(here: &Sandbox, epochs: u32, checkpoint: &str, seeds: u32, slurm: &str) {
    write_blobs(&here.path().join("blobs"), 400, 80);
    here.write(
        "blobs.yaml",
        format!(
            "name: blobs\ntrain:\n  data: {{set: idx, path: blobs, scale: [-1, 1]}}\n  model: {{layers: 2, width: 16}}\n  regularize: {{dropout: 0.1}}\n  epochs: {epochs}\n  batch_size: 16\nparameters: {{optimizer.lr: [0.003, 0.01]}}\nseeds: {seeds}\nobjective: {{maximize: valid/accuracy}}\ncheckpoint: {checkpoint}\nslurm: {{{slurm}}}\n"
        ),
    );
}

/// The same sweep on this machine, which nothing disturbs.
struct Alone {
    here: Sandbox,
    submit: Child,
}

impl Alone {
    fn start(epochs: u32, seeds: u32) -> Self {
        let here = Sandbox::new();
        write(&here, epochs, "5m", seeds, "");
        let submit = here.start(["submit", "blobs.yaml", "--local", "--slots", "2"]);
        Self { here, submit }
    }

    fn results(self) -> BTreeMap<String, Value> {
        Said::from(self.submit.wait_with_output().unwrap()).code(0);
        results(&self.here)
    }
}

/// While it lives, those workers of a sweep that have saved something run for a small part of the time
/// only: a short training is still under way when Slurm gets round to something, however fast this
/// machine is. Those that are beginning run free, or on a slow machine they would get nowhere before
/// their time is over, and not be put back.
struct Brake {
    released: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Brake {
    /// They run for so many milliseconds of each `period`.
    fn on(place: &Place, run: u64, period: u64) -> Self {
        let released = Arc::new(AtomicBool::new(false));
        let (flag, folder) = (Arc::clone(&released), place.here.path().to_path_buf());
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(run));
                let saved = that_have_saved(&folder);
                let mut workers = workers_below(&folder);
                workers.retain(|pid| saved.contains(pid));
                signal("-STOP", &workers);
                std::thread::sleep(Duration::from_millis(period - run));
                signal("-CONT", &workers);
            }
        });
        Self { released, thread: Some(thread) }
    }
}

impl Drop for Brake {
    fn drop(&mut self) {
        self.released.store(true, Ordering::SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Processes that have written of a checkpoint.
fn that_have_saved(folder: &Path) -> BTreeSet<String> {
    let texts = segments_below(folder).into_iter().filter_map(|f| std::fs::read_to_string(f).ok());
    let saved = texts.filter(|text| text.contains(r#""t":"checkpoint""#));
    saved
        .filter_map(|text| Some(text.split_once(r#""pid":"#)?.1.split_once(',')?.0.to_owned()))
        .collect()
}

pub fn signal(signal: &str, processes: &[String]) {
    if !processes.is_empty() {
        // Some may have ended meanwhile.
        drop(Command::new("kill").arg(signal).args(processes).output());
    }
}

/// Processes whose program is a worker that lies below this folder.
pub fn workers_below(folder: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let is_one = |process: &std::fs::DirEntry| {
        std::fs::read_link(process.path().join("exe"))
            .is_ok_and(|exe| exe.starts_with(folder) && exe.ends_with("dlgrid-worker"))
    };
    processes.filter(is_one).map(|p| p.file_name().to_string_lossy().into_owned()).collect()
}

/// Epochs at the checkpoints of each run, in the order of attempts: one that began anew would go back.
#[track_caller]
fn each_went_on_where_it_was(here: &Sandbox) {
    let mut epochs: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in here.lines().iter().filter(|l| l["t"] == "checkpoint") {
        let run = line["run"].as_str().unwrap().to_owned();
        epochs.entry(run).or_default().push(line["epoch"].as_u64().unwrap());
    }
    assert!(!epochs.is_empty(), "there were checkpoints");
    assert!(epochs.values().all(|of_run| of_run.is_sorted()), "{epochs:?}");
}

#[test]
fn every_bit_is_the_same_as_on_this_machine() {
    if no_worker() {
        return;
    }
    let Some(on) = place() else { return };
    let alone = Alone::start(20, 4);
    write(
        &on.here,
        20,
        "5m",
        4,
        "time: 5m, memory: 1G, runs_per_task: 4, workers: 2, canary: true",
    );
    on.run(["submit", "blobs.yaml"]).code(0);
    on.drained();
    on.each_ran_once(8);
    assert_eq!(results(&on.here), alone.results());
    let report = on.run(["report", "--format", "json"]).code(0).json();
    assert_eq!(report["rows"][0]["objective"]["n"], 4);
    on.run(["logs", "blobs", "0"]).code(0).says("valid/accuracy");
}

#[test]
fn preempted_and_requeued_every_bit_is_the_same() {
    if no_worker() {
        return;
    }
    // Of its own: whatever runs there is preempted.
    let options = ["--nodes", "1", "--cpus", "2", "--gpus", "0", "--max-array", "11"];
    let Some(cluster) = Cluster::up(&options) else { return };
    let on = Place::on(Arc::new(cluster));
    let alone = Alone::start(600, 1);
    write(&on.here, 600, "0.2s", 1, "time: 10m, memory: 1G");
    on.run(["submit", "blobs.yaml"]).code(0);
    let brake = Brake::on(&on, 20, 100);
    let saved_by_all_of = |attempt: usize| {
        let starts = on.starts();
        let in_attempt = |name: &str| name.contains(&format!(".a{attempt}."));
        let names = on.here.segments();
        let saved = names.iter().filter(|file| {
            in_attempt(&file.to_string_lossy())
                && std::fs::read_to_string(file).unwrap().contains(r#""t":"checkpoint""#)
        });
        starts.values().all(|n| *n == attempt) && saved.count() == 2
    };
    on.wait(60, "a checkpoint of each run", || saved_by_all_of(1));

    let urgent = ["sbatch", "--parsable", "-p", "urgent", "-c", "2", "-o", "/dev/null", "--wrap"];
    let mut submit = on.client(urgent[0]);
    let urgent = Said::from(submit.args(&urgent[1..]).arg("sleep 1").output().unwrap()).code(0);
    on.wait(60, "both to wait", || {
        on.queue().iter().filter(|row| row.contains("PENDING")).count() == 2
    });
    let urgent = urgent.out.trim().to_owned();
    on.wait(60, "the urgent job to run", || {
        let said = on.slurm(["squeue", "-h", "-t", "all", "-j", &urgent, "-o", "%T"]);
        said.out.trim() == "COMPLETED"
    });
    on.wait(60, "a checkpoint of each run, once more", || saved_by_all_of(2));

    // The last task has the number of the whole array: only the pair of numbers means it alone.
    on.slurm(["scontrol", "requeue", &format!("{}_1", on.jobs()[0])]).code(0);
    on.wait(60, "it to wait", || on.queue().iter().any(|row| row.contains("|1|PENDING")));
    drop(brake);
    on.drained();
    on.run(["status"]).code(0).says("2 done");
    assert_eq!(on.starts().into_values().collect::<Vec<_>>(), [2, 3]);
    each_went_on_where_it_was(&on.here);
    assert_eq!(results(&on.here), alone.results());
    assert_eq!(on.jobs().len(), 1, "nobody submitted anything again");
}

#[test]
fn at_the_time_limit_it_saves_and_every_bit_is_the_same() {
    if no_worker() {
        return;
    }
    let Some(on) = place() else { return };
    let alone = Alone::start(1000, 1);
    write(&on.here, 1000, "0.2s", 1, "time: 1m, memory: 1G");
    on.run(["submit", "blobs.yaml"]).code(0);
    // The warning comes after 10 to 40 s.
    let brake = Brake::on(&on, 20, 400);
    let put_back = |task| on.queue().iter().any(|row| row.contains(&format!("|{task}|PENDING")));
    on.wait(90, "both to have gone back into the queue", || {
        on.here.count("stop") == 2 && (put_back(0) || put_back(1))
    });
    drop(brake);
    on.drained();
    on.run(["status"]).code(0).says("2 done");
    // More often where this machine is very slow.
    assert!(on.starts().into_values().all(|n| n >= 2), "{:?}", on.starts());
    let stops: Vec<Value> = on.here.lines().into_iter().filter(|l| l["t"] == "stop").collect();
    assert!(stops.iter().all(|stop| stop["saved"] == true), "{stops:?}");
    each_went_on_where_it_was(&on.here);
    assert_eq!(results(&on.here), alone.results());
    assert_eq!(on.jobs().len(), 1, "nobody submitted anything again");
}

#[test]
fn a_cohort_requeued_and_killed_goes_on_together_and_one_by_one_and_every_bit_is_the_same() {
    if no_worker() {
        return;
    }
    let Some(on) = place() else { return };
    let alone = Alone::start(400, 4);
    write(&on.here, 400, "0.2s", 4, "time: 10m, memory: 1G, runs_per_task: 8");
    on.run(["submit", "blobs.yaml"]).code(0);
    let brake = Brake::on(&on, 20, 100);
    let saved = || on.here.count("checkpoint");
    on.wait(60, "a checkpoint of each run", || saved() >= 8);
    on.slurm(["scontrol", "requeue", &format!("{}_0", on.jobs()[0])]).code(0);
    on.wait(120, "all to be begun again, together", || on.here.count("start") == 16);
    let before = saved();
    on.wait(120, "a checkpoint of each run, once more", || saved() >= before + 8);
    // Whoever is at work when a worker dies is suspected, and tried alone.
    signal("-KILL", &workers_below(on.here.path()));
    on.wait(120, "one to be begun alone", || on.here.count("start") > 16);
    drop(brake);
    on.drained();
    on.run(["status"]).code(0).says("8 done");
    each_went_on_where_it_was(&on.here);
    assert_eq!(results(&on.here), alone.results());
    let ends = on.here.lines().into_iter().filter(|line| line["t"] == "end");
    assert!(ends.map(|end| end["cohort"].as_u64()).all(|size| size == Some(1)), "one by one");
}
