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
        let shares = logits(&batch.inputs).softmax(-1, Kind::Float);
        let shares = shares.to_device(Device::Cpu).contiguous();
        let labels = batch.labels.to_device(Device::Cpu);
        let each = raw::floats(&shares).chunks_exact(data.classes);
        for ((shares, &class), row) in each.zip(raw::wholes(&labels)).zip(&places[from..]) {
            found.extend(mistake(shares, class, *row));
        }
        found.sort_by(|a: &Mistake, b| a.share.total_cmp(&b.share).then(a.row.cmp(&b.row)));
        found.truncate(MISTAKES);
    });
    found
}

/// A sample as a mistake, if it is one.
fn mistake(shares: &[f32], class: i64, row: i64) -> Option<Mistake> {
    let class = usize::try_from(class).ok()?;
    let (taken, _) = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let share = *shares.get(class)?;
    let narrow = |class: usize| u16::try_from(class).ok();
    let [class, taken] = [narrow(class)?, narrow(taken)?];
    (class != taken).then_some(Mistake { row: u32::try_from(row).ok()?, class, taken, share })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_mistakes_come_first_and_what_is_right_is_none() {
        let data = Dataset::new(&[10, 20, 30, 40], &[0, 1, 1, 0], 2, Device::Cpu);
        let recipe = dlgrid_sweep::recipe::Data {
            set: "idx".into(),
            path: None,
            valid: 0.5,
            scale: (0.0, 255.0),
            limit: None,
            table: dlgrid_sweep::dataset::table::Options::default(),
        };
        let inputs = Prepared::new(&data, &recipe, &[]);
        // The larger the byte, the surer it is of class 1.
        let logits = |x: &Tensor| Tensor::cat(&[x * 0.0, x - 15.0], 1);
        let found = worst(&data, inputs, vec![3, 2, 0], logits);
        let told: Vec<_> = found.iter().map(|m| (m.row, m.class, m.taken)).collect();
        assert_eq!(told, [(3, 0, 1)]);
        assert!(found[0].share < 1e-9);
    }
}
