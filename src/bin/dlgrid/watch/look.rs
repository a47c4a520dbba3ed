//! Looks at a sweep again and again: reads what came since the last look, and asks Slurm rarely.
#[cfg(feature = "tui")]
mod wishes;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use dlgrid_sweep::exec::claim::{self, Claim};
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::ledger::{Ledger, Readable};
use dlgrid_sweep::exec::slurm::parse::Row;
use dlgrid_sweep::exec::slurm::state::Standing;
use dlgrid_sweep::judge::Liveness;
use dlgrid_sweep::report::around;
use dlgrid_sweep::report::collect::{Subject, local_liveness};
use dlgrid_sweep::report::fate::{LazyStarts, Starts};
use dlgrid_sweep::report::live::{Around, Live, News, Seen, Written};
use dlgrid_sweep::space::Condition;
use dlgrid_sweep::store::fs;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::read::StoreReader;
use dlgrid_sweep::store::tasks::TaskReader;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{host, orders};

use crate::pick;
use crate::stage;

/// Shortest and longest time between two questions to Slurm: the answer that stays the same is
/// asked for less often.
const ASK: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(120));
/// Longest that a question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Shortest and longest time between two looks at the files.
const LOOK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A look is made so rarely that it takes at most one part of so many of the time.
const SHARE: u32 = 10;
/// While nothing changes, the time between two looks grows to this.
const QUIET: Duration = Duration::from_secs(5);

/// Looks at a sweep, and remembers what it saw.
pub struct Looker {
    sweep: Sweep,
    reader: StoreReader,
    tasks: TaskReader,
    ledger: Ledger,
    /// Why it is not whole.
    unread: Option<String>,
    queue: Asked,
    filter: Option<Condition>,
    seen: Seen,
    before: Option<Traces>,
    trouble: Option<String>,
    pause: Duration,
}

/// What is compared between two looks, beside segments and tasks.
#[derive(PartialEq)]
struct Traces {
    submitted: Vec<String>,
    stages: usize,
    claim: Option<Claim>,
    filter: Option<String>,
    trouble: Option<String>,
}

/// Slurm's answers.
struct Asked {
    may: bool,
    rows: Option<Vec<Row>>,
    /// What was written then: what has moved since, the answer is too old for.
    written: Written,
    when: Option<Instant>,
    /// The same by the clock on the wall.
    at: Option<f64>,
    every: Duration,
}

impl Looker {
    /// A looker at the sweep in a directory.
    pub fn new(dir: SweepDir, ask: bool) -> Result<Self> {
        let sweep = Sweep::open(dir).map_err(pick::unreadable)?;
        let reader = StoreReader::new(sweep.dir.clone(), sweep.manifest.id.clone());
        let tasks = TaskReader::new(sweep.dir.clone());
        let written = Written::default();
        let queue = Asked { may: ask, rows: None, written, when: None, at: None, every: ASK.0 };
        let (seen, pause) = (Seen::default(), LOOK.0);
        let (filter, before, trouble) = (None, None, None);
        let (ledger, unread) = (Ledger::default(), None);
        Ok(Self {
            sweep,
            reader,
            tasks,
            ledger,
            unread,
            queue,
            filter,
            seen,
            before,
            trouble,
            pause,
        })
    }

    /// How long to wait before the next look.
    pub const fn pause(&self) -> Duration {
        self.pause
    }

    /// Looks; nothing where nothing has changed.
    pub fn look(&mut self) -> Result<Option<(Live, Vec<News>)>> {
        let begun = host::instant();
        let poll = self.reader.poll()?;
        let changed = [
            poll.grown > 0 || poll.reread,
            self.tasks.poll().unwrap_or(false),
            self.traces()?,
            self.ask(),
        ];
        if !changed.contains(&true) {
            self.pause = (self.pause * 2).clamp(LOOK.0, QUIET);
            return Ok(None);
        }
        self.sweep.verify(self.reader.results()).map_err(pick::unreadable)?;
        let shown = self.show()?;
        self.pause = (begun.elapsed() * SHARE).clamp(LOOK.0, LOOK.1);
        Ok(Some(shown))
    }

    /// Whether what is compared has changed.
    fn traces(&mut self) -> Result<bool> {
        let dir = &self.sweep.dir;
        let submitted = match fs::list_dir(&dir.submit()) {
            Err(error) if error.is_not_found() => Vec::new(),
            listed => listed?,
        };
        let traces = Traces {
            submitted,
            stages: dir.stages().len(),
            claim: claim::holder(dir)?.map(|(claim, _)| claim),
            filter: self.filter.as_ref().map(|filter| filter.text().to_owned()),
            trouble: self.trouble.clone(),
        };
        let changed = self.before.as_ref() != Some(&traces);
        if self.before.as_ref().is_none_or(|before| before.submitted != traces.submitted) {
            let Readable { ledger, errors, .. } = Readable::of(dir);
            self.ledger = ledger;
            self.unread = errors.first().map(|why| format!("{why}; what runs is not known"));
        }
        self.before = Some(traces);
        Ok(changed)
    }

    /// Asks Slurm, where it is time to and there is something to ask; whether it says something new.
    fn ask(&mut self) -> bool {
        let is_open = self.ended() < self.sweep.manifest.runs;
        let (asked, ledger) = (&mut self.queue, &self.ledger);
        if self.unread.is_some() {
            self.trouble.clone_from(&self.unread);
            return asked.rows.take().is_some();
        }
        let is_due = asked.when.is_none_or(|when| when.elapsed() >= asked.every);
        let is_live = |rows: &Vec<Row>| !Standing::of(ledger, rows, host::now()).arrays.is_empty();
        let may_change = is_open || asked.rows.as_ref().is_none_or(is_live);
        if !asked.may || ledger.entries.is_empty() || !is_due || !may_change {
            return false;
        }
        asked.when = Some(host::instant());
        let Some(slurm) = Slurm::find(PATIENCE) else {
            self.trouble = Some("this machine has no squeue: what waits is not known".into());
            return false;
        };
        // Rows of other sweeps come and go: what is compared are those of this one.
        let tokens: HashSet<&str> =
            ledger.entries.iter().map(|e| e.intent.token.as_str()).collect();
        match slurm.queue_now() {
            Ok(mut rows) => {
                rows.retain(|row| tokens.contains(row.name.as_str()));
                self.trouble = None;
                let is_new = asked.rows.as_ref() != Some(&rows);
                asked.written = Written::of(self.reader.results(), &self.tasks.starts());
                asked.at = Some(host::now());
                asked.every = if is_new { ASK.0 } else { (asked.every * 2).min(ASK.1) };
                asked.rows = Some(rows);
                is_new
            }
            Err(error) => {
                self.trouble = Some(format!("{error}; what waits is not known"));
                asked.rows.take().is_some()
            }
        }
    }

    fn ended(&self) -> u64 {
        self.reader.results().runs.values().filter(|run| run.end.is_some()).count() as u64
    }

    fn show(&mut self) -> Result<(Live, Vec<News>)> {
        let (sweep, results, ledger) = (&self.sweep, self.reader.results(), &self.ledger);
        let now = host::now();
        let was_submitted = !ledger.entries.is_empty() || self.unread.is_some();
        let standing = self.queue.rows.as_ref().filter(|_| was_submitted);
        let standing = standing.map(|rows| Arc::new(Standing::of(ledger, rows, now)));
        let here = local_liveness(&sweep.dir);
        let is_open = self.ended() < self.sweep.manifest.runs;
        let starts = self.tasks.starts();
        let liveness = pick::liveness(standing.as_ref(), here, was_submitted);
        let moved = match &standing {
            Some(_) => self.queue.written.moved(results, &starts),
            None => HashSet::new(),
        };
        if !moved.is_empty() {
            self.queue.every = ASK.0;
        }
        let liveness =
            |slice| if moved.contains(&slice) { Liveness::Alive } else { liveness(slice) };
        let (ordered, _) = orders::read_to_show(&sweep.dir);
        let left_out = around::left_out(sweep, results, &ordered, ledger);
        let notes = around::notes(&ordered, ledger, &starts, None);
        let starts = LazyStarts::new(Box::new(move || Starts::new(starts)));
        let subject = Subject::new(sweep, results, &liveness)
            .with_slurm(standing.as_deref())
            .with_starts(&starts)
            .with_left_out(&left_out);
        let around = Around {
            filter: self.filter.as_ref(),
            is_claimed: here != Liveness::Gone || (is_open && was_submitted && standing.is_none()),
            on_slurm: was_submitted,
            asked: self.queue.at.filter(|_| standing.is_some()),
            trouble: self.trouble.as_deref(),
        };
        let (mut live, news) = subject.live(now, &around, &mut self.seen);
        live.status.notes = notes;
        live.status.notes.extend(stage::notes(sweep)?);
        Ok((live, news))
    }
}
