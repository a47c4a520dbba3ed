//! Tests on a real Slurm, which `slurm/testcluster` starts on this host. Where it can't be: `skipped: why`.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

#[path = "slurm/answers.rs"]
mod answers;
#[path = "slurm/around.rs"]
mod around;
#[path = "support/blobs.rs"]
mod blobs;
#[path = "slurm/chaos/mod.rs"]
mod chaos;
#[path = "slurm/cluster.rs"]
mod cluster;
#[path = "slurm/death.rs"]
mod death;
#[path = "support/draw.rs"]
mod draw;
#[path = "slurm/hostile.rs"]
mod hostile;
#[path = "slurm/interrupted.rs"]
mod interrupted;
#[path = "slurm/jobs.rs"]
mod jobs;
#[path = "slurm/killed.rs"]
mod killed;
#[path = "slurm/later.rs"]
mod later;
#[path = "slurm/limits.rs"]
mod limits;
#[path = "slurm/lives.rs"]
mod lives;
#[expect(dead_code, reason = "the other test programs use the rest")]
#[path = "support/mpi.rs"]
mod mpi;
#[path = "slurm/place.rs"]
mod place;
#[path = "slurm/ranks.rs"]
mod ranks;
#[path = "slurm/sites.rs"]
mod sites;
#[path = "slurm/stages.rs"]
mod stages;
#[expect(dead_code, reason = "the other test programs use the rest")]
mod support;
#[path = "slurm/testcluster.rs"]
mod testcluster;
#[path = "slurm/training.rs"]
mod training;
#[path = "slurm/watching.rs"]
mod watching;
