//! The lists of the live view: runs at work, the best trials, failures, tasks on nodes, what happened.
use dlgrid_sweep::judge::State;
use dlgrid_sweep::report::live::{Live, News, words};
use dlgrid_sweep::terminal::Tone;
use dlgrid_sweep::text::{Digits, clean, cut, duration, grouped};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::model::{Model, View};
use super::screen::{Palette, fitted};

/// A list: heads with their widths, and lines.
struct List {
    /// Head, width (nothing: what is left), and whether it is numbers.
    columns: Vec<(&'static str, Option<u16>, bool)>,
    lines: Vec<Vec<Line<'static>>>,
    /// What is said where there is no line.
    empty: String,
}

/// Columns between two cells.
const GAP: u16 = 2;

/// Draws a list; its chosen line stands out where it is the list that keys act on.
pub fn draw(frame: &mut Frame, area: Rect, view: View, model: &Model, palette: Palette) {
    let Some(live) = &model.live else {
        frame.render_widget(Paragraph::new("reading …").style(palette.of(Tone::Less)), area);
        return;
    };
    let list = match view {
        View::Runs => runs(live, model, palette),
        View::Best => best(live, model, palette),
        View::Failures => failures(model, palette),
        View::Tasks => tasks(live, model.now, palette),
        View::Events => events(model, palette),
    };
    if list.lines.is_empty() {
        frame.render_widget(Paragraph::new(list.empty).style(palette.of(Tone::Less)), area);
        return;
    }
    let fixed: u16 = list.columns.iter().map(|(_, width, _)| width.map_or(0, |w| w + GAP)).sum();
    let room = usize::from(area.width.saturating_sub(fixed));
    let widths = list.columns.iter().map(|(_, width, _)| match width {
        Some(width) => Constraint::Length(*width),
        None => Constraint::Fill(1),
    });
    let head = list.columns.iter().map(|(head, _, right)| side(*head, *right));
    let fit = |cells: Vec<Line<'static>>| {
        let sized = cells.into_iter().zip(&list.columns);
        Row::new(sized.map(|(cell, (_, width, _))| fitted(cell, width.map_or(room, usize::from))))
    };
    let table = Table::new(list.lines.into_iter().map(fit), widths)
        .header(Row::new(head).style(palette.of(Tone::Strong)))
        .row_highlight_style(palette.chosen())
        .column_spacing(GAP);
    let chosen = (view == model.view).then_some(model.chosen[view as usize]);
    let mut state = TableState::default().with_selected(chosen);
    frame.render_stateful_widget(table, area, &mut state);
}

fn side(text: impl Into<Line<'static>>, right: bool) -> Line<'static> {
    let line = text.into();
    if right { line.right_aligned() } else { line }
}

fn left(text: impl Into<String>) -> Line<'static> {
    side(text.into(), false)
}

fn right(text: impl Into<String>) -> Line<'static> {
    side(text.into(), true)
}

/// What is said where no run is like that: of those that a filter admits.
pub fn no_run(filter: Option<&str>, is: &str) -> String {
    match filter {
        Some(filter) => format!("no run for which {} {is}", clean(filter)),
        None => format!("no run {is}"),
    }
}

fn runs(live: &Live, model: &Model, palette: Palette) -> List {
    let folds = live.at_work.iter().any(|run| run.fold.is_some());
    let mut columns =
        vec![("run", Some(7), true), ("trial", Some(8), false), ("seed", Some(5), true)];
    if folds {
        columns.push(("fold", Some(4), true));
    }
    columns.extend([("node", Some(8), false), ("heard", Some(7), true), ("saved", Some(5), true)]);
    columns.push(("parameters", None, false));
    let line = |run: &dlgrid_sweep::report::live::AtWork| {
        let mut cells = vec![
            right(run.index.to_string()),
            left(run.trial.clone()),
            right(run.seed.to_string()),
        ];
        if folds {
            cells.push(right(run.fold.map_or_else(|| "-".into(), |fold| fold.to_string())));
        }
        cells.extend([
            left(cut(&run.node, 8)),
            right(duration((model.now - run.heard).max(0.0))).style(palette.of(Tone::Less)),
            right(run.epoch.map_or_else(|| "-".into(), |epoch| epoch.to_string())),
            left(run.parameters.clone()),
        ]);
        cells
    };
    let empty = match (live.is_busy, live.is_complete(), model.filter.as_deref()) {
        (_, _, Some(filter)) => no_run(Some(filter), "is being trained now"),
        (true, true, None) => "all runs have ended; some are tried again".into(),
        (true, false, None) => no_run(None, "is being trained now"),
        (false, true, None) => "all runs have ended: `dlgrid report` ranks them".into(),
        (false, false, None) => "nothing works on it: r goes on with what is missing".into(),
    };
    List { columns, lines: live.at_work.iter().map(line).collect(), empty }
}

fn best(live: &Live, model: &Model, palette: Palette) -> List {
    let digits = Digits::for_all(live.board.iter().filter_map(|row| row.objective.mean));
    let asked = live.status.rounds.count();
    let columns = vec![
        ("rank", Some(5), true),
        ("trial", Some(8), false),
        ("mean", Some(9), true),
        ("sd", Some(8), true),
        ("runs", Some(7), true),
        ("parameters", None, false),
    ];
    let line = |row: &dlgrid_sweep::report::Row| {
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| digits.write(x));
        let mark = if row.is_tied(&live.status.aim) { "≈ " } else { "" };
        let runs = format!("{}/{asked}", row.objective.n);
        let is_partial = row.is_partial(asked);
        vec![
            right(row.rank.map_or_else(|| "-".into(), |rank| format!("{mark}{}", grouped(rank)))),
            left(row.name()),
            right(number(row.objective.mean)),
            right(number(row.objective.sd)).style(palette.of(Tone::Less)),
            right(runs).style(palette.of(if is_partial { Tone::Busy } else { Tone::Less })),
            left(words(&live.status.parameters, &row.parameters)),
        ]
    };
    let lines = live.board.iter().map(line).collect();
    List { columns, lines, empty: no_run(model.filter.as_deref(), "has ended yet") }
}

fn failures(model: &Model, palette: Palette) -> List {
    let columns = vec![
        ("runs", Some(6), true),
        ("state", Some(11), false),
        ("such as", Some(7), true),
        ("why", None, false),
    ];
    let line = |cause: &dlgrid_sweep::report::Cause| {
        let places = cause.places().map_or_else(String::new, |places| format!("  {places}"));
        vec![
            right(grouped(cause.runs)),
            left(cause.state.word()).style(palette.of(cause.state.tone())),
            right(cause.example.to_string()),
            side(
                Line::from(vec![
                    Span::raw(cause.text.clone()),
                    Span::styled(places, palette.of(Tone::Less)),
                ]),
                false,
            ),
        ]
    };
    List { columns, lines: model.causes().map(line).collect(), empty: "no run failed".into() }
}

fn tasks(live: &Live, now: f64, palette: Palette) -> List {
    let columns = vec![
        ("node", Some(10), false),
        ("task", Some(12), false),
        ("ended", Some(9), true),
        ("for", Some(7), true),
        ("what", None, false),
    ];
    let at_work = live.tasks.iter().map(|task| {
        let mut what = format!("slices {}", task.slices);
        if task.restarts > 0 {
            what.push_str(&format!(", started {} times", task.restarts + 1));
        }
        if task.is_full {
            what.push_str(", its memory is nearly full");
        }
        vec![
            left(cut(&task.node, 10)),
            left(format!("{}_{}", task.job.0, task.job.1)),
            right(format!("{}/{}", task.ended.0, task.ended.1)),
            right(duration((now - task.since).max(0.0))),
            left(what).style(palette.of(if task.is_full { Tone::Bad } else { Tone::Plain })),
        ]
    });
    let queue = live.status.arrays.iter().map(|array| {
        let state = match (array.running, array.waiting) {
            (running, 0) => format!("{} running", grouped(running)),
            (running, waiting) => {
                let reasons = array.reasons.join(", ");
                format!("{} running, {} waiting: {reasons}", grouped(running), grouped(waiting))
            }
        };
        vec![
            left("queue").style(palette.of(Tone::Less)),
            left(array.job.to_string()),
            left(""),
            right(live.asked.map_or_else(String::new, |then| duration((now - then).max(0.0))))
                .style(palette.of(Tone::Less)),
            left(format!("{}: {state}", array.kind.word())),
        ]
    });
    let empty = match (live.on_slurm, live.is_busy) {
        (false, true) => "it runs on this machine: there are no array tasks",
        (false, false) => "it was never submitted to Slurm",
        (true, _) => "no task of it is in the queue",
    };
    List { columns, lines: at_work.chain(queue).collect(), empty: empty.into() }
}

fn events(model: &Model, palette: Palette) -> List {
    let columns = vec![
        ("ago", Some(7), true),
        ("run", Some(7), true),
        ("state", Some(11), false),
        ("what", None, false),
    ];
    let line = |one: &News| {
        let value = one.objective.map(|x| Digits::for_all([x]).write(x));
        let what = match (&one.why, value) {
            (Some(why), _) => {
                let on = one.node.as_deref().map_or_else(String::new, |node| format!(" on {node}"));
                format!("{why}{on}")
            }
            (None, Some(value)) => format!("{value}  {}", one.parameters),
            (None, None) => one.parameters.clone(),
        };
        let (state, tone) = match (one.state, one.is_best) {
            (State::Done, true) => ("best so far", Tone::Good),
            (State::Done, false) => ("done", Tone::Less),
            (state, _) => (state.word(), state.tone()),
        };
        vec![
            right(duration((model.now - one.time).max(0.0))).style(palette.of(Tone::Less)),
            right(one.index.to_string()),
            left(state).style(palette.of(tone)),
            left(what),
        ]
    };
    List {
        columns,
        lines: model.events.iter().map(line).collect(),
        empty: "nothing has happened since this view was opened".into(),
    }
}
