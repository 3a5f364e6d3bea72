//! Which pages there are, which keys they cover, and which of them the log has changed.

use bytes::Bytes;
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::store::{Image, KEY_BYTES_MAX, KeyRange, Partition, WriteOp};
use kalamdb_core::{Error, Result};

use crate::page::{self, NewPage, PAGE_BYTES};

const FORMAT: u8 = 1;
const PAGES_MAX: usize = 1 << 24;
/// A page with fewer bytes is written anew with a neighbour that is.
const PAGE_BYTES_LOW: u64 = PAGE_BYTES as u64 / 4;

/// A page covers the keys from its start to that of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    start: Bytes,
    /// The key of its first part in IndexedDB; the others follow.
    id: u64,
    /// 0: it holds nothing and is not stored.
    parts: u32,
    bytes: u64,
    is_changed: bool,
}

/// The pages of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageTable {
    /// Never empty: the first page starts with the empty key.
    partitions: [Vec<Page>; Partition::ALL.len()],
    next_id: u64,
}

/// Pages to be written instead of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Parts of pages, by their keys.
    pub puts: Vec<(u64, Vec<u8>)>,
    /// Keys of parts that nobody needs once the new table is in force.
    pub deletes: Vec<u64>,
}

impl Default for PageTable {
    fn default() -> PageTable {
        PageTable { partitions: std::array::from_fn(|_| vec![Page::nothing()]), next_id: 1 }
    }
}

impl Page {
    fn nothing() -> Page {
        Page { start: Bytes::new(), id: 0, parts: 0, bytes: 0, is_changed: false }
    }

    fn keys(&self) -> impl Iterator<Item = u64> + use<> {
        self.id..self.id + u64::from(self.parts)
    }
}

impl PageTable {
    /// The keys of all parts, in the order of partitions and keys.
    pub fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.partitions.iter().flatten().flat_map(Page::keys)
    }

    /// Bytes of all pages.
    pub fn bytes(&self) -> u64 {
        self.partitions.iter().flatten().map(|page| page.bytes).sum()
    }

    /// Bytes of the pages that the log has changed.
    pub fn changed_bytes(&self) -> u64 {
        self.partitions.iter().flatten().filter(|page| page.is_changed).map(|page| page.bytes).sum()
    }

    /// Gives new parts keys behind `taken`: what is left under that one is going to be deleted.
    pub fn avoid(&mut self, taken: u64) {
        self.next_id = self.next_id.max(taken + 1);
    }

    /// Notes which pages an operation changes.
    pub fn mark(&mut self, op: &WriteOp) {
        match op {
            WriteOp::Put { partition, key, .. } | WriteOp::Delete { partition, key } => {
                let pages = &mut self.partitions[*partition as usize];
                let at = covering(pages, key);
                pages[at].is_changed = true;
            }
            WriteOp::DeleteRange { partition, range } => {
                let pages = &mut self.partitions[*partition as usize];
                let first = covering(pages, &range.start);
                let behind = range
                    .end
                    .as_deref()
                    .map_or(pages.len(), |end| pages.partition_point(|page| page.start.as_ref() < end).max(first));
                pages[first..behind].iter_mut().for_each(|page| page.is_changed = true);
            }
        }
    }

    /// The table after all changed pages are written anew from `image`, and what to write for it.
    pub fn rewritten(&self, image: &Image) -> (PageTable, Rewrite) {
        let mut rewrite = Rewrite::default();
        let mut next_id = self.next_id;
        let partitions = std::array::from_fn(|number| {
            let partition = Partition::ALL[number];
            let old = &self.partitions[number];
            let mut pages = Vec::with_capacity(old.len());
            let mut at = 0;
            while at < old.len() {
                let end = run_end(old, at);
                if end == at {
                    pages.push(old[at].clone());
                    at += 1;
                    continue;
                }
                let start = old[at].start.clone();
                let range = KeyRange { start: start.to_vec(), end: old.get(end).map(|next| next.start.to_vec()) };
                let new = page::build(partition, image.partition(partition), range);
                rewrite.deletes.extend(old[at..end].iter().flat_map(Page::keys));
                place(&mut pages, start, new, &mut next_id, &mut rewrite.puts);
                at = end;
            }
            pages
        });
        (PageTable { partitions, next_id }, rewrite)
    }

    /// Adds the table to `out`.
    pub fn write(&self, out: &mut Writer) {
        out.u8(FORMAT);
        out.varint(self.next_id);
        for pages in &self.partitions {
            out.list(pages.iter(), |out, page| {
                out.bytes(&page.start);
                out.varint(page.id);
                out.varint(page.parts.into());
                out.varint(page.bytes);
            });
        }
    }

    /// Reads what [`PageTable::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are damaged, `invalid` if they are of a newer format.
    pub fn read(input: &mut Reader<'_>) -> Result<PageTable> {
        let format = input.u8()?;
        if format != FORMAT {
            let message =
                format!("the database has format {format}, which only a newer version reads: reload the page");
            return Err(Error::invalid("newer_version", message));
        }
        let mut table = PageTable { next_id: input.varint()?, ..PageTable::default() };
        for pages in &mut table.partitions {
            *pages = input.list(PAGES_MAX, |input| {
                let start = input.bytes()?;
                let page = Page {
                    start: Bytes::copy_from_slice(&start[..start.len().min(KEY_BYTES_MAX)]),
                    id: input.varint()?,
                    parts: input.varint32()?,
                    bytes: input.varint()?,
                    is_changed: false,
                };
                Ok(page)
            })?;
            let is_sound = pages.first().is_some_and(|page| page.start.is_empty())
                && pages.is_sorted_by(|one, next| one.start < next.start);
            if !is_sound {
                return Err(crate::record::damaged("the table of pages is out of order"));
            }
        }
        Ok(table)
    }
}

fn covering(pages: &[Page], key: &[u8]) -> usize {
    pages.partition_point(|page| page.start.as_ref() <= key).saturating_sub(1)
}

/// Behind the last of the pages from `at` on that are written anew together; `at` if that one stays.
fn run_end(pages: &[Page], at: usize) -> usize {
    let is_low = |page: &Page| page.bytes < PAGE_BYTES_LOW;
    let next_is_changed = pages.get(at + 1).is_some_and(|next| next.is_changed);
    if !(pages[at].is_changed || (is_low(&pages[at]) && next_is_changed)) {
        return at;
    }
    let mut end = at + 1;
    while end < pages.len() && (pages[end].is_changed || is_low(&pages[end])) {
        end += 1;
    }
    end
}

/// Puts new pages behind `pages`; the first of them covers the keys from `start` on.
fn place(pages: &mut Vec<Page>, start: Bytes, new: Vec<NewPage>, next_id: &mut u64, puts: &mut Vec<(u64, Vec<u8>)>) {
    if new.is_empty() && pages.is_empty() {
        pages.push(Page::nothing());
    }
    for (at, page) in new.into_iter().enumerate() {
        let id = *next_id;
        let bytes = page.bytes.len() as u64;
        let parts = crate::record::split(&page.bytes);
        *next_id += parts.len() as u64;
        let start = if at == 0 { start.clone() } else { page.first };
        pages.push(Page { start, id, parts: parts.len() as u32, bytes, is_changed: false });
        puts.extend((id..).zip(parts));
    }
}

#[cfg(test)]
mod tests;
