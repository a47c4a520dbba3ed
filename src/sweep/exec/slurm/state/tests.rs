//! Where slices stand by recorded answers of squeue.
use super::*;
use crate::exec::slurm::ledger::tests::entry;

fn standing(entries: Vec<Entry>, queue: &str) -> Standing {
    Standing::of(&Ledger { entries }, &parse::queue(queue), 1e9)
}

#[test]
fn each_slice_stands_where_its_task_does() {
    let queue = "\
2|[4-5%2]|PENDING|dlg-1|N/A||JobArrayTaskLimit
2|0|COMPLETED|dlg-1|2026-11-24T11:34:54|n1|None
2|1|TIMEOUT|dlg-1|2026-11-24T11:34:54|n1|None
2|3|RUNNING|dlg-1|2026-11-24T11:34:54|n1|None
2|4|NEW|dlg-1|2026-11-24T11:34:54|n1|None
";
    let all = standing(vec![entry(1, "10-15", Some(Fate::Job(2)))], queue);
    let places: Vec<_> = (10..17).map(|slice| all.place(slice).clone()).collect();
    assert_eq!(
        places,
        [
            Place::Over("COMPLETED".into()),
            Place::Over("TIMEOUT".into()),
            Place::Gone,
            Place::Running,
            Place::Unknown("NEW".into()),
            Place::Waiting("JobArrayTaskLimit".into()),
            Place::Gone,
        ]
    );
    assert_eq!(all.liveness(15), Liveness::Queued);
    assert_eq!(all.liveness(14), Liveness::Unknown);
    assert_eq!((all.over(11), all.over(13), all.over(12)), (Some("TIMEOUT"), None, None));
    assert_eq!((all.arrays[0].waiting, all.arrays[0].running), (2, 1));
    assert_eq!(all.live.len(), 1);
}

#[test]
fn a_start_a_year_away_is_none() {
    let now = parse::instant("2026-11-24T11:34:54").unwrap();
    for (start, expected) in [
        ("2026-11-25T11:34:54", Some("2026-11-25T11:34:54")),
        ("2027-11-24T11:34:53", Some("2027-11-24T11:34:53")),
        ("2027-11-25T00:00:00", None),
        ("N/A", None),
    ] {
        let queue = parse::queue(&format!("2|[0-1]|PENDING|dlg-1|{start}||Priority\n"));
        let ledger = Ledger { entries: vec![entry(1, "10-11", Some(Fate::Job(2)))] };
        let standing = Standing::of(&ledger, &queue, now);
        assert_eq!(standing.arrays[0].start.as_deref(), expected, "{start}");
        assert_eq!(standing.arrays[0].waiting, 2);
    }
}

/// One that has asked for its array, and is over, between the answer of the queue and the look at who
/// is at what.
#[test]
fn what_was_under_way_before_the_queue_was_asked_keeps_its_slices() {
    let ledger = Ledger { entries: vec![entry(1, "0-1", None), entry(2, "2", None)] };
    let at_work: std::collections::BTreeSet<u32> = [1].into();
    let all = Standing::beside(&ledger, &parse::queue(""), 1e9, &at_work);
    assert!(all.place(0).is_in_queue() && all.place(1).is_in_queue());
    assert!(!all.place(2).is_in_queue(), "who is gone has nothing there");
}

#[test]
fn a_job_number_alone_proves_nothing() {
    let reused = "2|0|RUNNING|somebody-else|N/A|n1|None\n";
    let all = standing(vec![entry(1, "0", Some(Fate::Job(2)))], reused);
    assert_eq!(all.place(0), &Place::Gone);
    let twin = "3|0|RUNNING|dlg-1|N/A|n1|None\n";
    let all = standing(vec![entry(1, "0", Some(Fate::Job(2)))], twin);
    assert_eq!(all.place(0), &Place::Gone);
    assert_eq!(arrays_named(&parse::queue(twin), "dlg-1"), [3]);
}

#[test]
fn of_two_arrays_the_one_in_the_queue_speaks_for_a_slice() {
    let queue = "2|0|RUNNING|dlg-1|N/A|n1|None\n3|0|CANCELLED|dlg-2|N/A||None\n";
    let entries = vec![entry(1, "0", Some(Fate::Job(2))), entry(2, "0", Some(Fate::Job(3)))];
    assert_eq!(standing(entries.clone(), queue).place(0), &Place::Running);
    let over = queue.replace("RUNNING", "TIMEOUT");
    assert_eq!(standing(entries, &over).place(0), &Place::Over("CANCELLED".into()));
}

#[test]
fn an_intent_that_was_cut_short_holds_its_slices_only_while_a_job_has_its_name() {
    let held = "5|[0-1]|PENDING|dlg-1|N/A||JobHeldUser\n";
    let cut = vec![entry(1, "7-8", None)];
    assert!(standing(cut.clone(), held).place(8).is_in_queue());
    assert!(!standing(cut, "").place(8).is_in_queue());
    let void = vec![entry(1, "7-8", Some(Fate::Void("no".into())))];
    assert!(!standing(void, held).place(8).is_in_queue());
}

#[test]
fn a_task_that_is_just_ending_is_neither_there_nor_gone() {
    let queue = "2|0|COMPLETING|dlg-1|2026-11-24T11:34:54|n1|None\n";
    let all = standing(vec![entry(1, "4", Some(Fate::Job(2)))], queue);
    assert_eq!((all.place(4), all.liveness(4)), (&Place::Ending, Liveness::Alive));
    assert!(all.place(4).is_in_queue() && all.arrays[0].running == 1);
}
