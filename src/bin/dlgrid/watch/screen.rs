//! The screen of the live view, drawn from the model alone.
use dlgrid_sweep::judge::State;
use dlgrid_sweep::terminal::Tone;
use dlgrid_sweep::text::{clean, grouped};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph, Wrap};

use super::model::{Model, Over, VIEWS, View};
use super::{chart, head, panes};

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

/// A thin line with a title over what follows, in so many columns.
pub fn frame_of(title: Line<'static>, width: u16, palette: Palette) -> Block<'static> {
    let title = fitted(title, usize::from(width));
    Block::new().borders(Borders::TOP).border_style(palette.of(Tone::Less)).title(title)
}

/// What does not fit ends in `…`.
pub fn fitted(line: Line<'static>, room: usize) -> Line<'static> {
    if line.width() <= room {
        return line;
    }
    let mut left = room.saturating_sub(1);
    let mut spans: Vec<Span<'static>> = Vec::new();
    for span in &line.spans {
        let wide = |c: &char| {
            let width = Span::raw(c.to_string()).width();
            let fits = width <= left;
            left = if fits { left - width } else { 0 };
            fits
        };
        let kept: String = span.content.chars().take_while(wide).collect();
        spans.push(Span::styled(kept, span.style));
    }
    spans.push(Span::raw("…"));
    Line { spans, ..line }
}

/// Draws the whole screen.
pub fn draw(frame: &mut Frame, model: &Model, palette: Palette) {
    let area = frame.area();
    let [head_area, body, foot] =
        Layout::vertical([Constraint::Length(4), Constraint::Fill(1), Constraint::Length(1)])
            .areas(area);
    head::draw(frame, head_area, model, palette);
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
        what_happened(frame, events, model, palette);
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
    // A list that leaves half of its room empty yields it to what happened.
    let taken = model.lines(model.view).max(1) + 2;
    let is_short = taken <= usize::from(lists.height - lists.height / 2);
    let rows = if is_short && model.view != View::Events { lists.height / 2 } else { 0 };
    let [lists, events] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(rows)]).areas(lists);
    list(frame, lists, model, palette);
    what_happened(frame, events, model, palette);
}

/// The newest events, where there is room for some.
fn what_happened(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    if area.height < 3 {
        return;
    }
    let block = frame_of(Line::from("what happened "), area.width, palette);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    panes::draw(frame, inner, View::Events, model, palette);
}

fn best_so_far(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    let Some(live) = &model.live else { return };
    let metric = clean(&live.status.aim.metric).into_owned();
    let filter = model.filter.as_deref().map_or_else(String::new, |f| format!(" where {f}"));
    let title = format!("{metric}: each run, and the best so far{filter} ");
    let empty = panes::no_run(model.filter.as_deref(), "is done yet");
    chart::course(frame, area, (&live.course, empty), Line::from(title), palette);
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
    let curve = shown.ok_or(if model.run().is_some() { "reading …" } else { "" });
    chart::curve(frame, area, curve, title, palette);
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
            (View::Runs, Some(live)) if model.filter.is_none() => {
                live.status.counts.get(State::Running)
            }
            (View::Failures, _) => model.causes().map(|cause| cause.runs).sum(),
            _ => lines as u64,
        };
        let mark = if view == model.view { "▸" } else { " " };
        spans.push(Span::styled(
            format!("{mark}{number} {name} {} ", grouped(count)),
            palette.of(tone),
        ));
    }
    let block = frame_of(Line::from(spans), area.width, palette);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    panes::draw(frame, inner, model.view, model, palette);
}

fn log(
    frame: &mut Frame,
    area: Rect,
    index: u64,
    lines: &[String],
    below: usize,
    palette: Palette,
) {
    let block = frame_of(Line::from(format!("log of run {index} ")), area.width, palette);
    let inner = block.inner(area);
    let room = usize::from(inner.height);
    let end = lines.len().saturating_sub(below).max(room.min(lines.len()));
    let shown = &lines[end.saturating_sub(room)..end];
    let text: Vec<Line<'static>> = shown
        .iter()
        .map(|line| fitted(Line::from(line.clone()), usize::from(inner.width)))
        .collect();
    frame.render_widget(block, area);
    frame.render_widget(Paragraph::new(text), inner);
}

fn footer(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
    let keys = |text: &'static str| Line::styled(text, palette.of(Tone::Less));
    let line = match (&model.over, &model.message, model.commands.last()) {
        (Over::Filter(text), ..) => Line::from(vec![
            Span::styled("show runs where: ", palette.of(Tone::Strong)),
            Span::raw(end_of(text, usize::from(area.width).saturating_sub(19))),
            Span::styled(" ", palette.chosen()),
            Span::styled("  such as lr < 0.01 and seed == 0", palette.of(Tone::Less)),
        ]),
        (Over::Confirm(_, question), ..) => Line::from(vec![
            Span::styled(question.clone(), palette.of(Tone::Strong)),
            Span::styled("  y yes, n no", palette.of(Tone::Less)),
        ]),
        (Over::Log { .. }, ..) => keys("↑↓ PgUp PgDn Home End  q back"),
        (Over::Help, ..) => keys("any key goes back"),
        (_, Some(message), _) => {
            let tone = if message.is_bad { Tone::Bad } else { Tone::Plain };
            Line::styled(message.text.clone(), palette.of(tone))
        }
        (_, None, Some(command)) => Line::styled(format!("{command} …"), palette.of(Tone::Busy)),
        _ if model.filter.is_some() => {
            keys("q quit  l log  g curve  / filter  Esc no filter  c cancel  r retry  ? help")
        }
        _ => keys("q quit  1-5 lists  l log  g curve  / filter  c cancel  r retry  ? help"),
    };
    frame.render_widget(fitted(line, usize::from(area.width)), area);
}

/// What is typed now stays in sight.
fn end_of(text: &str, room: usize) -> String {
    let letters = text.chars().count();
    if letters <= room {
        return text.to_owned();
    }
    let left_out = letters - room.saturating_sub(1);
    std::iter::once('…').chain(text.chars().skip(left_out)).collect()
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
