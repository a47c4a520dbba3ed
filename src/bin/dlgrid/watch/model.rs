//! The live view as a value: what happened goes in, what is to be shown and done comes out.
mod keys;

use std::collections::VecDeque;

use crossterm::event::KeyEvent;
use dlgrid_sweep::judge::State;
use dlgrid_sweep::report::Cause;
use dlgrid_sweep::report::live::{Live, News};
use dlgrid_sweep::text::clean;

use super::curve::Curve;

/// Events that are kept.
const KEPT: usize = 500;
/// Lines of a log that are asked for.
pub const LOG_LINES: usize = 500;
/// Seconds for which a message stays.
const STAYS: f64 = 12.0;
/// From so many columns on, lists and pictures stand side by side.
pub const WIDE: u16 = 110;
/// Rows of the screen that a log does not have: the head, its title and the foot.
pub const AROUND_LOG: u16 = 6;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has so many columns and rows.
    Resized(u16, u16),
    /// The sweep changed.
    Looked(Box<Live>, Vec<News>),
    /// The sweep was looked at, and had not changed.
    Still,
    /// The log of a run was read.
    Log(u64, Vec<String>),
    /// The curve of a run was read.
    Curve(Curve),
    /// A filter can't be one, for this reason; the one before it stays.
    NoFilter(String),
    /// A command said something.
    Said(&'static str, String),
    /// A command ended with this code.
    Ended(&'static str, i32),
    /// Time passed.
    Tick,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Read the log of a run.
    ReadLog(u64),
    /// Read the curve of a run.
    ReadCurve(u64),
    /// Show only runs for which this holds.
    Filter(Option<String>),
    /// Start this command of dlgrid for the sweep, on this machine where so.
    Start(&'static str, bool),
}

/// What the list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Runs at work.
    Runs,
    /// The best trials.
    Best,
    /// Causes for which runs failed or stopped.
    Failures,
    /// Array tasks on nodes, and what waits.
    Tasks,
    /// What happened, the newest first.
    Events,
}

/// All views, in the order of their keys.
pub const VIEWS: [View; 5] = [View::Runs, View::Best, View::Failures, View::Tasks, View::Events];

/// What stands over the lists, or takes the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    Nothing,
    /// The keys.
    Help,
    /// A log: its run, its lines, and how many of them stand below the screen.
    Log { index: u64, lines: Vec<String>, below: usize },
    /// A filter is typed.
    Filter(String),
    /// A command is to be confirmed.
    Confirm(&'static str, String),
}

/// A message at the foot.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What it says.
    pub text: String,
    /// Whether something went wrong.
    pub is_bad: bool,
    until: f64,
}

/// The live view.
#[derive(Debug)]
pub struct Model {
    /// The last look, once there was one.
    pub live: Option<Live>,
    /// What happened, the newest first.
    pub events: VecDeque<News>,
    /// What the list shows.
    pub view: View,
    /// The line that is chosen in each view.
    pub chosen: [usize; VIEWS.len()],
    /// What stands over it.
    pub over: Over,
    /// The filter that holds.
    pub filter: Option<String>,
    /// The one before it: should it be none, that one stays.
    before: Option<String>,
    /// The message at the foot.
    pub message: Option<Message>,
    /// Whether the log that is shown is read once more: its run has ended since it was read.
    log_trails: bool,
    /// The curve that was read last.
    pub curve: Option<Curve>,
    /// Whether one picture shows the curve of a run, where there is room for one only.
    pub shows_curve: bool,
    /// The commands that are at work, the newest last.
    pub commands: Vec<&'static str>,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Seconds since the Unix epoch.
    pub now: f64,
}

/// Lines that came in below those that were read before; of a list that is full as many are gone above.
fn came(before: &[String], now: &[String]) -> usize {
    // The last may have been read while it was written.
    let known = &before[..before.len().saturating_sub(1)];
    let ends_there = |end: &usize| {
        let shared = known.len().min(*end);
        shared > 0 && known[known.len() - shared..] == now[end - shared..*end]
    };
    let end = (1..=now.len()).rev().find(ends_there);
    now.len().saturating_sub(end.map_or(before.len(), |end| end + 1))
}

impl Model {
    /// Before the first look.
    pub fn new(size: (u16, u16), now: f64) -> Self {
        Self {
            live: None,
            events: VecDeque::new(),
            view: View::Runs,
            chosen: [0; VIEWS.len()],
            over: Over::Nothing,
            filter: None,
            before: None,
            message: None,
            log_trails: false,
            curve: None,
            shows_curve: false,
            commands: Vec::new(),
            size,
            now,
        }
    }

    /// Takes in what happened at `now`; what is to be done.
    pub fn take(&mut self, event: Event, now: f64) -> Vec<Effect> {
        self.now = now;
        if self.message.as_ref().is_some_and(|message| message.until < now) {
            self.message = None;
        }
        match event {
            Event::Tick => Vec::new(),
            Event::Resized(columns, rows) => {
                self.size = (columns, rows);
                self.want_curve()
            }
            Event::Looked(live, news) => self.looked(*live, news),
            Event::Still => self.read_log_again(false),
            Event::Log(index, lines) => {
                // One that was left meanwhile stays left.
                if let Over::Log { index: shown, lines: before, below } = &self.over
                    && *shown == index
                {
                    // What is being read stays where it is as lines come in below it.
                    let below =
                        if *below > 0 { below + came(before, &lines) } else { 0 }.min(lines.len());
                    self.over = Over::Log { index, lines, below };
                }
                Vec::new()
            }
            Event::Curve(curve) => {
                self.curve = Some(curve);
                Vec::new()
            }
            Event::NoFilter(why) => {
                self.filter = self.before.take();
                self.say(why, true)
            }
            Event::Said(_, text) if text.trim().is_empty() => Vec::new(),
            Event::Said(command, text) => self.say(format!("{command}: {}", text.trim()), false),
            Event::Ended(command, code) => {
                self.commands.retain(|other| *other != command);
                let is_bad = code != 0;
                match (&self.message, is_bad) {
                    // Its last word stays, and is told in the colour of its end.
                    (Some(message), _) if message.text.starts_with(command) => {
                        let text = message.text.clone();
                        self.say(text, is_bad)
                    }
                    (_, false) => self.say(format!("{command}: done"), false),
                    (_, true) => self.say(format!("{command}: ended with code {code}"), true),
                }
            }
            Event::Key(key) => self.key(key),
        }
    }

    /// Whether the screen changes as time passes.
    pub fn moves(&self) -> bool {
        let at_work = self
            .live
            .as_ref()
            .is_some_and(|live| !live.at_work.is_empty() || !live.tasks.is_empty());
        at_work || self.message.is_some() || !self.events.is_empty()
    }

    /// Whether there is room for lists and pictures side by side.
    pub const fn is_wide(&self) -> bool {
        self.size.0 >= WIDE
    }

    fn looked(&mut self, live: Live, news: Vec<News>) -> Vec<Effect> {
        let is_event = |one: &News| !matches!(one.state, State::Waiting | State::Running);
        for one in news.into_iter().filter(is_event) {
            self.events.push_front(one);
        }
        self.events.truncate(KEPT);
        let running = |index: u64| live.at_work.iter().any(|run| run.index == index);
        let is_stale = match &self.curve {
            Some(curve) => running(curve.index) || curve.lines.is_empty(),
            None => true,
        };
        let was_at_work = self.log().is_some_and(|index| self.is_at_work(index));
        self.live = Some(live);
        let mut effects = self.read_log_again(was_at_work);
        for view in VIEWS {
            let last = self.lines(view).saturating_sub(1);
            let chosen = &mut self.chosen[view as usize];
            *chosen = (*chosen).min(last);
        }
        let is_other = self.curve.as_ref().map(|curve| curve.index) != self.run();
        if is_stale || is_other {
            effects.extend(self.want_curve());
        }
        effects
    }

    /// The run of which the log is shown.
    const fn log(&self) -> Option<u64> {
        match &self.over {
            Over::Log { index, .. } => Some(*index),
            _ => None,
        }
    }

    fn is_at_work(&self, index: u64) -> bool {
        self.live.as_ref().is_some_and(|live| {
            live.at_work.iter().any(|run| run.index == index)
                || live.status.running.iter().any(|run| run.index == index)
        })
    }

    /// Reads the log that is shown again: while its run is at work, once more when that has ended, and
    /// once more after that, for its worker's last line follows the end.
    fn read_log_again(&mut self, was_at_work: bool) -> Vec<Effect> {
        let Some(index) = self.log() else { return Vec::new() };
        let is_at_work = self.is_at_work(index);
        let reads = is_at_work || was_at_work || self.log_trails;
        self.log_trails = was_at_work && !is_at_work;
        reads.then_some(Effect::ReadLog(index)).into_iter().collect()
    }

    /// Causes for which runs failed, and for which they stopped for a while.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        self.live.iter().flat_map(|live| live.status.causes.iter().chain(&live.status.pauses))
    }

    /// Lines that a view's list has.
    pub fn lines(&self, view: View) -> usize {
        let Some(live) = &self.live else { return 0 };
        match view {
            View::Runs => live.at_work.len(),
            View::Best => live.board.len(),
            View::Failures => self.causes().count(),
            View::Tasks => live.tasks.len() + live.status.arrays.len(),
            View::Events => self.events.len(),
        }
    }

    /// The run that the chosen line is about, if it is about one.
    pub fn run(&self) -> Option<u64> {
        let live = self.live.as_ref()?;
        let chosen = self.chosen[self.view as usize];
        match self.view {
            View::Runs => live.at_work.get(chosen).map(|run| run.index),
            // A trial's run with its first seed.
            View::Best => live.board.get(chosen).map(|row| row.point),
            View::Failures => self.causes().nth(chosen).map(|cause| cause.example),
            View::Tasks => None,
            View::Events => self.events.get(chosen).map(|event| event.index),
        }
    }

    fn want_curve(&self) -> Vec<Effect> {
        let is_seen = self.is_wide() || self.shows_curve;
        self.run().filter(|_| is_seen).map(Effect::ReadCurve).into_iter().collect()
    }

    fn say(&mut self, text: String, is_bad: bool) -> Vec<Effect> {
        let text = clean(text.trim()).into_owned();
        if !text.is_empty() {
            self.message = Some(Message { text, is_bad, until: self.now + STAYS });
        }
        Vec::new()
    }
}
