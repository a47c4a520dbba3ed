//! From the bytes of a CSV file to typed columns. A column is one of numbers if most of what
//! stands in it is; then a word in it is an error, not a reason to take all for words.
use std::collections::HashMap;
use std::path::Path;

use super::{Column, NO_WORD, Table, TableError, Values};

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

fn fault(fact: impl Into<String>, hint: &'static str) -> Fault {
    Fault { fact: fact.into(), hint }
}

/// Marks of a value that is not there.
fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "?" | "NA" | "N/A" | "NaN" | "nan" | "null" | "NULL" | "None")
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
    let separator = separator(body, signs);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(named)
        .delimiter(separator)
        .flexible(true)
        .from_reader(body);
    let names = if named { header(&mut reader)? } else { names };
    let mut builders: Vec<Builder> = names.into_iter().map(Builder::new).collect();
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    loop {
        let more = reader.read_byte_record(&mut record);
        if !more.map_err(|e| fault(format!("is no CSV: {e}"), "is it a text file?"))? {
            break;
        }
        rows += 1;
        if record.len() != builders.len() {
            let line = record.position().map_or(0, csv::Position::line) + skip as u64;
            return Err(fault(
                format!(
                    "row {rows} (line {line}) has {} values, the table has {} columns",
                    record.len(),
                    builders.len()
                ),
                "every row needs a value a column; text with a comma in it needs quotes",
            ));
        }
        for (builder, cell) in builders.iter_mut().zip(&record) {
            builder.take(cell, rows)?;
        }
    }
    if rows == 0 {
        return Err(fault("holds no rows", "below the names of the columns must stand rows"));
    }
    let columns = builders.into_iter().map(Builder::finish).collect::<Result<_, _>>()?;
    Ok(Table { columns, rows })
}

/// Which sign stands in the first line most often; the first, where none does.
fn separator(raw: &[u8], signs: &[u8]) -> u8 {
    let line = raw.split(|&b| b == b'\n').next().unwrap_or(&[]);
    let count = |sign: u8| line.iter().filter(|&&b| b == sign).count();
    signs.iter().copied().rev().max_by_key(|&sign| count(sign)).unwrap_or(b',')
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

/// A column under way: as numbers, with what is no number beside it.
struct Builder {
    name: String,
    numbers: Vec<f64>,
    missing: usize,
    /// Rows (from 0) with the code of what is no number.
    odd: Vec<(usize, u32)>,
    codes: HashMap<String, u32>,
}

impl Builder {
    fn new(name: String) -> Self {
        Self { name, numbers: Vec::new(), missing: 0, odd: Vec::new(), codes: HashMap::new() }
    }

    fn take(&mut self, cell: &[u8], row: usize) -> Result<(), Fault> {
        let Ok(cell) = std::str::from_utf8(cell) else {
            let fact = format!("row {row}, column `{}`: not UTF-8 text", self.name);
            return Err(fault(fact, "save it as CSV in UTF-8"));
        };
        let cell = cell.trim();
        if is_missing(cell) {
            self.missing += 1;
            self.numbers.push(f64::NAN);
            return Ok(());
        }
        match cell.parse::<f64>() {
            Ok(x) if x.is_finite() => self.numbers.push(x),
            Ok(_) => {
                let fact = format!("row {row}, column `{}`: `{cell}` is not finite", self.name);
                return Err(fault(fact, "mend the value, or leave it empty"));
            }
            Err(_) => {
                let code = self.code(cell);
                self.odd.push((self.numbers.len(), code));
                self.numbers.push(f64::NAN);
            }
        }
        Ok(())
    }

    fn code(&mut self, word: &str) -> u32 {
        if let Some(&code) = self.codes.get(word) {
            return code;
        }
        let next = u32::try_from(self.codes.len()).unwrap_or(NO_WORD - 1);
        self.codes.insert(word.to_owned(), next);
        next
    }

    fn finish(self) -> Result<Column, Fault> {
        let numbers = self.numbers.len() - self.missing - self.odd.len();
        let Some(&(row, code)) = self.odd.first() else {
            return Ok(Column { name: self.name, values: Values::Numbers(self.numbers) });
        };
        if numbers > self.odd.len() {
            let word = self.codes.iter().find(|(_, c)| **c == code).map_or("", |(w, _)| w);
            return Err(fault(
                format!(
                    "row {}, column `{}`: `{word}` is no number, {numbers} other values are",
                    row + 1,
                    self.name
                ),
                "mend the value, leave it empty, or leave the column out with `data.ignore`",
            ));
        }
        Ok(self.words())
    }

    fn words(mut self) -> Column {
        let mut codes = vec![NO_WORD; self.numbers.len()];
        let numbers = std::mem::take(&mut self.numbers);
        for (code, number) in codes.iter_mut().zip(&numbers).filter(|(_, x)| !x.is_nan()) {
            *code = self.code(&number.to_string());
        }
        for &(row, code) in &self.odd {
            codes[row] = code;
        }
        let mut sorted: Vec<(String, u32)> = self.codes.into_iter().collect();
        sorted.sort();
        let mut place = vec![0; sorted.len()];
        for (new, (_, old)) in (0u32..).zip(&sorted) {
            place[*old as usize] = new;
        }
        for code in codes.iter_mut().filter(|c| **c != NO_WORD) {
            *code = place[*code as usize];
        }
        let words = sorted.into_iter().map(|(word, _)| word).collect();
        Column { name: self.name, values: Values::Words { codes, words } }
    }
}
