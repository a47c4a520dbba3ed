//! Every end of a sweep in full, read segment by segment.
use super::error::StoreError;
use super::layout::SweepDir;
use super::line::unframe;
use super::record::{End, Record};
use super::{fs, read};

/// Every run's end that the merge picks, complete, with the slice whose segment has it.
///
/// # Errors
/// Where a segment can't be read.
pub fn all(dir: &SweepDir, sweep_id: &str) -> Result<Vec<(u32, End)>, StoreError> {
    let results = read::load(dir, sweep_id)?;
    let mut ends = Vec::new();
    for (name, tail) in &results.segments {
        if tail.refused {
            continue;
        }
        for line in fs::read(&dir.ends(name))?.split(|b| *b == b'\n') {
            let record = unframe(line).ok().and_then(|content| serde_json::from_slice(content).ok());
            let Some(Record::End(end)) = record else { continue };
            let picked = results.end(end.index).is_some_and(|merged| {
                merged.at.segment() == *name && merged.run == end.run && merged.time == end.time
            });
            if picked {
                ends.push((name.slice, *end));
            }
        }
    }
    Ok(ends)
}
