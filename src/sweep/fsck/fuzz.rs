//! Manifests and checkpoints from any bytes: what is taken for sound is what others read, too.
use std::path::Path;

use super::{manifest, safetensors};
use crate::store::manifest::Manifest;

/// `SWEEP.json`: one that is read says the same when it is written and read again.
pub fn manifest(bytes: &[u8]) {
    let path = Path::new("SWEEP.json");
    match Manifest::parse(bytes, path) {
        Ok(read) => {
            let again = serde_json::to_vec(&read).expect("it has string keys and no failing part");
            assert_eq!(Manifest::parse(&again, path).expect("it was read before"), read);
            drop(manifest::slices(&read.slices, u64::MAX));
        }
        Err(error) => drop((error.to_string(), error.hint())),
    }
}

/// A checkpoint: its head as it was drawn, or, where the first byte is odd (`s`), after its length
/// and before as many bytes as its last two say. What is called sound, the safetensors crate reads.
pub fn checkpoint(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else { return };
    let file = match rest.split_last_chunk::<2>() {
        Some((head, data)) if how % 2 == 1 => {
            let length = (head.len() as u64).to_le_bytes();
            [&length, head, &vec![0; usize::from(u16::from_be_bytes(*data))]].concat()
        }
        _ => rest.to_vec(),
    };
    if safetensors::check(&file, "dlgrid").is_ok() {
        reads(&file);
    }
}

fn reads(file: &[u8]) {
    let read = ::safetensors::SafeTensors::deserialize(file).expect("it was called sound");
    for (name, tensor) in read.tensors() {
        let bytes: usize = tensor.shape().iter().product::<usize>() * tensor.dtype().size();
        assert_eq!(bytes, tensor.data().len(), "{name}");
    }
}
