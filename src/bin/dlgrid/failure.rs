//! The one place that words an error for a person and turns it into an exit code.
use dlgrid_sweep::exec::slurm::SlurmError;
use dlgrid_sweep::exit;
use dlgrid_sweep::find::FindError;
use dlgrid_sweep::spec::SpecErrors;
use dlgrid_sweep::store::StoreError;
use dlgrid_sweep::sweep::SweepError;
use dlgrid_sweep::text::clean;

use crate::show::Refusal;
use crate::talk::{style, talk};

/// Prints an error with its causes and the way out; the exit code that it means.
pub fn tell(error: &anyhow::Error) -> u8 {
    if let Some(errors) = error.downcast_ref::<SpecErrors>() {
        let (colour, width) = style();
        talk(&errors.render(colour, width));
        return exit::INPUT;
    }
    let mut text = format!("error: {error}\n");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let said = cause.to_string();
        if said != last {
            text.push_str(&format!("caused by: {said}\n"));
        }
        last = said;
    }
    let (code, hint) = classify(error);
    if let Some(hint) = hint {
        text.push_str(&format!("hint: {hint}\n"));
    }
    // Names, paths and words of other programs stand in it.
    talk(&text.lines().map(|line| format!("{}\n", clean(line))).collect::<String>());
    code
}

fn classify(error: &anyhow::Error) -> (u8, Option<String>) {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Refusal>() {
            return (failure.code, failure.hint.clone());
        }
        if let Some(slurm) = cause.downcast_ref::<SlurmError>() {
            let code = match slurm {
                SlurmError::Asked { .. } => exit::INPUT,
                SlurmError::Unread { .. } => exit::UNEXPECTED,
                _ => exit::MISSING,
            };
            return (code, slurm.hint());
        }
        // One that an error of the system carries stands in no chain.
        let carried = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let carried = carried.and_then(|inner| inner.downcast_ref::<StoreError>());
        if let Some(store) = cause.downcast_ref::<StoreError>().or(carried) {
            return (exit::MISSING, store.hint());
        }
        if let Some(sweep) = cause.downcast_ref::<SweepError>() {
            let code = match sweep {
                SweepError::Store(_) => exit::MISSING,
                SweepError::Spec(..)
                | SweepError::Changed(_)
                | SweepError::OtherOrder(_)
                | SweepError::OtherRuns { .. } => exit::INPUT,
            };
            return (code, sweep.hint());
        }
        if let Some(find) = cause.downcast_ref::<FindError>() {
            return (exit::INPUT, Some(find.hint()));
        }
    }
    (exit::UNEXPECTED, None)
}

#[cfg(test)]
mod tests {
    use dlgrid_sweep::store::fs;

    use super::*;

    #[test]
    fn what_an_error_of_the_system_carries_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let gone = || fs::read(&folder.path().join("none")).expect_err("nothing is there");
        let bare = anyhow::Error::new(gone()).context("cannot start a worker");
        let carried = std::io::Error::other(gone());
        let carried = anyhow::Error::new(carried).context("cannot start a worker");
        let (code, hint) = classify(&carried);
        assert_eq!((code, &hint), (exit::MISSING, &classify(&bare).1));
        assert!(hint.is_some_and(|hint| hint.starts_with("nothing is there")));
        let other = anyhow::Error::new(std::io::Error::other("no reason"));
        assert_eq!(classify(&other), (exit::UNEXPECTED, None));
    }
}
