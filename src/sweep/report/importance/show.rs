//! What matters, of a report: as a table for a terminal, and as JSON.
use serde_json::{Value as Json, json as object};

use super::super::{Report, json as form};
use super::{FEWEST, Importances, Share, encode, of};
use crate::terminal::{Column, Tone, View, lay_out};
use crate::text::{clean, cut, plural};

/// The seed of the forest that a report grows: the same trials tell the same.
const SEED: u64 = 0;
/// Pairs that are told.
const PAIRS: usize = 3;
/// Pairs with a smaller share are not worth a line.
const WORTH: f64 = 0.01;
/// Below this the forest tells too little ahead for its shares to mean much.
const WEAK: f64 = 0.5;
/// Characters of the longest bar.
const BAR: f64 = 30.0;

/// What matters in a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// How the differences between the trials divide; nothing where too few of them count, or
    /// where nothing differs.
    pub found: Option<Importances>,
    /// Trials that do not count.
    pub left_out: u64,
}

impl Told {
    /// What matters among the trials in the rows of a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let encoded = encode(report);
        let found = of(&encoded.points, &encoded.categories, &encoded.objective, SEED);
        Self { found, left_out: encoded.left_out }
    }
}

/// `0.712 ± 0.031`.
pub(in crate::report) fn written(share: Share) -> String {
    format!("{:.3} ± {:.3}", share.mean, share.sd)
}

/// A name and a share for each parameter and the pairs that are worth it, the largest parameter
/// first.
pub(in crate::report) fn lines(found: &Importances, names: &[String]) -> Vec<(String, Share)> {
    let name = |place: usize| names.get(place).map_or_else(String::new, |n| clean(n).into_owned());
    let mut all: Vec<(String, Share)> =
        found.order().into_iter().map(|at| (name(at), found.parameters[at])).collect();
    let worth = found.pairs.iter().filter(|pair| pair.share.mean >= WORTH).take(PAIRS);
    all.extend(worth.map(|p| (format!("{} × {}", name(p.first), name(p.second)), p.share)));
    all
}

/// What must be said with the shares, a sentence each.
pub(in crate::report) fn notes(told: &Told) -> Vec<String> {
    let Some(found) = &told.found else {
        return vec![format!(
            "what matters can't be told: it takes {FEWEST} trials that differ in parameters and result"
        )];
    };
    let mut notes = vec![format!(
        "shares of the variance between {} (fANOVA; ± over the trees of a forest); × together, beyond each",
        plural(found.trials, "trial")
    )];
    let explained = found.explained.clamp(0.0, 1.0);
    let weak = if explained < WEAK { ": read the shares with care" } else { "" };
    notes.push(format!(
        "the forest explains {:.0} % of trials it did not see{weak}",
        100.0 * explained
    ));
    if told.left_out > 0 {
        notes.push(format!("{} without a result left out", plural(told.left_out, "trial")));
    }
    notes
}

/// The table below the leaderboard.
pub(in crate::report) fn table(report: &Report, told: &Told, view: View) -> String {
    let mut out = format!("{}\n\n", view.paint(Tone::Strong, "what matters"));
    if let Some(found) = &told.found {
        let lines = lines(found, &report.parameters);
        let largest = lines.iter().map(|(_, share)| share.mean).fold(1e-9, f64::max);
        let column = |head: &str, right, spare, cells: Vec<String>| Column {
            head: head.into(),
            short: head.into(),
            cells,
            right,
            spare,
            ..Column::default()
        };
        let names = lines.iter().map(|(name, _)| cut(name, 48)).collect();
        let shares = lines.iter().map(|(_, share)| written(*share)).collect();
        let bars = lines.iter().map(|(_, share)| bar(share.mean / largest)).collect();
        let columns = vec![
            column("parameter", false, 0, names),
            column("share", true, 0, shares),
            column("", false, 1, bars),
        ];
        out.push_str(&lay_out(columns, view).0);
    }
    for note in notes(told) {
        out.push_str(&view.paint(Tone::Less, &note));
        out.push('\n');
    }
    out
}

/// A bar in eighths of a character.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 240")]
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * BAR * 8.0).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// `{trials, left_out, explained, parameters: [{parameter, share, sd}], pairs: [{parameters, share,
/// sd}]}`, parameters in the sweep's order, pairs the largest first; null where it can't be told.
pub(in crate::report) fn json(told: &Told, names: &[String]) -> Json {
    let Some(found) = &told.found else { return Json::Null };
    let parameters: Vec<Json> = names
        .iter()
        .zip(&found.parameters)
        .map(|(name, share)| object!({"parameter": name, "share": share.mean, "sd": share.sd}))
        .collect();
    let pairs: Vec<Json> = found
        .pairs
        .iter()
        .map(|pair| {
            let both = [names.get(pair.first), names.get(pair.second)];
            object!({"parameters": both, "share": pair.share.mean, "sd": pair.share.sd})
        })
        .collect();
    object!({"trials": found.trials, "left_out": told.left_out,
             "explained": form::finite(found.explained), "parameters": parameters, "pairs": pairs})
}
