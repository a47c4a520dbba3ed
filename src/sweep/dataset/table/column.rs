//! A column while its file is read. It is one of numbers if most of what stands in it is; then a
//! word in it is an error, not a reason to take all for words.
use std::collections::HashMap;

use super::parse::{Fault, fault};
use super::{Column, NO_WORD, Values};

/// Marks of a value that is not there.
fn is_missing(cell: &str) -> bool {
    const MARKS: &[&str] =
        &["", "?", "NA", "N/A", "NaN", "nan", "Nan", "NAN", "null", "NULL", "None"];
    MARKS.contains(&cell)
}

/// A column under way: as numbers, with what is no number beside it.
pub(super) struct Builder {
    name: String,
    numbers: Vec<f64>,
    missing: usize,
    /// Rows (from 0) with the code of what is no number, or not finite.
    odd: Vec<(usize, u32)>,
    /// How many of these are not finite.
    infinite: usize,
    /// Rows with the code of what is a number, in a column of words.
    named: Vec<(usize, u32)>,
    codes: HashMap<String, u32>,
}

impl Builder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            numbers: Vec::new(),
            missing: 0,
            odd: Vec::new(),
            infinite: 0,
            named: Vec::new(),
            codes: HashMap::new(),
        }
    }

    /// Takes the value of a row, counted from 1.
    pub(super) fn take(&mut self, cell: &[u8], row: usize) -> Result<(), Fault> {
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
        let number = cell.parse::<f64>();
        if let Ok(x) = number
            && x.is_finite()
        {
            self.numbers.push(x);
            return Ok(());
        }
        self.infinite += usize::from(number.is_ok());
        let code = self.code(cell);
        self.odd.push((self.numbers.len(), code));
        self.numbers.push(f64::NAN);
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

    /// How many values are finite numbers.
    fn finite(&self) -> usize {
        self.numbers.len() - self.missing - self.odd.len()
    }

    /// Whether its values are words: infinities beside numbers make none of them.
    fn is_of_words(&self) -> bool {
        !self.odd.is_empty() && self.finite() <= self.odd.len() - self.infinite
    }

    /// Whether it is of words of which some were taken for numbers: then all are shown to
    /// [`Builder::name`] once more.
    pub(super) fn is_mixed(&self) -> bool {
        self.is_of_words() && self.finite() > 0
    }

    /// Keeps the text of a value that was taken for a number: `007` is another word than `7`.
    pub(super) fn name(&mut self, cell: &[u8], row: usize) {
        if !self.numbers[row].is_nan() {
            let code = self.code(String::from_utf8_lossy(cell).trim());
            self.named.push((row, code));
        }
    }

    pub(super) fn finish(self) -> Result<Column, Fault> {
        let Some(&(row, code)) = self.odd.first() else {
            return Ok(Column { name: self.name, values: Values::Numbers(self.numbers) });
        };
        if self.is_of_words() {
            return self.decimal_commas().map_or_else(|| Ok(self.words()), Err);
        }
        let (word, numbers) = (self.word(code), self.finite());
        let what = if word.parse::<f64>().is_ok() {
            "is not finite".to_owned()
        } else {
            format!("is no number, {numbers} other values are")
        };
        let fact = format!("row {}, column `{}`: `{word}` {what}", row + 1, self.name);
        Err(fault(fact, "mend the value, or leave it empty"))
    }

    fn word(&self, code: u32) -> &str {
        self.codes.iter().find(|(_, c)| **c == code).map_or("", |(word, _)| word)
    }

    /// The fault of a column whose words are numbers but for a decimal comma: all of them, or all
    /// but one of twenty values.
    fn decimal_commas(&self) -> Option<Fault> {
        let mut has_comma = vec![false; self.codes.len()];
        for (word, code) in &self.codes {
            has_comma[*code as usize] =
                word.contains(',') && word.replace(',', ".").parse::<f64>().is_ok();
        }
        let mut commas = self.odd.iter().filter(|(_, code)| has_comma[*code as usize]);
        let (row, code) = *commas.next()?;
        let (commas, present) = (1 + commas.count(), self.finite() + self.odd.len());
        let words = self.odd.len() - commas;
        if 2 * commas <= self.odd.len() || 20 * words > present {
            return None;
        }
        let (row, name, word) = (row + 1, &self.name, self.word(code));
        Some(fault(
            format!(
                "row {row}, column `{name}`: `{word}` is a number with a decimal comma, one of \
                 {commas} such"
            ),
            "write numbers with a point",
        ))
    }

    fn words(self) -> Column {
        let mut sorted: Vec<(String, u32)> = self.codes.into_iter().collect();
        sorted.sort();
        let mut place = vec![0; sorted.len()];
        for (new, (_, old)) in (0u32..).zip(&sorted) {
            place[*old as usize] = new;
        }
        let mut codes = vec![NO_WORD; self.numbers.len()];
        for (row, code) in self.odd.into_iter().chain(self.named) {
            codes[row] = place[code as usize];
        }
        let words = sorted.into_iter().map(|(word, _)| word).collect();
        Column { name: self.name, values: Values::Words { codes, words } }
    }
}
