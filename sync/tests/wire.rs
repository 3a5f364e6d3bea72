//! Properties of messages: they come back, keep to their limits, and no bytes make a decoder panic.

use kalamdb_core::{ContentHash, ErrorKind, MutationId};
use kalamdb_sync::wire::{
    ClientRecord, FEATURE_LZ4, FIRST_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX, Packer, ServerRecord, pack, read_message,
};
use proptest::prelude::*;

fn mutation(bytes: Vec<u8>) -> ClientRecord {
    let total = bytes.len() as u64;
    ClientRecord::Mutation { id: MutationId(9), hash: ContentHash::of(&bytes), total, chunk: bytes }
}

proptest! {
    #[test]
    fn messages_come_back(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60_000), 0..12), lz4 in any::<bool>()) {
        let records: Vec<_> = chunks.into_iter().map(mutation).collect();
        let mut packer = Packer::default();
        packer.set_features(if lz4 { FEATURE_LZ4 } else { 0 });
        for record in &records {
            packer.push(record);
        }
        let mut again = Vec::new();
        for message in packer.take() {
            prop_assert!(message.len() <= MESSAGE_BYTES_MAX);
            again.extend(read_message::<ClientRecord>(&message, MESSAGE_BYTES_MAX).unwrap().0);
        }
        prop_assert_eq!(again, records);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_message::<ClientRecord>(&bytes, MESSAGE_BYTES_MAX);
        let _ = read_message::<ServerRecord>(&bytes, MESSAGE_BYTES_MAX);
        for kind in (1..=10).chain(65..=78) {
            let mut framed = vec![kind, bytes.len().min(100) as u8];
            framed.extend(bytes.iter().take(100));
            let _ = read_message::<ClientRecord>(&framed, MESSAGE_BYTES_MAX);
            let _ = read_message::<ServerRecord>(&framed, MESSAGE_BYTES_MAX);
        }
    }
}

#[test]
fn a_message_over_the_limit_is_refused_before_it_is_read() {
    let error =
        read_message::<ClientRecord>(&vec![0; FIRST_MESSAGE_BYTES_MAX + 1], FIRST_MESSAGE_BYTES_MAX).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Quota, "message_too_large"));
}

#[test]
fn a_message_that_would_inflate_over_the_limit_is_refused_before_it_inflates() {
    let bomb = pack(vec![7; 64 << 20], FEATURE_LZ4);
    assert!(bomb.len() > MESSAGE_BYTES_MAX || bomb.first() == Some(&0));
    let small = pack(vec![7; 4 << 20], FEATURE_LZ4);
    assert!(small.len() < MESSAGE_BYTES_MAX, "the bomb itself fits");
    let error = read_message::<ClientRecord>(&small, MESSAGE_BYTES_MAX).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Quota, "message_too_large"));
}
