//! Tests of explorations.
#![expect(clippy::disallowed_methods, reason = "tests make the files that they look at")]
use super::*;

fn of(text: &str, target: Option<&str>) -> Exploration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, text).unwrap();
    let options = Options { target: target.map(str::to_owned), test: 0.0, ..Options::default() };
    table("t", &Table::read(&path).unwrap(), &options, &[])
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
