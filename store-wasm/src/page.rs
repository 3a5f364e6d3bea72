//! Pages: sorted pairs of one partition, the compacted part of a store.

use bytes::Bytes;
use kalamdb_core::Result;
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::store::{CowMap, Cursor, Direction, KeyRange, Partition};

use crate::record::{damaged, partition};

/// A page is closed once it has this many bytes.
pub const PAGE_BYTES: usize = 256 * 1024;

/// A page that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPage {
    /// Its first key.
    pub first: Bytes,
    /// Its encoding.
    pub bytes: Vec<u8>,
}

/// The pairs of `range` in `map` as pages.
pub fn build(partition: Partition, map: &CowMap, range: KeyRange) -> Vec<NewPage> {
    let mut pages = Vec::new();
    let mut cursor = map.cursor(range, Direction::Forward);
    let mut open: Option<(Bytes, Writer)> = None;
    while cursor.step() {
        let (_, out) = open.get_or_insert_with(|| {
            let mut out = Writer::on(Vec::with_capacity(PAGE_BYTES + PAGE_BYTES / 8));
            out.u8(partition as u8);
            (cursor.key_bytes(), out)
        });
        out.bytes(cursor.key());
        out.bytes(cursor.value());
        if out.len() >= PAGE_BYTES {
            pages.extend(open.take().map(close));
        }
    }
    pages.extend(open.map(close));
    pages
}

fn close((first, out): (Bytes, Writer)) -> NewPage {
    NewPage { first, bytes: out.into_vec() }
}

/// The partition and pairs of a page; they share its memory.
///
/// # Errors
/// Kind `corrupt` if the bytes are damaged.
pub fn read(page: &Bytes, mut take: impl FnMut(Bytes, Bytes)) -> Result<Partition> {
    let mut input = Reader::new(page);
    let partition = partition(input.u8()?)?;
    let mut last: &[u8] = &[];
    while !input.is_empty() {
        let key = input.bytes()?;
        if key <= last {
            return Err(damaged("keys of a page are out of order"));
        }
        last = key;
        take(page.slice_ref(key), page.slice_ref(input.bytes()?));
    }
    Ok(partition)
}
