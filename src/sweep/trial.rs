//! Identity: what a trial and a run are called, wherever and whenever they are expanded.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::recipe::{Fold, RECIPE_SCHEMA, Work};

/// A run's identity: a hash of exactly its recipe, seed and fold, plus a schema number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId([u8; 16]);

/// A trial's identity: a hash of exactly its recipe, plus a schema number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrialId([u8; 16]);

/// One training of a trial: what an attempt works on and a segment records the end of.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its place in the sweep (see `Space`): seed-major, so that the first seed of every
    /// trial comes before the second of any, and likewise the folds of a seed.
    pub index: u64,
    /// The point of the space that it trains.
    pub point: u64,
    /// Its seed.
    pub seed: u64,
    /// Its fold, where the sweep has folds.
    pub fold: Option<Fold>,
    /// Its identity.
    pub id: RunId,
    /// What is to be done.
    pub work: Work,
}

impl TrialId {
    /// The identity of the trial with this work.
    #[must_use]
    pub fn of(work: &Work) -> Self {
        Self(digest("trial", &work.canonical(), &[]))
    }

    /// The first eight hex digits: what people see and type.
    #[must_use]
    pub fn short(&self) -> String {
        hex(&self.0[..4])
    }
}

impl RunId {
    /// The identity of the run of this work with this seed, and this fold if it has one.
    #[must_use]
    pub fn of(work: &Work, seed: u64, fold: Option<Fold>) -> Self {
        let mut rest = seed.to_le_bytes().to_vec();
        if let Some(Fold { number, of }) = fold {
            rest.extend([number.to_le_bytes(), of.to_le_bytes()].as_flattened());
        }
        Self(digest("run", &work.canonical(), &rest))
    }

    /// The same run on all training samples, judged on the test set.
    #[must_use]
    pub fn finishing(self) -> Self {
        Self(digest("finish", "", &self.0))
    }

    /// The first eight hex digits: what people see and type.
    #[must_use]
    pub fn short(&self) -> String {
        hex(&self.0[..4])
    }

    /// The bytes, for deriving from.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn digest(kind: &str, canonical: &str, rest: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes());
    hasher.update(&RECIPE_SCHEMA.to_le_bytes());
    hasher.update(&(canonical.len() as u64).to_le_bytes());
    hasher.update(canonical.as_bytes());
    hasher.update(rest);
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    id
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(out, "{byte:02x}").expect("writing to a string cannot fail");
    }
    out
}

/// Text that is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not 32 hex digits")]
pub struct NotAnId(String);

fn parse(text: &str) -> Result<[u8; 16], NotAnId> {
    let wrong = || NotAnId(text.to_owned());
    if text.len() != 32 || !text.is_ascii() {
        return Err(wrong());
    }
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(pair[0]).ok_or_else(wrong)? << 4 | digit(pair[1]).ok_or_else(wrong)?;
    }
    Ok(id)
}

macro_rules! identity {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text).map(Self)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
identity!(RunId);
identity!(TrialId);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Settings, Value, key};

    fn work(lr: Value) -> Work {
        let mut settings = Settings::default();
        settings.set(key::find("data.set").expect("key"), Value::Text("mnist".into()));
        settings.set(key::find("optimizer.lr").expect("key"), lr);
        Work::Train(Box::new(settings))
    }

    /// These ids stand in people's sweep directories: they may never change.
    #[test]
    fn ids_are_what_they_were() {
        let work = work(Value::Float(0.003));
        assert_eq!(RunId::of(&work, 1, None).to_string(), RunId::of(&work, 1, None).to_string());
        insta::assert_snapshot!(RunId::of(&work, 1, None));
        insta::assert_snapshot!(TrialId::of(&work));
    }

    #[test]
    fn spelling_does_not_matter_and_the_seed_does() {
        assert_eq!(
            RunId::of(&work(Value::Int(1)), 1, None),
            RunId::of(&work(Value::Float(1.0)), 1, None)
        );
        assert_ne!(
            RunId::of(&work(Value::Int(1)), 1, None),
            RunId::of(&work(Value::Int(1)), 2, None)
        );
    }

    #[test]
    fn the_fold_and_the_number_of_folds_matter() {
        let work = work(Value::Int(1));
        let id = |number, of| RunId::of(&work, 1, Some(Fold { number, of }));
        let mut ids = vec![RunId::of(&work, 1, None), id(1, 2), id(2, 2), id(1, 3), id(3, 1)];
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 5);
        assert_eq!(id(2, 3), id(2, 3));
    }

    #[test]
    fn ids_read_back() {
        let id = RunId::of(&work(Value::Int(1)), 1, None);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("xyz".parse::<RunId>().is_err());
    }
}
