//! What the live view asks of its looker beside looks.

/// What the looker is asked beside looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// The log of a run.
    Log(u64),
    /// The curve of a run.
    Curve(u64),
    /// Only runs for which this holds.
    Filter(Option<String>),
}

/// Of wishes that came while none was fulfilled those that count, in order: of each kind the last.
pub fn latest(wishes: Vec<Wish>) -> Vec<Wish> {
    let kind = |wish: &Wish| std::mem::discriminant(wish);
    let is_last =
        |place: usize| !wishes[place + 1..].iter().any(|w| kind(w) == kind(&wishes[place]));
    let kept: Vec<bool> = (0..wishes.len()).map(is_last).collect();
    wishes.into_iter().zip(kept).filter_map(|(wish, kept)| kept.then_some(wish)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_kind_the_last_counts() {
        let filter = |text: &str| Wish::Filter(Some(text.into()));
        let wishes = vec![
            Wish::Curve(1),
            filter("x < 1"),
            Wish::Curve(2),
            Wish::Log(7),
            filter("x < 2"),
            Wish::Curve(3),
        ];
        assert_eq!(latest(wishes), [Wish::Log(7), filter("x < 2"), Wish::Curve(3)]);
        assert_eq!(latest(vec![]), []);
    }
}
