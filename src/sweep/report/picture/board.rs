//! The leaderboard: each run a dot, the mean with its standard deviation.
use super::super::table::parameter;
use super::super::{Report, Row};
use super::Picture;
use super::axis::Axis;
use super::svg::Svg;
use crate::text::{clean, cut};

/// Trials that are drawn.
const TRIALS: usize = 20;
/// Pixels: of a trial, above and below them, to the left of the numbers, and of the whole.
const STEP: f64 = 22.0;
const HEAD: f64 = 40.0;
const FOOT: f64 = 30.0;
const LEFT: f64 = 330.0;
const WIDTH: f64 = 760.0;

/// The picture; nothing without a result.
pub(super) fn draw(report: &Report) -> Option<Picture> {
    let ranked = report.rows.iter().filter(|row| row.objective.finite().is_some());
    let rows: Vec<&Row> = ranked.take(TRIALS).collect();
    let axis = Axis::over(rows.iter().flat_map(|row| reach(row)), LEFT + 10.0, WIDTH - 20.0)?;
    #[expect(clippy::cast_precision_loss, reason = "twenty at most")]
    let bottom = HEAD + STEP * rows.len() as f64;
    let title = format!("{}: {} of the best trials", report.sweep.name, report.aim.metric);
    let mut svg = Svg::new(WIDTH, bottom + FOOT, &title);
    let goal = if report.aim.maximize { "higher is better" } else { "lower is better" };
    svg.text((LEFT + 10.0, 18.0), "head", &format!("{} ({goal})", report.aim.metric));
    let rounds = report.rounds();
    if rounds.count() > 1 {
        svg.text((WIDTH - 20.0, 18.0), "dim end", &format!("mean ± sd over {rounds}"));
    }
    for (x, word) in axis.marks(5.0) {
        svg.line((axis.at(x), HEAD - 10.0), (axis.at(x), bottom), "grid");
        svg.text((axis.at(x), bottom + 18.0), "dim middle", &word);
    }
    if rows.iter().any(|row| row.is_tied(&report.aim)) {
        svg.text((24.0, bottom + 18.0), "dim", "in colour: noise can't tell it from the first");
    }
    let mut y = HEAD + STEP / 2.0;
    for row in rows {
        trial(&mut svg, report, row, &axis, y);
        y += STEP;
    }
    Some(Picture { file: "leaderboard.svg", alt: title, svg: svg.finish() })
}

/// All numbers that a trial needs room for.
fn reach(row: &Row) -> Vec<f64> {
    let mut numbers: Vec<f64> = row.runs.iter().filter_map(|run| run.objective).collect();
    if let Some(mean) = row.objective.finite() {
        let sd = row.objective.sd.unwrap_or(0.0);
        numbers.extend([mean - sd, mean + sd]);
    }
    numbers
}

fn trial(svg: &mut Svg, report: &Report, row: &Row, axis: &Axis, y: f64) {
    let rank = row.rank.map_or_else(String::new, |rank| rank.to_string());
    svg.text((24.0, y + 4.0), "dim end", &rank);
    svg.text((34.0, y + 4.0), "", &cut(&label(report, row), 48));
    let first_or_tied = row.rank == Some(1) || row.is_tied(&report.aim);
    let class = if first_or_tied { "tied" } else { "other" };
    if row.runs.len() > 1 {
        for x in row.runs.iter().filter_map(|run| run.objective).filter(|x| x.is_finite()) {
            svg.dot((axis.at(x), y), 2.5, if first_or_tied { "faint" } else { "pale" });
        }
    }
    let Some(mean) = row.objective.finite() else { return };
    if let Some(sd) = row.objective.sd {
        svg.line((axis.at(mean - sd), y), (axis.at(mean + sd), y), "whisker");
    }
    svg.dot((axis.at(mean), y), 4.5, class);
}

/// What a trial is: its parameters, as far as they differ among the rows, by their last words.
pub(super) fn label(report: &Report, row: &Row) -> String {
    let differs = |place: usize| {
        let first = report.rows.first().map(|row| &row.parameters[place]);
        report.rows.iter().any(|row| Some(&row.parameters[place]) != first)
    };
    let named = report.parameters.iter().zip(&row.parameters).enumerate();
    let words: Vec<String> = named
        .filter(|(place, (_, value))| value.is_some() && differs(*place))
        .map(|(_, (path, value))| {
            let name = path.rsplit('.').next().unwrap_or(path);
            format!("{} {}", clean(name), parameter(value.as_ref()))
        })
        .collect();
    if words.is_empty() { row.name() } else { words.join(", ") }
}
