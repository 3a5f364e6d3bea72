//! What holds for every write, on devices and on the server: known columns, right types, NOT NULL, CHECK; and the
//! index entries that follow a row.

use crate::catalog::{IndexDef, Table};
use crate::ids::{ColumnId, Generation, SpaceId};
use crate::key::KEY_TOO_LONG;
use crate::merge::show_key;
use crate::mutation::{Assignment, Op, OpKind};
use crate::planted::{Bug, is_planted};
use crate::row::{Projection, Row};
use crate::store::{Direction, KeyRange, Partition, WriteBatch};
use crate::value::{Datum, Type, Value};
use crate::view::View;
use crate::{Error, Result, key, keys};

/// Checks the form of an operation against its table: key, columns, types.
///
/// # Errors
/// Kind `invalid`, naming table and column.
pub fn check_op(table: &Table, op: &Op) -> Result<()> {
    check_key(table, &op.key)?;
    check_cells(table, op)
}

/// As [`check_op`], where the key was made from values that fit.
///
/// # Errors
/// As [`check_op`].
pub fn check_cells(table: &Table, op: &Op) -> Result<()> {
    let (cells, patch) = match &op.kind {
        OpKind::Insert(cells) => (Some(cells), None),
        OpKind::Upsert(cells, patch) => (Some(cells), Some(patch)),
        OpKind::Update(patch) => (None, Some(patch)),
        OpKind::Delete => (None, None),
    };
    for (column, value) in cells.into_iter().flatten() {
        check_cell(table, *column, value)?;
    }
    for (column, assignment) in patch.into_iter().flatten() {
        match assignment {
            Assignment::Set(value) => check_cell(table, *column, value)?,
            Assignment::Add(_) => check_cell(table, *column, &Datum::Counter(crate::value::Counter::default()))?,
        }
    }
    Ok(())
}

/// Checks that bytes are a primary key of the table.
///
/// # Errors
/// Kind `invalid` if they are not.
pub fn check_key(table: &Table, pk: &[u8]) -> Result<()> {
    let values = key::read_tuple(pk).map_err(|error| Error::invalid("invalid_key", error.message()))?;
    let typed = values.len() == table.primary_key.len()
        && values
            .iter()
            .zip(&table.primary_key)
            .all(|(value, id)| !value.is_null() && table.column(*id).is_some_and(|column| value.fits(column.ty)));
    if typed && key::tuple(values.iter()).is_ok_and(|again| again == pk) {
        return Ok(());
    }
    let message = format!("{} is no primary key of table `{}`", show_key(pk), table.full_name());
    Err(Error::invalid("invalid_key", message))
}

fn check_cell(table: &Table, id: ColumnId, value: &Value) -> Result<()> {
    let Some(column) = table.column(id) else {
        return Err(Error::invalid(
            "unknown_column",
            format!("table `{}` has no column number {id}", table.full_name()),
        ));
    };
    // Cells are many: only one that does not fit costs a text.
    let name = || format!("column `{}` of table `{}`", column.name, table.full_name());
    if column.dropped.is_some() {
        return Err(Error::invalid("unknown_column", format!("{} was dropped", name())));
    }
    if table.is_key(id) {
        let message = format!("{} belongs to the primary key: it cannot be assigned", name());
        return Err(Error::invalid("key_update", message));
    }
    if !value.fits(column.ty) {
        let (name, ty, shown) = (name(), column.ty, shown(value));
        let message = format!("{name} has type {ty}: it cannot hold {shown} of type {}", value.type_name());
        return Err(Error::invalid("wrong_type", message));
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// Checks NOT NULL and CHECK for a whole row.
///
/// # Errors
/// Kind `invalid`, naming column or constraint.
pub fn check_row(table: &Table, row: &Row) -> Result<()> {
    for column in table.live_columns() {
        if !column.nullable && row.cell(column.id).is_null() {
            let message =
                format!("column `{}` of table `{}` is NOT NULL: give a value", column.name, table.full_name());
            return Err(Error::invalid("not_null", message));
        }
    }
    for check in &table.checks {
        if check.expr.truth(row.cells.as_slice())? == Some(false) {
            let message = format!(
                "row violates check `{}` of table `{}`: it must hold that {}",
                check.name,
                table.full_name(),
                check.sql
            );
            return Err(Error::invalid("check_violation", message));
        }
    }
    Ok(())
}

/// Where the index entries of a copy live.
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    /// The space.
    pub space: SpaceId,
    /// The generation.
    pub generation: Generation,
}

impl Copy {
    /// Adds to `batch` what changes in all indexes when a row becomes another; tombstones have no entries. An entry that
    /// would be too long is left out, and the index is not used in this copy any more: a row may come from another
    /// copy, or be older than the index, so that there is nobody to refuse it to.
    ///
    /// # Errors
    /// Kind `corrupt` if a row does not fit its table.
    pub fn reindex(
        &self,
        table: &Table,
        pk: &[u8],
        old: Option<&Row>,
        new: Option<&Row>,
        batch: &mut WriteBatch,
    ) -> Result<()> {
        for index in &table.indexes {
            let old = self.entry(index, pk, old)?;
            let new = self.entry(index, pk, new)?;
            if old == new {
                continue;
            }
            if let Entry::At(key) = old
                && !is_planted(Bug::IndexEntryStays)
            {
                batch.delete(Partition::Index, key);
            }
            self.put(index, new, batch);
        }
        Ok(())
    }

    /// Adds an entry, or the mark that one is missing.
    fn put(&self, index: &IndexDef, entry: Entry, batch: &mut WriteBatch) {
        match entry {
            Entry::None => {}
            Entry::At(key) => batch.put(Partition::Index, key, Vec::new()),
            Entry::TooLong => {
                batch.put(Partition::Index, keys::index_built(self.space, self.generation, index.id), INDEX_HAS_GAPS);
            }
        }
    }

    fn entry(&self, index: &IndexDef, pk: &[u8], row: Option<&Row>) -> Result<Entry> {
        let Some(row) = row.filter(|row| !row.header.deleted) else { return Ok(Entry::None) };
        self.entry_of(index, pk, index.columns.iter().map(|id| row.cell(*id)))
    }

    /// The entry of a live row with these values in the index's columns.
    fn entry_of<'a, S: AsRef<str> + 'a, B: AsRef<[u8]> + 'a>(
        &self,
        index: &IndexDef,
        pk: &[u8],
        values: impl Iterator<Item = &'a Datum<S, B>>,
    ) -> Result<Entry> {
        match keys::index_entry(self.space, self.generation, index.id, values, pk) {
            Ok(key) => Ok(Entry::At(key)),
            Err(error) if error.code() == KEY_TOO_LONG => Ok(Entry::TooLong),
            Err(error) => Err(error),
        }
    }
}

/// The place of a row in an index.
#[derive(PartialEq, Eq)]
enum Entry {
    /// It has none: there is no live row.
    None,
    /// Under this key.
    At(Vec<u8>),
    /// The key would be too long.
    TooLong,
}

/// The value of an index's mark from the first entry on that was left out. Without it, the index holds every row.
pub(crate) const INDEX_HAS_GAPS: [u8; 1] = [1];

/// Bytes of index entries that are written with one commit while an index is built.
const BUILD_BYTES_MAX: usize = 4 << 20;
/// Bytes of index entries that are sorted at once: in the order of their keys, they are written several times faster.
const RUN_BYTES_MAX: usize = 32 << 20;

/// Index entries that wait to be sorted.
#[derive(Default)]
struct Run {
    keys: Vec<Vec<u8>>,
    bytes: usize,
}

impl Run {
    fn push(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.keys.push(key);
    }

    /// Writes the entries in order; what is left goes into `batch`.
    fn write(&mut self, batch: &mut WriteBatch, commit: &mut impl FnMut(WriteBatch) -> Result<()>) -> Result<()> {
        self.bytes = 0;
        self.keys.sort_unstable();
        for key in self.keys.drain(..) {
            batch.put(Partition::Index, key, Vec::new());
            if batch.bytes() >= BUILD_BYTES_MAX {
                commit(std::mem::take(batch))?;
            }
        }
        Ok(())
    }
}

/// The type that a query sees in a column: a COUNTER reads as BIGINT.
pub fn read_type(ty: Type) -> Type {
    if ty == Type::Counter { Type::BigInt } else { ty }
}

/// Builds every index of the view's catalog that has not been built: `commit` is given entries and, last, marks. Broken
/// off, it begins anew the next time.
///
/// # Errors
/// What the store or `commit` give.
pub fn build_indexes(view: &View, copy: Copy, mut commit: impl FnMut(WriteBatch) -> Result<()>) -> Result<()> {
    let mut batch = WriteBatch::new();
    let mut run = Run::default();
    for table in view.catalog().tables() {
        for index in &table.indexes {
            let mark = keys::index_built(copy.space, copy.generation, index.id);
            if view.snapshot.get(Partition::Index, &mark)?.is_some() {
                continue;
            }
            let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward)?;
            let mut has_gaps = false;
            let projection = Projection::new(table, &index.columns);
            while cursor.advance()? {
                let mut cells = Vec::with_capacity(index.columns.len());
                let header = projection.read(table, cursor.pk(), cursor.row(), &mut cells)?;
                if header.deleted {
                    continue;
                }
                match copy.entry_of(index, cursor.pk(), cells.iter())? {
                    Entry::None => {}
                    Entry::At(key) => run.push(key),
                    Entry::TooLong => has_gaps = true,
                }
                if run.bytes >= RUN_BYTES_MAX {
                    run.write(&mut batch, &mut commit)?;
                }
            }
            run.write(&mut batch, &mut commit)?;
            batch.put(Partition::Index, mark, if has_gaps { INDEX_HAS_GAPS.to_vec() } else { Vec::new() });
        }
    }
    if batch.is_empty() { Ok(()) } else { commit(batch) }
}
