//! The store against a model: whatever writers do, and however they die, readers find the ends that
//! were acknowledged, and nothing else.
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::read::StoreReader;
use crate::store::record::Stop;

/// What happens next; writers by their place among those at work.
#[derive(Debug, Clone)]
enum Step {
    Begin {
        slice: u32,
    },
    Start {
        writer: usize,
        index: u64,
    },
    Epoch {
        writer: usize,
        index: u64,
    },
    End {
        writer: usize,
        index: u64,
        done: bool,
        loss: u32,
    },
    Stop {
        writer: usize,
    },
    Close {
        writer: usize,
    },
    /// The process dies, in the middle of a line where there are bytes of one.
    Die {
        writer: usize,
        torn: Vec<u8>,
    },
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    let (writer, index) = (0..6_usize, 0..6_u64);
    let torn = prop::collection::vec(any::<u8>().prop_filter("a newline", |b| *b != b'\n'), 0..40);
    prop_oneof![
        3 => (0..3_u32).prop_map(|slice| Step::Begin { slice }),
        2 => (writer.clone(), index.clone()).prop_map(|(writer, index)| Step::Start { writer, index }),
        1 => (writer.clone(), index.clone()).prop_map(|(writer, index)| Step::Epoch { writer, index }),
        6 => (writer.clone(), index, any::<bool>(), 0..4_u32)
            .prop_map(|(writer, index, done, loss)| Step::End { writer, index, done, loss }),
        1 => writer.clone().prop_map(|writer| Step::Stop { writer }),
        2 => writer.clone().prop_map(|writer| Step::Close { writer }),
        2 => (writer, torn).prop_map(|(writer, torn)| Step::Die { writer, torn }),
        3 => Just(Step::Poll),
    ]
}

/// What was acknowledged: for each run its ends, as the merge is to prefer them, with the value.
type Model = BTreeMap<u64, Vec<(Rank, f64)>>;

/// How much an end is preferred: whether it is done, and by whom it was written, when.
type Rank = (bool, u32, String, u32, usize);

fn agree(read: &Results, model: &Model) {
    let ended: BTreeMap<u64, (bool, u32, f64)> = read
        .runs
        .iter()
        .filter_map(|(index, run)| Some((*index, run, run.end.as_ref()?)))
        .map(|(index, run, end)| {
            let value = f1(read, index).expect("every end has it");
            (index, (end.outcome == Outcome::Done, run.ends, value))
        })
        .collect();
    let best = |ends: &Vec<(Rank, f64)>| {
        let ((done, ..), value) = ends.iter().max_by_key(|(rank, _)| rank.clone()).expect("one");
        (*done, u32::try_from(ends.len()).expect("few"), *value)
    };
    let expected: BTreeMap<_, _> = model.iter().map(|(index, ends)| (*index, best(ends))).collect();
    assert_eq!(ended, expected);
    assert_eq!(read.damage, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn readers_find_what_was_acknowledged_and_nothing_else(
        steps in prop::collection::vec(step(), 1..50)
    ) {
        let memory = std::path::Path::new("/dev/shm");
        let keep = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let keep = keep.expect("temporary folder");
        let dir = SweepDir::new(keep.path().join("s"));
        let mut reader = StoreReader::new(dir.clone(), SWEEP.into());
        let mut writers: Vec<SegmentWriter> = Vec::new();
        let (mut model, mut torn, mut acknowledged) = (Model::new(), 0, 0);
        for step in steps {
            let at = |writer: usize| (!writers.is_empty()).then(|| writer % writers.len());
            match step {
                Step::Begin { slice } => {
                    writers.push(SegmentWriter::begin(&dir, slice, facts()).expect("begin"));
                }
                Step::Start { writer, index } => {
                    if let Some(at) = at(writer) {
                        writers[at].start(&run(index)).expect("start");
                    }
                }
                Step::Epoch { writer, index } => {
                    if let Some(at) = at(writer) {
                        writers[at].epoch(&epoch(index, 1, 0.5));
                    }
                }
                Step::End { writer, index, done, loss } => {
                    let Some(at) = at(writer) else { continue };
                    let outcome = if done { Outcome::Done } else { Outcome::Failed };
                    writers[at].end(&end(index, outcome, f64::from(loss))).expect("end");
                    let name = writers[at].name();
                    let rank = (done, name.attempt, name.nonce.clone(), name.slice, acknowledged);
                    model.entry(index).or_default().push((rank, f64::from(loss)));
                    acknowledged += 1;
                }
                Step::Stop { writer } => {
                    if let Some(at) = at(writer) {
                        let why = "SIGTERM".into();
                        let stop = Stop { run: None, why, saved: false, time: 1.0 };
                        writers[at].stop(&stop).expect("stop");
                    }
                }
                Step::Close { writer } => {
                    if let Some(at) = at(writer) {
                        writers.swap_remove(at).close().expect("close");
                    }
                }
                Step::Die { writer, torn: bytes } => {
                    if let Some(at) = at(writer) {
                        let path = dir.ends(writers.swap_remove(at).name());
                        let whole = std::fs::read(&path).expect("read");
                        std::fs::write(&path, [&whole[..], &bytes].concat()).expect("written");
                        torn += usize::from(!bytes.is_empty());
                    }
                }
                Step::Poll => {
                    reader.poll().expect("poll");
                    agree(reader.results(), &model);
                    prop_assert_eq!(reader.results(), &all(&dir));
                }
            }
        }
        reader.poll().expect("poll");
        agree(reader.results(), &model);
        prop_assert_eq!(reader.results().torn(), torn);
        prop_assert_eq!(reader.results(), &all(&dir));
    }
}
