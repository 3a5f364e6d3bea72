//! Reading the fields that a query wants out of an encoded row.

use super::declare::Field;
use crate::Result;
use crate::catalog::Table;
use crate::expr::Cells;
use crate::ids::ColumnId;
use crate::row::Projection;
use crate::value::{Cell, Datum, Value, ValueRef};

/// Wanted fields, each in a slot of its own: columns first, then system columns.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    fields: Vec<Field>,
    system: Vec<Field>,
    projection: Projection,
}

impl Reading {
    /// Wants these fields; one that stands twice has one slot.
    pub(super) fn new(table: &Table, fields: impl Iterator<Item = Field>) -> Reading {
        let mut fields: Vec<Field> = fields.collect();
        fields.sort_unstable();
        fields.dedup();
        let columns: Vec<ColumnId> = fields.iter().filter_map(|field| column_of(*field)).collect();
        let system = fields.get(columns.len()..).unwrap_or_default().to_vec();
        Reading { projection: Projection::new(table, &columns), system, fields }
    }

    /// How many slots there are.
    pub(super) fn width(&self) -> usize {
        self.fields.len()
    }

    /// The fields in the order of their slots.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The slot of a field that was wanted.
    pub(super) fn slot(&self, field: Field) -> usize {
        self.fields.binary_search(&field).expect("every field that a query names is among those it wants")
    }

    /// Reads the wanted fields of a row into `out`.
    pub(super) fn read<'a>(
        &'a self,
        table: &Table,
        pk: &'a [u8],
        row: &'a [u8],
        out: &mut Vec<Cell<'a>>,
    ) -> Result<()> {
        let header = self.projection.read(table, pk, row, out)?;
        for field in &self.system {
            out.push(match field {
                Field::Updated => Datum::Timestamp(header.updated),
                Field::Deleted => Datum::Boolean(header.deleted),
                Field::Seq if header.pending => Datum::Null,
                Field::Seq => Datum::BigInt(i64::try_from(header.seq.0).unwrap_or(i64::MAX)),
                Field::Column(_) => Datum::Null,
            });
        }
        Ok(())
    }
}

/// The column that a field is.
pub(super) fn column_of(field: Field) -> Option<ColumnId> {
    if let Field::Column(id) = field { Some(id) } else { None }
}

/// What a query sees in a cell: a COUNTER reads as BIGINT.
#[inline]
pub(super) fn visible<'a>(cell: &'a Cell<'_>) -> ValueRef<'a> {
    match cell.borrow() {
        Datum::Counter(counter) => Datum::BigInt(counter.value()),
        value => value,
    }
}

/// An empty vector for cells of another row in the memory of one that was used.
pub(super) fn recycle<'b>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'b>> {
    cells.clear();
    cells.into_iter().map(|_| unreachable!("the vector was cleared")).collect()
}

/// An empty vector for values of another row in the memory of one that was used.
pub(super) fn recycle_values<'b>(mut values: Vec<ValueRef<'_>>) -> Vec<ValueRef<'b>> {
    values.clear();
    values.into_iter().map(|_| unreachable!("the vector was cleared")).collect()
}

/// The cells of a row, and behind them the parameters of the query.
pub(super) struct Slots<'a> {
    pub(super) cells: &'a [Cell<'a>],
    pub(super) parameters: &'a [Value],
}

impl<'a> Cells<'a> for Slots<'a> {
    fn cell(&'a self, at: u32) -> Result<ValueRef<'a>> {
        match self.cells.get(at as usize) {
            Some(cell) => Ok(cell.borrow()),
            None => self.parameters.cell(at - self.cells.len() as u32),
        }
    }
}
