//! The pictures of the live view: the best so far, and the curve of a run.
use dlgrid_sweep::report::live::Course;
use dlgrid_sweep::terminal::Tone;
use dlgrid_sweep::text::Digits;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType};

use super::curve::Curve;
use super::screen::{Palette, frame_of};

/// From this ratio of the largest to the smallest value on, the axis is logarithmic.
const DECADES: f64 = 100.0;
/// So many runs are large dots; of more each is a small one.
const FEW: usize = 150;

/// An axis of values: plain, or logarithmic where they are positive and far apart.
struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
}

impl Scale {
    fn of(low: f64, high: f64) -> Self {
        let is_log = low > 0.0 && high / low >= DECADES;
        if is_log {
            return Self { low: low.log10(), high: high.log10(), is_log };
        }
        let high = if high > low { high } else { low + low.abs().max(1.0) * 0.1 };
        Self { low, high, is_log }
    }

    fn place(&self, value: f64) -> f64 {
        if self.is_log { value.max(f64::MIN_POSITIVE).log10() } else { value }
    }

    fn points(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        points.iter().map(|(x, y)| (*x, self.place(*y).clamp(self.low, self.high))).collect()
    }

    fn labels(&self) -> Vec<String> {
        let value = |at: f64| if self.is_log { 10f64.powf(at) } else { at };
        let values = [self.low, (self.low + self.high) / 2.0, self.high].map(value);
        // All with the same digits; of a logarithmic one each with its own.
        let digits = Digits::for_all(values);
        let write =
            |x: f64| if self.is_log { Digits::for_all([x]).write(x) } else { digits.write(x) };
        values.map(write).into()
    }
}

/// The objective of each run in the order of their ends, and the best of them so far; what is said
/// where there is none.
pub fn course(
    frame: &mut Frame,
    area: Rect,
    (course, empty): (&Course, String),
    title: Line<'static>,
    palette: Palette,
) {
    let block = frame_of(title, area.width, palette);
    let Some((low, high)) = course.bounds() else {
        let text = Line::styled(empty, palette.of(Tone::Less));
        frame.render_widget(ratatui::widgets::Paragraph::new(text).block(block), area);
        return;
    };
    // A margin must not take the way to a logarithmic axis, nor lead below zero where nothing is.
    let least = course.dots.iter().chain(&course.best).map(|dot| dot.1).fold(high, f64::min);
    let scale = Scale::of(if low <= 0.0 && least >= 0.0 { least } else { low }, high);
    let (dots, best) = (scale.points(&course.dots), scale.points(&course.best));
    let dot = if course.dots.len() > FEW { Marker::Braille } else { Marker::Dot };
    let sets = vec![
        set(&dots, GraphType::Scatter, palette.of(Tone::Less)).marker(dot),
        set(&best, GraphType::Line, palette.of(Tone::Good)),
    ];
    let runs = course.runs.max(2);
    #[expect(clippy::cast_precision_loss, reason = "a number of runs")]
    let x = axis((1.0, runs as f64), ["1".into(), format!("{} runs", course.runs)], palette);
    let chart = Chart::new(sets).block(block).x_axis(x).y_axis(values(&scale, palette));
    frame.render_widget(chart, area);
}

/// The curve of a run, or what is said instead.
pub fn curve(
    frame: &mut Frame,
    area: Rect,
    curve: Result<&Curve, &'static str>,
    title: Line<'static>,
    palette: Palette,
) {
    let block = frame_of(title, area.width, palette);
    let curve = match curve {
        Ok(curve) if curve.lines.is_empty() => Err("no epoch of this run is written down yet"),
        curve => curve,
    };
    let curve = match curve {
        Ok(curve) => curve,
        Err(text) => {
            let text = Line::styled(text, palette.of(Tone::Less));
            frame.render_widget(ratatui::widgets::Paragraph::new(text).block(block), area);
            return;
        }
    };
    let all = || curve.lines.iter().flat_map(|(_, points)| points);
    let low = all().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = all().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let (first, last) =
        (all().map(|p| p.0).fold(f64::INFINITY, f64::min), all().map(|p| p.0).fold(0.0, f64::max));
    let scale = Scale::of(low, high);
    let lines: Vec<Vec<(f64, f64)>> =
        curve.lines.iter().map(|(_, points)| scale.points(points)).collect();
    let styles = [palette.of(Tone::Good), palette.of(Tone::Less)];
    let mut sets: Vec<Dataset<'_>> =
        lines.iter().zip(styles).map(|(line, style)| set(line, GraphType::Line, style)).collect();
    // What matters is drawn over what stands beside it.
    sets.reverse();
    let x = axis(
        (first, last.max(first + 1.0)),
        [format!("{first}"), format!("epoch {last}")],
        palette,
    );
    let chart = Chart::new(sets).block(block).x_axis(x).y_axis(values(&scale, palette));
    frame.render_widget(chart, area);
}

fn set(points: &[(f64, f64)], kind: GraphType, style: Style) -> Dataset<'_> {
    Dataset::default().data(points).graph_type(kind).marker(Marker::Braille).style(style)
}

fn axis(bounds: (f64, f64), labels: [String; 2], palette: Palette) -> Axis<'static> {
    Axis::default().bounds([bounds.0, bounds.1]).labels(labels).style(palette.of(Tone::Less))
}

fn values(scale: &Scale, palette: Palette) -> Axis<'static> {
    Axis::default()
        .bounds([scale.low, scale.high])
        .labels(scale.labels())
        .style(palette.of(Tone::Less))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_far_apart_stand_on_a_logarithmic_axis() {
        assert_eq!(Scale::of(0.5, 0.9).labels(), ["0.5000", "0.7000", "0.9000"]);
        let far = Scale::of(0.01, 100.0);
        assert_eq!(far.labels(), ["0.01000", "1.0000", "100.00"]);
        assert!((far.place(1.0)).abs() < 1e-12);
        let level = Scale::of(2.0, 2.0);
        assert!(level.high > level.low);
    }
}
