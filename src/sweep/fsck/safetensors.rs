//! The head of a safetensors file, checked as bytes: no tensor is needed to see that it lies.
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Longest head that is read: what the format itself allows.
const LONGEST: u64 = 100_000_000;

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// What the head says of each name. Of a name that comes twice others may take another.
struct Head(BTreeMap<String, Box<RawValue>>);

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Head;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if all.insert(name.clone(), value).is_some() {
                        return Err(de::Error::custom(format!("`{name}` comes twice")));
                    }
                }
                Ok(Head(all))
            }
        }
        from.deserialize_map(Once)
    }
}

/// Checks that the head is whole, that its tensors follow one another, have as many bytes as
/// their shapes say, and fill the file; the metadata's text under a key, if it has it.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn check(bytes: &[u8], key: &str) -> Result<Option<String>, String> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or("is shorter than a length")?;
    let length = u64::from_le_bytes(*length);
    if length > LONGEST || length > rest.len() as u64 {
        return Err(format!("says that its head has {length} bytes"));
    }
    let (head, data) = rest.split_at(usize::try_from(length).map_err(|e| e.to_string())?);
    if !head.starts_with(b"{") {
        return Err("has a head that does not begin with `{`".into());
    }
    let Head(mut head) = serde_json::from_slice(head)
        .map_err(|cause| format!("has a head that can't be read: {cause}"))?;
    let about = head.remove("__metadata__");
    let about = about.map(|raw| serde_json::from_str::<BTreeMap<String, String>>(raw.get()));
    let about =
        about.transpose().map_err(|cause| format!("has metadata that is no text: {cause}"))?;
    let mut spans = Vec::new();
    for (name, value) in head {
        let tensor: Tensor = serde_json::from_str(value.get())
            .map_err(|cause| format!("does not describe `{name}`: {cause}"))?;
        let (start, end) = tensor.data_offsets;
        let bytes = size(&tensor).ok_or_else(|| format!("has no size for `{name}`"))?;
        if start.checked_add(bytes) != Some(end) {
            return Err(format!("gives `{name}` other bytes than its shape has"));
        }
        spans.push((start, end));
    }
    spans.sort_unstable();
    let mut before = 0;
    for (start, end) in spans {
        if start != before {
            return Err(format!("has a gap or an overlap at byte {start}"));
        }
        before = end;
    }
    if before != data.len() as u64 {
        return Err(format!("has {} bytes of tensors, its head {before}", data.len()));
    }
    Ok(about.and_then(|mut about| about.remove(key)))
}

/// Bytes of a tensor.
fn size(tensor: &Tensor) -> Option<u64> {
    let each = match tensor.dtype.as_str() {
        "F64" | "I64" | "U64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "I8" | "U8" | "BOOL" => 1,
        _ => return None,
    };
    tensor.shape.iter().try_fold(each, |bytes: u64, n| bytes.checked_mul(*n))
}

/// A small sound file that says whose it is.
#[cfg(test)]
pub(crate) fn sample(run: &str) -> Vec<u8> {
    file(Some(serde_json::json!({"dlgrid": format!("{{\"run\":\"{run}\"}}")})))
}

/// The same as training leaves it.
#[cfg(test)]
pub(crate) fn plain() -> Vec<u8> {
    file(None)
}

#[cfg(test)]
fn file(about: Option<serde_json::Value>) -> Vec<u8> {
    let mut head = serde_json::json!({
        "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
        "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]},
    });
    if let Some(about) = about {
        head["__metadata__"] = about;
    }
    let head = head.to_string();
    let length = (head.len() as u64).to_le_bytes();
    [&length[..], head.as_bytes(), &[7; 11]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_lie_are_found() {
        let sound = sample("x");
        assert_eq!(check(&sound, "dlgrid").expect("sound"), Some("{\"run\":\"x\"}".into()));
        for length in 0..sound.len() {
            check(&sound[..length], "dlgrid").expect_err("cut short");
        }
        let text = String::from_utf8_lossy(&sound[8..]).into_owned();
        let with = |from: &str, to: &str| {
            let text = text.replace(from, to);
            let head = text.rfind('}').expect("a head") + 1;
            check(&[&(head as u64).to_le_bytes()[..], text.as_bytes()].concat(), "dlgrid")
        };
        with("", "").expect("sound");
        for (from, to) in [
            ("F32", "F64"),
            ("F32", "F99"),
            ("[2,1]", "[3,1]"),
            ("[2,1]", "[18446744073709551615,2]"),
            ("[8,11]", "[7,10]"),
            ("[8,11]", "[9,12]"),
            ("[0,8]", "[8,0]"),
            ("\"a\"", "a"),
            ("{\"__", "\t{\"__"),
            ("\"b\"", "\"a\":{\"dtype\":\"U7\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\""),
            ("\"{\\\"run\\\":\\\"x\\\"}\"", "7"),
        ] {
            with(from, to).expect_err(&format!("{from} {to}"));
        }
        check(&[&u64::MAX.to_le_bytes()[..], &[0; 64]].concat(), "dlgrid").expect_err("a bomb");
    }
}
