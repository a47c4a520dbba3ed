//! Which GPUs the workers of a task, or of this machine, see.
use super::usage::gpu_ids;

/// The GPUs that there are, by their names in `CUDA_VISIBLE_DEVICES`: those that it lists, where it is
/// set; else `count`, by their numbers.
#[must_use]
pub fn ids(list: Option<&str>, count: usize) -> Vec<String> {
    let number = |n: usize| n.to_string();
    let Some(list) = list else { return (0..count).map(number).collect() };
    let names = gpu_ids(list).into_iter().map(str::trim);
    names.filter(|name| !name.is_empty() && !name.starts_with('-')).map(str::to_owned).collect()
}

/// What the `n`th of so many workers sees of these GPUs, as `CUDA_VISIBLE_DEVICES`: an even part of
/// them where no more workers are asked for than there are GPUs, else one, which several share.
/// Nothing for a worker alone, which sees all that its parent does, nor where there is no GPU.
#[must_use]
pub fn visible(ids: &[String], n: usize, workers: usize) -> Option<String> {
    if workers < 2 || ids.is_empty() {
        return None;
    }
    if workers > ids.len() {
        return Some(ids[n % ids.len()].clone());
    }
    let n = n % workers;
    Some(ids[n * ids.len() / workers..(n + 1) * ids.len() / workers].join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_gpus_evenly() {
        for (workers, gpus, seen) in [
            (1, 4, vec![None]),
            (2, 4, vec![Some("0,1"), Some("2,3")]),
            (4, 4, vec![Some("0"), Some("1"), Some("2"), Some("3")]),
            (3, 4, vec![Some("0"), Some("1"), Some("2,3")]),
            (3, 2, vec![Some("0"), Some("1"), Some("0")]),
            (2, 1, vec![Some("0"), Some("0")]),
            (2, 0, vec![None, None]),
        ] {
            let ids = ids(None, gpus);
            let found: Vec<_> = (0..workers).map(|n| visible(&ids, n, workers)).collect();
            let found: Vec<_> = found.iter().map(Option::as_deref).collect();
            assert_eq!(found, seen, "{workers} on {gpus}");
        }
        let eight: Vec<_> = (0..8).filter_map(|n| visible(&ids(None, 4), n, 8)).collect();
        assert_eq!(eight, ["0", "1", "2", "3", "0", "1", "2", "3"]);
    }

    #[test]
    fn gpus_that_are_listed_count_also_where_no_driver_lists_them() {
        for (list, count, names) in [
            (Some("5, GPU-7"), 0, vec!["5", "GPU-7"]),
            (Some("3"), 4, vec!["3"]),
            (Some("NoDevFiles"), 2, vec![]),
            (Some("-1"), 2, vec![]),
            (None, 2, vec!["0", "1"]),
            (None, 0, vec![]),
        ] {
            assert_eq!(ids(list, count), names, "{list:?}");
        }
    }
}
