//! The half of dlgrid that needs no tensor: from the YAML spec to the leaderboard.
//!
//! It knows no tensor and no device. It meets the training half in [`recipe`], [`trial`] and
//! [`store`], nowhere else. Nothing here prints: rendering returns text.
pub mod cohort;
pub mod dataset;
pub mod doctor;
mod draw;
pub mod exec;
pub mod exit;
pub mod explore;
pub mod export;
pub mod family;
pub mod file_system;
pub mod find;
pub mod fsck;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod host;
pub mod html;
pub mod judge;
mod mutant;
pub mod orders;
pub mod pack;
pub mod plan;
pub mod recipe;
pub mod report;
pub mod sanity;
#[cfg(test)]
mod simulated;
pub mod slice;
pub mod space;
pub mod spec;
pub mod stage;
pub mod store;
pub mod sweep;
pub mod terminal;
pub mod text;
pub mod trial;
