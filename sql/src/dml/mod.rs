//! INSERT, UPDATE and DELETE: rows and values are found first, then written through core's transaction.
//!
//! Constants and conditions on core's closed list need no query engine; the rest is asked of it as a SELECT of the
//! primary key and the new values.

mod insert;
mod modify;
mod upsert;

use std::sync::Arc;

use kalamdb_core::catalog::{ColumnDef, SYSTEM_COLUMNS, Table};
use kalamdb_core::{Error, Result, Transaction, Value};
use sqlparser::ast;

use crate::backend::Backend;
use crate::constant::{Constants, constant, store};
use crate::ddl::read_only;
use crate::parse::{Query, TableName};
use crate::reader::{Answer, Reader};
use crate::system::SYSTEM;

pub use insert::insert;
pub use modify::{delete, update};

/// What a writing statement works with.
pub struct Writer<'a> {
    /// The transaction.
    pub tx: &'a mut Transaction,
    /// The parameters.
    pub params: &'a [Value],
    /// The copy.
    pub backend: &'a dyn Backend,
    /// The query engine.
    pub reader: &'a mut Reader,
}

impl Writer<'_> {
    fn constants(&self) -> Constants<'_> {
        Constants { params: self.params, now: self.tx.now(), backend: Some(self.backend) }
    }

    /// The table that the statement writes to.
    fn table(&self, name: &TableName) -> Result<Arc<Table>> {
        if name.namespace == SYSTEM {
            return Err(read_only(name));
        }
        self.tx.view().catalog().table_named(&name.namespace, &name.table).cloned()
    }

    /// Rows of a query that sees the transaction.
    async fn rows(&mut self, query: &Query) -> Result<Answer> {
        let (view, now) = (self.tx.view().clone(), self.tx.now());
        self.reader.rows(view, query, self.params, now).await
    }

    /// The value of an expression without columns: a constant, a generated id, or what the query engine makes of it.
    async fn single_value(&mut self, expr: &ast::Expr, column: &ColumnDef) -> Result<Value> {
        if let Some(value) = constant(expr, &self.constants())? {
            return value.store(column.ty);
        }
        if let Some(value) = self.generated(expr) {
            return store(value, column.ty);
        }
        let query = crate::parse::select_of(vec![expr.clone()], None, None)?;
        let (_, rows) = self.rows(&query).await?;
        let value = rows.into_iter().next().and_then(|row| row.into_iter().next());
        store(value.unwrap_or(Value::Null), column.ty)
    }

    fn generated(&self, expr: &ast::Expr) -> Option<Value> {
        let ast::Expr::Function(function) = expr else { return None };
        let random = || self.backend.random();
        match crate::constant::bare_function(function)?.as_str() {
            "uuid_v7" => Some(Value::Uuid(kalamdb_core::transaction::uuid_v7(self.tx.now(), random()))),
            "ulid" => Some(Value::Text(kalamdb_core::transaction::ulid(self.tx.now(), random()))),
            _ => None,
        }
    }
}

/// A column that a statement writes to.
fn written_column<'a>(table: &'a Table, name: &str) -> Result<&'a ColumnDef> {
    if SYSTEM_COLUMNS.contains(&name) {
        let message =
            format!("column `{name}` of table `{}` is a system column: it cannot be written", table.full_name());
        return Err(Error::invalid("system_column", message));
    }
    table.column_named(name).ok_or_else(|| {
        let message = format!("table `{}` has no column `{name}`: check its spelling", table.full_name());
        Error::invalid("unknown_column", message)
    })
}

/// The same error, saying which column it is about.
fn in_column(error: Error, table: &Table, column: &ColumnDef) -> Error {
    error.context(format!("column `{}` of table `{}`", column.name, table.full_name()))
}
