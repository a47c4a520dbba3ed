//! What keeps a model from overfitting, and whether the model has anything to drop.
use super::train::number;
use super::{Model, Net, SettingError, Settings};

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

    /// A dropout that reaches no layer of the model.
    pub(super) fn conflict(&self, model: &Model) -> Option<SettingError> {
        let share = self.dropout;
        let without = without_hidden(model.net).filter(|_| share > 0.0)?;
        Some(SettingError::Conflict {
            path: "regularize.dropout",
            fact: format!(
                "`regularize.dropout: {share}` drops outputs of hidden dense layers, and {without} \
                 has none"
            ),
        })
    }
}

/// What has neither a hidden dense layer nor pooled features, in words.
fn without_hidden(net: Net) -> Option<String> {
    let kind = net.name();
    match net {
        Net::Linear | Net::Perceptron => Some(format!("`model.kind: {kind}`")),
        Net::Mlp { layers: 0, .. }
        | Net::Cnn { layers: 0, .. }
        | Net::Vgg { layers: 0, .. }
        | Net::Alexnet { layers: 0, .. } => {
            Some(format!("`model.layers: 0` of `model.kind: {kind}`"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Recipe, Value, key};
    use super::*;

    #[test]
    fn dropout_is_refused_where_it_reaches_no_layer() {
        for (kind, layers, dropout, told) in [
            ("linear", None, 0.2, Some("`model.kind: linear` has none")),
            ("perceptron", None, 0.2, Some("`model.kind: perceptron` has none")),
            ("linear", None, 0.0, None),
            ("mlp", Some(0), 0.2, Some("`model.layers: 0` of `model.kind: mlp` has none")),
            ("mlp", Some(0), 0.0, None),
            ("mlp", Some(1), 0.2, None),
            ("cnn", Some(0), 0.2, Some("`model.layers: 0` of `model.kind: cnn` has none")),
            ("cnn", Some(1), 0.2, None),
            ("vgg", Some(0), 0.2, Some("`model.kind: vgg` has none")),
            ("alexnet", Some(0), 0.2, Some("`model.kind: alexnet` has none")),
            ("resnet", None, 0.2, None),
            ("googlenet", None, 0.2, None),
        ] {
            let mut settings = Settings::default();
            let mut set = |path: &str, value| settings.set(key::find(path).expect(path), value);
            set("data.set", Value::Text("cifar-10".into()));
            set("model.kind", Value::Text(kind.into()));
            set("regularize.dropout", Value::Float(dropout));
            layers.into_iter().for_each(|n| set("model.layers", Value::Int(n)));
            let said = Recipe::new(&settings).err().unwrap_or_default();
            let said: Vec<String> = said.iter().map(ToString::to_string).collect();
            assert_eq!(said.len(), usize::from(told.is_some()), "{kind} {layers:?}: {said:?}");
            assert!(said.iter().all(|s| s.ends_with(told.unwrap_or_default())), "{said:?}");
        }
    }
}
