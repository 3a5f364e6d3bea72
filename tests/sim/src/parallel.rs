//! Seeds on all processors, their results in order.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

/// Runs `work` for each seed and gives the results to `take` in the order of the seeds, until that says stop.
pub fn each<T: Send, R>(
    seeds: Range<u64>,
    work: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(u64, T) -> ControlFlow<R>,
) -> Option<R> {
    let next = AtomicU64::new(seeds.start);
    let is_over = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            let (next, is_over, work, sender, end) = (&next, &is_over, &work, sender.clone(), seeds.end);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // The receiver is gone once it has said stop.
                    if seed >= end || sender.send((seed, work(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut waiting, mut due) = (BTreeMap::new(), seeds.start);
        for (seed, result) in results {
            waiting.insert(seed, result);
            while let Some(result) = waiting.remove(&due) {
                if let ControlFlow::Break(reason) = take(due, result) {
                    is_over.store(true, Ordering::Relaxed);
                    return Some(reason);
                }
                due += 1;
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::each;

    #[test]
    fn results_come_in_order_and_stop_when_told() {
        let mut seen = Vec::new();
        let nothing: Option<()> = each(
            3..40,
            |seed| seed * 2,
            |seed, double| {
                seen.push((seed, double));
                ControlFlow::Continue(())
            },
        );
        assert!(nothing.is_none());
        assert_eq!(seen, (3..40).map(|seed| (seed, seed * 2)).collect::<Vec<_>>());
        let found = each(
            0..1_000_000,
            |seed| seed,
            |seed, _| if seed == 9 { ControlFlow::Break(seed) } else { ControlFlow::Continue(()) },
        );
        assert_eq!(found, Some(9));
    }
}
