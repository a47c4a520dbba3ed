//! Specs that an earlier dlgrid took and this one refuses: their sweeps are opened all the same.
use super::*;

const SEED: &str = "objective: {minimize: loss}\nseeds: [7]\n";

/// What is refused of a new spec, by a part of what is said.
const EARLIER: &[(&str, &str)] = &[
    ("command: [run]\nslurm: {time: 0s}\n", "`slurm.time` must be a time"),
    ("command: [run]\nslurm: {time: \"00:00:00\"}\n", "`slurm.time` must be a time"),
    ("command: [run]\nslurm: {extra: [--mem=4G]}\n", "does not stand there"),
    (
        "command: [run]\nslurm: {extra: [--mem-per-cpu=4G], memory: 4G}\n",
        "`slurm.memory` is given, too",
    ),
    ("command: [run]\nslurm: {gpus: 1, gres: \"gpu:1\"}\n", "both ask for GPUs"),
    (
        "command: [run]\nparameters: {a: {int: [1, 10], steps: 5}}\n",
        "`steps` does not go with `int`",
    ),
    (
        "command: [run]\nparameters: {a: {log: [1, 10], steps: 3, int: [1, 2]}}\n",
        "`int` does not go with `log`",
    ),
    (
        "command: [run]\nparameters: {a: {from: 1.0, to: 1.00000000001, steps: 30}}\n",
        "lie too close",
    ),
    ("command: [run]\nparameters: {a: [123456789012345678901, 2]}\n", "would lose digits"),
    (
        "command: [run]\nparameters: {a: [1], b: [2]}\nexclude: [{a: 123456789012345678901}]\n",
        "would lose digits",
    ),
    (
        "command: [run]\nsweeps: [{zip: [{a: [123456789012345678901], b: [2]}]}]\n",
        "would lose digits",
    ),
    (
        "command: [run]\nparameters: {a: [1, 2], a.b: [1, 2]}\n\
         exclude: [\"a == 1 and a.b == 2\"]\n",
        "as if `a` were a section",
    ),
    ("command: [run, --i, 123456789012345678901]\n", "would lose digits"),
    (
        "train: {data: {set: mnist}, model: {kind: linear}, regularize: {dropout: 0.2}}\n",
        "does nothing in any trial",
    ),
];

#[test]
fn sweeps_of_an_earlier_dlgrid_are_opened_and_their_specs_refused() {
    let mut told = String::new();
    for (text, says) in EARLIER {
        let train = text.starts_with("train");
        let whole = if train { format!("{text}seeds: [7]\n") } else { format!("{text}{SEED}") };
        let refused = facts(&whole).join("\n");
        assert!(refused.contains(says), "{text}{refused}");
        let spec = read_again("sweep.yaml", whole.as_bytes())
            .unwrap_or_else(|errors| panic!("{}", errors.render(false, 100)));
        let first = spec.walk(0, u64::MAX).next().and_then(|number| spec.run(number));
        let id = first.map(|run| run.id.to_string()).unwrap_or_default();
        told.push_str(&format!("{id} {} {}\n", spec.runs(), text.trim_end().replace('\n', "; ")));
    }
    insta::assert_snapshot!(told);
}

/// What no dlgrid took is refused again, too.
#[test]
fn a_spec_that_was_changed_is_refused_when_it_is_read_again() {
    for text in [
        "command: [run]\nslurm: {time: soon}\n",
        "command: [run]\nparameters: {a: {int: [9, 1], steps: 5}}\n",
        "command: [run]\nparameters: {a: [1]}\nexclude: [\"a = 1\"]\n",
    ] {
        assert!(read_again("sweep.yaml", format!("{text}{SEED}").as_bytes()).is_err(), "{text}");
    }
}
