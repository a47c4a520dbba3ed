//! What came of a submission, in words.
use dlgrid_sweep::exec::slurm::ledger::Kind;
use dlgrid_sweep::exec::slurm::request::Request;
use dlgrid_sweep::exec::slurm::submit::Report;
use dlgrid_sweep::sweep::Sweep;
use dlgrid_sweep::text::plural;

/// Arrays that were let go although they had been submitted before, in words.
pub fn let_go(arrays: &[u64]) -> String {
    arrays.iter().map(|job| format!("let array {job} go, which was held\n")).collect()
}

/// What came of a submission, in words.
pub fn told(sweep: &Sweep, request: &Request, report: &Report) -> String {
    let mut text = String::new();
    for one in &report.submitted {
        text.push_str(&match one.kind {
            Kind::Runs => {
                format!("submitted array {} of {}\n", one.job, plural(one.tasks as u64, "task"))
            }
            Kind::Canary => format!("submitted job {}: it tries one run first\n", one.job),
            Kind::TopUp => format!("submitted job {}: it submits the rest later\n", one.job),
            Kind::Report => format!("submitted job {}: it concludes the sweep\n", one.job),
        });
    }
    text.push_str(&let_go(&report.adopted));
    let slices = request.slices.len();
    if report.queued > 0 {
        let (all, be) = (plural(slices as u64, "slice"), if slices == 1 { "was" } else { "were" });
        let nothing = report.queued == slices && report.submitted.is_empty();
        let then = if nothing { ": nothing to submit" } else { "" };
        text.push_str(&format!("{} of {all} {be} in the queue{then}\n", report.queued));
    }
    if let Some((left, words)) = &report.kept_out {
        let tops_up = report.submitted.iter().any(|one| one.kind == Kind::TopUp);
        let then = if tops_up {
            "the rest follows by itself".to_owned()
        } else {
            format!("`dlgrid submit` again adds the rest of `{}`", sweep.manifest.name)
        };
        text.push_str(&format!(
            "{left} of {slices} slices are not in the queue yet: a limit of your account is reached \
             (sbatch says: {words}); {then}\n"
        ));
    }
    text
}

/// That runs are not tried again as yet, in words.
pub fn told_passed(passed: &[u64]) -> String {
    const NAMED: usize = 8;
    if passed.is_empty() {
        return String::new();
    }
    let named: Vec<String> = passed.iter().take(NAMED).map(u64::to_string).collect();
    let more = if passed.len() > NAMED { ", …" } else { "" };
    format!(
        "warning: not submitted: {} ({}{more}) of slices that a task in the queue or at work has, which \
         trains others of them; the same command once it is over submits them\n",
        plural(passed.len() as u64, "run"),
        named.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::told_passed;

    #[test]
    fn runs_that_are_passed_over_are_named() {
        let all = [told_passed(&[]), told_passed(&[4]), told_passed(&(0..20).collect::<Vec<_>>())];
        insta::assert_snapshot!(all.concat(), @r"
        warning: not submitted: 1 run (4) of slices that a task in the queue or at work has, which trains others of them; the same command once it is over submits them
        warning: not submitted: 20 runs (0, 1, 2, 3, 4, 5, 6, 7, …) of slices that a task in the queue or at work has, which trains others of them; the same command once it is over submits them
        ");
    }
}
