//! The rows of a file, gathered by user.

use std::collections::HashMap;
use std::sync::Arc;

use kalamdb_core::mutation::CellList;
use kalamdb_core::{ColumnId, Datum, Error, Name, Result, Table, UserId, Value};
use kalamdb_sql::import::RowReader;

use super::source::Source;
use super::{BATCH_ROWS_MAX, IMPORT_ROWS_MAX};

/// Bytes of one user's rows from which on they are a batch.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Bytes of all users' rows from which on every user's are a batch.
const GATHERED_BYTES_MAX: usize = 128 << 20;
/// What a cell takes beside its text.
const CELL_BYTES: usize = 48;

/// A row and where it stood.
pub(super) struct SourceRow {
    /// Counted from 1; the header of a CSV file does not count.
    number: u64,
    pub cells: CellList,
}

impl SourceRow {
    /// Where the row stands, for messages.
    pub fn place(&self, user: &UserId) -> String {
        format!("row {} (user `{user}`)", self.number)
    }
}

/// Rows of one user that are written together.
pub(super) struct Batch {
    pub user: UserId,
    /// Counted from 0 for each user.
    pub number: u64,
    pub rows: Vec<SourceRow>,
}

#[derive(Default)]
struct Gathered {
    next: u64,
    bytes: usize,
    rows: Vec<SourceRow>,
}

/// A walk over the batches of a file.
pub(super) struct Batches<'a> {
    source: &'a Source,
    reader: Box<dyn RowReader>,
    total: Option<u64>,
    user_column: &'a (ColumnId, Name),
    users: HashMap<UserId, Gathered>,
    /// Users in the order in which they appear.
    order: Vec<UserId>,
    bytes: usize,
    rows: u64,
}

impl<'a> Batches<'a> {
    pub fn new(source: &'a Source, table: &Arc<Table>, user_column: &'a (ColumnId, Name)) -> Result<Batches<'a>> {
        let (reader, total) = source.rows(table)?;
        Ok(Batches { source, reader, total, user_column, users: HashMap::new(), order: Vec::new(), bytes: 0, rows: 0 })
    }

    /// Calls `work` for each batch; how many rows there were.
    pub fn each(
        mut self,
        report: &mut dyn FnMut(u64, Option<u64>),
        mut work: impl FnMut(Batch) -> Result<()>,
    ) -> Result<u64> {
        loop {
            let rows = self.reader.next_batch().map_err(|error| self.source.named(error))?;
            if rows.is_empty() {
                break;
            }
            for cells in rows {
                if let Some(batch) = self.gather(cells).map_err(|error| self.source.named(error))? {
                    work(batch).map_err(|error| self.source.named(error))?;
                }
            }
            if self.bytes >= GATHERED_BYTES_MAX {
                self.finish(&mut work)?;
            }
            report(self.rows, self.total);
        }
        self.finish(&mut work)?;
        Ok(self.rows)
    }

    /// Adds a row to its user's; a batch if these are enough.
    fn gather(&mut self, cells: CellList) -> Result<Option<Batch>> {
        self.rows += 1;
        if self.rows > IMPORT_ROWS_MAX {
            let message = format!("more than {IMPORT_ROWS_MAX} rows, the limit of one import: split the file");
            return Err(Error::quota("too_many_rows", message));
        }
        let user = self.user_of(&cells)?;
        let bytes: usize = cells.iter().map(|(_, value)| CELL_BYTES + text_bytes(value)).sum();
        let gathered = match self.users.get_mut(&user) {
            Some(gathered) => gathered,
            None => {
                self.order.push(user.clone());
                self.users.entry(user.clone()).or_default()
            }
        };
        gathered.rows.push(SourceRow { number: self.rows, cells });
        gathered.bytes += bytes;
        self.bytes += bytes;
        if gathered.rows.len() < BATCH_ROWS_MAX && gathered.bytes < BATCH_BYTES_MAX {
            return Ok(None);
        }
        self.bytes -= gathered.bytes;
        Ok(Some(gathered.take(user)))
    }

    fn user_of(&self, cells: &CellList) -> Result<UserId> {
        let (column, name) = self.user_column;
        let place = || format!("row {}, column `{name}`", self.rows);
        let value = cells.iter().find(|(id, _)| id == column).map(|(_, value)| value);
        match value {
            None | Some(Datum::Null) => {
                let message = format!("{}: there is no user: every row needs one", place());
                Err(Error::invalid("user_missing", message))
            }
            Some(value) => UserId::new(value.to_string()).map_err(|error| error.context(place())),
        }
    }

    /// Makes a batch of what is left of each user.
    fn finish(&mut self, work: &mut impl FnMut(Batch) -> Result<()>) -> Result<()> {
        for user in &self.order {
            if let Some(gathered) = self.users.get_mut(user).filter(|gathered| !gathered.rows.is_empty()) {
                work(gathered.take(user.clone())).map_err(|error| self.source.named(error))?;
            }
        }
        self.bytes = 0;
        Ok(())
    }
}

impl Gathered {
    fn take(&mut self, user: UserId) -> Batch {
        let number = self.next;
        self.next += 1;
        self.bytes = 0;
        Batch { user, number, rows: std::mem::take(&mut self.rows) }
    }
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Datum::Text(text) | Datum::Json(text) => text.len(),
        Datum::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}
