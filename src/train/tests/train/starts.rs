//! Runs that begin with given weights, keep theirs, or train only a part of them.
use std::path::Path;
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Value};
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::{Ending, Stop};
use dlgrid_train::run::{Job, Log, Trained, train};
use dlgrid_train::tch::{Kind, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::support::{id, images, recipe, run, small, text};

/// The error of a run, with its cause.
fn refusal(recipe: &Recipe, data: &Dataset) -> String {
    let job =
        Job { id: id(), recipe, seed: 1, fold: None, data, test: None, save_every: Duration::MAX };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let error = train(&job, None, &Stop::default(), &mut log).expect_err("refused");
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn trained(given: &[(&str, Value)], data: &Dataset) -> Trained {
    run(&recipe(given), data, None, &Stop::default()).trained
}

/// The weights of a run in a file.
fn keep(path: &Path, given: &[(&str, Value)], data: &Dataset) -> Trained {
    let save = ("save_weights", Value::Bool(true));
    let trained = trained(&[given, &[save]].concat(), data);
    std::fs::write(path, trained.file.as_ref().expect("a run that is done keeps them"))
        .expect("written");
    trained
}

fn tensors(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let file = SafeTensors::deserialize(file).expect("safetensors");
    let mut all: Vec<_> =
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    all.sort();
    all
}

#[test]
fn a_run_that_begins_with_weights_begins_where_they_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    let from = || ("init_from", text(path.to_str().expect("UTF-8")));
    let data = images();
    let norm = ("model.batch_norm", Value::Bool(true));
    for given in [vec![], vec![norm.clone()], vec![("model.kind", text("cnn")), norm]] {
        let first = keep(&path, &given, &data);
        assert_eq!(trained(&given, &data).file, None);
        // The model as it begins is judged before the first step, on the same split.
        let second = trained(&[given.as_slice(), &[from()]].concat(), &data);
        let (ended, begun) = (first.metrics["valid/loss"], second.floors["floor/untrained_loss"]);
        assert_eq!(ended, begun, "{given:?}");
        assert_ne!(first.parameters, second.parameters);
    }
}

/// Makes single precision in a file something else.
fn cast(path: &Path, dtype: Dtype, kind: Kind) {
    let bytes = std::fs::read(path).expect("read");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let cast = |(name, view): (String, TensorView<'_>)| {
        let size: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
        let tensor = Tensor::from_data_size(view.data(), &size, Kind::Float).to_kind(kind);
        let mut bytes = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
        tensor.copy_data_u8(&mut bytes, tensor.numel());
        (name, view.shape().to_vec(), bytes)
    };
    let all: Vec<_> = file.tensors().into_iter().map(cast).collect();
    let views = all.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(dtype, shape.clone(), bytes).expect("fits"))
    });
    std::fs::write(path, safetensors::serialize(views, &None).expect("fits")).expect("written");
}

#[test]
fn a_run_of_one_precision_begins_with_weights_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    let data = images();
    let given =
        |precision| vec![("model.batch_norm", Value::Bool(true)), ("precision", text(precision))];
    let from = ("init_from", text(path.to_str().expect("UTF-8")));
    let with = |precision| [given(precision), vec![from.clone()]].concat();
    let is_begun = |precision, ended: f64, bound: f64| {
        let begun = trained(&with(precision), &data).floors["floor/untrained_loss"].0;
        assert!((ended - begun).abs() < bound * ended, "{precision}: {ended} {begun}");
    };
    let ended = |trained: Trained| trained.metrics["valid/loss"].0;
    let double = ended(keep(&path, &given("f64"), &data));
    is_begun("f32", double, 1e-5);
    let single = ended(keep(&path, &given("f32"), &data));
    is_begun("f64", single, 1e-5);
    is_begun("bf16", single, 0.02);
    for (dtype, kind, bound) in [
        (Dtype::F64, Kind::Double, 1e-9),
        (Dtype::F16, Kind::Half, 0.01),
        (Dtype::BF16, Kind::BFloat16, 0.05),
    ] {
        keep(&path, &given("f32"), &data);
        cast(&path, dtype, kind);
        is_begun("f32", single, bound);
    }
    keep(&path, &given("f32"), &data);
    cast(&path, Dtype::I64, Kind::Int64);
    let refusal = refusal(&recipe(&with("f32")), &data);
    assert!(refusal.contains("in it is I64 ["), "{refusal}");
}

#[test]
fn weights_of_another_model_are_refused_by_the_first_that_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    let from = || ("init_from", text(path.to_str().expect("UTF-8")));
    let data = small();
    assert!(refusal(&recipe(&[from()]), &data).contains("w.safetensors`: "));
    keep(&path, &[], &data);
    let with = |given: &[(&str, Value)]| recipe(&[given, &[from()]].concat());
    let layers = |n| ("model.layers", Value::Int(n));
    for (recipe, expected) in [
        (
            with(&[("model.width", Value::Int(9))]),
            "`layers.0.weight` in it is F32 [8, 16], in the model F32 [9, 16]",
        ),
        (with(&[layers(3)]), "`layers.2.weight` in it is F32 [3, 8], in the model F32 [8, 8]"),
        (with(&[layers(3), ("init_skip", text("layers.2"))]), "it has no `layers.3.weight`"),
        (
            with(&[layers(1), ("init_skip", text("layers.1"))]),
            "it has `layers.2.bias`, which the model has not",
        ),
    ] {
        let refusal = refusal(&recipe, &data);
        assert!(refusal.contains(expected), "{refusal}");
    }
    let skip = ("init_skip", text("layers.2, layers.3"));
    let deeper = run(&with(&[layers(3), skip]), &data, None, &Stop::default());
    assert_eq!(deeper.trained.ending, Ending::Done);
    std::fs::write(&path, b"no weights").expect("written");
    assert!(refusal(&with(&[]), &data).contains("no valid safetensors file"));
}

#[test]
fn what_is_frozen_keeps_its_bits_and_the_rest_learns() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    let data = images();
    let given = [
        ("model.kind", text("cnn")),
        ("model.batch_norm", Value::Bool(true)),
        ("regularize.l1", Value::Float(0.01)),
        ("regularize.l2", Value::Float(0.01)),
        ("optimizer.kind", text("adamw")),
        ("optimizer.weight_decay", Value::Float(0.1)),
    ];
    keep(&path, &given, &data);
    let before = tensors(&std::fs::read(&path).expect("read"));
    let more = [
        ("init_from", text(path.to_str().expect("UTF-8"))),
        ("freeze", text("blocks, layers.2.bias")),
        ("save_weights", Value::Bool(true)),
    ];
    let second = trained(&[given.as_slice(), &more].concat(), &data);
    let after = tensors(second.file.as_deref().expect("kept"));
    assert_eq!(before.len(), after.len());
    for ((name, before), (same, after)) in before.iter().zip(&after) {
        assert_eq!(name, same);
        let frozen = name.starts_with("blocks.") || name == "layers.2.bias";
        assert_eq!(before == after, frozen, "{name}");
    }
    // What is frozen is of the model all the same; running statistics are no weights.
    let is_weight = |name: &str| !name.ends_with(".mean") && !name.ends_with(".variance");
    let all: usize =
        before.iter().filter(|(name, _)| is_weight(name)).map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(second.weights * 4, all as u64);
    assert_eq!(second.weights, trained(&given, &data).weights);
}

#[test]
fn freezing_what_is_not_there_is_refused_where_only_the_model_knows() {
    let data = small();
    let mut recipe = recipe(&[]);
    recipe.start.freeze = vec!["nothing".into()];
    let refusal = refusal(&recipe, &data);
    assert!(refusal.starts_with("`freeze: nothing` is no parameter of the model"), "{refusal}");
}
