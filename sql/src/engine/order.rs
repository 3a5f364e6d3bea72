//! ORDER BY, completed, so that a result in order and a result cut off by LIMIT are the same each time and on both
//! paths.
//!
//! - rows of user tables: by the primary key of each table, in the order of FROM
//! - groups: by the grouping expressions
//! - DISTINCT, UNION and the like: by all columns of the result, where the select list has no `*`
//!
//! It is done for ORDER BY and LIMIT of the outermost query and for every LIMIT within it.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::execution::SessionState;
use kalamdb_core::catalog::{Catalog, Table};
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, ObjectName, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, Select,
    SelectItem, SetExpr, TableFactor, TableWithJoins, Value, VisitMut, VisitorMut, visit_expressions,
};

use crate::parse::ident;

/// A relation of FROM.
pub struct Relation {
    /// How columns are qualified with it.
    pub qualifier: Vec<Ident>,
    /// The user table that it is, if it is one.
    pub table: Option<Arc<Table>>,
}

/// The relations of FROM, those in nested joins included.
pub fn relations(from: &[TableWithJoins], catalog: &Catalog) -> Vec<Relation> {
    let mut found = Vec::new();
    for item in from {
        add_relation(&item.relation, catalog, &mut found);
        for join in &item.joins {
            add_relation(&join.relation, catalog, &mut found);
        }
    }
    found
}

fn add_relation(factor: &TableFactor, catalog: &Catalog, found: &mut Vec<Relation>) {
    let (qualifier, table) = match factor {
        TableFactor::Table { name, alias, args: None, .. } => {
            let own: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident()).cloned().collect();
            (alias.as_ref().map_or(own, |alias| vec![alias.name.clone()]), user_table(name, catalog))
        }
        TableFactor::NestedJoin { table_with_joins, alias: None } => {
            found.extend(relations(std::slice::from_ref(table_with_joins), catalog));
            return;
        }
        TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
        | TableFactor::NestedJoin { alias: Some(alias), .. } => (vec![alias.name.clone()], None),
        _ => return,
    };
    found.push(Relation { qualifier, table });
}

fn user_table(name: &ObjectName, catalog: &Catalog) -> Option<Arc<Table>> {
    let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(ident).collect();
    match parts.as_slice() {
        [namespace, table] => catalog.table_named(namespace, table).ok().cloned(),
        _ => None,
    }
}

/// Completes the order of a query and of those within it.
pub fn complete(query: &mut Query, catalog: &Catalog, state: &SessionState) {
    let mut completer = Completer { catalog, state, depth: 0 };
    let _: ControlFlow<()> = VisitMut::visit(query, &mut completer);
}

struct Completer<'a> {
    catalog: &'a Catalog,
    state: &'a SessionState,
    depth: usize,
}

impl VisitorMut for Completer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let is_cut = query.limit_clause.is_some() || query.fetch.is_some();
        let is_ordered = query.order_by.is_some() && self.depth == 0;
        self.depth += 1;
        if is_cut || is_ordered {
            let rest = self.rest(&query.body);
            append(query, rest);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

fn append(query: &mut Query, rest: Vec<Expr>) {
    if rest.is_empty() {
        return;
    }
    let order =
        query.order_by.get_or_insert_with(|| OrderBy { kind: OrderByKind::Expressions(Vec::new()), interpolate: None });
    if let OrderByKind::Expressions(list) = &mut order.kind {
        let options = OrderByOptions { asc: None, nulls_first: None };
        list.extend(rest.into_iter().map(|expr| OrderByExpr { expr, options, with_fill: None }));
    }
}

impl Completer<'_> {
    fn rest(&self, body: &SetExpr) -> Vec<Expr> {
        match body {
            SetExpr::Select(select) => self.rest_of_select(select),
            SetExpr::SetOperation { left, .. } => match leftmost(left) {
                Some(select) => ordinals(&select.projection),
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn rest_of_select(&self, select: &Select) -> Vec<Expr> {
        if matches!(select.distinct, Some(Distinct::Distinct)) {
            return ordinals(&select.projection);
        }
        let grouped = match &select.group_by {
            GroupByExpr::Expressions(list, modifiers) if modifiers.is_empty() => {
                if !list.is_empty() {
                    return group_keys(list);
                }
                false
            }
            _ => true,
        };
        if grouped || select.distinct.is_some() || select.having.is_some() || self.has_aggregate(&select.projection) {
            return Vec::new();
        }
        let mut keys = Vec::new();
        for relation in relations(&select.from, self.catalog) {
            let Some(table) = &relation.table else { continue };
            for column in table.primary_key.iter().filter_map(|id| table.column(*id)) {
                let mut parts = relation.qualifier.clone();
                parts.push(Ident::with_quote('"', column.name.as_str()));
                keys.push(Expr::CompoundIdentifier(parts));
            }
        }
        keys
    }

    fn has_aggregate(&self, projection: &[SelectItem]) -> bool {
        let found = visit_expressions(&projection.to_vec(), |expr| match expr {
            Expr::Function(function) if function.over.is_none() => {
                let name =
                    function.name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_ascii_lowercase());
                match name.is_some_and(|name| self.state.aggregate_functions().contains_key(&name)) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            }
            _ => ControlFlow::Continue(()),
        });
        found.is_break()
    }
}

/// Plain grouping expressions; sets, cubes and roll-ups have no order of their own.
fn group_keys(list: &[Expr]) -> Vec<Expr> {
    let is_plain = |expr: &&Expr| !matches!(expr, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_));
    list.iter().filter(is_plain).cloned().collect()
}

fn leftmost(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => leftmost(left),
        _ => None,
    }
}

/// `1, 2, …` for each column of a select list; none if it has a `*`.
fn ordinals(projection: &[SelectItem]) -> Vec<Expr> {
    let has_star =
        projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    if has_star {
        return Vec::new();
    }
    (1..=projection.len()).map(|at| Expr::Value(Value::Number(at.to_string(), false).into())).collect()
}
