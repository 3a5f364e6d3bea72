//! The rows of a result.

use std::sync::Arc;

use super::aggregate::text_bytes;
use super::declare::Limits;
use super::plan::OutputColumn;
use crate::Result;
use crate::value::{Value, ValueRef};

/// A result: columns, and rows of as many values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    columns: Arc<[OutputColumn]>,
    /// Row after row.
    values: Vec<Value>,
}

impl Rows {
    pub(super) fn new(columns: Arc<[OutputColumn]>) -> Rows {
        Rows { columns, values: Vec::new() }
    }

    /// The columns.
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.columns.len().max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values of the row at this place.
    pub fn get(&self, at: usize) -> Option<&[Value]> {
        self.iter().nth(at)
    }

    /// The values of each row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[Value]> + '_ {
        self.values.chunks_exact(self.columns.len().max(1))
    }

    /// Every value, row after row.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }
}

/// Collects rows under a limit.
pub(super) struct Collector {
    pub(super) rows: Rows,
    text_bytes: usize,
    limits: Limits,
}

impl Collector {
    pub(super) fn new(columns: Arc<[OutputColumn]>, limits: Limits) -> Collector {
        Collector { rows: Rows::new(columns), text_bytes: 0, limits }
    }

    pub(super) fn push(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        self.text_bytes += row.iter().map(text_bytes).sum::<usize>();
        self.rows.values.extend(row.iter().map(ValueRef::to_owned));
        self.limits.check(self.rows.len(), self.text_bytes + self.rows.values.len() * size_of::<Value>())
    }
}
