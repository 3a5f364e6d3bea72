//! The types of a filter: checked once when a query is planned, so that execution cannot meet a wrong one.

use super::declare::{PARAMETERS_MAX, Place};
use crate::catalog::Table;
use crate::expr::{EXPR_DEPTH_MAX, Expr};
use crate::value::{Datum, Type, Value};
use crate::{Error, Result};

/// Checks conditions over one table and collects the types that their parameters must have.
pub(super) struct Checker<'a> {
    table: &'a Table,
    parameters: Vec<Option<Type>>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(table: &'a Table) -> Checker<'a> {
        Checker { table, parameters: Vec::new() }
    }

    /// For each parameter the type that it is compared with; `None` if it is not used.
    pub(super) fn into_parameters(self) -> Vec<Option<Type>> {
        self.parameters
    }

    /// Notes that a parameter must have this type.
    pub(super) fn parameter(&mut self, at: usize, ty: Type) -> Result<()> {
        if at >= PARAMETERS_MAX {
            let message = format!("parameter {} of a query: at most {PARAMETERS_MAX} are allowed", at + 1);
            return Err(Error::quota("too_many_parameters", message));
        }
        if self.parameters.len() <= at {
            self.parameters.resize(at + 1, None);
        }
        match self.parameters.get_mut(at) {
            Some(slot) if slot.is_none_or(|known| same_type(known, ty)) => *slot = Some(ty),
            _ => return Err(mixed(&format!("parameter {}", at + 1), ty)),
        }
        Ok(())
    }

    /// Checks that `expr` is a condition.
    pub(super) fn condition(&mut self, expr: &Expr) -> Result<()> {
        self.nested_condition(expr, EXPR_DEPTH_MAX)
    }

    fn nested_condition(&mut self, expr: &Expr, depth: usize) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else {
            let message = format!("a filter is nested over {EXPR_DEPTH_MAX} deep: write it flatter");
            return Err(Error::quota("filter_too_deep", message));
        };
        match expr {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().try_for_each(|part| self.nested_condition(part, depth)),
            Expr::Not(inner) => self.nested_condition(inner, depth),
            Expr::IsNull(inner) => self.operand(inner, depth).map(drop),
            Expr::Compare(_, left, right) => self.comparison(left, right, depth),
            Expr::In(inner, values) => match self.operand(inner, depth)? {
                Some(ty) => values.iter().try_for_each(|value| literal(value, ty)),
                None => Err(mixed("IN", Type::Boolean)),
            },
            Expr::Literal(value) => literal(value, Type::Boolean),
            Expr::Column(at) => match Place::of(*at)? {
                Place::Parameter(at) => self.parameter(at, Type::Boolean),
                Place::Field(field) if field.ty(self.table)? == Type::Boolean => Ok(()),
                Place::Field(field) => Err(mixed(field.name(self.table), Type::Boolean)),
            },
            Expr::Length(_) => Err(mixed("LENGTH", Type::Boolean)),
        }
    }

    fn comparison(&mut self, left: &Expr, right: &Expr, depth: usize) -> Result<()> {
        match (self.operand(left, depth)?, self.operand(right, depth)?) {
            (Some(left), Some(right)) if same_type(left, right) => Ok(()),
            (Some(_), Some(right)) => Err(mixed("a comparison", right)),
            (Some(ty), None) => self.untyped(right, ty),
            (None, Some(ty)) => self.untyped(left, ty),
            (None, None) => Err(Error::invalid("untyped_comparison", "a comparison needs a column on one side")),
        }
    }

    /// A literal or parameter takes the type of the other side.
    fn untyped(&mut self, expr: &Expr, ty: Type) -> Result<()> {
        match expr {
            Expr::Literal(value) => literal(value, ty),
            Expr::Column(at) => match Place::of(*at)? {
                Place::Parameter(at) => self.parameter(at, ty),
                Place::Field(field) => Err(mixed(field.name(self.table), ty)),
            },
            _ => Err(mixed("an expression", ty)),
        }
    }

    /// The type of an operand; `None` for literals and parameters, which take that of the other side.
    fn operand(&mut self, expr: &Expr, depth: usize) -> Result<Option<Type>> {
        match expr {
            Expr::Literal(_) => Ok(None),
            Expr::Column(at) => match Place::of(*at)? {
                Place::Parameter(_) => Ok(None),
                Place::Field(field) => field.ty(self.table).map(Some),
            },
            Expr::Length(inner) => match self.operand(inner, depth)? {
                Some(Type::Text) => Ok(Some(Type::Int)),
                _ => Err(mixed("LENGTH", Type::Text)),
            },
            condition => {
                self.nested_condition(condition, depth)?;
                Ok(Some(Type::Boolean))
            }
        }
    }
}

/// Whether values of two types compare without conversion.
fn same_type(left: Type, right: Type) -> bool {
    match (left, right) {
        (Type::Decimal { scale: a, .. }, Type::Decimal { scale: b, .. }) => a == b,
        (a, b) => a == b,
    }
}

fn literal(value: &Value, ty: Type) -> Result<()> {
    if value.fits(ty) && !matches!(value, Datum::Counter(_)) {
        return Ok(());
    }
    Err(mixed(&format!("literal {value} of type {}", value.type_name()), ty))
}

fn mixed(what: &str, ty: Type) -> Error {
    Error::invalid("wrong_type", format!("{what} is used where {ty} is needed: convert it first"))
}
