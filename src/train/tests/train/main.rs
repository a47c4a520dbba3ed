//! The training half as a library: what it computes, against oracles and against itself.
mod augment;
mod folds;
mod fused;
mod fused_device;
mod fused_judged;
mod optimizers;
mod penalties;
mod quality;
mod resume;
mod runs;
mod sanity;
mod sets;
mod starts;
mod steps;
mod support;
mod tasks;
