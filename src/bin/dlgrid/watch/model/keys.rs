//! What each key of the live view does.
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use dlgrid_sweep::judge::State;
use dlgrid_sweep::text::plural;

use super::{AROUND_LOG, Effect, Model, Over, VIEWS};

impl Model {
    /// What a key does.
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
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
        let page = usize::from(self.size.1.saturating_sub(AROUND_LOG)).max(1);
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
