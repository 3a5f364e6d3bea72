//! The parts of a filter that a key or an index can answer: tests of one column against constants.

use super::declare::{Field, Operand, Place};
use crate::Result;
use crate::expr::{Comparison, Expr};
use crate::ids::ColumnId;
use crate::value::{Datum, Value};

/// A test of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Compare(Comparison, Operand),
    In(Vec<Value>),
    IsNull,
}

/// One of the conditions that must all hold.
#[derive(Clone, Debug)]
pub(super) struct Conjunct {
    /// The condition over places.
    pub(super) expr: Expr,
    /// What it says about one column, if it says that much and no more.
    pub(super) test: Option<(ColumnId, Test)>,
}

/// The conditions of a filter that must all hold, nested ANDs undone.
pub(super) fn conjuncts(filter: Option<&Expr>) -> Result<Vec<Conjunct>> {
    let mut found = Vec::new();
    if let Some(filter) = filter {
        collect(filter, &mut found)?;
    }
    Ok(found)
}

fn collect(expr: &Expr, into: &mut Vec<Conjunct>) -> Result<()> {
    if let Expr::And(parts) = expr {
        return parts.iter().try_for_each(|part| collect(part, into));
    }
    into.push(Conjunct { expr: expr.clone(), test: test_of(expr)? });
    Ok(())
}

fn test_of(expr: &Expr) -> Result<Option<(ColumnId, Test)>> {
    let boolean = |truth| Test::Compare(Comparison::Equal, Operand::Literal(Datum::Boolean(truth)));
    Ok(match expr {
        Expr::Compare(comparison, left, right) => match (column_of(left)?, operand_of(right)?) {
            (Some(column), Some(operand)) => Some((column, Test::Compare(*comparison, operand))),
            _ => match (operand_of(left)?, column_of(right)?) {
                (Some(operand), Some(column)) => Some((column, Test::Compare(comparison.mirrored(), operand))),
                _ => None,
            },
        },
        Expr::In(inner, values) => column_of(inner)?.map(|column| (column, Test::In(values.clone()))),
        Expr::IsNull(inner) => column_of(inner)?.map(|column| (column, Test::IsNull)),
        Expr::Column(_) => column_of(expr)?.map(|column| (column, boolean(true))),
        Expr::Not(inner) => column_of(inner)?.map(|column| (column, boolean(false))),
        _ => None,
    })
}

fn column_of(expr: &Expr) -> Result<Option<ColumnId>> {
    let Expr::Column(at) = expr else { return Ok(None) };
    Ok(match Place::of(*at)? {
        Place::Field(Field::Column(id)) => Some(id),
        _ => None,
    })
}

fn operand_of(expr: &Expr) -> Result<Option<Operand>> {
    Ok(match expr {
        Expr::Literal(value) => Some(Operand::Literal(value.clone())),
        Expr::Column(at) => match Place::of(*at)? {
            Place::Parameter(at) => Some(Operand::Parameter(at)),
            Place::Field(_) => None,
        },
        _ => None,
    })
}
