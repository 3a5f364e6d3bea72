//! Checks of what a batch does.

use super::{Bed, keys, open, scan};
use crate::ErrorKind;
use crate::store::{BATCH_BYTES_MAX, Direction, KEY_BYTES_MAX, KeyRange, Partition, WriteBatch};

const ROWS: Partition = Partition::Rows;

/// A value that takes many pages, blocks or segments in every engine.
pub(super) const LARGE_VALUE_BYTES: usize = 16 * 1024 * 1024;

/// Later operations of a batch act on what earlier ones did.
pub async fn a_batch_applies_in_order(bed: &dyn Bed) {
    let store = open(bed).await;
    let mut batch = WriteBatch::new();
    batch.put(ROWS, *b"a", *b"old");
    batch.put(ROWS, *b"b", *b"old");
    batch.put(ROWS, *b"z", *b"old");
    store.commit(batch).expect("commit");

    let mut batch = WriteBatch::new();
    batch.put(ROWS, *b"c", *b"first");
    batch.delete_range(ROWS, KeyRange::new(*b"a", *b"d"));
    batch.put(ROWS, *b"b", *b"second");
    batch.put(ROWS, *b"e", *b"first");
    batch.delete(ROWS, *b"e");
    batch.delete(ROWS, *b"absent");
    batch.delete(ROWS, *b"f");
    batch.put(ROWS, *b"f", *b"1");
    batch.put(ROWS, *b"f", *b"2");
    store.commit(batch).expect("commit");

    let snapshot = store.snapshot().expect("snapshot");
    let found = scan(&*snapshot, ROWS, KeyRange::all(), Direction::Forward);
    let wanted = [("b", "second"), ("f", "2"), ("z", "old")];
    assert_eq!(found, wanted.map(|(key, value)| (key.into(), value.into())));
    assert_eq!(snapshot.get(ROWS, b"c").expect("get"), None);
    bed.close(&*store).await.expect("close");
}

/// A range delete removes its range, whatever its ends, and nothing else.
pub async fn a_range_delete_takes_its_range(bed: &dyn Bed) {
    let all: [&[u8]; 6] = [b"\x00", b"a", b"b", b"b\x00", b"\xff", b"\xff\xff\xff"];
    let end = |key: &[u8]| Some(key.to_vec());
    let cases: [(&[u8], Option<Vec<u8>>); 9] = [
        (b"", None),
        (b"b", None),
        (b"\xff\xff\xff\xff", None),
        (b"a", end(b"b")),
        (b"a", end(b"b\x00")),
        (b"b", end(b"b")),
        (b"b", end(b"a")),
        (b"", end(b"")),
        (b"0", end(b"9")),
    ];
    for (start, end) in cases {
        let store = open(bed).await;
        let range = KeyRange { start: start.to_vec(), end };
        let mut batch = WriteBatch::new();
        batch.delete_range(ROWS, KeyRange::all());
        for key in all {
            batch.put(ROWS, key, *b"v");
            batch.put(Partition::Index, key, *b"v");
        }
        store.commit(batch).expect("commit");
        let mut batch = WriteBatch::new();
        batch.delete_range(ROWS, range.clone());
        store.commit(batch).expect("commit");

        let snapshot = store.snapshot().expect("snapshot");
        let wanted: Vec<_> = all.into_iter().filter(|key| !range.contains(key)).map(<[u8]>::to_vec).collect();
        assert_eq!(keys(&*snapshot, KeyRange::all(), Direction::Forward), wanted, "after {range:?}");
        assert_eq!(scan(&*snapshot, Partition::Index, KeyRange::all(), Direction::Forward).len(), all.len());
        drop(snapshot);
        bed.close(&*store).await.expect("close");
    }
}

/// A batch with a bad key, or too much in it, is refused whole; the store goes on.
pub async fn bad_batches_change_nothing(bed: &dyn Bed) {
    let store = open(bed).await;
    for (key, code) in [(vec![], "empty_key"), (vec![7; KEY_BYTES_MAX + 1], "key_too_long")] {
        let mut batch = WriteBatch::new();
        batch.put(ROWS, *b"good", *b"v");
        batch.put(ROWS, key, *b"v");
        let error = store.commit(batch).expect_err("a bad key");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code));
    }
    let mut batch = WriteBatch::new();
    batch.put(ROWS, *b"good", vec![0; BATCH_BYTES_MAX]);
    let error = store.commit(batch).expect_err("too much");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Quota, "batch_too_large"));

    let longest = vec![0xff; KEY_BYTES_MAX];
    let mut batch = WriteBatch::new();
    batch.put(ROWS, longest.clone(), *b"v");
    store.commit(batch).expect("the longest key");
    let snapshot = store.snapshot().expect("snapshot");
    assert_eq!(keys(&*snapshot, KeyRange::all(), Direction::Reverse), std::slice::from_ref(&longest));
    let mut batch = WriteBatch::new();
    batch.delete_range(ROWS, KeyRange { start: vec![0xff], end: None });
    store.commit(batch).expect("remove it");
    assert_eq!(store.snapshot().expect("snapshot").get(ROWS, &longest).expect("get"), None);
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}

/// An empty batch gets a number and can be waited for.
pub async fn an_empty_batch_is_a_commit(bed: &dyn Bed) {
    let store = open(bed).await;
    let id = store.commit(WriteBatch::new()).expect("commit");
    assert_eq!(bed.flush(&*store).await.expect("flush"), id);
    assert_eq!(store.persisted(), id);
    bed.close(&*store).await.expect("close");
}

/// Values from nothing to 16 MiB come back as they were.
pub async fn large_values(bed: &dyn Bed) {
    let store = open(bed).await;
    put_large_values(&*store);
    assert_large_values(&*store);
    bed.close(&*store).await.expect("close");
}

const LENGTHS: [usize; 7] = [0, 1, 4095, 4096, 65_537, 1 << 20, LARGE_VALUE_BYTES];

fn large_value(len: usize) -> Vec<u8> {
    super::Prng::new(len as u64).bytes(len)
}

pub(super) fn put_large_values(store: &dyn crate::store::Store) {
    let mut batch = WriteBatch::new();
    for len in LENGTHS {
        batch.put(ROWS, len.to_be_bytes(), large_value(len));
    }
    store.commit(batch).expect("commit");
}

pub(super) fn assert_large_values(store: &dyn crate::store::Store) {
    let snapshot = store.snapshot().expect("snapshot");
    let mut cursor = snapshot.scan(ROWS, KeyRange::all(), Direction::Forward).expect("scan");
    for len in LENGTHS {
        let wanted = large_value(len);
        let found = snapshot.get(ROWS, &len.to_be_bytes()).expect("get");
        assert!(found.as_deref() == Some(wanted.as_slice()), "get of {len} bytes");
        assert!(cursor.advance().expect("advance"));
        assert!(cursor.value() == wanted, "scan of {len} bytes");
    }
    assert!(!cursor.advance().expect("advance"));
}

/// One key in every partition is eight values.
pub async fn partitions_are_separate(bed: &dyn Bed) {
    let store = open(bed).await;
    let mut batch = WriteBatch::new();
    for partition in Partition::ALL {
        batch.put(partition, *b"key", partition.name().as_bytes());
    }
    store.commit(batch).expect("commit");
    let mut batch = WriteBatch::new();
    batch.delete(Partition::Log, *b"key");
    batch.delete_range(Partition::Outbox, KeyRange::all());
    store.commit(batch).expect("commit");
    let snapshot = store.snapshot().expect("snapshot");
    for partition in Partition::ALL {
        let gone = matches!(partition, Partition::Log | Partition::Outbox);
        let wanted = (!gone).then_some(partition.name().as_bytes());
        assert_eq!(snapshot.get(partition, b"key").expect("get").as_deref(), wanted, "{partition}");
        assert_eq!(scan(&*snapshot, partition, KeyRange::all(), Direction::Reverse).len(), usize::from(!gone));
    }
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}

/// After `close` every call says `closed`, except another `close`.
pub async fn a_closed_store_refuses(bed: &dyn Bed) {
    let store = open(bed).await;
    let mut batch = WriteBatch::new();
    batch.put(ROWS, *b"k", *b"v");
    let id = store.commit(batch.clone()).expect("commit");
    bed.close(&*store).await.expect("close");
    assert_eq!(store.commit(batch).expect_err("closed").kind(), ErrorKind::Closed);
    assert_eq!(store.snapshot().err().map(|error| error.kind()), Some(ErrorKind::Closed));
    assert_eq!(bed.flush(&*store).await.expect_err("closed").kind(), ErrorKind::Closed);
    assert_eq!(store.persisted(), id, "what was durable stays known");
    bed.close(&*store).await.expect("close twice");
}
