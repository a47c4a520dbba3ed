//! What tasks and runs left beside the segments: files of tasks, weights, programs.
use std::collections::HashSet;

use super::fact::{Facts, Kind};
use super::{inside, safetensors, said};
use crate::exec::slurm::ledger::{Ledger, Readable};
use crate::exec::slurm::ranges;
use crate::recipe::{Value, Work};
use crate::store::line::unframe;
use crate::store::merge::Results;
use crate::store::record::Outcome;
use crate::store::tasks::{self, TaskStart};
use crate::store::{StoreError, fs, read};
use crate::sweep::Sweep;

pub(super) fn check(sweep: &Sweep, results: &Results, facts: &mut Facts) -> Result<(), StoreError> {
    // One that can't be read was intended all the same.
    let Readable { ledger, lost, .. } = Readable::of(&sweep.dir);
    let mut numbers: HashSet<u32> = lost.into_keys().collect();
    numbers.extend(ledger.entries.iter().map(|entry| entry.intent.number));
    let known = |number: u32| numbers.contains(&number);
    for folder in fs::list_dir(&sweep.dir.tasks())? {
        let path = sweep.dir.tasks().join(&folder);
        for name in fs::list_dir(&path).unwrap_or_default() {
            let file = format!("tasks/{folder}/{name}");
            match fs::read(&path.join(&name)) {
                Ok(bytes) => task(sweep, results, &file, &bytes, &known, facts),
                Err(error) => facts.add(Kind::Unreadable, file, said(&error)),
            }
        }
    }
    weights(sweep, results, facts)?;
    programs(sweep, &ledger, facts)
}

fn task(
    sweep: &Sweep,
    results: &Results,
    file: &str,
    bytes: &[u8],
    known: &dyn Fn(u32) -> bool,
    facts: &mut Facts,
) {
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        facts.add(Kind::Torn, file, format!("ends in {} bytes of a line", bytes.len() - whole));
    }
    let lines = bytes[..whole].split_inclusive(|b| *b == b'\n');
    let bad = lines.filter(|line| unframe(&line[..line.len() - 1]).is_err()).count();
    if bad > 0 {
        facts.add(Kind::TaskDamaged, file, format!("{bad} lines do not match their checksums"));
    }
    let Some(start) = tasks::parse(bytes) else {
        if whole > 0 && bad == 0 {
            facts.add(Kind::TaskDamaged, file, "does not say which task it is of");
        }
        return;
    };
    let begin = &start.begin;
    if !file.starts_with(&format!("tasks/{:06}/t{:06}.", begin.intent, begin.task)) {
        let text = format!("is of task {} of array {}", begin.task, begin.intent);
        facts.add(Kind::TaskDamaged, file, text);
    } else if !known(begin.intent) {
        let text = format!("is of array {}, which was never intended", begin.intent);
        facts.add(Kind::SubmitMissing, file, text);
    }
    ends(sweep, results, file, &start, facts);
}

/// No fewer runs of a task's slices have ended than it counted when it ended.
fn ends(sweep: &Sweep, results: &Results, file: &str, start: &TaskStart, facts: &mut Facts) {
    let Some(end) = &start.end else { return };
    let Some(slices) = ranges::read(&start.begin.slices) else { return };
    let ended = |slice: u32, results: &Results| {
        sweep.slice_runs(slice).filter(|index| results.end(*index).is_some()).count() as u64
    };
    if slices.iter().map(|slice| ended(*slice, results)).sum::<u64>() >= end.ends {
        return;
    }
    // The last runs may have ended since the segments were read.
    let again = |slice: &u32| {
        let fresh = read::load_slice_to_show(&sweep.dir, *slice, &sweep.manifest.id);
        fresh.map_or_else(|_| ended(*slice, results), |fresh| ended(*slice, &fresh))
    };
    let now = slices.iter().map(again).sum::<u64>();
    if now < end.ends {
        let text = format!("counted {} runs that had ended, now {now} have", end.ends);
        facts.add(Kind::EndsLost, file, text);
    }
}

/// Runs that are done here and keep their weights have left them.
fn weights(sweep: &Sweep, results: &Results, facts: &mut Facts) -> Result<(), StoreError> {
    for name in fs::list_dir(&sweep.dir.all_weights())? {
        let file = format!("weights/{name}");
        match fs::read(&sweep.dir.all_weights().join(&name)) {
            Ok(bytes) => {
                if let Err(what) = safetensors::check(&bytes, "dlgrid") {
                    facts.add(Kind::WeightsDamaged, file, what);
                }
            }
            Err(error) => facts.add(Kind::Unreadable, file, said(&error)),
        }
    }
    if !sweep.spec.trains() {
        return Ok(());
    }
    let mut missing = Vec::new();
    for end in results.runs.values().filter_map(|run| run.end.as_ref()) {
        let own = end.outcome == Outcome::Done && end.from.is_none();
        let run = sweep.run(end.index).filter(|run| own && run.id == end.run);
        let Some(Work::Train(settings)) = run.map(|run| run.work) else { continue };
        if settings.at("save_weights") == Value::Bool(true)
            && !fs::is_file(&sweep.dir.weights(&end.run))
        {
            missing.push((end.index, inside(&sweep.dir, &sweep.dir.weights(&end.run))));
        }
    }
    missing.sort_unstable();
    for (index, file) in missing {
        facts.add(Kind::WeightsMissing, file, format!("run {index} is done and kept its weights"));
    }
    Ok(())
}

/// Programs that arrays name hash to what their folder is called.
fn programs(sweep: &Sweep, intents: &Ledger, facts: &mut Facts) -> Result<(), StoreError> {
    let bin = sweep.dir.path().join("bin");
    for hash in fs::list_dir(&bin)? {
        let folder = bin.join(&hash);
        let script = format!("bin/{hash}/array.sbatch");
        let is_named = |word: &String| word.ends_with(&script);
        // One that no array names may not be complete.
        if intents.entries.iter().any(|e| e.intent.words.iter().any(is_named))
            && !holds(&folder, &hash)
        {
            facts.add(Kind::ProgramChanged, format!("bin/{hash}"), "does not hash to its name");
        }
    }
    Ok(())
}

/// Whether a folder's programs, in some order, and script hash to its name.
fn holds(folder: &std::path::Path, hash: &str) -> bool {
    let (mut programs, mut script) = (Vec::new(), Vec::new());
    // What was in the making when its process was killed is no program.
    let names = fs::list_dir(folder).unwrap_or_default().into_iter();
    for name in names.filter(|name| !name.starts_with('.')) {
        let Ok(bytes) = fs::read(&folder.join(&name)) else { return false };
        if name == "array.sbatch" { script = bytes } else { programs.push(bytes) }
    }
    let of = |order: &mut dyn Iterator<Item = &Vec<u8>>| {
        let mut hasher = blake3::Hasher::new();
        for bytes in order {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        }
        hasher.update(&script).finalize().to_hex()[..16] == *hash
    };
    // There are one or two.
    of(&mut programs.iter()) || of(&mut programs.iter().rev())
}
