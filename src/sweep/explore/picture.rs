//! Example images: chosen, as PNG, and as block characters.
use std::fmt::Write as _;
use std::io::Write as _;

use super::Class;
use crate::dataset::images::Images;

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its class.
    pub label: String,
    /// Rows and columns.
    pub size: (usize, usize),
    /// Red, green and blue of each pixel, row by row.
    pub pixels: Vec<[u8; 3]>,
}

/// The first images of each class in turn, so many in all.
pub(super) fn examples(images: &Images, classes: &[Class], most: usize) -> Vec<Picture> {
    let each = most.div_ceil(classes.len().max(1));
    let mut taken = vec![0; classes.len()];
    let mut found: Vec<(usize, usize, Picture)> = Vec::new();
    for (at, &label) in images.labels.iter().enumerate() {
        let label = usize::from(label);
        if taken[label] < each && taken.iter().sum::<usize>() < most.max(classes.len()) {
            found.push((taken[label], label, picture(images, at, &classes[label].name)));
            taken[label] += 1;
        }
    }
    found.sort_by_key(|(turn, label, _)| (*turn, *label));
    found.into_iter().take(most).map(|(_, _, picture)| picture).collect()
}

/// One of some images.
pub(crate) fn picture(images: &Images, at: usize, label: &str) -> Picture {
    let [channels, rows, columns] = images.shape;
    let (plane, size) = (rows * columns, images.features());
    let image = &images.pixels[at * size..][..size];
    let pixel = |i: usize| std::array::from_fn(|c| image[c.min(channels - 1) * plane + i]);
    Picture {
        label: label.to_owned(),
        size: (rows, columns),
        pixels: (0..plane).map(pixel).collect(),
    }
}

impl Picture {
    /// The picture as a PNG file.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        let side = |n: usize| u32::try_from(n).unwrap_or(0).to_be_bytes();
        let mut raw = Vec::new();
        for row in self.pixels.chunks(self.size.1.max(1)) {
            raw.push(0);
            raw.extend(row.iter().flatten());
        }
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        // Writing to memory can't fail.
        let packed = zlib.write_all(&raw).and_then(|()| zlib.finish()).unwrap_or_default();
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let head = [&side(self.size.1)[..], &side(self.size.0), &[8, 2, 0, 0, 0]].concat();
        for (kind, data) in [(b"IHDR", head), (b"IDAT", packed), (b"IEND", Vec::new())] {
            file.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
            let body = [&kind[..], &data].concat();
            let mut crc = flate2::Crc::new();
            crc.update(&body);
            file.extend(body);
            file.extend(crc.sum().to_be_bytes());
        }
        file
    }

    /// Lines of block characters in 24-bit colour, two rows of pixels a line.
    #[must_use]
    pub fn blocks(&self) -> Vec<String> {
        let (rows, columns) = self.size;
        let line = |row: usize| {
            let mut line = String::new();
            for column in 0..columns {
                let [r, g, b] = self.pixels[row * columns + column];
                let below = self.pixels.get((row + 1) * columns + column);
                let [x, y, z] = below.copied().unwrap_or_default();
                let _ = write!(line, "\x1b[38;2;{r};{g};{b};48;2;{x};{y};{z}m▀");
            }
            line + "\x1b[0m"
        };
        (0..rows).step_by(2).map(line).collect()
    }
}
