//! What runs of each task report, what they learn, and what their results must beat.
use std::time::Duration;

use dlgrid_sweep::dataset::table::{Column, Options, Table, Values};
use dlgrid_sweep::recipe::metric::{self, CLASSIFY};
use dlgrid_sweep::recipe::{Recipe, Task, Value};
use dlgrid_train::data::{Dataset, Split};
use dlgrid_train::engine::{Ending, Stop, Task as _};
use dlgrid_train::parameters::Parameters;
use dlgrid_train::random::{Place, Purpose};
use dlgrid_train::run::{Job, Log, RunError, train};
use dlgrid_train::task::Task as _;
use dlgrid_train::task::classify::Classify;
use dlgrid_train::task::regress::Regress;
use dlgrid_train::tch::Device;

use super::support::{Told, blobs, id, images, recipe, run, small, split, text};

fn of_classes(classes: u8) -> Dataset {
    let (images, labels) = blobs(120, 16, classes);
    Dataset::new(&images, &labels, usize::from(classes), Device::Cpu)
}

/// A table of three columns of which the first two make up the target, far from zero.
fn table(rows: u32) -> Dataset {
    let (mut a, mut b, mut c, mut y) = (vec![], vec![], vec![], vec![]);
    let mut noise = vec![0.0f32; 3 * rows as usize];
    Place::start(7).stream(Purpose::Weights).fill_uniform(&mut noise, 1.0);
    for x in noise.chunks_exact(3) {
        let [x, z, e] = [x[0], x[1], x[2]].map(f64::from);
        a.push(1000.0 + 5.0 * x);
        b.push(z);
        c.push(3.0);
        y.push(500.0 + 40.0 * x - 20.0 * z + e);
    }
    let column = |name: &str, values| Column { name: name.into(), values: Values::Numbers(values) };
    let columns = vec![column("a", a), column("b", b), column("c", c), column("y", y)];
    let table = Table { columns, rows: rows as usize };
    let options = Options { target: Some("y".into()), test: 0.0, ..Options::default() };
    Dataset::of_table(table.samples(&options, true).expect("numbers"), Device::Cpu)
}

fn regression(more: &[(&str, Value)]) -> Recipe {
    let base = [
        ("task", text("regress")),
        ("data.set", text("csv")),
        ("data.target", text("y")),
        ("optimizer.lr", Value::Float(0.02)),
        ("epochs", Value::Int(40)),
    ];
    recipe(&[&base, more].concat())
}

fn binary(more: &[(&str, Value)]) -> Recipe {
    recipe(&[&[("loss", text("binary_cross_entropy"))], more].concat())
}

fn error(recipe: &Recipe, data: &Dataset) -> RunError {
    let job =
        Job { id: id(), recipe, seed: 1, fold: None, data, test: None, save_every: Duration::MAX };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    train(&job, None, &Stop::default(), &mut log).expect_err("refused")
}

fn reported(told: &Told) -> Vec<&str> {
    told.trained.metrics.keys().map(String::as_str).collect()
}

#[test]
fn runs_report_exactly_the_metrics_of_the_table() {
    for classes in [2u8, 3, 8] {
        let told = run(&recipe(&[]), &of_classes(classes), None, &Stop::default());
        let has = |name: &&str| metric::classes(name).contains(&u64::from(classes));
        let expected: Vec<&str> = CLASSIFY.iter().map(|(name, _)| *name).filter(has).collect();
        assert_eq!(reported(&told), expected, "{classes} classes");
        assert_eq!(told.trained.best.len(), expected.len(), "floors have no best epoch");
    }
    let told = run(&regression(&[]), &table(50), None, &Stop::default());
    let expected: Vec<&str> = metric::of(Task::Regress).iter().map(|(name, _)| *name).collect();
    assert_eq!(reported(&told), expected);
    assert_eq!(told.trained.confusion, None);
}

#[test]
fn early_stopping_by_what_is_never_reported_is_refused_before_training() {
    let stop = |metric| {
        recipe(&[("early_stop.patience", Value::Int(2)), ("early_stop.metric", text(metric))])
    };
    for (metric, data, says) in [
        ("valid/auc", of_classes(3), "is of two classes, and the data has 3"),
        ("valid/top5", of_classes(3), "is of more than five classes, and the data has 3"),
    ] {
        let said = error(&stop(metric), &data).to_string();
        assert!(said.contains(says), "{said}");
    }
    let one = Dataset::new(&blobs(60, 16, 2).0, &[0; 60], 2, Device::Cpu);
    let said = error(&stop("valid/auc"), &one).to_string();
    assert!(said.contains("the validation samples are all of one"), "{said}");
    let told = run(&stop("valid/auc"), &of_classes(2), None, &Stop::default());
    assert!(told.trained.metrics.contains_key("valid/auc"));
}

#[test]
fn a_regression_is_learnt_and_judged_in_the_target_s_own_units() {
    let told = run(&regression(&[]), &table(200), None, &Stop::default());
    let Told { trained, .. } = &told;
    let of = |name: &str| trained.metrics[name].0;
    assert!(of("valid/rmse") < 6.0 && of("valid/r2") > 0.95, "{:?}", trained.metrics);
    assert!((of("valid/rmse").powi(2) - of("valid/loss")).abs() < 1e-9, "loss is in squares");
    assert!(of("valid/mae") <= of("valid/rmse"));
    let floor = |name: &str| trained.floors[name].0;
    assert!((20.0..40.0).contains(&floor("floor/mean_rmse")), "{:?}", trained.floors);
    assert!(floor("floor/mean_r2").abs() < 0.2 && floor("floor/untrained_r2") < 0.5);
    let smallest = trained.best["valid/rmse"].value.0;
    assert!(told.epochs.iter().all(|end| end.metrics["valid/rmse"].0 >= smallest));
}

#[test]
fn an_interrupted_run_of_any_task_has_the_same_numbers_and_floors() {
    let cases = [
        (regression(&[("epochs", Value::Int(2))]), table(50)),
        (
            binary(&[
                ("label_smoothing", Value::Float(0.1)),
                ("balance", Value::Bool(true)),
                ("regularize.dropout", Value::Float(0.2)),
            ]),
            of_classes(2),
        ),
    ];
    for (recipe, data) in cases {
        let straight = run(&recipe, &data, None, &Stop::default()).trained;
        for steps in [0, 3, 6, 7, 11] {
            let first = run(&recipe, &data, None, &Stop::after(steps));
            let second = run(&recipe, &data, first.checkpoint.as_deref(), &Stop::default()).trained;
            assert_eq!(second.parameters, straight.parameters, "at {steps}");
            assert_eq!(second.metrics, straight.metrics, "at {steps}");
            assert_eq!((&second.floors, &second.best), (&straight.floors, &straight.best));
        }
    }
}

#[test]
fn two_classes_are_told_apart_by_one_output() {
    let given = [("optimizer.lr", Value::Float(0.02)), ("epochs", Value::Int(15))];
    let told = run(&binary(&given), &of_classes(2), None, &Stop::default()).trained;
    assert!(told.metrics["valid/accuracy"].0 > 0.9, "{:?}", told.metrics);
    assert!(told.metrics["valid/auc"].0 > 0.9);
    // One output less than the model of two logits.
    assert_eq!(told.weights, 16 * 8 + 8 + 8 * 8 + 8 + 8 + 1);
    assert_eq!(told.confusion.expect("done").len(), 2);
}

#[test]
fn floors_are_of_the_untrained_model_and_of_the_labels_alone() {
    let images: Vec<u8> = (0..100u8).collect();
    let labels: Vec<u8> = (0..100).map(|i| u8::from(i % 4 == 0)).collect();
    let data = Dataset::new(&images, &labels, 2, Device::Cpu);
    let still = [("optimizer.kind", text("sgd")), ("optimizer.lr", Value::Float(1e-30))];
    let told = run(&recipe(&still), &data, None, &Stop::default()).trained;
    for name in ["loss", "accuracy", "f1", "precision_weighted", "auc"] {
        let floor = told.floors[&format!("floor/untrained_{name}")];
        assert_eq!(floor, told.metrics[&format!("valid/{name}")], "{name}: nothing was learnt");
    }
    let confusion = told.confusion.expect("done");
    let own: u64 = confusion[0].iter().sum();
    let share = own as f64 / confusion.iter().flatten().sum::<u64>() as f64;
    assert_eq!(told.floors["floor/majority_accuracy"].0, share);
    assert_eq!(told.floors["floor/majority_auc"].0, 0.5);
    let names = ["accuracy", "auc", "f1", "f1_weighted", "loss", "precision", "precision_weighted"];
    let of = |kind: &str| {
        names.iter().chain(&["recall"]).map(|n| format!("floor/{kind}_{n}")).collect::<Vec<_>>()
    };
    let expected = [of("majority"), of("untrained")].concat();
    assert_eq!(told.floors.keys().cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn another_data_set_is_judged_by_the_same_metrics_and_encoding() {
    // The validation rows as a data set of their own.
    let (recipe, data) = (regression(&[]), table(80));
    let mut task = Regress::new(&recipe, &data, split(&recipe, &data, 3)).expect("a task");
    let mut stream = Place::start(3).stream(Purpose::Weights);
    let weights = Parameters::new(task.model().declare(), &mut stream, Device::Cpu).expect("small");
    let split = Split::of(&data, &recipe.data, 3, None).expect("splits");
    let own = task.evaluate(weights.tensors());
    let dlgrid_train::data::Inputs::Table(samples) = &data.inputs else { panic!("a table") };
    let mut valid = samples.clone();
    let rows: Vec<usize> = split.valid.iter().map(|&row| usize::try_from(row).unwrap()).collect();
    valid.rows = rows.clone();
    valid.values = rows.iter().flat_map(|r| samples.values[r * 3..][..3].to_vec()).collect();
    let dlgrid_sweep::dataset::table::Target::Numbers(all) = &samples.target else { panic!() };
    let numbers = rows.iter().map(|&r| all[r]).collect();
    valid.target = dlgrid_sweep::dataset::table::Target::Numbers(numbers);
    let other = Dataset::of_table(valid, Device::Cpu);
    let judged = task.judge(weights.tensors(), &other, "test");
    for (name, value) in &own {
        assert_eq!(judged.metrics[&name.replace("valid/", "test/")], *value, "{name}");
    }
    assert_eq!((judged.metrics.len(), judged.confusion), (own.len(), None));
}

#[test]
fn other_images_are_judged_with_their_confusion() {
    let (recipe, data) = (recipe(&[]), small());
    let task = Classify::new(&recipe, &data, split(&recipe, &data, 3)).expect("a task");
    let mut stream = Place::start(3).stream(Purpose::Weights);
    let weights = Parameters::new(task.model().declare(), &mut stream, Device::Cpu).expect("small");
    let judged = task.judge(weights.tensors(), &images(), "test");
    let confusion = judged.confusion.expect("classes");
    assert_eq!(confusion.iter().flatten().sum::<u64>(), 60);
    let hits: u64 = (0..3).map(|c| confusion[c][c]).sum();
    assert_eq!(judged.metrics["test/accuracy"].0, hits as f64 / 60.0);
}

#[test]
fn a_run_that_diverges_keeps_its_last_good_epoch() {
    // Each step overshoots more than the one before.
    let given = [
        ("model.kind", text("linear")),
        ("optimizer.kind", text("sgd")),
        ("optimizer.lr", Value::Float(8.0)),
    ];
    let told = run(&regression(&given), &table(50), None, &Stop::default());
    let Ending::Diverged { why } = &told.trained.ending else { panic!("{:?}", told.trained) };
    let last = told.trained.epochs;
    assert!(last > 1 && why.ends_with(&format!("after epoch {last}")), "{why}");
    let good = &told.epochs[last as usize - 2].metrics;
    assert_eq!(&told.trained.metrics, good);
    assert!(good.values().all(|value| value.0.is_finite()), "{good:?}");
    assert!(!told.trained.floors.is_empty());
}

#[test]
fn targets_that_are_all_the_same_are_learnt_at_once() {
    let data = small().with_numbers(&[2.5; 60]);
    let told = run(&regression(&[]), &data, None, &Stop::default()).trained;
    assert_eq!(told.ending, Ending::Done);
    assert_eq!(told.floors["floor/mean_r2"].0, 1.0, "the guess is right");
    assert!(told.metrics["valid/rmse"].0 < 0.1 && told.metrics["valid/r2"].0 <= 1.0);
}

#[test]
fn data_without_what_is_learnt_is_an_error_of_its_run() {
    let message = error(&regression(&[]), &small()).to_string();
    assert_eq!(
        message,
        "`task: regress` can't learn from this data: its labels are classes, no numbers"
    );
    let message = error(&recipe(&[]), &table(50)).to_string();
    assert_eq!(
        message,
        "`task: classify` can't learn from this data: its labels are numbers, no classes"
    );
    let message = error(&binary(&[]), &small()).to_string();
    assert!(message.ends_with("tells two classes apart, the data has 3"), "{message}");
}
