//! From a table to samples: the target apart, words as one-hot columns, the test rows sealed.
use super::super::Unsealed;
use super::{Column, Missing, NO_WORD, Options, Table, TableError, Values};

/// Words of a column at most, for it to be made into one-hot columns.
const MAX_WORDS: usize = 256;
/// Classes at most.
const MAX_CLASSES: usize = 1000;

/// Samples of a table, without those sealed as the test set.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// The row of the table of each sample, from 0, ascending.
    pub rows: Vec<usize>,
    /// Names of the features; one of a word is `column=word`.
    pub names: Vec<String>,
    /// `[samples, features]`; NaN where one is missing.
    pub values: Vec<f64>,
    /// Which features are marks of a word: 0 or 1, and never put on another scale.
    pub marks: Vec<bool>,
    /// What is to be learnt.
    pub target: Target,
    /// Rows sealed as the test set.
    pub sealed: usize,
}

/// What is to be learnt.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// The class of each sample.
    Classes {
        /// `[samples]`, each the place of a name.
        labels: Vec<i64>,
        /// Names of the classes.
        names: Vec<String>,
    },
    /// A number each.
    Numbers(Vec<f64>),
}

impl Table {
    /// Makes samples; with `numbers`, the target is a number and not a class.
    ///
    /// # Errors
    /// Where the target is not what is to be learnt, a value is missing and that is refused,
    /// or nothing is left.
    pub fn samples(&self, options: &Options, numbers: bool) -> Result<Samples, TableError> {
        self.side(options, numbers, false)
    }

    /// Makes samples of the rows that are sealed as the test set, with the same features and
    /// classes as the others have.
    ///
    /// # Errors
    /// As [`Table::samples`]; and where no row is sealed.
    pub fn test_samples(
        &self,
        _: &Unsealed,
        options: &Options,
        numbers: bool,
    ) -> Result<Samples, TableError> {
        let samples = self.side(options, numbers, true)?;
        if samples.rows.is_empty() {
            let fact = "the table has no test set: no row is sealed".to_owned();
            return Err(TableError::of_use(fact, "`data.test: 0.2` seals a fifth of its rows"));
        }
        Ok(samples)
    }

    /// What of [`Table::samples`] and [`Samples::limited`] can be told without making samples.
    ///
    /// # Errors
    /// As these.
    pub fn check(
        &self,
        options: &Options,
        numbers: bool,
        limit: Option<u64>,
    ) -> Result<(), TableError> {
        let chosen = self.choose(options, numbers, false)?;
        names(&chosen.used)?;
        chosen.target.limited(limit).map(drop)
    }

    /// The samples that are sealed, or those that are not.
    fn side(&self, options: &Options, numbers: bool, test: bool) -> Result<Samples, TableError> {
        let Chosen { used, rows, target, sealed } = self.choose(options, numbers, test)?;
        let (names, marks) = names(&used)?;
        let values = values(&used, &rows, names.len());
        Ok(Samples { rows, names, values, marks, target, sealed })
    }

    fn choose(
        &self,
        options: &Options,
        numbers: bool,
        test: bool,
    ) -> Result<Chosen<'_>, TableError> {
        // A table of the catalogue holds what is to be learnt in its last column.
        let last = self.columns.last().map_or(super::CLASS, |column| &column.name);
        let name = options.target.as_deref().unwrap_or(last);
        let target = self.find(name, "data.target")?;
        let ignored = options.ignore.as_deref().map_or(Ok(Vec::new()), |names| self.listed(names));
        let ignored = ignored?;
        let used: Vec<&Column> = (self.columns.iter().enumerate())
            .filter(|(place, _)| *place != target && !ignored.contains(place))
            .map(|(_, column)| column)
            .collect();
        if used.is_empty() {
            let fact = format!("beside the target `{name}` the table has no column to learn from");
            return Err(TableError::of_use(
                fact,
                "it needs one more column, or less `data.ignore`",
            ));
        }
        let target = &self.columns[target];
        let rows = kept(self.rows, &used, target, options.missing)?;
        let (learnt, strata) = learn(target, &rows, numbers)?;
        let sealed = seal(&rows, &strata, options.test);
        let side: Vec<usize> = (0..rows.len()).filter(|&i| sealed[i] == test).collect();
        let target = learnt.only(&side);
        let sealed = sealed.iter().filter(|sealed| **sealed).count();
        let rows = side.iter().map(|&i| rows[i]).collect();
        Ok(Chosen { used, rows, target, sealed })
    }

    /// The places of columns that stand in a list. A name may hold a comma itself: the longest
    /// that is one is taken.
    fn listed(&self, names: &str) -> Result<Vec<usize>, TableError> {
        let (mut found, mut rest) = (Vec::new(), Some(names));
        while let Some(list) = rest {
            let mut ends: Vec<usize> = list.match_indices(',').map(|(at, _)| at).collect();
            ends.push(list.len());
            let named = |&end: &usize| Some((self.place(list[..end].trim())?, end));
            let (place, end) = match ends.iter().rev().find_map(named) {
                Some(named) => named,
                None => (self.find(list[..ends[0]].trim(), "data.ignore")?, ends[0]),
            };
            found.push(place);
            rest = list.get(end + 1..);
        }
        Ok(found)
    }
}

/// What samples are made of.
struct Chosen<'a> {
    used: Vec<&'a Column>,
    rows: Vec<usize>,
    target: Target,
    sealed: usize,
}

/// The rows that are used; one with something missing is an error or left out.
pub(super) fn kept(
    rows: usize,
    used: &[&Column],
    target: &Column,
    missing: Missing,
) -> Result<Vec<usize>, TableError> {
    let asked: Vec<&Column> = match missing {
        Missing::Mean => vec![target],
        Missing::Refuse | Missing::Drop => used.iter().copied().chain([target]).collect(),
    };
    let mut kept = Vec::with_capacity(rows);
    for row in 0..rows {
        match asked.iter().find(|column| column.is_missing(row)) {
            None => kept.push(row),
            Some(_) if missing == Missing::Drop => {}
            Some(column) => {
                let all = asked.iter().map(|c| c.missing()).sum::<usize>();
                return Err(TableError::of_use(
                    format!(
                        "row {}, column `{}`: the value is missing, one of {all} such",
                        row + 1,
                        column.name
                    ),
                    match missing {
                        Missing::Mean => "a row without a target can't be learnt: `missing: drop`",
                        _ => "`data.missing: drop` leaves such rows out, `mean` fills in the mean",
                    },
                ));
            }
        }
    }
    if kept.len() < 2 {
        let fact = format!("{} of {rows} rows are left: too few to learn from", kept.len());
        return Err(TableError::of_use(fact, "`data.missing: mean` keeps more"));
    }
    Ok(kept)
}

/// The target of each kept row, and the stratum that its test rows are drawn from.
pub(super) fn learn(
    target: &Column,
    rows: &[usize],
    numbers: bool,
) -> Result<(Target, Vec<i64>), TableError> {
    let name = &target.name;
    let (labels, names) = match (&target.values, numbers) {
        (Values::Numbers(all), true) => {
            let learnt: Vec<f64> = rows.iter().map(|&row| all[row]).collect();
            if learnt.iter().all(|x| *x == learnt[0]) {
                let fact = format!("the target `{name}` is {} in every row", learnt[0]);
                return Err(TableError::of_use(fact, "there is nothing to learn in it"));
            }
            return Ok((Target::Numbers(learnt), vec![0; rows.len()]));
        }
        (Values::Words { .. }, true) => {
            let fact = format!("the target `{name}` is of words, and a number is to be learnt");
            return Err(TableError::of_use(fact, "`task: classify` learns words"));
        }
        (Values::Numbers(all), false) => classes_of_numbers(name, all, rows)?,
        (Values::Words { codes, words }, false) => {
            let mut seen = vec![false; words.len()];
            rows.iter().for_each(|&row| seen[codes[row] as usize] = true);
            let place: Vec<i64> = seen
                .iter()
                .scan(0, |next, &seen| {
                    let place = *next;
                    *next += i64::from(seen);
                    Some(place)
                })
                .collect();
            let labels = rows.iter().map(|&row| place[codes[row] as usize]).collect();
            let names = words.iter().zip(&seen).filter(|(_, s)| **s).map(|(w, _)| w.clone());
            (labels, names.collect::<Vec<_>>())
        }
    };
    if names.len() < 2 {
        let fact = format!("the target `{name}` is `{}` in every row", names.join(""));
        return Err(TableError::of_use(fact, "one class can't be learnt: two are needed at least"));
    }
    if names.len() > MAX_CLASSES {
        let fact =
            format!("the target `{name}` has {} classes, more than {MAX_CLASSES}", names.len());
        return Err(TableError::of_use(fact, "is it the right column?"));
    }
    Ok((Target::Classes { labels: labels.clone(), names }, labels))
}

fn classes_of_numbers(
    name: &str,
    all: &[f64],
    rows: &[usize],
) -> Result<(Vec<i64>, Vec<String>), TableError> {
    if let Some(&row) = rows.iter().find(|&&row| all[row].fract() != 0.0) {
        let fact = format!(
            "row {}: the target `{name}` is {}, and a class is a whole number or a word",
            row + 1,
            all[row]
        );
        return Err(TableError::of_use(fact, "a number is learnt by a regression, not by classes"));
    }
    let mut distinct: Vec<f64> = rows.iter().map(|&row| all[row]).collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let place = |x: f64| distinct.partition_point(|d| *d < x);
    let labels = rows.iter().map(|&row| i64::try_from(place(all[row])).unwrap_or(0)).collect();
    Ok((labels, distinct.iter().map(|x| format!("{x}")).collect()))
}

impl Target {
    /// Only the first so many.
    ///
    /// # Errors
    /// Where all of these are the same.
    fn limited(mut self, most: Option<u64>) -> Result<Self, TableError> {
        let most = most.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let is = match &mut self {
            Self::Classes { labels, .. } if labels.len() <= most => None,
            Self::Classes { labels, names } => {
                labels.truncate(most);
                let one = labels.first().filter(|&one| labels.iter().all(|label| label == one));
                one.map(|&one| usize::try_from(one).map_or("", |one| &names[one]).to_owned())
            }
            Self::Numbers(all) if all.len() <= most => None,
            Self::Numbers(all) => {
                all.truncate(most);
                let one = all.first().filter(|&one| all.iter().all(|x| x == one));
                one.map(f64::to_string)
            }
        };
        match is {
            None => Ok(self),
            Some(one) => Err(TableError::of_use(
                format!("the target is `{one}` in each of the first {most} rows"),
                "`data.limit` takes the first rows, and these are sorted by what is to be learnt: \
                 a greater one, or none",
            )),
        }
    }

    pub(super) fn only(self, places: &[usize]) -> Self {
        match self {
            Self::Classes { labels, names } => {
                Self::Classes { labels: places.iter().map(|&i| labels[i]).collect(), names }
            }
            Self::Numbers(all) => Self::Numbers(places.iter().map(|&i| all[i]).collect()),
        }
    }
}

/// Which of the kept rows are sealed as the test set: the same share of every stratum, drawn by
/// the row's number alone, so that every run and every command seals the same rows.
pub(super) fn seal(rows: &[usize], strata: &[i64], share: f64) -> Vec<bool> {
    let mut sealed = vec![false; rows.len()];
    let mut groups = std::collections::BTreeMap::<i64, Vec<usize>>::new();
    for (i, stratum) in strata.iter().enumerate() {
        groups.entry(*stratum).or_default().push(i);
    }
    for mut group in groups.into_values() {
        group.sort_by_cached_key(|&i| {
            let mut hash = blake3::Hasher::new_derive_key("dlgrid 2026 test rows of a table");
            hash.update(&(rows[i] as u64).to_le_bytes());
            *hash.finalize().as_bytes()
        });
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of fewer than 2^53 rows"
        )]
        let count = (group.len() as f64 * share).round() as usize;
        group.iter().take(count).for_each(|&i| sealed[i] = true);
    }
    sealed
}

/// Names of the features, and which are marks: numbers as they are, words as a mark each.
fn names(used: &[&Column]) -> Result<(Vec<String>, Vec<bool>), TableError> {
    let (mut names, mut marks) = (Vec::new(), Vec::new());
    for column in used {
        match &column.values {
            Values::Numbers(_) => {
                names.push(column.name.clone());
                marks.push(false);
            }
            Values::Words { words, .. } if words.len() > MAX_WORDS => {
                let (name, count) = (&column.name, words.len());
                let fact = format!("column `{name}` has {count} words, more than {MAX_WORDS}");
                return Err(TableError::of_use(
                    fact,
                    format!("`data.ignore: {name}` leaves it out"),
                ));
            }
            Values::Words { words, .. } => {
                names.extend(words.iter().map(|word| format!("{}={word}", column.name)));
                marks.extend(words.iter().map(|_| true));
            }
        }
    }
    Ok((names, marks))
}

/// `[rows, width]`.
fn values(used: &[&Column], rows: &[usize], width: usize) -> Vec<f64> {
    let mut values = vec![0.0; rows.len() * width];
    let mut from = 0;
    for column in used {
        let cells = values.chunks_exact_mut(width).zip(rows);
        match &column.values {
            Values::Numbers(numbers) => {
                cells.for_each(|(sample, &row)| sample[from] = numbers[row]);
                from += 1;
            }
            Values::Words { codes, words } => {
                for (sample, &row) in cells {
                    if codes[row] != NO_WORD {
                        sample[from + codes[row] as usize] = 1.0;
                    }
                }
                from += words.len();
            }
        }
    }
    values
}

impl Samples {
    /// Only the first so many.
    ///
    /// # Errors
    /// Where there is one thing to learn in all of them.
    pub fn limited(mut self, most: Option<u64>) -> Result<Self, TableError> {
        self.target = self.target.limited(most)?;
        let most = most.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        self.rows.truncate(most);
        self.values.truncate(self.rows.len() * self.names.len());
        Ok(self)
    }
}
