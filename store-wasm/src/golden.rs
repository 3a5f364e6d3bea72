//! Everything that a browser keeps, byte by byte: it stays as it is, and what an earlier build wrote opens.

#[path = "../../core/tests/support/golden.rs"]
mod file;

use std::path::PathBuf;

use bytes::Bytes;
use kalamdb_core::codec::Reader;
use kalamdb_core::store::{Image, KeyRange, Partition, WriteBatch, WriteOp};

use crate::load::Layout;
use crate::record::{self, Parts};
use crate::table::PageTable;
use crate::{idb, page};

/// One operation of each kind.
fn batches() -> Vec<WriteBatch> {
    let (start, end) = (b"from".to_vec(), b"to".to_vec());
    let mut one = WriteBatch::new();
    one.push(WriteOp::Put { partition: Partition::Meta, key: Bytes::from("key"), value: Bytes::from("value") });
    one.push(WriteOp::Put { partition: Partition::Rows, key: Bytes::from("row"), value: Bytes::new() });
    let mut two = WriteBatch::new();
    two.push(WriteOp::Delete { partition: Partition::Rows, key: Bytes::from("row") });
    two.push(WriteOp::DeleteRange {
        partition: Partition::Log,
        range: KeyRange { start: start.clone(), end: Some(end) },
    });
    two.push(WriteOp::DeleteRange { partition: Partition::Log, range: KeyRange { start, end: None } });
    vec![one, two]
}

/// What is stored after the first batch is in a page.
fn lines() -> Vec<file::Line> {
    let (mut image, mut table) = (Image::default(), PageTable::default());
    let first = batches().remove(0);
    first.ops().iter().for_each(|op| table.mark(op));
    image.apply(first);
    let (table, rewrite) = table.rewritten(&image);
    let mut lines = vec![(format!("layout {}", idb::VERSION), Vec::new())];
    lines.push(("log empty".to_owned(), record::encode(&[]).remove(0)));
    lines.push(("log batches".to_owned(), record::encode(&batches()).remove(0)));
    lines.extend(rewrite.puts.into_iter().map(|(id, bytes)| (format!("page {id}"), bytes)));
    lines.push(("head".to_owned(), Layout::head(&table, 7)));
    lines
}

fn golden() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden/indexeddb.txt"].iter().collect()
}

#[test]
fn stored_forms_stay_as_they_are() {
    file::check(&golden(), &lines());
}

#[test]
fn what_an_earlier_build_wrote_opens() {
    let stored = file::read(&golden());
    let line = |name: &str| &stored.iter().find(|(of, _)| of == name).expect("a line").1;
    let whole = |name: &str| Parts::default().push(line(name)).expect("a part").expect("the last one");
    assert_eq!(record::decode(&whole("log empty")).expect("a record"), []);
    assert_eq!(record::decode(&whole("log batches")).expect("a record"), batches());
    let mut input = Reader::new(line("head"));
    let table = PageTable::read(&mut input).expect("a table");
    assert_eq!(input.varint().expect("where the log goes on"), 7);
    let mut image = Image::default();
    for id in table.keys() {
        let mut pairs = Vec::new();
        let partition = page::read(&whole(&format!("page {id}")), |key, value| pairs.push((key, value)));
        let partition = partition.expect("a page");
        pairs.into_iter().for_each(|(key, value)| image.partition_mut(partition).insert(key, value));
    }
    let mut expected = Image::default();
    expected.apply(batches().remove(0));
    let all = |image: &Image| Partition::ALL.map(|of| page::build(of, image.partition(of), KeyRange::all()));
    assert_eq!(all(&image), all(&expected));
}
