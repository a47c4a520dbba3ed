//! What tasks and runs left beside the segments: files of tasks, weights, programs.
use std::collections::HashSet;

use super::fact::{Facts, Kind};
use super::{inside, listed, safetensors, said};
use crate::exec::slurm::ledger::{Ledger, Readable};
use crate::exec::slurm::ranges;
use crate::recipe::{Value, Work};
use crate::report::keep::BOARD;
use crate::store::line::unframe;
use crate::store::merge::Results;
use crate::store::record::Outcome;
use crate::store::tasks::{self, TASK_SCHEMA, TaskStart};
use crate::store::{StoreError, fs, read, weights};
use crate::sweep::Sweep;

pub(super) fn check(sweep: &Sweep, results: &Results, facts: &mut Facts) {
    // One that can't be read was intended all the same.
    let Readable { ledger, lost, .. } = Readable::of(&sweep.dir);
    let mut numbers: HashSet<u32> = lost.into_keys().collect();
    numbers.extend(ledger.entries.iter().map(|entry| entry.intent.number));
    // One may have been declared since.
    let intent = |number: u32| sweep.dir.submit().join(format!("array-{number:06}.intent"));
    let known = |number: u32| numbers.contains(&number) || fs::is_file(&intent(number));
    for folder in listed(&sweep.dir, &sweep.dir.tasks(), facts) {
        let path = sweep.dir.tasks().join(&folder);
        for name in fs::list_dir(&path).unwrap_or_default() {
            let file = format!("tasks/{folder}/{name}");
            match fs::read(&path.join(&name)) {
                Ok(bytes) => task(sweep, results, &file, &bytes, &known, facts),
                Err(error) => facts.add(Kind::Unreadable, file, said(&error)),
            }
        }
    }
    kept(sweep, results, facts);
    programs(sweep, &ledger, facts);
    concluded(sweep, results, facts);
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
    if let Some(schema) = later(bytes) {
        facts.add(Kind::LaterSchema, file, format!("has schema {schema}"));
        return;
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

/// The schema of a task's file that only a later dlgrid reads.
fn later(bytes: &[u8]) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let first = bytes.split(|b| *b == b'\n').next().and_then(|line| unframe(line).ok())?;
    let Version { schema } = serde_json::from_slice(first).ok()?;
    (schema > TASK_SCHEMA).then_some(schema)
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
        let fresh = read::load_slice_to_show(&sweep.dir, *slice, &sweep.manifest.id)?;
        Ok::<u64, StoreError>(ended(*slice, &fresh))
    };
    // What can't be read is told already.
    let Ok(now) = slices.iter().map(again).sum::<Result<u64, _>>() else { return };
    if now < end.ends {
        let text = format!("counted {} runs that had ended, now {now} have", end.ends);
        facts.add(Kind::EndsLost, file, text);
    }
}

/// A report is kept, and a sweep called complete, once all of its runs have ended.
fn concluded(sweep: &Sweep, results: &Results, facts: &mut Facts) {
    let ended =
        |results: &Results| results.runs.values().filter(|run| run.end.is_some()).count() as u64;
    let runs = sweep.manifest.runs;
    if ended(results) >= runs {
        return;
    }
    let complete = sweep.dir.submit().join("complete.json");
    let numbers = listed(&sweep.dir, &sweep.dir.reports(), facts);
    let boards = numbers.iter().map(|number| sweep.dir.reports().join(number).join(BOARD));
    let Some(shown) = boards.chain([complete]).find(|path| fs::is_file(path)) else { return };
    // It may have been concluded since the segments were read.
    let Ok(now) = read::load_to_show(&sweep.dir, &sweep.manifest.id) else { return };
    let now = ended(&now);
    if now < runs {
        let text = format!("was written when all {runs} runs had ended, now {now} have");
        facts.add(Kind::EndsLost, inside(&sweep.dir, &shown), text);
    }
}

/// Runs that are done here and keep their weights have left them.
fn kept(sweep: &Sweep, results: &Results, facts: &mut Facts) {
    for name in listed(&sweep.dir, &sweep.dir.all_weights(), facts) {
        let file = format!("weights/{name}");
        match fs::read(&sweep.dir.all_weights().join(&name)) {
            Ok(bytes) => {
                if let Err(what) = one_file(&name, &bytes) {
                    facts.add(Kind::WeightsDamaged, file, what);
                }
            }
            Err(error) => facts.add(Kind::Unreadable, file, said(&error)),
        }
    }
    if !sweep.spec.trains() {
        return;
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
}

/// Holds a file of weights against its head and its seal. Those of earlier versions have none.
pub(super) fn one_file(name: &str, bytes: &[u8]) -> Result<(), String> {
    let about = safetensors::check(bytes, weights::KEY)?;
    let run = name.strip_suffix(".safetensors").and_then(|run| run.parse().ok());
    match (about, run) {
        (Some(about), Some(run)) => weights::check(bytes, &about, &run),
        (None, Some(_)) if bytes[8..].starts_with(b"{\"__") => {
            Err("does not say whose it is".into())
        }
        _ => Ok(()),
    }
}

/// Programs that arrays name hash to what their folder is called.
fn programs(sweep: &Sweep, intents: &Ledger, facts: &mut Facts) {
    let bin = sweep.dir.path().join("bin");
    for hash in listed(&sweep.dir, &bin, facts) {
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
