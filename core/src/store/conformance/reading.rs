//! Checks of gets and scans.

use super::{Bed, keys, open, scan};
use crate::store::{Direction, KeyRange, Partition, Store, WriteBatch, successor};

const ROWS: Partition = Partition::Rows;

fn fill(store: &dyn Store, keys: &[&[u8]]) {
    let mut batch = WriteBatch::new();
    for key in keys {
        batch.put(ROWS, *key, *key);
    }
    store.commit(batch).expect("commit");
}

/// Scans order keys as unsigned bytes, a prefix before what it begins.
pub async fn keys_are_in_byte_order(bed: &dyn Bed) {
    let store = open(bed).await;
    let shuffled: [&[u8]; 9] = [b"b", b"\xff", b"a\x00", b"\x00", b"ab", b"\x80", b"a", b"\x7f", b"a\xff"];
    fill(&*store, &shuffled);
    let snapshot = store.snapshot().expect("snapshot");
    let mut wanted: Vec<Vec<u8>> = shuffled.iter().map(|key| key.to_vec()).collect();
    wanted.sort();
    assert_eq!(keys(&*snapshot, KeyRange::all(), Direction::Forward), wanted);
    wanted.reverse();
    assert_eq!(keys(&*snapshot, KeyRange::all(), Direction::Reverse), wanted);
    assert_eq!(snapshot.get(ROWS, b"").expect("get"), None, "the empty key is never there");
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}

/// Every pair of bounds, on keys, between keys and outside, in both directions, on an empty store too.
pub async fn scans_stop_at_their_bounds(bed: &dyn Bed) {
    let store = open(bed).await;
    let empty = store.snapshot().expect("snapshot");
    assert!(keys(&*empty, KeyRange::all(), Direction::Forward).is_empty());
    assert!(keys(&*empty, KeyRange::all(), Direction::Reverse).is_empty());

    let present: [&[u8]; 5] = [b"\x00", b"b", b"d", b"d\x00", b"\xff"];
    fill(&*store, &present);
    let snapshot = store.snapshot().expect("snapshot");
    let bounds: [&[u8]; 10] = [b"", b"\x00", b"\x00\x00", b"a", b"b", b"c", b"d", b"d\x00", b"\xff", b"\xff\xff"];
    for start in bounds {
        for end in bounds.into_iter().map(Some).chain([None]) {
            let range = KeyRange { start: start.to_vec(), end: end.map(<[u8]>::to_vec) };
            let mut wanted: Vec<_> =
                present.into_iter().filter(|key| range.contains(key)).map(<[u8]>::to_vec).collect();
            assert_eq!(keys(&*snapshot, range.clone(), Direction::Forward), wanted, "{range:?}");
            wanted.reverse();
            assert_eq!(keys(&*snapshot, range.clone(), Direction::Reverse), wanted, "{range:?} in reverse");
        }
    }
    assert!(keys(&*empty, KeyRange::all(), Direction::Forward).is_empty(), "the old snapshot is as it was");
    drop((snapshot, empty));
    bed.close(&*store).await.expect("close");
}

/// A prefix finds what begins with it, also where its last bytes are the greatest.
pub async fn prefixes(bed: &dyn Bed) {
    let store = open(bed).await;
    let present: [&[u8]; 8] = [b"a", b"a\xff", b"a\xff\xff", b"a\xff\xff\x01", b"b", b"\xff", b"\xff\x00", b"\xff\xff"];
    fill(&*store, &present);
    let snapshot = store.snapshot().expect("snapshot");
    let prefixes: [&[u8]; 8] = [b"", b"a", b"a\xff", b"a\xff\xff", b"b", b"c", b"\xff", b"\xff\xff\xff"];
    for prefix in prefixes {
        let range = KeyRange::prefix(prefix);
        let mut wanted: Vec<_> =
            present.into_iter().filter(|key| key.starts_with(prefix)).map(<[u8]>::to_vec).collect();
        assert_eq!(keys(&*snapshot, range.clone(), Direction::Forward), wanted, "prefix {prefix:?}");
        wanted.reverse();
        assert_eq!(keys(&*snapshot, range, Direction::Reverse), wanted, "prefix {prefix:?} in reverse");
    }
    assert_eq!(successor(b"\xff\xff"), None);
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}

/// A cursor lends nothing before its first and after its last pair, and does not start again.
pub async fn a_cursor_stays_at_its_end(bed: &dyn Bed) {
    let store = open(bed).await;
    fill(&*store, &[b"a", b"b", b"c"]);
    let snapshot = store.snapshot().expect("snapshot");
    let ranges = [(KeyRange::all(), 3), (KeyRange::new(*b"b", *b"c"), 1), (KeyRange::new(*b"c", *b"a"), 0)];
    for direction in [Direction::Forward, Direction::Reverse] {
        for (range, count) in &ranges {
            let mut cursor = snapshot.scan(ROWS, range.clone(), direction).expect("scan");
            assert_eq!((cursor.key(), cursor.value()), (&[][..], &[][..]), "before the first");
            for _ in 0..*count {
                assert!(cursor.advance().expect("advance"));
                assert_eq!(cursor.key(), cursor.value());
            }
            for _ in 0..3 {
                assert!(!cursor.advance().expect("advance"), "{range:?} {direction:?}");
                assert_eq!((cursor.key(), cursor.value()), (&[][..], &[][..]), "after the last");
            }
        }
    }
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}

const MANY: u32 = 20_000;

/// Twenty thousand keys, every third one removed, by key and in both orders.
pub async fn many_keys(bed: &dyn Bed) {
    let store = open(bed).await;
    for first in (0..MANY).step_by(1000) {
        let mut batch = WriteBatch::new();
        for number in first..first + 1000 {
            batch.put(ROWS, number.to_be_bytes(), number.to_le_bytes());
        }
        store.commit(batch).expect("commit");
    }
    let mut batch = WriteBatch::new();
    for number in (0..MANY).step_by(3) {
        batch.delete(ROWS, number.to_be_bytes());
    }
    store.commit(batch).expect("commit");

    let snapshot = store.snapshot().expect("snapshot");
    let mut wanted: Vec<(Vec<u8>, Vec<u8>)> = (0..MANY)
        .filter(|number| number % 3 != 0)
        .map(|number| (number.to_be_bytes().to_vec(), number.to_le_bytes().to_vec()))
        .collect();
    assert!(scan(&*snapshot, ROWS, KeyRange::all(), Direction::Forward) == wanted, "all keys in order");
    wanted.reverse();
    assert!(scan(&*snapshot, ROWS, KeyRange::all(), Direction::Reverse) == wanted, "all keys in reverse");
    for number in (0..MANY).step_by(7) {
        let found = snapshot.get(ROWS, &number.to_be_bytes()).expect("get");
        assert_eq!(found.is_some(), number % 3 != 0, "key {number}");
    }
    drop(snapshot);
    bed.close(&*store).await.expect("close");
}
