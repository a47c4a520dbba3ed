//! The screen of the live view, drawn from the model alone.
use dlgrid_sweep::judge::State;
use dlgrid_sweep::report::live::{Live, words};
use dlgrid_sweep::report::status::number;
use dlgrid_sweep::terminal::Tone;
use dlgrid_sweep::text::{clean, cut, duration, grouped, plural};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Wrap};

use super::model::{Model, Over, VIEWS, View};
use super::{chart, panes};

/// How tones look.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    /// Whether there are colours.
    pub color: bool,
}

impl Palette {
    /// The look of a tone. Without colours what went wrong is bold.
    pub fn of(self, tone: Tone) -> Style {
        let colored = |color| if self.color { Style::new().fg(color) } else { Style::new() };
        match tone {
            Tone::Plain => Style::new(),
            Tone::Less => Style::new().add_modifier(Modifier::DIM),
            Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
            Tone::Good => colored(Color::Green),
            Tone::Busy => colored(Color::Yellow),
            Tone::Bad if self.color => colored(Color::Red),
            Tone::Bad => Style::new().add_modifier(Modifier::BOLD),
        }
    }

    /// The look of the chosen line.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}

/// A thin line with a title over what follows.
pub fn frame_of(title: Line<'_>, palette: Palette) -> Block<'_> {
    Block::new().borders(Borders::TOP).border_style(palette.of(Tone::Less)).title(title)
}

/// Draws the whole screen.
pub fn draw(frame: &mut Frame, model: &Model, palette: Palette) {
    let area = frame.area();
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(4), Constraint::Fill(1), Constraint::Length(1)])
            .areas(area);
    header(frame, head, model, palette);
    match &model.over {
        Over::Log { index, lines, below } => log(frame, body, *index, lines, *below, palette),
        _ => main(frame, body, model, palette),
    }
    footer(frame, foot, model, palette);
    if model.over == Over::Help {
        help(frame, area, palette);
    }
}

/// From so many rows on, what happened stands under the list too.
const TALL: u16 = 24;

/// Pictures over the list; beside it where there is room.
fn main(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    if model.is_wide() {
        let [lists, pictures] =
            Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(2).areas(area);
        let rows =
            if area.height < TALL || model.view == View::Events { 0 } else { area.height / 3 };
        let [lists, events] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(rows)]).areas(lists);
        list(frame, lists, model, palette);
        if rows > 0 {
            let block = frame_of(Line::from("what happened "), palette);
            let inner = block.inner(events);
            frame.render_widget(block, events);
            panes::draw(frame, inner, View::Events, model, palette);
        }
        let [top, bottom] =
            Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(pictures);
        best_so_far(frame, top, model, palette);
        curve(frame, bottom, model, palette);
        return;
    }
    let rows = if area.height < 14 { 0 } else { (area.height * 2 / 5).clamp(7, 14) };
    let [picture, lists] =
        Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(area);
    if rows > 0 && model.shows_curve {
        curve(frame, picture, model, palette);
    } else if rows > 0 {
        best_so_far(frame, picture, model, palette);
    }
    list(frame, lists, model, palette);
}

fn best_so_far(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    let Some(live) = &model.live else { return };
    let metric = clean(&live.status.aim.metric).into_owned();
    let filter = model.filter.as_deref().map_or_else(String::new, |f| format!(" where {f}"));
    let title = format!("{metric}: each run, and the best so far{filter} ");
    chart::course(frame, area, &live.course, Line::from(title), palette);
}

fn curve(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    let shown = model.curve.as_ref().filter(|curve| Some(curve.index) == model.run());
    let title = match (model.run(), shown) {
        (None, _) => Line::from("curve: choose a run "),
        (Some(run), None) => Line::from(format!("curve of run {run} ")),
        (Some(run), Some(curve)) => {
            let mut spans = vec![Span::raw(format!("curve of run {run}: "))];
            for ((name, _), tone) in curve.lines.iter().zip([Tone::Good, Tone::Less]) {
                spans.push(Span::styled(format!("{} ", clean(name)), palette.of(tone)));
            }
            Line::from(spans)
        }
    };
    chart::curve(frame, area, shown, title, palette);
}

/// The names of the lists over the one that is shown.
fn list(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    let mut spans = Vec::new();
    for (number, view) in (1..).zip(VIEWS) {
        let name = match view {
            View::Runs => "runs",
            View::Best => "best",
            View::Failures => "failures",
            View::Tasks => "tasks",
            View::Events => "events",
        };
        let lines = model.lines(view);
        let is_bad = view == View::Failures && lines > 0;
        let tone = match (view == model.view, is_bad) {
            (true, _) => Tone::Strong,
            (false, true) => Tone::Bad,
            (false, false) => Tone::Less,
        };
        let count = match (view, &model.live) {
            (View::Runs, Some(live)) => live.status.counts.get(State::Running),
            (View::Failures, _) => model.causes().map(|cause| cause.runs).sum(),
            _ => lines as u64,
        };
        let mark = if view == model.view { "▸" } else { " " };
        spans.push(Span::styled(
            format!("{mark}{number} {name} {} ", grouped(count)),
            palette.of(tone),
        ));
    }
    let block = frame_of(Line::from(spans), palette);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    panes::draw(frame, inner, model.view, model, palette);
}

fn header(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    let Some(live) = &model.live else { return };
    let width = usize::from(area.width);
    let rows = [
        title(live, width, palette),
        bar(live, width, palette),
        counts(live, palette),
        best(live, width, palette),
    ];
    frame.render_widget(Paragraph::new(rows.to_vec()), area);
    let mut right = pace(live, palette);
    let room = width.saturating_sub(counts(live, palette).width() + 2);
    // The numbers matter more than their picture, and how fast it goes more than when it ends.
    if Line::from(right.clone()).width() > room && !right.is_empty() {
        right.remove(0);
    }
    while Line::from(right.clone()).width() > room {
        right.pop();
    }
    if area.height > 2 {
        let right = Line::from(right).right_aligned();
        frame.render_widget(right, Rect { y: area.y + 2, height: 1, ..area });
    }
}

fn title(live: &Live, width: usize, palette: Palette) -> Line<'static> {
    let (status, aim) = (&live.status, &live.status.aim);
    let goal = if aim.maximize { "maximize" } else { "minimize" };
    let (place, tone) = match (live.is_over(), live.on_slurm, live.is_complete()) {
        (true, _, true) => ("complete", Tone::Good),
        (true, _, false) => ("stopped", Tone::Bad),
        (false, true, _) => ("on Slurm", Tone::Less),
        (false, false, _) => ("on this machine", Tone::Less),
    };
    let room = width.saturating_sub(place.len() + 2);
    let name = cut(&status.sweep.name, room / 2);
    let what =
        cut(&format!("{goal} {}", aim.metric), room.saturating_sub(name.chars().count() + 2));
    let gap = room.saturating_sub(name.chars().count() + what.chars().count());
    Line::from(vec![
        Span::styled(name, palette.of(Tone::Strong)),
        Span::raw("  "),
        Span::raw(what),
        Span::raw(" ".repeat(gap)),
        Span::styled(place, palette.of(tone)),
    ])
}

/// Done, at work, ended badly and open, each with its own sign and colour.
fn bar(live: &Live, width: usize, palette: Palette) -> Line<'static> {
    let counts = &live.status.counts;
    let (ended, total) = (counts.ended(), counts.total());
    let share =
        if total == 0 { 0.0 } else { (1000.0 * float(ended) / float(total)).floor() / 10.0 };
    let text = format!("  {} of {}  {share:.1} %", grouped(ended), plural(total, "run"));
    let cells = width.saturating_sub(text.chars().count());
    let bad = counts.get(State::Diverged) + counts.get(State::Failed) + counts.get(State::Lost);
    let parts = [
        (counts.get(State::Done), "█", Tone::Good),
        (counts.get(State::Running), "▓", Tone::Busy),
        (bad, "x", Tone::Bad),
    ];
    let (mut spans, mut sum, mut drawn) = (Vec::new(), 0u64, 0);
    for (runs, sign, tone) in parts {
        sum += runs;
        let until = usize::try_from(u128::from(sum) * cells as u128 / u128::from(total.max(1)));
        let until = until.unwrap_or(cells);
        spans.push(Span::styled(sign.repeat(until - drawn), palette.of(tone)));
        drawn = until;
    }
    spans.push(Span::styled("░".repeat(cells - drawn), palette.of(Tone::Less)));
    spans.push(Span::raw(text));
    Line::from(spans)
}

fn counts(live: &Live, palette: Palette) -> Line<'static> {
    let mut spans = Vec::new();
    for (state, runs) in live.status.counts.iter().filter(|(_, runs)| *runs > 0) {
        let gap = if spans.is_empty() { "" } else { "  " };
        spans.push(Span::raw(gap));
        spans.push(Span::styled(format!("{} {state}", grouped(runs)), palette.of(state.tone())));
    }
    Line::from(spans)
}

/// Runs an hour with their picture, and the time that is left.
fn pace(live: &Live, palette: Palette) -> Vec<Span<'static>> {
    const STEPS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let counts = &live.status.counts;
    let open = counts.idle() + counts.get(State::Running);
    let Some(rate) = live.rate.an_hour.filter(|_| open > 0 && live.is_busy) else {
        return Vec::new();
    };
    let most = live.rate.bars.iter().copied().max().unwrap_or(0).max(1);
    let step = |bar: &u64| match usize::try_from(bar * 8 / most).unwrap_or(0) {
        0 => " ",
        step => STEPS[step.min(8) - 1],
    };
    let bars: String = live.rate.bars.iter().rev().take(12).rev().map(step).collect();
    let mut spans =
        vec![Span::styled(bars, palette.of(Tone::Less)), Span::raw(format!(" {rate:.0}/h"))];
    if let Some(seconds) = live.rate.seconds_for(open) {
        spans.push(Span::raw(format!(", {} left", duration(seconds))));
    }
    spans
}

fn best(live: &Live, width: usize, palette: Palette) -> Line<'static> {
    if let Some(trouble) = &live.trouble {
        return Line::styled(cut(trouble, width), palette.of(Tone::Bad));
    }
    let Some(row) = &live.status.best else { return Line::default() };
    let value = number(&row.objective);
    let runs = plural(row.objective.n, "run");
    let text = words(&live.status.parameters, &row.parameters);
    let used = 5 + value.chars().count() + 2 + runs.len() + 2 + 8 + 2;
    Line::from(vec![
        Span::raw("best "),
        Span::styled(value, palette.of(Tone::Good)),
        Span::styled(format!("  {runs}  {}  ", row.name()), palette.of(Tone::Less)),
        Span::raw(cut(&text, width.saturating_sub(used).max(1))),
    ])
}

fn log(
    frame: &mut Frame,
    area: Rect,
    index: u64,
    lines: &[String],
    below: usize,
    palette: Palette,
) {
    let block = frame_of(Line::from(format!("log of run {index} ")), palette);
    let inner = block.inner(area);
    let room = usize::from(inner.height);
    let end = lines.len().saturating_sub(below).max(room.min(lines.len()));
    let shown = &lines[end.saturating_sub(room)..end];
    let text: Vec<Line<'_>> = shown.iter().map(|line| Line::from(line.as_str())).collect();
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(text), inner);
}

fn footer(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    let keys = |text: &'static str| Line::styled(text, palette.of(Tone::Less));
    let line = match (&model.over, &model.message, model.command) {
        (Over::Filter(text), ..) => Line::from(vec![
            Span::styled("show runs where: ", palette.of(Tone::Strong)),
            Span::raw(text.clone()),
            Span::styled(" ", palette.chosen()),
            Span::styled("  such as lr < 0.01 and seed == 0", palette.of(Tone::Less)),
        ]),
        (Over::Confirm(_, question), ..) => Line::from(vec![
            Span::styled(question.clone(), palette.of(Tone::Strong)),
            Span::styled("  y yes, n no", palette.of(Tone::Less)),
        ]),
        (Over::Log { .. }, ..) => keys("↑↓ PgUp PgDn Home End  q back"),
        (Over::Help, ..) => keys("any key goes back"),
        (_, Some(message), command) => {
            let tone = if message.is_bad { Tone::Bad } else { Tone::Plain };
            let command = command.map_or_else(String::new, |command| format!("{command}: "));
            Line::styled(format!("{command}{}", message.text), palette.of(tone))
        }
        (_, None, Some(command)) => Line::styled(format!("{command} …"), palette.of(Tone::Busy)),
        _ if model.filter.is_some() => {
            keys("q quit  l log  g curve  / filter  Esc no filter  c cancel  r retry  ? help")
        }
        _ => keys("q quit  1-5 lists  l log  g curve  / filter  c cancel  r retry  ? help"),
    };
    frame.render_widget(line, area);
}

const KEYS: &[(&str, &str)] = &[
    ("1 to 5, Tab", "runs at work, best trials, failures, tasks, events"),
    ("↑ ↓, j k", "choose a line; PgUp, PgDn, Home, End too"),
    ("l, Enter", "the log of the chosen run"),
    ("g", "its curve, or the best so far"),
    ("/", "show only runs and trials for which a condition holds"),
    ("Esc", "show all runs again"),
    ("c", "cancel the sweep (asks first)"),
    ("r", "retry what did not end well (asks first)"),
    ("q, Ctrl-C", "leave; the sweep goes on"),
];

fn help(frame: &mut Frame, area: Rect, palette: Palette) {
    let (width, height) = (area.width.min(72), area.height.min(KEYS.len() as u16 + 6));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    let mut lines: Vec<Line<'_>> = KEYS
        .iter()
        .map(|(key, what)| {
            Line::from(vec![
                Span::styled(format!("{key:<14}"), palette.of(Tone::Strong)),
                Span::raw(*what),
            ])
        })
        .collect();
    let signs = "█ done  ▓ at work  x went wrong  ░ open;  ≈ noise can't tell it from the first";
    lines.extend([Line::default(), Line::styled(signs, palette.of(Tone::Less))]);
    let block = Block::bordered().title(" keys ").border_style(palette.of(Tone::Less));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block).wrap(Wrap { trim: false }), place);
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
const fn float(n: u64) -> f64 {
    n as f64
}
