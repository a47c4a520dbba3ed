//! What differs between two specs, setting by setting.
use crate::recipe::{Value, key};
use crate::space::{Base, Space};
use crate::spec::Spec;

/// Points of a space that are looked at for the values of its parameters.
const POINTS: usize = 10_000;

/// A setting that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// The setting: a path of the recipe, or a key of the spec.
    pub setting: String,
    /// What it is in each; nothing where it is not there.
    pub values: [Option<String>; 2],
}

/// What differs between two specs, in the order of the settings: of the recipe, the parameters, and
/// what decides the runs and their ranks. What is asked of Slurm trains nothing else, and is left out.
#[must_use]
pub fn differences(specs: [&Spec; 2]) -> Vec<Differs> {
    let mut found = recipes(specs.map(|spec| spec.space.base()), specs.map(|spec| &spec.space));
    let mut other = |setting: &str, of: &dyn Fn(&Spec) -> Option<String>| {
        found.extend(differing(setting, specs.map(of)));
    };
    other("seeds", &|spec| Some(list(spec.seeds.iter().map(ToString::to_string).collect())));
    other("folds", &|spec| spec.folds.map(|folds| folds.to_string()));
    other("objective", &|spec| Some(spec.objective.to_string()));
    other("short.epochs", &|spec| spec.short.as_ref().map(|short| short.epochs.to_string()));
    found
}

fn differing(setting: &str, values: [Option<String>; 2]) -> Option<Differs> {
    (values[0] != values[1]).then(|| Differs { setting: setting.to_owned(), values })
}

fn recipes(bases: [&Base; 2], spaces: [&Space; 2]) -> Vec<Differs> {
    let mut settings: Vec<String> = key::KEYS.iter().map(|key| key.path.to_owned()).collect();
    for path in spaces.iter().flat_map(|space| space.paths()) {
        if !settings.contains(path) {
            settings.push(path.clone());
        }
    }
    let varied = spaces.map(values);
    let value = |side: usize, path: &str| {
        let place = spaces[side].paths().iter().position(|p| p == path);
        match place {
            Some(place) => Some(varied[side][place].clone()),
            None => fixed(bases[side], path).map(|value| value.to_string()),
        }
    };
    let command = bases.map(|base| match base {
        Base::Command(words) => Some(words.join(" ")),
        Base::Train(_) => None,
    });
    let one = |path: &String| differing(path, [value(0, path), value(1, path)]);
    differing("command", command).into_iter().chain(settings.iter().filter_map(one)).collect()
}

/// What a setting is where it does not vary; nothing where it does not apply.
#[must_use]
pub fn fixed(base: &Base, path: &str) -> Option<Value> {
    let Base::Train(settings) = base else { return None };
    let place = key::find(path)?;
    let applies = settings.applies(&key::KEYS[place]);
    applies.then(|| settings.resolved(place)).filter(|value| *value != Value::Null)
}

/// Of each parameter, its values in words.
fn values(space: &Space) -> Vec<String> {
    let mut all: Vec<Vec<Value>> = vec![Vec::new(); space.paths().len()];
    for point in space.walk(0, space.points()).take(POINTS) {
        for (known, value) in all.iter_mut().zip(space.values(point).into_iter().flatten()) {
            if let Some(value) = value.filter(|value| !known.contains(value)) {
                known.push(value);
            }
        }
    }
    all.into_iter().map(in_words).collect()
}

fn in_words(mut values: Vec<Value>) -> String {
    if values.iter().all(|v| v.as_f64().is_some()) {
        values.sort_by(|a, b| a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)));
        if let ([first, .., last], 5..) = (&values[..], values.len()) {
            return format!("{} values, {first} to {last}", values.len());
        }
    }
    list(values.iter().map(ToString::to_string).collect())
}

fn list(words: Vec<String>) -> String {
    match &words[..] {
        [first, second, _, _, .., last] if words.len() > 6 => {
            format!("{} values: {first}, {second}, … {last}", words.len())
        }
        _ => words.join(", "),
    }
}
