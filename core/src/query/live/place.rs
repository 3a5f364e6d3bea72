//! Where one row stands in a result, if it is part of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::plan::{Body, Plan};
use super::super::run::{RowCells, SortKey, at};
use super::super::scan::Gate;
use super::LiveRow;
use crate::ids::TableId;
use crate::store::{Direction, KeyRange};
use crate::value::Value;
use crate::view::View;
use crate::{Error, Result};

/// What a row of a result sorts by, its primary key at the end.
pub(super) type SortBytes = Arc<[u8]>;

/// Finds the places of rows.
pub(super) struct Placer<'p> {
    pub plan: &'p Plan,
    pub parameters: &'p [Value],
    gate: Gate<'p>,
    key: SortKey,
    order_cells: RowCells,
    row_cells: RowCells,
}

impl<'p> Placer<'p> {
    pub fn new(plan: &'p Plan, parameters: &'p [Value]) -> Placer<'p> {
        Placer {
            plan,
            parameters,
            gate: Gate::new(plan, plan.whole.as_ref(), parameters),
            key: SortKey::default(),
            order_cells: RowCells::default(),
            row_cells: RowCells::default(),
        }
    }

    /// Whether the row with this key is there and passes the filter.
    pub fn passes(&mut self, view: &View, pk: &[u8]) -> Result<bool> {
        match view.get(self.plan.table.id, pk)? {
            Some(row) => self.gate.passes(pk, &row),
            None => Ok(false),
        }
    }

    /// The row with this key as the result shows it, if it does.
    pub fn place(&mut self, view: &View, pk: &[u8]) -> Result<Option<(SortBytes, LiveRow)>> {
        match view.get(self.plan.table.id, pk)? {
            Some(row) if self.gate.passes(pk, &row)? => {
                let sort = self.sort_bytes(pk, &row)?;
                Ok(Some((sort, self.row(pk, &row)?)))
            }
            _ => Ok(None),
        }
    }

    /// What a row that passes sorts by.
    pub fn sort_bytes(&mut self, pk: &[u8], row: &[u8]) -> Result<SortBytes> {
        let Body::Rows(body) = &self.plan.body else { return Err(grouped()) };
        let key = &mut self.key;
        self.order_cells.with(&self.plan.table, &body.order_reading, (pk, row), |cells| {
            key.write(&body.order, 0, |slot| at(cells, slot))
        })?;
        key.bytes.extend_from_slice(pk);
        Ok(key.bytes.as_slice().into())
    }

    /// What the result shows of a row that passes.
    pub fn row(&mut self, pk: &[u8], row: &[u8]) -> Result<LiveRow> {
        let Body::Rows(body) = &self.plan.body else { return Err(grouped()) };
        let values = self.row_cells.with(&self.plan.table, &body.reading, (pk, row), |cells| {
            Ok(body.output.iter().map(|slot| at(cells, *slot).to_owned()).collect())
        })?;
        Ok(LiveRow { key: pk.to_vec(), values })
    }
}

fn grouped() -> Error {
    Error::internal("grouped", "a query with groups has no rows of its table")
}

/// The keys of all rows of a table in any of the views.
pub(super) fn all_keys(views: &[&View], table: TableId) -> Result<Vec<Vec<u8>>> {
    let mut keys = BTreeSet::new();
    for view in views {
        let mut cursor = view.scan(table, &KeyRange::all(), Direction::Forward)?;
        while cursor.advance()? {
            if !keys.contains(cursor.pk()) {
                keys.insert(cursor.pk().to_vec());
            }
        }
    }
    Ok(keys.into_iter().collect())
}
