//! The data of a recipe: which set, what of it is held back, how it is scaled and encoded.
use super::train::{number, text};
use super::{Settings, Value};
use crate::dataset::table::{self, Encode, Missing};

/// The data of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Name of the data set.
    pub set: String,
    /// The user's own files: a CSV file, or a folder.
    pub path: Option<String>,
    /// Share of the training samples held back for validation, in (0, 1).
    pub valid: f64,
    /// The interval that bytes 0 to 255 are scaled to.
    pub scale: (f64, f64),
    /// Use only the first so many training samples.
    pub limit: Option<u64>,
    /// How a table is made into samples.
    pub table: table::Options,
}

impl Data {
    /// Training samples, if the catalogue knows them.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "data sets hold far fewer than 2^53 samples"
    )]
    pub(super) fn known_samples(&self) -> Option<u64> {
        let set = crate::dataset::find(&self.set).filter(|_| self.path.is_none())?;
        let open = 1.0 - self.table.test;
        let usual = !set.is_table() || self.table.test == table::Options::default().test;
        let drawn = ((set.train_samples + set.test_samples) as f64 * open).round() as u64;
        Some(if usual { set.train_samples } else { drawn })
    }
}

/// The set that settings name, and where the user's own files of it are, if they are the user's own.
pub(crate) fn place(s: &Settings) -> (String, Option<String>) {
    let set = text(s, "data.set");
    let own = crate::dataset::OWN.contains(&&*set);
    let path = s.at("data.path").as_text().filter(|_| own).map(str::to_owned);
    (set, path)
}

/// The data that settings without faults name.
pub(super) fn data(s: &Settings) -> Data {
    let scale = match s.at("data.scale") {
        Value::List(ends) => (
            ends.first().and_then(Value::as_f64).unwrap_or(0.0),
            ends.get(1).and_then(Value::as_f64).unwrap_or(1.0),
        ),
        _ => (0.0, 1.0),
    };
    let (set, path) = place(s);
    let optional = |path| s.at(path).as_text().map(str::to_owned);
    Data {
        path,
        table: table::Options {
            target: optional("data.target").filter(|_| set == "csv"),
            ignore: optional("data.ignore"),
            encode: match &*text(s, "data.encode") {
                "min_max" => Encode::MinMax,
                "none" => Encode::None,
                _ => Encode::Standard,
            },
            missing: match &*text(s, "data.missing") {
                "mean" => Missing::Mean,
                "drop" => Missing::Drop,
                _ => Missing::Refuse,
            },
            test: number(s, "data.test"),
        },
        set,
        valid: number(s, "data.valid"),
        scale,
        limit: s.at("data.limit").as_i64().and_then(|n| u64::try_from(n).ok()),
    }
}
