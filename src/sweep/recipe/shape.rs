//! Which runs can be trained as one: those whose tensors have the same shapes.
use super::{Activation, Data, Loss, Net, Precision, Recipe, Task};
use crate::dataset::table;

/// What the runs of a cohort have in common. In all else they may differ: optimizer, schedule,
/// penalties, dropout, smoothing, seed, epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    task: Task,
    net: Net,
    activation: Activation,
    /// Whether one output tells two classes apart.
    binary: bool,
    precision: Precision,
    batch_size: u32,
    /// Samples of a forward pass at most.
    at_once: u32,
    /// What stands still.
    freeze: Vec<String>,
    data: Data,
}

/// Why a run is trained alone, whomever it finds: shown as the setting that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Alone {
    /// Its model has layers that are not trained together.
    #[error("`model.kind: {0}`")]
    Model(&'static str),
    /// It multiplies in another precision.
    #[error("`precision: {0}`")]
    Precision(&'static str),
}

impl Shape {
    /// The shape of a recipe's tensors, of runs on a GPU or on the CPU.
    ///
    /// # Errors
    /// Why it can't be trained with others. Can: on a GPU, all models, in single or half precision;
    /// on the CPU, which gains nothing by the others, those of dense layers in single precision.
    pub fn of(recipe: &Recipe, gpu: bool) -> Result<Self, Alone> {
        let dense = matches!(recipe.model.net, Net::Linear | Net::Perceptron | Net::Mlp { .. });
        if !dense && !gpu {
            return Err(Alone::Model(recipe.model.net.name()));
        }
        match recipe.precision {
            Precision::F64 => return Err(Alone::Precision("f64")),
            Precision::Bf16 if !gpu => return Err(Alone::Precision("bf16")),
            Precision::F32 | Precision::Bf16 => {}
        }
        Ok(Self {
            task: recipe.task,
            net: recipe.model.net,
            activation: recipe.model.activation,
            binary: matches!(recipe.loss, Loss::BinaryCrossEntropy { .. }),
            precision: recipe.precision,
            batch_size: recipe.batch_size,
            at_once: recipe.at_once(),
            freeze: recipe.start.freeze.clone(),
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

    /// Multiplications in the largest product of a step, for so many samples of so many numbers:
    /// what decides whether a CPU gains by training several runs at once.
    #[must_use]
    pub fn largest_product(&self, samples: u64, features: u64) -> u64 {
        let weights = match self.net {
            Net::Mlp { layers: 0, .. } => features,
            Net::Mlp { layers: 1, width, .. } => u64::from(width) * features,
            Net::Mlp { width, .. } => u64::from(width) * features.max(u64::from(width)),
            _ => features,
        };
        weights.saturating_mul(u64::from(self.at_once).min(samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Settings, Value, key};

    fn shape(given: &[(&str, Value)]) -> Result<Shape, Alone> {
        shape_on(false, given)
    }

    fn shape_on(gpu: bool, given: &[(&str, Value)]) -> Result<Shape, Alone> {
        let mut settings = Settings::default();
        let base = [("data.set", Value::Text("mnist".into()))];
        for (path, value) in base.iter().chain(given) {
            settings.set(key::find(path).expect("a key of the table"), value.clone());
        }
        Shape::of(&Recipe::new(&settings).expect("a recipe"), gpu)
    }

    #[test]
    fn what_changes_no_tensor_changes_no_shape() {
        let text = |word: &str| Value::Text(word.into());
        let usual = shape(&[]);
        assert!(usual.is_ok());
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
            ("augment.flip", Value::Bool(true)),
            ("augment.mixup", Value::Float(0.2)),
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
            ("optimizer.kind", text("gd")),
            ("data.valid", Value::Float(0.3)),
            ("data.limit", Value::Int(1000)),
            ("freeze", text("layers.0")),
        ] {
            let other = [other];
            assert!(shape(&other).is_ok_and(|shape| Ok(shape) != usual), "{other:?}");
        }
        for (path, value, why) in [
            ("model.kind", text("cnn"), "`model.kind: cnn`"),
            ("precision", text("bf16"), "`precision: bf16`"),
        ] {
            let given = [(path, value)];
            let told = shape(&given).expect_err(path);
            assert_eq!(told.to_string(), why);
            assert!(shape_on(true, &given).is_ok(), "{path}");
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
            assert_eq!(shape.largest_product(100, features), expected * 32);
            assert_eq!(shape.largest_product(7, features), expected * 7);
        }
    }
}
