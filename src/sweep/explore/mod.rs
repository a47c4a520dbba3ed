//! What is in a data set: shapes, classes, ranges, what is missing, odd or double. Pure: from
//! samples to a description, and from that to text, JSON or one HTML page. Rows and files that
//! are sealed as the test set are not looked at.
mod column;
mod html;
mod picture;
mod terminal;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde::Serialize;

use crate::dataset::images::Images;
use crate::dataset::table::{Missing, Options, Shown, Table, Target, Values};
pub use column::{Feature, Pair};
pub use html::page;
pub use picture::Picture;
pub(crate) use picture::picture;
pub use terminal::text;

/// Version of the JSON.
pub const SCHEMA: u32 = 1;
/// Example images a data set.
const PICTURES: usize = 20;
/// Distinct whole numbers of a target at most, for it to be taken for classes.
const CLASSES: usize = 50;

/// What is in a data set.
#[derive(Debug, Clone, Serialize)]
pub struct Exploration {
    /// Version of this form.
    pub schema: u32,
    /// Its name, or its file's.
    pub name: String,
    /// `images` or `table`.
    pub kind: &'static str,
    /// Samples looked at.
    pub samples: u64,
    /// Rows of a table that may be sealed as the test set, and are not looked at.
    pub sealed: u64,
    /// Shape of a sample.
    pub shape: Vec<usize>,
    /// Name of the target, of a table that has one.
    pub target: Option<String>,
    /// Each class with its samples; empty where the target is a number or unknown.
    pub classes: Vec<Class>,
    /// Columns of a table; channels of images.
    pub features: Vec<Feature>,
    /// Pairs of columns that say nearly the same, the nearest first.
    pub pairs: Vec<Pair>,
    /// Samples that are a copy of one before.
    pub duplicates: u64,
    /// What a person should know, in words.
    pub notes: Vec<String>,
    /// Some images.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its samples.
    pub samples: u64,
    /// The weight that makes up for its size: samples / (classes × its samples).
    pub weight: f64,
}

fn classes(labels: impl Iterator<Item = usize>, names: Vec<String>) -> Vec<Class> {
    let mut counts = vec![0u64; names.len()];
    labels.for_each(|label| counts[label] += 1);
    let total = float(counts.iter().sum());
    let each = total / float(names.len() as u64);
    let weight = |n: u64| if n == 0 { 0.0 } else { each / float(n) };
    let class = |(name, samples)| Class { name, samples, weight: weight(samples) };
    names.into_iter().zip(counts).map(class).collect()
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 samples")]
const fn float(n: u64) -> f64 {
    n as f64
}

fn duplicates<T: Eq + std::hash::Hash>(samples: impl Iterator<Item = T>) -> u64 {
    let mut seen = HashSet::new();
    samples.map(|sample| u64::from(!seen.insert(sample))).sum()
}

/// Looks at images; `names` are those of the classes, if they have any.
#[must_use]
pub fn images(name: &str, images: &Images, names: &[&str]) -> Exploration {
    let size = images.features();
    let plain = || (0..images.classes).map(|c| c.to_string()).collect();
    let names: Vec<String> =
        if names.is_empty() { plain() } else { names.iter().map(|n| (*n).to_owned()).collect() };
    let classes = classes(images.labels.iter().map(|&l| usize::from(l)), names);
    let channels: &[&str] =
        if images.shape[0] == 3 { &["red", "green", "blue"] } else { &["grey"] };
    let plane = images.shape[1] * images.shape[2];
    let features = channels.iter().enumerate().map(|(c, name)| {
        let mut counts = [0u64; 256];
        for image in images.pixels.chunks_exact(size) {
            image[c * plane..][..plane].iter().for_each(|&b| counts[usize::from(b)] += 1);
        }
        column::of_bytes(name, &counts)
    });
    let features = features.collect();
    let hash = |image: &[u8]| -> [u8; 32] { *blake3::hash(image).as_bytes() };
    let duplicates = duplicates(images.pixels.chunks_exact(size).map(hash));
    let mut found = Exploration {
        schema: SCHEMA,
        name: name.to_owned(),
        kind: "images",
        samples: images.labels.len() as u64,
        sealed: 0,
        shape: images.shape.to_vec(),
        target: None,
        pictures: picture::examples(images, &classes, PICTURES),
        classes,
        features,
        pairs: Vec::new(),
        duplicates,
        notes: vec!["the files of the test set are not opened".to_owned()],
    };
    found.remark();
    found
}

/// Looks at a table: where the target is known at the rows that no way to learn it seals, else at
/// all. `numbers`, where that is known too, says whether the target is a number and not a class.
#[must_use]
pub fn table(
    name: &str,
    table: &Table,
    options: &Options,
    numbers: Option<bool>,
    names: &[&str],
) -> Exploration {
    let wanted = options.target.as_ref();
    let target = wanted.and_then(|name| table.columns.iter().position(|c| c.name == *name));
    let mut notes = Vec::new();
    let shown = target.and_then(|place| shown(table, place, options, numbers, &mut notes));
    let rows = match (&shown, target) {
        (Some(shown), _) => shown.rows.clone(),
        (None, Some(_)) => Vec::new(),
        (None, None) => (0..table.rows).collect(),
    };
    let learnt = shown.as_ref().map(|shown| &shown.target);
    let found_classes = match learnt {
        Some(Target::Classes { labels, names: own }) => {
            let given = names.len() == own.len();
            let names =
                if given { names.iter().map(|n| (*n).to_owned()).collect() } else { own.clone() };
            classes(labels.iter().filter_map(|&l| usize::try_from(l).ok()), names)
        }
        _ => Vec::new(),
    };
    let inputs: Vec<_> = (table.columns.iter().enumerate())
        .filter(|(i, _)| Some(*i) != target)
        .map(|(_, c)| c)
        .collect();
    let features: Vec<Feature> =
        inputs.iter().map(|column| column::of_column(column, &rows, learnt)).collect();
    let key =
        |&row: &usize| -> Vec<u64> { table.columns.iter().map(|c| column::bits(c, row)).collect() };
    let mut found = Exploration {
        schema: SCHEMA,
        name: name.to_owned(),
        kind: "table",
        samples: rows.len() as u64,
        sealed: shown.as_ref().map_or(0, |shown| shown.sealed as u64),
        shape: vec![inputs.len()],
        target: target.map(|place| table.columns[place].name.clone()),
        classes: found_classes,
        pairs: column::pairs(&inputs, &rows),
        features,
        duplicates: duplicates(rows.iter().map(key)),
        notes,
        pictures: Vec::new(),
    };
    found.remark();
    found
}

/// The rows that may be looked at, with what stands out of them; nothing where none may.
fn shown(
    table: &Table,
    target: usize,
    options: &Options,
    numbers: Option<bool>,
    notes: &mut Vec<String>,
) -> Option<Shown> {
    let column = &table.columns[target];
    let likely = numbers.unwrap_or_else(|| is_number(&column.values));
    let ways = if numbers.is_some() { vec![likely] } else { vec![likely, !likely] };
    let mean = Options { missing: Missing::Mean, ..options.clone() };
    if let Err(error) = table.samples(&mean, likely) {
        notes.push(format!("can't be learnt from as it is: {error}; {}", error.hint()));
    }
    let Ok(shown) = table.shown(target, options.test, &ways) else {
        notes.push(format!(
            "no row is looked at: where `{}` can't be learnt, nothing tells which rows are sealed; \
             is it the right column?",
            column.name
        ));
        return None;
    };
    if shown.differ {
        let fact = "which rows are sealed depends on `task` and `missing`: what one of them seals";
        notes.push(format!("{fact} counts as sealed here"));
    }
    Some(shown)
}

/// Whether a target is to be learnt as a number: it has fractions or very many values.
fn is_number(values: &Values) -> bool {
    let Values::Numbers(numbers) = values else { return false };
    let mut distinct = HashSet::new();
    numbers.iter().filter(|x| !x.is_nan()).any(|x| {
        distinct.insert((x + 0.0).to_bits());
        x.fract() != 0.0 || distinct.len() > CLASSES
    })
}

impl Exploration {
    /// Says in words what stands out.
    fn remark(&mut self) {
        if self.sealed > 0 {
            let (sealed, all) = (self.sealed, self.sealed + self.samples);
            self.notes.push(format!(
                "{sealed} of {all} rows are sealed as the test set and not looked at"
            ));
        }
        let sizes = || self.classes.iter().map(|c| c.samples);
        if let (Some(least), Some(most)) = (sizes().min(), sizes().max())
            && most > 3 * least.max(1)
        {
            self.notes.push(format!(
                "unbalanced: the largest class has {most} samples, the smallest {least}"
            ));
        }
        let list = |by: &dyn Fn(&Feature) -> bool| {
            let names: Vec<&str> =
                self.features.iter().filter(|f| by(f)).map(|f| f.name.as_str()).collect();
            (!names.is_empty()).then(|| (names.len(), names[..names.len().min(5)].join("`, `")))
        };
        let constant = list(&|f| f.distinct <= 1 && self.samples > 0);
        let holes = list(&|f| f.missing > 0);
        let say = |found: Option<(usize, String)>, what: &str| {
            found.map(|(n, names)| {
                format!("{n} {}: `{names}`{}", what, if n > 5 { " and more" } else { "" })
            })
        };
        self.notes.extend(say(constant, "constant, so they say nothing"));
        self.notes.extend(say(holes, "with missing values"));
    }
}
