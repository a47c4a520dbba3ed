//! What a run's end and an error come to in records and words.
use dlgrid_sweep::host;
use dlgrid_sweep::store::StoreError;
use dlgrid_sweep::store::record::{End, Outcome};
use dlgrid_sweep::trial::Run;
use dlgrid_train::engine::Ending;
use dlgrid_train::run::Trained;

/// The end of a trained run.
pub fn ended(run: &Run, trained: Trained) -> End {
    let (outcome, why) = match trained.ending {
        Ending::Diverged { why } => (Outcome::Diverged, Some(why)),
        Ending::Done | Ending::Stopped { .. } => (Outcome::Done, None),
    };
    let mut metrics = trained.metrics;
    metrics.extend(trained.floors);
    End {
        outcome,
        why,
        epochs: trained.epochs,
        metrics,
        best: trained.best,
        seconds: trained.seconds,
        samples_per_s: trained.samples_per_s,
        confusion: trained.confusion,
        mistakes: trained.mistakes,
        weights: Some(trained.weights),
        ..failed(run, String::new())
    }
}

/// The end of a run that could not be trained.
pub fn failed(run: &Run, why: String) -> End {
    End::failed(run, why, host::now())
}

/// An error with its causes in one line.
pub struct Chain<'e>(pub &'e dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |e| e.source()).try_for_each(|e| write!(f, ": {e}"))
    }
}

/// A store's error with its way out.
pub fn with_hint(error: StoreError) -> anyhow::Error {
    let hint = error.hint();
    let error = anyhow::Error::from(error);
    match hint {
        Some(hint) => anyhow::anyhow!("{error:#}\nhint: {hint}"),
        None => error,
    }
}
