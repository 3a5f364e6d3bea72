//! What type a result column has in KalamDB, where Arrow's type says less.
//!
//! Plain columns carry it as metadata ([`super::types`]). MIN and MAX of such a column hold one of its values, but
//! DataFusion gives them a field of their own.

use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use kalamdb_core::Type;

use super::types::kalam_type;

/// The type of column `at` of `plan`, if it holds values of one stored column.
pub fn stored_type(plan: &LogicalPlan, at: usize) -> Option<Type> {
    match plan {
        LogicalPlan::Projection(projection) => of_expr(&projection.input, projection.expr.get(at)?),
        LogicalPlan::Aggregate(aggregate) => {
            let groups = aggregate.group_expr.len();
            let expr = aggregate.group_expr.get(at).or_else(|| aggregate.aggr_expr.get(at.checked_sub(groups)?))?;
            of_expr(&aggregate.input, expr)
        }
        LogicalPlan::Filter(filter) => stored_type(&filter.input, at),
        LogicalPlan::Sort(sort) => stored_type(&sort.input, at),
        LogicalPlan::Limit(limit) => stored_type(&limit.input, at),
        LogicalPlan::SubqueryAlias(alias) => stored_type(&alias.input, at),
        LogicalPlan::Distinct(distinct) => stored_type(distinct.input(), at),
        LogicalPlan::Union(union) => {
            let mut types = union.inputs.iter().map(|input| stored_type(input, at));
            let first = types.next()??;
            types.all(|ty| ty == Some(first)).then_some(first)
        }
        _ => kalam_type(plan.schema().as_arrow().fields().get(at)?),
    }
}

fn of_expr(input: &LogicalPlan, expr: &Expr) -> Option<Type> {
    match expr {
        Expr::Alias(alias) => of_expr(input, &alias.expr),
        Expr::Column(column) => stored_type(input, input.schema().maybe_index_of_column(column)?),
        Expr::AggregateFunction(AggregateFunction { func, params }) if matches!(func.name(), "min" | "max") => {
            match params.args.as_slice() {
                [arg] => of_expr(input, arg),
                _ => None,
            }
        }
        _ => None,
    }
}
