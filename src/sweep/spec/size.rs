//! Refuses a grid by its size, with its product in the message.
use super::Rounds;
use super::parameters::Declared;
use crate::space::{Axis, Plot};

/// A product so many times as large as the limit is refused without asking what its conditions
/// leave.
const MAX_THINNING: u128 = 20;

/// A space that is refused before it is built.
pub(super) struct TooLarge {
    pub fact: String,
    pub label: String,
    pub hint: String,
}

impl Declared {
    /// Runs by the product alone, and whether conditions or unions may leave fewer.
    fn size(&self, rounds: Rounds) -> (u128, bool) {
        let product = |plot: &Plot| {
            plot.axes.iter().try_fold(1_u128, |n, a| n.checked_mul(u128::from(a.len())))
        };
        let total = self
            .plots
            .iter()
            .try_fold(0_u128, |n, plot| n.checked_add(product(plot)?))
            .unwrap_or(u128::MAX);
        let shaped = self.plots.len() > 1
            || self.plots.iter().any(|p| !p.whens.is_empty() || !p.excludes.is_empty());
        (total.saturating_mul(u128::from(rounds.count())), shaped)
    }

    /// Whether the product alone says that there are too many runs.
    pub fn too_large(&self, rounds: Rounds, max_runs: u64) -> Option<TooLarge> {
        let (runs, shaped) = self.size(rounds);
        let bound = u128::from(max_runs).saturating_mul(if shaped { MAX_THINNING } else { 1 });
        let exact = !self.plots.iter().flat_map(|plot| &plot.axes).any(Axis::is_empty);
        (exact && runs > bound).then(|| {
            let before = if shaped { " before its conditions" } else { "" };
            self.refusal(rounds, &format!("{before}, more than the limit of {max_runs}"))
        })
    }

    /// Says that the product, or what conditions leave of it, is too large.
    pub fn refusal(&self, rounds: Rounds, which: &str) -> TooLarge {
        let (runs, _) = self.size(rounds);
        TooLarge {
            fact: format!("the sweep has {} runs{which}", power(runs, self, rounds)),
            label: self.product(rounds),
            hint: if runs <= 10_000_000 {
                format!("thin out a range, or raise the limit by `--max-runs {runs}`")
            } else {
                "thin out the ranges, or fix a parameter under `train`".into()
            },
        }
    }

    /// `optimizer.lr 7 × model.layers 4 × 3 seeds × 5 folds`, of the largest block.
    fn product(&self, rounds: Rounds) -> String {
        let size = |plot: &&Plot| plot.axes.iter().map(|a| (a.len() as f64).ln()).sum::<f64>();
        let largest = self.plots.iter().max_by(|a, b| size(a).total_cmp(&size(b)));
        let mut axes: Vec<(String, u64)> = largest
            .map(|plot| {
                plot.axes
                    .iter()
                    .map(|axis| {
                        let names: Vec<&str> =
                            axis.params().iter().map(|p| self.paths[*p].as_str()).collect();
                        (names.join("+"), axis.len())
                    })
                    .collect()
            })
            .unwrap_or_default();
        axes.sort_by_key(|axis| std::cmp::Reverse(axis.1));
        let mut factors: Vec<String> =
            axes.iter().take(6).map(|(n, len)| format!("{n} {len}")).collect();
        if axes.len() > 6 {
            factors.push(format!("{} more", axes.len() - 6));
        }
        if rounds.count() > 1 {
            factors.push(rounds.to_string());
        }
        factors.join(" × ")
    }
}

/// A count as digits, or as a power of ten where that reads better.
fn power(runs: u128, declared: &Declared, rounds: Rounds) -> String {
    if runs < 1_000_000_000_000 {
        return runs.to_string();
    }
    let digits: f64 = declared
        .plots
        .iter()
        .map(|p| p.axes.iter().map(|a| (a.len() as f64).log10()).sum::<f64>())
        .fold(0.0, f64::max)
        + (rounds.count() as f64).log10();
    let exponent = (digits + 1e-9).floor();
    let mantissa = 10_f64.powf(digits - exponent);
    if mantissa < 1.005 {
        format!("10^{exponent}")
    } else {
        format!("{mantissa:.1} · 10^{exponent}")
    }
}
