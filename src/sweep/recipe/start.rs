//! What a run's weights start as, and which of them stand still.
use super::{Activation, Model, Net, SettingError, Settings};

/// Where a run starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// A safetensors file with the weights to begin with.
    pub from: Option<String>,
    /// Parameters that are drawn all the same: names, or what they begin with up to a dot.
    pub skip: Vec<String>,
    /// Parameters that are not trained, likewise.
    pub freeze: Vec<String>,
}

impl Start {
    pub(super) fn of(s: &Settings) -> Self {
        let list = |path| s.at(path).as_text().map(split).unwrap_or_default();
        Self {
            from: s.at("init_from").as_text().map(str::to_owned),
            skip: list("init_skip"),
            freeze: list("freeze"),
        }
    }

    /// What is wrong with it, for a model.
    pub(super) fn conflict(&self, model: &Model) -> Option<SettingError> {
        if self.from.is_none() && !self.skip.is_empty() {
            let fact = "`init_skip` leaves nothing out without `init_from`";
            return Some(SettingError::Conflict { path: "init_skip", fact: fact.into() });
        }
        let names = model.parameter_names()?;
        for (path, prefixes) in [("freeze", &self.freeze), ("init_skip", &self.skip)] {
            let idle = |prefix: &&String| !names.iter().any(|name| is_below(name, prefix));
            if let Some(found) = prefixes.iter().find(idle) {
                let what = "no parameter of this model, nor what one's name begins with".into();
                return Some(SettingError::Unknown {
                    path,
                    found: found.clone(),
                    what,
                    known: layers(&names),
                });
            }
        }
        let trained = |name: &&String| {
            !name.ends_with(".norm.mean")
                && !name.ends_with(".norm.variance")
                && !is_any(name, &self.freeze)
        };
        (!names.iter().any(|name| trained(&name))).then(|| SettingError::Conflict {
            path: "freeze",
            fact: "`freeze` leaves nothing of the model to be trained".into(),
        })
    }
}

/// Whether a parameter is meant by one of these: its name, or what it begins with up to a dot.
#[must_use]
pub fn is_any(name: &str, prefixes: &[String]) -> bool {
    prefixes.iter().any(|prefix| is_below(name, prefix))
}

fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Words with commas between.
fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The layers that parameters belong to.
fn layers(names: &[String]) -> Vec<String> {
    let layer = |name: &String| name.strip_suffix(".weight").map(str::to_owned);
    names.iter().filter_map(layer).filter(|name| !name.ends_with(".norm")).collect()
}

impl Model {
    /// The names of all its parameters, running statistics included, in the order in which the
    /// trainer declares them; nothing for a kind whose names only the trainer knows.
    #[must_use]
    pub fn parameter_names(&self) -> Option<Vec<String>> {
        let mut names = Names { slopes: self.activation == Activation::Prelu, all: Vec::new() };
        if let Net::Linear = self.net {
            names.outer("layers.0");
        } else if let Net::Perceptron = self.net {
            names.outer("layers.0");
            names.slope("layers.0");
        } else if let Net::Mlp { layers, batch_norm, .. } = self.net {
            names.dense(layers, batch_norm);
        } else if let Net::Cnn { blocks, convolutions, layers, batch_norm, .. } = self.net {
            for block in 0..blocks {
                for i in 0..convolutions {
                    names.hidden(&format!("blocks.{block}.{i}"), batch_norm);
                }
            }
            names.dense(layers, batch_norm);
        } else if let Net::Resnet { stages, blocks, .. } = self.net {
            names.residual(stages, blocks);
        } else {
            return None;
        }
        Some(names.all)
    }
}

/// Collects names.
struct Names {
    /// Whether each activation has a slope.
    slopes: bool,
    all: Vec<String>,
}

impl Names {
    fn add(&mut self, layer: &str, parts: &[&str]) {
        self.all.extend(parts.iter().map(|part| format!("{layer}.{part}")));
    }

    fn outer(&mut self, layer: &str) {
        self.add(layer, &["weight", "bias"]);
    }

    fn slope(&mut self, layer: &str) {
        if self.slopes {
            self.add(layer, &["slope"]);
        }
    }

    fn normed(&mut self, layer: &str) {
        let norm = ["norm.weight", "norm.bias", "norm.mean", "norm.variance"];
        self.add(layer, &["weight"]);
        self.add(layer, &norm);
    }

    fn hidden(&mut self, layer: &str, norm: bool) {
        if norm {
            self.normed(layer)
        } else {
            self.outer(layer)
        }
        self.slope(layer);
    }

    fn dense(&mut self, layers: u32, norm: bool) {
        for layer in 0..layers {
            self.hidden(&format!("layers.{layer}"), norm);
        }
        self.outer(&format!("layers.{layers}"));
    }

    fn residual(&mut self, stages: u32, blocks: u32) {
        self.hidden("first", true);
        for stage in 0..stages {
            for block in 0..blocks {
                let name = format!("stages.{stage}.{block}");
                self.hidden(&format!("{name}.0"), true);
                self.normed(&format!("{name}.1"));
                if stage > 0 && block == 0 {
                    self.normed(&format!("{name}.short"));
                }
                self.slope(&format!("{name}.1"));
            }
        }
        self.outer("last");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_by_itself_and_by_what_it_begins_with_up_to_a_dot() {
        for (prefix, expected) in [
            ("layers.1", true),
            ("layers", true),
            ("layers.1.weight", true),
            ("layer", false),
            ("layers.1.w", false),
            ("layers.10", false),
        ] {
            assert_eq!(is_any("layers.1.weight", &[prefix.into()]), expected, "{prefix}");
        }
        assert_eq!(split(" a.b,c , ,"), ["a.b", "c"]);
    }
}
