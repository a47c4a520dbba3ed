//! How a sweep is getting on: one screen, or JSON.
mod json;
mod pace;
pub(super) mod queue;
mod trouble;

use std::collections::HashSet;

use super::around::Note;
use super::table::parameter;
use super::{Aim, Cause, Fact, Range, Row, Source, Summary, Title, Together, ranges};
use crate::cohort::Survey;
use crate::exec::slurm::bad_nodes::BadNode;
use crate::exec::slurm::state::Array;
use crate::judge::{Counts, State};
use crate::recipe::Fold;
use crate::spec::Rounds;
use crate::store::record::Cause as Kind;
use crate::terminal::{Tone, View};
use crate::text::{Digits, clean, cut, duration, grouped, plural};
pub use json::render_json;
pub use pace::Pace;

/// Version of the JSON of `dlgrid status`; fields are added, never changed or taken away.
pub const STATUS_SCHEMA: &str = "dlgrid.status/1";

/// Running runs that are named on the screen.
const NAMED: usize = 8;
/// Most cells of the bar.
const BAR: usize = 60;

/// How a sweep is getting on.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The sweep.
    pub sweep: Title,
    /// What it is after.
    pub aim: Aim,
    /// The parameters that vary.
    pub parameters: Vec<String>,
    /// Seeds and folds of every trial.
    pub rounds: Rounds,
    /// Runs by state.
    pub counts: Counts,
    /// Runs not ended that no process will get to.
    pub missing: u64,
    /// Whether nothing of it was ever begun, or put into a queue.
    pub unsubmitted: bool,
    /// Runs that have not ended, and whether there are more ranges of them.
    pub open: (Vec<Range>, bool),
    /// The trial that leads.
    pub best: Option<Row>,
    /// The runs that are being trained.
    pub running: Vec<Running>,
    /// Slurm arrays that have tasks in the queue.
    pub arrays: Vec<Array>,
    /// How fast it goes.
    pub pace: Option<Pace>,
    /// How its runs are to be trained together; nothing of programs, and where that was not asked.
    pub fused: Option<Survey>,
    /// How many of the runs that ended were trained together, where any was.
    pub together: Option<Together>,
    /// Runs that did not end well, by cause.
    pub causes: Vec<Cause>,
    /// Runs that are interrupted, by cause.
    pub pauses: Vec<Cause>,
    /// Runs that ran out of something and that no task goes on with.
    pub short: Short,
    /// Whether tasks of Slurm have worked on it.
    pub on_slurm: bool,
    /// Whether runs that have ended may be tried again by what is at work: a process of this machine,
    /// or jobs in the queue.
    pub is_at_work: bool,
    /// The last lines that the example of the first cause printed, where they were looked for.
    pub last_lines: Vec<String>,
    /// Nodes on which tasks fail at once.
    pub bad_nodes: Vec<BadNode>,
    /// What was ordered of it, and what the jobs around its arrays came to.
    pub notes: Vec<Note>,
    /// Lines of segments that could not be read.
    pub damaged_lines: u64,
    /// What is wrong with the first of them, a line each.
    pub damage: Vec<String>,
}

impl Status {
    /// How the sweep of a report's source is getting on.
    #[must_use]
    pub fn of(source: &Source<'_>, running: Vec<Running>, arrays: Vec<Array>) -> Self {
        let counts = super::build::counts(source);
        let ended = || source.facts.iter().filter(|f| f.state.is_ended()).map(|f| f.seconds);
        let runs = counts.ended();
        let seconds_a_run = (runs > 0).then(|| ended().sum::<f64>() / float(runs));
        let passed: Vec<f64> = running.iter().filter_map(|run| run.seconds).collect();
        let slices: HashSet<u32> = running.iter().map(|run| run.slice).collect();
        Self {
            sweep: source.sweep.clone(),
            aim: source.aim.clone(),
            parameters: source.parameters.to_vec(),
            rounds: source.rounds(),
            counts,
            missing: source.missing,
            unsubmitted: false,
            open: super::build::open_runs(source),
            best: super::best(source),
            running,
            arrays,
            pace: Pace::of(&counts, slices.len() as u64, seconds_a_run, &passed),
            fused: None,
            together: Together::of(&source.facts),
            causes: super::cause::group(&source.facts),
            pauses: super::cause::pauses(&source.facts),
            short: Short::default(),
            on_slurm: false,
            is_at_work: false,
            last_lines: Vec::new(),
            bad_nodes: Vec::new(),
            notes: Vec::new(),
            damaged_lines: source.damaged_lines,
            damage: source.damage.clone(),
        }
    }
}

/// Runs that ran out of something, by what it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Short {
    /// Of memory.
    pub memory: u64,
    /// Of time.
    pub time: u64,
}

impl Short {
    /// Counts runs; `is_left` says of one that has not ended whether no task will go on with it.
    #[must_use]
    pub fn of(facts: &[Fact<'_>], is_left: impl Fn(u64) -> bool) -> Self {
        let mut short = Self::default();
        for fact in facts {
            let count = match fact.kind {
                Some(Kind::Memory) => &mut short.memory,
                Some(Kind::Time) => &mut short.time,
                _ => continue,
            };
            *count += u64::from(fact.state.is_ended() || is_left(fact.index));
        }
        short
    }
}

/// A run that is being trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Its place in the sweep.
    pub index: u64,
    /// Its trial, by the eight digits that people see.
    pub trial: String,
    /// Its seed.
    pub seed: Option<u64>,
    /// Its fold, where there are folds.
    pub fold: Option<Fold>,
    /// Seconds since it was begun, if the record says when.
    pub seconds: Option<f64>,
    /// Epochs that a durable checkpoint holds.
    pub epoch: Option<u32>,
    /// Its slice: runs of one slice that are trained at once are trained together.
    pub slice: u32,
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
const fn float(n: u64) -> f64 {
    n as f64
}

/// Renders one screen.
#[must_use]
pub fn render(status: &Status, view: View) -> String {
    let counts = &status.counts;
    let (ended, total) = (counts.ended(), counts.total());
    // Rounded down: 100 % is said only of all.
    let share =
        if total == 0 { 0.0 } else { (1000.0 * float(ended) / float(total)).floor() / 10.0 };
    let mut lines = vec![
        format!(
            "{}  {} of {} ended ({share:.1} %)",
            view.paint(Tone::Strong, &clean(&status.sweep.name)),
            grouped(ended),
            plural(total, "run")
        ),
        bar(counts, view),
        counts.render(view),
        String::new(),
    ];
    lines.extend(best(status, view));
    lines.extend(running(status, view));
    lines.extend(queue::lines(status, view));
    if let Some(pace) = &status.pace {
        let left = match pace.seconds_left {
            Some(seconds) => format!("about {} left", duration(seconds)),
            None => "those at work take longer than that".to_owned(),
        };
        let (a_run, at_once) = (duration(pace.seconds_a_run), grouped(pace.at_once));
        let text = format!("{a_run} a run, {at_once} at once; {left}");
        lines.push(item(view, "pace", &text));
    }
    lines.extend(fused(status, view));
    if !status.open.0.is_empty() {
        let runs = format!("runs {}", ranges::words(&status.open.0, status.open.1));
        lines.push(item(view, "open", &runs));
    }
    let room = view.room(10);
    lines.extend(unqueued(status).map(|text| item(view, "missing", &cut(&text, room))));
    lines.extend(status.notes.iter().map(|n| item(view, n.about, &cut(&clean(&n.text), room))));
    lines.extend(status.pauses.iter().map(|pause| {
        let text = format!("{}: {}", plural(pause.runs, "run"), clean(&pause.text));
        item(view, "paused", &cut(&text, room))
    }));
    lines.extend(trouble::lines(status, view));
    lines.join("\n") + "\n" + &view.next(&next(status))
}

/// Runs that wait behind dead ones of their slices look as if they were in the queue.
fn unqueued(status: &Status) -> Option<String> {
    let is_told = status.on_slurm && status.missing > 0 && status.counts.get(State::Waiting) > 0;
    let (runs, name) = (plural(status.missing, "run"), clean(&status.sweep.typed));
    is_told.then(|| format!("{runs} in no queue: `dlgrid retry {name}` puts all back"))
}

/// A line with what it is about in front.
fn item(view: View, head: &str, text: &str) -> String {
    let head = format!("{head:<8}");
    let tone = if head.trim().is_empty() { Tone::Plain } else { Tone::Less };
    format!("{} {text}", view.paint(tone, &head))
}

/// Done, at work, ended badly and open, each with its own sign.
fn bar(counts: &Counts, view: View) -> String {
    let cells = view.width.unwrap_or(80).saturating_sub(2).clamp(10, BAR);
    let total = counts.total().max(1);
    let bad = counts.get(State::Diverged) + counts.get(State::Failed) + counts.get(State::Lost);
    let parts = [
        (counts.get(State::Done), '█', Tone::Good),
        (counts.get(State::Running), '▓', Tone::Busy),
        (bad, 'x', Tone::Bad),
    ];
    let mut out = String::new();
    let (mut sum, mut drawn) = (0, 0);
    for (runs, sign, tone) in parts {
        sum += runs;
        let until =
            usize::try_from(u128::from(sum) * cells as u128 / u128::from(total)).unwrap_or(cells);
        let part: String = std::iter::repeat_n(sign, until - drawn).collect();
        if !part.is_empty() {
            out.push_str(&view.paint(tone, &part));
        }
        drawn = until;
    }
    let open: String = std::iter::repeat_n('░', cells - drawn).collect();
    out + &view.paint(Tone::Less, &open)
}

/// How runs are trained together, as `plan` says it, and how those were that have ended.
fn fused(status: &Status, view: View) -> Vec<String> {
    let planned = status.fused.as_ref().map(ToString::to_string);
    let so_far = status.together.as_ref().map(|together| format!("so far {together}"));
    let texts = planned.into_iter().chain(so_far).enumerate();
    let room = view.room(9);
    texts
        .map(|(n, text)| item(view, if n == 0 { "fused" } else { "" }, &cut(&clean(&text), room)))
        .collect()
}

fn best(status: &Status, view: View) -> Vec<String> {
    let Some(row) = &status.best else { return Vec::new() };
    let number = number(&row.objective);
    let word = if status.rounds.folds.is_some() { "run" } else { "seed" };
    let asked = status.rounds.count();
    let runs = if row.is_partial(asked) {
        format!("{} of {}", row.objective.n, plural(asked, word))
    } else {
        status.rounds.to_string()
    };
    let number = view.paint(Tone::Good, &number);
    let metric = clean(&status.aim.metric);
    let text = format!("{metric} {number} over {runs}, trial {}", row.name());
    let mut lines = vec![item(view, "best", &text)];
    let values: Vec<String> = status
        .parameters
        .iter()
        .zip(&row.parameters)
        .filter(|(_, value)| value.is_some())
        .map(|(path, value)| format!("{}={}", clean(path), parameter(value.as_ref())))
        .collect();
    if !values.is_empty() {
        lines.push(item(view, "", &cut(&values.join(" "), view.room(9))));
    }
    lines
}

/// A mean and its spread: `0.9712 ± 0.0011`.
#[must_use]
pub fn number(s: &Summary) -> String {
    let digits = Digits::for_all(s.mean);
    match (s.mean, s.sd) {
        (Some(mean), Some(sd)) => format!("{} ± {}", digits.write(mean), digits.write(sd)),
        (Some(mean), None) => digits.write(mean),
        (None, _) => "-".into(),
    }
}

fn running(status: &Status, view: View) -> Vec<String> {
    let mut lines: Vec<String> = status
        .running
        .iter()
        .take(NAMED)
        .enumerate()
        .map(|(place, run)| {
            let seed = run.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
            let fold = run.fold.map_or_else(String::new, |fold| format!(", fold {}", fold.number));
            let since = run.seconds.map_or_else(String::new, |s| format!(", for {}", duration(s)));
            let saved = run.epoch.map_or_else(String::new, |e| format!(", {e} epochs saved"));
            let head = if place == 0 { "running" } else { "" };
            let text = format!("run {}, trial {}{seed}{fold}{since}{saved}", run.index, run.trial);
            item(view, head, &text)
        })
        .collect();
    if status.running.len() > NAMED {
        let more = grouped((status.running.len() - NAMED) as u64);
        lines.push(item(view, "", &format!("and {more} more")));
    }
    lines
}

fn next(status: &Status) -> String {
    let name = clean(&status.sweep.typed);
    if status.unsubmitted && status.missing > 0 {
        return "dlgrid submit FILE   (nothing was submitted: mend what was refused)".into();
    }
    if let Some(retry) = retry(status) {
        // What is at work is in a retry's way, or does just that.
        return if status.is_at_work { format!("dlgrid watch {name}") } else { retry };
    }
    if let Some(cause) = status.causes.iter().find(|c| c.state == State::Failed) {
        return format!("dlgrid logs {name} {}", cause.example);
    }
    if let Some(array) = status.arrays.iter().find(|array| array.held) {
        return format!("scontrol release {}   (lets go what is held)", array.job);
    }
    if status.counts.ended() > 0 {
        format!("dlgrid report {name}")
    } else {
        format!("dlgrid status {name}")
    }
}

/// The retry that would help, and what it does.
fn retry(status: &Status) -> Option<String> {
    let name = clean(&status.sweep.typed);
    let time = if status.missing > 0 { status.short.time } else { 0 };
    // What is trained on this machine is given all that it has.
    let more = [(status.short.memory, "--oom"), (time, "--timeout")];
    if let Some((runs, option)) = more.into_iter().find(|(runs, _)| *runs > 0 && status.on_slurm) {
        let runs = plural(runs, "run");
        return Some(format!("dlgrid retry {name} {option}   (asks for more, for {runs})"));
    }
    let why = match (status.missing, status.short.memory) {
        (0, 0) => return None,
        (0, short) => format!("{} again that ran out of memory", plural(short, "run")),
        (missing, _) => format!("the {} missing", plural(missing, "run")),
    };
    Some(format!("dlgrid retry {name}   (trains {why})"))
}
