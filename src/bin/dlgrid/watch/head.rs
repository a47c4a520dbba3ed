//! The head of the live view: how far the sweep is, how fast it goes, and which trial leads.
use dlgrid_sweep::judge::State;
use dlgrid_sweep::report::live::{Live, words};
use dlgrid_sweep::report::status::number;
use dlgrid_sweep::terminal::Tone;
use dlgrid_sweep::text::{clean, cut, duration, grouped, plural};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::Model;
use super::screen::{Palette, fitted};

/// Draws the four lines over the lists.
pub fn draw(frame: &mut Frame, area: Rect, model: &Model, palette: Palette) {
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
    let name = Span::styled(clean(&status.sweep.name).into_owned(), palette.of(Tone::Strong));
    let name = fitted(Line::from(name), room / 2);
    let what = Line::from(format!("{goal} {}", clean(&aim.metric)));
    let what = fitted(what, room.saturating_sub(name.width() + 2));
    let gap = room.saturating_sub(name.width() + what.width());
    let mut spans = name.spans;
    spans.push(Span::raw("  "));
    spans.extend(what.spans);
    spans.push(Span::raw(" ".repeat(gap)));
    spans.push(Span::styled(place, palette.of(tone)));
    Line::from(spans)
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
        vec![Span::styled(bars, palette.of(Tone::Less)), Span::raw(format!(" {}", an_hour(rate)))];
    if let Some(seconds) = live.rate.seconds_for(open) {
        spans.push(Span::raw(format!(", {} left", duration(seconds))));
    }
    spans
}

/// Runs an hour; of less than one, in what time there is one.
fn an_hour(rate: f64) -> String {
    match rate {
        rate if rate >= 9.95 => format!("{rate:.0}/h"),
        rate if rate >= 0.95 => format!("{rate:.1}/h"),
        rate => format!("1 in {}", duration(3600.0 / rate)),
    }
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

#[expect(clippy::cast_precision_loss, reason = "a share")]
const fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_sweeps_have_a_rate_too() {
        let rates = [1234.4, 10.0, 9.9, 1.04, 0.24].map(an_hour);
        assert_eq!(rates, ["1234/h", "10/h", "9.9/h", "1.0/h", "1 in 4h 10m"]);
    }
}
