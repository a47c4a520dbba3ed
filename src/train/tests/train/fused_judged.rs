//! Runs that a GPU's program judges at once, on a CPU: every metric against that of each judged alone.
use dlgrid_sweep::recipe::{Fold, Recipe, Value};
use dlgrid_train::data::Dataset;
use dlgrid_train::engine::Stop;
use dlgrid_train::fused::By;
use dlgrid_train::run::Trained;
use dlgrid_train::tch::{self, Device};

use super::fused::{Came, alone, jobs, together_by};
use super::support::{blobs, recipe, text};

/// Of so small a rate that both programs judge the same weights: each run those of its own seed.
fn runs(more: &[(&'static str, Value)]) -> Vec<Recipe> {
    tch::set_num_threads(1);
    let rate = ("optimizer.lr", Value::Float(1e-12));
    let own = [("model.width", Value::Int(8)), ("batch_size", Value::Int(17)), rate];
    let of = |kind| recipe(&[&own[..], more, &[("optimizer.kind", text(kind))]].concat());
    ["adam", "sgd", "adagrad"].map(of).into()
}

/// Data of so many samples, classes and features with images' bytes.
fn data(samples: usize, classes: u8) -> Dataset {
    let (images, labels) = blobs(samples, 64, classes);
    Dataset::new(&images, &labels, usize::from(classes), Device::Cpu).with_shape(&[1, 8, 8])
}

/// The metrics on validation samples, of each run and epoch, are those of each alone; these are among
/// them.
fn assert_judged(recipes: &[Recipe], data: &Dataset, folds: Option<u32>, among: &[&str]) {
    let mut jobs = jobs(recipes, data);
    for (number, job) in (1..).zip(&mut jobs) {
        job.fold = folds.map(|of| Fold { number, of });
    }
    let all = together_by(By::Device, &jobs, &[], &Stop::default());
    let own = alone(&jobs, &[], Stop::default);
    for (run, (all, own)) in all.epochs.iter().zip(&own.epochs).enumerate() {
        assert_eq!(all.len(), own.len());
        for (all, own) in all.iter().zip(own) {
            assert!(all.metrics.keys().eq(own.metrics.keys()), "run {run}: {:?}", all.metrics);
            for (name, value) in own.metrics.iter().filter(|(name, _)| name.starts_with("valid/")) {
                let found = all.metrics[name].0;
                let most = 1e-5 * value.0.abs().max(1.0);
                assert!((found - value.0).abs() < most, "run {run}, {name}: {found} {}", value.0);
            }
            for name in among {
                assert!(own.metrics.contains_key(*name), "{name}: {:?}", own.metrics);
            }
        }
    }
    let confusions = |came: &Came| {
        let of =
            |trained: &Option<Trained>| trained.as_ref().map(|trained| trained.confusion.clone());
        came.trained.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(confusions(&all), confusions(&own));
}

#[test]
fn every_metric_is_what_it_is_where_each_is_judged_alone() {
    let flag = |path| (path, Value::Bool(true));
    let cnn = [
        ("model.kind", text("cnn")),
        ("model.blocks", Value::Int(1)),
        ("model.channels", Value::Int(4)),
        flag("model.batch_norm"),
    ];
    let ten = data(150, 10);
    let top = ["valid/loss", "valid/top5", "valid/f1_micro"];
    // Nothing is dropped and no slope drawn where runs are judged.
    let drops = [("regularize.dropout", Value::Float(0.5))];
    let slopes = [("model.activation", text("rrelu")), drops[0].clone()];
    for more in [&drops[..], &slopes, &cnn, &[flag("model.batch_norm")], &[flag("balance")]] {
        assert_judged(&runs(more), &ten, None, &top);
    }
    assert_judged(&runs(&[flag("shared_order")]), &ten, None, &top);
    let two = data(90, 2);
    assert_judged(&runs(&[]), &two, None, &["valid/auc"]);
    let binary = [("loss", text("binary_cross_entropy"))];
    assert_judged(&runs(&binary), &two, None, &["valid/auc"]);
}

#[test]
fn folds_have_their_own_samples() {
    let ten = data(150, 10);
    assert_judged(&runs(&[]), &ten, Some(5), &["valid/accuracy"]);
    // Parts of 76 and 75 samples: other numbers of both kinds.
    assert_judged(&runs(&[]), &data(151, 2), Some(2), &[]);
}

#[test]
fn where_no_samples_are_held_back_the_sealed_ones_are_judged_at_the_end() {
    let (recipes, data, sealed) = (runs(&[]), data(150, 10), data(70, 10));
    let mut jobs = jobs(&recipes, &data);
    jobs.iter_mut().for_each(|job| job.test = Some(&sealed));
    let all = together_by(By::Device, &jobs, &[], &Stop::default());
    let own = alone(&jobs, &[], Stop::default);
    for (all, own) in all.trained.iter().zip(&own.trained) {
        let (all, own) = (all.as_ref().expect("trained"), own.as_ref().expect("trained"));
        assert!(all.metrics.keys().eq(own.metrics.keys()), "{:?}", all.metrics);
        assert!(!all.metrics.keys().any(|name| name.starts_with("valid/")), "{:?}", all.metrics);
        let accuracy = |came: &Trained| came.metrics["test/accuracy"].0;
        assert_eq!(accuracy(all), accuracy(own));
    }
}

#[test]
fn errors_are_in_each_runs_own_units() {
    let (images, labels) = blobs(90, 8, 2);
    let target = |(l, x): (&u8, &u8)| 10.0 * f32::from(*l) + f32::from(*x) / 50.0;
    let targets: Vec<f32> = labels.iter().zip(&images).map(target).collect();
    let data = Dataset::new(&images, &labels, 2, Device::Cpu).with_numbers(&targets);
    let table = [("task", text("regress")), ("data.set", text("csv")), ("data.target", text("y"))];
    assert_judged(&runs(&table), &data, None, &["valid/rmse", "valid/mae", "valid/r2"]);
    assert_judged(&runs(&table), &data, Some(3), &["valid/r2"]);
}
