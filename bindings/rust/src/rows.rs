//! What a query answers.

use kalamdb_core::Value;
use kalamdb_sql::{ResultColumn, StatementResult};

/// Columns and rows of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The columns.
    pub columns: Vec<ResultColumn>,
    /// The rows; each has a value for each column.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// The rows of a query.
    pub(crate) fn of(result: StatementResult) -> Rows {
        Rows { columns: result.columns, rows: result.rows }
    }

    /// The place of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
