//! Tests of tables: what they hold, what is refused, and how samples are encoded.
use super::*;

fn table(text: &str) -> Table {
    parse::parse(text.as_bytes(), None).map_err(|e| e.at(Path::new("t.csv"))).unwrap()
}

fn refused(text: &str) -> String {
    let error = parse::parse(text.as_bytes(), None).unwrap_err().at(Path::new("t.csv"));
    format!("{error}; {}", error.hint())
}

fn options(target: &str) -> Options {
    Options { target: Some(target.into()), test: 0.0, ..Options::default() }
}

fn unusable(text: &str, options: &Options, numbers: bool) -> String {
    let error = table(text).samples(options, numbers).unwrap_err();
    format!("{error}; {}", error.hint())
}

const SMALL: &str = "size,colour,kind\n1,red,a\n3,blue,b\n5,red,a\n";

#[test]
fn numbers_are_numbers_and_words_become_marks() {
    let samples = table(SMALL).samples(&options("kind"), false).unwrap();
    assert_eq!(samples.names, ["size", "colour=blue", "colour=red"]);
    assert_eq!(samples.values, [1.0, 0.0, 1.0, 3.0, 1.0, 0.0, 5.0, 0.0, 1.0]);
    assert_eq!(samples.marks, [false, true, true]);
    let names = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(samples.target, Target::Classes { labels: vec![0, 1, 0], names });
}

#[test]
fn a_quoted_file_with_semicolons_and_a_mark_at_its_start_is_read() {
    let text = "\u{feff}a;\"b; c\"\r\n1;x\r\n2;\"y;z\"\r\n";
    let table = table(text);
    assert_eq!((table.columns[1].name.as_str(), table.rows), ("b; c", 2));
}

#[test]
fn what_is_no_table_is_told_by_row_and_column() {
    for (text, expected) in [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "holds no rows"),
        ("a,b\n1,2\n3\n", "row 2 (line 3) has 1 values, the table has 2 columns"),
        ("a,b\n1,2,3\n", "row 1 (line 2) has 3 values"),
        ("a,a\n1,2\n", "two columns `a`"),
        ("a,\n1,2\n", "column 2 has no name"),
        ("150,4\n1,2\n", "numbers, as in a row"),
        ("a,b\n1,2\n2,3\nx,4\n", "row 3, column `a`: `x` is no number, 2 other values are"),
        ("a\n1\ninf\n", "row 2, column `a`: `inf` is not finite"),
    ] {
        let message = refused(text);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn what_can_not_be_learnt_is_told() {
    let two = "a,b\n1,x\n2,y\n";
    for (text, options, numbers, expected) in [
        (two, options("c"), false, "`data.target: c` names no column of the table; did you mean"),
        (two, options("b"), true, "is of words, and a number"),
        ("a,b\n1,x\n2,x\n", options("b"), false, "`b` is `x` in every row"),
        ("a,b\n1,0.5\n2,1\n", options("b"), false, "row 1: the target `b` is 0.5"),
        ("a,b\n1,3\n2,3\n", options("b"), true, "is 3 in every row"),
        ("a,b\n1,x\nNaN,y\n", options("b"), false, "row 2, column `a`: the value is missing"),
        ("a,b\n1,x\n2,\n", options("b"), false, "row 2, column `b`: the value is missing"),
        (two, Options { ignore: Some("a".into()), ..options("b") }, false, "no column to learn"),
    ] {
        let message = unusable(text, &options, numbers);
        assert!(message.contains(expected), "{message}");
    }
    let ids: String = (0..300).map(|i| format!("id{i},{}\n", i % 2)).collect();
    let message = unusable(&format!("id,b\n{ids}"), &options("b"), false);
    assert!(message.contains("300 words") && message.contains("`data.ignore: id`"), "{message}");
}

#[test]
fn missing_values_are_dropped_or_filled_by_the_mean_of_the_training_samples() {
    let text = "a,b\n1,x\n,y\n5,x\n100,y\n";
    let with = |missing| Options { missing, ..options("b") };
    let dropped = table(text).samples(&with(Missing::Drop), false).unwrap();
    assert_eq!(dropped.rows, [0, 2, 3]);
    let samples = table(text).samples(&with(Missing::Mean), false).unwrap();
    let encoding = samples.fit(&[0, 1, 2], Encode::None, (0.0, 1.0));
    assert_eq!(samples.encoded(&encoding), [1.0, 3.0, 5.0, 100.0]);
}

/// By the definitions of scikit-learn's `StandardScaler` and `MinMaxScaler((-1, 1))`.
#[test]
fn encodings_are_as_defined_and_see_training_samples_alone() {
    let text = "x,c,y\n1,7,a\n2,7,b\n6,7,a\n10,7,b\n";
    let samples = table(text).samples(&options("y"), false).unwrap();
    let column = |encode| {
        let encoded = samples.encoded(&samples.fit(&[0, 1, 2], encode, (-1.0, 1.0)));
        (encoded.iter().step_by(2).copied().collect::<Vec<_>>(), encoded[1])
    };
    let (x, constant) = column(Encode::Standard);
    let expected = [-0.925_82, -0.462_91, 1.388_73, 3.240_37];
    assert!(x.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{x:?}");
    assert_eq!(constant, 0.0, "a constant column says nothing");
    let (x, constant) = column(Encode::MinMax);
    let expected = [-1.0, -0.6, 1.0, 2.6];
    assert!(x.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{x:?}");
    assert_eq!(constant, -1.0);
}

#[test]
fn the_same_share_of_every_class_is_sealed_always_the_same() {
    let body: String =
        (0..100).map(|i| format!("{i},{}\n", if i % 10 == 0 { "r" } else { "c" })).collect();
    let table = table(&format!("x,y\n{body}"));
    let samples = table.samples(&Options { test: 0.2, ..options("y") }, false).unwrap();
    assert_eq!((samples.rows.len(), samples.sealed), (80, 20));
    let Target::Classes { labels, .. } = &samples.target else { panic!("classes") };
    assert_eq!(labels.iter().filter(|&&l| l == 1).count(), 8);
    assert_eq!(samples.rows[..6], [0, 2, 3, 4, 5, 7][..], "by the row's number alone");
}

#[test]
fn a_number_to_learn_may_stand_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let write = |name: &str, text: &str| {
        crate::host::write_scratch(&folder.path().join(name), text.as_bytes()).unwrap()
    };
    write("rows.csv", "1 2.5\n3 4\n5 6\n");
    write("target.csv", "1.5e+02\n7\n8\n");
    let table = Table::known(&path, &["a", "b"], 0, Some("target.csv")).unwrap();
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!((names, table.rows), (vec!["a", "b", TARGET], 3));
    let samples = table.samples(&Options { test: 0.0, ..Options::default() }, true).unwrap();
    assert_eq!(samples.target, Target::Numbers(vec![150.0, 7.0, 8.0]));
    assert_eq!(samples.values, [1.0, 2.5, 3.0, 4.0, 5.0, 6.0]);
    write("target.csv", "1\n2\n");
    let error = Table::known(&path, &["a", "b"], 0, Some("target.csv")).unwrap_err();
    assert!(error.to_string().contains("has 2 rows, "), "{error}");
}

#[test]
fn the_sealed_rows_are_those_that_no_sample_is_of_and_look_alike() {
    let rows: String =
        (0..40).map(|i| format!("{},{},{}\n", i, ["a", "b", "c"][i % 3], i % 2)).collect();
    let table = table(&format!("x,w,y\n{rows}"));
    let leave = crate::dataset::Unsealed::new();
    let fifth = Options { test: 0.2, ..options("y") };
    let open = table.samples(&fifth, false).expect("samples");
    let sealed = table.test_samples(&leave, &fifth, false).expect("samples");
    assert_eq!((open.rows.len(), sealed.rows.len()), (32, 8));
    let mut all = [open.rows.clone(), sealed.rows.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert_eq!((&open.names, &open.marks), (&sealed.names, &sealed.marks));
    let error = table.test_samples(&leave, &options("y"), false).expect_err("no test set");
    assert!(error.to_string().contains("no row is sealed"), "{error}");
}
