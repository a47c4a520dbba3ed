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
fn the_separator_is_that_of_the_first_line_outside_quotes() {
    for text in [
        "\"a;;;\",b\n1,2\n",
        "\r\n\n\"a\"\"b,,,\";b\n1;2\n",
        "\"a\n,,,\"\tb\n1\t2\n",
        "size 5\",b;,c\n1,2,3\n",
        "a,b\n\"1\",2;3;4;5\n",
    ] {
        let table = table(text);
        assert!(table.columns.len() > 1 && table.rows == 1, "{text:?}: {table:?}");
        assert!(table.columns.iter().all(|c| c.name.len() < 9), "{table:?}");
    }
}

#[test]
fn quotes_within_a_value_are_no_open_ones() {
    for last in ["5\"", "\"5\"\"\"", "\"5\"\"", "\"a\"b\"c", "\"a\nb\"", "\"\""] {
        let text = format!("a,b\nx,y\nx,{last}");
        let open = last == "\"5\"\"";
        let parsed = parse::parse(text.as_bytes(), None);
        assert_eq!(parsed.is_err(), open, "{text:?}: {parsed:?}");
    }
}

fn words(text: &str) -> (Vec<String>, Vec<u32>) {
    match table(text).columns.pop().unwrap().values {
        Values::Words { codes, words } => (words, codes),
        Values::Numbers(numbers) => panic!("{numbers:?}"),
    }
}

#[test]
fn words_that_look_like_numbers_stay_as_they_are_written() {
    let (names, codes) = words("a\nx\n007\n7\n\n 7.0 \ny\nz\ninf\nv\n1e400\nNAN\n");
    assert_eq!(names, ["007", "1e400", "7", "7.0", "inf", "v", "x", "y", "z"]);
    // A blank line of a table of one column is no row.
    assert_eq!(codes, [6, 0, 2, 3, 7, 8, 4, 5, 1, NO_WORD]);
    // What is a number in each row is a number.
    let column = &table("a\n007\n7\n7.0\nNan\n").columns[0];
    assert_eq!((column.missing(), column.is_missing(3)), (1, true));
    assert!(matches!(&column.values, Values::Numbers(all) if all[..3] == [7.0; 3]));
}

#[test]
fn words_with_commas_are_no_numbers_unless_nearly_all_are() {
    let rows = |many: usize, others: &[&str]| {
        let commas = (0..many).map(|i| format!("{i},5;\n"));
        let others = others.iter().map(|other| format!("{other};\n"));
        format!("a;b\n{}", commas.chain(others).collect::<String>())
    };
    for (text, is_fault) in [
        (rows(19, &["x"]), true),
        (rows(18, &["x", "3", "y"]), false),
        (rows(18, &["x", "3", "4"]), true),
        (rows(3, &["red", "blue", "1,2,3", "2,3,4"]), false),
        (rows(0, &["red", "1,5", "green"]), false),
    ] {
        let parsed = parse::parse(text.as_bytes(), None);
        assert_eq!(parsed.is_err(), is_fault, "{text:?}: {parsed:?}");
    }
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
        ("a\n1\n2\n-Infinity\nred\n", "row 3, column `a`: `-Infinity` is not finite"),
        ("a;b\nred;1,5\nblue;2\n", "row 1, column `b`: `1,5` is a number with a decimal comma"),
        ("a,b\n1,\"1,5\"\n2,\"-2,25e3\"\n3,\n", "one of 2 such; write numbers with a point"),
        ("a,b\n1,x\n2,\"y\n3,z\n4,y\n", "line 3: the quote that opens a value is never closed"),
        ("\na,b\n1,\"x \n \"\"y\n3,z\n", "line 3: the quote that opens a value is never closed"),
        ("a,b\n\"1,x\n2,y\n", "line 2: the quote that opens"),
        ("a,\"b\n1,x\n2,y\n", "line 1: the quote that opens"),
        ("a,b\n1,\"", "line 2: the quote that opens"),
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
fn a_column_to_leave_out_may_hold_a_comma_in_its_name() {
    let made = table("\"a, b\",a,b,c,y\n1,2,3,4,u\n5,6,7,8,v\n");
    let left = |ignore: &str| {
        let options = Options { ignore: Some(ignore.into()), ..options("y") };
        made.samples(&options, false).map(|s| s.names).map_err(|e| format!("{e}; {}", e.hint()))
    };
    assert_eq!(left("a, b").unwrap(), ["a", "b", "c"]);
    assert_eq!(left("c, a, b").unwrap(), ["a", "b"]);
    assert_eq!(left("a,b,c").unwrap(), ["a, b"]);
    assert!(left("a,d").unwrap_err().starts_with("`data.ignore: d` names no column"));
    assert!(left("a,").unwrap_err().starts_with("`data.ignore: ` names no column"));
}

#[test]
fn a_check_tells_what_making_samples_would() {
    let ids: String = (0..300).map(|i| format!("id{i},{},{}\n", i % 7, i / 150)).collect();
    let made = table(&format!("id,x,y\n{ids}"));
    let left = |ignore: &str| Options { ignore: Some(ignore.into()), ..options("y") };
    for (options, numbers, limit) in [
        (options("y"), false, None),
        (left("id"), false, None),
        (left("id"), true, Some(150)),
        (left("id"), true, Some(151)),
        (left("ids"), true, None),
        (Options { target: Some("id".into()), ..left("y") }, true, None),
    ] {
        let told = |e: TableError| format!("{e}; {}", e.hint());
        let samples = made.samples(&options, numbers).and_then(|s| s.limited(limit));
        let checked = made.check(&options, numbers, limit);
        assert_eq!(checked.map_err(told), samples.map(drop).map_err(told), "{options:?}");
    }
}

#[test]
fn a_limit_that_leaves_one_thing_to_learn_is_refused() {
    let made = table("x,y\n1,0\n2,0\n3,0\n4,1\n");
    for numbers in [false, true] {
        let limited =
            |most| made.samples(&options("y"), numbers).and_then(|s| s.limited(Some(most)));
        let error = limited(3).unwrap_err();
        assert_eq!(error.to_string(), "the target is `0` in each of the first 3 rows");
        assert!(error.hint().contains("sorted"), "{}", error.hint());
        assert_eq!(limited(4).unwrap().rows, [0, 1, 2, 3]);
    }
}

#[test]
fn a_column_without_a_value_in_the_training_rows_is_nought() {
    let options = Options { missing: Missing::Mean, ..options("y") };
    let samples = table("a,b,y\n,1,u\n,2,v\n7,3,u\n").samples(&options, false).unwrap();
    for encode in [Encode::MinMax, Encode::Standard] {
        let encoded = samples.encoded(&samples.fit(&[0, 1], encode, (-1.0, 1.0)));
        let column: Vec<f32> = encoded.into_iter().step_by(2).collect();
        assert_eq!(column, [0.0; 3], "{encode:?}");
    }
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
