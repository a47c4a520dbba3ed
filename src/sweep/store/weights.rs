//! The weights of runs that are done, where their recipe keeps them: a file a run, with a seal in its
//! metadata that says whose they are and what they hash to.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::fs;
use super::layout::SweepDir;
use crate::trial::RunId;

/// The key in a file's metadata under which the seal stands, as JSON.
pub(crate) const KEY: &str = "dlgrid";

#[derive(Debug, Serialize, Deserialize)]
struct Seal {
    run: String,
    /// BLAKE3 of all that follows the metadata: the rest of the head, and the tensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blake3: Option<String>,
    /// What later versions add.
    #[serde(flatten)]
    more: BTreeMap<String, serde_json::Value>,
}

/// Keeps the weights of a run, a safetensors file, durable when this returns. Another attempt at the
/// same run would write the same.
///
/// # Errors
/// What the system refused.
pub fn save(dir: &SweepDir, run: &RunId, bytes: &[u8]) -> Result<(), StoreError> {
    let path = dir.weights(run);
    let mut draft = fs::draft_as(&dir.all_weights(), &run.to_string())?;
    draft.write(sealed(run, bytes).as_deref().unwrap_or(bytes))?;
    draft.rename(&path)
}

/// The file with its seal; nothing where it has metadata, or no tensors.
fn sealed(run: &RunId, bytes: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (head, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let head = head.strip_prefix(b"{")?;
    if head.starts_with(b"\"__") || !head.starts_with(b"\"") {
        return None;
    }
    let hash = blake3::Hasher::new().update(head).update(data).finalize();
    let seal = Seal { run: run.to_string(), blake3: Some(hash.to_string()), more: BTreeMap::new() };
    let about = serde_json::to_string(&seal).expect("it has only text");
    // Tensors begin at a multiple of eight, as they did: it stands where one brace stood.
    let mut before = opened(&about);
    before.extend(std::iter::repeat_n(b' ', (9 - before.len() % 8) % 8));
    *before.last_mut()? = b',';
    let length = (before.len() + head.len()) as u64;
    Some([&length.to_le_bytes(), &before[..], head, data].concat())
}

/// How the head of a sealed file begins; after it come blanks, and a comma.
fn opened(about: &str) -> Vec<u8> {
    let about = serde_json::to_string(about).expect("text always serializes");
    format!("{{\"__metadata__\":{{\"{KEY}\":{about}}} ").into_bytes()
}

/// Holds a file against its seal, `about`; one that another version sealed without a hash is held
/// against the run alone.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check(bytes: &[u8], about: &str, run: &RunId) -> Result<(), String> {
    let seal: Seal =
        serde_json::from_str(about).map_err(|cause| format!("says nothing of itself: {cause}"))?;
    if seal.run != run.to_string() {
        return Err(format!("is of run `{}`", seal.run));
    }
    let Some(hash) = seal.blake3 else {
        return if seal.more.is_empty() { Ok(()) } else { Err("does not say its hash".into()) };
    };
    let rest = bytes.get(8..).and_then(|head| head.strip_prefix(&opened(about)[..]));
    let rest = rest.map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b","));
    match rest.map(|rest| blake3::hash(rest).to_string()) {
        Some(found) if found == hash => Ok(()),
        _ => Err("hashes to something else than it says".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str) -> Vec<u8> {
        let head =
            format!("{{\"{name}\":{{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}}}");
        let head = format!("{head:<64}");
        [&64_u64.to_le_bytes(), head.as_bytes(), &[1, 2, 3]].concat()
    }

    #[test]
    fn a_sealed_file_reads_as_before() {
        let run: RunId = "0123456789abcdef0123456789abcdef".parse().expect("an id");
        for name in ["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg", "hhhhhhhh"] {
            let (before, file) = (plain(name), sealed(&run, &plain(name)).expect("sealed"));
            let read = |bytes| ::safetensors::SafeTensors::deserialize(bytes).expect("sound");
            assert_eq!(read(&file).tensor(name).expect("there").data(), [1, 2, 3]);
            assert_eq!(read(&before).tensor(name).expect("there").data(), [1, 2, 3]);
            assert_eq!((file.len() - 3) % 8, 0, "tensors are aligned");
            let (_, head) = ::safetensors::SafeTensors::read_metadata(&file).expect("a head");
            let about = &head.metadata().as_ref().expect("a seal")[KEY];
            check(&file, about, &run).expect("it holds");
            check(&file, about, &run.finishing()).expect_err("of another run");
            assert!(sealed(&run, &file).is_none(), "once");
        }
        for none in
            [&b""[..], b"12345678", &plain("a")[..20], &[&2_u64.to_le_bytes()[..], b"{}"].concat()]
        {
            assert!(sealed(&run, none).is_none());
        }
    }
}
