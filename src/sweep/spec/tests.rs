//! Tests of reading a spec: what a good one means, and what each mistake says.
use super::*;

fn good(text: &str) -> Spec {
    match read("sweep.yaml", text.as_bytes(), DEFAULT_MAX_RUNS) {
        Ok((spec, warnings)) => {
            assert_eq!(warnings, [], "{text}");
            spec
        }
        Err(errors) => panic!("{}", errors.render(false, 100)),
    }
}

fn bad(text: &str) -> String {
    match read("sweep.yaml", text.as_bytes(), DEFAULT_MAX_RUNS) {
        Ok(_) => panic!("accepted: {text}"),
        Err(errors) => errors.render(false, 100),
    }
}

/// The fact and the hint of every mistake, a line each.
fn facts(text: &str) -> Vec<String> {
    match read("sweep.yaml", text.as_bytes(), DEFAULT_MAX_RUNS) {
        Ok(_) => panic!("accepted: {text}"),
        Err(errors) => errors
            .mistakes
            .iter()
            .map(|m| match &m.hint {
                Some(hint) => format!("{}: {} ({hint})", errors.place(m).0, m.fact),
                None => format!("{}: {}", errors.place(m).0, m.fact),
            })
            .collect(),
    }
}

const DESIGN: &str = "\
name: fashion-depth
description: How deep should the course's MLP be, and how fast may it learn?

train:                                  # the recipe
  task: classify
  data: {set: fashion-mnist, valid: 0.2, scale: [-1, 1]}
  model: {kind: mlp, layers: 3, width: 64, activation: relu}
  loss: cross_entropy
  optimizer: {kind: adam, lr: 0.003}
  regularize: {l1: 0, l2: 0, dropout: 0}
  epochs: 10
  batch_size: 256

parameters:
  model.layers: [1, 2, 3, 4]
  optimizer.lr: {log: [1e-4, 1e-1], steps: 7}

seeds: 3
objective: {maximize: valid/f1}
search: grid

slurm:
  site: my-cluster
  partition: gpu
  time: 30m
  gpus: 1
  runs_per_task: auto
  max_running: 50
";

#[test]
fn the_example_is_read() {
    let spec = good(DESIGN);
    assert_eq!(spec.name, "fashion-depth");
    assert_eq!((spec.space.trials(), spec.runs()), (28, 84));
    assert_eq!(spec.space.paths(), ["model.layers", "optimizer.lr"]);
    assert_eq!(spec.seeds, [0, 1, 2]);
    let run = spec.run(28).expect("first point, second seed");
    assert_eq!((run.point, run.seed), (0, 1));
    assert_eq!(spec.walk(0, u64::MAX).count(), 84);
    assert_eq!(spec.data_sets(), [("fashion-mnist".to_owned(), None)]);
}

#[test]
fn identity_outlives_order_spelling_and_wider_grids() {
    let ids = |text: &str| {
        let spec = good(text);
        let mut ids: Vec<_> = spec
            .walk(0, spec.run_numbers())
            .map(|i| spec.run(i).expect("run").id.to_string())
            .collect();
        ids.sort();
        ids
    };
    let narrow = ids(
        "train: {data: {set: mnist}, epochs: 2}\nparameters: {optimizer.lr: {log: [1e-3, 1e-1], steps: 3}, model.width: [32, 64]}\n",
    );
    let spelt = ids(
        "parameters:\n  model.width: [64, 32.0]\n  optimizer.lr: [0.001, 1e-2, .1]\ntrain:\n  epochs: 2\n  data.set: mnist\n",
    );
    assert_eq!(narrow, spelt);
    let wide = ids(
        "train: {data: {set: mnist}, epochs: 2}\nparameters: {optimizer.lr: {log: [1e-4, 1e0], steps: 5}, model.width: [16, 32, 64]}\nseeds: 2\n",
    );
    assert!(narrow.iter().all(|id| wide.contains(id)));
    assert_eq!(wide.len(), 30);
}

#[test]
fn the_hash_sees_what_matters_only() {
    let hash = |text: &str| good(text).hash;
    let base = hash("train: {data: {set: mnist}}\nparameters: {epochs: [1, 2]}\n");
    assert_eq!(
        base,
        hash(
            "# comment\nparameters:\n  epochs: [1, 2]\ntrain:\n  data:\n    set: mnist\nslurm: {time: 1h}\ndescription: x\n"
        )
    );
    assert_ne!(base, hash("train: {data: {set: mnist}}\nparameters: {epochs: [1, 3]}\n"));
}

#[test]
fn shapes_of_the_space() {
    let trials =
        |text: &str| good(&format!("train: {{data: {{set: mnist}}}}\n{text}")).space.trials();
    assert_eq!(trials(""), 1);
    assert_eq!(trials("zip:\n  - {batch_size: [64, 256], optimizer.lr: [0.001, 0.004]}\n"), 2);
    assert_eq!(
        trials(
            "parameters:\n  optimizer.kind: [adam, sgd]\n  optimizer.momentum: [0.5, 0.9]\nwhen:\n  optimizer.momentum: \"optimizer.kind == 'sgd'\"\n"
        ),
        3
    );
    assert_eq!(
        trials(
            "parameters: {model.layers: [3, 4], batch_size: [64, 128]}\nexclude:\n  - {model.layers: 4, batch_size: 64}\n"
        ),
        3
    );
    assert_eq!(
        trials(
            "parameters: {model.layers: [1, 2]}\ninclude:\n  - {model.layers: 2}\n  - {model.layers: 6}\n"
        ),
        3
    );
    assert_eq!(
        trials(
            "sweeps:\n  - parameters: {model.layers: [1, 2]}\n  - parameters: {model.layers: [2, 3]}\n"
        ),
        3
    );
    assert_eq!(trials("parameters: {model.layers: {int: [1, 8], step: 2}}\n"), 4);
    assert_eq!(trials("parameters: {regularize.dropout: {from: 0, to: 0.5, steps: 6}}\n"), 6);
    assert_eq!(trials("parameters: {data.scale: [[0, 1], [-1, 1]]}\n"), 2);
}

#[test]
fn a_setting_that_some_trials_use_may_stand_below_train() {
    let spec = good(
        "train: {data: {set: mnist}, optimizer: {momentum: 0.9}}\nparameters: {optimizer.kind: [adam, sgd]}\n",
    );
    assert_eq!(spec.space.trials(), 2);
}

#[test]
fn every_mistake_is_told_at_once() {
    insta::assert_snapshot!(bad("\
name: my sweep
train:
  data: {set: minst, valid: 1.5}
  optimzer: {kind: adam}
  epochs: three
parameters:
  model.layers: [1, two]
  optimizer: [adam, sgd]
  lr: [0.1]
seeds: 0
objective: {maximize: valid/loss}
slurm: {partiton: gpu, time: 30}
sedes: 3
"));
}

#[test]
fn yaml_traps_are_errors() {
    for (text, says) in [
        (
            "train: {data: {set: mnist}}\nparameters: {optimizer.lr: [0.1], optimizer.lr: [0.2]}\n",
            "stands twice",
        ),
        ("train: {data: {set: mnist}, data: {set: mnist}}\n", "stands twice"),
        (
            "train: {data: {set: mnist}}\nparameters: {optimizer.lr: [\"1e-4\"]}\n",
            "remove the quotes",
        ),
        (
            "train: {data: {set: mnist}, optimizer: {kind: sgd, momentum: 0.9, nesterov: yes}}\n",
            "true or false",
        ),
        ("train: {data: {set: mnist}, epochs: 1e400}\n", "non-finite"),
        ("train: !!python/object {data: {set: mnist}}\n", "tag"),
        ("- a\n- b\n", "must be a map"),
        ("just text\n", "must be a map"),
    ] {
        let said = bad(text);
        assert!(said.contains(says), "{text}\n{said}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let errors = read("x.yaml", b"name: caf\xe9\n", 10).expect_err("latin1");
    assert!(errors.render(false, 80).contains("UTF-8"));
}

#[test]
fn huge_spaces_are_refused_at_once_with_their_product() {
    let axes: String = (0..10).map(|i| format!("  p{i}: {{int: [1, 1000]}}\n")).collect();
    let text = format!("command: [echo]\nobjective: {{minimize: loss}}\nparameters:\n{axes}");
    let facts = facts(&text);
    assert_eq!(
        facts,
        [
            "3: the sweep has 10^30 runs, more than the limit of 100000 (thin out the ranges, or fix a parameter under `train`)"
        ]
    );
}

#[test]
fn a_spec_without_a_key_is_a_mistake() {
    for text in ["{}\n", "\n  <<:\n"] {
        let errors = read("toy.yaml", text.as_bytes(), 10).expect_err("nothing is in it");
        let facts: Vec<&str> = errors.mistakes.iter().map(|m| m.fact.as_str()).collect();
        assert_eq!(facts, ["the spec is empty"], "{text:?}");
    }
}

#[test]
fn an_empty_grid_is_an_error() {
    let said = facts(
        "train: {data: {set: mnist}}\nparameters: {epochs: [1, 2]}\nexclude: [\"epochs < 5\"]\n",
    );
    assert!(said[0].contains("the grid is empty"), "{said:?}");
}

#[test]
fn rules_that_do_nothing_are_told() {
    let (_, warnings) = read(
        "x.yaml",
        b"train: {data: {set: mnist}}\nparameters: {epochs: [1, 2]}\nexclude: [{epochs: 7}]\n",
        10,
    )
    .expect("spec");
    assert_eq!(warnings.len(), 1);
    let said = facts("train: {data: {set: mnist}}\nparameters: {optimizer.momentum: [0.5, 0.9]}\n");
    assert!(said[0].contains("does nothing when `optimizer.kind` is `adam`"), "{said:?}");
    assert!(said[0].contains("when: {optimizer.momentum"), "{said:?}");
    let dropout = |model: &str, rest: &str| {
        let regularize = if rest.contains("dropout") { "" } else { ", regularize: {dropout: 0.2}" };
        let train = format!("train: {{data: {{set: mnist}}, model: {model}{regularize}}}\n");
        let text = format!("name: t\n{train}{rest}");
        let read = read("x.yaml", text.as_bytes(), 100);
        read.err().map_or_else(String::new, |errors| errors.render(false, 100))
    };
    let nothing = "does nothing in any trial";
    assert!(dropout("{kind: linear}", "").contains(nothing));
    assert!(dropout("{layers: 0}", "").contains(nothing));
    assert_eq!(dropout("{}", "parameters: {model.layers: [0, 1]}\n"), "", "it may at some points");
    let both = "parameters: {model.layers: [0, 1], regularize.dropout: [0, 0.2]}\n";
    let told = dropout("{}", both);
    assert!(told.contains("does nothing when `model.layers` is `0`"), "{told}");
    assert!(told.contains("when: {regularize.dropout: \"model.layers > 0\"}"), "{told}");
    let when = format!("{both}when: {{regularize.dropout: \"model.layers > 0\"}}\n");
    assert_eq!(dropout("{}", &when), "");
    let said = facts("train: {data: {set: mnist}, optimizer: {momentum: 0.9}}\n");
    assert!(said[0].contains("does nothing in any trial"), "{said:?}");
}

#[test]
fn what_is_asked_of_slurm() {
    let spec = good(
        "command: [echo]\nobjective: {minimize: loss}\nslurm:\n  {partition: null, memory: 16G, run_time: 1h30m, canary: true, mail_type: END, cpus: 2}\n",
    );
    let slurm = &spec.slurm;
    assert_eq!((slurm.run_seconds, slurm.canary, slurm.cpus), (Some(5400.0), true, Some(2)));
    assert_eq!(slurm.removed.iter().collect::<Vec<_>>(), ["partition"]);
    assert_eq!(slurm.given["memory"], "16G");
    assert!(!slurm.given.contains_key("partition"));
}

#[test]
fn single_mistakes_and_their_hints() {
    let train = "train: {data: {set: mnist}}\n";
    for (text, says) in [
        (
            "train:\n  data: {set: mnist}\n  optimizer: {lr: -1}\n",
            "3: `optimizer.lr` must be a number greater than 0, got `-1`",
        ),
        (
            "train:\n  data: {set: mnist}\n  optimizer: {lr: abc}\n",
            "3: `optimizer.lr` must be a number greater than 0, got the text \"abc\"",
        ),
        ("train: {data: {set: minst}}\n", "did you mean `mnist`?"),
        ("train: {epochs: 3}\n", "1: `data.set` is missing"),
        ("train: {data: {set: mnist}, lr: 0.1}\n", "did you mean `optimizer.lr`?"),
        (
            "train: {data: {set: mnist}, batch_size: 60000}\n",
            "more than the 48000 training samples",
        ),
        ("train: {data: {set: mnist}, model: {layers: [1, 2]}}\n", "move it to `parameters`"),
        (
            "train:\n  data: {set: mnist}\n  model:\n    kind: cnn\n    blocks: 5\n",
            "5: `model.blocks: 5` needs images of at least 32 × 32, these are 28 × 28",
        ),
        (
            "train: {data: {set: mnist}, model: {kind: cnn, kernel: 4}}\n",
            "`model.kernel` must be odd, got `4`",
        ),
        (
            "train: {data: {set: mnist}, model: {kind: resnet}, batch_size: 1}\n",
            "batch norm needs batches of at least 2 samples",
        ),
        (
            "train: {data: {set: mnist}, model: {kind: cnn, channels: 4096, blocks: 4}}\n",
            "`model.blocks: 4`, `model.channels: 4096` and `model.width: 128` make",
        ),
        (
            "train: {data: {set: mnist}, schedule: {warmup: 10}}\n",
            "`schedule.warmup: 10` leaves nothing of the 10 epochs",
        ),
        (
            "train: {data: {set: mnist}, optimizer: {kind: gd}, batch_size: 64}\n",
            "`batch_size` does nothing",
        ),
        (&format!("{train}parameters: {{model.activation: [silu, swish]}}\n"), "twice"),
        (&format!("{train}parameters: {{optimizer: [adam]}}\n"), "`optimizer` is a section"),
        (&format!("{train}parameters: {{learning_rate: [0.1]}}\n"), "did you mean `optimizer.lr`?"),
        (&format!("{train}parameters: {{train.epochs: [1]}}\n"), "did you mean `epochs`?"),
        (&format!("{train}parameters: {{optimizer.lr: {{log: [0, 1], steps: 3}}}}\n"), "above 0"),
        (&format!("{train}parameters: {{optimizer.lr: {{log: [0.1, 1]}}}}\n"), "no `steps`"),
        (&format!("{train}parameters: {{optimizer.lr: {{uniform: [0.1, 1]}}}}\n"), "sample from"),
        (
            &format!("{train}parameters: {{regularize.dropout: {{from: 0, to: 1, steps: 3}}}}\n"),
            "this range holds 1",
        ),
        (&format!("{train}parameters: {{epochs: []}}\n"), "the list is empty"),
        (&format!("{train}zip: [{{batch_size: [1, 2], epochs: [1]}}]\n"), "equal length"),
        (
            &format!("{train}parameters: {{epochs: [1]}}\nwhen: {{epoch: \"1 == 1\"}}\n"),
            "did you mean `epochs`?",
        ),
        (
            &format!("{train}parameters: {{epochs: [1]}}\nexclude: [\"epochs = 1\"]\n"),
            "equal is `==`",
        ),
        (
            &format!("{train}parameters: {{epochs: [1]}}\nexclude: [\"optimizer.kind == sgd\"]\n"),
            "quotes of its own",
        ),
        (&format!("{train}objective: {{maximize: valid/f2}}\n"), "did you mean `valid/f1`?"),
        (&format!("{train}objective: {{maximize: test/accuracy}}\n"), "stays closed"),
        (&format!("{train}objective: {{maximize: valid/loss}}\n"), "minimize: valid/loss"),
        (&format!("{train}seeds: 0\n"), "`seeds` must be"),
        (&format!("{train}seeds: [1, 1]\n"), "listed twice"),
        (&format!("{train}slurm: {{walltime: 3}}\n"), "did you mean `time`?"),
        (&format!("{train}slurm: {{time: 30}}\n"), "write `30m`"),
        (&format!("{train}slurm: {{time: 0s}}\n"), "Slurm takes 0 for no limit"),
        (&format!("{train}slurm: {{time: '00:00'}}\n"), "Slurm takes 0 for no limit"),
        (&format!("{train}slurm: {{extra: [--mem=16G]}}\n"), "`slurm.memory: 16G`"),
        (&format!("{train}slurm: {{extra: [-x n3]}}\n"), "`slurm.exclude: n3`"),
        (
            &format!("{train}slurm: {{memory: 16G, extra: [--mem-per-cpu=4G]}}\n"),
            "set `memory: null`",
        ),
        (&format!("{train}slurm: {{gpus: 1, gres: 'gpu:1'}}\n"), "leave one of them out"),
        (&format!("{train}slurm: {{memory: 16GB}}\n"), "did you mean `16G`?"),
        (&format!("{train}slurm: {{memory: 16 G}}\n"), "did you mean `16G`?"),
        (&format!("{train}slurm: {{memory: 64gib}}\n"), "did you mean `64G`?"),
        (&format!("{train}slurm: {{memory: 1.5G}}\n"), "write `1536M`"),
        (&format!("{train}slurm: {{memory: lots}}\n"), "memory such as `16G`"),
        (&format!("{train}slurm: {{memory: -1}}\n"), "`slurm.memory` must be memory"),
        (&format!("{train}slurm: {{run_time: 30}}\n"), "write `30s`, or `30m`"),
        (&format!("{train}slurm: {{run_time: 0s}}\n"), "a time such as `30s` or `20m`"),
        (&format!("{train}slurm: {{canary: yes}}\n"), "`slurm.canary` must be true or false"),
        (&format!("{train}slurm: {{mailtype: END}}\n"), "did you mean `mail_type`?"),
        (&format!("{train}slurm: {{light: {{}}}}\n"), "unknown key `light`"),
        (&format!("{train}slurm: {{after: report}}\n"), "write `after:` at the top level"),
        (&format!("{train}search: random\n"), "unknown search"),
        (&format!("{train}grid: {{epochs: [1]}}\n"), "did you mean `parameters`?"),
        (&format!("{train}epochs: 3\n"), "stand below `train`"),
        ("name: x\n", "needs `train`"),
        ("command: [python, \"{lr}\"]\nobjective: {minimize: loss}\n", "names no parameter"),
        ("command: python\nobjective: {minimize: loss}\n", "must be a list"),
        ("command: [a]\n", "needs an `objective`"),
        ("command: [a]\ntrain: {data: {set: mnist}}\n", "not both"),
        (
            "command: [a]\nobjective: {minimize: loss}\nparameters: {\"a b\": [1]}\n",
            "can't name a parameter",
        ),
        ("name: ../x\ncommand: [a]\nobjective: {minimize: loss}\n", "`name` must be"),
    ] {
        let said = facts(text).join("\n");
        assert!(said.contains(says), "{text}\nsays: {said}\nnot: {says}");
    }
}

/// Each says what there is instead.
#[test]
fn words_that_are_none_under_the_other_settings_are_mistakes() {
    let spec = |more: &str| format!("train: {{data: {{set: mnist}}, {more}}}\n");
    for (more, says) in [
        (
            "early_stop: {patience: 3, metric: valid/los}",
            "no metric of the validation samples that `task: classify` reports (did you mean \
             `valid/loss`?)",
        ),
        ("early_stop: {patience: 3, metric: train/loss}", "known are `valid/accuracy`"),
        ("early_stop: {patience: 3, metric: valid/rmse}", "is no metric of the validation samples"),
        ("early_stop: {metric: valid/f1}", "stops nothing without `early_stop.patience`"),
        ("early_stop: {patience: 0}", "must be a whole number from 1"),
        ("freeze: layers.4", "`freeze: layers.4` is no parameter of this model"),
        ("freeze: layers.4", "(did you mean `layers.3`?)"),
        ("freeze: blocks", "known are `layers.0`, `layers.1`, `layers.2`, `layers.3`"),
        ("freeze: layers.0.norm", "is no parameter of this model"),
        ("freeze: layers", "leaves nothing of the model to be trained"),
        ("init_skip: layers.3", "leaves nothing out without `init_from`"),
        ("init_from: a, init_skip: last", "`init_skip: last` is no parameter of this model"),
        ("precision: f16", "did you mean `bf16`?"),
        ("precision: half", "must be `f32`, `bf16` or `f64`"),
    ] {
        let said = facts(&spec(more)).join("\n");
        assert!(said.contains(says), "{more}\nsays: {said}\nnot: {says}");
    }
    for more in [
        "early_stop: {patience: 3, metric: valid/f1, min_delta: 0.01}",
        "init_from: a.safetensors, init_skip: layers.3, freeze: \"layers.0, layers.1.weight\"",
        "precision: bf16, save_weights: true",
        "model: {batch_norm: true}, freeze: layers.0.norm",
    ] {
        good(&spec(more));
    }
    assert_eq!(good(&spec("init_from: a.safetensors")).weights(), ["a.safetensors"]);
}

mod earlier;
mod folds;
mod meaning;
mod scale;
mod tasks;
mod unions;
mod ways;
