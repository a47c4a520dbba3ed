//! Whole pictures, of a sweep with hostile names.
use super::*;
use crate::judge::{Counts, State};
use crate::recipe::{Command, Value, Work};
use crate::report::fuzz::of_rows;
use crate::report::importance::{Importances, Pair, Share, Told};
use crate::report::{Paired, Row, RunRow, Summary, Title};
use crate::store::record::{Epoch, Number};
use crate::trial::RunId;

fn row(rank: u64, lr: f64, objectives: [f64; 3], p: Option<f64>) -> Row {
    let runs = (0..).zip(objectives).map(|(seed, y)| RunRow {
        index: 3 * rank + seed,
        seed: Some(seed),
        fold: None,
        state: State::Done,
        objective: Some(y),
        metrics: vec![],
        seconds: 1.0,
        cohort: None,
        samples_per_s: None,
        why: None,
    });
    let versus =
        p.map(|p| Paired { pairs: 3, difference: Some(-0.01), interval: None, p: Some(p) });
    Row {
        rank: Some(rank),
        trial: None,
        point: rank,
        parameters: vec![Some(Value::Float(lr)), Some(Value::Text("<b>&'\"".into()))],
        objective: Summary::of(&objectives),
        versus,
        metrics: vec![],
        seconds: 1.0,
        seconds_mean: 1.0,
        cohort: None,
        samples_per_s: None,
        counts: Counts::default(),
        runs: runs.collect(),
    }
}

fn report() -> Report {
    let share = |mean| Share { mean, sd: mean / 10.0 };
    let found = Importances {
        parameters: vec![share(0.7), share(0.1)],
        pairs: vec![Pair { first: 0, second: 1, share: share(0.15) }],
        explained: 0.87,
        trials: 12,
    };
    let rows = vec![
        row(1, 0.01, [0.95, 0.96, 0.955], None),
        row(2, 0.1, [0.94, 0.95, 0.96], Some(0.3)),
        row(3, 1.0, [0.5, 0.6, 0.55], Some(0.001)),
    ];
    Report {
        sweep: Title { name: "</svg><script>a()</script>".into(), ..Title::default() },
        importance: Some(Told { found: Some(found), left_out: 0 }),
        ..of_rows(&["optimizer.lr", "model.<i>"], rows)
    }
}

fn curves() -> Curves {
    let work = Work::Command(Command { template: vec![], parameters: Default::default() });
    let epoch = |index: u64, epoch: u32, y: f64| Epoch {
        run: RunId::of(&work, index, None),
        index,
        epoch,
        metrics: [("valid/f1".to_owned(), Number(y))].into(),
        seconds: 1.0,
        samples_per_s: None,
    };
    let mut curves = Curves::default();
    for index in 3..9 {
        let y = 0.8 + 0.02 * f64::from(u32::try_from(index).unwrap());
        let all = vec![epoch(index, 1, y - 0.1), epoch(index, 2, y), epoch(index, 3, f64::NAN)];
        curves.runs.insert(index, all);
    }
    curves
}

#[test]
fn pictures_are_as_they_were() {
    for picture in pictures(&report(), &curves()) {
        let name = picture.file.trim_end_matches(".svg");
        // The style is one long line, the same in all.
        let svg = picture.svg.lines().filter(|line| !line.starts_with("<style>"));
        insta::assert_snapshot!(format!("picture_{name}"), svg.collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn names_are_text_in_every_picture() {
    let pictures = pictures(&report(), &curves());
    assert_eq!(pictures.len(), 3);
    for picture in pictures {
        assert!(picture.svg.starts_with(MARK));
        let tags = picture.svg.matches('<').count();
        assert!(
            !picture.svg.contains("<script") && !picture.svg.contains("<b>"),
            "{}",
            picture.svg
        );
        assert_eq!(tags, picture.svg.matches('>').count(), "every bracket is of a tag");
    }
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let empty = Report { rows: vec![], importance: None, ..report() };
    assert_eq!(pictures(&empty, &Curves::default()), []);
}
