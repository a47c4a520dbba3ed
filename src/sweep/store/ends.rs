//! Every end of a sweep in full, read segment by segment.
use std::collections::HashSet;

use serde::Deserialize;

use super::error::StoreError;
use super::layout::SweepDir;
use super::line::unframe;
use super::record::{End, Record};
use super::{fs, read};

#[derive(Deserialize)]
struct Numbered {
    n: u64,
}

/// Every run's end that the merge picks, complete, with the slice whose segment has it.
///
/// # Errors
/// Where a segment can't be read.
pub fn all(dir: &SweepDir, sweep_id: &str) -> Result<Vec<(u32, End)>, StoreError> {
    let results = read::load(dir, sweep_id)?;
    let mut ends = Vec::new();
    let mut taken = HashSet::new();
    for (name, tail) in &results.segments {
        if tail.refused {
            continue;
        }
        for line in fs::read(&dir.ends(name))?.split(|b| *b == b'\n') {
            let Ok(content) = unframe(line) else { continue };
            let Ok(Record::End(end)) = serde_json::from_slice(content) else { continue };
            let Ok(Numbered { n }) = serde_json::from_slice(content) else { continue };
            let picked = results.end(end.index).is_some_and(|merged| {
                merged.at.segment() == *name && merged.run == end.run && merged.at.n == n
            });
            // A line that stands twice was refused by the merge, and is not taken twice here.
            if picked && taken.insert(end.index) {
                ends.push((name.slice, *end));
            }
        }
    }
    Ok(ends)
}
