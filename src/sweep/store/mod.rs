//! The sweep directory: append-only segments with one writer each, and their readers.
//!
//! [`fs`] alone writes files. [`segment`] writes what a worker has to say, [`read`] and
//! [`merge`] turn the set of all segments into one answer, whatever the order in which they
//! are met. Nothing here decides by a clock or by a file's time.
pub mod adopt;
pub mod checkpoint;
pub mod confusion;
pub mod curves;
pub mod ends;
pub mod error;
pub mod fs;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
pub mod layout;
pub(crate) mod line;
pub mod manifest;
pub mod merge;
mod metric;
pub mod opening;
mod parse;
pub mod patience;
pub mod read;
pub mod record;
pub mod segment;
pub mod tasks;
pub mod trust;
pub(crate) mod versioned;
pub mod weights;

pub use error::StoreError;
pub use line::{Damage, DamageKind};
pub use metric::{MetricId, MetricNames};

#[cfg(test)]
mod tests;
