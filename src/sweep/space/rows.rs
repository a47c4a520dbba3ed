//! Rows that repeat an earlier row of their axis where some of their parameters do not exist.
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::axis::Axis;
use crate::recipe::Value;

/// Of one axis, the rows that repeat an earlier row, by the columns that do not exist.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats(Arc<RwLock<Known>>);

type Known = HashMap<Vec<usize>, Arc<HashSet<u64>>>;

static NONE: LazyLock<Arc<HashSet<u64>>> = LazyLock::new(Arc::default);

impl Repeats {
    /// The rows of the axis that repeat an earlier one in all parameters but the absent ones.
    pub fn at(&self, axis: &Axis, absent: &[usize]) -> Arc<HashSet<u64>> {
        let Axis::Rows { params, rows } = axis else { return Arc::clone(&NONE) };
        let gone: Vec<usize> =
            (0..params.len()).filter(|column| absent.contains(&params[*column])).collect();
        if gone.is_empty() {
            return Arc::clone(&NONE);
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&gone).cloned();
        known.unwrap_or_else(|| {
            let found = Arc::new(repeated(rows, &gone));
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(gone).or_insert(found))
        })
    }
}

fn repeated(rows: &[Vec<Option<Value>>], gone: &[usize]) -> HashSet<u64> {
    let mut seen = HashSet::with_capacity(rows.len());
    let text = |row: &Vec<Option<Value>>| {
        let mut text = String::new();
        for (_, cell) in row.iter().enumerate().filter(|(column, _)| !gone.contains(column)) {
            if let Some(value) = cell {
                value.canonical().write_json(&mut text);
            }
            text.push(',');
        }
        text
    };
    let rows = rows.iter().enumerate();
    rows.filter(|(_, row)| !seen.insert(text(row))).map(|(number, _)| number as u64).collect()
}
