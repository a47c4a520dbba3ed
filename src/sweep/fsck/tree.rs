//! Every file: whether dlgrid makes such a one, whose it is, and who may write to it.
use std::collections::HashSet;
use std::path::Path;

use super::Seen;
use super::fact::{Facts, Kind};
use super::{inside, said};
use crate::host;
use crate::store::StoreError;
use crate::store::fs::{self, About, FileKind};
use crate::store::layout::{SegmentName, SweepDir, is_stage, parse_claim};
use crate::store::trust::{NOBODY, is_open_to_all};
use crate::sweep::Sweep;
use crate::trial::RunId;

pub(super) fn check(
    dir: &SweepDir,
    sweep: Option<&Sweep>,
    facts: &mut Facts,
    seen: &mut Seen,
) -> Result<(), StoreError> {
    let owner = owner(dir);
    if let Ok(about) = fs::about(dir.path()) {
        rights("", &about, owner, facts);
        // Who checks it may be another than who works on it: that is told once.
        if !is_in_a_sweep(dir) && ![host::user(), NOBODY].contains(&about.user) {
            facts.add(Kind::OtherOwner, "", format!("belongs to user {}", about.user));
        }
    }
    // Programs of the user keep what they like in their checkpoints.
    let opaque = sweep.is_none_or(|sweep| !sweep.spec.trains());
    walk(dir, dir.path(), (owner, opaque), facts, seen)
}

/// Whose all files are to be: the owner of the sweep's folder.
fn owner(dir: &SweepDir) -> u32 {
    let of = if is_in_a_sweep(dir) { dir.path().parent() } else { None };
    fs::about_behind(of.unwrap_or(dir.path())).map_or_else(|_| host::user(), |about| about.user)
}

fn is_in_a_sweep(dir: &SweepDir) -> bool {
    dir.path().file_name().is_some_and(|name| is_stage(&name.to_string_lossy()))
}

fn walk(
    dir: &SweepDir,
    folder: &Path,
    (owner, opaque): (u32, bool),
    facts: &mut Facts,
    seen: &mut Seen,
) -> Result<(), StoreError> {
    let names = fs::list_all(folder)?;
    let drafts = drafts(folder, &names);
    for name in names {
        let path = folder.join(&name);
        let file = inside(dir, &path);
        let about = match fs::about(&path) {
            Ok(about) => about,
            // It went while its folder was read.
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => continue,
            Err(cause) => {
                facts.add(Kind::Unreadable, file, cause.to_string());
                continue;
            }
        };
        let kept_by_program = opaque && file.starts_with("ckpt/");
        if !special(&file, &about, kept_by_program, facts) {
            continue;
        }
        // Stages are looked at by themselves.
        if folder == dir.path() && is_stage(&name) && about.kind == FileKind::Folder {
            continue;
        }
        rights(&file, &about, owner, facts);
        if about.kind == FileKind::Folder {
            if let Err(error) = walk(dir, &path, (owner, opaque), facts, seen) {
                facts.add(Kind::Unreadable, file, said(&error));
            }
            continue;
        }
        seen.files += 1;
        seen.bytes += about.length;
        if !kept_by_program {
            named(dir, (&file, &name), &about, &drafts, facts);
        }
    }
    Ok(())
}

/// Whether it is a plain file or folder.
fn special(file: &str, about: &About, kept_by_program: bool, facts: &mut Facts) -> bool {
    if about.kind == FileKind::Link {
        if !kept_by_program {
            facts.add(Kind::SymbolicLink, file, "is a symbolic link");
        }
        return false;
    }
    if about.kind == FileKind::Special {
        facts.add(Kind::SpecialFile, file, "is neither a file nor a folder");
        return false;
    }
    true
}

fn rights(file: &str, about: &About, owner: u32, facts: &mut Facts) {
    if is_open_to_all(about) {
        let mode = about.mode & 0o7777;
        facts.add(Kind::WorldWritable, file, format!("everybody may write to it (mode {mode:o})"));
    }
    if about.user != owner {
        facts.add(Kind::OtherOwner, file, format!("belongs to user {}", about.user));
    }
}

/// Whether its name is one that dlgrid gives.
fn named(
    dir: &SweepDir,
    (file, name): (&str, &str),
    about: &About,
    drafts: &HashSet<u64>,
    facts: &mut Facts,
) {
    if is_leftover(name) {
        facts.add(Kind::Leftover, file, "was in the making");
        return;
    }
    if about.links > 1 && !has_draft(&dir.path().join(file), about, drafts) {
        let text = format!("has {} names", about.links);
        facts.add(Kind::HardLink, file, text);
    }
    match place(file) {
        Place::Own => {}
        Place::Stray => facts.add(Kind::StraySegment, file, "is called as no segment is"),
        Place::Foreign => facts.add(Kind::ForeignFile, file, "is none of dlgrid's"),
    }
}

/// What a process leaves that is killed: hidden files in the making, and those that a network
/// file system keeps for files that were removed while open.
fn is_leftover(name: &str) -> bool {
    name.starts_with(".nfs") || (name.starts_with('.') && name.ends_with(".tmp"))
}

/// The inodes of the files in the making in a folder.
fn drafts(folder: &Path, names: &[String]) -> HashSet<u64> {
    let drafts = names.iter().filter(|name| is_leftover(name));
    drafts.filter_map(|name| fs::about(&folder.join(name)).ok()).map(|about| about.inode).collect()
}

/// Whether a file's second name may be that under which it was made: its maker was killed
/// between the link and the removal, or is just between the two.
fn has_draft(path: &Path, about: &About, drafts: &HashSet<u64>) -> bool {
    about.links == 2
        && (drafts.contains(&about.inode) || fs::about(path).is_ok_and(|now| now.links == 1))
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Own,
    Stray,
    Foreign,
}

/// What a path below the sweep directory is called as.
fn place(file: &str) -> Place {
    let parts: Vec<&str> = file.split('/').collect();
    let own = match parts[..] {
        ["SWEEP.json" | "spec.yaml" | "code.diff"] => true,
        ["submit", name] => is_event(name),
        ["seg", _, name] => {
            let is_one = SegmentName::parse(name).is_some() || parse_claim(name).is_some();
            return if is_one { Place::Own } else { Place::Stray };
        }
        ["seg", _] => return Place::Stray,
        ["ckpt", run, ..] => run.parse::<RunId>().is_ok(),
        ["weights", name] => {
            name.strip_suffix(".safetensors").is_some_and(|id| id.parse::<RunId>().is_ok())
        }
        ["tasks", intent, name] => {
            digits(intent, 6) && name.starts_with('t') && name.ends_with(".jsonl")
        }
        ["bin", hash, _] => hash.len() == 16,
        ["openings", name] => name.strip_suffix(".json").is_some_and(|n| digits(n, 4)),
        ["logs", ..] => true,
        ["report", number, ..] => digits(number, 4),
        _ => false,
    };
    if own { Place::Own } else { Place::Foreign }
}

/// Whether a path below the sweep directory is called as one that dlgrid makes.
pub(super) fn is_own(file: &str) -> bool {
    place(file) == Place::Own
}

fn is_event(name: &str) -> bool {
    let number = |prefix: &str, ends: &[&str]| {
        let rest = name.strip_prefix(prefix).and_then(|rest| rest.split_once('.'));
        rest.is_some_and(|(n, end)| digits(n, 6) && ends.contains(&end))
    };
    name == "complete.json"
        || number("request-", &["json"])
        || number("array-", &["intent", "fate", "released", "passed"])
        || number("order-", &["json"])
        || number("local-", &["json", "end"])
}

fn digits(text: &str, least: usize) -> bool {
    text.len() >= least && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_that_dlgrid_makes_is_known_and_no_other() {
        let run = "0123456789abcdef0123456789abcdef";
        for own in [
            "SWEEP.json",
            "submit/array-000001.fate",
            "submit/local-000012.end",
            "seg/00/c000000.a1.claim",
            "seg/01/c000256.a1.7f3c91aa.curves",
            &format!("ckpt/{run}/e000001.s000000000010.a1.3.0123456789abcdef.ckpt"),
            &format!("weights/{run}.safetensors"),
            "tasks/000001/t000003.9ac07b1e.jsonl",
            "logs/a/b",
            "report/0001/leaderboard.md",
            "openings/0001.json",
        ] {
            assert_eq!(place(own), Place::Own, "{own}");
        }
        for foreign in
            ["notes.txt", "submit/array-1.fate", "submit/x", "ckpt/x/y", "a/b", "tasks/1"]
        {
            assert_eq!(place(foreign), Place::Foreign, "{foreign}");
        }
        for stray in ["seg/00/c000000.a1.7f3c91aa.jsonl.bak", "seg/x", "seg/00/notes"] {
            assert_eq!(place(stray), Place::Stray, "{stray}");
        }
    }
}
