//! The samples that a classifier takes for something else most surely: what a person looks at first.
use dlgrid_sweep::store::record::{MISTAKES, Mistake};
use tch::{Device, Kind, Tensor};

use super::Judge;
use crate::data::{Dataset, Prepared};
use crate::raw;

/// The worst mistakes on these rows of a data set, by the logits `[batch, classes]` of inputs.
pub fn worst(
    data: &Dataset,
    inputs: Prepared,
    rows: Vec<i64>,
    logits: impl Fn(&Tensor) -> Tensor,
) -> Vec<Mistake> {
    let mut found = Vec::new();
    let places = rows.clone();
    Judge::new(data, inputs, rows).each(|from, batch| {
        let logits = logits(&batch.inputs);
        // As the confusion matrix counts it: by the logits, and the first of equals.
        let taken = logits.argmax(-1, false).to_device(Device::Cpu);
        let shares = logits.softmax(-1, Kind::Float).to_device(Device::Cpu).contiguous();
        let labels = batch.labels.to_device(Device::Cpu);
        let each = raw::floats(&shares).chunks_exact(data.classes);
        let classes = raw::wholes(&labels).iter().zip(raw::wholes(&taken));
        for ((shares, (&class, &taken)), row) in each.zip(classes).zip(&places[from..]) {
            found.extend(mistake(shares, class, taken, *row));
        }
        found.sort_by(|a: &Mistake, b| a.share.total_cmp(&b.share).then(a.row.cmp(&b.row)));
        found.truncate(MISTAKES);
    });
    found
}

/// A sample as a mistake, if it is one.
fn mistake(shares: &[f32], class: i64, taken: i64, row: i64) -> Option<Mistake> {
    let share = *shares.get(usize::try_from(class).ok()?)?;
    let narrow = |class: i64| u16::try_from(class).ok();
    let [class, taken] = [narrow(class)?, narrow(taken)?];
    (class != taken).then_some(Mistake { row: u32::try_from(row).ok()?, class, taken, share })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rows: Vec<i64>, logits: impl Fn(&Tensor) -> Tensor) -> Vec<Mistake> {
        let data = Dataset::new(&[10, 20, 30, 40], &[0, 1, 1, 0], 2, Device::Cpu);
        let recipe = dlgrid_sweep::recipe::Data {
            set: "idx".into(),
            path: None,
            valid: 0.5,
            scale: (0.0, 255.0),
            limit: None,
            table: dlgrid_sweep::dataset::table::Options::default(),
        };
        worst(&data, Prepared::new(&data, &recipe, &[]), rows, logits)
    }

    fn told(found: &[Mistake]) -> Vec<(u32, u16, u16)> {
        found.iter().map(|m| (m.row, m.class, m.taken)).collect()
    }

    #[test]
    fn the_surest_mistakes_come_first_and_what_is_right_is_none() {
        // The larger the byte, the surer it is of class 1.
        let logits = |x: &Tensor| Tensor::cat(&[x * 0.0, x - 15.0], 1);
        let found = found(vec![3, 2, 0], logits);
        assert_eq!(told(&found), [(3, 0, 1)]);
        assert!(found[0].share < 1e-9);
    }

    #[test]
    fn of_equal_classes_the_first_is_taken_as_in_the_confusion_matrix() {
        let equal = |x: &Tensor| Tensor::cat(&[x * 0.0, x * 0.0], 1);
        assert_eq!(told(&found(vec![3, 2, 0], equal)), [(2, 1, 0)]);
        // By a difference that is lost in the shares.
        let close = |x: &Tensor| Tensor::cat(&[x * 0.0, x * 0.0 + 1e-20], 1);
        assert_eq!(told(&found(vec![3, 2, 0], close)), [(0, 0, 1), (3, 0, 1)]);
    }
}
