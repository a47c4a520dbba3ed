//! An exploration as calm text for a terminal.
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::{Exploration, float};
use crate::recipe::value::short_number;
use crate::text::{clean, cut, grouped};

/// Characters of the longest bar.
const BAR: f64 = 30.0;
/// Columns and classes that are shown.
const LINES: usize = 40;

/// The text; with `color`, four example images, too.
#[must_use]
pub fn text(found: &Exploration, color: bool) -> String {
    let mut out = String::new();
    let shape = found.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ");
    let unit = if found.kind == "images" { "bytes" } else { "columns" };
    let _ = writeln!(
        out,
        "{}  {}, {} samples of {shape} {unit}, {} of them copies",
        clean(&found.name),
        found.kind,
        grouped(found.samples),
        grouped(found.duplicates)
    );
    classes(&mut out, found);
    features(&mut out, found);
    if !found.pairs.is_empty() {
        let head = ["say nearly the same", "", "r"].map(str::to_owned).to_vec();
        let row = |p: &super::Pair| vec![clipped(&p.a), clipped(&p.b), format!("{:.3}", p.r)];
        let rows = std::iter::once(head).chain(found.pairs.iter().take(8).map(row));
        aligned(&mut out, &rows.collect::<Vec<_>>(), 2);
    }
    if color && !found.pictures.is_empty() {
        pictures(&mut out, found);
    }
    if !found.notes.is_empty() {
        out.push('\n');
    }
    for note in &found.notes {
        let _ = writeln!(out, "note: {}", clean(note));
    }
    out
}

fn clipped(text: &str) -> String {
    cut(&clean(text), 28)
}

fn classes(out: &mut String, found: &Exploration) {
    let most = found.classes.iter().map(|c| c.samples).max().unwrap_or(0).max(1);
    let mut rows = vec![["class", "samples", "share", "weight", ""].map(str::to_owned).to_vec()];
    for class in found.classes.iter().take(LINES) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "up to 30")]
        let length = (BAR * float(class.samples) / float(most)).round() as usize;
        let share = 100.0 * float(class.samples) / float(found.samples.max(1));
        rows.push(vec![
            clipped(&class.name),
            grouped(class.samples),
            format!("{share:.1} %"),
            format!("{:.2}", class.weight),
            "█".repeat(length),
        ]);
    }
    if !found.classes.is_empty() {
        aligned(out, &rows, 1);
        more(out, found.classes.len(), "classes");
    }
}

fn features(out: &mut String, found: &Exploration) {
    let heads =
        ["column", "type", "missing", "distinct", "mean", "sd", "min", "q1", "median", "q3", "max"];
    let mut rows =
        vec![heads.iter().chain(&["outliers", "tells"]).map(|h| (*h).to_owned()).collect()];
    for f in found.features.iter().take(LINES) {
        let mut row =
            vec![clipped(&f.name), f.kind.to_owned(), grouped(f.missing), grouped(f.distinct)];
        match f.spread {
            Some(s) => {
                let numbers = [s.mean, s.deviation, s.least, s.q1, s.median, s.q3, s.most];
                row.extend(numbers.map(four));
            }
            None => row.extend(std::iter::repeat_n("-".to_owned(), 7)),
        }
        row.push(grouped(f.outliers));
        row.push(f.tells.map_or("-".to_owned(), |t| format!("{t:.2}")));
        rows.push(row);
    }
    aligned(out, &rows, 2);
    more(out, found.features.len(), "columns");
}

/// Four significant digits: a table of sixteen is read by no one.
fn four(x: f64) -> String {
    short_number(format!("{x:.3e}").parse().unwrap_or(x))
}

fn more(out: &mut String, count: usize, what: &str) {
    if count > LINES {
        let _ =
            writeln!(out, "… {} more {what}: `--format json` and `--html` show all", count - LINES);
    }
}

/// Rows under a head; the first so many columns to the left, the others to the right, but for
/// a bar at the end.
fn aligned(out: &mut String, rows: &[Vec<String>], left: usize) {
    out.push('\n');
    let columns = rows.first().map_or(0, Vec::len);
    let width = |c: usize| rows.iter().map(|row| row[c].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[c] - cell.width());
            let bar = cell.starts_with('█');
            let _ = if c < left || bar {
                write!(line, "{cell}{gap}  ")
            } else {
                write!(line, "{gap}{cell}  ")
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn pictures(out: &mut String, found: &Exploration) {
    let shown = &found.pictures[..found.pictures.len().min(4)];
    let blocks: Vec<Vec<String>> = shown.iter().map(super::Picture::blocks).collect();
    out.push('\n');
    for picture in shown {
        let width = picture.size.1;
        let _ = write!(out, "{:width$}  ", cut(&clean(&picture.label), width));
    }
    out.push('\n');
    for line in 0..blocks.first().map_or(0, Vec::len) {
        let cells: Vec<&str> = blocks.iter().map(|b| b[line].as_str()).collect();
        let _ = writeln!(out, "{}", cells.join("  "));
    }
}
