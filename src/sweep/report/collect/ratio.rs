//! How far the runs of a trial share samples, by which the variance of a difference is corrected.
use crate::recipe::{Settings, Value, Work};
use crate::space::Base;
use crate::spec::Spec;

/// The settings that it follows from.
const DECIDING: &[&str] = &["data.valid", "shared_order"];

/// Samples held back by samples trained on. 0 where all runs of a trial have the same split, so that
/// given the split they are independent; of a program without folds it is not known whether they
/// share samples, and 0.
pub(super) fn ratio(spec: &Spec) -> f64 {
    // What finishes trains on the same samples with every seed, and is judged on the same.
    if spec.finishes() {
        return 0.0;
    }
    if let Some(folds) = spec.folds {
        return 1.0 / (f64::from(folds) - 1.0);
    }
    let of = |settings: &Settings| match settings.at("data.valid").as_f64() {
        Some(v) if settings.at("shared_order") != Value::Bool(true) => v / (1.0 - v),
        _ => 0.0,
    };
    match spec.space.base() {
        Base::Command(_) => 0.0,
        Base::Train(settings)
            if !spec.space.paths().iter().any(|p| DECIDING.contains(&p.as_str())) =>
        {
            of(settings)
        }
        Base::Train(_) => {
            let works = spec.space.samples(DECIDING);
            let ratios = works.filter_map(|(_, work)| match work {
                Work::Train(settings) => Some(of(&settings)),
                Work::Command(_) => None,
            });
            ratios.fold(0.0, f64::max)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs_that_share_their_split_are_independent_given_it() {
        let ratio = |data: &str, rest: &str| {
            let text = format!("name: t\ntrain: {{data: {{set: mnist{data}}}{rest}\nseeds: 3\n");
            let read = crate::spec::read("t.yaml", text.as_bytes(), 1000);
            let (spec, _) = read.unwrap_or_else(|e| panic!("{}", e.render(false, 100)));
            super::ratio(&spec)
        };
        for (data, rest, expected) in [
            (", valid: 0.2", "}", 0.25),
            (", valid: 0.2", ", shared_order: true}", 0.0),
            (", valid: 0.2", "}\nparameters: {shared_order: [true, false]}", 0.25),
            ("", ", shared_order: true}\nparameters: {data.valid: [0.2, 0.5]}", 0.0),
            ("", "}\nparameters: {data.valid: [0.2, 0.5]}", 1.0),
            ("", ", shared_order: true}\nfolds: 5", 0.25),
        ] {
            assert!((ratio(data, rest) - expected).abs() < 1e-12, "{data} {rest}");
        }
    }
}
