//! UPDATE and DELETE.

use std::sync::Arc;

use kalamdb_core::catalog::{ColumnDef, Table};
use kalamdb_core::expr::Expr;
use kalamdb_core::mutation::{Assignment as Change, Patch, TRANSACTION_OPS_MAX};
use kalamdb_core::transaction::Effect;
use kalamdb_core::{ColumnId, Datum, Error, Result, Type, Value, key};
use sqlparser::ast::{self, BinaryOperator};

use super::insert::default_literal;
use super::{Writer, in_column, written_column};
use crate::constant::{constant, store};
use crate::expr::{TableColumns, translate};
use crate::parse::{Assignment, Delete, Update, ident, select_of};
use crate::scan::RowScan;

/// Rows that a scan gives at once.
const BATCH_ROWS: usize = 1_024;

/// Updates rows; returns how many changed.
///
/// # Errors
/// Kind `invalid` if a value does not fit or the key is assigned, `quota` past the limits of a transaction; then
/// nothing is changed.
pub async fn update(writer: &mut Writer<'_>, update: &Update) -> Result<u64> {
    let table = writer.table(&update.table)?;
    let alias = update.alias.as_deref();
    let mut targets = Vec::with_capacity(update.assignments.len());
    for assignment in &update.assignments {
        targets.push(Target::new(writer, &table, alias, assignment)?);
    }
    let source = Source { table: table.clone(), name: &update.table, alias, filter: update.filter.as_ref() };
    let computed: Vec<ast::Expr> = targets.iter().filter_map(|target| target.value.computed()).collect();
    let rows = source.rows(writer, computed).await?;
    let mut affected = 0;
    for (key, values) in rows {
        let mut values = values.into_iter();
        let mut patch = Patch::with_capacity(targets.len());
        for target in &targets {
            let change = target.change(&mut values).map_err(|error| in_column(error, &table, &target.column))?;
            patch.push((target.column.id, change));
        }
        affected += u64::from(writer.tx.update(table.id, &key, patch)? == Effect::Changed);
    }
    Ok(affected)
}

/// Deletes rows; returns how many were there.
///
/// # Errors
/// Kind `quota` past the limits of a transaction; then nothing is deleted.
pub async fn delete(writer: &mut Writer<'_>, delete: &Delete) -> Result<u64> {
    let table = writer.table(&delete.table)?;
    let alias = delete.alias.as_deref();
    let source = Source { table: table.clone(), name: &delete.table, alias, filter: delete.filter.as_ref() };
    let mut affected = 0;
    for (key, _) in source.rows(writer, Vec::new()).await? {
        affected += u64::from(writer.tx.delete(table.id, &key)? == Effect::Changed);
    }
    Ok(affected)
}

/// A column with what becomes of it.
struct Target {
    column: ColumnDef,
    value: NewValue,
}

enum NewValue {
    Constant(Value),
    /// An addition to a COUNTER by a constant.
    Add(i64),
    /// Computed from the row by the query engine.
    Computed(ast::Expr),
    /// An addition to a COUNTER of what the query engine computes; `true`: a subtraction.
    ComputedStep(ast::Expr, Sign),
}

/// Whether a step is added or taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

impl NewValue {
    fn computed(&self) -> Option<ast::Expr> {
        match self {
            NewValue::Computed(expr) | NewValue::ComputedStep(expr, _) => Some(expr.clone()),
            NewValue::Constant(_) | NewValue::Add(_) => None,
        }
    }
}

impl Target {
    fn new(writer: &Writer<'_>, table: &Table, alias: Option<&str>, assignment: &Assignment) -> Result<Target> {
        let column = written_column(table, &assignment.column)?.clone();
        if table.is_key(column.id) {
            let message = format!(
                "column `{}` belongs to the primary key of table `{}`: delete the row and insert another",
                column.name,
                table.full_name()
            );
            return Err(Error::invalid("key_update", message));
        }
        let value = match &assignment.value {
            None => NewValue::Constant(default_literal(table, &column)?),
            Some(expr) => {
                new_value(writer, table, alias, &column, expr).map_err(|error| in_column(error, table, &column))?
            }
        };
        Ok(Target { column, value })
    }

    fn change(&self, computed: &mut impl Iterator<Item = Value>) -> Result<Change> {
        Ok(match &self.value {
            NewValue::Constant(value) => Change::Set(value.clone()),
            NewValue::Add(delta) => Change::Add(*delta),
            NewValue::Computed(_) => Change::Set(store(computed.next().unwrap_or(Datum::Null), self.column.ty)?),
            NewValue::ComputedStep(_, sign) => {
                let step = computed.next().unwrap_or(Datum::Null);
                match step.convert(Type::BigInt) {
                    Some(Datum::BigInt(delta)) => Change::Add(counter_step(delta, *sign == Sign::Minus)?),
                    _ => {
                        return Err(Error::invalid(
                            "wrong_type",
                            format!("a COUNTER grows by an integer, not by {step}"),
                        ));
                    }
                }
            }
        })
    }
}

fn new_value(
    writer: &Writer<'_>,
    table: &Table,
    alias: Option<&str>,
    column: &ColumnDef,
    expr: &ast::Expr,
) -> Result<NewValue> {
    let constants = writer.constants();
    if let Some(value) = constant(expr, &constants)? {
        return value.store(column.ty).map(NewValue::Constant);
    }
    let qualifiers = [None, Some(alias.unwrap_or(table.name.as_str()))];
    let step = if column.ty == Type::Counter { counter_addition(expr, column, &qualifiers) } else { None };
    let Some((step, negative)) = step else { return Ok(NewValue::Computed(expr.clone())) };
    match constant(step, &constants)? {
        None => Ok(NewValue::ComputedStep(step.clone(), if negative { Sign::Minus } else { Sign::Plus })),
        Some(value) => match value.store(Type::BigInt)? {
            Datum::BigInt(delta) => counter_step(delta, negative).map(NewValue::Add),
            _ => Err(Error::invalid("wrong_type", "a COUNTER grows by an integer, not by NULL")),
        },
    }
}

/// What `c + k`, `k + c` or `c - k` adds to column `c`, and whether it is taken away.
pub(super) fn counter_addition<'a>(
    expr: &'a ast::Expr,
    column: &ColumnDef,
    qualifiers: &[Option<&str>],
) -> Option<(&'a ast::Expr, bool)> {
    let is_column = |expr: &ast::Expr| match expr {
        ast::Expr::Identifier(name) => ident(name) == column.name.as_str(),
        ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [.., table, name] => {
                qualifiers.contains(&Some(ident(table).as_str())) && ident(name) == column.name.as_str()
            }
            _ => false,
        },
        _ => false,
    };
    match expr {
        ast::Expr::Nested(inner) => counter_addition(inner, column, qualifiers),
        ast::Expr::BinaryOp { left, op: BinaryOperator::Plus, right } if is_column(left) => Some((right, false)),
        ast::Expr::BinaryOp { left, op: BinaryOperator::Plus, right } if is_column(right) => Some((left, false)),
        ast::Expr::BinaryOp { left, op: BinaryOperator::Minus, right } if is_column(left) => Some((right, true)),
        _ => None,
    }
}

/// `delta`, or its opposite.
pub(super) fn counter_step(delta: i64, negative: bool) -> Result<i64> {
    let step = if negative { delta.checked_neg() } else { Some(delta) };
    step.ok_or_else(|| Error::invalid("counter_overflow", format!("a step of {delta} overflows 64 bits")))
}

/// The rows that a statement is about.
struct Source<'a> {
    table: Arc<Table>,
    name: &'a crate::parse::TableName,
    alias: Option<&'a str>,
    filter: Option<&'a ast::Expr>,
}

type KeyedRow = (Vec<u8>, Vec<Value>);

impl Source<'_> {
    /// Keys and computed values of the rows; core finds them alone if it can.
    async fn rows(&self, writer: &mut Writer<'_>, computed: Vec<ast::Expr>) -> Result<Vec<KeyedRow>> {
        let columns = TableColumns { table: &self.table, alias: self.alias };
        let filter = match self.filter {
            None => Some(None),
            Some(filter) => translate(filter, &columns, &writer.constants())?.map(Some),
        };
        match filter {
            Some(filter) if computed.is_empty() => self.scan(writer, filter),
            _ => self.select(writer, computed).await,
        }
    }

    fn scan(&self, writer: &Writer<'_>, filter: Option<Expr>) -> Result<Vec<KeyedRow>> {
        let conditions: Vec<Expr> = filter.into_iter().collect();
        let view = writer.tx.view().clone();
        let mut scan = RowScan::new(view, self.table.clone(), &[], &conditions, false, Some(TRANSACTION_OPS_MAX + 1))?;
        let mut rows: Vec<KeyedRow> = Vec::new();
        while scan.next(BATCH_ROWS, &mut |key, _| {
            rows.push((key.to_vec(), Vec::new()));
            Ok(())
        })? {}
        self.check_count(rows.len())?;
        Ok(rows)
    }

    async fn select(&self, writer: &mut Writer<'_>, computed: Vec<ast::Expr>) -> Result<Vec<KeyedRow>> {
        let called = self.alias.unwrap_or(self.table.name.as_str());
        let key_column = |id: &ColumnId| {
            let name = self.table.column(*id).map_or("", |column| column.name.as_str());
            ast::Expr::CompoundIdentifier(vec![ast::Ident::with_quote('"', called), ast::Ident::with_quote('"', name)])
        };
        let mut list: Vec<ast::Expr> = self.table.primary_key.iter().map(key_column).collect();
        let width = list.len();
        list.extend(computed);
        let query = select_of(list, Some((self.name, self.alias)), self.filter.cloned())?;
        let (_, rows) = writer.rows(&query).await?;
        self.check_count(rows.len())?;
        rows.into_iter().map(|row| self.keyed(row, width)).collect()
    }

    fn keyed(&self, mut row: Vec<Value>, width: usize) -> Result<KeyedRow> {
        let computed = row.split_off(width.min(row.len()));
        let types = self.table.primary_key.iter().filter_map(|id| self.table.column(*id)).map(|column| column.ty);
        let key = row.into_iter().zip(types).map(|(value, ty)| store(value, ty)).collect::<Result<Vec<_>>>()?;
        Ok((key::tuple(key.iter())?, computed))
    }

    fn check_count(&self, rows: usize) -> Result<()> {
        if rows <= TRANSACTION_OPS_MAX {
            return Ok(());
        }
        let message = format!(
            "more than {TRANSACTION_OPS_MAX} rows of table `{}` in one statement: narrow its WHERE and run it in parts",
            self.table.full_name()
        );
        Err(Error::quota("transaction_too_large", message))
    }
}
