//! Which runs can be trained as one: those whose tensors have the same shapes.
use dlgrid_sweep::dataset::table;
use dlgrid_sweep::recipe::{Activation, Data, Loss, Net, Recipe, Task};

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
    /// The shape of a recipe's tensors; none if it can't be trained fused: only models of dense
    /// layers can, in batches.
    #[must_use]
    pub fn of(recipe: &Recipe) -> Option<Self> {
        let is_dense = matches!(recipe.model.net, Net::Linear | Net::Perceptron | Net::Mlp { .. });
        let in_batches = recipe.batch_size < u32::MAX;
        (is_dense && in_batches).then(|| Self {
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

    /// Numbers of a layer's weights at most, for samples of so many numbers: what decides whether
    /// a CPU gains by training several at once.
    #[must_use]
    pub fn widest(&self, features: u64) -> u64 {
        match self.net {
            Net::Mlp { layers, width, .. } if layers > 0 => {
                u64::from(width) * features.max(u64::from(width))
            }
            _ => features,
        }
    }
}
