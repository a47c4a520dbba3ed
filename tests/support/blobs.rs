//! A small data set of images, and what trainings on it came to.
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::Sandbox;

/// Bytes by chance, the same ones each time.
pub fn noise() -> impl FnMut() -> u8 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as u8
    }
}

/// Four classes of 8 × 8 images: a bright quarter each, under seeded noise.
pub fn write_blobs(folder: &Path, train: u32, test: u32) {
    std::fs::create_dir_all(folder).unwrap();
    let mut noise = noise();
    for (name, count) in [("train", train), ("t10k", test)] {
        let mut bytes: Vec<u8> =
            [0x0803_u32, count, 8, 8].iter().flat_map(|n| n.to_be_bytes()).collect();
        let mut labels: Vec<u8> =
            [0x0801_u32, count].iter().flat_map(|n| n.to_be_bytes()).collect();
        for i in 0..count {
            let class = (i % 4) as usize;
            for (row, column) in (0..64).map(|p| (p / 8, p % 8)) {
                let lit = (row / 4) * 2 + column / 4 == class;
                bytes.push(if lit { noise() / 2 + 96 } else { noise() / 2 + 32 });
            }
            labels.push(class as u8);
        }
        std::fs::write(folder.join(format!("{name}-images-idx3-ubyte")), bytes).unwrap();
        std::fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
    }
}

/// What each run came to, without what a clock says, and with whom it was trained.
pub fn results(here: &Sandbox) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for mut line in here.lines().into_iter().filter(|l| l["t"] == "end") {
        let fields = line.as_object_mut().unwrap();
        for name in ["n", "v", "time", "seconds", "samples_per_s", "cohort"] {
            fields.remove(name);
        }
        let before = found.insert(fields["run"].as_str().unwrap().to_owned(), line);
        assert!(before.is_none(), "a run ended twice");
    }
    found
}
