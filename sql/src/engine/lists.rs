//! Lists that DataFusion must not merge.
//!
//! Its simplifier joins two lists over one operand as if they were sets: `a IN (1, 2) AND a IN (3)` becomes false, and
//! `a IN (1, 2) AND a NOT IN (2, NULL)` becomes `a = 1`. That is wrong where the operand or an item is NULL, or where an item is no
//! literal (<https://github.com/apache/datafusion/issues/24246>). A list that this could change is wrapped in a function that
//! gives its argument; what reads conditions sees through it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::{Cast, InList, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;

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
        let plan = plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            let is_condition = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
            let mut rewrite = |expr: Expr| {
                if !has_lists(&expr)? {
                    return Ok(Transformed::no(expr));
                }
                let name = names.save(&expr);
                let expr = if is_condition { condition(expr, &schema) } else { apart(expr, &schema, true) }?;
                Ok(expr.update_data(|expr| name.restore(expr)))
            };
            plan.map_expressions(|expr| match expr {
                Expr::GroupingSet(_) => expr.map_children(&mut rewrite),
                expr => rewrite(expr),
            })
        })?;
        Ok(plan.data)
    }
}

/// Whether there is a list in it, or conditions that DataFusion joins into one.
fn has_lists(expr: &Expr) -> DfResult<bool> {
    expr.exists(|part| Ok(matches!(part, Expr::InList(_) | Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }))))
}

/// A condition. Its parts may be merged with each other: at the top, false is as good as NULL.
fn condition(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let parts = split_conjunction_owned(expr).into_iter();
    let parts = parts.map(|part| apart(part, schema, false)).collect::<DfResult<Vec<_>>>()?;
    let changed = parts.iter().any(|part| part.transformed);
    let whole = conjunction(parts.into_iter().map(|part| part.data));
    Ok(Transformed::new_transformed(whole.unwrap_or_else(|| lit(true)), changed))
}

/// Wraps the lists of an expression that could be merged with each other, or, where a condition elsewhere may refer to the
/// expression and to others beside it, `all` that can be NULL.
fn apart(expr: Expr, schema: &DFSchema, all: bool) -> DfResult<Transformed<Expr>> {
    let mergeable = Mergeable::of(&expr, schema)?;
    expr.transform_up(|part| {
        let wrap = match &part {
            Expr::InList(list) => !list.list.iter().all(is_known) || mergeable.contains(&list.expr, all),
            other => literal_comparison(other).is_some_and(|operand| mergeable.contains(operand, false)),
        };
        Ok(if wrap { Transformed::yes(as_is(part)) } else { Transformed::no(part) })
    })
}

/// Operands, by the columns that are in them, of which lists or comparisons may become one list.
struct Mergeable(BTreeMap<BTreeSet<String>, bool>);

impl Mergeable {
    /// Those of one expression that can be NULL.
    fn of(expr: &Expr, schema: &DFSchema) -> DfResult<Mergeable> {
        let mut found: BTreeMap<BTreeSet<String>, usize> = BTreeMap::new();
        let mut only_joined_by_or = true;
        expr.apply(|part| {
            let operand = match part {
                Expr::InList(InList { expr, negated, .. }) => {
                    only_joined_by_or &= !negated;
                    // Two comparisons are needed where one list is.
                    Some((&**expr, 2))
                }
                Expr::Not(_) | Expr::BinaryExpr(BinaryExpr { op: Operator::And, .. }) => {
                    only_joined_by_or = false;
                    None
                }
                other => literal_comparison(other).map(|operand| (operand, 1)),
            };
            if let Some((operand, weight)) = operand
                && operand.nullable(schema).unwrap_or(true)
            {
                *found.entry(columns(operand)).or_default() += weight;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        // One list from many is right for OR.
        Ok(Mergeable(found.into_iter().map(|(of, weight)| (of, weight >= 4 && !only_joined_by_or)).collect()))
    }

    fn contains(&self, operand: &Expr, or_alone: bool) -> bool {
        self.0.get(&columns(operand)).is_some_and(|mergeable| *mergeable || or_alone)
    }
}

fn columns(operand: &Expr) -> BTreeSet<String> {
    operand.column_refs().iter().map(|column| column.flat_name()).collect()
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

/// Whether it is a literal that is not NULL.
fn is_known(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => !value.is_null(),
        Expr::Cast(Cast { expr, .. }) | Expr::TryCast(TryCast { expr, .. }) => is_known(expr),
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

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        Ok(args.args.into_iter().next().unwrap_or(ColumnarValue::Scalar(false.into())))
    }
}
