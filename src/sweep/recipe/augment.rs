//! How training samples are changed at random before each step.
use super::train::{flag, number, text, whole};
use super::{SettingError, Settings};

/// How training samples are changed at random, anew in every pass; nothing where all is 0.
/// Validation and test samples are never changed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Augment {
    /// Pixels in each direction that an image is moved by at most; black moves in.
    pub shift: u32,
    /// Whether half of the images are mirrored, left to right.
    pub flip: bool,
    /// Degrees that an image is turned by at most, either way, in [0, 180].
    pub rotate: f64,
    /// By what share an image grows or shrinks at most, in [0, 1).
    pub zoom: f64,
    /// By what share an image becomes brighter or darker at most, in [0, 1].
    pub brightness: f64,
    /// Deviation of the noise added to each number: 1 is the distance from black to white, or one
    /// unit of a table's encoded columns.
    pub noise: f64,
    /// Rows and columns of a square that is made black.
    pub cutout: u32,
    /// Both parameters of the Beta distribution of the shares in which samples are mixed.
    pub mixup: f64,
}

/// An augmentation that would leave nothing of the images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}: {pixels}` leaves nothing of some images, these are {height} × {width}")]
pub struct NothingLeft {
    path: &'static str,
    pixels: u32,
    height: usize,
    width: usize,
}

impl Augment {
    pub(super) fn of(s: &Settings) -> Self {
        let both = Self {
            noise: number(s, "augment.noise"),
            mixup: number(s, "augment.mixup"),
            ..Self::default()
        };
        if !crate::dataset::IMAGES.contains(&&*text(s, "data.set")) {
            return both;
        }
        Self {
            shift: whole(s, "augment.shift"),
            flip: flag(s, "augment.flip"),
            rotate: number(s, "augment.rotate"),
            zoom: number(s, "augment.zoom"),
            brightness: number(s, "augment.brightness"),
            cutout: whole(s, "augment.cutout"),
            ..both
        }
    }

    /// Whether anything is changed.
    #[must_use]
    pub fn is_on(&self) -> bool {
        *self != Self::default()
    }

    /// Whether pixels move from their places.
    #[must_use]
    pub fn moves(&self) -> bool {
        self.shift > 0 || self.flip || self.turns()
    }

    /// Whether pixels move to places between pixels.
    #[must_use]
    pub fn turns(&self) -> bool {
        self.rotate > 0.0 || self.zoom > 0.0
    }

    /// Whether it changes images, beyond the noise on numbers and their mix.
    #[must_use]
    pub fn changes_images(&self) -> bool {
        self.moves() || self.brightness > 0.0 || self.cutout > 0
    }

    /// Whether it leaves something of images `[channels, height, width]`.
    ///
    /// # Errors
    /// Where a shift can move everything out, or a square can cover everything.
    pub fn fits(&self, [_, height, width]: [usize; 3]) -> Result<(), NothingLeft> {
        let side = height.min(width);
        [("augment.shift", self.shift), ("augment.cutout", self.cutout)]
            .into_iter()
            .find(|(_, pixels)| *pixels > 0 && *pixels as usize >= side)
            .map_or(Ok(()), |(path, pixels)| Err(NothingLeft { path, pixels, height, width }))
    }

    /// What contradicts itself, for batches of so many samples of this shape, if that is known.
    pub(super) fn conflicts(
        &self,
        batch_size: u32,
        shape: Option<[usize; 3]>,
    ) -> Vec<SettingError> {
        let small = shape.and_then(|shape| self.fits(shape).err());
        let large =
            small.map(|why| SettingError::Conflict { path: why.path, fact: why.to_string() });
        let alone = (self.mixup > 0.0 && batch_size == 1).then(|| SettingError::Conflict {
            path: "augment.mixup",
            fact: "`augment.mixup` mixes the samples of a batch, and `batch_size` is 1".into(),
        });
        large.into_iter().chain(alone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, Value, key};

    fn recipe(given: &[(&str, Value)]) -> Result<Recipe, Vec<String>> {
        let mut settings = Settings::default();
        for (path, value) in given {
            settings.set(key::find(path).expect(path), value.clone());
        }
        Recipe::new(&settings).map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    fn on(set: &str, path: &str, value: Value) -> Result<Augment, Vec<String>> {
        let given = [("data.set", Value::Text(set.into())), (path, value)];
        recipe(&given).map(|recipe| recipe.augment)
    }

    #[test]
    fn by_preset_nothing_is_changed() {
        let augment = on("mnist", "epochs", Value::Int(3)).expect("a recipe");
        assert!(!augment.is_on() && !augment.moves() && !augment.turns());
    }

    #[test]
    fn a_table_can_be_blurred_and_mixed_but_not_flipped() {
        let flipped = on("iris", "augment.flip", Value::Bool(true));
        assert_eq!(flipped, Ok(Augment::default()));
        let mixed = on("iris", "augment.mixup", Value::Float(0.2)).expect("a recipe");
        assert_eq!(mixed, Augment { mixup: 0.2, ..Augment::default() });
        assert!(on("mnist", "augment.flip", Value::Bool(true)).expect("a recipe").moves());
    }

    #[test]
    fn what_leaves_nothing_of_an_image_is_refused() {
        let refusal = |path| on("mnist", path, Value::Int(28)).expect_err("refused").join("; ");
        assert_eq!(
            refusal("augment.shift"),
            "`augment.shift: 28` leaves nothing of some images, these are 28 × 28"
        );
        assert!(refusal("augment.cutout").starts_with("`augment.cutout: 28`"));
        assert!(on("cifar-10", "augment.shift", Value::Int(28)).is_ok());
    }

    #[test]
    fn a_batch_of_one_has_nothing_to_mix() {
        let mixed = |size| {
            recipe(&[
                ("data.set", Value::Text("mnist".into())),
                ("augment.mixup", Value::Float(0.2)),
                ("batch_size", Value::Int(size)),
            ])
        };
        assert_eq!(
            mixed(1).expect_err("refused"),
            ["`augment.mixup` mixes the samples of a batch, and `batch_size` is 1"]
        );
        assert!(mixed(2).is_ok());
    }
}
