//! INSERT.

use std::sync::Arc;

use kalamdb_core::catalog::{ColumnDef, Default, Table};
use kalamdb_core::mutation::{CellList, TRANSACTION_OPS_MAX};
use kalamdb_core::transaction::Effect;
use kalamdb_core::{Error, Result};
use sqlparser::ast;

use super::upsert::Upsert;
use super::{Writer, in_column, written_column};
use crate::constant::store;
use crate::parse::{Insert, InsertSource};

/// Inserts rows; returns how many were inserted or, by ON CONFLICT, changed.
///
/// # Errors
/// Kind `conflict` if a key exists, `invalid` if a value does not fit; then nothing is inserted.
pub async fn insert(writer: &mut Writer<'_>, insert: &Insert) -> Result<u64> {
    let table = writer.table(&insert.table)?;
    let columns = columns(&table, insert)?;
    let rows = match &insert.source {
        InsertSource::Defaults => vec![CellList::new()],
        InsertSource::Values(rows) => values(writer, &table, &columns, rows).await?,
        InsertSource::Query(query) => {
            let (_, rows) = writer.rows(query).await?;
            check_count(&table, rows.len())?;
            rows.into_iter().zip(1..).map(|(row, at)| stored(&table, &columns, row, at)).collect::<Result<_>>()?
        }
    };
    let upsert = match &insert.on_conflict {
        Some(conflict) => Some(Upsert::new(writer, table.clone(), conflict)?),
        None => None,
    };
    write(writer, &table, rows, upsert.as_ref())
}

fn write(writer: &mut Writer<'_>, table: &Table, rows: Vec<CellList>, upsert: Option<&Upsert>) -> Result<u64> {
    let count = rows.len();
    let mut affected = 0;
    for (cells, at) in rows.into_iter().zip(1..) {
        let effect = match upsert {
            None => writer.tx.insert(table.id, cells).map(|_| Effect::Changed),
            Some(upsert) => upsert.run(writer.tx, cells),
        };
        let effect = effect.map_err(|error| if count > 1 { error.context(format!("row {at}")) } else { error })?;
        affected += u64::from(effect == Effect::Changed);
    }
    Ok(affected)
}

fn columns<'a>(table: &'a Arc<Table>, insert: &Insert) -> Result<Vec<&'a ColumnDef>> {
    let Some(names) = &insert.columns else { return Ok(table.live_columns().collect()) };
    let mut columns: Vec<&ColumnDef> = Vec::with_capacity(names.len());
    for name in names {
        let column = written_column(table, name)?;
        if columns.iter().any(|known| known.id == column.id) {
            return Err(Error::invalid("duplicate_column", format!("column `{name}` is named twice")));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn check_count(table: &Table, rows: usize) -> Result<()> {
    if rows <= TRANSACTION_OPS_MAX {
        return Ok(());
    }
    let message = format!(
        "{rows} rows for table `{}`: a transaction takes at most {TRANSACTION_OPS_MAX}, split them",
        table.full_name()
    );
    Err(Error::quota("transaction_too_large", message))
}

fn check_width(table: &Table, columns: usize, values: usize, row: usize) -> Result<()> {
    if columns == values {
        return Ok(());
    }
    let message = format!("row {row} has {values} values for {columns} columns of table `{}`", table.full_name());
    Err(Error::invalid("wrong_value_count", message))
}

async fn values(
    writer: &mut Writer<'_>,
    table: &Table,
    columns: &[&ColumnDef],
    rows: &[Vec<Option<ast::Expr>>],
) -> Result<Vec<CellList>> {
    check_count(table, rows.len())?;
    let mut all = Vec::with_capacity(rows.len());
    for (row, at) in rows.iter().zip(1..) {
        check_width(table, columns.len(), row.len(), at)?;
        let mut cells = CellList::with_capacity(row.len());
        for (expr, column) in row.iter().zip(columns) {
            let Some(expr) = expr else { continue };
            let value = writer.single_value(expr, column).await;
            let value = value.map_err(|error| in_row(in_column(error, table, column), at, rows.len()))?;
            cells.push((column.id, value));
        }
        all.push(cells);
    }
    Ok(all)
}

fn stored(table: &Table, columns: &[&ColumnDef], row: Vec<kalamdb_core::Value>, at: usize) -> Result<CellList> {
    check_width(table, columns.len(), row.len(), at)?;
    let cell = |(value, column): (kalamdb_core::Value, &&ColumnDef)| match store(value, column.ty) {
        Ok(value) => Ok((column.id, value)),
        Err(error) => Err(in_column(error, table, column).context(format!("row {at}"))),
    };
    row.into_iter().zip(columns).map(cell).collect()
}

fn in_row(error: Error, at: usize, count: usize) -> Error {
    if count > 1 { error.context(format!("row {at}")) } else { error }
}

/// The value of `SET column = DEFAULT`.
pub(super) fn default_literal(table: &Table, column: &ColumnDef) -> Result<kalamdb_core::Value> {
    match &column.default {
        None => Ok(kalamdb_core::Value::Null),
        Some(Default::Literal(value)) => Ok(value.clone()),
        Some(_) => {
            let message = format!(
                "SET {} = DEFAULT: the default of table `{}` is a function, write the function",
                column.name,
                table.full_name()
            );
            Err(Error::invalid("unsupported", message))
        }
    }
}
