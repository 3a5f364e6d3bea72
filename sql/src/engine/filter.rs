//! Filters of a plan that core's closed list can express.

use datafusion::logical_expr::expr::{Between, InList, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use kalamdb_core::Type;
use kalamdb_core::catalog::Table;
use kalamdb_core::expr::{Comparison, Expr as CoreExpr};

use super::arrow::comparable;
use super::lists;
use super::table::TableField;

/// Translates filters over one table.
#[derive(Clone, Copy)]
pub struct Pushdown<'a> {
    /// The table.
    pub table: &'a Table,
    /// The fields of its schema.
    pub fields: &'a [TableField],
}

impl Pushdown<'_> {
    /// The same condition in core's form, exactly; `None` if core has none.
    pub fn translate(&self, filter: &Expr) -> Option<CoreExpr> {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Some(CoreExpr::And(vec![self.translate(left)?, self.translate(right)?]))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Some(CoreExpr::Or(vec![self.translate(left)?, self.translate(right)?]))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.compare(left, comparison(*op)?, right),
            Expr::Not(inner) => Some(CoreExpr::Not(Box::new(self.translate(inner)?))),
            Expr::IsNull(inner) => Some(CoreExpr::IsNull(Box::new(self.operand(inner)?.0))),
            Expr::IsNotNull(inner) => Some(CoreExpr::Not(Box::new(CoreExpr::IsNull(Box::new(self.operand(inner)?.0))))),
            Expr::Between(Between { expr, negated, low, high }) => {
                let low = self.compare(expr, Comparison::GreaterOrEqual, low)?;
                let high = self.compare(expr, Comparison::LessOrEqual, high)?;
                Some(negate(CoreExpr::And(vec![low, high]), *negated))
            }
            Expr::InList(InList { expr, list, negated }) => {
                let (operand, ty) = self.operand(expr)?;
                let value = |item: &Expr| match item {
                    Expr::Literal(scalar, _) => comparable(scalar, ty),
                    _ => None,
                };
                let values = list.iter().map(value).collect::<Option<Vec<_>>>()?;
                Some(negate(CoreExpr::In(Box::new(operand), values), *negated))
            }
            Expr::ScalarFunction(function) => self.translate(lists::unwrapped(function)?),
            Expr::Column(_) => self.operand(filter).filter(|(_, ty)| *ty == Type::Boolean).map(|(column, _)| column),
            Expr::Literal(scalar, _) => comparable(scalar, Type::Boolean).map(CoreExpr::Literal),
            _ => None,
        }
    }

    fn compare(&self, left: &Expr, comparison: Comparison, right: &Expr) -> Option<CoreExpr> {
        match (left, right) {
            (Expr::Literal(..), Expr::Literal(..)) => None,
            (Expr::Literal(..), _) => self.compare(right, comparison.mirrored(), left),
            (_, Expr::Literal(scalar, _)) => {
                let (operand, ty) = self.operand(left)?;
                Some(CoreExpr::compare(comparison, operand, CoreExpr::Literal(comparable(scalar, ty)?)))
            }
            _ => {
                let ((left, left_type), (right, right_type)) = (self.operand(left)?, self.operand(right)?);
                (left_type == right_type).then(|| CoreExpr::compare(comparison, left, right))
            }
        }
    }

    fn operand(&self, expr: &Expr) -> Option<(CoreExpr, Type)> {
        match expr {
            Expr::Column(column) => {
                let field = self.fields.iter().find(|field| field.name == column.name)?;
                Some((CoreExpr::Column(field.source.place(self.table)), field.ty))
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "character_length" => {
                let [argument] = args.as_slice() else { return None };
                let (operand, ty) = self.operand(argument)?;
                (ty == Type::Text).then(|| (CoreExpr::Length(Box::new(operand)), Type::Int))
            }
            _ => None,
        }
    }
}

fn comparison(op: Operator) -> Option<Comparison> {
    Some(match op {
        Operator::Eq => Comparison::Equal,
        Operator::NotEq => Comparison::NotEqual,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::LessOrEqual,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn negate(expr: CoreExpr, negated: bool) -> CoreExpr {
    if negated { CoreExpr::Not(Box::new(expr)) } else { expr }
}
