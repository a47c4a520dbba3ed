//! Learning curves of the best trials: the mean over their runs, in a band from the least to the
//! most.
use super::super::trace::Trace;
use super::super::{Report, Row};
use super::axis::Axis;
use super::board::label;
use super::svg::Svg;
use super::{Picture, with_curves};
use crate::store::curves::Curves;
use crate::text::cut;

/// Pixels: the whole, and what lies around the lines.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 450.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 316.0;

/// The least, mean and most of each epoch.
type Band = Vec<(f64, [f64; 3])>;

/// The picture; nothing where no run of a trial has two epochs.
pub(super) fn draw(report: &Report, curves: &Curves) -> Option<Picture> {
    let metric = &report.aim.metric;
    let bands: Vec<(String, Band)> = with_curves(report)
        .map(|row| (label(report, row), band(row, metric, curves)))
        .filter(|(_, b)| b.len() > 1)
        .collect();
    let all = || bands.iter().flat_map(|(_, band)| band);
    let last = all().map(|(epoch, _)| *epoch).fold(1.0, f64::max);
    let across = Axis::over([1.0, last], LEFT, RIGHT)?;
    let up = Axis::over(all().flat_map(|(_, three)| *three), BOTTOM, TOP)?;
    let title = format!("{}: {metric} by epoch, of the best trials", report.sweep.name);
    let mut svg = Svg::new(WIDTH, HEIGHT, &title);
    svg.text((LEFT, 18.0), "head", &format!("{metric} by epoch"));
    for (y, word) in up.marks(5.0) {
        svg.line((LEFT, up.at(y)), (RIGHT, up.at(y)), "grid");
        svg.text((LEFT - 8.0, up.at(y) + 4.0), "dim end", &word);
    }
    for (x, word) in across.marks(8.0).into_iter().filter(|(x, _)| x.fract() == 0.0) {
        let word = word.split('.').next().unwrap_or_default();
        svg.text((across.at(x), BOTTOM + 18.0), "dim middle", word);
    }
    svg.text(((LEFT + RIGHT) / 2.0, BOTTOM + 36.0), "dim middle", "epoch");
    for (place, (name, band)) in bands.iter().enumerate().rev() {
        let at = |of: usize| band.iter().map(move |(x, three)| (across.at(*x), up.at(three[of])));
        let around: Vec<(f64, f64)> = at(0).chain(at(2).rev()).collect();
        svg.path(&around, true, &format!("band b{place}"));
        svg.path(&at(1).collect::<Vec<_>>(), false, &format!("line l{place}"));
        #[expect(clippy::cast_precision_loss, reason = "five at most")]
        let y = TOP + 12.0 + 20.0 * place as f64;
        svg.line((RIGHT + 12.0, y), (RIGHT + 28.0, y), &format!("line l{place}"));
        svg.text((RIGHT + 34.0, y + 4.0), "", &cut(name, 40));
    }
    Some(Picture { file: "curves.svg", alt: title, svg: svg.finish() })
}

fn band(row: &Row, metric: &str, curves: &Curves) -> Band {
    let trace = Trace::of(row, curves);
    let points = trace.epochs.iter().zip(trace.line(metric));
    points
        .filter_map(|(epoch, p)| Some((f64::from(*epoch), p.map(|p| [p.low, p.mean, p.high])?)))
        .collect()
}
