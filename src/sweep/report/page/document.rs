//! The document: what stands in it without any script, its style, its script and its data.
use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use super::{Page, payload};
use crate::html::{base64, escaped};
use crate::report::table::{objectives, parameter};
use crate::report::{Report, tested};
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
fn verdict(report: &Report) -> String {
    let Some(first) = report.rows.iter().find(|row| row.rank == Some(1)) else {
        return "<p class=\"answer\">No trial has a result yet.</p>".into();
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
    let tied = report.rows.iter().filter(|row| row.is_tied()).count() as u64;
    let sure = match (report.rounds().count(), tied) {
        (1, _) => "Each trial was run once: the order may be chance.".to_owned(),
        (n, 0) => {
            format!("All other trials are worse by more than noise over {}.", plural(n, "run"))
        }
        (n, tied) => format!(
            "{} can't be told from it by {} each (paired t test, p ≥ 0.05).",
            if tied == 1 {
                "1 other trial".into()
            } else {
                format!("{} other trials", grouped(tied))
            },
            plural(n, "run")
        ),
    };
    let test = tested::line(&report.openings).map_or_else(
        || "The test set has not been opened.".to_owned(),
        |line| format!("{}.", line.replacen("test set", "Test set", 1)),
    );
    format!(
        "<p class=\"answer\">Best is <b class=\"id\">{}</b> with <b class=\"number\">{}</b> \
         {}</p><p class=\"chips\">{}</p><p>{} {}</p>",
        escaped(&first.name()),
        escaped(&reached),
        escaped(&report.aim.metric),
        settings.join(" "),
        escaped(&sure),
        escaped(&test)
    )
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
