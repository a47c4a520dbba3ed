//! What keeps a model from overfitting, and whether the model has anything to drop.
use super::train::number;
use super::{Model, Net, Settings};

/// What keeps a model from overfitting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regularize {
    /// Weight of Σ|w|.
    pub l1: f64,
    /// Weight of Σw².
    pub l2: f64,
    /// Share of the outputs of hidden dense layers, or of pooled features, that is dropped in a
    /// training step, in [0, 1).
    pub dropout: f64,
}

impl Regularize {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            l1: number(settings, "regularize.l1"),
            l2: number(settings, "regularize.l2"),
            dropout: number(settings, "regularize.dropout"),
        }
    }

    /// Where dropout reaches no layer of the model, if it does not: in words, and the condition on
    /// which it reaches some.
    #[must_use]
    pub fn idle_dropout(&self, model: &Model) -> Option<(String, &'static str)> {
        if self.dropout == 0.0 {
            return None;
        }
        match model.net {
            Net::Linear | Net::Perceptron => Some((
                format!("`model.kind` is `{}`", model.net.name()),
                "model.kind not in ['linear', 'perceptron']",
            )),
            Net::Mlp { layers: 0, .. }
            | Net::Cnn { layers: 0, .. }
            | Net::Vgg { layers: 0, .. }
            | Net::Alexnet { layers: 0, .. } => {
                Some(("`model.layers` is `0`".to_owned(), "model.layers > 0"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Recipe, Value, key};
    use super::*;

    #[test]
    fn dropout_is_idle_where_it_reaches_no_layer() {
        for (kind, layers, dropout, told) in [
            ("linear", None, 0.2, Some("`model.kind` is `linear`")),
            ("perceptron", None, 0.2, Some("`model.kind` is `perceptron`")),
            ("linear", None, 0.0, None),
            ("mlp", Some(0), 0.2, Some("`model.layers` is `0`")),
            ("mlp", Some(0), 0.0, None),
            ("mlp", Some(1), 0.2, None),
            ("cnn", Some(0), 0.2, Some("`model.layers` is `0`")),
            ("cnn", Some(1), 0.2, None),
            ("vgg", Some(0), 0.2, Some("`model.layers` is `0`")),
            ("alexnet", Some(0), 0.2, Some("`model.layers` is `0`")),
            ("resnet", None, 0.2, None),
            ("googlenet", None, 0.2, None),
        ] {
            let mut settings = Settings::default();
            let mut set = |path: &str, value| settings.set(key::find(path).expect(path), value);
            set("data.set", Value::Text("cifar-10".into()));
            set("model.kind", Value::Text(kind.into()));
            set("regularize.dropout", Value::Float(dropout));
            layers.into_iter().for_each(|n| set("model.layers", Value::Int(n)));
            let recipe = Recipe::new(&settings).expect("a recipe");
            let said = recipe.regularize.idle_dropout(&recipe.model);
            assert_eq!(said.map(|(said, _)| said).as_deref(), told, "{kind} {layers:?}");
        }
    }
}
