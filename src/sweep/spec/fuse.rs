//! Whether runs are trained together, as the spec says.
use super::section::Mistakes;
use super::yaml::{Kind, Node};

/// Whether runs whose tensors have the same shapes are trained together. It changes how fast they
/// are trained, not what they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fuse {
    /// Where it is known to be faster.
    #[default]
    Auto,
    /// Each alone.
    Off,
    /// Wherever it can be done, so many at most.
    Most(u32),
}

/// Runs of a cohort at most.
const MOST: i64 = 4096;

pub(super) fn check(node: &Node, mistakes: &mut Mistakes) -> Fuse {
    match (&node.kind, node.text()) {
        (Kind::Int(n @ 2..=MOST), _) => Fuse::Most(u32::try_from(*n).unwrap_or(u32::MAX)),
        (_, Some("auto")) => Fuse::Auto,
        (_, Some("off")) => Fuse::Off,
        _ => {
            let takes = format!("`auto`, `off`, or how many runs at most, from 2 to {MOST}");
            mistakes.wrong_kind(node, "`fuse`", &takes);
            Fuse::Auto
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(rest: &str) -> Result<(Fuse, String), String> {
        let text = format!("name: t\ntrain: {{data: {{set: iris}}, epochs: 2}}\n{rest}");
        crate::spec::read("t.yaml", text.as_bytes(), 10)
            .map(|(spec, _)| (spec.fuse, spec.hash))
            .map_err(|errors| errors.render(false, 100))
    }

    #[test]
    fn it_is_read_and_does_not_make_another_sweep() {
        let (auto, hash) = spec("").expect("a spec");
        assert_eq!(auto, Fuse::Auto);
        for (rest, fuse) in
            [("fuse: auto\n", Fuse::Auto), ("fuse: off\n", Fuse::Off), ("fuse: 8\n", Fuse::Most(8))]
        {
            assert_eq!(spec(rest), Ok((fuse, hash.clone())), "{rest}");
        }
        for rest in ["fuse: 1\n", "fuse: many\n", "fuse: true\n", "fuse: [8]\n", "fuse: 5000\n"] {
            let told = spec(rest).expect_err(rest);
            assert!(told.contains("`fuse` must be `auto`, `off`, or how many runs"), "{told}");
        }
    }
}
