//! Tests of the space: counting, order, conditions, unions, and the bijection.
use super::*;
use proptest::prelude::*;

fn text(t: &str) -> Value {
    Value::Text(t.into())
}

fn one(param: usize, values: Vec<Value>) -> Axis {
    Axis::One { param, domain: Domain::list(values).expect("domain") }
}

fn ints(param: usize, n: i64) -> Axis {
    Axis::One { param, domain: Domain::int(0, n - 1, 1).expect("domain") }
}

fn command(paths: &[&str], plots: Vec<Plot>) -> Space {
    let paths = paths.iter().map(|p| (*p).to_owned()).collect();
    Space::new(paths, Base::Command(vec!["true".into()]), plots).expect("space")
}

fn shown(space: &Space) -> Vec<String> {
    space
        .walk(0, space.points())
        .map(|p| {
            let values = space.values(p).expect("point");
            let cells: Vec<_> =
                values.iter().map(|v| v.as_ref().map_or("-".into(), ToString::to_string)).collect();
            cells.join(" ")
        })
        .collect()
}

#[test]
fn a_product_counts_the_last_axis_fastest() {
    let space =
        command(&["a", "b"], vec![Plot { axes: vec![ints(0, 2), ints(1, 3)], ..Plot::default() }]);
    assert_eq!(shown(&space), ["0 0", "0 1", "0 2", "1 0", "1 1", "1 2"]);
    assert_eq!(space.trials(), 6);
}

#[test]
fn a_parameter_that_does_not_exist_makes_no_points() {
    let when = When { param: 1, condition: Condition::new("kind == 'sgd'").expect("condition") };
    let space = command(
        &["kind", "momentum"],
        vec![Plot {
            axes: vec![
                one(0, vec![text("adam"), text("sgd")]),
                one(1, vec![Value::Float(0.5), Value::Float(0.9)]),
            ],
            whens: vec![when],
            excludes: vec![],
        }],
    );
    assert_eq!(shown(&space), ["adam -", "sgd 0.5", "sgd 0.9"]);
}

#[test]
fn conditions_follow_each_other() {
    let condition = |t: &str| Condition::new(t).expect("condition");
    let space = command(
        &["a", "b", "c"],
        vec![Plot {
            axes: vec![ints(0, 2), ints(1, 2), ints(2, 2)],
            whens: vec![
                When { param: 1, condition: condition("a == 1") },
                When { param: 2, condition: condition("b == 0") },
            ],
            excludes: vec![],
        }],
    );
    assert_eq!(shown(&space), ["0 - -", "1 0 0", "1 0 1", "1 1 -"]);
}

#[test]
fn excluding_by_values_and_by_condition() {
    let space = command(
        &["a", "b"],
        vec![Plot {
            axes: vec![ints(0, 3), ints(1, 3)],
            whens: vec![],
            excludes: vec![
                Exclude::Values(vec![
                    (0, vec![Value::Int(0)]),
                    (1, vec![Value::Int(1), Value::Int(2)]),
                ]),
                Exclude::Condition(Condition::new("a + b >= 3").expect("condition")),
            ],
        }],
    );
    assert_eq!(shown(&space), ["0 0", "1 0", "1 1", "2 0"]);
    assert_eq!(space.fault(true), None);
    assert!(space.rules().all(|(_, _, idle)| !idle));
}

#[test]
fn a_union_counts_duplicates_once() {
    let rows = Axis::Rows {
        params: vec![0, 1],
        rows: vec![
            vec![Some(Value::Int(1)), Some(Value::Int(1))],
            vec![Some(Value::Int(9)), Some(Value::Int(9))],
            vec![Some(Value::Int(9)), Some(Value::Int(9))],
        ],
    };
    let space = command(
        &["a", "b"],
        vec![
            Plot { axes: vec![ints(0, 2), ints(1, 2)], ..Plot::default() },
            Plot { axes: vec![ints(0, 3), one(1, vec![Value::Int(0)])], ..Plot::default() },
            Plot { axes: vec![rows], ..Plot::default() },
        ],
    );
    assert_eq!(shown(&space), ["0 0", "0 1", "1 0", "1 1", "2 0", "9 9"]);
}

#[test]
fn conditions_see_settings_that_do_not_vary() {
    let mut base = Settings::default();
    base.set(key::find("data.set").expect("key"), text("mnist"));
    let space = Space::new(
        vec!["epochs".into()],
        Base::Train(Box::new(base)),
        vec![Plot {
            axes: vec![Axis::One { param: 0, domain: Domain::int(1, 4, 1).expect("domain") }],
            whens: vec![],
            excludes: vec![Exclude::Condition(
                Condition::new("epochs > 2 and optimizer.kind == 'adam'").expect("condition"),
            )],
        }],
    )
    .expect("space");
    assert_eq!(shown(&space), ["1", "2"]);
}

#[test]
fn huge_spaces_are_counted_without_walking() {
    let axes = (0..7).map(|p| ints(p, 10)).collect();
    let names: Vec<String> = (0..7).map(|i| format!("p{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let space = command(&names, vec![Plot { axes, ..Plot::default() }]);
    assert_eq!(space.trials(), 10_000_000);
    assert_eq!(space.values(1_234_567).map(|v| v.len()), Some(7));
}

fn row(cells: &[i64]) -> Vec<Option<Value>> {
    cells.iter().map(|x| Some(Value::Int(*x))).collect()
}

#[test]
fn rows_that_differ_in_what_does_not_exist_only_count_once() {
    let when = |text: &str, param| When { param, condition: Condition::new(text).expect("text") };
    let zip = |rows: &[[i64; 2]]| Axis::Rows {
        params: vec![0, 1],
        rows: rows.iter().map(|cells| row(cells)).collect(),
    };
    let plot = |rows: &[[i64; 2]], text: &str| Plot {
        axes: vec![zip(rows), ints(2, 2)],
        whens: vec![when(text, 1)],
        excludes: vec![],
    };
    let own = command(&["a", "b", "c"], vec![plot(&[[0, 0], [0, 9], [1, 9]], "a == 1")]);
    assert_eq!(shown(&own), ["0 - 0", "0 - 1", "1 9 0", "1 9 1"]);
    let others = command(&["a", "b", "c"], vec![plot(&[[0, 0], [0, 9]], "c == 1")]);
    assert_eq!(shown(&others), ["0 - 0", "0 0 1", "0 9 1"]);
    assert_eq!((own.trials(), others.trials()), (4, 3));
    // A later block finds them, whatever was given where they do not exist.
    let later = Plot { axes: vec![ints(0, 2), ints(2, 2)], ..Plot::default() };
    let both = command(&["a", "b", "c"], vec![plot(&[[0, 0], [0, 9], [1, 9]], "a == 1"), later]);
    assert_eq!(shown(&both)[4..], ["1 - 0", "1 - 1"]);
}

#[test]
fn all_numbers_of_a_stepped_setting_are_sampled() {
    let of = |path: &str| {
        let space = command(
            &[path, "b"],
            vec![Plot { axes: vec![ints(0, 5), ints(1, 9)], ..Plot::default() }],
        );
        space.samples(&[path]).count()
    };
    assert_eq!((of("model.kernel"), of("model.layers")), (5, 2));
}

proptest! {
    /// Whatever rows vary together, under whatever conditions, and whatever a later block has: no
    /// trial comes twice, and counting, walking and asking agree.
    #[test]
    fn no_two_trials_are_equal(
        rows in proptest::collection::hash_set([0_i64..3, 0_i64..3, 0_i64..2], 1..6),
        more in proptest::collection::hash_set([0_i64..3, 0_i64..3, 0_i64..2], 0..5),
        whens in proptest::collection::vec((0_usize..4, 0_usize..4, 0_i64..3), 0..4),
        order in 0_usize..3,
    ) {
        let names = ["a", "b", "c", "d"];
        let params = [[0, 1, 2], [2, 1, 0], [1, 0, 2]][order].to_vec();
        let zip = |rows: &std::collections::HashSet<[i64; 3]>| {
            let mut rows: Vec<_> = rows.iter().map(|cells| row(cells)).collect();
            rows.sort_by_key(|row| format!("{row:?}"));
            Axis::Rows { params: params.clone(), rows }
        };
        let mut conditions: Vec<When> = whens
            .iter()
            .filter(|(of, param, _)| of < param)
            .map(|(of, param, x)| When {
                param: *param,
                condition: Condition::new(&format!("{} < {x}", names[*of])).expect("condition"),
            })
            .collect();
        conditions.sort_by_key(|when| when.param);
        let first = Plot { axes: vec![zip(&rows), ints(3, 2)], whens: conditions, excludes: vec![] };
        let mut plots = vec![first.clone(), Plot { whens: vec![], ..first }];
        if !more.is_empty() {
            plots.push(Plot { axes: vec![zip(&more)], ..Plot::default() });
        }
        let space = command(&names, plots);
        let points: Vec<u64> = space.walk(0, space.points()).collect();
        let distinct: HashSet<String> =
            points.iter().map(|p| space.work(*p).expect("point").canonical()).collect();
        prop_assert_eq!(distinct.len(), points.len());
        prop_assert_eq!(space.trials(), points.len() as u64);
        prop_assert!((0..space.points()).filter(|p| space.contains(*p)).eq(points.iter().copied()));
        // Nothing is lost: each number's values are those of some point.
        for number in 0..space.points() {
            let (block, index) = space.place(number).expect("a number");
            prop_assert!(distinct.contains(&space.work_unchecked(block, index).canonical()));
        }
        let samples: HashSet<String> =
            space.samples(&names).map(|(_, work)| work.canonical()).collect();
        prop_assert!(samples.is_subset(&distinct));
    }

    /// Every kept number has its own values, values stand in a fixed order, and the count is
    /// the number of points that a plain nested loop finds.
    #[test]
    fn numbers_and_points_are_one_to_one(
        sizes in proptest::collection::vec(1_i64..5, 1..4),
        limit in 0_i64..8,
    ) {
        let names: Vec<String> = (0..sizes.len()).map(|i| format!("p{i}")).collect();
        let sum = names.join(" + ");
        let plot = Plot {
            axes: sizes.iter().enumerate().map(|(p, n)| ints(p, *n)).collect(),
            whens: vec![],
            excludes: vec![Exclude::Condition(Condition::new(&format!("{sum} > {limit}")).expect("condition"))],
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let space = command(&names, vec![plot]);
        let points = shown(&space);
        let mut expected = vec![vec![]];
        for n in &sizes {
            expected = expected.into_iter().flat_map(|row: Vec<i64>| (0..*n).map(move |d| {
                let mut row = row.clone();
                row.push(d);
                row
            })).collect();
        }
        expected.retain(|row| row.iter().sum::<i64>() <= limit);
        let expected: Vec<String> = expected
            .iter()
            .map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            .collect();
        prop_assert_eq!(points, expected);
    }

    /// Values that are appended to an axis leave the points that were there in their order, and on
    /// the first axis with their numbers.
    #[test]
    fn appended_values_leave_the_order(
        sizes in proptest::collection::vec(1_i64..5, 1..4), wider in 0_usize..3, limit in 2_i64..8
    ) {
        let wider = wider % sizes.len();
        let names: Vec<String> = (0..sizes.len()).map(|i| format!("p{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rule = format!("{} > {limit}", names.join(" + "));
        let of = |grown: usize| {
            let grown = |p: usize, n: i64| ints(p, n + i64::from(p == wider && grown > 0) * 2);
            let axes = sizes.iter().enumerate().map(|(p, n)| grown(p, *n)).collect();
            let excludes = vec![Exclude::Condition(Condition::new(&rule).expect("condition"))];
            command(&names, vec![Plot { axes, whens: vec![], excludes }])
        };
        let (old, new) = (of(0), of(1));
        let points = |space: &Space| -> Vec<(u64, Vec<Option<Value>>)> {
            let all = space.walk(0, space.points());
            all.map(|point| (point, space.values(point).expect("a point"))).collect()
        };
        let (old, mut new) = (points(&old), points(&new));
        new.retain(|(_, values)| old.iter().any(|(_, known)| known == values));
        let values = |all: &[(u64, Vec<Option<Value>>)]| -> Vec<_> {
            all.iter().map(|(_, values)| values.clone()).collect()
        };
        prop_assert_eq!(values(&old), values(&new));
        if wider == 0 {
            prop_assert_eq!(old, new);
        }
    }

    /// Counting by parts and walking agree, whatever conditions tie together; samples show
    /// every pair of the coupled axes that some point has.
    #[test]
    fn counting_walking_and_sampling_agree(
        sizes in proptest::collection::vec(1_i64..5, 4..5),
        whens in proptest::collection::vec((0_usize..3, 1_usize..4, 0_i64..4), 0..3),
        excludes in proptest::collection::vec((0_usize..4, 0_usize..4, 0_i64..5), 0..3),
    ) {
        let names = ["a", "b", "c", "d"];
        let condition = |text: String| Condition::new(&text).expect("condition");
        let plot = Plot {
            axes: sizes.iter().enumerate().map(|(p, n)| ints(p, *n)).collect(),
            whens: whens
                .iter()
                .filter(|(of, param, _)| of < param)
                .map(|(of, param, x)| When {
                    param: *param,
                    condition: condition(format!("{} < {x}", names[*of])),
                })
                .collect::<Vec<_>>(),
            excludes: excludes
                .iter()
                .enumerate()
                .map(|(n, (p, q, x))| match n % 2 {
                    0 => Exclude::Condition(condition(format!("{} + {} > {x}", names[*p], names[*q]))),
                    _ => Exclude::Values(vec![(*p, vec![Value::Int(*x)]), (*q, vec![Value::Int(0), Value::Int(1)])]),
                })
                .collect(),
        };
        let mut plot = plot;
        plot.whens.sort_by_key(|when| when.param);
        let space = command(&names, vec![plot]);
        let points: Vec<u64> = space.walk(0, space.points()).collect();
        prop_assert_eq!(space.trials_up_to(3).min(4), (points.len() as u64).min(4));
        prop_assert_eq!(space.trials(), points.len() as u64);
        prop_assert!((0..space.points()).filter(|p| space.contains(*p)).eq(points.iter().copied()));
        let pair = |point: u64| {
            let values = space.values(point).expect("a sample is a point");
            (values[0].clone(), values.iter().map(Option::is_none).collect::<Vec<_>>())
        };
        let is_corner = |value: &Option<Value>| {
            *value == Some(Value::Int(0)) || *value == Some(Value::Int(sizes[0] - 1))
        };
        let shown: Vec<_> = space.samples(&["a"]).map(|(point, _)| pair(point)).collect();
        for point in points {
            let pair = pair(point);
            prop_assert!(shown.contains(&pair) || !is_corner(&pair.0), "{:?} {:?}", pair, shown);
        }
    }
}
