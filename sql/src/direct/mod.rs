//! The direct path: SELECT of one table becomes a core [`Query`](kalamdb_core::query::Query) and runs in
//! microseconds, without DataFusion.
//!
//! DataFusion's result is the meaning. [`translate`] answers `None` for every statement whose result core does not
//! surely share: joins, subqueries, functions, arithmetic, DISTINCT, HAVING, literals that do not convert to their
//! column's type without loss. So does [`DirectPlan::bind`] for parameters. The caller then hands the statement over;
//! it never drops the part that was not understood.

mod condition;
mod literal;
mod parameters;
mod scope;
mod select;
#[cfg(test)]
mod tests;

use kalamdb_core::Value;
use kalamdb_core::query::Plan;
use sqlparser::ast;

use parameters::Parameters;

pub use scope::Scope;

/// A statement that core answers: a plan, and how parameters become those of the plan.
#[derive(Clone, Debug)]
pub struct DirectPlan {
    plan: Plan,
    parameters: Parameters,
}

impl DirectPlan {
    /// The plan, for one version of the catalog.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The parameters of the plan from those of the statement (`$1` first); `None` hands the statement over.
    pub fn bind(&self, parameters: &[Value]) -> Option<Vec<Value>> {
        self.parameters.bind(parameters)
    }
}

/// The plan of a statement; `None` hands it over to DataFusion, which also reports what is wrong with it.
///
/// ```
/// # use kalamdb_core::catalog::{Catalog, NewColumn, NewTable, TableOptions};
/// # use kalamdb_core::{Name, TableId, Type};
/// use kalamdb_sql::direct::{Scope, translate};
/// use sqlparser::{ast::Statement, dialect::GenericDialect, parser::Parser};
/// # let mut catalog = Catalog::new(TableId(1));
/// # catalog.create_namespace(&Name::new("app")?)?;
/// # let column = |name: &str, ty| NewColumn { name: Name::new(name).unwrap(), ty, nullable: true, default: None };
/// # catalog.create_table(NewTable {
/// #     namespace: Name::new("app")?,
/// #     name: Name::new("notes")?,
/// #     columns: vec![column("id", Type::BigInt), column("title", Type::Text)],
/// #     primary_key: vec![Name::new("id")?],
/// #     checks: Vec::new(),
/// #     options: TableOptions::default(),
/// # })?;
/// let scope = Scope { catalog: &catalog, namespace: "app", wildcard: &[] };
/// let plan = |sql: &str| match Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0) {
///     Statement::Query(query) => translate(&scope, &query),
///     _ => None,
/// };
/// assert!(plan("SELECT title FROM notes WHERE id = $1 ORDER BY title LIMIT 3").is_some());
/// assert!(plan("SELECT upper(title) FROM notes").is_none());
/// # Ok::<(), kalamdb_core::Error>(())
/// ```
pub fn translate(scope: &Scope<'_>, query: &ast::Query) -> Option<DirectPlan> {
    let mut parameters = Parameters::of(query)?;
    let query = select::translate(scope, query, &mut parameters)?;
    let plan = Plan::new(scope.catalog, &query).ok()?;
    Some(DirectPlan { plan, parameters })
}
