//! The overlay: each row that undecided writes touch, as it looks with them applied.
//!
//! Invariant: overlay row = confirmed row ⊕ the outbox's operations on it, in order; a row has an overlay row exactly
//! while it has a pending mark. An operation that the present rows refuse has no effect here; the server decides it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::outbox::{self, OutboxEntry};
use crate::catalog::{Catalog, Table};
use crate::codec::Reader;
use crate::ids::{MutationId, SpaceId, TableId};
use crate::key::{read_number, skip_value};
use crate::merge::{OwnWrites, apply, decide};
use crate::planted::{Bug, is_planted};
use crate::row::{Header, Row};
use crate::rules::Copy;
use crate::store::{Direction, KeyRange, Partition, Snapshot, WriteBatch};
use crate::{Error, Result, keys};

/// A row by table and encoded key.
pub(crate) type RowKey = (TableId, Vec<u8>);

/// A row while a change of the copy is prepared.
#[derive(Clone, Debug)]
pub(crate) struct Touched {
    /// What readers saw before.
    pub seen: Option<Row>,
    /// The confirmed row, with the change applied.
    pub confirmed: Option<Row>,
    /// Whether the confirmed row must be written.
    pub changed: bool,
}

/// Reads rows of one generation under one catalog.
pub(crate) struct Copier<'a> {
    pub snapshot: &'a dyn Snapshot,
    pub catalog: &'a Catalog,
    pub copy: Copy,
    /// Whether the outbox is empty: then there is no overlay to look at.
    pub outbox_empty: bool,
}

impl Copier<'_> {
    pub fn table(&self, id: TableId) -> Result<&Table> {
        let table = self.catalog.table(id);
        table.map(|table| &**table).ok_or_else(|| {
            Error::corrupt("unknown_table", format!("a change names table number {id}, which no definition describes"))
        })
    }

    pub fn confirmed(&self, table: &Table, pk: &[u8]) -> Result<Option<Row>> {
        let key = keys::row(SpaceId::LOCAL, self.copy.generation, table.id, pk);
        self.snapshot.get(Partition::Rows, &key)?.map(|bytes| Row::decode(table, pk, &bytes)).transpose()
    }

    /// The row before any change.
    pub fn touch(&self, row: &RowKey) -> Result<Touched> {
        let table = self.table(row.0)?;
        let confirmed = self.confirmed(table, &row.1)?;
        if self.outbox_empty {
            return Ok(Touched { seen: confirmed.clone(), confirmed, changed: false });
        }
        let overlay = self.snapshot.get(Partition::Overlay, &keys::overlay(row.0, &row.1))?;
        let seen = match overlay {
            Some(bytes) => Some(Row::decode(table, &row.1, &bytes)?),
            None => confirmed.clone(),
        };
        Ok(Touched { seen, confirmed, changed: false })
    }

    /// The undecided mutations that touch a row.
    pub fn pending(&self, row: &RowKey) -> Result<BTreeSet<MutationId>> {
        if self.outbox_empty {
            return Ok(BTreeSet::new());
        }
        let prefix = keys::pending_row(row.0, &row.1);
        let len = prefix.len();
        let mut cursor = self.snapshot.scan(Partition::Overlay, KeyRange::prefix(prefix), Direction::Forward)?;
        let mut ids = BTreeSet::new();
        while cursor.advance()? {
            let mut input = Reader::new(cursor.key().get(len..).unwrap_or_default());
            ids.insert(MutationId(read_number(&mut input)?));
        }
        Ok(ids)
    }

    /// Writes confirmed rows, overlay and index entries of all touched rows, given the mutations that are `decided`.
    pub fn settle(
        &self,
        touched: BTreeMap<RowKey, Touched>,
        decided: &BTreeSet<MutationId>,
        batch: &mut WriteBatch,
    ) -> Result<()> {
        let mut waiting: BTreeMap<RowKey, Option<Row>> = BTreeMap::new();
        let mut ids: BTreeSet<MutationId> = BTreeSet::new();
        for (row, state) in &touched {
            let mut pending = self.pending(row)?;
            if state.changed && is_planted(Bug::OverlayDroppedEarly) {
                pending.clear();
                batch.delete(Partition::Overlay, keys::overlay(row.0, &row.1));
            }
            for id in pending.intersection(decided) {
                batch.delete(Partition::Overlay, keys::pending(row.0, &row.1, *id));
            }
            ids.extend(pending.difference(decided));
            if pending.difference(decided).next().is_some() {
                waiting.insert(row.clone(), state.confirmed.clone());
            } else if !pending.is_empty() {
                batch.delete(Partition::Overlay, keys::overlay(row.0, &row.1));
            }
        }
        let mut entries = Vec::with_capacity(ids.len());
        for id in ids {
            let entry = outbox::get(self.snapshot, id)?;
            entries
                .push(entry.ok_or_else(|| Error::corrupt("missing_outbox", format!("outbox entry {id} is missing")))?);
        }
        self.replay(&entries, &mut waiting)?;
        for (row, state) in touched {
            let table = self.table(row.0)?;
            if state.changed {
                let key = keys::row(SpaceId::LOCAL, self.copy.generation, row.0, &row.1);
                match &state.confirmed {
                    Some(confirmed) => batch.put(Partition::Rows, key, confirmed.encode(table, None)?),
                    None => batch.delete(Partition::Rows, key),
                }
            }
            let now_seen = match waiting.remove(&row) {
                Some(view) => {
                    self.write_overlay(table, &row.1, view.as_ref(), batch)?;
                    view
                }
                None => state.confirmed,
            };
            self.copy.reindex(table, &row.1, state.seen.as_ref(), now_seen.as_ref(), batch)?;
        }
        Ok(())
    }

    /// Without a row there is nothing to overlay, but the pending marks stay.
    fn write_overlay(&self, table: &Table, pk: &[u8], view: Option<&Row>, batch: &mut WriteBatch) -> Result<()> {
        let key = keys::overlay(table.id, pk);
        match view {
            Some(row) => batch.put(Partition::Overlay, key, row.encode(table, None)?),
            None => batch.delete(Partition::Overlay, key),
        }
        Ok(())
    }

    /// Applies the operations of `entries` to those of their rows that are in `rows`.
    fn replay(&self, entries: &[OutboxEntry], rows: &mut BTreeMap<RowKey, Option<Row>>) -> Result<()> {
        for entry in entries {
            for op in entry.mutation()?.ops {
                let Some(row) = rows.get_mut(&(op.table, op.key.clone())) else { continue };
                let table = self.table(op.table)?;
                let Ok(decision) = decide(table, &op, row.as_ref(), &OwnWrites) else { continue };
                let Some(change) = decision.change else { continue };
                let seq = row.as_ref().map(|row| row.header.seq).unwrap_or_default();
                let header = Header { pending: true, updated: entry.written.0, seq, ..Header::default() };
                *row = apply(table, row.take(), &change, header)?;
            }
        }
        Ok(())
    }

    /// Removes the overlay, so that the index shows confirmed rows only.
    pub fn clear(&self, batch: &mut WriteBatch) -> Result<()> {
        let mut cursor = self.snapshot.scan(Partition::Overlay, KeyRange::all(), Direction::Forward)?;
        while cursor.advance()? {
            let Some(row) = read_overlay_key(cursor.key())? else { continue };
            let table = self.table(row.0)?;
            let seen = Row::decode(table, &row.1, cursor.value())?;
            let confirmed = self.confirmed(table, &row.1)?;
            self.copy.reindex(table, &row.1, Some(&seen), confirmed.as_ref(), batch)?;
        }
        batch.delete_range(Partition::Overlay, keys::overlay_all());
        Ok(())
    }

    /// Builds the overlay of `entries` anew where there is none.
    pub fn rebuild(&self, entries: &[OutboxEntry], batch: &mut WriteBatch) -> Result<()> {
        let mut rows: BTreeMap<RowKey, Option<Row>> = BTreeMap::new();
        for entry in entries {
            for op in entry.mutation()?.ops {
                batch.put(Partition::Overlay, keys::pending(op.table, &op.key, entry.id), Vec::new());
                if let Entry::Vacant(row) = rows.entry((op.table, op.key)) {
                    let (table, pk) = row.key();
                    let confirmed = self.confirmed(self.table(*table)?, pk)?;
                    row.insert(confirmed);
                }
            }
        }
        let confirmed = rows.clone();
        self.replay(entries, &mut rows)?;
        for ((row, view), confirmed) in rows.into_iter().zip(confirmed.into_values()) {
            let table = self.table(row.0)?;
            self.write_overlay(table, &row.1, view.as_ref(), batch)?;
            self.copy.reindex(table, &row.1, confirmed.as_ref(), view.as_ref(), batch)?;
        }
        Ok(())
    }
}

/// Table and key in the key of an overlay row; `None` for a pending mark.
fn read_overlay_key(bytes: &[u8]) -> Result<Option<RowKey>> {
    let mut input = Reader::new(bytes);
    read_number(&mut input)?;
    if read_number(&mut input)? != 0 {
        return Ok(None);
    }
    let table = u32::try_from(read_number(&mut input)?);
    let table = TableId(table.map_err(|_| Error::corrupt("invalid_key", "an overlay row names no table"))?);
    let pk = input.rest();
    while !input.is_empty() {
        skip_value(&mut input)?;
    }
    Ok(Some((table, pk.to_vec())))
}
