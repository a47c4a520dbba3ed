//! Tests of the whole program: real processes, real files, whole streams compared.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

#[path = "integration/architecture.rs"]
mod architecture;
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "only trainings have results"))]
#[path = "support/blobs.rs"]
mod blobs;
#[path = "support/browser.rs"]
mod browser;
#[path = "support/cifar.rs"]
mod cifar;
#[path = "support/draw.rs"]
mod draw;
#[path = "integration/experiments.rs"]
mod experiments;
#[path = "integration/export.rs"]
mod export;
#[path = "integration/faults.rs"]
mod faults;
#[cfg(feature = "torch")]
#[path = "integration/finish.rs"]
mod finish;
#[path = "integration/fsck.rs"]
mod fsck;
#[path = "integration/hostile.rs"]
mod hostile;
#[path = "integration/life.rs"]
mod life;
#[cfg(feature = "torch")]
#[path = "support/mpi.rs"]
mod mpi;
#[path = "integration/page.rs"]
mod page;
#[cfg(feature = "torch")]
#[path = "integration/ranks.rs"]
mod ranks;
#[path = "integration/reading.rs"]
mod reading;
#[cfg(feature = "torch")]
#[path = "integration/sanity.rs"]
mod sanity;
#[path = "integration/seeing.rs"]
mod seeing;
#[path = "integration/stages.rs"]
mod stages;
#[path = "integration/storms.rs"]
mod storms;
#[path = "integration/watching.rs"]
mod watching;
#[cfg(feature = "torch")]
#[path = "integration/worker.rs"]
mod worker;
