//! Folds: which runs a spec with them has, and what it may not say beside them.
use std::collections::HashSet;

use super::super::*;
use super::{facts, good};
const FOLDS: &str = "command: [run, '--fold={fold}', '{folds}', '{seed}']\nparameters: {x: {int: [1, 7]}}\nseeds: [3, 9]\nfolds: 5\nexclude: ['x == 2']\nobjective: {minimize: loss}\n";

#[test]
fn runs_are_trials_times_seeds_times_folds() {
    let (spec, _) = read("f.yaml", FOLDS.as_bytes(), 60).expect("a spec");
    assert_eq!((spec.runs(), spec.run_numbers()), (60, 70));
    let mut seen = HashSet::new();
    for index in spec.walk(0, u64::MAX) {
        let run = spec.run(index).expect("a run");
        let fold = run.fold.expect("a fold");
        let seed_place = spec.seeds.iter().position(|s| *s == run.seed).expect("a seed") as u64;
        let place = seed_place * 5 + u64::from(fold.number - 1);
        assert_eq!((run.index, fold.of), (place * 7 + run.point, 5));
        assert!(seen.insert((run.point, run.seed, fold.number)));
    }
    assert_eq!(seen.len(), 60);
    assert_eq!(spec.place(70), None);
    let run = spec.run(7 * 6).expect("first point, second seed, second fold");
    let Work::Command(command) = &run.work else { panic!("a command") };
    let words = command.words(run.seed, run.fold).expect("words");
    assert_eq!(words, ["run", "--fold=2", "5", "9"]);
}

#[test]
fn without_folds_nothing_is_numbered_or_named_anew() {
    let plain = FOLDS.replace("folds: 5\n", "").replace("'--fold={fold}', '{folds}', ", "");
    let (spec, _) = read("f.yaml", plain.as_bytes(), 60).expect("spec");
    let run = spec.run(7).expect("first point, second seed");
    assert_eq!((run.point, run.seed, run.fold), (0, 9, None));
    assert_eq!(run.id, RunId::of(&run.work, 9, None));
    let (other, _) = read("f.yaml", format!("{plain}folds: 2\n").as_bytes(), 60).expect("spec");
    assert_ne!(spec.hash, other.hash);
}

#[test]
fn what_folds_rule_out_is_told_with_a_way_out() {
    let train = "train: {data: {set: iris}}\nobjective: {maximize: valid/f1}\n";
    let command = "command: [run]\nobjective: {minimize: loss}\n";
    let told = |text: String| facts(&text).join("\n");
    let all = [
        format!("{train}folds: 1\n"),
        format!("{train}folds: [1, 2]\n"),
        format!("{train}folds: 50\n"),
        format!("{train}folds: 5\nparameters: {{data.valid: [0.1, 0.2]}}\n"),
        train.replace("iris", "iris, valid: 0.1") + "folds: 5\n",
        train.replace("iris}", "iris, limit: 9}, batch_size: 4") + "folds: 5\n",
        format!("{command}folds: 5\nparameters: {{fold: [1, 2]}}\n"),
        command.replace("run", "run, '{fold}'"),
        format!("{command}kfold: 5\n"),
        format!("{command}folds: 5\nseeds: 100\nparameters: {{x: {{int: [1, 1000]}}}}\n"),
    ];
    insta::assert_snapshot!(all.map(told).join("\n--\n"));
    // Without `folds` a parameter may be called `fold`.
    good(&format!("{command}parameters: {{fold: [1, 2]}}\n"));
}
