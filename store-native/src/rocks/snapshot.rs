//! Reading RocksDB.

use std::sync::Arc;

use bytes::Bytes;
use kalamdb_core::Result;
use kalamdb_core::store::{Cursor, Direction, KeyRange, Partition, Snapshot};
use rocksdb::{DBRawIterator, ReadOptions};

use super::Shared;
use super::owned::OwnedSnapshot;

pub(super) struct RocksSnapshot {
    /// For gets; holds the snapshot's address, so it stands before its owner.
    options: ReadOptions,
    owned: OwnedSnapshot,
}

impl RocksSnapshot {
    pub(super) fn new(shared: Arc<Shared>) -> RocksSnapshot {
        let owned = OwnedSnapshot::new(shared);
        let mut options = ReadOptions::default();
        options.set_snapshot(owned.snapshot());
        RocksSnapshot { options, owned }
    }

    /// Whether nothing was written since it was taken.
    pub(super) fn is_current(&self) -> bool {
        self.owned.snapshot().sequence_number() == self.owned.shared().db.latest_sequence_number()
    }
}

impl Snapshot for RocksSnapshot {
    fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>> {
        let shared = self.owned.shared();
        match shared.db.get_pinned_cf_opt(shared.column_family(partition), key, &self.options) {
            Ok(value) => Ok(value.map(|value| Bytes::copy_from_slice(&value))),
            Err(error) => Err(shared.read_failed(&error)),
        }
    }

    fn scan<'a>(&'a self, partition: Partition, range: KeyRange, direction: Direction) -> Result<Box<dyn Cursor + 'a>> {
        let shared = self.owned.shared();
        let state = if range.is_empty() { State::Ended } else { State::Before };
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(range.start);
        if let Some(end) = range.end {
            options.set_iterate_upper_bound(end);
        }
        let iterator = self.owned.snapshot().raw_iterator_cf_opt(shared.column_family(partition), options);
        Ok(Box::new(RocksCursor { iterator, direction, state, shared }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Inside,
    Ended,
}

struct RocksCursor<'a> {
    iterator: DBRawIterator<'a>,
    direction: Direction,
    state: State,
    shared: &'a Shared,
}

impl Cursor for RocksCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        match (self.state, self.direction) {
            (State::Ended, _) => return Ok(false),
            (State::Before, Direction::Forward) => self.iterator.seek_to_first(),
            (State::Before, Direction::Reverse) => self.iterator.seek_to_last(),
            (State::Inside, Direction::Forward) => self.iterator.next(),
            (State::Inside, Direction::Reverse) => self.iterator.prev(),
        }
        if self.iterator.valid() {
            self.state = State::Inside;
            return Ok(true);
        }
        self.state = State::Ended;
        self.iterator.status().map_err(|error| self.shared.read_failed(&error))?;
        Ok(false)
    }

    fn key(&self) -> &[u8] {
        if self.state == State::Inside { self.iterator.key().unwrap_or_default() } else { &[] }
    }

    fn value(&self) -> &[u8] {
        if self.state == State::Inside { self.iterator.value().unwrap_or_default() } else { &[] }
    }
}
