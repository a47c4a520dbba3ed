//! The live view as a value: what happened goes in, what is to be shown and done comes out.
use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use dlgrid_sweep::judge::State;
use dlgrid_sweep::report::Cause;
use dlgrid_sweep::report::live::{Live, News};
use dlgrid_sweep::text::{clean, plural};

use super::curve::Curve;

/// Events that are kept.
const KEPT: usize = 500;
/// Lines of a log that are asked for.
pub const LOG_LINES: usize = 500;
/// Seconds for which a message stays.
const STAYS: f64 = 12.0;
/// From so many columns on, lists and pictures stand side by side.
pub const WIDE: u16 = 110;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has so many columns and rows.
    Resized(u16, u16),
    /// The sweep changed.
    Looked(Box<Live>, Vec<News>),
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
            Event::Log(index, lines) => {
                // One that was left meanwhile stays left.
                if let Over::Log { index: shown, below, .. } = &self.over
                    && *shown == index
                {
                    let below = (*below).min(lines.len());
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
        let mut effects = Vec::new();
        if let Over::Log { index, .. } = &self.over
            && running(*index)
        {
            effects.push(Effect::ReadLog(*index));
        }
        self.live = Some(live);
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

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => vec![Effect::Quit],
                _ => Vec::new(),
            };
        }
        match std::mem::replace(&mut self.over, Over::Nothing) {
            Over::Nothing => self.command_key(key.code),
            Over::Help => Vec::new(),
            Over::Filter(text) => self.filter_key(text, key.code),
            Over::Confirm(command, _) => match key.code {
                KeyCode::Char('y') => {
                    self.commands.push(command);
                    self.message = None;
                    let is_local = self.live.as_ref().is_some_and(|live| !live.on_slurm);
                    vec![Effect::Start(command, is_local && command == "retry")]
                }
                _ => self.say(format!("{command}: not done"), false),
            },
            Over::Log { index, lines, below } => self.log_key(index, lines, below, key.code),
        }
    }

    fn filter_key(&mut self, mut text: String, key: KeyCode) -> Vec<Effect> {
        match key {
            KeyCode::Enter => {
                let filter = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
                self.before = std::mem::replace(&mut self.filter, filter.clone());
                return vec![Effect::Filter(filter)];
            }
            KeyCode::Esc => return Vec::new(),
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(c) => text.push(c),
            _ => {}
        }
        self.over = Over::Filter(text);
        Vec::new()
    }

    fn log_key(
        &mut self,
        index: u64,
        lines: Vec<String>,
        below: usize,
        key: KeyCode,
    ) -> Vec<Effect> {
        let page = usize::from(self.size.1.saturating_sub(4)).max(1);
        let most = lines.len().saturating_sub(page);
        let below = match key {
            KeyCode::Char('q' | 'l') | KeyCode::Esc | KeyCode::Enter => return Vec::new(),
            KeyCode::Up | KeyCode::Char('k') => (below + 1).min(most),
            KeyCode::Down | KeyCode::Char('j') => below.saturating_sub(1),
            KeyCode::PageUp => (below + page).min(most),
            KeyCode::PageDown | KeyCode::Char(' ') => below.saturating_sub(page),
            KeyCode::Home => most,
            KeyCode::End => 0,
            _ => below,
        };
        self.over = Over::Log { index, lines, below };
        Vec::new()
    }

    fn command_key(&mut self, key: KeyCode) -> Vec<Effect> {
        match key {
            KeyCode::Char('q') => return vec![Effect::Quit],
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.over = Over::Help,
            KeyCode::Char(digit @ '1'..='5') => {
                self.view = VIEWS[digit as usize - '1' as usize];
                return self.want_curve();
            }
            KeyCode::Tab | KeyCode::Right => return self.turn(1),
            KeyCode::BackTab | KeyCode::Left => return self.turn(VIEWS.len() - 1),
            KeyCode::Up | KeyCode::Char('k') => return self.choose(|at, _| at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => {
                return self.choose(|at, last| (at + 1).min(last));
            }
            KeyCode::PageUp => return self.choose(|at, _| at.saturating_sub(10)),
            KeyCode::PageDown => return self.choose(|at, last| (at + 10).min(last)),
            KeyCode::Home => return self.choose(|_, _| 0),
            KeyCode::End => return self.choose(|_, last| last),
            KeyCode::Char('l') | KeyCode::Enter => {
                let Some(index) = self.run() else {
                    return self.say("choose a run first: its log is shown".into(), false);
                };
                self.over = Over::Log { index, lines: vec!["reading …".into()], below: 0 };
                return vec![Effect::ReadLog(index)];
            }
            KeyCode::Char('g') => {
                self.shows_curve = !self.shows_curve;
                return self.want_curve();
            }
            KeyCode::Char('/') => {
                self.over = Over::Filter(self.filter.clone().unwrap_or_default());
            }
            KeyCode::Esc if self.filter.is_some() => {
                self.filter = None;
                return vec![Effect::Filter(None)];
            }
            KeyCode::Char('c') => return self.confirm("cancel"),
            KeyCode::Char('r') => return self.confirm("retry"),
            _ => {}
        }
        Vec::new()
    }

    fn turn(&mut self, by: usize) -> Vec<Effect> {
        self.view = VIEWS[(self.view as usize + by) % VIEWS.len()];
        self.want_curve()
    }

    fn choose(&mut self, to: impl Fn(usize, usize) -> usize) -> Vec<Effect> {
        let last = self.lines(self.view).saturating_sub(1);
        let chosen = &mut self.chosen[self.view as usize];
        *chosen = to(*chosen, last);
        self.want_curve()
    }

    /// Asks before a command is started, or says why there is nothing to do.
    fn confirm(&mut self, command: &'static str) -> Vec<Effect> {
        let Some(live) = &self.live else { return Vec::new() };
        // A retry on this machine is at work until the sweep is over: it can be cancelled.
        let in_the_way = |other: &&&str| !(command == "cancel" && **other == "retry");
        if let Some(running) = self.commands.iter().find(in_the_way) {
            return self.say(format!("{running} is still at work"), false);
        }
        let counts = &live.status.counts;
        let open = counts.idle() + counts.get(State::Running);
        let asks = match command {
            "cancel" if !live.is_busy => Err("nothing works on it".to_owned()),
            "cancel" => Ok(format!(
                "stop the sweep? {} stay open, those at work are saved",
                plural(open, "run")
            )),
            _ if live.is_busy && !live.on_slurm => {
                Err("it is being worked on: retry once that is over".to_owned())
            }
            _ => {
                let (failed, missing) = (counts.get(State::Failed), live.status.missing);
                let left_out = counts.get(State::LeftOut);
                let parts = [(failed, "failed"), (missing, "missing"), (left_out, "left out")];
                let parts: Vec<String> = parts
                    .iter()
                    .filter(|(runs, _)| *runs > 0)
                    .map(|(runs, word)| format!("{runs} {word}"))
                    .collect();
                match parts.is_empty() {
                    true => Err("nothing failed, and nothing is missing".to_owned()),
                    false => Ok(format!("train again {}?", parts.join(", "))),
                }
            }
        };
        match asks {
            Ok(question) => {
                self.over = Over::Confirm(command, question);
                Vec::new()
            }
            Err(why) => self.say(why, false),
        }
    }
}
