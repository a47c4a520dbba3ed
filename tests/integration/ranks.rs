//! Runs that several ranks train together: what they come to is what one process comes to, and a
//! rank that dies is no end. By `mpirun`, on this machine.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::blobs::{results, write_blobs};
use crate::mpi::{mpi, processes_below};
use crate::support::{Said, Sandbox};

/// A sweep that so many ranks train; with 34 samples in a batch of 240 the last has two.
fn sandbox(train: &str, rest: &str, ranks: u32) -> Sandbox {
    let here = Sandbox::new();
    // Classes of unlike sizes where their sizes count.
    let samples = if train.contains("balance") { 303 } else { 300 };
    write_blobs(&here.path().join("blobs"), samples, 40);
    write(&here, train, rest, ranks);
    here
}

fn write(here: &Sandbox, train: &str, rest: &str, ranks: u32) {
    here.write(
        "ranked.yaml",
        format!(
            "name: ranked\ntrain:\n  data: {{set: idx, path: blobs, scale: [-1, 1]}}\n  save_weights: true\n{train}{rest}objective: {{maximize: valid/accuracy}}\nfuse: off\nslurm: {{ranks: {ranks}}}\n"
        ),
    );
}

/// The weights of each run, by its id.
fn weights(here: &Sandbox) -> BTreeMap<String, Vec<f64>> {
    let folder = here.sweeps().pop().unwrap().join("weights");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (file.file_stem().unwrap().to_string_lossy().into(), numbers(&file))).collect()
}

/// The numbers of a safetensors file.
fn numbers(file: &Path) -> Vec<f64> {
    let bytes = std::fs::read(file).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (head, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let head: BTreeMap<String, Value> = serde_json::from_slice(head).unwrap();
    let tensors = head.iter().filter(|(name, _)| *name != "__metadata__");
    let of = |tensor: &Value| {
        let at = |n: usize| tensor["data_offsets"][n].as_u64().unwrap() as usize;
        let bytes = &data[at(0)..at(1)];
        match tensor["dtype"].as_str().unwrap() {
            "F64" => bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            "F32" => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f64::from(f32::from_le_bytes(*b)))
                .collect::<Vec<f64>>(),
            other => panic!("{other}"),
        }
    };
    tensors.flat_map(|(_, tensor)| of(tensor)).collect()
}

/// How far apart two lists of numbers are, relative to their size (Euclidean norms).
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let norm = |of: &mut dyn Iterator<Item = f64>| of.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut a.iter().copied())
}

/// One, two and three ranks train the same sweep; the weights of each run are as near as this.
#[track_caller]
fn one_two_and_three_agree(train: &str, rest: &str, runs: usize, nearer_than: f64) {
    let Some(_turn) = mpi() else { return };
    let [one, two, three] = [1, 2, 3].map(|ranks| {
        let here = sandbox(train, rest, ranks);
        here.run(["submit", "ranked.yaml", "--slots", "1"]).code(0);
        (weights(&here), results(&here))
    });
    assert_eq!(one.0.len(), runs);
    // The loss of training that is told is the mean of the ranks', whatever their classes weigh.
    let near = if train.contains("balance") { 1e-3 } else { 1e-6 };
    for (ranks, several) in [(2, two), (3, three)] {
        for (run, alone) in &one.0 {
            let apart = apart(alone, &several.0[run]);
            assert!(apart <= nearer_than, "{ranks} ranks, run {run}: {apart:e}");
            let [alone, several] =
                [&one.1, &several.1].map(|all| all[run]["metrics"].as_object().unwrap().clone());
            assert!(alone.keys().eq(several.keys()), "{alone:?} {several:?}");
            for (metric, value) in alone {
                let (a, b) = (value.as_f64().unwrap(), several[&metric].as_f64().unwrap());
                assert!((a - b).abs() <= near * a.abs().max(1.0), "{metric}: {a}, {b}");
            }
        }
    }
}

/// 25 epochs of 8 batches, the last of which has fewer samples than there are ranks.
#[test]
fn several_ranks_come_to_what_one_does_with_every_optimizer() {
    one_two_and_three_agree(
        "  model: {layers: 2, width: 16, activation: rrelu}\n  regularize: {dropout: 0.2, l1: 0.0001, l2: 0.0001}\n  optimizer: {clip: 1}\n  precision: f64\n  epochs: 25\n",
        "sweeps:\n  - {parameters: {optimizer.kind: [adam, adamw, sgd, rmsprop, adagrad], batch_size: [34]}}\n  - {parameters: {optimizer.kind: [gd]}}\n",
        6,
        1e-12,
    );
}

#[test]
fn several_ranks_come_to_what_one_does_with_augmented_images_and_batch_norm() {
    one_two_and_three_agree(
        "  model: {kind: cnn, channels: 4, width: 8, batch_norm: true}\n  regularize: {dropout: 0.2}\n  augment: {shift: 1, flip: true, rotate: 10, cutout: 2}\n  schedule: {kind: one_cycle}\n  precision: f64\n  epochs: 12\n  batch_size: 34\n",
        "zip: [{augment.mixup: [0, 0.2], augment.noise: [0, 0.1]}]\n",
        2,
        1e-12,
    );
}

/// Of two samples that are mixed, one may be weighed by another rank's part of the batch.
#[test]
fn several_ranks_come_to_what_one_does_with_mixed_samples_of_classes_that_weigh_otherwise() {
    one_two_and_three_agree(
        "  model: {layers: 2, width: 16}\n  balance: true\n  augment: {mixup: 0.4}\n  precision: f64\n  epochs: 6\n  batch_size: 34\n",
        "parameters: {optimizer.kind: [adam]}\n",
        1,
        1e-12,
    );
}

/// A network of several buckets: 24 steps sum them beside the backward pass and after it in turn, and
/// then the faster way, while batch norm has sums of its own.
#[test]
fn sums_beside_the_backward_pass_come_to_what_one_rank_does() {
    one_two_and_three_agree(
        "  model: {layers: 3, width: 600, batch_norm: true}\n  precision: f64\n  epochs: 3\n  batch_size: 34\n",
        "parameters: {optimizer.kind: [adam]}\n",
        1,
        1e-12,
    );
}

/// With this rate the weights after one step are its gradient, but for a millionth part.
#[test]
fn a_gradient_of_several_ranks_is_that_of_one() {
    one_two_and_three_agree(
        "  model: {layers: 2, width: 16}\n  optimizer: {kind: gd, lr: 1.0e+6}\n  epochs: 1\n",
        "parameters: {regularize.dropout: [0, 0.2]}\n",
        2,
        1e-6,
    );
}

#[test]
fn batch_norm_by_each_ranks_samples_is_another_training_and_two_ranks_repeat_it_bit_for_bit() {
    let Some(_turn) = mpi() else { return };
    let train = "  model: {layers: 2, width: 16, batch_norm: true}\n  sync_batch_norm: false\n  epochs: 2\n  batch_size: 34\n";
    let [alone, two, again] = [1, 2, 2].map(|ranks| {
        let here = sandbox(train, "parameters: {optimizer.kind: [adam]}\n", ranks);
        here.run(["submit", "ranked.yaml"]).code(0);
        weights(&here).into_values().next().unwrap()
    });
    assert!(two == again, "the same bits");
    assert!(apart(&alone, &two) > 1e-4, "{}", apart(&alone, &two));
}

/// How a run goes on that was asked to stop when 2 ranks trained it.
#[test]
fn other_ranks_go_on_where_it_was_stopped() {
    let Some(_turn) = mpi() else { return };
    let train = "  model: {layers: 2, width: 16, batch_norm: true}\n  regularize: {dropout: 0.2}\n  precision: f64\n  epochs: 120\n  batch_size: 34\n";
    let rest = "parameters: {optimizer.kind: [adam]}\n";
    let alone = sandbox(train, rest, 1);
    alone.run(["submit", "ranked.yaml"]).code(0);
    let here = sandbox(train, rest, 2);
    let mut child = here.start(["submit", "ranked.yaml"]);
    here.wait("the run to begin", || {
        here.count("start") > 0 || child.try_wait().unwrap().is_some()
    });
    std::thread::sleep(Duration::from_millis(300));
    signal("-INT", child.id());
    Said::from(child.wait_with_output().unwrap()).code(6);
    assert_eq!(here.count("checkpoint"), 1, "it was stopped under way, and saved once");
    for ranks in [3, 1] {
        write(&here, train, rest, ranks);
        let mut child = here.start(["submit", "ranked.yaml"]);
        let starts = here.count("start");
        here.wait("the run to go on", || {
            here.count("start") > starts || child.try_wait().unwrap().is_some()
        });
        if ranks == 3 {
            std::thread::sleep(Duration::from_millis(300));
            // It may have ended by then.
            if child.try_wait().unwrap().is_none() {
                signal("-INT", child.id());
            }
        }
        let said = Said::from(child.wait_with_output().unwrap());
        assert!([0, 6].contains(&said.code), "{}", said.err);
    }
    let (alone, here) = (weights(&alone), weights(&here));
    for (run, alone) in alone {
        // Over a thousand steps.
        let apart = apart(&alone, &here[&run]);
        assert!(apart <= 1e-9, "{apart:e}");
    }
}

/// A sweep that several ranks are at work on, and its workers.
fn at_work(ranks: u32) -> (Sandbox, Child, Vec<PathBuf>) {
    let train = "  model: {layers: 2, width: 64}\n  batch_size: 16\n";
    let here = sandbox(train, "parameters: {epochs: [600]}\ncheckpoint: 1s\n", ranks);
    let mut child = here.start(["submit", "ranked.yaml"]);
    here.wait("a checkpoint", || {
        here.count("checkpoint") > 0 || child.try_wait().unwrap().is_some()
    });
    let workers = processes_below(child.id(), "dlgrid-worker");
    assert_eq!(workers.len(), ranks as usize, "so many ranks work");
    (here, child, workers)
}

#[test]
fn a_rank_that_dies_is_no_end_and_takes_the_others_with_it() {
    let Some(_turn) = mpi() else { return };
    let (here, child, workers) = at_work(2);
    let process = |worker: &Path| worker.file_name().unwrap().to_string_lossy().parse().unwrap();
    signal("-KILL", process(&workers[1]));
    let begun = Instant::now();
    here.wait("the run to begin again", || here.count("start") == 2);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    here.wait("the other rank to be gone", || is_gone(&workers[0]));
    let said = Said::from(child.wait_with_output().unwrap()).code(0);
    said.says("another takes over").says("1 of 1 runs done");
    assert_eq!(here.count("end"), 1);
}

/// Whether a process, `/proc/<pid>`, has ended: one that nobody has waited for yet counts.
fn is_gone(process: &Path) -> bool {
    let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

fn signal(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}

#[test]
fn what_ranks_lack_is_said_before_anything_is_made() {
    let here = sandbox("", "parameters: {epochs: [1]}\n", 2);
    let mut command = here.command(["submit", "ranked.yaml"]);
    let none = here.path().join("libdlgrid_mpi.so");
    let said = Said::from(command.env("DLGRID_MPI", &none).output().unwrap()).code(4);
    said.says("`slurm.ranks: 2` needs MPI").says("make mpi");
    assert_eq!(here.sweeps().len(), 0);
    // One rank needs none.
    write(&here, "", "parameters: {epochs: [1]}\n", 1);
    let mut command = here.command(["submit", "ranked.yaml"]);
    Said::from(command.env("DLGRID_MPI", &none).output().unwrap()).code(0);
    write(&here, "", "parameters: {epochs: [2]}\n", 3);
    let path = here.path().join("ranked.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("ranks: 3", "ranks: 3, nodes: 2");
    std::fs::write(path, text).unwrap();
    here.run(["check", "ranked.yaml"]).code(2).says("are not as many on each of `nodes: 2`");
}
