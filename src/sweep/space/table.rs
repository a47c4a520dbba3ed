//! What one condition says over the axes that it depends on, worked out piece by piece.
use std::sync::OnceLock;

use minijinja::value::Value as Cell;

use super::axis::Axis;
use super::condition::{Condition, NoCondition, cell};

/// Rows of one piece of a table.
const PIECE: u64 = 1 << 12;

/// The most rows of a table: they are kept as bits.
pub(super) const MAX_ROWS: u64 = 1 << 31;

/// A rule over the axes that it depends on.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The places of the axes, in order.
    pub axes: Vec<usize>,
    /// Of the block's conditions those that decide which of the values it asks for exist.
    pub needs: Vec<usize>,
    rows: u64,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Says { condition: Condition, sources: Vec<Source>, pieces: Vec<OnceLock<Piece>> },
    Values(Vec<Allowed>),
}

/// One bit a row, or what could not be evaluated and at which row.
type Piece = Result<Box<[u64]>, (u64, NoCondition)>;

/// Where a condition finds the value of one of its paths.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The axis and the parameter that decide it.
    pub place: Option<(usize, usize)>,
    /// The value by the axis' digit, where that was worked out beforehand.
    pub cells: Option<Vec<Option<Cell>>>,
    /// The value where no axis or an absent parameter decides it.
    pub otherwise: Option<Cell>,
}

/// The digits of an axis that match a rule, and the parameters that must exist for it.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    pub axis: usize,
    pub digits: Vec<u64>,
    pub param: usize,
}

/// The digits of a point, and the parameters that do not exist there.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub digits: Vec<u64>,
    pub absent: Vec<usize>,
}

impl Table {
    /// The table of a condition.
    pub fn says(
        condition: Condition,
        sources: Vec<Source>,
        needs: Vec<usize>,
        used: Vec<usize>,
        axes: &[Axis],
    ) -> Result<Self, NoCondition> {
        let rows = product(&used, axes).filter(|rows| *rows <= MAX_ROWS);
        let Some(rows) = rows else {
            return Err(NoCondition {
                text: condition.text().to_owned(),
                why: format!("it depends on axes with more than {MAX_ROWS} combinations"),
                hint: "let it speak of fewer parameters, or thin out their ranges",
            });
        };
        let pieces = (0..rows.div_ceil(PIECE)).map(|_| OnceLock::new()).collect();
        Ok(Self { axes: used, needs, rows, rule: Rule::Says { condition, sources, pieces } })
    }

    /// The table of a rule that names values.
    pub fn values(allowed: Vec<Allowed>, used: Vec<usize>, axes: &[Axis]) -> Self {
        let rows = product(&used, axes).unwrap_or(u64::MAX);
        Self { axes: used, needs: Vec::new(), rows, rule: Rule::Values(allowed) }
    }

    /// Pieces that have to be worked out.
    pub fn pieces(&self) -> u64 {
        match &self.rule {
            Rule::Says { pieces, .. } => pieces.len() as u64,
            Rule::Values(_) => 0,
        }
    }

    /// Whether the rule holds at a place; `absent` works out what is absent there of what it needs.
    pub fn holds(&self, at: &Place, axes: &[Axis], absent: &impl Fn(&mut Place)) -> bool {
        match &self.rule {
            Rule::Says { .. } => {
                let row = self.axes.iter().fold(0, |row, a| row * axes[*a].len() + at.digits[*a]);
                let bit = row % PIECE;
                self.piece(row / PIECE, axes, absent)
                    .is_some_and(|bits| bits[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
            }
            Rule::Values(allowed) => allowed.iter().all(|one| {
                !at.absent.contains(&one.param)
                    && one.digits.binary_search(&at.digits[one.axis]).is_ok()
            }),
        }
    }

    /// The bits of a piece, if it could be worked out.
    fn piece(&self, piece: u64, axes: &[Axis], absent: &impl Fn(&mut Place)) -> Option<&[u64]> {
        let Rule::Says { condition, sources, pieces } = &self.rule else { return None };
        let slot = pieces.get(usize::try_from(piece).ok()?)?;
        let known = slot.get_or_init(|| {
            let start = piece * PIECE;
            let end = (start + PIECE).min(self.rows);
            let mut bits = vec![0_u64; (end - start).div_ceil(64) as usize];
            let mut at = spread(&self.axes, axes, start);
            for row in start..end {
                absent(&mut at);
                let cells = sources.iter().map(|source| source.cell(&at, axes));
                if condition.holds_for(cells).map_err(|error| (row, error))? {
                    bits[((row - start) / 64) as usize] |= 1 << ((row - start) % 64);
                }
                step(&mut at.digits, &self.axes, axes);
            }
            Ok(bits.into_boxed_slice())
        });
        known.as_deref().ok()
    }

    /// Works a piece out, if `now`, and says what could not be evaluated in it, and where.
    pub fn fault(
        &self,
        piece: u64,
        axes: &[Axis],
        now: bool,
        absent: &impl Fn(&mut Place),
    ) -> Option<(Place, NoCondition)> {
        if now {
            self.piece(piece, axes, absent);
        }
        let Rule::Says { pieces, .. } = &self.rule else { return None };
        let (row, error) = pieces.get(usize::try_from(piece).ok()?)?.get()?.as_ref().err()?.clone();
        Some((spread(&self.axes, axes, row), error))
    }

    /// Whether it is known that no row matches; to be asked after all pieces are worked out.
    pub fn is_idle(&self) -> bool {
        match &self.rule {
            Rule::Says { pieces, .. } => pieces.iter().all(
                |piece| matches!(piece.get(), Some(Ok(bits)) if bits.iter().all(|word| *word == 0)),
            ),
            Rule::Values(allowed) => allowed.iter().any(|one| {
                let same_axis = |other: &&Allowed| other.axis == one.axis;
                !one.digits.iter().any(|digit| {
                    allowed.iter().filter(same_axis).all(|o| o.digits.binary_search(digit).is_ok())
                })
            }),
        }
    }
}

impl Source {
    fn cell(&self, at: &Place, axes: &[Axis]) -> Option<Cell> {
        let Some((axis, param)) = self.place.filter(|(_, param)| !at.absent.contains(param)) else {
            return self.otherwise.clone();
        };
        let digit = at.digits[axis];
        match &self.cells {
            Some(cells) => cells.get(usize::try_from(digit).ok()?)?.clone(),
            None => axes[axis].value(param, digit).as_ref().map(cell),
        }
    }
}

/// Combinations of some axes, if they can be counted.
pub(super) fn product(used: &[usize], axes: &[Axis]) -> Option<u64> {
    used.iter().try_fold(1_u64, |n, a| n.checked_mul(axes[*a].len()))
}

/// The place of a row of a sub-product: the digits of the other axes are 0.
pub(super) fn spread(used: &[usize], axes: &[Axis], mut row: u64) -> Place {
    let mut digits = vec![0; axes.len()];
    for axis in used.iter().rev() {
        let len = axes[*axis].len();
        digits[*axis] = row % len;
        row /= len;
    }
    Place { digits, absent: Vec::new() }
}

/// Goes on to the next row of a sub-product; after the last comes the first.
pub(super) fn step(digits: &mut [u64], used: &[usize], axes: &[Axis]) {
    for axis in used.iter().rev() {
        digits[*axis] += 1;
        if digits[*axis] < axes[*axis].len() {
            return;
        }
        digits[*axis] = 0;
    }
}
