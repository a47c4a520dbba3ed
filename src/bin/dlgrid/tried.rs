//! Requests that Slurm has looked at before anything is submitted: whether it would ever start such
//! tasks, and the small job that concludes the sweep.
use dlgrid_sweep::exec::slurm::SlurmError;
use dlgrid_sweep::exec::slurm::again::More;
use dlgrid_sweep::exec::slurm::error::is_limit;
use dlgrid_sweep::exec::slurm::preflight;
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::text::plural;

use crate::cluster::Found;
use crate::slurm::Wish;
use crate::talk::talk;

/// The request of a wish, once Slurm would take it. Where it refuses tasks with more than before, they get
/// no more, so that others of the sweep go in all the same.
pub fn request(
    found: &Found,
    wish: &Wish,
    draft: &dyn Fn(&Wish) -> anyhow::Result<Request>,
) -> anyhow::Result<Request> {
    or_no_more(wish, draft, &|request| runs(found, request))
}

/// As [`request`], where `ask` asks Slurm.
fn or_no_more(
    wish: &Wish,
    draft: &dyn Fn(&Wish) -> anyhow::Result<Request>,
    ask: &dyn Fn(&Request) -> Result<(), SlurmError>,
) -> anyhow::Result<Request> {
    let request = draft(wish)?;
    match ask(&request) {
        Err(SlurmError::Refused { words, .. }) if wish.more != More::default() => {
            let slices = plural(wish.slices.len() as u64, "slice");
            talk(&format!("warning: {slices} get no more after all: sbatch says: {words}\n"));
            let request = draft(&Wish { more: More::default(), ..wish.clone() })?;
            ask(&request)?;
            Ok(request)
        }
        answer => Ok(answer.map(|()| request)?),
    }
}

/// Slurm itself says whether it would ever start such a task. Not held: of a held job it
/// believes everything.
fn runs(found: &Found, request: &Request) -> Result<(), SlurmError> {
    let words = words(&request.options, request);
    match preflight::try_out(&found.slurm, &found.cluster, &request.settings, &words) {
        // The account may have no more jobs now: that says nothing of the task, and submission
        // goes on later.
        Err(SlurmError::Refused { words, .. }) if is_limit(&words) => Ok(()),
        answer => answer.map(drop),
    }
}

/// Slurm would take the job that concludes the sweep, where one is to.
pub fn light(found: &Found, request: &Request) -> Result<(), SlurmError> {
    if !request.upkeep.ends_with_something() {
        return Ok(());
    }
    let settings = found.site.light_settings(&request.settings);
    let words = words(&request.light, request);
    preflight::try_light(&found.slurm, &found.cluster, &settings, &words)
}

fn words(options: &[String], request: &Request) -> Vec<String> {
    let kept = options.iter().filter(|word| *word != "--parsable");
    kept.chain(&request.script).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a request is made of a wish, and with how much memory, of a Slurm that takes so much.
    fn made(more: Option<u64>, takes: u64) -> (bool, Vec<Option<u64>>) {
        let asked = std::cell::RefCell::new(Vec::new());
        let wish = Wish {
            slices: vec![1, 2],
            more: More { memory_mib: more, seconds: None },
            ..Wish::default()
        };
        let draft = |wish: &Wish| {
            asked.borrow_mut().push(wish.more.memory_mib);
            let text = r#"{"schema":1,"number":0,"slices":[],"options":[],"light":[],"script":[],"further":[],
                "array":1,"per_task":1,"max_running":null,"hold":true,"granted":{},"again":{"failed":false,
                "memory":false,"diverged":false},"only":null,"canary":false,"top_up":false,"settings":{},
                "upkeep":{}}"#;
            let request: Request = serde_json::from_str(text)?;
            Ok(Request { array: wish.more.memory_mib.unwrap_or(4096) as usize, ..request })
        };
        let ask = |request: &Request| {
            let refuses = request.array as u64 > takes;
            let words = "Requested node configuration is not available".to_owned();
            if refuses { Err(SlurmError::Refused { program: "sbatch", words }) } else { Ok(()) }
        };
        let made = or_no_more(&wish, &draft, &ask).is_ok();
        (made, asked.into_inner())
    }

    #[test]
    fn what_slurm_refuses_with_more_goes_in_with_as_much_as_before() {
        assert_eq!(made(Some(6144), 8192), (true, vec![Some(6144)]));
        assert_eq!(made(Some(9216), 8192), (true, vec![Some(9216), None]));
        assert_eq!(made(Some(9216), 1024), (false, vec![Some(9216), None]));
        assert_eq!(made(None, 1024), (false, vec![None]));
    }
}
