//! Any text as the words of Slurm's programs: nothing panics, and nothing is made up.
use super::preflight::{accounts, configured};
use super::{gres, nodes, parse, ranges, state};

/// `squeue`: each row is a line, its tasks read back as written, and an array counts by its whole name.
pub fn squeue(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let rows = parse::queue(&text);
    assert!(rows.len() <= text.lines().count());
    for row in &rows {
        let found = state::arrays_named(&rows, &row.name);
        assert!(found.contains(&row.array));
        drop((
            parse::reason(&row.reason, row.array),
            row.state.phase(),
            state::is_alive(&row.state),
        ));
        assert!(row.start.as_deref().and_then(parse::instant).is_none_or(f64::is_finite));
        if let Some(tasks) = ranges::read(&row.tasks).filter(|tasks| tasks.len() < 10_000) {
            assert_eq!(ranges::read(&ranges::write(&tasks)), Some(tasks));
        }
    }
    assert!(state::arrays_named(&rows, "no such\nname").is_empty());
}

/// `sbatch`: a number only where the last line begins with it.
pub fn sbatch(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(job) = parse::submitted(&text) {
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        assert_eq!(last.split(';').next().and_then(|n| n.parse().ok()), Some(job));
    }
    drop((parse::is_transient(&text), parse::is_for_the_past(&text), parse::start(&text, 1.8e9)));
}

/// `scontrol`, `sinfo` and `sacctmgr`: what a cluster says of itself.
pub fn cluster(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(configured(&text).array > 0);
    drop((parse::partitions(&text), accounts::associations(&text)));
    for node in nodes::nodes(&text) {
        drop((node.gpus(None), node.describe(), node.is_away()));
    }
    for word in text.split_whitespace() {
        drop((parse::seconds(word), parse::instant(word), gres::list(word)));
    }
}
