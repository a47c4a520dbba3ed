//! One look for all that people read in a terminal: what a text means has one colour, tables are
//! aligned and fit, and a last line names the next step.
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets,
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::text::wrapped;

/// What a text is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Characters in a line; nothing: as many as it takes.
    pub width: Option<usize>,
    /// Whether ANSI colours are understood.
    pub color: bool,
}

/// What a text means; each has one look everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// No more than it says.
    #[default]
    Plain,
    /// It matters less: dim.
    Less,
    /// It matters more: bold.
    Strong,
    /// It ended well, or is best: green.
    Good,
    /// It is at work, or not whole yet: yellow.
    Busy,
    /// It went wrong: red.
    Bad,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Strong => "1",
            Self::Less => "2",
            Self::Bad => "31",
            Self::Good => "32",
            Self::Busy => "33",
        }
    }

    fn dress(self, cell: Cell) -> Cell {
        match self {
            Self::Plain => cell,
            Self::Strong => cell.add_attribute(Attribute::Bold),
            Self::Less => cell.add_attribute(Attribute::Dim),
            Self::Bad => cell.fg(Color::DarkRed),
            Self::Good => cell.fg(Color::DarkGreen),
            Self::Busy => cell.fg(Color::DarkYellow),
        }
    }
}

impl View {
    /// As many characters as it takes, and no colours.
    pub const PLAIN: Self = Self { width: None, color: false };

    /// The text in the look of its tone, where there are colours.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        match (self.color, tone) {
            (false, _) | (_, Tone::Plain) => text.to_owned(),
            (true, tone) => format!("\x1b[{}m{text}\x1b[0m", tone.code()),
        }
    }

    /// Characters that are left in a line after so many, at least 20.
    #[must_use]
    pub fn room(self, taken: usize) -> usize {
        self.width.unwrap_or(200).saturating_sub(taken).max(20)
    }

    /// `head  text`, the head in so many characters, the text in as many lines as it takes.
    #[must_use]
    pub fn item(self, head: &str, width: usize, text: &str) -> String {
        let mut out = String::new();
        for (place, line) in wrapped(text, self.room(width)).iter().enumerate() {
            let head = if place == 0 { head } else { "" };
            let tone = if head.is_empty() { Tone::Plain } else { Tone::Less };
            out.push_str(&self.paint(tone, &format!("{head:<width$}")));
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    /// The line that names what comes next: a command, and in three blanks' distance why.
    #[must_use]
    pub fn next(self, step: &str) -> String {
        let (command, why) = step.split_at(step.find("   ").unwrap_or(step.len()));
        format!(
            "{} {command}{}\n",
            self.paint(Tone::Less, "next:"),
            if why.is_empty() { String::new() } else { self.paint(Tone::Less, why) }
        )
    }
}

/// One column, ready to be laid out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// What stands above it.
    pub head: String,
    /// What stands above it where there is little room.
    pub short: String,
    /// A text for each row.
    pub cells: Vec<String>,
    /// Whether it is numbers, set to the right.
    pub right: bool,
    /// Order of being left out where there is no room: higher goes first, 0 never.
    pub spare: u32,
    /// Whether its texts are cut where there is no room left to leave out.
    pub yields: bool,
    /// What its texts mean: nothing for plain ones, one for all, or one for each row.
    pub tones: Vec<Tone>,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub fn words(head: &str, cells: Vec<String>) -> Self {
        Self { head: head.to_owned(), short: head.to_owned(), cells, ..Self::default() }
    }

    /// A column of numbers.
    #[must_use]
    pub fn numbers(head: &str, cells: Vec<String>) -> Self {
        Self { right: true, ..Self::words(head, cells) }
    }

    /// The same in a tone.
    #[must_use]
    pub fn toned(self, tone: Tone) -> Self {
        Self { tones: vec![tone], ..self }
    }

    fn width(&self) -> usize {
        self.cells.iter().map(|c| c.width()).fold(self.head.width(), usize::max)
    }

    fn cell(&self, row: usize, view: View) -> Cell {
        let tone = match self.tones.as_slice() {
            _ if !view.color => Tone::Plain,
            [one] => *one,
            tones => tones.get(row).copied().unwrap_or_default(),
        };
        tone.dress(aligned(&self.cells[row], self.right))
    }
}

/// Lays columns out side by side, leaving out and cutting what does not fit; the names of those left
/// out come with the text.
#[must_use]
pub fn lay_out(mut columns: Vec<Column>, view: View) -> (String, Vec<String>) {
    let mut left_out: Vec<(usize, String)> = Vec::new();
    let names: Vec<(String, String)> =
        columns.iter().map(|c| (c.short.clone(), c.head.clone())).collect();
    let too_wide = |columns: &[Column]| view.width.is_some_and(|width| total(columns) > width);
    if too_wide(&columns) {
        for column in &mut columns {
            column.head.clone_from(&column.short);
        }
    }
    while too_wide(&columns) {
        let spare = columns.iter().enumerate().max_by_key(|(_, c)| c.spare);
        let Some(place) = spare.filter(|(_, c)| c.spare > 0).map(|(place, _)| place) else { break };
        let gone = columns.remove(place);
        let at = names.iter().position(|(short, _)| *short == gone.short).unwrap_or(0);
        left_out.push((at, names[at].1.clone()));
    }
    left_out.sort();
    let over = view.width.map_or(0, |width| total(&columns).saturating_sub(width));
    if let Some(column) = columns.iter_mut().find(|column| over > 0 && column.yields) {
        let room = column.width().saturating_sub(over).max(LEAST);
        column.cells.iter_mut().for_each(|cell| *cell = fitted(cell, room));
    }
    (grid(&columns, view), left_out.into_iter().map(|(_, name)| name).collect())
}

/// Least width to which a column is cut.
const LEAST: usize = 12;

fn total(columns: &[Column]) -> usize {
    columns.iter().map(|c| c.width() + 2).sum::<usize>().saturating_sub(2)
}

/// The text in so many columns of a terminal; one that was cut ends with `…`.
fn fitted(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| {
        let wide = c.width().unwrap_or(0);
        let fits = wide <= left;
        left = if fits { left - wide } else { 0 };
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

fn grid(columns: &[Column], view: View) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.force_no_tty();
    if view.color {
        table.enforce_styling();
    }
    table.set_header(columns.iter().map(|c| aligned(&c.head, c.right)));
    let rows = columns.first().map_or(0, |c| c.cells.len());
    for row in 0..rows {
        table.add_row(columns.iter().map(|c| c.cell(row, view)));
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { 0 } else { 2 }, 0));
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    let mut out = String::new();
    for (place, line) in table.to_string().lines().enumerate() {
        let tone = if place == 0 { Tone::Strong } else { Tone::Plain };
        out.push_str(&view.paint(tone, line.trim_end()));
        out.push('\n');
    }
    out
}

fn aligned(text: &str, right: bool) -> Cell {
    let side = if right { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: View = View { width: Some(30), color: false };

    fn columns() -> Vec<Column> {
        let words = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        vec![
            Column::words("name", words(["a", "图图"])).toned(Tone::Strong),
            Column::numbers("runs", words(["7", "1,200"])),
            Column { spare: 1, ..Column::words("left out", words(["yes", "no"])) },
            Column {
                yields: true,
                tones: vec![Tone::Less, Tone::Bad],
                ..Column::words("what it is", words(["short", "much longer than that"]))
            },
        ]
    }

    #[test]
    fn a_table_fits_by_leaving_out_and_then_by_cutting() {
        let (text, left_out) = lay_out(columns(), NARROW);
        insta::assert_snapshot!(text, @r"
        name   runs  what it is
        a         7  short
        图图  1,200  much longer than…
        ");
        assert_eq!(left_out, ["left out"]);
        let wide = lay_out(columns(), View { width: None, ..NARROW });
        assert!(wide.1.is_empty() && wide.0.contains("much longer than that"), "{}", wide.0);
    }

    #[test]
    fn a_tone_has_its_look_only_where_there_are_colours() {
        let color = View { color: true, ..NARROW };
        let (text, _) = lay_out(columns(), color);
        insta::assert_snapshot!(text.replace('\x1b', "^"), @r"
        ^[1mname   runs  what it is^[0m
        ^[1ma   ^[0m      7^[2m  short            ^[0m
        ^[1m图图^[0m  1,200^[38;5;1m  much longer than…^[39m
        ");
        assert_eq!(color.paint(Tone::Bad, "3 failed"), "\x1b[31m3 failed\x1b[0m");
        assert_eq!(NARROW.paint(Tone::Bad, "3 failed"), "3 failed");
        assert_eq!(NARROW.next("dlgrid retry toy   (again)"), "next: dlgrid retry toy   (again)\n");
    }
}
