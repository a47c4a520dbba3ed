//! Runs a sweep as Slurm job arrays: one task a slice, each slice in the queue once.
//!
//! [`submit`] decides and acts by way of [`call`], which alone starts Slurm's programs;
//! [`parse`] reads what they say, [`state`] what it means for a slice, [`script`] is what they
//! are told. [`ledger`] is what the sweep directory knows of it, [`task`] the other end: an
//! array task that looks for its slice.
pub mod call;
pub mod error;
pub mod install;
pub mod lanes;
pub mod ledger;
pub mod bad_nodes;
pub mod parse;
pub mod preflight;
pub mod ranges;
pub mod script;
pub mod state;
pub mod submit;
pub mod task;

pub use error::SlurmError;
