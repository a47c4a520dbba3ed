//! Files in CIFAR's binary form, of few records.
use std::path::Path;

use crate::blobs::noise;

/// A folder of CIFAR's binary files, training and test: the class decides how the image is
/// striped, under seeded noise. With `hundred` classes, each record has two labels.
pub fn write_cifar(folder: &Path, hundred: bool, train: usize, test: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let mut noise = noise();
    let names =
        if hundred { ["train.bin", "test.bin"] } else { ["data_batch_1.bin", "test_batch.bin"] };
    for (name, count) in names.into_iter().zip([train, test]) {
        let mut bytes = Vec::with_capacity(count * 3074);
        for i in 0..count {
            let class = i % if hundred { 100 } else { 10 };
            if hundred {
                bytes.push((class / 5) as u8);
            }
            bytes.push(class as u8);
            for (channel, row, column) in (0..3072).map(|p| (p / 1024, p / 32 % 32, p % 32)) {
                let lit = (row * (class % 10) / 5 + column * (class / 10) / 5 + channel) % 3 == 0;
                bytes.push(noise() / 2 + if lit { 96 } else { 32 });
            }
        }
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
