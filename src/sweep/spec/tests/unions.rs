//! Blocks of a union, and points that come twice.
use super::*;

fn trials(text: &str) -> u64 {
    good(&format!("train: {{data: {{set: mnist}}}}\n{text}")).space.trials()
}

#[test]
fn a_point_that_comes_twice_counts_once_also_where_a_value_is_null() {
    for (text, distinct) in [
        ("parameters: {optimizer.clip: [null, 1.0]}\ninclude: [{optimizer.clip: null}]\n", 2),
        ("parameters: {optimizer.clip: [null, 1.0]}\ninclude: [{optimizer.clip: 2.0}]\n", 3),
        (
            "sweeps:\n  - parameters: {data.limit: [null, 1000]}\n  - parameters: {data.limit: [null, 2000]}\n",
            3,
        ),
    ] {
        assert_eq!(trials(text), distinct, "{text}");
    }
}

#[test]
fn a_parameter_that_does_nothing_at_some_points_is_told_also_where_train_gives_it() {
    let text = "train:\n  data: {set: mnist}\n  model: {width: 64}\nparameters:\n  model.kind: [linear, mlp]\n  model.width: [32, 64]\n";
    let told = facts(text);
    assert!(
        told[0].contains("`model.width` does nothing when `model.kind` is `linear`"),
        "{told:?}"
    );
    let mended = format!("{text}when: {{model.width: \"model.kind == 'mlp'\"}}\n");
    assert_eq!(good(&mended).space.trials(), 3);
}

#[test]
fn rules_that_blocks_share_speak_of_the_parameters_of_all() {
    let [first, second] = [
        "  - {parameters: {optimizer.kind: [adam]}}\n",
        "  - {parameters: {optimizer.kind: [adam, sgd], optimizer.momentum: [0, 0.9]}}\n",
    ];
    let when = "when: {optimizer.momentum: \"optimizer.kind == 'sgd'\"}\n";
    let both = |blocks: [&str; 2]| trials(&format!("sweeps:\n{}{when}", blocks.concat()));
    assert_eq!((both([first, second]), both([second, first])), (3, 3));
}

#[test]
fn a_name_that_a_condition_takes_for_a_difference_is_told() {
    let text = "command: [run, '{learning-rate}']\nparameters: {learning-rate: [0.1, 0.2]}\nexclude: ['learning-rate > 0.15']\nobjective: {minimize: loss}\n";
    assert!(facts(text)[0].contains("`-` is minus"), "{:?}", facts(text));
}

#[test]
fn a_block_takes_the_place_of_a_shared_axis_as_a_whole_or_not_at_all() {
    let zip = "zip: [{optimizer.lr: [0.1, 0.2], batch_size: [64, 128]}]\n";
    for text in [
        format!(
            "parameters: {{optimizer.lr: [0.1]}}\n{zip}sweeps: [{{parameters: {{model.layers: [1, 2]}}}}]\n"
        ),
        format!("{zip}sweeps: [{{parameters: {{optimizer.lr: [0.1]}}}}]\n"),
    ] {
        let told = facts(&format!("train: {{data: {{set: mnist}}}}\n{text}"));
        assert!(told.iter().any(|one| one.contains("`optimizer.lr` varies twice")), "{told:?}");
    }
    let whole = "parameters: {optimizer.lr: [0.1, 0.2]}\nsweeps:\n  - {parameters: {optimizer.lr: [0.3]}}\n  - {parameters: {model.layers: [1, 2]}}\n";
    assert_eq!(trials(whole), 5);
}
