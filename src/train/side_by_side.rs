//! Tables of what a device needs of each run of a cohort, made on all cores: made one after the other
//! they would take as long as a large GPU trains.
use std::thread;

/// A table `[runs, numbers]` of which each run fills its own row.
pub fn filled<R: Sync, N: Clone + Default + Send>(
    runs: &[R],
    numbers: usize,
    fill: impl Fn(&R, &mut [N]) + Sync,
) -> Vec<N> {
    let mut table = vec![N::default(); runs.len() * numbers];
    if table.is_empty() {
        return table;
    }
    let threads = thread::available_parallelism().map_or(1, usize::from).min(runs.len());
    let each = runs.len().div_ceil(threads);
    thread::scope(|scope| {
        for (own, part) in runs.chunks(each).zip(table.chunks_mut(each * numbers)) {
            let fill = &fill;
            scope.spawn(move || {
                own.iter()
                    .zip(part.chunks_exact_mut(numbers))
                    .for_each(|(run, row)| fill(run, row));
            });
        }
    });
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_fills_its_own_row() {
        for runs in 0..40 {
            let all: Vec<usize> = (0..runs).collect();
            let table = filled(&all, 3, |run, row| row.fill(*run));
            assert!(table.iter().enumerate().all(|(at, run)| at / 3 == *run), "{table:?}");
            assert_eq!(table.len(), 3 * runs);
        }
        let none: Vec<u8> = filled(&[1, 2], 0, |_, _| unreachable!("nothing is to be filled"));
        assert!(none.is_empty());
    }
}
