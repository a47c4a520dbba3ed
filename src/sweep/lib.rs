//! The half of dlgrid that needs no tensor: from the YAML spec to the leaderboard.
//!
//! It knows no tensor and no device. It meets the training half in [`recipe`], [`trial`] and
//! [`store`], nowhere else. Nothing here prints: rendering returns text.
pub mod dataset;
pub mod exec;
pub mod doctor;
pub mod exit;
pub mod host;
pub mod plan;
pub mod recipe;
pub mod space;
pub mod spec;
pub mod slice;
pub mod sweep;
pub mod store;
pub mod trial;
pub mod find;
pub mod judge;
pub mod report;
