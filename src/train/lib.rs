//! The half of dlgrid that needs tch: what turns a recipe and data into metrics.
//!
//! It knows no scheduler and no spec. [`engine`] holds the one training loop, [`model`] what
//! learns, [`data`] what is learnt from, [`task`] what ties the three together. It meets the
//! other half in the recipe and in the records of a segment.
pub mod data;
pub mod device;
pub mod engine;
pub mod fused;
pub mod model;
pub mod overfit;
pub mod parameters;
pub mod random;
pub mod ranks;
mod raw;
pub mod run;
mod side_by_side;
pub mod task;

/// The tensor library that all this stands on.
pub use tch;

/// The version of libtorch that [`tch`] is made for, and refuses to be built against another.
pub const LIBTORCH: &str = "2.11.0";
