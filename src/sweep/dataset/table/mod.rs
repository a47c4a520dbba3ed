//! Tables: named columns of numbers or words, read from a CSV file and made into samples.
mod column;
mod encode;
mod parse;
mod samples;
mod shown;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use encode::Encoding;
pub use samples::{Samples, Target};
pub use shown::Shown;

/// What a CSV file may be and hold at most, in bytes, unpacked.
const LIMIT: u64 = 1 << 34;
/// The sign of a missing word.
const NO_WORD: u32 = u32::MAX;

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: usize,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What stands in it, a value a row.
    pub values: Values,
}

/// What stands in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN where one is missing.
    Numbers(Vec<f64>),
    /// Words, by their place in a sorted list.
    Words {
        /// The place of each row's word; `u32::MAX` where it is missing.
        codes: Vec<u32>,
        /// The words, sorted.
        words: Vec<String>,
    },
}

impl Column {
    /// Whether nothing stands in a row.
    #[must_use]
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Numbers(numbers) => numbers[row].is_nan(),
            Values::Words { codes, .. } => codes[row] == NO_WORD,
        }
    }

    /// How many rows have nothing.
    #[must_use]
    pub fn missing(&self) -> usize {
        match &self.values {
            Values::Numbers(numbers) => numbers.iter().filter(|x| x.is_nan()).count(),
            Values::Words { codes, .. } => codes.iter().filter(|&&c| c == NO_WORD).count(),
        }
    }
}

/// How features are put on one scale; fitted on the training samples alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encode {
    /// Mean 0, standard deviation 1.
    #[default]
    Standard,
    /// Smallest and largest value on the ends of `data.scale`.
    MinMax,
    /// As they are.
    None,
}

/// What becomes of rows in which something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// They are an error.
    #[default]
    Refuse,
    /// The mean of the training samples stands in; of words, none is marked.
    Mean,
    /// They are left out.
    Drop,
}

/// How a table is made into samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Name of the column to learn; of a set of the catalogue it is known.
    pub target: Option<String>,
    /// Names of columns that are left out, with a comma between; one may hold a comma itself.
    pub ignore: Option<String>,
    /// How features are put on one scale.
    pub encode: Encode,
    /// What becomes of rows in which something is missing.
    pub missing: Missing,
    /// Share of the rows sealed as the test set, in [0, 1).
    pub test: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: None,
            ignore: None,
            encode: Encode::default(),
            missing: Missing::default(),
            test: 0.2,
        }
    }
}

/// Why a table can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file can't be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is no table.
    #[error("`{}`: {fact}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fact: String,
        /// The way out.
        hint: &'static str,
    },
    /// The table can't be made into samples.
    #[error("{fact}")]
    Use {
        /// What is wrong with it.
        fact: String,
        /// The way out.
        hint: String,
    },
}

impl TableError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Read { .. } => "is the path right, and may you read the file?",
            Self::Form { hint, .. } => hint,
            Self::Use { hint, .. } => hint,
        }
    }

    fn of_use(fact: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Use { fact: fact.into(), hint: hint.into() }
    }
}

impl Table {
    /// Reads a CSV file, plain or `.gz`, whose first line names the columns.
    ///
    /// # Errors
    /// Where it can't be read or is no table; each names the row and the column.
    pub fn read(path: &Path) -> Result<Self, TableError> {
        let raw = contents(path)?;
        parse::parse(&raw, None).map_err(|e| e.at(path))
    }

    /// Reads a file of the catalogue: numbers under known names, the class last; or, with
    /// `target`, the number to learn in a file of that name beside it.
    ///
    /// # Errors
    /// As [`Table::read`], and where the two files differ in their rows.
    pub fn known(
        path: &Path,
        columns: &[&str],
        skip: usize,
        target: Option<&str>,
    ) -> Result<Self, TableError> {
        let read = |path: &Path, names: &[&str]| {
            let names = names.iter().copied().map(str::to_owned).collect();
            parse::parse(&contents(path)?, Some((names, skip))).map_err(|e| e.at(path))
        };
        let Some(target) = target else {
            return read(path, &[columns, &[CLASS]].concat());
        };
        let mut table = read(path, columns)?;
        let beside = path.with_file_name(target);
        let learnt = read(&beside, &[TARGET])?;
        if learnt.rows != table.rows {
            let fact = format!("has {} rows, `{}` has {}", learnt.rows, path.display(), table.rows);
            let hint = "both must be of one data set: fetch it again";
            return Err(TableError::Form { path: beside, fact, hint });
        }
        table.columns.extend(learnt.columns);
        Ok(table)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The place of a column.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn find(&self, name: &str, setting: &str) -> Result<usize, TableError> {
        self.place(name).ok_or_else(|| {
            let names = self.columns.iter().map(|c| c.name.as_str());
            let near = names.clone().min_by_key(|n| strsim::damerau_levenshtein(n, name));
            let hint = match near {
                Some(near) if strsim::damerau_levenshtein(near, name) <= 2 => {
                    format!("did you mean `{near}`?")
                }
                _ => {
                    format!("its columns are `{}`", names.take(40).collect::<Vec<_>>().join("`, `"))
                }
            };
            TableError::of_use(format!("`{setting}: {name}` names no column of the table"), hint)
        })
    }
}

/// What the last column of a table of the catalogue is called: a class,
pub const CLASS: &str = "class";
/// or a number.
pub const TARGET: &str = "target";

fn contents(path: &Path) -> Result<Vec<u8>, TableError> {
    use std::io::Read as _;
    let failed = |source| TableError::Read { path: path.to_owned(), source };
    let raw = std::fs::read(path).map_err(failed)?;
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return Ok(raw);
    }
    let mut plain = Vec::new();
    let packed = flate2::read::MultiGzDecoder::new(raw.as_slice());
    packed.take(LIMIT).read_to_end(&mut plain).map_err(failed)?;
    Ok(plain)
}
