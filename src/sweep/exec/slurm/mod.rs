//! Runs a sweep as Slurm job arrays: one task a slice, each slice in the queue once.
//!
//! [`request`] is what is asked for, [`settle`] what became of earlier submissions. [`submit`]
//! decides and acts by way of [`call`], which alone starts Slurm's programs;
//! [`parse`] reads what they say, [`state`] what it means for a slice, [`script`] is what they
//! are told. [`preflight`] looks at the cluster before anything is submitted ([`nodes`] and
//! [`gres`] read what it has); [`site`] is what a user wrote down of it. [`ledger`] is what the sweep directory knows of it, [`task`] the other end: an
//! array task that looks for its slice.
pub mod again;
pub mod backoff;
pub mod bad_nodes;
pub mod call;
pub mod cancel;
pub mod ending;
pub mod error;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
pub mod gres;
pub mod install;
pub mod lanes;
pub mod ledger;
pub mod nodes;
pub mod parse;
pub mod preflight;
pub mod ranges;
pub mod request;
pub mod rest;
pub mod script;
pub mod settle;
pub mod site;
pub mod state;
pub mod submit;
pub mod task;

pub use error::SlurmError;
