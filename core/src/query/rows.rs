//! The rows of a result.

use std::sync::Arc;

use super::declare::Limits;
use super::plan::OutputColumn;
use crate::Result;
use crate::codec::{Reader, Writer};
use crate::value::{Value, ValueRef};

/// A result: columns, and rows of as many values, encoded in one buffer and read where they stand.
///
/// Two results are equal if they have the same columns and the same rows in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    columns: Arc<[OutputColumn]>,
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

/// One row of a result.
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'a> {
    bytes: &'a [u8],
}

impl Rows {
    pub(super) fn new(columns: Arc<[OutputColumn]>) -> Rows {
        Rows { columns, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Adds a row under a limit.
    pub(super) fn push(&mut self, row: &[ValueRef<'_>], limits: &Limits) -> Result<()> {
        let mut out = Writer::on(std::mem::take(&mut self.bytes));
        row.iter().for_each(|value| value.write(&mut out));
        self.bytes = out.into_vec();
        self.ends.push(self.bytes.len());
        limits.check(self.ends.len(), self.bytes.len() + self.ends.len() * size_of::<usize>())
    }

    /// The columns.
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The row at this place.
    pub fn get(&self, at: usize) -> Option<RowRef<'_>> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end).map(|bytes| RowRef { bytes })
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RowRef<'_>> + '_ {
        (0..self.len()).map(|at| self.get(at).expect("the place is below the number of rows"))
    }

    /// The values of every row.
    pub fn to_values(&self) -> Vec<Vec<Value>> {
        self.iter().map(|row| row.values().map(|value| value.to_owned()).collect()).collect()
    }
}

impl<'a> RowRef<'a> {
    /// The values, one for each column.
    pub fn values(self) -> impl Iterator<Item = ValueRef<'a>> {
        let mut input = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            if input.is_empty() {
                return None;
            }
            Some(ValueRef::read(&mut input).expect("a result holds what it encoded itself"))
        })
    }

    /// The value of the column at this place; columns before it are stepped over.
    pub fn value(self, column: usize) -> Option<ValueRef<'a>> {
        self.values().nth(column)
    }
}
