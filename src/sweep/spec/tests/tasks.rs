//! Tests of tasks, losses and objectives: what goes together, and what each mismatch says.
use super::*;
use crate::recipe::{Loss, Recipe, Task, Work};

const DIABETES: &str = "train: {task: regress, data: {set: diabetes}";

fn recipe(text: &str) -> Recipe {
    let Work::Train(settings) = good(text).run(0).expect("a run").work else { panic!("train") };
    Recipe::new(&settings).expect("a recipe")
}

#[test]
fn the_loss_and_the_objective_follow_the_task() {
    let spec = good(&format!("{DIABETES}}}\n"));
    assert_eq!(spec.objective.to_string(), "minimize valid/rmse (last)");
    let recipe = recipe(&format!("{DIABETES}}}\n"));
    assert_eq!((recipe.task, recipe.loss), (Task::Regress, Loss::MeanSquaredError));
    let spec = good("train: {data: {set: iris}}\n");
    assert_eq!(spec.objective.to_string(), "maximize valid/accuracy (last)");
}

#[test]
fn a_loss_that_is_spelt_out_is_the_same_run() {
    let id = |text: &str| good(text).run(0).expect("a run").id;
    let plain = id("train: {data: {set: iris}}\n");
    assert_eq!(plain, id("train: {task: classify, loss: cross_entropy, data: {set: iris}}\n"));
    let numbers = id(&format!("{DIABETES}}}\n"));
    assert_eq!(numbers, id(&format!("{DIABETES}, loss: mean_squared_error}}\n")));
    let two = "train: {data: {set: breast-cancer}";
    assert_ne!(
        id(&format!("{two}}}\n")),
        id(&format!("{two}, loss: binary_cross_entropy}}\n")),
        "one output is another model than two"
    );
}

#[test]
fn losses_of_two_classes_can_be_compared() {
    let spec = good(
        "train: {data: {set: breast-cancer}}\nparameters: {loss: [cross_entropy, binary_cross_entropy]}\nobjective: {maximize: valid/auc}\n",
    );
    assert_eq!(spec.space.trials(), 2);
}

#[test]
fn what_does_not_go_with_the_task_is_told_with_a_way_out() {
    let csv = "train: {task: regress, data: {set: csv, path: t.csv, target: y}";
    for (text, says) in [
        (format!("{DIABETES}, loss: cross_entropy}}\n"), "its loss is `mean_squared_error`"),
        (
            "train: {data: {set: iris}, loss: mean_squared_error}\n".into(),
            "`cross_entropy`, or `task: regress`",
        ),
        (
            "train: {data: {set: iris}, loss: binary_cross_entropy}\n".into(),
            "tells two classes apart, and `iris` has 3: `cross_entropy`",
        ),
        ("train: {data: {set: diabetes}}\n".into(), "numbers to learn, no classes: `task: regress`"),
        (
            "train: {task: regress, data: {set: mnist}}\n".into(),
            "classes to learn, no numbers: `task: classify`",
        ),
        (
            "train: {task: regress, data: {set: idx, path: x}}\n".into(),
            "numbers come from `csv` files",
        ),
        (format!("{csv}, label_smoothing: 0.1}}\n"), "`label_smoothing` does nothing in any trial"),
        (format!("{csv}, balance: true}}\n"), "`balance` does nothing in any trial"),
        (
            format!("{csv}}}\nparameters: {{label_smoothing: [0, 0.1]}}\n"),
            "does nothing when `task` is `regress`",
        ),
        (format!("{csv}, model: {{kind: perceptron}}}}\n"), "`model.kind: linear`"),
        (
            "train: {data: {set: breast-cancer}, model: {kind: perceptron}, loss: binary_cross_entropy}\n"
                .into(),
            "bounds the one output of `loss: binary_cross_entropy`",
        ),
        (
            format!("{csv}}}\nobjective: {{maximize: valid/accuracy}}\n"),
            "that is of `task: classify`; `task: regress` reports `valid/loss`, `valid/mae`, \
             `valid/r2`, `valid/rmse`",
        ),
        (format!("{csv}}}\nobjective: {{maximize: valid/rmse}}\n"), "minimize: valid/rmse"),
        (format!("{csv}}}\nobjective: {{minimize: valid/rsme}}\n"), "did you mean `valid/rmse`?"),
        (
            "train: {data: {set: iris}}\nobjective: {minimize: valid/mae}\n".into(),
            "that is of `task: regress`; `task: classify` reports `valid/accuracy`",
        ),
        (
            "train: {data: {set: iris}}\nobjective: {maximize: valid/auc}\n".into(),
            "`valid/auc` is of two classes, and `iris` has 3",
        ),
        (
            "train: {data: {set: mnist}}\nparameters: {data.set: [mnist, wine]}\nobjective: {maximize: valid/top5}\n"
                .into(),
            "`valid/top5` is of more than five classes, and `wine` has 3",
        ),
        (
            "train: {data: {set: iris}}\nparameters: {task: [classify, regress]}\n".into(),
            "`task` can't vary within a sweep (no leaderboard ranks classes against numbers",
        ),
        (
            "train: {data: {set: iris}, early_stop: {patience: 3, metric: valid/auc}}\n".into(),
            "`early_stop.metric: valid/auc` is of two classes, and `iris` has 3",
        ),
        (
            "train: {data: {set: mnist}, early_stop: {patience: 3, metric: valid/top5}}\nparameters: {data.set: [mnist, wine]}\n"
                .into(),
            "`early_stop.metric: valid/top5` is of more than five classes, and `wine` has 3",
        ),
        ("train: {task: cluster, data: {set: iris}}\n".into(), "`classify` or `regress`"),
    ] {
        let said = facts(&text).join("\n");
        assert!(said.contains(says), "{text}\nsays: {said}\nnot: {says}");
    }
}
