//! Text literals that meet a column of another type: read as that type, once, before types are coerced.
//!
//! So `id = '0190…'` holds for every spelling of a UUID, times are read by the same rules as in INSERT, and text that
//! is no value of the column's type is an error rather than a comparison that is never true.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result as DfResult, ScalarValue};
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;
use kalamdb_core::{Type, Value};

use super::arrow::{is_text, scalar};
use super::errors::to_datafusion;
use super::rewrite::expressions;
use super::types::kalam_type;

/// The rule.
pub fn rule() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(TypedLiterals)
}

#[derive(Debug)]
struct TypedLiterals;

impl AnalyzerRule for TypedLiterals {
    fn name(&self) -> &str {
        "typed_literals"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        expressions(plan, |expr, schema, _| expr.transform_up(|expr| rewrite(expr, schema)))
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let left_type = column_type(&left, schema);
            let right_type = column_type(&right, schema);
            let right = Box::new(read(*right, left_type)?);
            let left = Box::new(read(*left, right_type)?);
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let ty = column_type(&expr, schema);
            let (low, high) = (Box::new(read(*low, ty)?), Box::new(read(*high, ty)?));
            Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let ty = column_type(&expr, schema);
            let list = list.into_iter().map(|item| read(item, ty)).collect::<DfResult<Vec<_>>>()?;
            Ok(Transformed::yes(Expr::InList(InList { expr, list, negated })))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// The type of a column that reads text literals.
fn column_type(expr: &Expr, schema: &DFSchema) -> Option<Type> {
    let field: Arc<Field> = match expr {
        Expr::Column(column) => schema.field_from_column(column).ok()?.clone(),
        Expr::OuterReferenceColumn(field, _) => field.clone(),
        _ => return None,
    };
    match kalam_type(&field) {
        Some(ty @ (Type::Uuid | Type::Date | Type::Time | Type::Timestamp | Type::Bytes)) => Some(ty),
        _ => None,
    }
}

fn read(expr: Expr, ty: Option<Type>) -> DfResult<Expr> {
    let (Some(ty), Expr::Literal(literal, metadata)) = (ty, &expr) else { return Ok(expr) };
    let Some(text) = text_of(literal) else { return Ok(expr) };
    let value = Value::parse(ty, text).and_then(|value| scalar(&value)).map_err(to_datafusion)?;
    Ok(Expr::Literal(value, metadata.clone()))
}

fn text_of(literal: &ScalarValue) -> Option<&str> {
    let ty: DataType = literal.data_type();
    if is_text(&ty) { literal.try_as_str().flatten() } else { None }
}
