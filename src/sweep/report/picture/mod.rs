//! Pictures of a report as SVG, for a README or a thesis: the leaderboard with its spread, what
//! matters, and the learning curves of the best. Light or dark as the reader has it; no script, no
//! font and no address in them.
mod axis;
mod bars;
mod board;
mod curves;
mod svg;

use super::{Report, Row};
use crate::store::curves::Curves;

/// What every picture of dlgrid's begins with, by which it is known again.
pub const MARK: &str = "<!-- picture by dlgrid -->";

/// Trials whose curves are drawn, at most.
const CURVES: usize = 5;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The name of its file.
    pub file: &'static str,
    /// What it shows, for those who can't see it.
    pub alt: String,
    /// The file's content.
    pub svg: String,
}

/// The pictures of a report whose rows have their runs: those for which it has something to show.
/// `curves` has those of the trials of [`with_curves`].
#[must_use]
pub fn pictures(report: &Report, curves: &Curves) -> Vec<Picture> {
    [board::draw(report), bars::draw(report), curves::draw(report, curves)]
        .into_iter()
        .flatten()
        .collect()
}

/// The trials whose curves are drawn: the first five that have a rank.
pub fn with_curves(report: &Report) -> impl Iterator<Item = &Row> {
    report.rows.iter().filter(|row| row.rank.is_some()).take(CURVES)
}

#[cfg(test)]
mod tests;
