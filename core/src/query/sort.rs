//! Sorting of rows by order-preserving bytes, all of them or the first few, in one buffer.

use super::declare::{Limits, Nulls, SortDirection};
use super::plan::Term;
use crate::codec::{Reader, Writer};
use crate::value::{Datum, ValueRef};
use crate::{Result, key};

/// A top-k sort throws surplus rows away when it holds this many times what it must keep, and at least so many.
const SLACK_FACTOR: usize = 2;
const SLACK_ROWS: usize = 256;

const NULL_FIRST: u8 = 0x00;
const NULL_LAST: u8 = 0xff;

/// Rows held in one buffer, each a sort key and its encoded values.
pub(super) struct Sorter {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    /// How many of the first rows are wanted.
    keep: usize,
    /// Rows with greater keys cannot be among them.
    cutoff: Option<Vec<u8>>,
    limits: Limits,
}

#[derive(Clone, Copy)]
struct Entry {
    /// The first bytes of the key, to compare most keys at once.
    head: u64,
    start: usize,
    key_end: usize,
    end: usize,
}

impl Sorter {
    /// A sorter that keeps the first `keep` rows; all of them if none.
    pub(super) fn new(keep: Option<usize>, limits: Limits) -> Sorter {
        Sorter { arena: Vec::new(), entries: Vec::new(), keep: keep.unwrap_or(usize::MAX), cutoff: None, limits }
    }

    /// Forgets its rows, to sort others of which `keep` are wanted.
    pub(super) fn restart(&mut self, keep: Option<usize>) {
        self.arena.clear();
        self.entries.clear();
        self.cutoff = None;
        self.keep = keep.unwrap_or(usize::MAX);
    }

    /// Whether it holds no row.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a row with this key may be among those wanted.
    #[inline]
    pub(super) fn admits(&self, key: &[u8]) -> bool {
        self.cutoff.as_deref().is_none_or(|cutoff| key < cutoff)
    }

    /// Takes a row.
    pub(super) fn push<'a>(&mut self, key: &[u8], values: impl Iterator<Item = ValueRef<'a>>) -> Result<()> {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        let key_end = self.arena.len();
        let mut out = Writer::on(std::mem::take(&mut self.arena));
        values.for_each(|value| value.write(&mut out));
        self.arena = out.into_vec();
        self.entries.push(Entry { head: head_of(key), start, key_end, end: self.arena.len() });
        if self.entries.len() >= self.keep.saturating_mul(SLACK_FACTOR).saturating_add(SLACK_ROWS) {
            self.prune();
        }
        self.limits.check(self.entries.len(), self.arena.len() + self.entries.len() * size_of::<Entry>())
    }

    /// Drops the rows behind the first `keep`.
    fn prune(&mut self) {
        let arena = &self.arena;
        self.entries.select_nth_unstable_by(self.keep.saturating_sub(1), |a, b| compare(arena, a, b));
        self.entries.truncate(self.keep);
        let last = self.entries.last().map(|entry| arena[entry.start..entry.key_end].to_vec());
        let mut packed = Vec::with_capacity(arena.len() / SLACK_FACTOR);
        for entry in &mut self.entries {
            let shift = packed.len();
            packed.extend_from_slice(&arena[entry.start..entry.end]);
            *entry = Entry {
                head: entry.head,
                start: shift,
                key_end: shift + (entry.key_end - entry.start),
                end: packed.len(),
            };
        }
        self.arena = packed;
        self.cutoff = last;
    }

    /// Sorts, and gives the values of the rows wanted one after another.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Reader<'_>) -> Result<bool>) -> Result<()> {
        let arena = &self.arena;
        self.entries.sort_unstable_by(|a, b| compare(arena, a, b));
        for entry in self.entries.iter().take(self.keep) {
            if !each(Reader::new(&arena[entry.key_end..entry.end]))? {
                break;
            }
        }
        Ok(())
    }
}

fn compare(arena: &[u8], a: &Entry, b: &Entry) -> std::cmp::Ordering {
    a.head.cmp(&b.head).then_with(|| arena[a.start..a.key_end].cmp(&arena[b.start..b.key_end]))
}

fn head_of(key: &[u8]) -> u64 {
    let mut head = [0; 8];
    let len = key.len().min(8);
    head[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(head)
}

/// Appends the bytes by which a value sorts under a term.
///
/// # Errors
/// None for values that a query can see.
pub(super) fn write_term(out: &mut Vec<u8>, value: &ValueRef<'_>, term: &Term) -> Result<()> {
    let start = out.len();
    match value {
        Datum::Null => {
            out.push(if term.nulls == Nulls::First { NULL_FIRST } else { NULL_LAST });
            return Ok(());
        }
        Datum::Json(text) => key::write_value(out, &ValueRef::Text(text))?,
        Datum::Counter(counter) => key::write_value(out, &ValueRef::BigInt(counter.value()))?,
        value => key::write_value(out, value)?,
    }
    // Tags of values lie between the two bytes of NULL, inverted or not, so that NULLs stay at their end.
    if term.direction == SortDirection::Descending {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(())
}
