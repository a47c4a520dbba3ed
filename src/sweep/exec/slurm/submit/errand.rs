//! Jobs of a sweep that train nothing: they go first, submit the rest later, or conclude.
use super::{Came, Work, nonce};
use crate::exec::slurm::SlurmError;
use crate::exec::slurm::ledger::{self, Fate, Kind, Ledger, token};
use crate::exec::slurm::preflight::LIGHT;
use crate::exec::slurm::request::Call;

impl Work<'_> {
    /// Submits a job that trains nothing, behind these; its intent and number. One that tops up
    /// is not yet let go. Where a limit keeps it out there is none, nor where Slurm refuses a small
    /// job: those that train can do without.
    pub(super) fn errand(
        &mut self,
        kind: Kind,
        after: &[String],
    ) -> Result<Option<(u32, u64)>, SlurmError> {
        loop {
            let number = Ledger::read(self.dir)?.last() + 1;
            let token = token(self.sweep, number, &nonce()?);
            let call = Call { token: &token, number, tasks: 1, share: None, canary: None, after };
            let words = self.request.words(kind, &call);
            let intent = self.intent(kind, number, token, words);
            if !self.publish(&intent)? {
                continue;
            }
            match self.carry_out(intent) {
                Ok(Came::Job(_)) => {}
                Ok(Came::Limit(words)) => {
                    (self.say)(&format!("no {} job: {words}", kind.word()));
                    self.limit = Some(words);
                    return Ok(None);
                }
                Err(error) => {
                    (self.say)(&goes_without(kind, error)?);
                    return Ok(None);
                }
            }
            self.decide()?;
            let fate = ledger::read_fate(self.dir, number)?;
            return Ok(match fate {
                Some(Fate::Job(job)) => Some((number, job)),
                _ => None,
            });
        }
    }
}

/// What to say where Slurm refuses such a job and the sweep does without; the error where it can't, or
/// where it is another: a queue that can't be asked says nothing of the job.
fn goes_without(kind: Kind, error: SlurmError) -> Result<String, SlurmError> {
    match error {
        SlurmError::Refused { program: "sbatch", words } if kind != Kind::Canary => {
            Ok(refused(kind, &words))
        }
        error => Err(error),
    }
}

/// What it means that Slurm takes no such job.
fn refused(kind: Kind, words: &str) -> String {
    let then = if kind == Kind::TopUp {
        "`dlgrid submit` again adds the rest"
    } else {
        "the task that ends last concludes the sweep"
    };
    format!("warning: Slurm takes no {} job (sbatch says: {words}): {then}; {LIGHT}", kind.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sbatch_refuses_is_done_without() {
        for (kind, program, told) in [
            (Kind::TopUp, "sbatch", Some("`dlgrid submit` again adds the rest")),
            (Kind::Report, "sbatch", Some("the task that ends last concludes the sweep")),
            (Kind::Canary, "sbatch", None),
            (Kind::Report, "squeue", None),
            (Kind::TopUp, "scontrol", None),
        ] {
            let error = SlurmError::Refused { program, words: "no".into() };
            let said = goes_without(kind, error).ok();
            assert_eq!(said.is_some(), told.is_some(), "{kind:?} {program}");
            let is_told = |said: String| told.is_some_and(|told| said.contains(told));
            assert!(said.is_none_or(is_told), "{kind:?}");
        }
    }
}
