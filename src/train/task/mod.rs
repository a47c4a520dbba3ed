//! The tasks: each ties a model to data, a loss and metrics.
pub mod classify;
pub mod score;
mod tally;
