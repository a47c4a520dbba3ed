//! From the bytes of a CSV file to typed columns.
use std::path::Path;

use super::column::Builder;
use super::{Table, TableError};

/// What is wrong with the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    fact: String,
    hint: &'static str,
}

impl Fault {
    pub(super) fn at(self, path: &Path) -> TableError {
        TableError::Form { path: path.to_owned(), fact: self.fact, hint: self.hint }
    }
}

pub(super) fn fault(fact: impl Into<String>, hint: &'static str) -> Fault {
    Fault { fact: fact.into(), hint }
}

/// Parses a table: with the names of its columns and lines to skip, or a first line of names.
pub(super) fn parse(raw: &[u8], known: Option<(Vec<String>, usize)>) -> Result<Table, Fault> {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let named = known.is_none();
    let (names, skip) = known.unwrap_or_default();
    let body = (0..skip).try_fold(raw, |rest, _| {
        let end = rest.iter().position(|&b| b == b'\n')?;
        Some(&rest[end + 1..])
    });
    let body = body.unwrap_or(&[]);
    let signs: &[u8] = if named { b",;\t" } else { b", " };
    let file = File { raw, body, named, separator: separator(body, signs) };
    if let Some(at) = file.open_quote(0) {
        return Err(file.never_closed(at));
    }
    let mut reader = file.reader();
    let names = if named { header(&mut reader)? } else { names };
    let mut builders: Vec<Builder> = names.into_iter().map(Builder::new).collect();
    let rows = file.fill(&mut reader, &mut builders)?;
    if rows == 0 {
        return Err(fault("holds no rows", "below the names of the columns must stand rows"));
    }
    if builders.iter().any(Builder::is_mixed) {
        file.fill_words(&mut builders)?;
    }
    let columns = builders.into_iter().map(Builder::finish).collect::<Result<_, _>>()?;
    Ok(Table { columns, rows })
}

fn read(reader: &mut csv::Reader<&[u8]>, record: &mut csv::ByteRecord) -> Result<bool, Fault> {
    let more = reader.read_byte_record(record);
    more.map_err(|e| fault(format!("is no CSV: {e}"), "is it a text file?"))
}

fn place(position: Option<&csv::Position>) -> usize {
    position.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(0)
}

/// The bytes, and how they are cut into values.
struct File<'a> {
    /// All of them,
    raw: &'a [u8],
    /// and those behind what is skipped.
    body: &'a [u8],
    named: bool,
    separator: u8,
}

impl<'a> File<'a> {
    fn reader(&self) -> csv::Reader<&'a [u8]> {
        csv::ReaderBuilder::new()
            .has_headers(self.named)
            .delimiter(self.separator)
            .flexible(true)
            .from_reader(self.body)
    }

    /// Reads all rows into columns; how many there are.
    fn fill(
        &self,
        reader: &mut csv::Reader<&[u8]>,
        builders: &mut [Builder],
    ) -> Result<usize, Fault> {
        let mut record = csv::ByteRecord::new();
        let mut rows = 0;
        while read(reader, &mut record)? {
            rows += 1;
            let start = place(record.position());
            // A quote that is still open at the end of the file has made the rest of it one record.
            if place(Some(reader.position())) == self.body.len()
                && let Some(at) = self.open_quote(start)
            {
                return Err(self.never_closed(at));
            }
            if record.len() != builders.len() {
                let (line, values, columns) = (self.line(start), record.len(), builders.len());
                return Err(fault(
                    format!(
                        "row {rows} (line {line}) has {values} values, the table has {columns} columns"
                    ),
                    "every row needs a value a column; text with a comma in it needs quotes",
                ));
            }
            for (builder, cell) in builders.iter_mut().zip(&record) {
                builder.take(cell, rows)?;
            }
        }
        Ok(rows)
    }

    /// Reads all rows once more, for columns of words of which some were taken for numbers.
    fn fill_words(&self, builders: &mut [Builder]) -> Result<(), Fault> {
        let mut reader = self.reader();
        let mut record = csv::ByteRecord::new();
        let mut row = 0;
        while read(&mut reader, &mut record)? {
            let both = builders.iter_mut().zip(&record);
            both.filter(|(builder, _)| builder.is_mixed()).for_each(|(b, cell)| b.name(cell, row));
            row += 1;
        }
        Ok(())
    }

    /// Where the quote opens in which the file ends, if it does before the record at `start` has.
    fn open_quote(&self, start: usize) -> Option<usize> {
        let mut quotes = Quotes::default();
        let mut opened = 0;
        let start = start + first_line(&self.body[start..]);
        for (at, &byte) in self.body.iter().enumerate().skip(start) {
            let was = quotes.inside;
            quotes.pass(byte, &[self.separator]);
            if !was && quotes.inside && !quotes.closed {
                opened = at;
            }
            if !quotes.inside && matches!(byte, b'\r' | b'\n') {
                return None;
            }
        }
        quotes.inside.then_some(opened)
    }

    fn never_closed(&self, at: usize) -> Fault {
        fault(
            format!("line {}: the quote that opens a value is never closed", self.line(at)),
            "close it; a quote within a quoted value is written twice",
        )
    }

    /// The line of a byte of the body, from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.raw.len() - self.body.len() + at;
        1 + self.raw[..before].iter().filter(|&&byte| byte == b'\n').count()
    }
}

/// Whether what is passed stands in quotes; they open where a value begins.
struct Quotes {
    inside: bool,
    /// Whether a quote would open here,
    opens: bool,
    /// for the one before was closed just now: the two are one within the value.
    closed: bool,
}

impl Default for Quotes {
    fn default() -> Self {
        Self { inside: false, opens: true, closed: false }
    }
}

impl Quotes {
    fn pass(&mut self, byte: u8, signs: &[u8]) {
        let was = self.inside;
        if byte == b'"' && (was || self.opens) {
            self.inside = !was;
        }
        if self.inside {
            return;
        }
        self.closed = was;
        self.opens = was || signs.contains(&byte);
    }
}

/// Where the first line begins in which something stands.
fn first_line(raw: &[u8]) -> usize {
    raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(raw.len())
}

/// Which sign stands in the first line most often, outside quotes; the first, where none does.
fn separator(raw: &[u8], signs: &[u8]) -> u8 {
    let mut counts = vec![0_usize; signs.len()];
    let mut quotes = Quotes::default();
    for &byte in &raw[first_line(raw)..] {
        quotes.pass(byte, signs);
        if quotes.inside {
            continue;
        }
        if matches!(byte, b'\r' | b'\n') {
            break;
        }
        signs.iter().zip(&mut counts).filter(|(s, _)| **s == byte).for_each(|(_, n)| *n += 1);
    }
    let most = signs.iter().zip(counts).rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(sign, _)| *sign)
}

fn header(reader: &mut csv::Reader<&[u8]>) -> Result<Vec<String>, Fault> {
    const NAMES: &str = "the first line must name the columns, each once";
    let line = reader.byte_headers().map_err(|e| fault(format!("is no CSV: {e}"), NAMES))?;
    let mut names = Vec::new();
    for name in line {
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(fault("is not UTF-8 text", "save it as CSV in UTF-8"));
        };
        let name = name.trim();
        if name.is_empty() && line.len() > 1 {
            let fact = format!("column {} has no name", names.len() + 1);
            return Err(fault(fact, NAMES));
        }
        if names.iter().any(|known| known == name) {
            return Err(fault(format!("has two columns `{name}`"), NAMES));
        }
        names.push(name.to_owned());
    }
    if names.iter().all(String::is_empty) {
        return Err(fault("is empty", NAMES));
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let fact = format!("names its columns `{}`: numbers, as in a row", names.join("`, `"));
        return Err(fault(fact, "the first line must name the columns"));
    }
    Ok(names)
}
