//! Data sets of every form train: small ones, generated in the real formats.
use std::path::Path;
use std::time::Duration;

use dlgrid_sweep::recipe::{Recipe, Value};
use dlgrid_train::data::shelf::Shelf;
use dlgrid_train::data::{Dataset, Labels};
use dlgrid_train::engine::Stop;
use dlgrid_train::run::{Job, Log, Trained, train};
use dlgrid_train::tch::Device;

use super::support::{id, recipe, text};

/// Trains a recipe with a seed.
pub fn trained(recipe: &Recipe, data: &Dataset, seed: u64) -> Trained {
    let job =
        Job { id: id(), recipe, seed, fold: None, data, test: None, save_every: Duration::MAX };
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    train(&job, None, &Stop::default(), &mut log).expect("trains")
}

fn own(set: &str, path: &Path, more: &[(&str, Value)]) -> Recipe {
    let base = [("data.set", text(set)), ("data.path", text(path.to_str().expect("UTF-8")))];
    recipe(&[&base, more].concat())
}

/// Records of CIFAR: the class decides which channel is bright.
fn cifar(heads: &[&[u8]]) -> Vec<u8> {
    let image = |head: &[u8]| -> Vec<u8> {
        let bright = usize::from(head[head.len() - 1] % 3);
        (0..3072).map(|i| if i / 1024 == bright { 230 } else { 20 }).collect()
    };
    heads.iter().flat_map(|head| [head.to_vec(), image(head)].concat()).collect()
}

#[test]
fn cifar_of_any_number_of_records_trains() {
    let folder = tempfile::tempdir().expect("a folder");
    let ten: Vec<Vec<u8>> = (0..30).map(|i| vec![i % 3]).collect();
    let hundred: Vec<Vec<u8>> = (0..30).map(|i| vec![19, 97 + i % 3]).collect();
    for (name, records) in [("data_batch_1.bin", &ten), ("train.bin", &hundred)] {
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        std::fs::write(folder.path().join(name), cifar(&records)).expect("written");
    }
    for (set, classes) in [("cifar-10", 10), ("cifar-100", 100)] {
        let recipe =
            own(set, folder.path(), &[("epochs", Value::Int(20)), ("model.layers", Value::Int(0))]);
        let data = Shelf::new(Device::Cpu).get(&recipe.data).expect("reads");
        assert_eq!((&data.shape[..], data.classes, data.samples), (&[3, 32, 32][..], classes, 30));
        let accuracy = trained(&recipe, &data, 1).metrics["train/accuracy"].0;
        assert!(accuracy > 0.9, "{set} {accuracy}");
    }
}

fn table(folder: &Path) -> std::path::PathBuf {
    let row = |i: u32| {
        let (kind, size) = (i % 2, 1_600_000_000 + i);
        let colour = if kind == 0 { "red" } else { "blue" };
        format!("{size},{colour},{},{}\n", i * 3, if kind == 0 { "cat" } else { "dog" })
    };
    let body: String = (0..60).map(row).collect();
    let path = folder.join("t.csv");
    std::fs::write(&path, format!("when,colour,weight,kind\n{body}")).expect("written");
    path
}

#[test]
fn a_csv_file_trains_with_its_words_as_marks() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = table(folder.path());
    let more = [
        ("data.target", text("kind")),
        ("epochs", Value::Int(40)),
        ("optimizer.lr", Value::Float(0.01)),
    ];
    for encode in ["standard", "min_max"] {
        let more = [&more[..], &[("data.encode", text(encode))]].concat();
        let recipe = own("csv", &path, &more);
        let mut shelf = Shelf::new(Device::Cpu);
        let data = shelf.get(&recipe.data).expect("reads");
        assert_eq!((data.samples, data.features, data.classes), (48, 4, 2), "12 are sealed");
        let f1 = trained(&recipe, &data, 1).metrics["valid/f1"].0;
        assert!(f1 > 0.99, "{encode} {f1}");
    }
}

#[test]
fn a_limit_that_leaves_one_class_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.csv");
    let rows: String = (0..60).map(|i| format!("{i},{}\n", i / 40)).collect();
    std::fs::write(&path, format!("x,kind\n{rows}")).expect("written");
    let get = |limit| {
        let recipe = own("csv", &path, &[("data.target", text("kind")), ("data.limit", limit)]);
        Shelf::new(Device::Cpu).get(&recipe.data)
    };
    assert!(get(Value::Null).is_ok());
    let error = get(Value::Int(24)).expect_err("one class");
    assert_eq!(error.to_string(), "the target is `0` in each of the first 24 rows");
    assert!(error.hint().contains("`data.limit`"), "{}", error.hint());
}

#[test]
fn a_column_of_numbers_can_be_what_is_learnt() {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = own("csv", &table(folder.path()), &[("data.target", text("weight"))]);
    let data = Shelf::new(Device::Cpu).get_numbers(&recipe.data).expect("reads");
    assert!(matches!(&data.labels, Labels::Numbers(numbers) if numbers.size() == [48]));
    assert_eq!(data.classes, 0);
}
