//! Why a sweep can't be opened or created, with a way out.
use std::path::PathBuf;

use crate::spec::SpecErrors;
use crate::store::StoreError;

/// Why a sweep can't be opened or created.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The directory can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spec in the directory is no longer one that this dlgrid accepts.
    #[error("the spec in `{}` is not accepted by this version of dlgrid: {}", .0.display(), .1.first())]
    Spec(PathBuf, #[source] Box<SpecErrors>),
    /// Numbers of runs mean other runs to this dlgrid than to the one that wrote them down.
    #[error("`{}` numbers its runs in another order than this version of dlgrid", .0.display())]
    OtherOrder(PathBuf),
    /// The spec has another number of runs to this dlgrid than to the one that wrote it down.
    #[error(
        "`{}` was made with {made} runs, and to this version of dlgrid its spec has {here}",
        path.display()
    )]
    OtherRuns {
        /// The sweep.
        path: PathBuf,
        /// Runs that its manifest counts.
        made: u64,
        /// Runs of its spec.
        here: u64,
    },
    /// The spec in the directory is not the one that the sweep was created from.
    #[error("`{}` was changed after the sweep was created", .0.display())]
    Changed(PathBuf),
}

impl SweepError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Spec(..) => Some(
                "the version of dlgrid that made it reads its results; mended, the spec makes a sweep \
                 of its own"
                    .into(),
            ),
            Self::OtherOrder(_) | Self::OtherRuns { .. } => Some(
                "the version of dlgrid that made it reads its results and goes on with it; under \
                 another `name:` the spec makes a sweep of its own"
                    .into(),
            ),
            Self::Changed(_) => Some(
                "put the file back as it was; a changed spec is submitted as a sweep of its own"
                    .into(),
            ),
        }
    }
}
