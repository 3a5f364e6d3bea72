use std::collections::BTreeMap;

use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::store::conformance::Prng;
use kalamdb_core::store::{Cursor, Direction, Image, KeyRange, Partition, WriteBatch};

use super::PageTable;
use crate::page;
use crate::record::Parts;

/// A store of pages in memory, and what should be in it.
#[derive(Default)]
struct Paged {
    image: Image,
    table: PageTable,
    parts: BTreeMap<u64, Vec<u8>>,
}

impl Paged {
    fn apply(&mut self, batch: WriteBatch) {
        batch.ops().iter().for_each(|op| self.table.mark(op));
        self.image.apply(batch);
    }

    /// Rewrites the changed pages; how many parts were written.
    fn compact(&mut self) -> usize {
        let (table, rewrite) = self.table.rewritten(&self.image);
        let written = rewrite.puts.len();
        for (id, part) in rewrite.puts {
            assert!(self.parts.insert(id, part).is_none(), "a key is used once");
        }
        for id in rewrite.deletes {
            assert!(self.parts.remove(&id).is_some(), "what is removed was there");
        }
        let mut out = Writer::new();
        table.write(&mut out);
        let bytes = out.into_vec();
        let mut input = Reader::new(&bytes);
        assert_eq!(PageTable::read(&mut input).expect("a table"), table);
        self.table = table;
        assert_eq!(self.table.keys().count(), self.parts.len(), "nothing is left behind");
        written
    }

    /// The pairs that the pages hold.
    fn load(&self) -> Image {
        let (mut image, mut parts) = (Image::default(), Parts::default());
        for id in self.table.keys() {
            let Some(whole) = parts.push(&self.parts[&id]).expect("a part") else { continue };
            let mut pairs = Vec::new();
            let partition = page::read(&whole, |key, value| pairs.push((key, value))).expect("a page");
            pairs.into_iter().for_each(|(key, value)| image.partition_mut(partition).insert(key, value));
        }
        parts.finish().expect("whole pages");
        image
    }
}

fn pairs(image: &Image) -> Vec<(Partition, Vec<u8>, Vec<u8>)> {
    let mut pairs = Vec::new();
    for partition in Partition::ALL {
        let mut cursor = image.partition(partition).cursor(KeyRange::all(), Direction::Forward);
        while cursor.step() {
            pairs.push((partition, cursor.key().to_vec(), cursor.value().to_vec()));
        }
    }
    pairs
}

#[test]
fn pages_hold_what_the_image_holds_after_any_changes() {
    for seed in 1..=6 {
        let mut prng = Prng::new(seed);
        let mut paged = Paged::default();
        for round in 0..30 {
            let mut batch = WriteBatch::new();
            for _ in 0..prng.below(400) {
                let partition = [Partition::Rows, Partition::Index, Partition::Meta][prng.below(3) as usize];
                let key = prng.below(3_000).to_be_bytes();
                match prng.below(30) {
                    0 => {
                        let end = prng.below(3_000).to_be_bytes();
                        batch.delete_range(partition, KeyRange::new(key, end));
                    }
                    1..=8 => batch.delete(partition, key),
                    9 => {
                        let len = 5_000_000 * u64::from(prng.below(40) == 0) + 20_000;
                        batch.put(partition, key, prng.bytes(len as usize));
                    }
                    _ => {
                        let len = prng.below(6_000) as usize;
                        batch.put(partition, key, prng.bytes(len));
                    }
                }
            }
            if prng.below(12) == 0 {
                batch.delete_range(Partition::Rows, KeyRange::all());
            }
            paged.apply(batch);
            if prng.below(3) > 0 {
                paged.compact();
                assert!(pairs(&paged.load()) == pairs(&paged.image), "seed {seed}, round {round}");
                assert_eq!(paged.compact(), 0, "nothing changed, nothing is written");
            }
        }
    }
}

#[test]
fn a_small_change_rewrites_a_small_part() {
    let mut paged = Paged::default();
    let mut prng = Prng::new(3);
    let mut batch = WriteBatch::new();
    for number in 0..20_000_u32 {
        batch.put(Partition::Rows, number.to_be_bytes(), prng.bytes(200));
    }
    paged.apply(batch);
    assert!(paged.compact() > 10);
    let mut batch = WriteBatch::new();
    batch.put(Partition::Rows, 10_000_u32.to_be_bytes(), *b"changed");
    paged.apply(batch);
    assert!(paged.compact() <= 2);
    let mut batch = WriteBatch::new();
    batch.delete_range(Partition::Rows, KeyRange::new(1_u32.to_be_bytes(), 19_999_u32.to_be_bytes()));
    paged.apply(batch);
    assert_eq!(paged.compact(), 1, "two rows are one page");
    assert_eq!(pairs(&paged.load()).len(), 2);
}

#[test]
fn damaged_tables_are_refused() {
    let mut paged = Paged::default();
    let mut batch = WriteBatch::new();
    let mut prng = Prng::new(3);
    for number in 0..4_000_u32 {
        batch.put(Partition::Rows, number.to_be_bytes(), prng.bytes(200));
    }
    paged.apply(batch);
    paged.compact();
    let mut out = Writer::new();
    paged.table.write(&mut out);
    let bytes = out.into_vec();
    assert_eq!(PageTable::read(&mut Reader::new(&[2])).expect_err("a newer format").code(), "newer_version");
    for at in 0..bytes.len() {
        assert!(PageTable::read(&mut Reader::new(&bytes[..at])).is_err(), "cut off at {at}");
    }
}
