//! What a statement answers.

use kalamdb_core::{Type, Value};

use crate::backend::Committed;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its name, as the query gives it.
    pub name: String,
    /// The type of its values; they may be NULL.
    pub ty: Type,
    /// Whether it counts: the values of a COUNTER, or COUNT(…).
    pub counts: bool,
}

impl ResultColumn {
    /// A column that does not count.
    pub fn new(name: impl Into<String>, ty: Type) -> ResultColumn {
        ResultColumn { name: name.into(), ty, counts: false }
    }
}

/// The answer to one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatementResult {
    /// What ran: `SELECT`, `INSERT`, `CREATE TABLE`, …
    pub tag: &'static str,
    /// The columns of a query; empty for other statements.
    pub columns: Vec<ResultColumn>,
    /// The rows of a query.
    pub rows: Vec<Vec<Value>>,
    /// Rows inserted, changed or deleted.
    pub affected: u64,
    /// The commit, if the statement made one: a write outside BEGIN … COMMIT, or COMMIT itself.
    pub committed: Option<Committed>,
}

impl StatementResult {
    /// The answer of a statement without rows.
    pub fn done(tag: &'static str) -> StatementResult {
        StatementResult { tag, ..StatementResult::default() }
    }

    /// The answer of a query.
    pub fn rows(tag: &'static str, columns: Vec<ResultColumn>, rows: Vec<Vec<Value>>) -> StatementResult {
        StatementResult { tag, columns, rows, ..StatementResult::default() }
    }
}
