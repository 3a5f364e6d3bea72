//! Reading redb.

use std::sync::{Arc, OnceLock};

use ::redb::{AccessGuard, Range, ReadOnlyTable, ReadTransaction};
use bytes::Bytes;
use kalamdb_core::store::{Cursor, Direction, KeyRange, Partition, Snapshot};
use kalamdb_core::{Error, Result};

use super::{Redb, bounds, definition, name};
use crate::failure::{damaged, unreadable};

type BytesTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

pub(super) struct RedbSnapshot {
    transaction: ReadTransaction,
    /// Opened when first read.
    tables: [OnceLock<BytesTable>; Partition::ALL.len()],
    /// Keeps the database open; it closes its file when it is dropped, whoever reads.
    redb: Arc<Redb>,
}

impl RedbSnapshot {
    pub(super) fn new(transaction: ReadTransaction, redb: Arc<Redb>) -> RedbSnapshot {
        RedbSnapshot { transaction, tables: Default::default(), redb }
    }

    fn table(&self, partition: Partition) -> Result<&BytesTable> {
        let slot = &self.tables[partition as usize];
        if let Some(table) = slot.get() {
            return Ok(table);
        }
        let table = self.transaction.open_table(definition(partition)).map_err(|error| self.read_failed(error))?;
        Ok(slot.get_or_init(|| table))
    }

    fn read_failed(&self, error: impl Into<::redb::Error>) -> Error {
        match error.into() {
            ::redb::Error::Corrupted(text) => damaged(name(&self.redb.path), text),
            error @ ::redb::Error::TableDoesNotExist(_) => damaged(name(&self.redb.path), error),
            error => unreadable(name(&self.redb.path), error),
        }
    }
}

impl Snapshot for RedbSnapshot {
    fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>> {
        let value = self.table(partition)?.get(key).map_err(|error| self.read_failed(error))?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn scan<'a>(&'a self, partition: Partition, range: KeyRange, direction: Direction) -> Result<Box<dyn Cursor + 'a>> {
        let entries = match range.is_empty() {
            true => None,
            false => {
                let table = self.table(partition)?;
                Some(table.range::<&[u8]>(bounds(&range)).map_err(|error| self.read_failed(error))?)
            }
        };
        Ok(Box::new(RedbCursor { entries, direction, current: None, snapshot: self }))
    }
}

type Guard = AccessGuard<'static, &'static [u8]>;

struct RedbCursor<'a> {
    /// Gone at the end.
    entries: Option<Range<'static, &'static [u8], &'static [u8]>>,
    direction: Direction,
    current: Option<(Guard, Guard)>,
    snapshot: &'a RedbSnapshot,
}

impl Cursor for RedbCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        let next = match (&mut self.entries, self.direction) {
            (None, _) => return Ok(false),
            (Some(entries), Direction::Forward) => entries.next(),
            (Some(entries), Direction::Reverse) => entries.next_back(),
        };
        self.current = match next {
            Some(Ok(pair)) => Some(pair),
            Some(Err(error)) => {
                (self.entries, self.current) = (None, None);
                return Err(self.snapshot.read_failed(error));
            }
            None => None,
        };
        if self.current.is_none() {
            self.entries = None;
        }
        Ok(self.current.is_some())
    }

    fn key(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |(key, _)| key.value())
    }

    fn value(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |(_, value)| value.value())
    }
}
