//! One line of a segment: sequence number, content and checksum; and what can be wrong with it.
//!
//! `{"v":1,"n":17,"t":"end",…}⇥1f2e3d4c⏎`: the checksum is CRC32C over the bytes before the tab.
use serde::Serialize;

use super::record::SEGMENT_SCHEMA;
use crate::mutant::{self, Mutant};

/// A line that was not taken, or something that is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The segment's name.
    pub segment: String,
    /// The line, from 1; the first one for what concerns the whole segment.
    pub line: u64,
    /// What is wrong.
    pub what: DamageKind,
}

/// What is wrong with a line of a segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum DamageKind {
    /// It holds zero bytes, as a file system leaves them after a crash or two writers.
    #[error("holds {0} zero bytes")]
    Zeros(u64),
    /// It does not end in a tab and eight hex digits.
    #[error("ends in no checksum")]
    NoChecksum,
    /// The checksum is not that of the line.
    #[error("does not match its checksum")]
    BadCrc,
    /// The checksum holds, the content is no record.
    #[error("is no record: {0}")]
    NotARecord(String),
    /// Lines are missing before this one.
    #[error("has number {found} where {expected} should come: lines are missing")]
    Gap {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A line that came before comes again.
    #[error("has number {found} again")]
    Repeated {
        /// Its number.
        found: u64,
    },
    /// A later dlgrid wrote it.
    #[error("has schema {0}, which only a later dlgrid reads")]
    LaterSchema(u32),
    /// The segment says that it is of another sweep; none of it is taken.
    #[error("is of sweep `{0}`: the segment is not taken")]
    Foreign(String),
    /// The segment says that it is another one than its file name; none of it is taken.
    #[error("calls the segment `{0}`: it is not taken")]
    Misnamed(String),
    /// The first good line does not say who wrote the segment. What follows is taken.
    #[error("does not say who wrote the segment")]
    NoHead,
    /// A line after the one that closed the segment.
    #[error("comes after the end of the segment")]
    AfterClose,
}

/// The bytes of a line, newline included. `tag` is the kind, for content that does not name it
/// itself.
pub(crate) fn frame(n: u64, tag: Option<&str>, content: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_string(content)
        .expect("records have string keys and no failing part: they always serialize");
    let tag = tag.map_or_else(String::new, |t| format!("\"t\":\"{t}\","));
    let mut line = format!("{{\"v\":{SEGMENT_SCHEMA},\"n\":{n},{tag}{}", &json[1..]).into_bytes();
    let crc = crc32c::crc32c(&line);
    line.extend_from_slice(format!("\t{crc:08x}\n").as_bytes());
    line
}

/// The content of a line (without its newline), once its checksum holds.
pub(crate) fn unframe(line: &[u8]) -> Result<&[u8], DamageKind> {
    let unsound = |what| {
        let zeros = line.iter().filter(|b| **b == 0).count() as u64;
        if zeros > 0 { DamageKind::Zeros(zeros) } else { what }
    };
    let split = line.len().checked_sub(9).filter(|at| line[*at] == b'\t');
    let (content, digits) = split
        .map(|at| (&line[..at], &line[at + 1..]))
        .ok_or_else(|| unsound(DamageKind::NoChecksum))?;
    let crc = parse_crc(digits).ok_or_else(|| unsound(DamageKind::NoChecksum))?;
    let holds = crc32c::crc32c(content) == crc || mutant::is(Mutant::NoCrc);
    if holds { Ok(content) } else { Err(unsound(DamageKind::BadCrc)) }
}

/// Lower-case digits only: a flipped bit must not turn `a` into an equal `A`.
fn parse_crc(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |crc: u32, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(crc << 4 | u32::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_says_what_is_wrong_with_it() {
        let line = frame(7, Some("x"), &serde_json::json!({"a": "tab\tnewline\n"}));
        insta::assert_snapshot!(String::from_utf8_lossy(&line).trim_end(), @r#"{"v":1,"n":7,"t":"x","a":"tab\tnewline\n"}	d7440ae9"#);
        let line = line.strip_suffix(b"\n").expect("newline");
        assert!(unframe(line).is_ok());
        let with = |at: usize, byte: u8| {
            let mut line = line.to_vec();
            line[at] = byte;
            unframe(&line).expect_err("damaged").clone()
        };
        assert_eq!(with(5, 0), DamageKind::Zeros(1));
        assert_eq!(with(5, b'9'), DamageKind::BadCrc);
        assert_eq!(with(line.len() - 1, b'X'), DamageKind::NoChecksum);
        assert_eq!(unframe(b"").expect_err("empty"), DamageKind::NoChecksum);
        assert_eq!(unframe(&[0; 40]).expect_err("zeros"), DamageKind::Zeros(40));
        assert_eq!(unframe(&line[..line.len() - 3]).expect_err("cut"), DamageKind::NoChecksum);
    }
}
