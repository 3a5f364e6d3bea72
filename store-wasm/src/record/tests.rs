use kalamdb_core::store::conformance::Prng;
use kalamdb_core::store::{KeyRange, Partition, WriteBatch};

use super::{PART_BYTES_MAX, Parts, decode, encode, split};

fn batches() -> Vec<WriteBatch> {
    let mut first = WriteBatch::new();
    first.put(Partition::Rows, *b"key", *b"value");
    first.put(Partition::Staging, vec![0xff; 300], Vec::new());
    first.delete(Partition::Meta, *b"\0");
    first.delete_range(Partition::Overlay, KeyRange::all());
    first.delete_range(Partition::Outbox, KeyRange::new(*b"a", *b"b"));
    let mut large = WriteBatch::new();
    large.put(Partition::Log, *b"large", Prng::new(7).bytes(PART_BYTES_MAX + 100));
    vec![first, WriteBatch::new(), large]
}

#[test]
fn batches_come_back_from_their_parts() {
    for batches in [batches(), Vec::new(), vec![WriteBatch::new()]] {
        let encoded = encode(&batches);
        assert!(encoded.iter().all(|part| part.len() <= PART_BYTES_MAX));
        let mut parts = Parts::default();
        let (last, rest) = encoded.split_last().expect("at least one part");
        for part in rest {
            assert_eq!(parts.push(part).expect("a part"), None);
            assert!(parts.finish().is_err(), "a part is missing");
        }
        let whole = parts.push(last).expect("a part").expect("the last part");
        parts.finish().expect("nothing is missing");
        assert_eq!(decode(&whole).expect("batches"), batches);
    }
}

#[test]
fn damaged_records_are_refused() {
    let encoded = encode(&batches());
    let first = &encoded[0];
    for (damage, code) in [(vec![], "damaged_store"), (vec![2, 0], "newer_version"), (vec![1, 9], "damaged_store")] {
        assert_eq!(Parts::default().push(&damage).expect_err("damaged").code(), code);
    }
    let whole: bytes::Bytes = first[2..].to_vec().into();
    assert!(decode(&whole).is_err(), "the first part alone is no record");
    let mut prng = Prng::new(1);
    let small = encode(&batches()[..1]).remove(0)[2..].to_vec();
    for _ in 0..2_000 {
        let mut bytes = small.clone();
        let at = prng.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << prng.below(8);
        bytes.truncate(bytes.len() - prng.below(3) as usize);
        // Either it is refused, or what it says is another batch of sound operations.
        if let Ok(batches) = decode(&bytes.into()) {
            assert!(batches.iter().all(|batch| batch.check().is_ok()));
        }
    }
}

#[test]
fn nothing_is_one_part() {
    assert_eq!(split(&[]).len(), 1);
    assert_eq!(split(&vec![0; PART_BYTES_MAX - 2]).len(), 1);
    assert_eq!(split(&vec![0; PART_BYTES_MAX - 1]).len(), 2);
}
