//! Which runs can be trained as one: those whose tensors have the same shapes.
use dlgrid_sweep::dataset::table;
use dlgrid_sweep::recipe::{Activation, Data, Loss, Net, Precision, Recipe, Task};

/// What the runs of a cohort have in common. In all else they may differ: optimizer, schedule,
/// penalties, dropout, smoothing, seed, epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    task: Task,
    net: Net,
    activation: Activation,
    /// Whether one output tells two classes apart.
    binary: bool,
    batch_size: u32,
    data: Data,
}

impl Shape {
    /// The shape of a recipe's tensors; none if it can't be trained with others: only models of
    /// dense layers can, in batches and single precision, all of them trained, on samples as they
    /// are.
    #[must_use]
    pub fn of(recipe: &Recipe) -> Option<Self> {
        let is_dense = matches!(recipe.model.net, Net::Linear | Net::Perceptron | Net::Mlp { .. });
        let in_batches = recipe.batch_size < u32::MAX && recipe.at_once() >= recipe.batch_size;
        let plain = recipe.precision == Precision::F32
            && recipe.start.freeze.is_empty()
            && !recipe.augment.is_on();
        (is_dense && in_batches && plain).then(|| Self {
            task: recipe.task,
            net: recipe.model.net,
            activation: recipe.model.activation,
            binary: matches!(recipe.loss, Loss::BinaryCrossEntropy { .. }),
            batch_size: recipe.batch_size,
            // How samples are encoded is each run's own affair.
            data: Data {
                scale: (0.0, 1.0),
                table: table::Options {
                    encode: table::Encode::default(),
                    ..recipe.data.table.clone()
                },
                ..recipe.data.clone()
            },
        })
    }

    /// Multiplications in the largest product of a step, for samples of so many numbers: what
    /// decides whether a CPU gains by training several runs at once.
    #[must_use]
    pub fn largest_product(&self, features: u64) -> u64 {
        let weights = match self.net {
            Net::Mlp { layers: 0, .. } => features,
            Net::Mlp { layers: 1, width, .. } => u64::from(width) * features,
            Net::Mlp { width, .. } => u64::from(width) * features.max(u64::from(width)),
            _ => features,
        };
        weights.saturating_mul(u64::from(self.batch_size))
    }
}

/// Which runs are trained together: those of one shape, so many at most, in the order of their
/// first; by their places. `None` has no shape in common with anyone.
#[must_use]
pub fn cohorts<S: PartialEq>(shapes: &[Option<S>], most: usize) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    // The cohorts that may grow, by their first.
    let mut open: Vec<usize> = Vec::new();
    for (at, shape) in shapes.iter().enumerate() {
        let same = |cohort: &&usize| shape.is_some() && shapes[found[**cohort][0]] == *shape;
        match open.iter().find(same).copied() {
            Some(cohort) => {
                found[cohort].push(at);
                if found[cohort].len() >= most {
                    open.retain(|other| *other != cohort);
                }
            }
            None => {
                if shape.is_some() && most > 1 {
                    open.push(found.len());
                }
                found.push(vec![at]);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlgrid_sweep::recipe::{Settings, Value, key};

    fn shape(given: &[(&str, Value)]) -> Option<Shape> {
        let mut settings = Settings::default();
        let base = [("data.set", Value::Text("mnist".into()))];
        for (path, value) in base.iter().chain(given) {
            settings.set(key::find(path).expect("a key of the table"), value.clone());
        }
        Shape::of(&Recipe::new(&settings).expect("a recipe"))
    }

    #[test]
    fn what_changes_no_tensor_changes_no_shape() {
        let text = |word: &str| Value::Text(word.into());
        let usual = shape(&[]);
        assert!(usual.is_some());
        for same in [
            ("optimizer.kind", text("sgd")),
            ("optimizer.lr", Value::Float(0.5)),
            ("regularize.dropout", Value::Float(0.5)),
            ("regularize.l1", Value::Float(0.5)),
            ("label_smoothing", Value::Float(0.5)),
            ("balance", Value::Bool(true)),
            ("schedule.kind", text("cosine")),
            ("model.init", text("xavier")),
            ("epochs", Value::Int(3)),
            ("data.scale", Value::List(vec![Value::Float(-1.0), Value::Float(1.0)])),
        ] {
            assert_eq!(shape(std::slice::from_ref(&same)), usual, "{same:?}");
        }
        for other in [
            ("model.width", Value::Int(65)),
            ("model.layers", Value::Int(1)),
            ("model.batch_norm", Value::Bool(true)),
            ("model.activation", text("tanh")),
            ("batch_size", Value::Int(17)),
            ("data.valid", Value::Float(0.3)),
            ("data.limit", Value::Int(1000)),
        ] {
            let other = [other];
            assert!(shape(&other).is_some_and(|shape| Some(shape) != usual), "{other:?}");
        }
        for alone in [
            ("model.kind", text("cnn")),
            ("optimizer.kind", text("gd")),
            ("precision", text("bf16")),
            ("freeze", text("layers.0")),
            ("augment.flip", Value::Bool(true)),
        ] {
            assert_eq!(shape(&[alone]), None);
        }
    }

    #[test]
    fn the_largest_product_is_that_of_its_widest_layer() {
        for (layers, width, features, expected) in
            [(0, 64, 784, 784), (1, 64, 8, 8 * 64), (2, 64, 8, 64 * 64), (3, 64, 784, 784 * 64)]
        {
            let given = [
                ("model.layers", Value::Int(layers)),
                ("model.width", Value::Int(width)),
                ("batch_size", Value::Int(32)),
            ];
            let shape = shape(&given).expect("dense");
            assert_eq!(shape.largest_product(features), expected * 32);
        }
    }

    #[test]
    fn cohorts_are_of_one_shape_and_no_larger_than_they_may_be() {
        let shapes = [Some('a'), None, Some('b'), Some('a'), Some('a'), None, Some('a'), Some('b')];
        let expected: &[&[usize]] = &[&[0, 3], &[1], &[2, 7], &[4, 6], &[5]];
        assert_eq!(cohorts(&shapes, 2), expected);
        assert_eq!(cohorts(&shapes, 9), [&[0, 3, 4, 6][..], &[1], &[2, 7], &[5]]);
        let each: Vec<Vec<usize>> = (0..8).map(|at| vec![at]).collect();
        assert_eq!(cohorts(&shapes, 1), each);
    }
}
