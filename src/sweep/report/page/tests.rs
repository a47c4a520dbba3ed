//! The page's pieces: what is thinned, what can't be taken for markup.
use super::curves::digits;
use super::document::safe;

#[test]
fn markup_in_names_is_text() {
    let shown = safe("</script><img src=x onerror='a()'>&{{board}}\u{202e}");
    assert!(!shown.contains(['<', '>', '\'', '{', '\u{202e}']), "{shown}");
}

#[test]
fn numbers_keep_four_digits() {
    for (x, expected) in [(0.123_456, 0.1235), (-98_765.4, -98_770.0), (0.0, 0.0), (1e-300, 1e-300)]
    {
        assert!((digits(x) - expected).abs() <= expected.abs() * 1e-12, "{x}");
    }
}
