//! What sbatch is told: everything that a user chose goes as its arguments, and nothing of it
//! into the script.
use std::path::Path;
use std::time::Duration;

use super::error::SlurmError;
use super::site::{Limits, Site};
use super::{gres, parse};
use crate::host;
use crate::spec::{Ranks, SlurmSettings};
use crate::spec::{duration, slurm};

/// The job script of a site without lines of its own is the same bytes for every sweep.
const TEMPLATE: &str = include_str!("../../../../slurm/array.sbatch");

/// Settings that are sbatch options of this name.
const OPTIONS: &[(&str, &str)] = &[
    ("account", "--account"),
    ("constraint", "--constraint"),
    ("cpus", "--cpus-per-task"),
    ("exclude", "--exclude"),
    ("gpus", "--gpus"),
    ("gres", "--gres"),
    ("licenses", "--licenses"),
    ("mail_type", "--mail-type"),
    ("mail_user", "--mail-user"),
    ("memory", "--mem"),
    ("nice", "--nice"),
    ("nodelist", "--nodelist"),
    ("partition", "--partition"),
    ("qos", "--qos"),
    ("reservation", "--reservation"),
];

/// The job script of a site. Of what a user wrote it holds the site's name and lines of setup.
#[must_use]
pub fn render(site: &Site) -> String {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    syntax.trim_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().expect("the usual delimiters"));
    let values = minijinja::context! {
        site => &site.name,
        setup => &site.setup,
        login_shell => site.login_shell,
    };
    environment.render_str(TEMPLATE, values).expect("the template and its values are ours")
}

/// Longest that bash may read a script.
const READING: Duration = Duration::from_secs(10);

/// Bash understands the lines of a site: what it does not would end every job.
///
/// # Errors
/// If it does not, in its own words. Where there is no bash, all is well.
pub fn check_setup(site: &Site) -> Result<(), SlurmError> {
    if site.setup.is_empty() {
        return Ok(());
    }
    let mut bash = host::command("bash");
    bash.args(["-n", "-c", &site.setup.join("\n")]).env("LC_ALL", "C");
    let Ok(output) = host::run_within(&mut bash, READING) else { return Ok(()) };
    let words = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    // A text that is not closed is only warned of, and would swallow what follows.
    if output.status.success() && words.is_empty() {
        return Ok(());
    }
    Err(SlurmError::asked(
        format!("bash can't read the lines of `setup` of the site `{}`: {words}", site.name),
        "each line of bash is an item; `bash -n` says the same of a file",
    ))
}

/// GPUs of a task, by `gpus` or `gres`; nothing where none are asked for.
#[must_use]
pub fn gpu_count(settings: &SlurmSettings) -> Option<u64> {
    let all = gres::gpus(settings);
    (!all.is_empty()).then(|| all.iter().map(|one| one.count).fold(0, u64::saturating_add))
}

/// Options of all arrays of a sweep whose directory is `folder` (absolute), where a site has
/// these limits.
///
/// # Errors
/// The first setting that can't be had.
pub fn options(
    settings: &SlurmSettings,
    limits: &Limits,
    folder: &Path,
) -> Result<Vec<String>, SlurmError> {
    let ranks = Ranks::of(settings, true)?;
    let given = |key: &str| settings.given.get(key).map(String::as_str);
    let mut words = vec!["--parsable".to_owned()];
    words.push(if limits.requeue { "--requeue" } else { "--no-requeue" }.to_owned());
    words.extend(["--open-mode=append", "--export=ALL"].map(str::to_owned));
    let (nodes, tasks) = ranks.map_or((1, 1), |ranks| (ranks.nodes, ranks.count));
    words.extend([format!("--nodes={nodes}"), format!("--ntasks={tasks}")]);
    if nodes > 1 {
        words.push(format!("--ntasks-per-node={}", tasks / nodes));
    }
    words.push(format!("--output={}", log_pattern(folder)?));
    words.push(format!("--signal=B:USR2@{}", grace(time_seconds(settings))));
    if let Some(seconds) = time_seconds(settings) {
        words.push(format!("--time={}", slurm_time(seconds)));
    }
    for (key, option) in OPTIONS {
        match given(key) {
            Some(_) if *key == "gpus" && nodes > 1 => words.push(gpus_per_node(settings, nodes)?),
            value => words.extend(value.map(|value| format!("{option}={value}"))),
        }
    }
    slurm::check_asked(settings)?;
    words.extend(settings.list("extra").map(str::to_owned));
    Ok(words)
}

/// GPUs of a task on several nodes, as many on each: Slurm would spread them as it likes.
fn gpus_per_node(settings: &SlurmSettings, nodes: u64) -> Result<String, SlurmError> {
    let parts: Option<Vec<String>> = gres::gpus(settings)
        .iter()
        .map(|one| {
            let count = (one.count.is_multiple_of(nodes)).then(|| one.count / nodes)?;
            Some(one.kind.as_ref().map_or(count.to_string(), |kind| format!("{kind}:{count}")))
        })
        .collect();
    match parts {
        Some(parts) => Ok(format!("--gpus-per-node={}", parts.join(","))),
        None => Err(SlurmError::asked(
            format!("`slurm.gpus` are of a whole task, and not as many on each of {nodes} nodes"),
            "one a rank is usual: as many as `slurm.ranks`",
        )),
    }
}

/// Names of further variables that travel into jobs.
///
/// # Errors
/// If one is Slurm's, which would act on sbatch.
pub fn further_variables(settings: &SlurmSettings) -> Result<Vec<String>, SlurmError> {
    const SLURMS: [&str; 5] = ["SLURM", "SBATCH", "SRUN", "PMI", "OMPI_"];
    let mut names = Vec::new();
    for name in settings.list("env") {
        if name.contains('=') || SLURMS.iter().any(|start| name.starts_with(start)) {
            return Err(SlurmError::asked(
                format!("`slurm.env` holds `{name}`, which can't travel into a job"),
                "it takes names of your own variables alone; their values are taken from here",
            ));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The time limit in seconds, if the spec gives one.
#[must_use]
pub fn time_seconds(settings: &SlurmSettings) -> Option<u64> {
    let text = settings.given.get("time")?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a job")]
    let ours = duration::seconds(text).map(|s| s.ceil() as u64);
    ours.or_else(|| parse::seconds(text))
}

/// Seconds before the time limit at which a worker is asked to save: two minutes, or a quarter
/// of a short limit. Slurm looks only every 30 seconds, so that it can be less.
#[must_use]
pub fn grace(limit: Option<u64>) -> u64 {
    limit.map_or(120, |seconds| (seconds / 4).clamp(20, 120))
}

/// Seconds in Slurm's longest form.
#[must_use]
pub fn slurm_time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("{days}-{:02}:{:02}:{:02}", rest / 3600, rest % 3600 / 60, rest % 60)
}

/// Where tasks print to: `%A` and `%a` are Slurm's, every other `%` is the folder's own.
fn log_pattern(folder: &Path) -> Result<String, SlurmError> {
    let text = plain(folder)?;
    if text.contains('\\') || text.chars().any(char::is_control) {
        return Err(SlurmError::asked(
            format!("Slurm can't write logs to `{text}`: it reads backslashes its own way"),
            "`--root DIR` puts sweeps elsewhere",
        ));
    }
    Ok(format!("{}/logs/%A_%a.log", text.replace('%', "%%")))
}

/// A path as text.
///
/// # Errors
/// If it is not UTF-8.
pub fn plain(path: &Path) -> Result<&str, SlurmError> {
    path.to_str().ok_or_else(|| {
        SlurmError::asked(
            format!("the path `{}` is not UTF-8", path.display()),
            "`--root DIR` puts sweeps elsewhere",
        )
    })
}

/// Options of one array: its name, its tasks, and how many of them may run at once.
#[must_use]
pub fn array_options(token: &str, tasks: usize, share: Option<u64>) -> Vec<String> {
    let last = tasks.saturating_sub(1);
    let limit = share.map_or_else(String::new, |n| format!("%{n}"));
    let mut words = vec![format!("--job-name={token}"), format!("--comment={token}")];
    words.push(format!("--array=0-{last}{limit}"));
    words
}

#[cfg(test)]
#[path = "script/tests/render.rs"]
mod render;

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> SlurmSettings {
        let given = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        SlurmSettings::of(given, Default::default())
    }

    fn fact(pairs: &[(&str, &str)]) -> String {
        let limits = Limits::default();
        options(&settings(pairs), &limits, Path::new("/s")).expect_err("refused").to_string()
    }

    #[test]
    fn what_the_user_chose_goes_as_one_word_each() {
        let chosen = settings(&[
            ("partition", "gpu; rm -rf /"),
            ("time", "1h30m"),
            ("gpus", "a100:1"),
            ("memory", "16G"),
            ("extra", "--mail-type=END\u{1f}-C ib"),
        ]);
        let words = options(&chosen, &Limits::default(), Path::new("/a b/%A's")).expect("options");
        insta::assert_snapshot!(words.join("\n"), @r"
        --parsable
        --requeue
        --open-mode=append
        --export=ALL
        --nodes=1
        --ntasks=1
        --output=/a b/%%A's/logs/%A_%a.log
        --signal=B:USR2@120
        --time=0-01:30:00
        --gpus=a100:1
        --mem=16G
        --partition=gpu; rm -rf /
        --mail-type=END
        -C ib
        ");
    }

    #[test]
    fn ranks_are_tasks_of_slurm_as_many_on_each_node_with_as_many_gpus() {
        let of = |pairs: &[(&str, &str)]| {
            let words =
                options(&settings(pairs), &Limits::default(), Path::new("/a")).expect("right");
            let is_ours = |word: &String| {
                ["--nodes", "--ntasks", "--gpus", "--cpus"].iter().any(|o| word.starts_with(o))
            };
            words.into_iter().filter(is_ours).collect::<Vec<_>>().join(" ")
        };
        let one = of(&[("ranks", "4"), ("gpus", "4"), ("cpus", "2")]);
        assert_eq!(one, "--nodes=1 --ntasks=4 --cpus-per-task=2 --gpus=4");
        let two = of(&[("ranks", "8"), ("ranks_per_node", "4"), ("gpus", "a100:8")]);
        assert_eq!(two, "--nodes=2 --ntasks=8 --ntasks-per-node=4 --gpus-per-node=a100:4");
    }

    #[test]
    fn what_can_not_be_had_is_refused_in_words() {
        for (pairs, part) in [
            (&[("nodes", "2")][..], "`slurm.ranks` is not given"),
            (&[("ranks", "4"), ("nodes", "4"), ("gpus", "2")], "not as many on each of 4 nodes"),
            (&[("extra", "--array=0-3")], "sets itself"),
            (&[("extra", "--mem-per-cpu=4G"), ("memory", "4G")], "given, too"),
        ] {
            assert!(fact(pairs).contains(part), "{pairs:?}: {}", fact(pairs));
        }
        assert!(further_variables(&settings(&[("env", "SBATCH_QOS")])).is_err());
        assert_eq!(
            further_variables(&settings(&[("env", "A\u{1f}B")])).expect("names"),
            ["A", "B"]
        );
        assert!(options(&settings(&[]), &Limits::default(), Path::new("/a\\b")).is_err());
    }

    #[test]
    fn a_site_without_hold_and_requeue_has_neither() {
        let limits = Limits { hold: false, requeue: false, ..Limits::default() };
        let words = options(&settings(&[]), &limits, Path::new("/s")).expect("options");
        assert!(!words.iter().any(|w| w == "--hold" || w == "--requeue"));
        assert!(words.iter().any(|w| w == "--no-requeue"));
    }

    #[test]
    fn gpus_are_counted() {
        for (key, text, count) in [
            ("gpus", "2", Some(2)),
            ("gpus", "a100:2", Some(2)),
            ("gres", "gpu:2", Some(2)),
            ("gres", "gpu:a100:2", Some(2)),
            ("gres", "shard:2", None),
            ("gpus", "a:18446744073709551615,b:1", Some(u64::MAX)),
            ("cpus", "2", None),
        ] {
            assert_eq!(gpu_count(&settings(&[(key, text)])), count, "{key}: {text}");
        }
    }

    #[test]
    fn times_are_told_to_slurm_in_its_own_form() {
        for (text, told) in [
            ("30m", "0-00:30:00"),
            ("90s", "0-00:01:30"),
            ("2d", "2-00:00:00"),
            ("04:00:00", "0-04:00:00"),
            ("1-12", "1-12:00:00"),
        ] {
            let seconds = time_seconds(&settings(&[("time", text)])).expect("a time");
            assert_eq!(slurm_time(seconds), told, "{text}");
        }
        for (limit, asked) in [(None, 120), (Some(60), 20), (Some(200), 50), (Some(9000), 120)] {
            assert_eq!(grace(limit), asked);
        }
    }

    #[test]
    fn an_array_is_named_and_limited() {
        assert_eq!(
            array_options("dlg-x", 11, Some(4)).join(" "),
            "--job-name=dlg-x --comment=dlg-x --array=0-10%4"
        );
        assert_eq!(array_options("t", 1, None)[2], "--array=0-0");
    }
}
