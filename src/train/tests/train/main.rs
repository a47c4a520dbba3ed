//! The training half as a library: what it computes, against oracles and against itself.
mod optimizers;
mod penalties;
mod quality;
mod resume;
mod runs;
mod sets;
mod support;
mod tasks;
