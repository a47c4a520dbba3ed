//! Looks at a sweep again and again: reads what came since the last look, and asks Slurm rarely.
mod queue;
#[cfg(feature = "tui")]
mod wishes;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use dlgrid_sweep::exec::claim::{self, Claim};
use dlgrid_sweep::exec::slurm::call::Slurm;
use dlgrid_sweep::exec::slurm::ledger::{Ledger, Readable};
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::find::killed::Killed;
use dlgrid_sweep::judge::Liveness;
use dlgrid_sweep::report::around;
use dlgrid_sweep::report::collect::{Subject, local_liveness};
use dlgrid_sweep::report::fate::{LazyStarts, Starts};
use dlgrid_sweep::report::live::{self, Around, Live, News, Seen, Written};
use dlgrid_sweep::space::Condition;
use dlgrid_sweep::store::fs;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::read::StoreReader;
use dlgrid_sweep::store::tasks::TaskReader;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::{exit, find, host, orders};

use queue::Asked;

use crate::pick;
use crate::show::Refusal;
use crate::stage;

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
    killed: Killed,
    ledger: Ledger,
    /// Why it is not whole.
    unread: Option<String>,
    /// The requests of its arrays, by their numbers.
    requests: HashMap<u32, Request>,
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

impl Looker {
    /// A looker at the sweep in a directory.
    pub fn new(dir: SweepDir, ask: bool) -> Result<Self> {
        let sweep = Sweep::open(dir).map_err(pick::unreadable)?;
        let reader = StoreReader::new(sweep.dir.clone(), sweep.manifest.id.clone());
        let tasks = TaskReader::new(sweep.dir.clone());
        let queue = Asked::new(ask);
        let (seen, pause) = (Seen::default(), LOOK.0);
        let (filter, before, trouble) = (None, None, None);
        let (ledger, unread, requests) = (Ledger::default(), None, HashMap::new());
        Ok(Self {
            sweep,
            reader,
            tasks,
            killed: Killed::default(),
            ledger,
            unread,
            requests,
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
        is_there(&self.sweep.dir)?;
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
        let submitted = match fs::list_dir(&self.sweep.dir.submit()) {
            Err(error) if error.is_not_found() => Vec::new(),
            listed => listed?,
        };
        let is_read = self.unread.is_none()
            && self.before.as_ref().is_some_and(|before| before.submitted == submitted);
        let is_other = !is_read && self.read_ledger();
        let is_fuller = self.read_requests();
        let dir = &self.sweep.dir;
        let traces = Traces {
            submitted,
            stages: dir.stages().len(),
            claim: claim::holder(dir)?.map(|(claim, _)| claim),
            filter: self.filter.as_ref().map(|filter| filter.text().to_owned()),
            trouble: self.trouble.clone(),
        };
        let changed = is_other || is_fuller || self.before.as_ref() != Some(&traces);
        self.before = Some(traces);
        Ok(changed)
    }

    /// Reads what was submitted; whether that is other than before. A file that could not be read, for
    /// a shared disk failed for a moment, is read at the next look.
    fn read_ledger(&mut self) -> bool {
        let Readable { ledger, errors, .. } = Readable::of(&self.sweep.dir);
        let unread = errors.first().map(|why| format!("{why}; what runs is not known"));
        if self.unread.is_some() && unread.is_none() {
            self.trouble = None;
            self.queue.hurry();
        }
        let is_other = self.ledger != ledger || self.unread != unread;
        (self.ledger, self.unread) = (ledger, unread);
        is_other
    }

    /// Reads the requests that are not known yet; whether some are now.
    fn read_requests(&mut self) -> bool {
        let known = self.requests.len();
        for number in self.ledger.entries.iter().map(|entry| entry.intent.request) {
            // Arrays of an older dlgrid name none.
            if number > 0
                && !self.requests.contains_key(&number)
                && let Ok(request) = Request::read(&self.sweep.dir, number)
            {
                self.requests.insert(number, request);
            }
        }
        self.requests.len() > known
    }

    /// Asks Slurm, where it is time to and there is something to ask; whether it says something new.
    fn ask(&mut self) -> bool {
        let is_open = self.ended() < self.sweep.manifest.runs;
        let ledger = &self.ledger;
        if self.unread.is_some() {
            self.trouble.clone_from(&self.unread);
            return self.queue.failed();
        }
        if !self.queue.is_due(ledger, is_open) {
            return false;
        }
        self.queue.begin();
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
                let written = Written::of(self.reader.results(), &self.tasks.starts());
                self.queue.answered(rows, ledger, written)
            }
            Err(error) => {
                self.trouble = Some(format!("{error}; what waits is not known"));
                self.queue.failed()
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
        let standing = self.queue.standing(ledger, now).map(Arc::new);
        let here = local_liveness(&sweep.dir);
        let is_open = self.ended() < self.sweep.manifest.runs;
        let mut starts = self.tasks.starts();
        let liveness = pick::liveness(standing.as_ref(), here, was_submitted);
        let moved = match &standing {
            Some(_) => self.queue.written.moved(results, &starts),
            None => HashSet::new(),
        };
        if !moved.is_empty() {
            self.queue.hurry();
        }
        let liveness =
            |slice| if moved.contains(&slice) { Liveness::Alive } else { liveness(slice) };
        let (ordered, _) = orders::read_to_show(&sweep.dir);
        let left_out = around::left_out(sweep, results, &ordered, ledger);
        let notes = around::notes(&ordered, ledger, &starts, None);
        self.killed.mark(&sweep.dir, &mut starts, &liveness);
        let starts = LazyStarts::new(Box::new(move || Starts::new(starts)));
        let typed = find::typed(&sweep.dir, &sweep.manifest.name);
        let arrays = standing.as_ref().map_or(&[][..], |standing| &standing.arrays);
        let subject = Subject::new(sweep, results, &liveness)
            .with_slurm(standing.as_deref())
            .with_starts(&starts)
            .with_left_out(&left_out)
            .with_typed(&typed);
        let around = Around {
            filter: self.filter.as_ref(),
            is_claimed: here != Liveness::Gone || (is_open && was_submitted && standing.is_none()),
            tries_again: live::tries_again(sweep, results, ledger, &self.requests, arrays),
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

/// # Errors
/// If the directory of a sweep is there no more: its runs are not lost, and no look tells anything.
fn is_there(dir: &SweepDir) -> Result<()> {
    match fs::about(&dir.manifest()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Refusal {
            fact: format!("the directory of the sweep is gone: `{}`", dir.path().display()),
            hint: Some("`dlgrid list` shows the sweeps that there are".into()),
            code: exit::INPUT,
        }
        .into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use dlgrid_sweep::pack::Cut;

    use super::*;

    #[test]
    fn a_sweep_whose_directory_is_gone_is_told_as_that() {
        let tmp = tempfile::tempdir().expect("a folder");
        let dir = SweepDir::new(tmp.path().join("toy"));
        fs::create_dirs(dir.path()).expect("a folder");
        fs::publish(&dir.manifest(), b"{}").expect("written");
        is_there(&dir).expect("it is there");
        fs::remove(&dir.manifest()).expect("removed");
        let gone = is_there(&dir).expect_err("gone").to_string();
        assert!(gone.starts_with("the directory of the sweep is gone: `"), "{gone}");
    }

    #[test]
    fn what_could_not_be_read_of_the_queue_is_read_again() {
        const SPEC: &str =
            "name: toy\ncommand: [echo]\nparameters: {x: [1]}\nobjective: {minimize: loss}\n";
        let tmp = tempfile::tempdir().expect("a folder");
        let (spec, _) = dlgrid_sweep::spec::read("toy.yaml", SPEC.as_bytes(), 9).expect("a spec");
        let made = Sweep::create(tmp.path(), spec, SPEC.as_bytes(), &Cut::Slots(1));
        let dir = made.expect("a sweep").sweep.dir;
        fs::create_dirs(&dir.submit()).expect("a folder");
        let file = dir.submit().join("array-000001.intent");
        // Half of it, as a disk that fails for a moment gives it.
        let whole = serde_json::to_vec(&queue::intent(1)).expect("JSON");
        std::fs::write(&file, &whole[..40]).expect("written");
        let mut looker = Looker::new(dir, false).expect("a looker");
        looker.look().expect("a look");
        let (live, _) = looker.look().expect("a look").expect("what is in the way is new");
        assert!(live.trouble.is_some_and(|why| why.ends_with("what runs is not known")));
        assert!(looker.look().expect("a look").is_none(), "it stays so");
        std::fs::write(&file, &whole).expect("written");
        let (live, _) = looker.look().expect("a look").expect("it is read");
        assert_eq!((live.trouble, live.on_slurm), (None, true));
        assert_eq!(looker.ledger.entries.len(), 1);
    }
}
