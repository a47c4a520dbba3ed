//! Sets of small numbers as Slurm writes them: `0-3,7,10-20:2`.
use std::fmt::Write as _;

/// Numbers, in order, as ranges.
#[must_use]
pub fn write(numbers: &[u32]) -> String {
    let mut out = String::new();
    let mut at = 0;
    while at < numbers.len() {
        let first = numbers[at];
        let mut end = at;
        while end + 1 < numbers.len() && numbers[end].checked_add(1) == Some(numbers[end + 1]) {
            end += 1;
        }
        if !out.is_empty() {
            out.push(',');
        }
        let _infallible = match numbers[end] {
            last if last == first => write!(out, "{first}"),
            last => write!(out, "{first}-{last}"),
        };
        at = end + 1;
    }
    out
}

/// More numbers than any array has: a text that asks for more is damaged.
const MOST: usize = 5_000_000;

/// Reads them back, with brackets, steps and throttle (`[0-9:3%2]`); nothing for other text.
#[must_use]
pub fn read(text: &str) -> Option<Vec<u32>> {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let text = text.split_once('%').map_or(text, |(list, _)| list);
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once(':') {
            Some((range, step)) => (range, step.parse().ok().filter(|s| *s > 0)?),
            None => (part, 1),
        };
        let (first, last): (u32, u32) = match range.split_once('-') {
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => (range.parse().ok()?, range.parse().ok()?),
        };
        if first > last || numbers.len() + (last - first) as usize / step > MOST {
            return None;
        }
        numbers.extend((first..=last).step_by(step));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_slurm_writes_them_and_read_back() {
        for (numbers, text) in [
            (&[][..], ""),
            (&[7][..], "7"),
            (&[0, 1, 2, 3], "0-3"),
            (&[0, 2, 4], "0,2,4"),
            (&[3, 5, 9, 10, 11], "3,5,9-11"),
            (&[u32::MAX, 0], "4294967295,0"),
        ] {
            assert_eq!(write(numbers), text);
            if !numbers.is_empty() {
                assert_eq!(read(text).as_deref(), Some(numbers));
            }
        }
    }

    #[test]
    fn brackets_steps_and_throttles_are_read() {
        for (text, numbers) in [
            ("[1-3%1]", Some(vec![1, 2, 3])),
            ("[0-6:2]", Some(vec![0, 2, 4, 6])),
            ("2-5%2", Some(vec![2, 3, 4, 5])),
            ("4", Some(vec![4])),
            ("N/A", None),
            ("", None),
            ("5-2", None),
            ("0-9:0", None),
            ("0-4294967295", None),
            ("0,2,...,20", None),
        ] {
            assert_eq!(read(text), numbers, "{text}");
        }
    }
}
