//! What the child writes: the state of a thread after its n-th commit is a function of n, over several partitions.

use kalamdb_core::store::conformance::Prng;
use kalamdb_core::store::{Direction, KeyRange, Partition, Snapshot, WriteBatch};

/// Writers of the child.
pub const THREADS: usize = 3;

/// Rows that a thread keeps; each commit removes the oldest.
const KEPT: u64 = 40;
const INDEX_KEYS: u64 = 16;

fn key(thread: usize, number: u64) -> Vec<u8> {
    let mut key = vec![thread as u8];
    key.extend(number.to_be_bytes());
    key
}

/// Mostly small; every 60th commit is larger than a page, a block and a log buffer.
fn value(thread: usize, number: u64) -> Vec<u8> {
    let mut prng = Prng::new(number << 8 | thread as u64);
    let len = if number.is_multiple_of(60) { 150_000 } else { prng.below(900) };
    prng.bytes(len as usize)
}

/// The `number`-th commit of a thread, from 1.
pub fn commit(thread: usize, number: u64) -> WriteBatch {
    let mut batch = WriteBatch::new();
    batch.put(Partition::Rows, key(thread, number), value(thread, number));
    batch.put(Partition::Log, key(thread, number), number.to_be_bytes());
    batch.put(Partition::Index, key(thread, number % INDEX_KEYS), number.to_be_bytes());
    if let Some(oldest) = number.checked_sub(KEPT) {
        batch.delete(Partition::Rows, key(thread, oldest));
        batch.delete_range(Partition::Log, KeyRange::new(key(thread, 0), key(thread, oldest + 1)));
    }
    batch.put(Partition::Meta, [thread as u8], number.to_be_bytes());
    batch
}

fn pairs(snapshot: &dyn Snapshot, partition: Partition, thread: usize, at: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let range = KeyRange::prefix([thread as u8]);
    let mut cursor = snapshot.scan(partition, range, Direction::Forward).expect("scan");
    let mut pairs = Vec::new();
    while cursor.advance().unwrap_or_else(|error| panic!("{at}: {error}")) {
        pairs.push((cursor.key().to_vec(), cursor.value().to_vec()));
    }
    pairs
}

/// The number of the last commit of each thread; everything else must be as that commit left it.
pub fn surviving(snapshot: &dyn Snapshot, at: &str) -> [u64; THREADS] {
    std::array::from_fn(|thread| {
        let last = snapshot.get(Partition::Meta, &[thread as u8]).unwrap_or_else(|error| panic!("{at}: {error}"));
        let last = last.map_or(0, |bytes| u64::from_be_bytes(bytes.as_ref().try_into().expect("eight bytes")));
        let kept = (last + 1).saturating_sub(KEPT).max(1)..=last;

        let rows: Vec<_> = kept.clone().map(|number| (key(thread, number), value(thread, number))).collect();
        assert!(pairs(snapshot, Partition::Rows, thread, at) == rows, "{at}: rows of thread {thread} at {last}");

        let log: Vec<_> = kept.map(|number| (key(thread, number), number.to_be_bytes().to_vec())).collect();
        assert_eq!(pairs(snapshot, Partition::Log, thread, at), log, "{at}: log of thread {thread} at {last}");

        let mut index: Vec<_> = (last.saturating_sub(INDEX_KEYS - 1).max(1)..=last)
            .map(|number| (key(thread, number % INDEX_KEYS), number.to_be_bytes().to_vec()))
            .collect();
        index.sort();
        assert_eq!(pairs(snapshot, Partition::Index, thread, at), index, "{at}: index of thread {thread} at {last}");
        last
    })
}
