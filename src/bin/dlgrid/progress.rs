//! What a person sees while a sweep runs: trials done, the best so far, the time left.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use dlgrid_sweep::host;
use dlgrid_sweep::spec::{At, Goal};
use dlgrid_sweep::store::merge::{Merged, Results};
use dlgrid_sweep::store::read::{RetryPolicy, StoreReader};
use dlgrid_sweep::store::record::Outcome;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::Digits;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::talk::{duration, style, talk};

/// Follows a sweep while it runs.
pub struct Progress<'s> {
    sweep: &'s Sweep,
    reader: StoreReader,
    bar: ProgressBar,
    /// Runs that had ended when the work began.
    before: u64,
    total: u64,
    begun: Instant,
    polled: Option<Instant>,
    told: Instant,
    again: RetryPolicy,
    asked: usize,
    /// When the work began, in seconds since the Unix epoch.
    since: f64,
    /// Runs that have failed since then.
    failed: u64,
}

const POLL: Duration = Duration::from_millis(500);
/// Without a terminal: a line so often.
const LINE: Duration = Duration::from_secs(10);

impl<'s> Progress<'s> {
    /// Begins to follow; `before` is what the store said before the work.
    pub fn new(sweep: &'s Sweep, before: Results, workers: usize, again: RetryPolicy) -> Self {
        let total = sweep.manifest.runs;
        let ended = before
            .runs
            .values()
            .filter(|r| r.end.as_ref().is_some_and(|e| !again.is_left(Some(e))))
            .count() as u64;
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(4));
        let style = if style().0 {
            "{bar:32.green/dim} {pos}/{len} runs  {msg}"
        } else {
            "{bar:32} {pos}/{len} runs  {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("━━─"));
        }
        let plural = if workers == 1 { "" } else { "s" };
        talk(&format!(
            "{} runs to do, {workers} worker{plural} (Ctrl-C once stops gently)\n",
            total - ended
        ));
        let now = host::instant();
        Self {
            reader: StoreReader::new(sweep.dir.clone(), sweep.manifest.id.clone()),
            sweep,
            bar,
            before: ended,
            total,
            begun: now,
            polled: None,
            told: now,
            again,
            asked: 0,
            since: host::now(),
            failed: 0,
        }
    }

    /// A line above the bar.
    pub fn say(&self, text: &str) {
        if self.bar.is_hidden() { talk(&format!("{text}\n")) } else { self.bar.println(text) }
    }

    /// Runs that have failed since the work began.
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// Looks at the store now and then, and draws.
    pub fn tick(&mut self, asked: usize) {
        if asked > self.asked {
            self.asked = asked;
            self.say(match asked {
                1 => {
                    "stopping: each worker saves the run it is at (Ctrl-C again ends them at once)"
                }
                _ => "ending at once",
            });
        }
        if self.polled.is_some_and(|when| when.elapsed() < POLL) {
            return;
        }
        self.polled = Some(host::instant());
        // A look that fails is no reason to stop: the workers go on, and the next may succeed.
        let Ok(_) = self.reader.poll() else { return };
        let again = self.again;
        let since = self.since;
        let ends = self.reader.results().runs.values().filter_map(|r| r.end.as_ref());
        self.failed =
            ends.filter(|e| e.outcome == Outcome::Failed && e.time >= since).count() as u64;
        let ended = self
            .reader
            .results()
            .runs
            .values()
            .filter_map(|r| r.end.as_ref())
            .filter(|e| !again.is_left(Some(e)))
            .count() as u64;
        let message = self.message(ended);
        self.bar.set_position(ended);
        self.bar.set_message(message.clone());
        if self.bar.is_hidden() && self.told.elapsed() >= LINE {
            self.told = host::instant();
            talk(&format!("{ended}/{} runs  {message}\n", self.total));
        }
    }

    fn message(&self, ended: u64) -> String {
        let mut parts = Vec::new();
        if self.sweep.spec.rounds().count() > 1 {
            parts.push(format!("{}/{} trials", self.trials(), self.sweep.manifest.trials));
        }
        let failed = self
            .reader
            .results()
            .runs
            .values()
            .filter(|r| r.end.as_ref().is_some_and(|e| e.outcome == Outcome::Failed))
            .count();
        if failed > 0 {
            parts.push(format!("{failed} failed"));
        }
        if let Some((value, what)) = self.best() {
            let value = Digits::for_all([value]).write(value);
            parts.push(format!("best {} {value} ({what})", self.sweep.spec.objective.metric));
        }
        let fresh = ended.saturating_sub(self.before);
        if fresh > 0 && ended < self.total {
            let each = self.begun.elapsed().as_secs_f64() / fresh as f64;
            parts.push(format!("{} left", duration(each * (self.total - ended) as f64)));
        }
        parts.join("  ")
    }

    /// Trials whose runs have all ended.
    fn trials(&self) -> usize {
        let points = self.sweep.spec.space.points().max(1);
        let mut ended: HashMap<u64, u64> = HashMap::new();
        for (index, run) in &self.reader.results().runs {
            if run.end.as_ref().is_some_and(|end| !self.again.is_left(Some(end))) {
                *ended.entry(index % points).or_default() += 1;
            }
        }
        ended.values().filter(|n| **n == self.sweep.spec.rounds().count()).count()
    }

    /// The best run so far: its objective, and what it is.
    fn best(&self) -> Option<(f64, String)> {
        let results = self.reader.results();
        let objective = &self.sweep.spec.objective;
        let id = results.names.id(&objective.metric)?;
        let value = |end: &Merged| match objective.at {
            At::Last => end.metric(id),
            At::Best => end.best(id).map(|b| b.value.0),
        };
        let better = |a: f64, b: f64| match objective.goal {
            Goal::Maximize => a.total_cmp(&b),
            Goal::Minimize => b.total_cmp(&a),
        };
        let (best, index) = results
            .runs
            .iter()
            .filter_map(|(index, run)| {
                Some((run.end.as_ref().filter(|e| e.outcome == Outcome::Done)?, *index))
            })
            .filter_map(|(end, index)| Some((value(end)?, index)))
            .filter(|(x, _)| x.is_finite())
            .max_by(|a, b| better(a.0, b.0).then(b.1.cmp(&a.1)))?;
        let (point, seed, fold) = self.sweep.spec.place(index)?;
        let values = self.sweep.spec.space.values(point)?;
        let mut cells: Vec<String> = self
            .sweep
            .spec
            .space
            .paths()
            .iter()
            .zip(values)
            .filter_map(|(path, value)| Some(format!("{} {}", short(path), value?)))
            .take(4)
            .collect();
        if self.sweep.spec.rounds().count() > 1 {
            cells.push(format!("seed {seed}"));
        }
        if let Some(fold) = fold {
            cells.push(format!("fold {}", fold.number));
        }
        Some((best, cells.join(", ")))
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn short(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
