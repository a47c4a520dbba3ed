//! Tests of explorations.
#![expect(clippy::disallowed_methods, reason = "tests make the files that they look at")]
use super::*;

fn of(text: &str, target: Option<&str>) -> Exploration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, text).unwrap();
    let options = Options { target: target.map(str::to_owned), test: 0.0, ..Options::default() };
    table("t", &Table::read(&path).unwrap(), &options, None, &[])
}

/// The rows that sweeps seal are asked of the samples themselves, in all ways to make these.
#[test]
fn no_row_is_shown_that_a_sweep_may_seal_and_all_others_are() {
    let leave = crate::dataset::Unsealed::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let text = |hole: usize, lost: usize, target: &dyn Fn(usize) -> String| -> String {
        let cell = |i: usize| if i % hole == hole - 1 { String::new() } else { i.to_string() };
        let learnt = |i: usize| if i == lost { String::new() } else { target(i) };
        let row = |i: usize| format!("{},n{i},{i},{}\n", cell(i), learnt(i));
        format!("x,name,row,y\n{}", (0..300).map(row).collect::<String>())
    };
    let words = |i: usize| ["a", "b", "c"][i % 3].to_owned();
    let whole = |i: usize| (i % 7).to_string();
    let fractions = |i: usize| format!("{}.5", i % 90);
    let mut differed = Vec::new();
    for (case, text, numbers) in [
        ("words", text(999, 999, &words), false),
        ("a missing target", text(999, 5, &words), false),
        ("holes", text(7, 999, &words), false),
        ("holes and a missing target", text(2, 6, &words), false),
        ("whole numbers", text(999, 999, &whole), false),
        ("whole numbers with holes", text(3, 5, &whole), false),
        ("fractions with holes", text(5, 7, &fractions), true),
    ] {
        std::fs::write(&path, text).unwrap();
        let made = Table::read(&path).unwrap();
        let options = Options { target: Some("y".into()), ..Options::default() };
        let mut sealed = HashSet::new();
        let mut most = 0;
        // With 300 names nothing is learnt unless they are left out.
        for (missing, ignore) in [
            (Missing::Refuse, "name"),
            (Missing::Mean, "name"),
            (Missing::Drop, "name"),
            (Missing::Drop, "name,x"),
        ] {
            for numbers in [false, true] {
                let options = Options { missing, ignore: Some(ignore.into()), ..options.clone() };
                let Ok(test) = made.test_samples(&leave, &options, numbers) else { continue };
                most = most.max(test.sealed);
                sealed.extend(test.rows);
            }
        }
        let shown = made.shown(3, 0.2, &[numbers, !numbers]).unwrap();
        let with_target = (0..300).filter(|&row| !made.columns[3].is_missing(row));
        let open: Vec<usize> = with_target.filter(|row| !sealed.contains(row)).collect();
        assert_eq!((shown.rows, shown.sealed), (open, sealed.len()), "{case}");
        assert_eq!(shown.differ, sealed.len() > most, "{case}");
        let found = table("t", &made, &options, None, &[]);
        let expected = (300 - made.columns[3].missing() - sealed.len(), sealed.len());
        assert_eq!((found.samples as usize, found.sealed as usize), expected, "{case}");
        if found.notes.iter().any(|note| note.contains("depends on `task`")) {
            differed.push(case);
        }
    }
    let all = ["holes", "holes and a missing target", "whole numbers", "whole numbers with holes"];
    assert_eq!(differed, all, "where the ways seal different rows, that is told");
}

#[test]
fn nothing_is_shown_where_nothing_can_be_learnt_and_why_is_told() {
    for rows in ["1,a\n2,a\n3,a\n", "1,7\n2,7\n3,7\n", "1,\n2,a\n3,\n"] {
        let found = of(&format!("x,y\n{rows}"), Some("y"));
        assert_eq!((found.samples, found.features[0].spread), (0, None), "{rows}");
        let said = text(&found, false);
        assert!(said.contains("no row is looked at") && said.contains("right column?"), "{said}");
        assert!(!said.contains("constant") && page(&found).contains("no row is looked at"));
    }
    assert_eq!(of("x,y\n1,a\n2,a\n", None).samples, 2, "without a target nothing is sealed");
}

#[test]
fn of_a_known_kind_of_target_no_other_way_to_learn_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows: String = (0..100).map(|i| format!("{i},{}\n", i % 7)).collect();
    std::fs::write(&path, format!("x,y\n{rows}")).unwrap();
    let options = Options { target: Some("y".into()), ..Options::default() };
    let made = Table::read(&path).unwrap();
    for (numbers, classes) in [(false, 7), (true, 0)] {
        let found = table("t", &made, &options, Some(numbers), &[]);
        let sealed = made.samples(&options, numbers).unwrap().sealed as u64;
        assert_eq!((found.sealed, found.classes.len()), (sealed, classes));
    }
}

#[test]
fn a_table_reads_calmly() {
    let found = of("x,y,c,k\n1,2,7,a\n2,4,7,a\n3,6,7,a\n,8,7,b\n100,10,7,a\n3,6,7,a\n", Some("k"));
    insta::assert_snapshot!(text(&found, false), @"
    t  table, 6 samples of 3 columns, 1 of them copies

    class  samples   share  weight
    a            5  83.3 %    0.60  ██████████████████████████████
    b            1  16.7 %    3.00  ██████

    column  type    missing  distinct  mean     sd  min   q1  median   q3  max  outliers  tells
    x       number        1         4  21.8  39.11    1    2       3    3  100         1   0.00
    y       number        0         5     6  2.582    2  4.5       6  7.5   10         0   0.35
    c       number        0         1     7      0    7    7       7    7    7         0      -

    say nearly the same         r
    x                    y  0.840

    note: unbalanced: the largest class has 5 samples, the smallest 1
    note: 1 constant, so they say nothing: `c`
    note: 1 with missing values: `x`
    ");
}

#[test]
fn both_zeros_are_one_value() {
    let found = of("x,y\n0.0,a\n-0.0,b\n1,a\n-0.0,a\n", None);
    assert_eq!((found.features[0].distinct, found.duplicates), (2, 1));
}

#[test]
fn a_hostile_name_stays_text() {
    let found = of("\"<script>alert(1)</script>\",y\n1,a\n2,b\n", Some("y"));
    let page = page(&found);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
}

#[test]
fn images_are_counted_and_shown() {
    let pixels: Vec<u8> = [[0; 4], [255; 4], [0; 4]].concat();
    let images = Images { shape: [1, 2, 2], pixels, labels: vec![0, 1, 0], classes: 2 };
    let found = super::images("i", &images, &["dark", "light"]);
    assert_eq!((found.duplicates, found.classes[0].samples), (1, 2));
    let spread = found.features[0].spread.unwrap();
    assert_eq!((spread.mean, spread.least, spread.most), (85.0, 0.0, 255.0));
    assert_eq!(found.pictures.len(), 3);
    assert!(found.pictures[0].png().starts_with(b"\x89PNG"));
    assert_eq!(found.pictures[1].blocks().len(), 1);
    assert!(page(&found).contains("data:image/png;base64,iVBORw0KGgo"));
}
