//! A consistent view of one space: confirmed rows, over them a device's overlay, over that an open transaction.

use std::sync::Arc;

use bytes::Bytes;

use crate::catalog::{Catalog, IndexDef, Table};
use crate::codec::Reader;
use crate::ids::{Generation, SpaceId, TableId};
use crate::key;
use crate::mutation::Base;
use crate::row::{Header, Row};
use crate::store::{CowMap, Cursor, Direction, KeyRange, Partition, Snapshot, successor};
use crate::{Result, keys};

/// Counts the changes of what a device's readers see, from 0 when the copy is opened. Views of a server have 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewVersion(pub u64);

/// A pinned state of one space. Clones share it.
#[derive(Clone)]
pub struct View {
    pub(crate) snapshot: Arc<dyn Snapshot>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) space: SpaceId,
    pub(crate) generation: Generation,
    pub(crate) base: Base,
    /// Whether a device's overlay lies over the confirmed rows.
    pub(crate) overlaid: bool,
    pub(crate) version: ViewVersion,
    /// Rows of an open transaction by table number and primary key.
    pub(crate) writes: CowMap,
}

impl View {
    /// The catalog in force.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The position that writes based on this view have seen.
    pub fn base(&self) -> Base {
        self.base
    }

    /// Which state of its copy it shows, under the writes of an open transaction.
    pub fn version(&self) -> ViewVersion {
        self.version
    }

    /// The same state without the writes of an open transaction.
    pub fn without_writes(&self) -> View {
        View { writes: CowMap::default(), ..self.clone() }
    }

    /// Whether an open transaction has written to the table.
    pub fn has_writes(&self, table: TableId) -> bool {
        let prefix = write_key(table, &[]);
        self.writes.cursor(KeyRange::prefix(prefix), Direction::Forward).step()
    }

    /// The encoded row of a key, also a tombstone.
    ///
    /// # Errors
    /// What the store gives.
    pub fn get(&self, table: TableId, pk: &[u8]) -> Result<Option<Bytes>> {
        if !self.writes.is_empty()
            && let Some(row) = self.writes.get(&write_key(table, pk))
        {
            return Ok(Some(row));
        }
        if self.overlaid
            && let Some(row) = self.snapshot.get(Partition::Overlay, &keys::overlay(table, pk))?
        {
            return Ok(Some(row));
        }
        self.snapshot.get(Partition::Rows, &keys::row(self.space, self.generation, table, pk))
    }

    /// The row of a key, also a tombstone.
    ///
    /// # Errors
    /// What the store gives; kind `corrupt` if its bytes are no row.
    pub fn row(&self, table: &Table, pk: &[u8]) -> Result<Option<Row>> {
        self.get(table.id, pk)?.map(|bytes| Row::decode(table, pk, &bytes)).transpose()
    }

    /// The rows of a table in the order of their keys, tombstones included; `range` limits the encoded key.
    ///
    /// # Errors
    /// What the store gives.
    pub fn scan(&self, table: TableId, range: &KeyRange, direction: Direction) -> Result<RowCursor<'_>> {
        let mut layers = Vec::with_capacity(3);
        if !self.writes.is_empty() {
            let prefix = write_key(table, &[]);
            let cursor = Box::new(self.writes.cursor(within(&prefix, range), direction));
            layers.push(Layer::new(cursor, prefix.len()));
        }
        if self.overlaid {
            let prefix = keys::overlay_table(table);
            let cursor = self.snapshot.scan(Partition::Overlay, within(&prefix, range), direction)?;
            layers.push(Layer::new(cursor, prefix.len()));
        }
        let prefix = keys::table_rows(self.space, self.generation, table);
        let cursor = self.snapshot.scan(Partition::Rows, within(&prefix, range), direction)?;
        layers.push(Layer::new(cursor, prefix.len()));
        Ok(RowCursor { layers, direction, current: None })
    }

    /// Whether `index` can answer: it holds every row and no open transaction hides rows from it.
    ///
    /// # Errors
    /// What the store gives.
    pub fn can_use(&self, index: &IndexDef) -> Result<bool> {
        let built = keys::index_built(self.space, self.generation, index.id);
        Ok(self.writes.is_empty() && self.snapshot.get(Partition::Index, &built)?.is_some_and(|mark| mark.is_empty()))
    }

    /// The primary keys of live rows in the order of `index`; `range` limits the encoded values.
    ///
    /// # Errors
    /// What the store gives.
    pub fn scan_index(&self, index: &IndexDef, range: &KeyRange, direction: Direction) -> Result<IndexCursor<'_>> {
        let prefix = keys::index_entries(self.space, self.generation, index.id);
        let cursor = self.snapshot.scan(Partition::Index, within(&prefix, range), direction)?;
        Ok(IndexCursor { cursor, prefix: prefix.len(), values: index.columns.len(), pk_at: 0 })
    }
}

/// The key of a row among the writes of a transaction.
pub(crate) fn write_key(table: TableId, pk: &[u8]) -> Vec<u8> {
    let mut out = table.0.to_be_bytes().to_vec();
    out.extend_from_slice(pk);
    out
}

/// Table and primary key in what [`write_key`] made.
pub(crate) fn read_write_key(bytes: &[u8]) -> (TableId, &[u8]) {
    match bytes.split_first_chunk::<4>() {
        Some((table, pk)) => (TableId(u32::from_be_bytes(*table)), pk),
        None => (TableId(0), &[]),
    }
}

fn within(prefix: &[u8], range: &KeyRange) -> KeyRange {
    let join = |tail: &[u8]| [prefix, tail].concat();
    let end = match &range.end {
        Some(end) => Some(join(end)),
        None => successor(prefix),
    };
    KeyRange { start: join(&range.start), end }
}

struct Layer<'a> {
    cursor: Box<dyn Cursor + 'a>,
    prefix: usize,
    /// Whether the cursor stands on a row.
    live: bool,
    /// Whether its row was used and it must step.
    spent: bool,
}

impl<'a> Layer<'a> {
    fn new(cursor: Box<dyn Cursor + 'a>, prefix: usize) -> Layer<'a> {
        Layer { cursor, prefix, live: true, spent: true }
    }

    fn pk(&self) -> &[u8] {
        self.cursor.key().get(self.prefix..).unwrap_or_default()
    }
}

/// A walk over the rows of a table, each taken from the uppermost layer that has it.
pub struct RowCursor<'a> {
    layers: Vec<Layer<'a>>,
    direction: Direction,
    current: Option<usize>,
}

impl RowCursor<'_> {
    /// Steps to the next row; `false` at the end.
    ///
    /// # Errors
    /// What the store gives.
    pub fn advance(&mut self) -> Result<bool> {
        for layer in &mut self.layers {
            if layer.live && layer.spent {
                layer.live = layer.cursor.advance()?;
                layer.spent = false;
            }
        }
        if let [layer] = self.layers.as_mut_slice() {
            layer.spent = true;
            self.current = layer.live.then_some(0);
            return Ok(layer.live);
        }
        let mut best: Option<usize> = None;
        for at in 0..self.layers.len() {
            if !self.layers[at].live {
                continue;
            }
            let order = best.map(|best| self.layers[at].pk().cmp(self.layers[best].pk()));
            let better = match (order, self.direction) {
                (None, _) => true,
                (Some(order), Direction::Forward) => order.is_lt(),
                (Some(order), Direction::Reverse) => order.is_gt(),
            };
            if better {
                best = Some(at);
            }
        }
        if let Some(best) = best {
            for at in 0..self.layers.len() {
                let same = self.layers[at].live && self.layers[at].pk() == self.layers[best].pk();
                self.layers[at].spent = same;
            }
        }
        self.current = best;
        Ok(best.is_some())
    }

    /// The encoded primary key; empty outside.
    pub fn pk(&self) -> &[u8] {
        self.current.map_or(&[], |at| self.layers[at].pk())
    }

    /// The encoded row; empty outside.
    pub fn row(&self) -> &[u8] {
        self.current.map_or(&[], |at| self.layers[at].cursor.value())
    }

    /// The header of the row.
    ///
    /// # Errors
    /// Kind `corrupt` if its bytes are no row.
    pub fn header(&self) -> Result<Header> {
        Header::peek(self.row())
    }
}

/// A walk over the primary keys in an index.
pub struct IndexCursor<'a> {
    cursor: Box<dyn Cursor + 'a>,
    prefix: usize,
    values: usize,
    pk_at: usize,
}

impl IndexCursor<'_> {
    /// Steps to the next entry; `false` at the end.
    ///
    /// # Errors
    /// What the store gives; kind `corrupt` if an entry is damaged.
    pub fn advance(&mut self) -> Result<bool> {
        if !self.cursor.advance()? {
            return Ok(false);
        }
        let entry = self.cursor.key();
        let mut input = Reader::new(entry.get(self.prefix..).unwrap_or_default());
        for _ in 0..self.values {
            key::skip_value(&mut input)?;
        }
        self.pk_at = entry.len() - input.rest().len();
        Ok(true)
    }

    /// The encoded primary key of the entry.
    pub fn pk(&self) -> &[u8] {
        self.cursor.key().get(self.pk_at..).unwrap_or_default()
    }
}
