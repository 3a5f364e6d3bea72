//! Translation of a WHERE clause.

use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::query::{Field, parameter};
use kalamdb_core::value::Datum;
use kalamdb_core::{Type, Value};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use super::literal::{Constant, constant, convert};
use super::parameters::Parameters;
use super::scope::From;

/// Deepest nesting that is translated.
const DEPTH_MAX: usize = 48;

/// Translates conditions over one table. `None` is never "no condition": it hands the statement over.
pub(super) struct Conditions<'a> {
    pub(super) from: &'a From<'a>,
    pub(super) parameters: &'a mut Parameters,
}

impl Conditions<'_> {
    /// The condition that an expression is.
    pub(super) fn translate(&mut self, expr: &ast::Expr) -> Option<Expr> {
        self.nested(expr, DEPTH_MAX)
    }

    fn nested(&mut self, expr: &ast::Expr, depth: usize) -> Option<Expr> {
        let depth = depth.checked_sub(1)?;
        match expr {
            ast::Expr::Nested(inner) => self.nested(inner, depth),
            ast::Expr::BinaryOp { op: BinaryOperator::And, .. } => {
                self.chain(expr, &BinaryOperator::And, depth).map(Expr::And)
            }
            ast::Expr::BinaryOp { op: BinaryOperator::Or, .. } => {
                self.chain(expr, &BinaryOperator::Or, depth).map(Expr::Or)
            }
            ast::Expr::BinaryOp { left, op, right } => self.comparison(comparison(op)?, left, right),
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.nested(expr, depth).map(not),
            ast::Expr::IsNull(inner) => Some(is_null(self.from.field(inner)?.expr())),
            ast::Expr::IsNotNull(inner) => Some(not(is_null(self.from.field(inner)?.expr()))),
            ast::Expr::IsTrue(inner) => self.known(inner, depth, |truth| truth),
            ast::Expr::IsNotTrue(inner) => self.known(inner, depth, |truth| truth).map(not),
            ast::Expr::IsFalse(inner) => self.known(inner, depth, not),
            ast::Expr::IsNotFalse(inner) => self.known(inner, depth, not).map(not),
            ast::Expr::Between { expr, negated, low, high } => {
                let low = self.comparison(Comparison::GreaterOrEqual, expr, low)?;
                let high = self.comparison(Comparison::LessOrEqual, expr, high)?;
                Some(negate_if(*negated, Expr::And(vec![low, high])))
            }
            ast::Expr::InList { expr, list, negated } => {
                let field = self.from.field(expr)?;
                Some(negate_if(*negated, self.list(field, list)?))
            }
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Boolean(truth), .. }) => {
                Some(Expr::Literal(Datum::Boolean(*truth)))
            }
            _ => {
                let field = self.from.field(expr)?;
                (field.ty(&self.from.table).ok()? == Type::Boolean).then(|| field.expr())
            }
        }
    }

    /// The parts of `a AND b AND c`, whose syntax tree leans to the left however long it is.
    fn chain(&mut self, expr: &ast::Expr, operator: &BinaryOperator, depth: usize) -> Option<Vec<Expr>> {
        let mut parts = Vec::new();
        let mut rest = expr;
        while let ast::Expr::BinaryOp { left, op, right } = rest
            && op == operator
        {
            parts.push(right.as_ref());
            rest = left;
        }
        parts.push(rest);
        parts.into_iter().rev().map(|part| self.nested(part, depth)).collect()
    }

    /// `IS TRUE` and the like: a condition that is known, and of which `form` holds.
    fn known(&mut self, inner: &ast::Expr, depth: usize, form: impl FnOnce(Expr) -> Expr) -> Option<Expr> {
        let condition = self.nested(inner, depth)?;
        Some(Expr::And(vec![not(is_null(condition.clone())), form(condition)]))
    }

    fn comparison(&mut self, comparison: Comparison, left: &ast::Expr, right: &ast::Expr) -> Option<Expr> {
        match (self.from.field(left), self.from.field(right)) {
            (Some(field), None) => self.against(comparison, field, right),
            (None, Some(field)) => self.against(comparison.mirrored(), field, left),
            (Some(left), Some(right)) => {
                let (a, b) = (left.ty(&self.from.table).ok()?, right.ty(&self.from.table).ok()?);
                (a == b).then(|| Expr::compare(comparison, left.expr(), right.expr()))
            }
            (None, None) => None,
        }
    }

    fn against(&mut self, comparison: Comparison, field: Field, operand: &ast::Expr) -> Option<Expr> {
        let ty = field.ty(&self.from.table).ok()?;
        let operand = match constant(operand)? {
            Constant::Value(value) => Expr::Literal(convert(&value, ty)?),
            Constant::Placeholder(placeholder) => parameter(self.parameters.slot(&placeholder, ty)?),
        };
        Some(Expr::compare(comparison, field.expr(), operand))
    }

    fn list(&mut self, field: Field, list: &[ast::Expr]) -> Option<Expr> {
        let ty = field.ty(&self.from.table).ok()?;
        let (mut values, mut others, mut kind) = (Vec::new(), Vec::new(), None);
        for item in list {
            match constant(item)? {
                Constant::Value(value) => {
                    // DataFusion finds one type for a whole list; of one kind of literals there is no doubt which.
                    let this = (!value.is_null()).then(|| std::mem::discriminant(&value));
                    kind = kind.or(this);
                    if this.is_some() && this != kind {
                        return None;
                    }
                    values.push(convert(&value, ty)?);
                }
                Constant::Placeholder(placeholder) => {
                    let slot = parameter(self.parameters.slot(&placeholder, ty)?);
                    others.push(Expr::compare(Comparison::Equal, field.expr(), slot));
                }
            }
        }
        if others.is_empty() {
            return Some(Expr::In(Box::new(field.expr()), values));
        }
        if !values.is_empty() {
            others.push(Expr::In(Box::new(field.expr()), values));
        }
        Some(Expr::Or(others))
    }
}

fn comparison(operator: &BinaryOperator) -> Option<Comparison> {
    Some(match operator {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

fn is_null(expr: Expr) -> Expr {
    Expr::IsNull(Box::new(expr))
}

fn negate_if(negated: bool, expr: Expr) -> Expr {
    if negated { not(expr) } else { expr }
}

/// The number of rows that a constant of LIMIT or OFFSET says.
pub(super) fn row_count(value: &Value) -> Option<u64> {
    match value {
        Datum::BigInt(rows) => u64::try_from(*rows).ok(),
        Datum::Int(rows) => u64::try_from(*rows).ok(),
        Datum::SmallInt(rows) => u64::try_from(*rows).ok(),
        _ => None,
    }
}
