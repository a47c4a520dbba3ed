//! Proof that the tests can fail: each known-bad variant of the code makes the test fail that is to
//! catch it.
use std::process::Stdio;

use crate::host;
use crate::mutant::Mutant;

const POWER: &str = "store::tests::faults::no_power_failure_loses_an_acknowledged_end";
const FAULTS: &str = "store::tests::faults::no_fault_loses_an_acknowledged_end";
const SIMULATED: &str = "simulated::tests::no_world_loses_an_end_or_does_anything_twice";
const KILLED: &str =
    "fsck::tests::faults::killed_at_every_operation_it_goes_on_and_comes_to_the_same";

/// The test that catches a variant.
const fn catcher(mutant: Mutant) -> &'static str {
    match mutant {
        Mutant::NoSync | Mutant::NoDirSync | Mutant::AcknowledgedEarly => POWER,
        Mutant::SharedAppend | Mutant::AttemptByListing => {
            "store::tests::race::threads_that_race_for_an_attempt_each_get_their_own"
        }
        Mutant::ShortWriteTaken
        | Mutant::SyncErrorSwallowed
        | Mutant::GoesOnAfterError
        | Mutant::PendingForgotten => FAULTS,
        Mutant::PublishedInPlace | Mutant::ManifestFirst => KILLED,
        Mutant::PublishReplaces => {
            "store::tests::write::a_published_file_is_never_replaced_and_leaves_nothing_beside"
        }
        Mutant::FolderTrusted => {
            "fsck::tests::faults::what_a_killed_one_left_does_not_fail_the_next_with_the_power"
        }
        Mutant::LinkAnswerTrusted => {
            "store::tests::faults::a_link_whose_answer_was_lost_was_made_all_the_same"
        }
        Mutant::NoCrc => "store::tests::damage::every_byte_changed_to_anything_is_found",
        Mutant::NoSequence => {
            "store::tests::damage::glued_missing_and_repeated_lines_are_told_apart"
        }
        Mutant::TornLineTaken => {
            "store::tests::damage::every_truncation_is_open_or_torn_and_loses_only_what_is_cut"
        }
        Mutant::StopsAtDamage => "store::tests::damage::a_damaged_head_does_not_cost_the_segment",
        Mutant::ForeignTaken => {
            "store::tests::damage::a_segment_of_another_sweep_or_name_is_not_taken"
        }
        Mutant::LastRecordWins => "store::tests::merge::order_and_repetition_do_not_matter",
        Mutant::LateFailureWins => "store::tests::merge::the_winner_is_the_highest_that_ended_well",
        Mutant::StaleGivesUp => {
            "store::tests::faults::a_file_whose_handle_went_stale_is_opened_again"
        }
        Mutant::CheckpointsRemovedFirst => {
            "store::tests::faults::a_checkpoint_that_fails_leaves_those_before_it"
        }
        Mutant::CheckpointTrusted => {
            "store::tests::checkpoint::each_damaged_byte_and_each_cut_is_seen_and_the_one_before_is_taken"
        }
        Mutant::ReportUnclaimed => {
            "report::keep::tests::a_report_is_written_once_and_one_that_says_more_beside_it"
        }
        Mutant::FateNotReread => {
            "exec::slurm::ledger::tests::the_first_that_takes_a_number_or_decides_a_fate_has_it"
        }
        Mutant::FolderNotOpened
        | Mutant::TaskUnelected
        | Mutant::CancelByNumber
        | Mutant::BlindRetry
        | Mutant::NumberReadAnew
        | Mutant::DraftLeft
        | Mutant::DraftOutside => SIMULATED,
        Mutant::ClockTrusted => {
            "exec::slurm::ledger::tests::a_submission_elsewhere_is_under_way_for_ten_minutes"
        }
        Mutant::AbsenceBelieved => {
            "simulated::tests::a_folder_that_was_not_there_is_seen_as_soon_as_it_is"
        }
        Mutant::JobIdTrusted => "exec::slurm::state::tests::a_job_number_alone_proves_nothing",
    }
}

/// Runs a test in a process of its own, with a variant on; what the process said where it passed.
fn passes(test: &str, mutant: &str) -> Option<String> {
    let program = std::env::current_exe().expect("this program");
    let ran = host::command(&program)
        .args(["--exact", test])
        .env("DLGRID_MUTANT", mutant)
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env("DLGRID_SIMULATION_SEEDS", "20000")
        .stdin(Stdio::null())
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.contains("running 1 test"), "`{test}` is no test: {said}");
    ran.status.success().then_some(said)
}

#[test]
fn each_known_bad_variant_is_caught() {
    assert!(passes(POWER, "").is_some(), "the code as it is passes");
    let escaped: Vec<_> = Mutant::ALL
        .iter()
        .filter(|mutant| passes(catcher(**mutant), mutant.word()).is_some())
        .collect();
    assert!(escaped.is_empty(), "not caught: {escaped:?}");
}

#[test]
fn the_documented_table_is_the_real_one() {
    let text = include_str!("../../../../docs/reliability.md");
    for mutant in Mutant::ALL {
        let test = catcher(*mutant).rsplit("::").next().unwrap_or_default();
        let row = text.lines().find(|line| line.contains(&format!("`{}`", mutant.word())));
        let row = row.unwrap_or_else(|| panic!("`{}` is not documented", mutant.word()));
        assert!(row.contains(test), "{row} does not name {test}");
    }
    for kind in super::Kind::ALL {
        let row = format!("| `{}` | {} |", kind.word(), kind.severity().word());
        assert!(text.contains(&row), "{row} is not documented");
    }
}
