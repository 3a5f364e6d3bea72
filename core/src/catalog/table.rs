//! A table definition with what is derived from it once: layouts of every schema version, compiled checks.

use std::ops::Deref;

use super::def::{ColumnDef, IndexDef, TableDef};
use crate::ids::{ColumnId, Name};
use crate::value::Value;
use crate::{Error, Result};

/// Names of the columns that every table has and nobody writes.
pub const SYSTEM_COLUMNS: [&str; 3] = ["_updated", "_deleted", "_seq"];

/// A table ready for use. Dereferences to its [`TableDef`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    def: TableDef,
    /// For each schema version from 1: the columns that a row of that version stores, in order.
    layouts: Vec<Vec<ColumnId>>,
    is_key: Vec<bool>,
}

impl Deref for Table {
    type Target = TableDef;

    fn deref(&self) -> &TableDef {
        &self.def
    }
}

impl Table {
    /// Derives everything from `def`.
    pub fn new(def: TableDef) -> Table {
        let mut is_key = vec![false; def.columns.len()];
        for id in &def.primary_key {
            if let Some(flag) = is_key.get_mut(id.0 as usize) {
                *flag = true;
            }
        }
        let layouts = (1..=def.schema)
            .map(|version| {
                let stored = |column: &&ColumnDef| {
                    !is_key[column.id.0 as usize]
                        && column.added <= version
                        && column.dropped.is_none_or(|dropped| version < dropped)
                };
                def.columns.iter().filter(stored).map(|column| column.id).collect()
            })
            .collect();
        Table { def, layouts, is_key }
    }

    /// The definition.
    pub fn def(&self) -> &TableDef {
        &self.def
    }

    /// The columns that a row of this schema version stores, in order; the key is not among them.
    ///
    /// # Errors
    /// Kind `corrupt` if the version is newer than the definition.
    pub fn layout(&self, schema: u32) -> Result<&[ColumnId]> {
        let known = (schema as usize).checked_sub(1).and_then(|at| self.layouts.get(at));
        known.map(Vec::as_slice).ok_or_else(|| {
            let message = format!(
                "a row of table `{}` has schema version {schema}, the catalog knows {}",
                self.full_name(),
                self.schema
            );
            Error::corrupt("unknown_schema_version", message)
        })
    }

    /// The column with this id, also a dropped one.
    pub fn column(&self, id: ColumnId) -> Option<&ColumnDef> {
        self.columns.get(id.0 as usize)
    }

    /// The columns that exist now, in the order of their ids.
    pub fn live_columns(&self) -> impl Iterator<Item = &ColumnDef> + '_ {
        self.columns.iter().filter(|column| column.dropped.is_none())
    }

    /// The living column with this name.
    pub fn column_named(&self, name: &str) -> Option<&ColumnDef> {
        self.live_columns().find(|column| column.name.as_str() == name)
    }

    /// Whether the column belongs to the primary key.
    pub fn is_key(&self, id: ColumnId) -> bool {
        self.is_key.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// The index with this name.
    pub fn index_named(&self, name: &Name) -> Option<&IndexDef> {
        self.indexes.iter().find(|index| index.name == *name)
    }

    /// An owned cell for each column ever, filled as rows are that are older than the column.
    pub fn fill_cells(&self) -> Vec<Value> {
        self.columns.iter().map(|column| column.fill.clone()).collect()
    }
}
