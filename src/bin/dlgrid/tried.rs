//! Requests that Slurm has looked at before anything is submitted: whether it would ever start such
//! tasks, and the small job that concludes the sweep.
use dlgrid_sweep::exec::slurm::SlurmError;
use dlgrid_sweep::exec::slurm::again::More;
use dlgrid_sweep::exec::slurm::error::is_limit;
use dlgrid_sweep::exec::slurm::preflight;
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::text::plural;

use crate::cluster::Found;
use crate::slurm::{self, Wish};
use crate::talk::talk;

/// The request of a wish, once Slurm would take it. Where it refuses tasks with more than before, they get
/// what they had the last time, and as much as all where it refuses that, so that others of the sweep go
/// in all the same.
pub fn request(
    found: &Found,
    wish: &Wish,
    draft: &dyn Fn(&Wish) -> anyhow::Result<Request>,
) -> anyhow::Result<Request> {
    or_no_more(wish, draft, &|wish, request| runs(found, wish, request))
}

/// As [`request`], where `ask` asks Slurm.
fn or_no_more(
    wish: &Wish,
    draft: &dyn Fn(&Wish) -> anyhow::Result<Request>,
    ask: &dyn Fn(&Wish, &Request) -> Result<(), SlurmError>,
) -> anyhow::Result<Request> {
    let mut wish = wish.clone();
    loop {
        let request = draft(&wish)?;
        match ask(&wish, &request) {
            Err(SlurmError::Refused { words, .. }) if wish.more != More::default() => {
                let slices = plural(wish.slices.len() as u64, "slice");
                talk(&format!("warning: {slices} get no more after all: sbatch says: {words}\n"));
                wish.more = if wish.more == wish.kept { More::default() } else { wish.kept };
            }
            answer => return Ok(answer.map(|()| request)?),
        }
    }
}

/// Slurm itself says whether it would ever start such a task. Not held: of a held job it
/// believes everything.
fn runs(found: &Found, wish: &Wish, request: &Request) -> Result<(), SlurmError> {
    let words = words(&request.options, request);
    let settings = slurm::with_more(&request.settings, wish);
    match preflight::try_out(&found.slurm, &found.cluster, &settings, &words) {
        // The account may have no more jobs now: that says nothing of the task, and submission
        // goes on later.
        Err(SlurmError::Refused { words, .. }) if is_limit(&words) => Ok(()),
        answer => answer.map(drop),
    }
}

/// Whether Slurm would take the job that concludes the sweep, where one is to. Where it would not, that is
/// said: held, it would take it, and never start it.
pub fn light(found: &Found, request: &Request) -> Result<bool, SlurmError> {
    if !request.ends_with_a_job() {
        return Ok(true);
    }
    let settings = found.site.light_settings(&request.settings);
    let words = words(&request.light, request);
    let answer = preflight::try_light(&found.slurm, &found.cluster, &settings, &words);
    let warning = alone(answer)?;
    warning.iter().for_each(|warning| talk(warning));
    Ok(warning.is_none())
}

/// What to say where Slurm would take no small job.
fn alone(answer: Result<(), SlurmError>) -> Result<Option<String>, SlurmError> {
    match answer {
        Err(error @ SlurmError::Asked { .. }) => Ok(Some(format!(
            "warning: {error}; the task that ends last concludes it, and what a limit keeps out waits \
             for `dlgrid submit` again; {}\n",
            error.hint().unwrap_or_default()
        ))),
        answer => answer.map(|()| None),
    }
}

fn words(options: &[String], request: &Request) -> Vec<String> {
    let kept = options.iter().filter(|word| *word != "--parsable");
    kept.chain(&request.script).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn more(memory_mib: u64, seconds: u64) -> More {
        let given = |number: u64| (number > 0).then_some(number);
        More { memory_mib: given(memory_mib), seconds: given(seconds) }
    }

    /// Whether a request is made of a wish, and what was asked for, of a Slurm that takes so much.
    fn made(wanted: More, kept: More, takes: More) -> (bool, Vec<More>) {
        let asked = std::cell::RefCell::new(Vec::new());
        let wish = Wish { slices: vec![1, 2], more: wanted, kept, ..Wish::default() };
        let draft = |wish: &Wish| {
            asked.borrow_mut().push(wish.more);
            let text = r#"{"schema":1,"number":0,"slices":[],"options":[],"light":[],"script":[],"further":[],
                "array":1,"per_task":1,"max_running":null,"hold":true,"granted":{},"again":{"failed":false,
                "memory":false,"diverged":false},"only":null,"canary":false,"top_up":false,"settings":{},
                "upkeep":{}}"#;
            Ok(serde_json::from_str(text)?)
        };
        let ask = |wish: &Wish, _: &Request| {
            let is_over = |asked: Option<u64>, most: Option<u64>| {
                asked.unwrap_or(4096) > most.unwrap_or(u64::MAX)
            };
            let refuses = is_over(wish.more.memory_mib, takes.memory_mib)
                || is_over(wish.more.seconds, takes.seconds);
            let words = "Requested node configuration is not available".to_owned();
            if refuses { Err(SlurmError::Refused { program: "sbatch", words }) } else { Ok(()) }
        };
        let made = or_no_more(&wish, &draft, &ask).is_ok();
        (made, asked.into_inner())
    }

    #[test]
    fn a_small_job_that_slurm_refuses_keeps_no_sweep_out() {
        let (fact, hint) = ("Slurm would not take it".to_owned(), "say where it goes".to_owned());
        let told = alone(Err(SlurmError::Asked { fact, hint })).expect("no error").expect("told");
        insta::assert_snapshot!(told.trim_end(), @"warning: Slurm would not take it; the task that ends last concludes it, and what a limit keeps out waits for `dlgrid submit` again; say where it goes");
        assert!(alone(Ok(())).expect("no error").is_none());
        let words = "Unable to contact slurm controller".to_owned();
        assert!(alone(Err(SlurmError::Unreachable { program: "sbatch", words })).is_err());
    }

    #[test]
    fn what_slurm_refuses_with_more_goes_in_with_as_much_as_before() {
        let none = More::default();
        for (wanted, kept, takes, goes_in, asked) in [
            (more(6144, 0), none, more(8192, 0), true, vec![more(6144, 0)]),
            (more(9216, 0), none, more(8192, 0), true, vec![more(9216, 0), none]),
            (more(9216, 0), none, more(1024, 0), false, vec![more(9216, 0), none]),
            (none, none, more(1024, 0), false, vec![none]),
            // What a retry before this one has raised stays so.
            (
                more(18_432, 0),
                more(12_288, 0),
                more(16_384, 0),
                true,
                vec![more(18_432, 0), more(12_288, 0)],
            ),
            (
                more(12_288, 7200),
                more(12_288, 0),
                more(0, 5000),
                true,
                vec![more(12_288, 7200), more(12_288, 0)],
            ),
            (
                more(18_432, 0),
                more(12_288, 0),
                more(8192, 0),
                true,
                vec![more(18_432, 0), more(12_288, 0), none],
            ),
            (more(12_288, 0), more(12_288, 0), more(8192, 0), true, vec![more(12_288, 0), none]),
        ] {
            assert_eq!(made(wanted, kept, takes), (goes_in, asked), "{wanted:?} {kept:?}");
        }
    }
}
