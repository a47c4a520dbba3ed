//! The images that the best run took for something else most surely.
use super::RunResult;
use crate::dataset::images::Images;
use crate::dataset::{self, Form, locate};
use crate::explore::picture;
use crate::recipe::{Data, Recipe, Work};
use crate::sweep::Sweep;
use crate::text::clean;

/// An image that was taken for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What it is, what it was taken for, and how probable the truth seemed.
    pub label: String,
    /// The image.
    pub png: Vec<u8>,
}

/// The mistakes of a run's record, where the images are on this machine and still those.
pub fn mistakes(sweep: &Sweep, run: &RunResult) -> Vec<Shown> {
    let found = &run.end.mistakes;
    let Some(images) = (!found.is_empty()).then(|| images(sweep, run.end.index)).flatten() else {
        return Vec::new();
    };
    let name = |class: u16| {
        let known = run.class_names.get(usize::from(class));
        known.map_or_else(|| class.to_string(), |name| clean(name).into_owned())
    };
    let shown = found.iter().filter_map(|mistake| {
        let at = usize::try_from(mistake.row).ok()?;
        let class = u16::from(*images.labels.get(at)?);
        let label = format!(
            "{} taken for {} ({:.1} %)",
            name(mistake.class),
            name(mistake.taken),
            100.0 * mistake.share
        );
        (class == mistake.class).then(|| Shown { png: picture(&images, at, &label).png(), label })
    });
    shown.collect()
}

/// The training images of a run; nothing where they can't be read here.
fn images(sweep: &Sweep, index: u64) -> Option<Images> {
    let Work::Train(settings) = sweep.run(index)?.work else { return None };
    let data: Data = Recipe::new(&settings).ok()?.data;
    let known = dataset::find(&data.set);
    let folder = locate::place(&data.set, data.path.as_deref()).ok()??;
    let classes = known.and_then(|set| usize::try_from(set.classes).ok());
    let images = Images::of(known.map_or(Form::Idx, |set| set.form), &folder, classes)?;
    images.ok()?.limited(data.limit).ok()
}
