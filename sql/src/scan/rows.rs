//! The rows of a scan.

use std::sync::Arc;

use kalamdb_core::catalog::Table;
use kalamdb_core::expr::Expr;
use kalamdb_core::row::{Header, Projection};
use kalamdb_core::store::{Direction, KeyRange};
use kalamdb_core::value::Cell;
use kalamdb_core::{ColumnId, Datum, Error, Result, View};

use super::range::{Access, INDEX_KEYS_MAX, access};

/// Cells that follow the wanted columns in every row: `_updated`, `_deleted`, `_seq`.
pub const SYSTEM_SLOTS: usize = 3;

/// Takes the primary key and the cells of a row.
type Sink<'a> = &'a mut dyn FnMut(&[u8], &[Cell<'_>]) -> Result<()>;

/// A scan of one table of a view; it holds no cursor between batches, so it can wait as long as it likes.
pub struct RowScan {
    view: View,
    table: Arc<Table>,
    projection: Projection,
    /// Columns in the order of their slots: those that were asked for, then others that the filter needs.
    columns: Vec<ColumnId>,
    filter: Option<Expr>,
    with_tombstones: bool,
    left: usize,
    state: State,
}

enum State {
    Planned(Access),
    /// Ranges still to be scanned, the first from its start.
    Ranges(Vec<KeyRange>),
    /// Primary keys still to be read, the next last.
    Keys(Vec<Vec<u8>>),
}

impl RowScan {
    /// A scan for `columns` of the rows for which all `conditions` are true, at most `limit`.
    ///
    /// Conditions name columns by id and system columns by [`crate::expr::system_place`].
    ///
    /// # Errors
    /// What the store gives.
    pub fn new(
        view: View,
        table: Arc<Table>,
        columns: &[ColumnId],
        conditions: &[Expr],
        with_tombstones: bool,
        limit: Option<usize>,
    ) -> Result<RowScan> {
        let access = access(&view, &table, conditions, with_tombstones)?;
        let mut columns = columns.to_vec();
        let stored = u32::try_from(table.columns.len()).unwrap_or(u32::MAX);
        for condition in conditions {
            condition.visit_columns(&mut |at| {
                if at < stored && !columns.contains(&ColumnId(at)) {
                    columns.push(ColumnId(at));
                }
            });
        }
        let slots = columns.len();
        let filter = Expr::And(conditions.to_vec()).map_columns(&mut |at| {
            let slot = match at.checked_sub(stored) {
                Some(system) => Some(slots + system as usize),
                None => columns.iter().position(|column| column.0 == at),
            };
            let slot = slot.and_then(|slot| u32::try_from(slot).ok());
            slot.ok_or_else(|| {
                Error::internal("missing_cell", format!("a filter names column {at}, which is not read"))
            })
        })?;
        Ok(RowScan {
            projection: Projection::new(&table, &columns),
            filter: (!conditions.is_empty()).then_some(filter),
            columns,
            view,
            table,
            with_tombstones,
            left: limit.unwrap_or(usize::MAX),
            state: State::Planned(access),
        })
    }

    /// A scan for `columns` of all live rows of a range of the primary key.
    pub fn of_range(view: View, table: Arc<Table>, columns: &[ColumnId], range: KeyRange) -> RowScan {
        RowScan {
            projection: Projection::new(&table, columns),
            filter: None,
            columns: columns.to_vec(),
            view,
            table,
            with_tombstones: false,
            left: usize::MAX,
            state: State::Ranges(vec![range]),
        }
    }

    /// The slot of the first system column.
    pub fn system_slot(&self) -> usize {
        self.columns.len()
    }

    /// Gives up to `rows` further rows to `sink`: primary key, cells of the wanted columns, of columns that only the
    /// filter reads, and of the system columns. Returns whether there may be more.
    ///
    /// # Errors
    /// What the store and `sink` give.
    pub fn next(&mut self, rows: usize, sink: Sink<'_>) -> Result<bool> {
        if let State::Planned(access) = &self.state {
            self.state = self.start(access.clone())?;
        }
        let wanted = rows.min(self.left);
        if wanted == 0 {
            return Ok(self.left > 0);
        }
        let (found, more) = match std::mem::replace(&mut self.state, State::Ranges(Vec::new())) {
            State::Keys(mut keys) => {
                let found = self.next_of_keys(&mut keys, wanted, sink)?;
                let more = !keys.is_empty();
                self.state = State::Keys(keys);
                (found, more)
            }
            State::Ranges(mut ranges) => {
                let found = self.next_of_ranges(&mut ranges, wanted, sink)?;
                let more = !ranges.is_empty();
                self.state = State::Ranges(ranges);
                (found, more)
            }
            State::Planned(_) => (0, false),
        };
        self.left -= found;
        Ok(more && self.left > 0)
    }

    fn start(&self, access: Access) -> Result<State> {
        let (index, ranges) = match access {
            Access::Key(mut ranges) => {
                ranges.reverse();
                return Ok(State::Ranges(ranges));
            }
            Access::Index(index, ranges) => (index, ranges),
        };
        let mut keys = Vec::new();
        for range in ranges {
            let mut cursor = self.view.scan_index(&index, &range, Direction::Forward)?;
            while cursor.advance()? {
                if keys.len() >= INDEX_KEYS_MAX {
                    return Ok(State::Ranges(vec![KeyRange::all()]));
                }
                keys.push(cursor.pk().to_vec());
            }
        }
        keys.sort_unstable_by(|a: &Vec<u8>, b| b.cmp(a));
        keys.dedup();
        Ok(State::Keys(keys))
    }

    fn next_of_keys(&self, keys: &mut Vec<Vec<u8>>, wanted: usize, sink: Sink<'_>) -> Result<usize> {
        let mut found = 0;
        while found < wanted
            && let Some(pk) = keys.pop()
        {
            if let Some(row) = self.view.get(self.table.id, &pk)? {
                let mut cells = Vec::with_capacity(self.columns.len() + SYSTEM_SLOTS);
                if self.read(&pk, &row, &mut cells)? {
                    sink(&pk, &cells)?;
                    found += 1;
                }
            }
        }
        Ok(found)
    }

    /// Ranges are last first, so that the one in work is at the end.
    fn next_of_ranges(&self, ranges: &mut Vec<KeyRange>, wanted: usize, sink: Sink<'_>) -> Result<usize> {
        let mut found = 0;
        while let Some(range) = ranges.pop() {
            let mut cursor = self.view.scan(self.table.id, &range, Direction::Forward)?;
            let mut spare: Vec<Cell<'static>> = Vec::with_capacity(self.columns.len() + SYSTEM_SLOTS);
            while cursor.advance()? {
                let mut cells = recycle(spare);
                if self.read(cursor.pk(), cursor.row(), &mut cells)? {
                    sink(cursor.pk(), &cells)?;
                    found += 1;
                }
                spare = recycle(cells);
                if found == wanted {
                    // The smallest key behind this one.
                    let start = [cursor.pk(), &[0]].concat();
                    ranges.push(KeyRange { start, end: range.end });
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Reads the cells of a row; `false` if it is hidden or filtered out.
    fn read<'a>(&'a self, pk: &'a [u8], row: &'a [u8], cells: &mut Vec<Cell<'a>>) -> Result<bool> {
        let header: Header = self.projection.read(&self.table, pk, row, cells)?;
        if header.deleted && !self.with_tombstones {
            return Ok(false);
        }
        cells.push(Datum::Timestamp(header.updated));
        cells.push(Datum::Boolean(header.deleted));
        let seq = i64::try_from(header.seq.0).unwrap_or(i64::MAX);
        cells.push(if header.pending { Datum::Null } else { Datum::BigInt(seq) });
        match &self.filter {
            Some(filter) => Ok(filter.truth(cells.as_slice())? == Some(true)),
            None => Ok(true),
        }
    }
}

/// The same allocation for cells that borrow from another row.
fn recycle<'b>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'b>> {
    cells.clear();
    cells.into_iter().map(|_| Datum::Null).collect()
}
