//! The live view in a terminal: keys, signals and looks go into the model, its screen onto the terminal.
use std::io::IsTerminal as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use crossterm::event::{self, KeyEventKind};
use dlgrid_sweep::report::live::lines;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::text::clean;
use dlgrid_sweep::{exit, host};

use super::command;
use super::look::Looker;
use super::model::{Effect, Event, LOG_LINES, Model};
use super::screen::{Palette, draw};
use super::wish::{Wish, latest};
use crate::show::Terminal;
use crate::talk::{self, talk};

/// What comes in: an event, or that it is over.
enum Input {
    Event(Event),
    /// SIGTERM, SIGHUP, SIGINT or SIGQUIT, or the terminal is gone.
    Stop,
    /// SIGTSTP: the shell is to have the terminal until it lets this go on.
    Pause,
    /// The looker can't go on.
    Broken(Option<anyhow::Error>),
}

/// Whether there is a terminal that can show it.
pub fn is_possible() -> bool {
    let dumb = host::env("TERM").is_none_or(|term| term == "dumb");
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !dumb
}

/// Shows it until it is left; the exit code.
pub fn run(looker: Looker) -> Result<u8> {
    let dir = looker.sweep().dir.clone();
    let (send, inputs) = channel();
    let palette = Palette { color: Terminal::stdout().color };
    stop_on_signals(send.clone())?;
    // A panic restores the terminal before it is told.
    let mut terminal = ratatui::try_init().context("cannot draw on this terminal")?;
    let wishes = look(looker, send.clone());
    read_keys(send.clone());
    let size = terminal.size().map(|size| (size.width, size.height)).unwrap_or((80, 24));
    let mut model = Model::new(size, host::now());
    let shown = show(&mut terminal, &mut model, palette, &Around { dir, inputs, wishes, send });
    ratatui::restore();
    let code = shown?;
    if let Some(live) = &model.live {
        let (counts, sweep) = (&live.status.counts, &live.status.sweep);
        let again = format!("dlgrid watch {}", clean(&sweep.typed));
        let next = if live.is_over() { lines::next(live) } else { again };
        talk(&format!("{}: {counts}\n", clean(&sweep.name)));
        talk::next(&next);
    }
    Ok(code)
}

/// What the loop works with.
struct Around {
    dir: SweepDir,
    inputs: Receiver<Input>,
    wishes: Sender<Wish>,
    send: Sender<Input>,
}

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    model: &mut Model,
    palette: Palette,
    around: &Around,
) -> Result<u8> {
    let mut is_new = true;
    loop {
        if is_new {
            terminal.draw(|frame| draw(frame, model, palette)).context("cannot draw")?;
        }
        let first = match around.inputs.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => Input::Event(Event::Tick),
            Err(RecvTimeoutError::Disconnected) => Input::Stop,
            Ok(input) => input,
        };
        is_new = model.moves();
        let mut next = Some(first);
        while let Some(input) = next {
            is_new |= !matches!(input, Input::Event(Event::Tick | Event::Still));
            match input {
                Input::Stop => return Ok(exit::STOPPED),
                Input::Pause => pause(terminal)?,
                Input::Broken(error) => {
                    return Err(error.unwrap_or_else(|| anyhow!("the look at the sweep broke off")));
                }
                Input::Event(event) => {
                    for effect in model.take(event, host::now()) {
                        if act(effect, around) {
                            return Ok(exit::OK);
                        }
                    }
                }
            }
            next = around.inputs.try_recv().ok().or_else(|| overheard(terminal, model));
        }
    }
}

/// Leaves the terminal as it was, stops, and draws anew once it goes on.
fn pause(terminal: &mut ratatui::DefaultTerminal) -> Result<()> {
    // Restoring alone leaves the cursor hidden.
    terminal.show_cursor().context("cannot draw")?;
    ratatui::restore();
    signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)
        .context("cannot stop")?;
    // A new one knows of nothing drawn, so that all of it is.
    *terminal = ratatui::try_init().context("cannot draw on this terminal")?;
    Ok(())
}

/// The size of the terminal, where it is not the one that the model knows: of two resizes at once the
/// second may not have been told.
fn overheard(terminal: &ratatui::DefaultTerminal, model: &Model) -> Option<Input> {
    let size = terminal.size().ok()?;
    let is_known = (size.width, size.height) == model.size;
    (!is_known).then_some(Input::Event(Event::Resized(size.width, size.height)))
}

/// Does what is to be done; whether that is to leave.
fn act(effect: Effect, around: &Around) -> bool {
    let wish = match effect {
        Effect::Quit => return true,
        Effect::ReadLog(index) => Wish::Log(index),
        Effect::ReadCurve(index) => Wish::Curve(index),
        Effect::Filter(text) => Wish::Filter(text),
        Effect::Start(command, is_local) => {
            let send = around.send.clone();
            let (tell, said) = channel();
            std::thread::spawn(move || {
                said.into_iter().try_for_each(|event| send.send(Input::Event(event)))
            });
            command::start(command, is_local, around.dir.path(), tell);
            return false;
        }
    };
    // A looker that is gone has said so.
    let _sent = around.wishes.send(wish);
    false
}

/// Looks in a thread of its own, so that keys are answered while Slurm is not.
fn look(mut looker: Looker, send: Sender<Input>) -> Sender<Wish> {
    let (wishes, asked) = channel();
    std::thread::spawn(move || {
        let _guard = Guard(send.clone());
        loop {
            let looked = match looker.look() {
                Ok(None) => Event::Still,
                Ok(Some((live, news))) => Event::Looked(Box::new(live), news),
                Err(error) => {
                    drop(send.send(Input::Broken(Some(error))));
                    break;
                }
            };
            if send.send(Input::Event(looked)).is_err() {
                break;
            }
            let until = host::instant() + looker.pause();
            if !fulfil_until(until, &mut looker, &asked, &send) {
                break;
            }
        }
    });
    wishes
}

/// Fulfils wishes until it is time for a look; whether there is still somebody who has some.
fn fulfil_until(
    until: Instant,
    looker: &mut Looker,
    asked: &Receiver<Wish>,
    send: &Sender<Input>,
) -> bool {
    loop {
        let left = until.saturating_duration_since(host::instant());
        let first = match asked.recv_timeout(left) {
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
            Ok(wish) => wish,
        };
        let wishes = latest(std::iter::once(first).chain(asked.try_iter()).collect());
        let looks_now = wishes.iter().any(|wish| matches!(wish, Wish::Filter(_)));
        for wish in wishes {
            if let Some(event) = fulfil(looker, wish) {
                drop(send.send(Input::Event(event)));
            }
        }
        if looks_now {
            return true;
        }
    }
}

fn fulfil(looker: &mut Looker, wish: Wish) -> Option<Event> {
    match wish {
        Wish::Log(index) => Some(Event::Log(index, looker.log(index, LOG_LINES))),
        Wish::Curve(index) => Some(Event::Curve(looker.curve(index))),
        Wish::Filter(text) => looker.filter(text.as_deref()).err().map(Event::NoFilter),
    }
}

/// Says that the looker is gone, also where it panicked.
struct Guard(Sender<Input>);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.send(Input::Broken(None)));
    }
}

fn read_keys(send: Sender<Input>) {
    std::thread::spawn(move || {
        loop {
            let input = match event::read() {
                Ok(event::Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    Input::Event(Event::Key(key))
                }
                Ok(event::Event::Resize(columns, rows)) => {
                    Input::Event(Event::Resized(columns, rows))
                }
                Ok(_) => continue,
                Err(_) => Input::Stop,
            };
            let is_last = matches!(input, Input::Stop);
            if send.send(input).is_err() || is_last {
                return;
            }
        }
    });
}

fn stop_on_signals(send: Sender<Input>) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    let heard = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP];
    let mut signals =
        signal_hook::iterator::Signals::new(heard).context("cannot listen for signals")?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let input = if signal == SIGTSTP { Input::Pause } else { Input::Stop };
            if send.send(input).is_err() {
                return;
            }
        }
    });
    Ok(())
}
