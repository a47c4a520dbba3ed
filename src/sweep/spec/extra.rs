//! What `slurm.extra` may hold: options of sbatch that dlgrid does not set itself, and that have no
//! key of their own where one matters.
use std::collections::BTreeMap;

use super::Contradiction;
use super::slurm::{SEPARATOR, SlurmSettings};

/// Options that dlgrid sets itself.
const OURS: &[&str] = &[
    "--array",
    "--job-name",
    "--hold",
    "--output",
    "--error",
    "--open-mode",
    "--parsable",
    "--requeue",
    "--no-requeue",
    "--signal",
    "--export",
    "--export-file",
    "--comment",
    "--dependency",
    "--test-only",
    "--wait",
    "--wrap",
    "--input",
    "--nodes",
    "--ntasks",
    "--time",
    "--ignore-pbs",
    "--quiet",
    "--clusters",
    "--begin",
];
const OURS_SHORT: &str = "aJHoeWiNntQMdb";

/// Options with a key that dlgrid reads or changes: what stands in `extra` comes last and would win.
const KEYED: &[(&str, Option<char>, &str)] = &[
    (
        "--account",
        Some('A'),
        "it has a key: `slurm.account: lab`, which is looked at before anything is submitted",
    ),
    (
        "--partition",
        Some('p'),
        "it has a key: `slurm.partition: gpu`, whose limits are looked at before anything is submitted",
    ),
    (
        "--qos",
        Some('q'),
        "it has a key: `slurm.qos: long`, which is heeded where limits are looked at",
    ),
    ("--mem", None, "it has a key: `slurm.memory: 16G`, which `dlgrid retry` can raise"),
    (
        "--exclude",
        Some('x'),
        "it has a key: `slurm.exclude: n3`, to which `dlgrid retry` adds bad nodes",
    ),
];

/// Each word is an option that may stand there, and contradicts no key.
///
/// # Errors
/// The first word that may not, or that asks for memory where `memory` does, too.
pub fn check(settings: &SlurmSettings) -> Result<(), Contradiction> {
    for word in settings.list("extra") {
        check_word(word)?;
        if is_memory(word) && settings.given.contains_key("memory") {
            return Err(Contradiction::new(
                format!("`slurm.extra` holds `{word}`, and `slurm.memory` is given, too"),
                "sbatch takes one of them: leave one out, or set `memory: null` over a site's",
            ));
        }
    }
    Ok(())
}

/// A word that is no option would be taken for the script, and an option of dlgrid's own would
/// break what it promises. Slurm also accepts the beginnings of long options.
fn check_word(word: &str) -> Result<(), Contradiction> {
    let name = name(word);
    let long = name.starts_with("--") && name.len() > 2;
    let short = word.strip_prefix('-').filter(|_| !long).and_then(|w| w.chars().next());
    let wrong = |what: &str, hint| {
        Err(Contradiction::new(format!("`slurm.extra` holds `{word}`, {what}"), hint))
    };
    if !long && !short.is_some_and(|c| c.is_ascii_alphabetic()) {
        return wrong(
            "which is no option",
            "write option and value as one word, such as `--mail-user=me@example.org`",
        );
    }
    let is = |option: &str, letter: Option<char>| {
        long && option.starts_with(name) || short.is_some() && short == letter
    };
    if OURS.iter().any(|ours| is(ours, None)) || short.is_some_and(|c| OURS_SHORT.contains(c)) {
        return wrong(
            "an option that dlgrid sets itself",
            "leave it out; `dlgrid plan --script` shows all that is set",
        );
    }
    match KEYED.iter().find(|(option, letter, _)| is(option, *letter)) {
        Some((_, _, hint)) => wrong("which does not stand there", hint),
        None => Ok(()),
    }
}

fn name(word: &str) -> &str {
    word.split(['=', ' ']).next().unwrap_or(word)
}

/// Whether it asks for memory by the core or the GPU: `--mem-per-cpu`, `--mem-per-gpu`, or a beginning.
fn is_memory(word: &str) -> bool {
    name(word).starts_with("--mem-p")
}

/// Leaves memory by the core or the GPU out of `extra`: beside `memory` sbatch would refuse it.
pub fn leave_memory_out(given: &mut BTreeMap<String, String>) {
    let Some(words) = given.remove("extra") else { return };
    let kept: Vec<&str> = words.split(SEPARATOR).filter(|word| !is_memory(word)).collect();
    if !kept.is_empty() {
        given.insert("extra".into(), kept.join(&SEPARATOR.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &str, memory: bool) -> Option<String> {
        let mut given: BTreeMap<String, String> =
            [("extra".to_owned(), words.replace(' ', "\u{1f}"))].into();
        given.extend(memory.then(|| ("memory".to_owned(), "4G".to_owned())));
        let settings = SlurmSettings::of(given, std::collections::BTreeSet::new());
        check(&settings).err().map(|wrong| format!("{wrong}: {}", wrong.hint))
    }

    #[test]
    fn what_has_a_key_or_is_set_already_does_not_stand_in_extra() {
        for (words, memory, part) in [
            ("--array=0-3", false, Some("sets itself")),
            ("--arr=0-3", false, Some("sets itself")),
            ("-Jx", false, Some("sets itself")),
            ("script.sh", false, Some("no option")),
            ("--", false, Some("no option")),
            ("--mem=16G", false, Some("`slurm.memory: 16G`")),
            ("--wckey=w --mem=16G", false, Some("`slurm.memory: 16G`")),
            ("--exclude=n1", false, Some("`slurm.exclude: n3`")),
            ("--exclud=n1", false, Some("`slurm.exclude: n3`")),
            ("-xn1", false, Some("`slurm.exclude: n3`")),
            ("--exclusive", false, None),
            ("--qos=long", false, Some("`slurm.qos: long`")),
            ("-qlong", false, Some("`slurm.qos: long`")),
            ("--part=gpu", false, Some("`slurm.partition: gpu`")),
            ("-p gpu", false, Some("`slurm.partition: gpu`")),
            ("-Alab", false, Some("`slurm.account: lab`")),
            ("--acctg-freq=30", false, None),
            ("--power=level", false, None),
            ("--mem-bind=local", true, None),
            ("--mem-per-cpu=4G", false, None),
            ("--mem-per-cpu=4G", true, Some("`memory: null`")),
            ("--mem-per-g=4G", true, Some("`memory: null`")),
        ] {
            let told = told(words, memory);
            let is_right = match (&told, part) {
                (Some(told), Some(part)) => told.contains(part),
                (told, part) => told.is_none() && part.is_none(),
            };
            assert!(is_right, "{words}: {told:?}");
        }
    }

    #[test]
    fn memory_by_the_core_gives_way_to_memory_of_a_task() {
        for (words, left) in [
            (
                "--wckey=w\u{1f}--mem-per-cpu=4G\u{1f}--mem-bind=local",
                Some("--wckey=w\u{1f}--mem-bind=local"),
            ),
            ("--mem-per-gpu=4G", None),
        ] {
            let mut given: BTreeMap<String, String> = [("extra".into(), words.into())].into();
            leave_memory_out(&mut given);
            assert_eq!(given.get("extra").map(String::as_str), left);
        }
    }
}
