//! The rows of a table that a person may look at while its test set is sealed.
use super::samples::{kept, learn, seal};
use super::{Column, Missing, Table, TableError, Target};

/// Rows with a target, without those that some way to learn it seals.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The rows of the table, from 0, ascending.
    pub rows: Vec<usize>,
    /// What is to be learnt in them, in the first of the ways.
    pub target: Target,
    /// Rows that one way or another seals.
    pub sealed: usize,
    /// Whether that is more than any one way seals.
    pub differ: bool,
}

impl Table {
    /// The rows that may be shown where the column at `target` is to be learnt, and a `share` is
    /// sealed. Which rows are sealed depends on what is drawn from: all rows with a target or those
    /// alone that miss nothing (`missing: drop`), each class by itself or numbers as a whole. A
    /// recipe decides that, and none is known here: what any of the ways seals is not shown. `ways`
    /// are those to take the target, as a number or as a class; one that can't be seals nothing.
    ///
    /// # Errors
    /// Where the target can't be learnt in the first of the ways.
    pub fn shown(&self, target: usize, share: f64, ways: &[bool]) -> Result<Shown, TableError> {
        let others = self.columns.iter().enumerate().filter(|(place, _)| *place != target);
        let others: Vec<&Column> = others.map(|(_, column)| column).collect();
        let target = &self.columns[target];
        let all = kept(self.rows, &[], target, Missing::Drop)?;
        let (learnt, _) = learn(target, &all, ways.first().copied().unwrap_or_default())?;
        let whole = kept(self.rows, &others, target, Missing::Drop).ok();
        let mut sealed = vec![false; self.rows];
        let mut most = 0;
        for rows in std::iter::once(&all).chain(&whole) {
            for &numbers in ways {
                let Ok((_, strata)) = learn(target, rows, numbers) else { continue };
                let by_this = seal(rows, &strata, share);
                most = most.max(by_this.iter().filter(|sealed| **sealed).count());
                rows.iter().zip(by_this).for_each(|(&row, by_this)| sealed[row] |= by_this);
            }
        }
        let places: Vec<usize> = (0..all.len()).filter(|&i| !sealed[all[i]]).collect();
        let sealed = all.len() - places.len();
        let rows = places.iter().map(|&i| all[i]).collect();
        Ok(Shown { rows, target: learnt.only(&places), sealed, differ: sealed > most })
    }
}
