//! How names, numbers and durations are written for people; and what is taken out of text
//! from users before a terminal gets it.
use std::borrow::Cow;

/// Text without anything that acts on a terminal or reorders what is read: control
/// characters, ANSI escapes, bidirectional controls and other invisible ones, and
/// what Unicode calls no characters. Line ends and tabs become spaces.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !acts(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' | '\r' => out.push(' '),
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_sequence(&mut chars),
            c if acts(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || is_noncharacter(c)
}

/// Unicode keeps these for use within programs; in HTML they are a fault.
const fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || (c as u32) & 0xfffe == 0xfffe
}

/// After ESC: a control sequence, a string up to its terminator, or one more character.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_sequence(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next_if_eq(&'\\');
                    break;
                }
            }
        }
        Some(' '..='/') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Cleaned, and cut to so many characters with `…` in place of the rest.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    let text = clean(text);
    if text.chars().count() <= most {
        return text.into_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// A count with commas: `1,234,567`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A word as a shell would take it.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A count and its noun: `1 run`, `1,200 runs`.
#[must_use]
pub fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A span of seconds in its two largest units: `0.4s`, `12s`, `3m 05s`, `2h 10m`, `4d 03h`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".into();
    }
    if seconds < 9.95 {
        // Of no numbers the sum is -0.0.
        return format!("{:.1}s", seconds + 0.0);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and saturating is right"
    )]
    let whole = seconds.round() as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{whole}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", whole % 60),
        (0, ..) => format!("{hours}h {minutes:02}m"),
        _ => format!("{days}d {hours:02}h"),
    }
}

/// Memory in MiB: `512 M`, `4 G`, `2.1 G`.
#[must_use]
pub fn memory(mib: f64) -> String {
    if !mib.is_finite() || mib < 0.0 {
        return "-".into();
    }
    if mib < 1023.5 {
        return format!("{mib:.0} M");
    }
    let tenths = (mib / 102.4).round();
    if tenths % 10.0 == 0.0 {
        format!("{:.0} G", tenths / 10.0)
    } else {
        format!("{:.1} G", tenths / 10.0)
    }
}

/// Cleaned text in lines of at most so many characters, broken between words.
#[must_use]
pub fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, most)),
        }
    }
    lines
}

/// What is more times the median does not decide the digits of a column.
const FAR: f64 = 100.0;

/// How the numbers of one column are written: all with the same number of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// So many after the point.
    Plain(usize),
    /// So many after the point of the mantissa.
    Scientific(usize),
}

impl Digits {
    /// The digits that tell such numbers apart: four after the point for those near one,
    /// fewer for larger ones, an exponent where a plain number would be all zeros. What is more than
    /// a hundred times the median decides nothing: one number that exploded must not take the
    /// others' digits.
    #[must_use]
    pub fn for_all(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut sizes: Vec<f64> =
            numbers.into_iter().filter(|x| x.is_finite()).map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let median = sizes.get(sizes.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
        let near = |size: &&f64| median == 0.0 || **size / median <= FAR;
        let largest = sizes.iter().rfind(near).copied().unwrap_or(0.0);
        match largest {
            0.0 => Self::Plain(4),
            x if x < 0.001 => Self::Scientific(3),
            x if x < 0.1 => Self::Plain(5),
            x if x < 10.0 => Self::Plain(4),
            x if x < 100.0 => Self::Plain(3),
            x if x < 1_000.0 => Self::Plain(2),
            x if x < 1e6 => Self::Plain(1),
            _ => Self::Scientific(3),
        }
    }

    /// A number in these digits, with an exponent from a million on; `NaN`, `inf` and `-inf` by name.
    #[must_use]
    pub fn write(self, x: f64) -> String {
        if x.is_nan() {
            return "NaN".into();
        }
        if x.is_infinite() {
            return if x > 0.0 { "inf".into() } else { "-inf".into() };
        }
        match self {
            Self::Plain(_) if x.abs() >= 1e6 => format!("{x:.3e}"),
            Self::Plain(n) => {
                let text = format!("{x:.n$}");
                let is_zero = text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.'));
                if is_zero { text.trim_start_matches('-').to_owned() } else { text }
            }
            Self::Scientific(n) => format!("{x:.n$e}"),
        }
    }
}

/// The day of a moment, in UTC: `2026-11-25` of seconds since the Unix epoch.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "a time that dlgrid wrote is near to now")]
pub fn date(time: f64) -> String {
    // Years that begin in March have the odd day at their end.
    let day = (time / 86_400.0).floor() as i64 + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A moment to the second, in UTC: `2026-11-25T09:03:07Z` of seconds since the Unix epoch.
#[must_use]
pub fn moment(time: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a day")]
    let second = time.floor().rem_euclid(86_400.0) as u32;
    let (hours, minutes) = (second / 3_600, second / 60 % 60);
    format!("{}T{hours:02}:{minutes:02}:{:02}Z", date(time), second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, quoted) in [
            ("--array=0-10%4", "--array=0-10%4"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), quoted);
        }
    }

    #[test]
    fn what_acts_on_a_terminal_is_taken_out() {
        for (text, expected) in [
            ("plain äöü 図", "plain äöü 図"),
            ("a\x1b[31mred\x1b[0m", "ared"),
            ("a\x1b]0;title\x07b", "ab"),
            ("a\x1b]8;;http://x\x1b\\b", "ab"),
            ("a\u{9b}2Jb", "ab"),
            ("x\u{202e}gpj.exe", "xgpj.exe"),
            ("a\nb\tc\0d\u{7f}", "a b cd"),
            ("\x1b(Bx", "x"),
            ("zero\u{200b}width", "zerowidth"),
            ("end\x1b", "end"),
            ("end\x1b[", "end"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }

    #[test]
    fn durations_read_short() {
        for (seconds, expected) in [
            (0.0, "0.0s"),
            (-0.0, "0.0s"),
            (9.94, "9.9s"),
            (9.96, "10s"),
            (59.6, "1m 00s"),
            (185.0, "3m 05s"),
            (7_800.0, "2h 10m"),
            (356_400.0, "4d 03h"),
            (f64::NAN, "-"),
            (-1.0, "-"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn memory_reads_short_and_long_text_is_broken_between_words() {
        for (mib, expected) in [
            (0.0, "0 M"),
            (512.0, "512 M"),
            (1023.7, "1 G"),
            (2150.0, "2.1 G"),
            (4096.0, "4 G"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(memory(mib), expected, "{mib}");
        }
        assert_eq!(wrapped("a bc  def\nlongest", 5), ["a bc", "def", "long…"]);
        assert!(wrapped("", 5).is_empty());
    }

    #[test]
    fn a_column_has_one_number_of_digits() {
        for (numbers, x, expected) in [
            (&[0.97, 0.1][..], 0.1, "0.1000"),
            (&[12.5, f64::NAN], f64::NAN, "NaN"),
            (&[0.02, 0.05], 0.05, "0.05000"),
            (&[1e-6, 2e-6], 2e-6, "2.000e-6"),
            (&[250.0], 250.0, "250.00"),
            (&[1e9, 2e8], 1.0, "1.000e0"),
            (&[0.31, 0.28, 3000.0], 0.31, "0.3100"),
            (&[0.31, 0.28, 3000.0], 3000.0, "3000.0000"),
            (&[0.31, 0.28, -4e17], -4e17, "-4.000e17"),
            (&[0.31, 0.28, 28.0], 0.31, "0.310"),
            (&[0.0, 0.0, 250.0], 250.0, "250.00"),
            (&[], f64::NEG_INFINITY, "-inf"),
            (&[1.0], -0.000_01, "0.0000"),
        ] {
            assert_eq!(Digits::for_all(numbers.iter().copied()).write(x), expected);
        }
    }

    #[test]
    fn counts_have_commas_and_nouns() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(plural(1, "run"), "1 run");
        assert_eq!(plural(1_200, "run"), "1,200 runs");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (time, day) in [
            (0.0, "1970-01-01"),
            (951_782_400.0, "2000-02-29"),
            (951_868_800.0, "2000-03-01"),
            (1_735_689_599.0, "2024-12-31"),
            (4_107_542_400.0, "2100-03-01"),
        ] {
            assert_eq!(date(time), day);
        }
        assert_eq!(moment(951_782_400.9), "2000-02-29T00:00:00Z");
        assert_eq!(moment(1_735_689_599.0), "2024-12-31T23:59:59Z");
    }
}
