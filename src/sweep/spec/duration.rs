//! Times as people write them: `30m`, `1h30m`, `90s`, `2d`.

/// Seconds of a time with units.
#[must_use]
pub fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end =
            rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let unit = match rest[digits..unit_end].trim() {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[unit_end..];
    }
    total.is_finite().then_some(total)
}

/// Whether it is a time in one of Slurm's forms: `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`,
/// `D-HH:MM:SS`. A bare number is none, for Slurm reads it as minutes and people mean anything.
#[must_use]
pub fn is_slurms(text: &str) -> bool {
    let number = |t: &str| !t.is_empty() && t.len() <= 6 && t.bytes().all(|b| b.is_ascii_digit());
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(days), rest),
        None => (None, text),
    };
    let fields: Vec<&str> = rest.split(':').collect();
    days.is_none_or(number)
        && fields.iter().all(|f| number(f))
        && if days.is_some() { fields.len() <= 3 } else { (2..=3).contains(&fields.len()) }
}

/// Whether it is a time of 0, in whatever form.
#[must_use]
pub fn is_zero(text: &str) -> bool {
    text.contains('0') && !text.contains(|c: char| ('1'..='9').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::{is_slurms, is_zero, seconds};

    #[test]
    fn times_of_slurm_are_told_from_others_and_from_none() {
        for text in ["90:00", "10080:00", "04:00:00", "1-12", "1-12:30", "1-00:00:30", "00:00"] {
            assert!(is_slurms(text), "{text}");
            assert_eq!(is_zero(text), text == "00:00", "{text}");
        }
        for text in ["30", "1:2:3:4", "1-", "1234567:00", "1-1:1:1:1", "a:b", ""] {
            assert!(!is_slurms(text), "{text}");
        }
        assert!(is_zero("0s") && is_zero("0.0h") && is_zero("0-00:00:00") && !is_zero("0.01s"));
    }

    #[test]
    fn times_with_units_are_read_and_others_are_not() {
        for (text, expected) in [
            ("30m", 1800.0),
            ("1h30m", 5400.0),
            ("90s", 90.0),
            ("1.5h", 5400.0),
            ("2d", 172_800.0),
            ("0s", 0.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "30", "m", "3x", "1h30", "-5m"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
