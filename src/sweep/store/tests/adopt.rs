//! Taking over runs of other sweeps.
use super::*;
use crate::store::adopt::adopt;
use crate::store::curves::curves;
use crate::store::read::confusion;

#[test]
fn what_was_taken_over_counts_for_every_slice_until_an_own_attempt_ends() {
    let (_keep, dir) = scratch();
    let taken = |index| {
        let mut end = end(index, Outcome::Done, 0.9);
        end.from = Some("older-sweep".into());
        (end, vec![epoch(index, 1, 0.1), epoch(index, 2, 0.05)])
    };
    assert_eq!(adopt(&dir, &facts(), []).expect("nothing"), None);
    assert!(!dir.segments().exists());
    let adopted = adopt(&dir, &facts(), [taken(10), taken(700)]).expect("adopt").expect("some");
    assert_eq!((adopted.ends, adopted.existed, adopted.segment.attempt), (2, false, 0));
    let again = adopt(&dir, &facts(), [taken(10), taken(700)]).expect("adopt").expect("some");
    assert_eq!((again.existed, again.segment), (true, adopted.segment));
    for slice in [0, 1, 300] {
        let done = done_in_slice(&dir, slice);
        assert_eq!(done, [10, 700].into(), "slice {slice}");
    }
    let results = all(&dir);
    let end10 = results.end(10).expect("taken over");
    assert_eq!((end10.from.as_deref(), end10.at.attempt), (Some("older-sweep"), 0));
    assert_eq!(confusion(&dir, end10).expect("read"), Some(vec![vec![10, 2], vec![3, 4]]));
    assert_eq!(curves(&dir, 700).expect("read").len(), 2);
    assert_eq!((results.damaged(), results.torn(), results.attempts(0)), (0, 0, 0));
    let mut writer = SegmentWriter::begin(&dir, 0, facts()).expect("begin");
    assert_eq!(writer.name().attempt, 1);
    writer.end(&end(10, Outcome::Done, 0.3)).expect("end");
    assert_eq!(f1(&all(&dir), 10), Some(0.3));
}
