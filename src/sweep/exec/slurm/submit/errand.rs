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
                Err(SlurmError::Refused { words, .. }) if kind != Kind::Canary => {
                    (self.say)(&refused(kind, &words));
                    return Ok(None);
                }
                Err(error) => return Err(error),
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

/// What it means that Slurm takes no such job.
fn refused(kind: Kind, words: &str) -> String {
    let then =
        if kind == Kind::TopUp { "adds the rest" } else { "concludes the sweep, once it is over" };
    format!(
        "warning: Slurm takes no {} job (sbatch says: {words}): `dlgrid submit` again {then}; {LIGHT}",
        kind.word()
    )
}
