//! ON CONFLICT: what happens to a row whose key is there.

use std::sync::Arc;

use kalamdb_core::catalog::{ColumnDef, Table};
use kalamdb_core::expr::Expr;
use kalamdb_core::mutation::{Assignment as Change, CellList, Patch};
use kalamdb_core::transaction::{Effect, OnConflict as CoreConflict};
use kalamdb_core::{ColumnId, Datum, Error, Result, Transaction, Type, Value};
use sqlparser::ast;

use super::insert::default_literal;
use super::modify::counter_step;
use super::{Writer, in_column, written_column};
use crate::constant::{constant, store};
use crate::expr::{CLOSED_LIST, Columns, TableColumns, translate};
use crate::parse::{Assignment, OnConflict, ident, unsupported};

/// The name of the row that could not be inserted.
const EXCLUDED: &str = "excluded";

/// A compiled ON CONFLICT.
pub(super) struct Upsert {
    table: Arc<Table>,
    /// `None`: DO NOTHING.
    assignments: Option<Vec<(ColumnId, Source)>>,
    /// Over the row that is there, then the excluded one.
    filter: Option<Expr>,
}

/// Where an assigned value comes from.
enum Source {
    Constant(Value),
    Excluded(ColumnId),
    Present(ColumnId),
    /// An addition to a COUNTER.
    Add(Step),
}

/// What is added; `negative` for a subtraction.
struct Step {
    source: Box<Source>,
    negative: bool,
}

impl Upsert {
    pub(super) fn new(writer: &Writer<'_>, table: Arc<Table>, conflict: &OnConflict) -> Result<Upsert> {
        check_target(&table, conflict)?;
        let filter = match &conflict.filter {
            None => None,
            Some(filter) => {
                let expr = translate(filter, &BothRows(&table), &writer.constants())?;
                Some(expr.ok_or_else(|| {
                    unsupported(&format!("WHERE {filter} of DO UPDATE is not supported: use {CLOSED_LIST}"))
                })?)
            }
        };
        let compiled = conflict.update.as_ref().map(|assignments| {
            assignments.iter().map(|assignment| compile(writer, &table, assignment)).collect::<Result<Vec<_>>>()
        });
        Ok(Upsert { assignments: compiled.transpose()?, filter, table })
    }

    /// Inserts `cells` or changes the row that is there.
    pub(super) fn run(&self, tx: &mut Transaction, cells: CellList) -> Result<Effect> {
        let Some(assignments) = &self.assignments else {
            return tx.upsert(self.table.id, cells, CoreConflict::Nothing);
        };
        let excluded = self.row_of(&cells);
        let Some((key, present)) = tx.find_conflict(self.table.id, &cells)? else {
            // Where another device inserts the key first, a condition on its row cannot be decided here.
            let conflict = match self.filter {
                Some(_) => CoreConflict::Nothing,
                None => CoreConflict::Patch(self.patch(assignments, None, &excluded)?),
            };
            return tx.upsert(self.table.id, cells, conflict);
        };
        if let Some(filter) = &self.filter {
            let both: Vec<Value> = present.cells.iter().chain(&excluded).cloned().collect();
            if filter.truth(both.as_slice())? != Some(true) {
                return Ok(Effect::Nothing);
            }
        }
        let patch = self.patch(assignments, Some(&present.cells), &excluded)?;
        tx.update(self.table.id, &key, patch)
    }

    /// A cell for each column ever, with literal defaults.
    fn row_of(&self, cells: &CellList) -> Vec<Value> {
        let default = |column: &ColumnDef| match &column.default {
            Some(kalamdb_core::catalog::Default::Literal(value)) => value.clone(),
            _ => Datum::Null,
        };
        let mut row: Vec<Value> = self.table.columns.iter().map(default).collect();
        for (id, value) in cells {
            if let Some(cell) = row.get_mut(id.0 as usize) {
                *cell = value.clone();
            }
        }
        row
    }

    fn patch(
        &self,
        assignments: &[(ColumnId, Source)],
        present: Option<&[Value]>,
        excluded: &[Value],
    ) -> Result<Patch> {
        let mut patch = Patch::new();
        for (id, source) in assignments {
            let Some(column) = self.table.column(*id) else { continue };
            let in_column = |error| in_column(error, &self.table, column);
            let change = match source {
                Source::Add(step) => match value_of(&step.source, present, excluded) {
                    Some(delta) => Change::Add(step.delta(&delta).map_err(in_column)?),
                    None => continue,
                },
                source => match value_of(source, present, excluded) {
                    Some(value) => Change::Set(store(plain(value), column.ty).map_err(in_column)?),
                    None => continue,
                },
            };
            patch.push((*id, change));
        }
        Ok(patch)
    }
}

impl Step {
    fn delta(&self, value: &Value) -> Result<i64> {
        match plain(value.clone()).convert(Type::BigInt) {
            Some(Datum::BigInt(delta)) => counter_step(delta, self.negative),
            _ => Err(Error::invalid("wrong_type", format!("a COUNTER grows by an integer, not by {value}"))),
        }
    }
}

/// A COUNTER as the number that it shows.
fn plain(value: Value) -> Value {
    match value {
        Datum::Counter(counter) => Datum::BigInt(counter.value()),
        value => value,
    }
}

/// `None` where the row that is there decides and there is none.
fn value_of(source: &Source, present: Option<&[Value]>, excluded: &[Value]) -> Option<Value> {
    match source {
        Source::Constant(value) => Some(value.clone()),
        Source::Excluded(id) => excluded.get(id.0 as usize).cloned(),
        Source::Present(id) => present?.get(id.0 as usize).cloned(),
        Source::Add(_) => None,
    }
}

fn check_target(table: &Table, conflict: &OnConflict) -> Result<()> {
    let Some(target) = &conflict.target else { return Ok(()) };
    let mut ids =
        target.iter().map(|name| written_column(table, name).map(|column| column.id)).collect::<Result<Vec<_>>>()?;
    let mut key = table.primary_key.clone();
    ids.sort_unstable();
    key.sort_unstable();
    if ids == key {
        return Ok(());
    }
    let message =
        format!("ON CONFLICT ({}): only the primary key of table `{}` is unique", target.join(", "), table.full_name());
    Err(Error::invalid("invalid_conflict_target", message))
}

fn compile(writer: &Writer<'_>, table: &Table, assignment: &Assignment) -> Result<(ColumnId, Source)> {
    let column = written_column(table, &assignment.column)?;
    if table.is_key(column.id) {
        let message = format!(
            "column `{}` belongs to the primary key of table `{}`: it cannot be assigned",
            column.name,
            table.full_name()
        );
        return Err(Error::invalid("key_update", message));
    }
    let Some(expr) = &assignment.value else {
        return Ok((column.id, Source::Constant(default_literal(table, column)?)));
    };
    if column.ty == Type::Counter
        && let Some((expr, negative)) =
            super::modify::counter_addition(expr, column, &[None, Some(table.name.as_str())])
    {
        let source = Box::new(source(writer, table, expr, Type::BigInt)?);
        return Ok((column.id, Source::Add(Step { source, negative })));
    }
    let source = source(writer, table, expr, column.ty).map_err(|error| in_column(error, table, column))?;
    Ok((column.id, source))
}

fn source(writer: &Writer<'_>, table: &Table, expr: &ast::Expr, ty: Type) -> Result<Source> {
    if let Some(value) = constant(expr, &writer.constants())? {
        return value.store(ty).map(Source::Constant);
    }
    let (qualifier, name) = match expr {
        ast::Expr::Identifier(name) => (None, name),
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [.., table, name] => (Some(ident(table)), name),
            _ => return Err(unsupported_value(expr)),
        },
        _ => return Err(unsupported_value(expr)),
    };
    let id = written_column(table, &ident(name))?.id;
    match qualifier.as_deref() {
        Some(EXCLUDED) => Ok(Source::Excluded(id)),
        None => Ok(Source::Present(id)),
        Some(own) if own == table.name.as_str() => Ok(Source::Present(id)),
        Some(other) => {
            Err(Error::invalid("unknown_table", format!("DO UPDATE knows the table and `excluded`, not `{other}`")))
        }
    }
}

fn unsupported_value(expr: &ast::Expr) -> Error {
    unsupported(&format!(
        "DO UPDATE SET … = {expr} is not supported: use constants, columns, excluded.column, and + or - on a COUNTER"
    ))
}

struct BothRows<'a>(&'a Table);

impl Columns for BothRows<'_> {
    fn column(&self, qualifier: Option<&str>, name: &str) -> Result<(u32, Type)> {
        let stored = u32::try_from(self.0.columns.len()).unwrap_or(u32::MAX);
        let excluded = qualifier == Some(EXCLUDED);
        let qualifier = qualifier.filter(|_| !excluded);
        let (place, ty) = TableColumns { table: self.0, alias: None }.column(qualifier, name)?;
        if place >= stored {
            return Err(unsupported("system columns are not supported in the WHERE of DO UPDATE"));
        }
        Ok((if excluded { place + stored } else { place }, ty))
    }
}
