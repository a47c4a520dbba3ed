//! Values and folders that are made to do harm, through the real sbatch.
use crate::place::place;
use crate::support::{HOSTILE, Said, hostile};

#[test]
fn hostile_values_pass_through_sbatch_as_they_are_and_stand_nowhere_in_slurm() {
    let Some(on) = place() else { return };
    let spec = hostile();
    on.here.write("toy.yaml", format!("{spec}slurm: {{time: 5m, runs_per_task: 4}}\n"));
    let mut submit = on.command(["submit", "toy.yaml"]);
    submit.env("MY_TOKEN", "hunter2-of-a-job").env("SBATCH_EXPORT", "ALL");
    Said::from(submit.output().unwrap()).code(0);
    let jobs: Vec<String> = on.jobs().iter().map(ToString::to_string).collect();
    for job in &jobs {
        let shown = on.slurm(["scontrol", "show", "job", job]);
        // It may be over and forgotten on a fast host.
        let name = shown.out.lines().find_map(|line| line.split_once("JobName=")).map(|(_, n)| n);
        assert!(name.is_none_or(|n| n.starts_with("dlg-") && n.len() <= 64), "{}", shown.out);
        for value in HOSTILE.iter().filter(|value| value.len() > 5) {
            assert!(!shown.out.contains(value), "{value}: {}", shown.out);
        }
    }
    let config = on.slurm(["scontrol", "show", "config"]).code(0).out;
    let state = config.lines().find_map(|line| line.strip_prefix("StateSaveLocation")).unwrap();
    let state = std::path::Path::new(state.trim().trim_start_matches('=').trim());
    assert!(!holds(state, b"hunter2-of-a-job"), "a secret of the caller's is in Slurm's state");
    on.drained();
    on.each_ran_once(HOSTILE.len());
    let outs = std::fs::read_dir(on.here.path()).unwrap().map(|entry| entry.unwrap().path());
    let (outs, rest): (Vec<_>, Vec<_>) =
        outs.partition(|p| p.file_name().unwrap().to_string_lossy().starts_with("out."));
    let mut got: Vec<String> = outs.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect();
    let mut sent: Vec<String> = HOSTILE.iter().map(|v| format!("{v}\u{1}{v}")).collect();
    got.sort();
    sent.sort();
    assert_eq!(got, sent);
    assert!(rest.iter().all(|p| !p.to_string_lossy().contains("pwned")), "{rest:?}");
    // `%A` in the folder's name was not taken for the job's number.
    on.run(["logs", "toy", "0"]).code(0);
}

/// Whether a file below a folder holds these bytes.
fn holds(folder: &std::path::Path, words: &[u8]) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, words);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(words.len()).any(|window| window == words)
    })
}
