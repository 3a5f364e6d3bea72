//! How analyzer rules change the expressions of a plan.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// What an expression is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Rows stay if it is true.
    Condition,
    /// Anything else.
    Value,
}

/// The plan with its expressions, those of subqueries too, as `rewrite` makes them; it is given the columns that they may name.
/// The names of results stay.
pub fn expressions(
    plan: LogicalPlan,
    mut rewrite: impl FnMut(Expr, &DFSchema, Place) -> DfResult<Transformed<Expr>>,
) -> DfResult<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        let place = match plan {
            LogicalPlan::Filter(_) | LogicalPlan::Join(_) => Place::Condition,
            _ => Place::Value,
        };
        let mut named = |expr: Expr| {
            let name = names.save(&expr);
            let expr = rewrite(expr, &schema, place)?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        };
        plan.map_expressions(|expr| match expr {
            Expr::GroupingSet(_) => expr.map_children(&mut named),
            expr => named(expr),
        })
    })?;
    Ok(plan.data)
}
