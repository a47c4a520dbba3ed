//! From the YAML of a profile to a site, or to everything that is wrong with it.
use std::path::PathBuf;

use super::{Limits, Site};
use crate::spec::mistake::{Mistake, SpecErrors};
use crate::spec::section::Mistakes;
use crate::spec::slurm;
use crate::spec::yaml::{Entry, Kind, Node};

/// Keys of a profile.
const KEYS: &[&str] =
    &["cluster", "description", "light", "limits", "login_shell", "name", "setup", "slurm"];
const LIMITS: &[&str] =
    &["hold", "jobs_may_submit", "max_array_size", "max_submit_jobs", "requeue"];

/// Reads a profile: `file` is what messages call it, `name` what the site is called where the
/// profile does not say.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(
    file: &str,
    name: &str,
    bytes: &[u8],
    origin: Option<PathBuf>,
) -> Result<Site, SpecErrors> {
    let (text, tree) = crate::spec::tree(file, bytes).map_err(|mut errors| {
        // What a spec would be begun with is of no use here.
        for mistake in errors.mistakes.iter_mut().filter(|m| m.fact.ends_with("is empty")) {
            mistake.hint = Some("`dlgrid site show example` prints one to start from".into());
        }
        errors
    })?;
    let mut mistakes = Mistakes::default();
    let mut site = Site { name: name.to_owned(), origin, ..Site::default() };
    let mut shell = None;
    for entry in mistakes.entries(&tree, "a site's profile") {
        let value = &entry.value;
        match entry.key.as_str() {
            "name" => site.name = site_name(entry, &mut mistakes).unwrap_or_default(),
            "description" => site.description = mistakes.text(value, "`description`"),
            "cluster" => site.cluster = mistakes.text(value, "`cluster`"),
            "slurm" | "light" => section(entry, &mut site, &mut mistakes),
            "setup" => site.setup = setup(entry, &mut mistakes),
            "login_shell" => shell = flag(entry, "login_shell", &mut mistakes),
            "limits" => site.limits = limits(value, &mut mistakes),
            _ => mistakes.unknown_key(entry, "a site's profile", KEYS),
        }
    }
    site.login_shell = shell.unwrap_or(!site.setup.is_empty());
    if mistakes.0.is_empty() { Ok(site) } else { Err(SpecErrors::of(file, text, mistakes.0)) }
}

/// Whether a site may be called so; its name stands in job scripts.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
}

fn site_name(entry: &Entry, mistakes: &mut Mistakes) -> Option<String> {
    let name = mistakes.text(&entry.value, "`name`")?;
    if !is_name(&name) {
        mistakes.add(Mistake::new(
            entry.value.span.clone(),
            format!("`name` must be letters, digits, `.`, `_` and `-`, got the text \"{name}\""),
            "at most 64, the first a letter or a digit",
        ));
        return None;
    }
    Some(name)
}

fn section(entry: &Entry, site: &mut Site, mistakes: &mut Mistakes) {
    if entry.value.kind == Kind::Null {
        return;
    }
    let settings = slurm::check(&entry.key, &entry.value, mistakes);
    if settings.given.contains_key("site") {
        mistakes.add(
            Mistake::new(
                entry.key_span.clone(),
                format!("`{}.site` does not stand in a profile", entry.key),
                "this is the site",
            )
            .hint("leave it out"),
        );
    }
    if entry.key == "slurm" { site.slurm = settings } else { site.light = settings }
}

fn setup(entry: &Entry, mistakes: &mut Mistakes) -> Vec<String> {
    if entry.value.kind == Kind::Null {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for item in mistakes.items(&entry.value, "`setup`", "setup: [module load cuda/12.4]") {
        match item.text() {
            None => mistakes.wrong_kind(item, "a line of `setup`", "text"),
            Some(line) if line.contains(char::is_control) => mistakes.add(
                Mistake::new(
                    item.span.clone(),
                    "a line of `setup` holds a line break, a tab or another control character",
                    "one line of bash each",
                )
                .hint("make each line of bash an item of its own, with blanks for tabs"),
            ),
            Some(line) => lines.push(line.to_owned()),
        }
    }
    lines
}

fn limits(node: &Node, mistakes: &mut Mistakes) -> Limits {
    let mut limits = Limits::default();
    if node.kind == Kind::Null {
        return limits;
    }
    for entry in mistakes.entries(node, "`limits`") {
        let key = entry.key.as_str();
        let what = format!("limits.{key}");
        match key {
            "max_array_size" => {
                limits.max_array_size =
                    count(entry, &what, mistakes).and_then(|n| usize::try_from(n).ok());
            }
            "max_submit_jobs" => limits.max_submit_jobs = count(entry, &what, mistakes),
            "hold" => limits.hold = flag(entry, &what, mistakes).unwrap_or(true),
            "requeue" => limits.requeue = flag(entry, &what, mistakes).unwrap_or(true),
            "jobs_may_submit" => {
                limits.jobs_may_submit = flag(entry, &what, mistakes).unwrap_or(true);
            }
            _ => mistakes.unknown_key(entry, "`limits`", LIMITS),
        }
    }
    limits
}

fn count(entry: &Entry, what: &str, mistakes: &mut Mistakes) -> Option<u64> {
    match &entry.value.kind {
        Kind::Null => None,
        Kind::Int(n @ 1..) => Some(n.unsigned_abs()),
        _ => {
            let expected = "a whole number of at least 1";
            mistakes.wrong_kind(&entry.value, &format!("`{what}`"), expected);
            None
        }
    }
}

fn flag(entry: &Entry, what: &str, mistakes: &mut Mistakes) -> Option<bool> {
    match &entry.value.kind {
        Kind::Null => None,
        Kind::Bool(flag) => Some(*flag),
        _ => {
            mistakes.wrong_kind(&entry.value, &format!("`{what}`"), "true or false");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<String> {
        let errors = read("s.yaml", "s", text.as_bytes(), None).expect_err("refused");
        let hinted = |m: &Mistake| m.hint.as_ref().map_or(String::new(), |h| format!(" ({h})"));
        let told = |m: &Mistake| format!("{}: {}{}", errors.place(m).0, m.fact, hinted(m));
        errors.mistakes.iter().map(told).collect()
    }

    #[test]
    fn a_profile_is_read() {
        let text = "description: ours\ncluster: c1\nslurm: {partition: gpu, memory: 16G}\nlight: {partition: cpu}\nsetup: [module load cuda/12.4, 'export A=\"$HOME\"']\nlimits: {max_array_size: 100, max_submit_jobs: 500, hold: false}\n";
        let site = read("s.yaml", "s", text.as_bytes(), None).expect("a site");
        assert_eq!((site.name.as_str(), site.cluster.as_deref()), ("s", Some("c1")));
        assert_eq!(site.setup, ["module load cuda/12.4", "export A=\"$HOME\""]);
        assert!(site.login_shell, "modules are there in login shells");
        assert_eq!(
            (site.limits.max_array_size, site.limits.max_submit_jobs),
            (Some(100), Some(500))
        );
        assert!(!site.limits.hold && site.limits.requeue && site.limits.jobs_may_submit);
        let bare =
            read("s.yaml", "s", b"name: x\nslurm:\nsetup:\nlimits:\n", None).expect("a site");
        assert_eq!(bare, Site { name: "x".into(), ..Site::default() });
        let own = read("s.yaml", "s", b"setup: [a]\nlogin_shell: false\n", None).expect("a site");
        assert!(!own.login_shell);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = "name: a b\nslurm: {partiton: gpu, site: x, memory: 16GB}\nsetup: [\"a\\nb\", 3]\nlogin_shell: 1\nlimits: {max_array_size: 0, max_arrays: 3, hold: maybe}\nmodules: [cuda]\n";
        insta::assert_snapshot!(facts(text).join("\n"), @r#"
        1: `name` must be letters, digits, `.`, `_` and `-`, got the text "a b"
        2: `slurm.site` does not stand in a profile (leave it out)
        2: unknown key `partiton` in `slurm` (did you mean `partition`?)
        2: `slurm.memory` must be memory such as `16G` or `2048M`, got the text "16GB" (did you mean `16G`? Slurm counts in units of 1024)
        3: a line of `setup` holds a line break, a tab or another control character (make each line of bash an item of its own, with blanks for tabs)
        3: a line of `setup` must be text, got `3`
        4: `login_shell` must be true or false, got `1`
        5: `limits.max_array_size` must be a whole number of at least 1, got `0`
        5: unknown key `max_arrays` in `limits` (did you mean `max_array_size`?)
        5: `limits.hold` must be true or false, got the text "maybe"
        6: unknown key `modules` in a site's profile (known are `cluster`, `description`, `light`, `limits`, `login_shell`, `name`, `setup`, `slurm`)
        "#);
        assert_eq!(facts("setup: module load x\n").len(), 1);
        assert!(facts("")[0].contains("site show example"), "{:?}", facts(""));
        assert!(facts("setup: [\"a\\tb\"]\n")[0].contains("control character"));
    }
}
