//! Protocol buffers, as far as TensorBoard's events need them
//! (<https://protobuf.dev/programming-guides/encoding/>).

/// A message in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// With a whole number; 0 is what is not written.
    pub(super) fn int(mut self, field: u32, x: u64) -> Self {
        if x != 0 {
            self.key(field, 0);
            self.varint(x);
        }
        self
    }

    /// With a number of eight bytes, also where it is 0: a value that is chosen from several kinds.
    pub(super) fn double(mut self, field: u32, x: f64) -> Self {
        self.key(field, 1);
        self.0.extend(x.to_le_bytes());
        self
    }

    /// With a number of four bytes, also where it is 0.
    pub(super) fn float(mut self, field: u32, x: f32) -> Self {
        self.key(field, 5);
        self.0.extend(x.to_le_bytes());
        self
    }

    /// With a truth, also where it does not hold.
    pub(super) fn truth(mut self, field: u32, x: bool) -> Self {
        self.key(field, 0);
        self.varint(u64::from(x));
        self
    }

    /// With bytes, or text.
    pub(super) fn bytes(mut self, field: u32, bytes: impl AsRef<[u8]>) -> Self {
        self.key(field, 2);
        self.varint(bytes.as_ref().len() as u64);
        self.0.extend(bytes.as_ref());
        self
    }

    /// With another message.
    pub(super) fn message(self, field: u32, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// With several, one after another.
    pub(super) fn messages(self, field: u32, all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(self, |message, one| message.message(field, &one))
    }

    /// Its bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    fn varint(&mut self, mut x: u64) {
        while x >= 0x80 {
            self.0.push((x & 0x7f) as u8 | 0x80);
            x >>= 7;
        }
        self.0.push(x as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_as_the_guide_says() {
        let inner = Message::default().int(1, 150);
        assert_eq!(inner.0, [0x08, 0x96, 0x01]);
        let outer = Message::default().message(3, &inner).bytes(2, "testing").int(9, 0);
        assert_eq!(outer.0, b"\x1a\x03\x08\x96\x01\x12\x07testing");
        assert_eq!(Message::default().float(2, 1.0).truth(4, false).0, b"\x15\0\0\x80\x3f\x20\0");
    }
}
