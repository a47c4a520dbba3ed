//! What matters: a bar for each share, with its spread over the trees.
use super::super::{Report, importance};
use super::Picture;
use super::svg::Svg;
use crate::text::cut;

/// Bars that are drawn.
const BARS: usize = 15;
/// Pixels: of a bar, above and below them, to the left of them, and of the whole.
const STEP: f64 = 24.0;
const HEAD: f64 = 36.0;
const FOOT: f64 = 34.0;
const LEFT: f64 = 250.0;
const WIDTH: f64 = 760.0;
const FULL: f64 = 380.0;

/// The picture; nothing where shares were not asked for, or can't be told.
pub(super) fn draw(report: &Report) -> Option<Picture> {
    let found = report.importance.as_ref()?.found.as_ref()?;
    let mut lines = importance::lines(found, &report.parameters);
    lines.truncate(BARS);
    let title = format!("{}: what matters", report.sweep.name);
    #[expect(clippy::cast_precision_loss, reason = "fifteen at most")]
    let bottom = HEAD + STEP * lines.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + FOOT, &title);
    let head = format!("share of the variance of {}", report.aim.metric);
    svg.text((LEFT, 18.0), "head", &head);
    let most = lines.iter().map(|(_, s)| s.mean + s.sd).fold(0.01, f64::max);
    let wide = |share: f64| share.clamp(0.0, most) / most * FULL;
    let mut y = HEAD;
    for (name, share) in lines {
        svg.text((LEFT - 10.0, y + 15.0), "end", &cut(&name, 40));
        svg.rect((LEFT, y + 4.0), (wide(share.mean), STEP - 9.0), "bar");
        let middle = y + 4.0 + (STEP - 9.0) / 2.0;
        let (from, to) = (share.mean - share.sd, share.mean + share.sd);
        svg.line((LEFT + wide(from), middle), (LEFT + wide(to), middle), "whisker");
        let words = format!("{:.0} % ± {:.0}", 100.0 * share.mean, 100.0 * share.sd);
        svg.text((LEFT + wide(to) + 8.0, y + 15.0), "dim", &words);
        y += STEP;
    }
    let explained = 100.0 * found.explained.clamp(0.0, 1.0);
    let foot = format!(
        "fANOVA over {} trials; the forest explains {explained:.0} % of trials it did not see",
        found.trials
    );
    svg.text((LEFT, bottom + 20.0), "dim", &foot);
    Some(Picture { file: "importance.svg", alt: title, svg: svg.finish() })
}
