//! Writes the segments of a finished sweep by the real writer, for measuring readers.
use std::collections::BTreeMap;

use dlgrid_sweep::store::StoreError;
use dlgrid_sweep::store::layout::SweepDir;
use dlgrid_sweep::store::record::{Best, End, Epoch, Metrics, Number, Outcome};
use dlgrid_sweep::store::segment::{HeadFacts, SegmentWriter};
use dlgrid_sweep::trial::RunId;

/// The sweep that the segments are of.
pub const SWEEP: &str = "00112233445566778899aabbccddeeff";

/// Writes, for the sweep with this id, `slices` segments of `runs` ended runs each, with curves of
/// so many epochs.
///
/// # Errors
/// What the system refused.
pub fn generate(
    dir: &SweepDir,
    sweep: &str,
    slices: u32,
    runs: u64,
    epochs: u32,
) -> Result<(), StoreError> {
    for slice in 0..slices {
        let facts = HeadFacts {
            sweep: sweep.into(),
            device: "cpu".into(),
            dlgrid: "0.1.0".into(),
            ..HeadFacts::default()
        };
        let mut writer = SegmentWriter::begin(dir, slice, facts)?;
        let first = u64::from(slice) * runs;
        let ends: Vec<End> = (first..first + runs).map(end).collect();
        ends.iter().flat_map(|end| curve(end, epochs)).for_each(|epoch| writer.epoch(&epoch));
        writer.end_all(&ends)?;
        writer.close()?;
    }
    Ok(())
}

/// A curve that leads to an end.
fn curve(end: &End, epochs: u32) -> impl Iterator<Item = Epoch> {
    (1..=epochs).map(move |epoch| {
        let way = 1.0 - (-f64::from(epoch) / 3.0).exp();
        let metrics: Metrics =
            end.metrics.iter().map(|(name, x)| (name.clone(), Number(x.0 * way))).collect();
        Epoch {
            run: end.run,
            index: end.index,
            epoch,
            metrics,
            seconds: 1.5,
            samples_per_s: end.samples_per_s,
        }
    })
}

/// The end of a run with eight metrics and ten classes, in numbers with all their digits.
#[must_use]
pub fn end(index: u64) -> End {
    let unit = |salt: u64| {
        let mixed = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7) ^ salt;
        #[expect(clippy::cast_precision_loss, reason = "any fraction will do")]
        let fraction =
            (mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1u64 << 53) as f64;
        fraction
    };
    let names = ["accuracy", "f1", "loss", "top5"];
    let metrics: BTreeMap<String, Number> = ["train", "valid"]
        .iter()
        .flat_map(|set| names.iter().map(move |name| format!("{set}/{name}")))
        .zip(0..)
        .map(|(name, salt)| (name, Number(unit(salt))))
        .collect();
    let best = metrics.iter().map(|(name, value)| (name.clone(), Best { epoch: 7, value: *value }));
    End {
        run: run_id(index),
        index,
        seed: 1,
        outcome: Outcome::Done,
        why: None,
        cause: None,
        epochs: 10,
        best: best.collect(),
        metrics,
        seconds: unit(90) * 100.0,
        samples_per_s: Some(unit(91) * 1e5),
        confusion: Some(
            (0..10).map(|row| (0..10).map(|c| (index + row * c) % 997).collect()).collect(),
        ),
        mistakes: Vec::new(),
        weights: Some(50_890),
        cohort: None,
        from: None,
        time: 1.7e9 + unit(92),
    }
}

fn run_id(index: u64) -> RunId {
    let text = format!("{:032x}", (u128::from(index) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c));
    text.parse().expect("32 hex digits are an id")
}
