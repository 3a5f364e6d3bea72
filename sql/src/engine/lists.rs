//! Lists that DataFusion must not merge.
//!
//! Its simplifier joins two lists over one operand as if they were sets: `a NOT IN (1) OR a NOT IN (2)` becomes true, and
//! `a IN (1, 2) AND a NOT IN (2, NULL)` becomes `a = 1`. That is wrong where the operand or an item is NULL, or where an item is no
//! literal (<https://github.com/apache/datafusion/issues/24246>). What it takes for a list, or makes one of, is wrapped in a
//! function that gives its argument, unless nothing in it can be NULL or it stands by itself at the top of a condition, where
//! false is as good as NULL. What reads conditions sees through it.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Cast, InList, Like, ScalarFunction};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, binary_expr,
};
use datafusion::optimizer::AnalyzerRule;

use super::rewrite::{Place, expressions};

/// The rule; it comes after types are coerced.
pub fn rule() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(ListsApart)
}

/// What is wrapped in an expression that this rule has made.
pub fn unwrapped(function: &ScalarFunction) -> Option<&Expr> {
    match function.args.as_slice() {
        [inner] if function.func.inner().is::<AsIs>() => Some(inner),
        _ => None,
    }
}

#[derive(Debug)]
struct ListsApart;

impl AnalyzerRule for ListsApart {
    fn name(&self) -> &str {
        "lists_apart"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        expressions(plan, |expr, schema, place| match place {
            Place::Condition => condition(expr, schema),
            Place::Value => apart(expr, schema),
        })
    }
}

fn condition(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let parts = split_conjunction_owned(expr).into_iter();
    let parts = parts.map(|part| part_of_condition(part, schema)).collect::<DfResult<Vec<_>>>()?;
    let changed = parts.iter().any(|part| part.transformed);
    let whole = conjunction(parts.into_iter().map(|part| part.data)).expect("a condition has a part");
    Ok(Transformed::new_transformed(whole, changed))
}

fn part_of_condition(part: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let part = match part {
        // As a comparison it may join tables.
        Expr::InList(InList { expr, mut list, negated }) if list.len() == 1 => {
            let op = if negated { Operator::NotEq } else { Operator::Eq };
            Transformed::yes(binary_expr(*expr, op, list.remove(0)))
        }
        part => Transformed::no(part),
    };
    part.transform_data(|part| {
        let stands_by_itself = match &part {
            Expr::InList(InList { list, .. }) => list.iter().all(is_known),
            Expr::Like(_) | Expr::BinaryExpr(BinaryExpr { op: Operator::Eq | Operator::NotEq, .. }) => true,
            _ => false,
        };
        if stands_by_itself { part.map_children(|child| apart(child, schema)) } else { apart(part, schema) }
    })
}

/// Wraps whatever in an expression could be merged.
fn apart(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    expr.transform_up(|part| {
        let can_be_null = |operand: &Expr| operand.nullable(schema).unwrap_or(true);
        let wrap = match &part {
            Expr::InList(InList { expr, list, .. }) => !list.iter().all(is_known) || can_be_null(expr),
            // Without a wildcard it is a comparison.
            Expr::Like(Like { expr, pattern, .. }) => is_known(pattern) && can_be_null(expr),
            // `x = ANY (…)`: it becomes a list.
            Expr::ScalarFunction(function) => function.func.name() == "array_has",
            other => literal_comparison(other).is_some_and(can_be_null),
        };
        Ok(if wrap { Transformed::yes(as_is(part)) } else { Transformed::no(part) })
    })
}

/// The operand of `operand = literal` or `operand <> literal`.
fn literal_comparison(expr: &Expr) -> Option<&Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq | Operator::NotEq, right }) = expr else { return None };
    match (is_known(left), is_known(right)) {
        (false, true) => Some(left),
        (true, false) => Some(right),
        _ => None,
    }
}

/// Whether it is a literal that is not NULL. A cast that fails is an error.
fn is_known(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => !value.is_null(),
        Expr::Cast(Cast { expr, .. }) => is_known(expr),
        _ => false,
    }
}

fn as_is(expr: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(AsIs::new())));
    Expr::ScalarFunction(ScalarFunction::new_udf(FUNCTION.clone(), vec![expr]))
}

/// Gives its argument, a truth value.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AsIs(Signature);

impl AsIs {
    fn new() -> AsIs {
        AsIs(Signature::exact(vec![DataType::Boolean], Volatility::Immutable))
    }
}

impl ScalarUDFImpl for AsIs {
    fn name(&self) -> &str {
        "as_is"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Ok(args.args.into_iter().next().expect("the signature has one argument"))
    }
}
