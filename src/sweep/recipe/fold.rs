//! The fold of a run: which part of the samples it holds back.

/// The part of the samples that a run of a k-fold cross-validation holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fold {
    /// Which part is held back, from 1.
    pub number: u32,
    /// How many parts there are: k, at least 2.
    pub of: u32,
}
