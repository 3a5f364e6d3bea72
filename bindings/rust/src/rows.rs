//! What a query answers.

use kalamdb_core::{Error, Result, Value};
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
    /// The rows of the only statement of a text.
    pub(crate) fn only(mut results: Vec<StatementResult>) -> Result<Rows> {
        match (results.pop(), results.is_empty()) {
            (Some(result), true) if !result.columns.is_empty() => {
                Ok(Rows { columns: result.columns, rows: result.rows })
            }
            _ => Err(Error::invalid("no_query", "the text is not one query: use execute or run for other statements")),
        }
    }

    /// The place of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
