//! What Slurm 20.11 to 26.05 really wrote, and what is read from it.
use super::*;

#[test]
fn the_number_of_a_job_is_read_in_both_forms() {
    for (text, number) in
        [("22\n", Some(22)), ("22;slc32\n", Some(22)), ("note: be kind\n7\n", Some(7)), ("", None)]
    {
        assert_eq!(submitted(text).ok(), number, "{text}");
    }
    assert!(submitted("Submitted batch job x").is_err());
}

#[test]
fn every_state_is_read_back_and_others_stay_as_they_are() {
    for state in ALL {
        assert_eq!(JobState::read(state.word()), JobState::Known(*state));
    }
    for (text, state) in [
        ("CANCELLED by 0", JobState::Known(Known::Cancelled)),
        ("CANCELLED+", JobState::Known(Known::Cancelled)),
        ("RESV_DEL_HOLD", JobState::Known(Known::ResvDelHold)),
        ("NEW_STATE", JobState::Unknown("NEW_STATE".into())),
    ] {
        assert_eq!(JobState::read(text), state);
    }
    assert_eq!(JobState::read("NEW_STATE").phase(), None);
    for held in ["RESV_DEL_HOLD", "LAUNCH_FAILED", "RECONFIG_FAIL"] {
        assert_eq!(JobState::read(held).phase(), Some(Phase::Queued), "{held}");
    }
    assert_eq!(JobState::read("NEW_STATE").word(), "NEW_STATE");
}

#[test]
fn a_recorded_queue_is_read() {
    let text = "\
CLUSTER: slc32
2|2-5%2|PENDING|dlg-aa|N/A||JobArrayTaskLimit
2|0|RUNNING|dlg-aa|2026-11-24T11:34:54|n1|None
2|N/A|CANCELLED|dlg-aa|2026-11-24T11:34:55||JobArrayTaskLimit
77|N/A|RUNNING|evil|RUNNING|x|2026-11-24T11:34:54|n1|None
118|[1-3%1]|PENDING|dlg-b|N/A||launch failed | requeued held
broken
";
    let rows = queue(text);
    assert_eq!(rows.len(), 5);
    assert_eq!((rows[0].array, rows[0].tasks.as_str()), (2, "2-5%2"));
    assert_eq!(rows[0].state, JobState::Known(Known::Pending));
    assert_eq!(rows[0].start, None);
    assert_eq!(rows[1].start.as_deref(), Some("2026-11-24T11:34:54"));
    assert_eq!((rows[1].nodes.as_str(), rows[1].name.as_str()), ("n1", "dlg-aa"));
    assert_eq!(rows[2].tasks, "N/A");
    assert_eq!(rows[3].name, "evil", "a bar in a name shifts only what stands after it");
    assert_eq!(rows[4].reason, "launch failed | requeued held");
}

#[test]
fn a_recorded_configuration_and_its_partitions_are_read() {
    let config = "Configuration data as of 2026-11-24\nClusterName             = slc47\nMaxArraySize            = 11\nAccountingStoreFlags    = (null)\n";
    assert_eq!(setting(config, "MaxArraySize"), Some("11"));
    assert_eq!(setting(config, "AccountingStoreFlags"), None);
    assert_eq!(setting(config, "Size"), None);
    let text = "PartitionName=low AllowGroups=ALL Default=YES QoS=N/A DefaultTime=01:00:00 MaxNodes=UNLIMITED MaxTime=UNLIMITED State=UP TotalCPUs=16\nPartitionName=gpu Default=NO MaxTime=1-00:00:00 State=DRAIN\n";
    let found = partitions(text);
    assert_eq!(found.len(), 2);
    assert!(found[0].is_default && found[0].max_seconds.is_none() && found[0].state == "UP");
    assert_eq!((found[1].max_seconds, found[1].state.as_str()), (Some(86_400), "DRAIN"));
}

#[test]
fn times_are_read_in_all_of_slurms_forms() {
    for (text, expected) in [
        ("30", Some(1800)),
        ("01:30", Some(90)),
        ("02:00:00", Some(7200)),
        ("02:00:05", Some(7205)),
        ("1-12", Some(129_600)),
        ("1-00:30", Some(88_200)),
        ("1-00:00:30", Some(86_430)),
        ("9999999999999999-00", None),
        ("18446744073709551615", None),
        ("UNLIMITED", None),
        ("infinite", None),
        ("", None),
        ("1:2:3:4", None),
    ] {
        assert_eq!(seconds(text), expected, "{text}");
    }
}

#[test]
fn words_that_leave_it_open_are_told_from_a_refusal() {
    for words in [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "slurm_load_jobs error: Socket timed out on send/recv operation",
        "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
        "slurm_update error: Job can not be altered now, try again later",
        "slurm_update error: Job update not available right now, the DB index is being set, try again in a bit",
    ] {
        assert!(is_transient(words), "{words}");
    }
    for words in [
        "sbatch: error: invalid partition specified: gpuu",
        "sbatch: error: Batch job submission failed: Invalid job array specification",
        "sbatch: error: AssocMaxSubmitJobLimit",
    ] {
        assert!(!is_transient(words), "{words}");
    }
}

#[test]
fn reasons_are_told_in_words() {
    assert_eq!(reason("Resources", 257), "waits for free nodes (Resources)");
    assert_eq!(reason("Novel", 257), "Novel");
    for none in ["", "(null)", "None"] {
        assert_eq!(reason(none, 257), "not looked at yet", "Slurm has no word for it either");
    }
    assert!(reason("QOSMaxJobsPerUserLimit", 257).contains("QOSMaxJobsPerUserLimit"));
}

#[test]
fn limits_that_waiting_passes_are_told_from_those_it_never_does() {
    for code in ["QOSMaxJobsPerUserLimit", "QOSGrpCPUMinutesLimit", "AssocGrpNodeLimit"] {
        let told = reason(code, 257);
        assert!(told.contains("is reached") && !told.contains("never"), "{told}");
    }
    for (code, part) in [
        ("QOSMaxWallDurationPerJobLimit", "lower `slurm.time` (QOSMax"),
        ("AssocMaxWallDurationPerJobLimit", "its account allows a job less; lower `slurm.time`"),
        ("QOSMaxGRESPerJob", "lower `slurm.gpus`"),
        ("QOSMaxMemoryPerNode", "lower `slurm.memory`"),
        ("QOSMaxCpuPerJobLimit", "lower `slurm.cpus`"),
        ("AssocMaxCpuMinutesPerJobLimit", "lower `slurm.time`, or what"),
        ("QOSMinGRES", "asks for less than its quality of service demands"),
    ] {
        let told = reason(code, 257);
        assert!(told.starts_with("never starts: ") && told.contains(part), "{told}");
    }
}

#[test]
fn details_behind_a_reason_hide_no_words_for_it() {
    let away = "ReqNodeNotAvail, UnavailableNodes:n[1-4]";
    assert_eq!(
        reason(away, 257),
        format!("the nodes that it asks for are down or reserved ({away})")
    );
    for held in ["job requeued in held state", "launch failed requeued held", "JobHoldMaxRequeue"] {
        assert!(reason(held, 257).contains("`scontrol release 257` lets it go"), "{held}");
    }
    for held in ["JobHeldUser", "JobHeldAdmin"] {
        assert!(!reason(held, 257).contains("could not start"), "{held}");
    }
}

#[test]
fn a_task_that_is_held_is_told_also_among_others_that_wait() {
    let mixed = "Resources,JobHeldAdmin";
    let told = reason(mixed, 257);
    assert!(told.starts_with("waits for free nodes; some: is held by an administrator"), "{told}");
    assert!(
        told.contains("`scontrol release 257`") && told.ends_with(&format!("({mixed})")),
        "{told}"
    );
    for (code, expected) in [
        ("JobHeldUser", (true, true)),
        ("JobHeldAdmin", (true, true)),
        ("JobHeldUser,JobHeldAdmin", (true, true)),
        ("job requeued in held state", (true, true)),
        (mixed, (false, true)),
        ("Priority", (false, false)),
        ("", (false, false)),
    ] {
        assert_eq!((is_hold(code), has_hold(code)), expected, "{code}");
    }
}

#[test]
fn an_estimate_is_read_and_one_far_ahead_is_none() {
    // 2026-11-25T15:42:00Z
    let now = 1_795_621_320.0;
    let says = |at: &str| {
        format!("sbatch: Job 25 to start at {at} using 1 processors on nodes n1 in partition main")
    };
    for (at, told) in [
        ("2026-11-25T15:42:00", true),
        ("2027-11-20T00:00:00", true),
        ("2027-12-01T00:00:00", false),
        ("2036-02-29T00:00:00", false),
        ("Unknown", false),
    ] {
        assert_eq!(start(&says(at), now).as_deref(), told.then_some(at), "{at}");
    }
    assert_eq!(start("", now), None);
}

#[test]
fn instants_are_read() {
    for (text, expected) in [
        ("1970-01-01T00:00:00", Some(0.0)),
        ("2000-02-29T12:00:00", Some(951_825_600.0)),
        ("2026-11-24T11:34:54", Some(1_795_520_094.0)),
        ("N/A", None),
        ("2026-11-24", None),
        ("2026-13-24T11:34:54", None),
        ("2026-12-24T9223372036854775807:00:00", None),
        ("2026-12-24T23:59:61", None),
    ] {
        assert_eq!(instant(text), expected, "{text}");
    }
}

#[test]
fn what_is_refused_only_for_tasks_that_run_or_are_over_is_no_failure() {
    for (words, past) in [
        ("11_0-1: Job has already finished; 11_2-10: No error", true),
        ("3_0: Job has already finished; 3_1: Job is no longer pending execution", true),
        ("Job has already finished for job 7; slurm_suspend error: Job has already finished", true),
        ("11_0-1: Job has already finished; 11_2-10: Access/permission denied", false),
        ("Invalid job id specified for job 7", false),
    ] {
        assert_eq!(is_for_the_past(words), past, "{words}");
    }
}

#[test]
fn for_how_long_a_controller_has_run_is_read() {
    let config = "Configuration data as of 2026-11-29T16:57:47\nBOOT_TIME               = 2026-11-28T16:55:47\n";
    assert_eq!(runs_for(config), Some(86_520.0));
    assert_eq!(runs_for("BOOT_TIME = 2026-11-28T16:55:47\n"), None);
    assert_eq!(runs_for("Configuration data as of 2026-11-29T16:57:47\n"), None);
    assert_eq!(runs_for(&config.replace("2026-11-28T", "Unknown ")), None);
}
