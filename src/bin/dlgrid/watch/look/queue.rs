//! When Slurm is asked, and what its last answer says of a sweep.
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dlgrid_sweep::exec::slurm::ledger::Ledger;
use dlgrid_sweep::exec::slurm::parse::Row;
use dlgrid_sweep::exec::slurm::state::{Standing, newer};
use dlgrid_sweep::host;
use dlgrid_sweep::report::live::Written;

/// Shortest and longest time between two questions to Slurm: the answer that stays the same is
/// asked for less often.
const ASK: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(120));

/// Slurm's last answer.
pub struct Asked {
    may: bool,
    rows: Option<Vec<Row>>,
    /// The intents whose arrays it was asked about.
    about: BTreeSet<u32>,
    /// What was written then: what has moved since, the answer is too old for.
    pub written: Written,
    when: Option<Instant>,
    /// The same by the clock on the wall, in seconds since the Unix epoch.
    pub at: Option<f64>,
    every: Duration,
}

impl Asked {
    /// Before the first question; whether it may be asked at all.
    pub fn new(may: bool) -> Self {
        let (written, about) = (Written::default(), BTreeSet::new());
        Self { may, rows: None, about, written, when: None, at: None, every: ASK.0 }
    }

    /// Whether it is time for a question, and there is something to ask.
    pub fn is_due(&self, ledger: &Ledger, is_open: bool) -> bool {
        let since = self.when.map(|when| when.elapsed());
        self.may && self.may_differ(ledger, is_open, since, host::now())
    }

    /// Whether an answer may differ from the last, that many seconds old, and enough time has passed:
    /// what was submitted since is asked about as soon as may be.
    fn may_differ(
        &self,
        ledger: &Ledger,
        is_open: bool,
        since: Option<Duration>,
        now: f64,
    ) -> bool {
        let is_newer = newer(ledger, &self.about).next().is_some();
        let least = if is_newer { ASK.0 } else { self.every };
        let is_live = |rows: &Vec<Row>| !Standing::of(ledger, rows, now).arrays.is_empty();
        let may_differ = is_open || is_newer || self.rows.as_ref().is_none_or(is_live);
        !ledger.entries.is_empty() && since.is_none_or(|since| since >= least) && may_differ
    }

    /// A question begins.
    pub fn begin(&mut self) {
        self.when = Some(host::instant());
    }

    /// Takes an answer in, the rows of this sweep; whether it says something new.
    pub fn answered(&mut self, rows: Vec<Row>, ledger: &Ledger, written: Written) -> bool {
        let is_new =
            self.rows.as_ref() != Some(&rows) || newer(ledger, &self.about).next().is_some();
        let known = ledger.entries.iter().filter(|entry| entry.fate.is_some());
        self.about = known.map(|entry| entry.intent.number).collect();
        self.written = written;
        self.at = Some(host::now());
        self.every = if is_new { ASK.0 } else { (self.every * 2).min(ASK.1) };
        self.rows = Some(rows);
        is_new
    }

    /// There was none; whether one stood until now.
    pub fn failed(&mut self) -> bool {
        self.rows.take().is_some()
    }

    /// The next question comes soon.
    pub const fn hurry(&mut self) {
        self.every = ASK.0;
    }

    /// Where the slices of a sweep stand, by its last answer; nothing without one.
    pub fn standing(&self, ledger: &Ledger, now: f64) -> Option<Standing> {
        let rows = self.rows.as_ref().filter(|_| !ledger.entries.is_empty())?;
        Some(Standing::of_older(ledger, rows, now, &self.about))
    }
}

/// One array of one slice, as if submitted elsewhere.
#[cfg(test)]
pub fn intent(number: u32) -> dlgrid_sweep::exec::slurm::ledger::Intent {
    use dlgrid_sweep::exec::claim::Claim;
    use dlgrid_sweep::exec::slurm::ledger::{Intent, LEDGER_SCHEMA};
    Intent {
        schema: LEDGER_SCHEMA,
        number,
        token: format!("dlg-{number}"),
        kind: Default::default(),
        request: number,
        since: 0,
        slices: "0".into(),
        per_task: 1,
        granted: Default::default(),
        share: None,
        after: None,
        words: vec![],
        by: Claim { host: "elsewhere".into(), pid: 1, started: 1, time: 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use dlgrid_sweep::exec::slurm::ledger::{Entry, Fate};
    use dlgrid_sweep::exec::slurm::parse;

    use super::*;

    fn entry(number: u32, job: u64) -> Entry {
        Entry { intent: intent(number), fate: Some(Fate::Job(job)), released: true }
    }

    #[test]
    fn what_is_over_is_asked_about_again_once_something_is_submitted() {
        let one = Ledger { entries: vec![entry(1, 71)] };
        let two = Ledger { entries: vec![entry(1, 71), entry(2, 77)] };
        let mut asked = Asked::new(true);
        assert!(!asked.is_due(&Ledger::default(), true), "it was never submitted");
        assert!(asked.is_due(&one, true), "it was never asked");
        for _ in 0..3 {
            asked.answered(vec![], &one, Written::default());
        }
        let due = |asked: &Asked, ledger, is_open, seconds| {
            asked.may_differ(ledger, is_open, Some(Duration::from_secs(seconds)), 1e9)
        };
        assert!(!due(&asked, &one, true, 119) && due(&asked, &one, true, 120));
        assert!(!due(&asked, &one, false, 999), "all has ended");
        assert!(!due(&asked, &two, false, 29) && due(&asked, &two, false, 30));
        let standing = asked.standing(&two, 1e9).expect("an answer");
        assert_eq!(standing.arrays.len(), 1, "it waits, until Slurm is asked");
        let rows = parse::queue("77|0|RUNNING|dlg-2|N/A|n1|None\n");
        assert!(asked.answered(rows, &two, Written::default()));
        assert!(due(&asked, &two, false, 30), "it is in the queue");
        assert!(asked.answered(vec![], &two, Written::default()));
        assert!(!due(&asked, &two, false, 999));
        assert!(asked.standing(&two, 1e9).expect("an answer").arrays.is_empty());
    }
}
