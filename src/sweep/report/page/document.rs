//! The document: what stands in it without any script, its style, its script and its data.
use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use super::{Page, payload};
use crate::html::{base64, escaped};
use crate::report::table::{objectives, parameter};
use crate::report::{Report, Row, tested};
use crate::text::{grouped, plural};

const STYLE: &str = concat!(include_str!("assets/uPlot.min.css"), include_str!("assets/page.css"));
/// The page's own script.
pub(super) const OWN: [&str; 8] = [
    include_str!("assets/core.js"),
    include_str!("assets/filter.js"),
    include_str!("assets/parallel.js"),
    include_str!("assets/table.js"),
    include_str!("assets/curves.js"),
    include_str!("assets/influence.js"),
    include_str!("assets/evidence.js"),
    include_str!("assets/main.js"),
];
/// What it needs, with its licence.
const CHART: &str = concat!(
    "/*! uPlot 1.6.32, MIT licence:\n",
    include_str!("assets/uPlot.LICENSE"),
    "*/\n",
    include_str!("assets/uPlot.iife.min.js"),
);
const BODY: &str = include_str!("assets/page.html");

/// Rows of the board that needs no script.
const ROWS: usize = 20;

/// The page.
#[must_use]
pub fn render(page: &Page<'_>) -> String {
    let script = format!("{CHART}\n(()=>{{\"use strict\";\n{}}})();\n", OWN.concat());
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(&script),
        hash(STYLE)
    );
    let name = escaped(&page.report.sweep.name);
    let about = page.sweep.spec.description.as_deref().map_or_else(String::new, escaped);
    let body = BODY
        .replace("{{name}}", &name)
        .replace("{{about}}", &about)
        .replace("{{verdict}}", &verdict(&page.report))
        .replace("{{board}}", &board(&page.report));
    let data = packed(&payload::payload(page));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"dlgrid {}\">\n<title>{name}: sweep report</title>\n\
         <style>{STYLE}</style>\n</head>\n{body}\
         <script type=\"application/octet-stream\" id=\"data\">{data}</script>\n\
         <script>{script}</script>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// Compressed, in signs that mean nothing to HTML. The fourth level is a third of the sixth's work, for 4 % more.
fn packed(data: &payload::Payload) -> String {
    let bytes = serde_json::to_vec(data).expect("the payload has string keys and no failing part");
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(4));
    let written = writer.write_all(&bytes).and_then(|()| writer.finish());
    base64(&written.expect("writing to memory can't fail"))
}

/// Which settings are best, and how sure that is: two sentences.
pub(super) fn verdict(report: &Report) -> String {
    let Some(first) = report.best() else {
        let whose =
            if report.ranked > 0 { "that is selected has a result." } else { "has a result yet." };
        return format!("<p class=\"answer\">No trial {whose}</p>");
    };
    let best = match first.rank {
        Some(rank) if rank > 1 => {
            format!("Best of those selected (rank {} of all)", grouped(rank))
        }
        _ => "Best".to_owned(),
    };
    let place = report.rows.iter().position(|row| row.point == first.point).unwrap_or(0);
    let settings: Vec<String> = report
        .parameters
        .iter()
        .zip(&first.parameters)
        .filter(|(_, value)| value.is_some())
        .map(|(path, value)| {
            format!(
                "<span class=\"chip\">{} <b>{}</b></span>",
                escaped(path),
                escaped(&parameter(value.as_ref()))
            )
        })
        .collect();
    let reached = objectives(report).get(place).map_or_else(String::new, |s| s.trim().to_owned());
    let test = tested::line(&report.openings).map_or_else(
        || "The test set has not been opened.".to_owned(),
        |line| format!("{}.", line.replacen("test set", "Test set", 1)),
    );
    format!(
        "<p class=\"answer\">{best} is <b class=\"id\">{}</b> with <b class=\"number\">{}</b> \
         {}</p><p class=\"chips\">{}</p><p>{} {}</p>",
        escaped(&first.name()),
        escaped(&reached),
        escaped(&report.aim.metric),
        settings.join(" "),
        escaped(&sure(report, first)),
        escaped(&test)
    )
}

/// How sure it is that the best of the rows is the best.
fn sure(report: &Report, best: &Row) -> String {
    let runs = plural(report.rounds().count(), "run");
    let leader = report.comparison.and_then(|first| Some(first.trial?.short()));
    let first =
        leader.map_or_else(|| "the first of all".into(), |t| format!("{t}, the first of all,"));
    match (report.rounds().count(), report.tied) {
        _ if report.ranked == 1 => "No other trial has a result.".into(),
        _ if best.has_diverged() && best.rank > Some(1) => {
            format!("It ranks behind {first} for runs of it diverged.")
        }
        _ if best.has_diverged() => "Runs of it diverged, as of all others with a result.".into(),
        (1, _) => "Each trial was run once: the order may be chance.".into(),
        _ if best.rank > Some(1) && best.is_tied(&report.aim) => {
            format!("It can't be told from {first} by {runs} each (paired t test, p ≥ 0.05).")
        }
        _ if best.rank > Some(1) => {
            format!("It is worse than {first} by more than noise over {runs}.")
        }
        (_, 0) => format!("All other trials are worse by more than noise over {runs}."),
        (_, tied) => format!(
            "{} can't be told from it by {runs} each (paired t test, p ≥ 0.05).",
            plural(tied, "other trial")
        ),
    }
}

/// The first rows as a plain table, for a reader without scripts.
fn board(report: &Report) -> String {
    let mut out = String::from("<table><thead><tr><th>rank<th>trial");
    report.parameters.iter().for_each(|path| out.push_str(&format!("<th>{}", escaped(path))));
    out.push_str(&format!("<th>{}</thead><tbody>", escaped(&report.aim.metric)));
    for (row, objective) in report.rows.iter().zip(objectives(report)).take(ROWS) {
        let rank = row.rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string());
        out.push_str(&format!("<tr><td>{rank}<td>{}", row.name()));
        for value in &row.parameters {
            out.push_str(&format!("<td>{}", escaped(&parameter(value.as_ref()))));
        }
        out.push_str(&format!("<td>{}", escaped(objective.trim())));
    }
    out + "</tbody></table>"
}
