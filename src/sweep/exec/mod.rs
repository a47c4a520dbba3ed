//! Puts slices to work: on this machine now, and what a worker needs to be fed with them.
pub mod claim;
mod death;
pub mod feed;
pub mod gpus;
pub mod local;
pub mod metrics;
pub mod orphans;
pub mod program;
pub mod ranks;
pub mod saved;
pub mod slurm;
pub mod usage;
