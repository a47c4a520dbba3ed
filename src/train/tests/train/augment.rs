//! Runs on augmented samples.
use dlgrid_sweep::recipe::Value;
use dlgrid_train::engine::{Ending, Stop};
use dlgrid_train::run::{Job, Log, train};

use super::support::{Told, id, images, recipe, run, text};

/// Every augmentation, for images of 4 × 4.
pub fn every() -> Vec<(&'static str, Value)> {
    vec![
        ("augment.shift", Value::Int(1)),
        ("augment.flip", Value::Bool(true)),
        ("augment.rotate", Value::Float(10.0)),
        ("augment.zoom", Value::Float(0.1)),
        ("augment.brightness", Value::Float(0.1)),
        ("augment.noise", Value::Float(0.05)),
        ("augment.cutout", Value::Int(1)),
        ("augment.mixup", Value::Float(0.2)),
    ]
}

fn trained(given: &[(&str, Value)]) -> Told {
    run(&recipe(given), &images(), None, &Stop::default())
}

#[test]
fn every_augmentation_alone_changes_the_training_and_lets_it_learn() {
    let base = [("optimizer.lr", Value::Float(0.02)), ("epochs", Value::Int(20))];
    let plain = trained(&base).trained;
    // Mirrored blobs are others: they take longer.
    for one in every().into_iter().filter(|(path, _)| *path != "augment.flip") {
        let told = trained(&[&base[..], std::slice::from_ref(&one)].concat()).trained;
        assert_eq!(told.ending, Ending::Done);
        assert_ne!(told.parameters, plain.parameters, "{one:?} does nothing");
        let accuracy = told.metrics["valid/accuracy"].0;
        assert!(accuracy > 0.8, "{one:?}: {accuracy}");
    }
    let flipped = trained(&[("augment.flip", Value::Bool(true))]).trained;
    assert_ne!(flipped.parameters, trained(&[]).trained.parameters);
}

#[test]
fn validation_samples_stay_as_they_are() {
    // So small a rate that the model stays as it was drawn.
    let judged = |more: &[(&str, Value)]| {
        let base = [("optimizer.lr", Value::Float(1e-30)), ("optimizer.kind", text("sgd"))];
        trained(&[&base[..], more].concat()).trained.metrics
    };
    let (plain, changed) = (judged(&[]), judged(&every()));
    assert_eq!(plain["valid/loss"], changed["valid/loss"]);
    assert_ne!(plain["train/loss"], changed["train/loss"]);
}

#[test]
fn a_shift_out_of_images_of_ones_own_is_an_error_of_the_run() {
    let (recipe, data) = (recipe(&[("augment.shift", Value::Int(4))]), images());
    let save_every = std::time::Duration::MAX;
    let job =
        Job { id: id(), recipe: &recipe, seed: 1, fold: None, data: &data, test: None, save_every };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let error = train(&job, None, &Stop::default(), &mut log).expect_err("refused");
    let expected = "`augment.shift: 4` leaves nothing of some images, these are 4 × 4";
    assert_eq!(error.to_string(), expected);
}
