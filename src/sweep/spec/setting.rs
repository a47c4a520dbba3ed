//! One setting of a recipe: its value as the spec writes it, and what to say of one that is none.
use super::mistake::{Mistake, did_you_mean, nearest, suggestion};
use super::section::{Mistakes, ticked};
use super::yaml::{Entry, Node};
use crate::recipe::{Value, describe, key};

/// Takes a node as a value of a setting, or says why it isn't one.
pub(super) fn setting_value(key: &key::Key, node: &Node, mistakes: &mut Mistakes) -> Option<Value> {
    let value = node.value();
    let empty_allowed = key.preset == key::Preset::Fixed(key::Lit::Null);
    if let Some(value) = &value {
        if let Some(good) = key.kind.admit(value) {
            return Some(good);
        }
        if *value == Value::Null && empty_allowed {
            return Some(Value::Null);
        }
    }
    let found = value.as_ref().map_or_else(|| "a map".to_owned(), describe);
    let expected =
        value.as_ref().map_or_else(|| key.kind.expected(), |v| key.kind.expected_instead_of(v));
    let mistake = Mistake::new(
        node.span.clone(),
        format!("`{}` must be {expected}, got {found}", key.path),
        // A long list stands above already.
        if expected.len() > 60 {
            "not one of these".into()
        } else {
            format!("expected {expected}")
        },
    );
    mistakes.add(match setting_hint(key, value.as_ref(), node.plain.as_deref()) {
        Some(hint) => mistake.hint(hint),
        None => mistake,
    });
    None
}

/// The way out for a value that a setting does not take; `plain` is its text where no quotes
/// stand.
fn setting_hint(key: &key::Key, value: Option<&Value>, plain: Option<&str>) -> Option<String> {
    let text = value?.as_text();
    match (&key.kind, text) {
        (key::Kind::Choice(words), Some(text)) => {
            nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
        }
        (key::Kind::Int { .. } | key::Kind::Float { .. }, Some(text)) => {
            number_hint(text, plain.is_some())
        }
        (_, None)
            if matches!(value, Some(Value::List(_)))
                && !matches!(key.kind, key::Kind::Interval) =>
        {
            Some(format!("to vary it, move it to `parameters`: `{}: …`", key.path))
        }
        _ => None,
    }
}

/// How text that looks like a number becomes one.
fn number_hint(text: &str, is_plain: bool) -> Option<String> {
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    if !is_plain {
        return is_number(text).then(|| "remove the quotes".into());
    }
    // Zeros in front and `_` make it text: there is more than one way to read them.
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let digits = digits.replace('_', "");
    let bare = digits.trim_start_matches('0');
    let zero = if bare.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    let number = format!("{sign}{zero}{bare}");
    (number != text && is_number(&number)).then(|| format!("write `{number}`"))
}

/// Tells of a key that is no setting in a section of `train`, with the names that are near.
pub(super) fn unknown_setting(entry: &Entry, prefix: &str, what: &str, mistakes: &mut Mistakes) {
    let here: Vec<&str> = key::KEYS
        .iter()
        .filter_map(|k| {
            if prefix.is_empty() {
                Some(k.path)
            } else {
                k.path.strip_prefix(prefix)?.strip_prefix('.')
            }
        })
        .collect();
    let mut first: Vec<&str> = here.iter().map(|p| p.split('.').next().unwrap_or(p)).collect();
    first.dedup();
    let mistake = Mistake::new(
        entry.key_span.clone(),
        format!("unknown key `{}` in {what}", entry.key),
        "not a setting of a recipe",
    );
    let everywhere = key::KEYS.iter().map(|k| k.path);
    let hint = synonym(&entry.key)
        .map(|word| within(word, prefix))
        .or_else(|| suggestion(&entry.key, first.iter().copied()))
        .or_else(|| match key::find(&entry.key) {
            Some(place) => Some(within(key::KEYS[place].path, prefix)),
            None => suggestion(&entry.key, here.iter().copied()),
        })
        .or_else(|| nearest(&entry.key, everywhere).map(|word| within(word, prefix)));
    mistakes.add(match hint {
        Some(hint) => mistake.hint(hint),
        None => mistake.hint(format!("known are {}", ticked(&first))),
    });
}

/// A question after a setting, by the name that it has in a section of `train`.
fn within(path: &str, section: &str) -> String {
    if section.is_empty() {
        return did_you_mean(&[path]);
    }
    match path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) {
        Some(name) => did_you_mean(&[name]),
        None => format!("did you mean `{path}`, directly below `train`?"),
    }
}

/// Words of other tools that no distance between letters finds.
pub(super) fn synonym(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().replace('-', "_").as_str() {
        "learning_rate" | "lr" => "optimizer.lr",
        "num_epochs" | "n_epochs" | "max_epochs" => "epochs",
        "bs" | "batch" => "batch_size",
        "dataset" | "data_set" => "data.set",
        "hidden" | "hidden_size" | "units" | "hidden_units" => "model.width",
        "depth" | "num_layers" | "hidden_layers" => "model.layers",
        "wd" | "decay" => "optimizer.weight_decay",
        "opt" | "optim" => "optimizer",
        "momentum" => "optimizer.momentum",
        "crop" | "random_crop" | "translate" => "augment.shift",
        "hflip" | "horizontal_flip" => "augment.flip",
        "rotation" | "degrees" => "augment.rotate",
        "erase" | "random_erasing" => "augment.cutout",
        "regularization" | "regularisation" => "regularize",
        _ => return None,
    })
}
