//! From the parser's expressions to core's closed list, for CHECK constraints, filters of UPDATE and DELETE and
//! the direct path.
//!
//! The list: columns; comparisons of a column with a constant of its type or with a column of the same type;
//! `AND`, `OR`, `NOT`; `IS [NOT] NULL`; `[NOT] IN (constants)`; `[NOT] BETWEEN constants`; `LENGTH(text column)`
//! compared with an integer; a BOOLEAN column or constant as a condition. Anything else is not translated, never
//! approximated.

use kalamdb_core::catalog::{SYSTEM_COLUMNS, Table};
use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::rules::read_type;
use kalamdb_core::{Datum, Error, Result, Type};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use crate::constant::{Constant, Constants, constant};
use crate::parse::ident;

/// What the closed list holds, for messages.
pub const CLOSED_LIST: &str = "comparisons of a column with a constant or a column of the same type, AND, OR, NOT, \
                               IS NULL, IN, BETWEEN and LENGTH(column)";

/// Where names of columns are looked up.
pub trait Columns {
    /// The place and type of a column; the type is as queries read it, see [`read_type`].
    ///
    /// # Errors
    /// Kind `invalid` if there is none.
    fn column(&self, qualifier: Option<&str>, name: &str) -> Result<(u32, Type)>;
}

/// The place of a system column in expressions over `table`: behind its last column, in the order of
/// [`SYSTEM_COLUMNS`].
pub fn system_place(table: &Table, at: usize) -> u32 {
    u32::try_from(table.columns.len() + at).unwrap_or(u32::MAX)
}

/// The types of [`SYSTEM_COLUMNS`].
pub const SYSTEM_TYPES: [Type; 3] = [Type::Timestamp, Type::Boolean, Type::BigInt];

/// The columns of one table, system columns at their [`system_place`].
#[derive(Clone, Copy, Debug)]
pub struct TableColumns<'a> {
    /// The table.
    pub table: &'a Table,
    /// The name by which the statement calls it; `None`: its own.
    pub alias: Option<&'a str>,
}

impl Columns for TableColumns<'_> {
    fn column(&self, qualifier: Option<&str>, name: &str) -> Result<(u32, Type)> {
        let called = self.alias.unwrap_or(self.table.name.as_str());
        if let Some(qualifier) = qualifier
            && qualifier != called
        {
            let message = format!("`{qualifier}.{name}`: the statement has no table `{qualifier}`, it has `{called}`");
            return Err(Error::invalid("unknown_table", message));
        }
        if let Some(at) = SYSTEM_COLUMNS.iter().position(|system| *system == name) {
            return Ok((system_place(self.table, at), SYSTEM_TYPES[at]));
        }
        match self.table.column_named(name) {
            Some(column) => Ok((column.id.0, read_type(column.ty))),
            None => {
                let message = format!("table `{}` has no column `{name}`: check its spelling", self.table.full_name());
                Err(Error::invalid("unknown_column", message))
            }
        }
    }
}

/// The condition that `expr` is; `None` if it is not on the closed list.
///
/// # Errors
/// Kind `invalid` for unknown columns and constants that are no value of the type that they are compared with.
pub fn translate(expr: &ast::Expr, columns: &dyn Columns, constants: &Constants<'_>) -> Result<Option<Expr>> {
    Translator { columns, constants }.condition(expr)
}

struct Translator<'a> {
    columns: &'a dyn Columns,
    constants: &'a Constants<'a>,
}

/// A side of a comparison that varies by row.
struct Operand {
    expr: Expr,
    ty: Type,
}

impl Translator<'_> {
    fn condition(&self, expr: &ast::Expr) -> Result<Option<Expr>> {
        match expr {
            ast::Expr::Nested(inner) => self.condition(inner),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok(self.condition(expr)?.map(|inner| Expr::Not(Box::new(inner))))
            }
            ast::Expr::IsNull(inner) => Ok(self.operand(inner)?.map(|operand| Expr::IsNull(Box::new(operand.expr)))),
            ast::Expr::IsNotNull(inner) => {
                Ok(self.operand(inner)?.map(|operand| Expr::Not(Box::new(Expr::IsNull(Box::new(operand.expr))))))
            }
            ast::Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            ast::Expr::Between { expr, negated, low, high } => {
                let low = self.compare(expr, Comparison::GreaterOrEqual, low)?;
                let high = self.compare(expr, Comparison::LessOrEqual, high)?;
                Ok(low.zip(high).map(|(low, high)| negate(Expr::And(vec![low, high]), *negated)))
            }
            _ => match (constant(expr, self.constants)?, self.operand(expr)?) {
                (Some(Constant::Value(value @ (Datum::Boolean(_) | Datum::Null))), _) => Ok(Some(Expr::Literal(value))),
                (None, Some(Operand { expr, ty: Type::Boolean })) => Ok(Some(expr)),
                _ => Ok(None),
            },
        }
    }

    fn binary(&self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Result<Option<Expr>> {
        let comparison = match op {
            BinaryOperator::And | BinaryOperator::Or => {
                let (left, right) = (self.condition(left)?, self.condition(right)?);
                return Ok(left.zip(right).map(|(left, right)| joined(op, left, right)));
            }
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            _ => return Ok(None),
        };
        self.compare(left, comparison, right)
    }

    fn compare(&self, left: &ast::Expr, comparison: Comparison, right: &ast::Expr) -> Result<Option<Expr>> {
        if let Some(value) = constant(right, self.constants)? {
            let Some(operand) = self.operand(left)? else { return Ok(None) };
            let value = value.compare(operand.ty)?;
            return Ok(value.map(|value| Expr::compare(comparison, operand.expr, Expr::Literal(value))));
        }
        if constant(left, self.constants)?.is_some() {
            return self.compare(right, comparison.mirrored(), left);
        }
        let (Some(left), Some(right)) = (self.operand(left)?, self.operand(right)?) else { return Ok(None) };
        Ok((left.ty == right.ty).then(|| Expr::compare(comparison, left.expr, right.expr)))
    }

    fn in_list(&self, expr: &ast::Expr, list: &[ast::Expr], negated: bool) -> Result<Option<Expr>> {
        let Some(operand) = self.operand(expr)? else { return Ok(None) };
        let mut values = Vec::with_capacity(list.len());
        for item in list {
            let value = match constant(item, self.constants)? {
                Some(value) => value.compare(operand.ty)?,
                None => None,
            };
            let Some(value) = value else { return Ok(None) };
            values.push(value);
        }
        Ok(Some(negate(Expr::In(Box::new(operand.expr), values), negated)))
    }

    fn operand(&self, expr: &ast::Expr) -> Result<Option<Operand>> {
        let column = |qualifier: Option<&str>, name: &str| {
            let (at, ty) = self.columns.column(qualifier, name)?;
            Ok(Some(Operand { expr: Expr::Column(at), ty }))
        };
        match expr {
            ast::Expr::Nested(inner) => self.operand(inner),
            ast::Expr::Identifier(name) => column(None, &ident(name)),
            ast::Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, name] => column(Some(&ident(table)), &ident(name)),
                [_, table, name] => column(Some(&ident(table)), &ident(name)),
                _ => Ok(None),
            },
            ast::Expr::Function(function) => match length_argument(function) {
                Some(argument) => Ok(self
                    .operand(argument)?
                    .filter(|operand| operand.ty == Type::Text)
                    .map(|operand| Operand { expr: Expr::Length(Box::new(operand.expr)), ty: Type::Int })),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

/// AND and OR as flat lists, so that long chains stay shallow.
fn joined(op: &BinaryOperator, left: Expr, right: Expr) -> Expr {
    match (op, left) {
        (BinaryOperator::And, Expr::And(mut parts)) => {
            parts.push(right);
            Expr::And(parts)
        }
        (BinaryOperator::And, left) => Expr::And(vec![left, right]),
        (_, Expr::Or(mut parts)) => {
            parts.push(right);
            Expr::Or(parts)
        }
        (_, left) => Expr::Or(vec![left, right]),
    }
}

fn length_argument(function: &ast::Function) -> Option<&ast::Expr> {
    let [name] = function.name.0.as_slice() else { return None };
    let name = name.as_ident()?.value.to_ascii_lowercase();
    let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
    match &function.args {
        ast::FunctionArguments::List(list)
            if plain
                && list.clauses.is_empty()
                && list.duplicate_treatment.is_none()
                && matches!(name.as_str(), "length" | "char_length" | "character_length") =>
        {
            match list.args.as_slice() {
                [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument))] => Some(argument),
                _ => None,
            }
        }
        _ => None,
    }
}
