//! Checks with several threads.

// The suite plays the callers of a store, who have threads.
#![allow(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Bed, open, scan};
use crate::store::{CommitId, Direction, KeyRange, Partition, Snapshot, Store, WriteBatch};

const WRITERS: u8 = 3;
const COMMITS: u32 = 150;

/// One batch over all partitions: the same number under four keys of each, the former ones removed.
fn numbered(writer: u8, number: u32) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for partition in Partition::ALL {
        batch.delete_range(partition, KeyRange::prefix([writer]));
        for place in 0..4u32 {
            let mut key = vec![writer];
            key.extend((number.wrapping_mul(7) + place).to_be_bytes());
            batch.put(partition, key, number.to_be_bytes());
        }
    }
    batch
}

/// The number that a writer last committed, which must be the same wherever it is looked for.
fn number_of(snapshot: &dyn Snapshot, writer: u8) -> Option<u32> {
    let mut numbers = Vec::new();
    let mut count = 0;
    for (at, partition) in Partition::ALL.into_iter().enumerate() {
        let direction = if at % 2 == 0 { Direction::Forward } else { Direction::Reverse };
        for (_, value) in scan(snapshot, partition, KeyRange::prefix([writer]), direction) {
            numbers.push(value);
            count += 1;
        }
    }
    numbers.dedup();
    let number = numbers.first()?;
    assert_eq!((numbers.len(), count), (1, 4 * Partition::ALL.len()), "writer {writer}: a torn batch is visible");
    Some(u32::from_be_bytes(number.as_slice().try_into().expect("four bytes")))
}

/// Readers beside writers see whole batches, never go back, and find what was committed before they looked.
pub async fn batches_are_seen_whole(bed: &dyn Bed) {
    let store = open(bed).await;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| read_until(&*store, &done))).collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn({
                    let store = &*store;
                    move || write(store, writer)
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("the writer ends");
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            reader.join().expect("the reader ends");
        }
    });
    let snapshot = store.snapshot().expect("snapshot");
    for writer in 0..WRITERS {
        assert_eq!(number_of(&*snapshot, writer), Some(COMMITS));
    }
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}

fn write(store: &dyn Store, writer: u8) {
    for number in 1..=COMMITS {
        store.commit(numbered(writer, number)).expect("commit");
        let snapshot = store.snapshot().expect("snapshot");
        assert_eq!(number_of(&*snapshot, writer), Some(number), "a writer sees what it committed");
    }
}

fn read_until(store: &dyn Store, done: &AtomicBool) {
    let mut last = [0; WRITERS as usize];
    while !done.load(Ordering::Acquire) {
        let snapshot = store.snapshot().expect("snapshot");
        for (writer, last) in (0..WRITERS).zip(&mut last) {
            let number = number_of(&*snapshot, writer).unwrap_or(0);
            assert!(number >= *last, "writer {writer} went back from {last} to {number}");
            assert_eq!(number_of(&*snapshot, writer).unwrap_or(0), number, "a snapshot stays as it is");
            *last = number;
        }
    }
}

/// Each commit of any thread has its own number, without gaps, rising within a thread.
pub async fn commit_ids_rise_one_by_one(bed: &dyn Bed) {
    let store = open(bed).await;
    let mut ids: Vec<CommitId> = thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = &*store;
                scope.spawn(move || {
                    let ids: Vec<_> = (0..100u32)
                        .map(|number| {
                            let mut batch = WriteBatch::new();
                            batch.put(Partition::Log, [writer], number.to_be_bytes());
                            store.commit(batch).expect("commit")
                        })
                        .collect();
                    assert!(ids.is_sorted_by(|a, b| a < b), "ids of one thread rise");
                    ids
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the writer ends")).collect()
    });
    ids.sort();
    let wanted: Vec<_> = (1..=u64::from(WRITERS) * 100).map(CommitId).collect();
    assert_eq!(ids, wanted);
    assert_eq!(bed.flush(&*store).await.expect("flush"), CommitId(u64::from(WRITERS) * 100));
    bed.close(&*store).await.expect("close");
}

/// A snapshot, and a scan that began on it, stay as they were while everything is overwritten and removed.
pub async fn a_snapshot_stays_as_it_is(bed: &dyn Bed) {
    let store = open(bed).await;
    let mut batch = WriteBatch::new();
    for number in 0..2000u32 {
        batch.put(Partition::Rows, number.to_be_bytes(), *b"before");
    }
    store.commit(batch).expect("commit");
    let before = store.snapshot().expect("snapshot");
    let mut cursor = before.scan(Partition::Rows, KeyRange::all(), Direction::Forward).expect("scan");
    assert!(cursor.advance().expect("advance"));

    for number in 0..2000u32 {
        let mut batch = WriteBatch::new();
        batch.put(Partition::Rows, number.to_be_bytes(), *b"after");
        store.commit(batch).expect("commit");
    }
    let between = store.snapshot().expect("snapshot");
    let mut batch = WriteBatch::new();
    batch.delete_range(Partition::Rows, KeyRange::all());
    store.commit(batch).expect("commit");
    bed.flush(&*store).await.expect("flush");

    let mut count = 1;
    while cursor.advance().expect("advance") {
        assert_eq!(cursor.value(), b"before");
        count += 1;
    }
    assert_eq!(count, 2000);
    drop(cursor);
    for (snapshot, value) in [(&before, &b"before"[..]), (&between, b"after")] {
        let pairs = scan(&**snapshot, Partition::Rows, KeyRange::all(), Direction::Reverse);
        assert_eq!(pairs.len(), 2000);
        assert!(pairs.iter().all(|(_, found)| found == value));
        assert_eq!(snapshot.get(Partition::Rows, &7u32.to_be_bytes()).expect("get").as_deref(), Some(value));
    }
    let after = store.snapshot().expect("snapshot");
    assert!(scan(&*after, Partition::Rows, KeyRange::all(), Direction::Forward).is_empty());
    drop((before, between, after));
    bed.close(&*store).await.expect("close");
}
