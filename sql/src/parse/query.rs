//! SELECT: what a query reads, and the clauses that are refused because nothing would come of them.

use std::collections::HashSet;
use std::ops::ControlFlow;

use kalamdb_core::catalog::SYSTEM_COLUMNS;
use kalamdb_core::{Error, Result};
use sqlparser::ast::{self, Ident, ObjectName, Select, SetExpr, TableFactor, Visit, Visitor};
use sqlparser::parser::Parser;

use super::words::to_table_name;
use super::{Query, TableName, ident, syntax, unsupported};
use crate::reader::DirectSlot;

/// Parses and checks a query.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Query> {
    let ast = parser.parse_query().map_err(syntax)?;
    check(*ast)
}

/// Checks a query that was parsed as part of something else.
pub(super) fn check(ast: ast::Query) -> Result<Query> {
    let mut survey = Survey::default();
    if let ControlFlow::Break(error) = ast.visit(&mut survey) {
        return Err(*error);
    }
    let Survey { tables, system_columns, .. } = survey;
    Ok(Query { tables, system_columns, live_only: false, direct: DirectSlot::default(), ast })
}

/// Checks an expression that stands outside of a query; it may hold sub-queries.
pub(super) fn check_expr(expr: &ast::Expr) -> Result<()> {
    match expr.visit(&mut Survey::default()) {
        ControlFlow::Break(error) => Err(*error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Collects what a query reads and stops at what is not supported.
#[derive(Default)]
struct Survey {
    tables: Vec<TableName>,
    system_columns: [bool; 3],
    /// Names of WITH, which are no tables.
    common: HashSet<String>,
}

type Flow = ControlFlow<Box<Error>>;

fn refuse(what: &str) -> Flow {
    ControlFlow::Break(Box::new(unsupported(&format!("{what} is not supported in a query"))))
}

fn refuse_any(clauses: &[(bool, &str)]) -> Flow {
    match clauses.iter().find(|(found, _)| *found) {
        Some((_, what)) => refuse(what),
        None => ControlFlow::Continue(()),
    }
}

impl Visitor for Survey {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &ast::Query) -> Flow {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.common.insert(ident(&cte.alias.name));
            refuse_any(&[
                (cte.from.is_some(), "FROM behind a WITH query"),
                (cte.materialized.is_some(), "MATERIALIZED"),
            ])?;
        }
        let writes =
            matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_));
        let limit_by = match &query.limit_clause {
            Some(ast::LimitClause::LimitOffset { limit_by, .. }) => !limit_by.is_empty(),
            _ => false,
        };
        refuse_any(&[
            (writes, "WITH in front of INSERT, UPDATE or DELETE"),
            (!query.locks.is_empty(), "FOR UPDATE or FOR SHARE"),
            (query.for_clause.is_some(), "FOR XML, JSON or BROWSE"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (!query.pipe_operators.is_empty(), "|>"),
            (limit_by, "LIMIT BY"),
            (query.order_by.as_ref().is_some_and(|order| order.interpolate.is_some()), "INTERPOLATE"),
            (
                query.fetch.as_ref().is_some_and(|fetch| fetch.with_ties || fetch.percent),
                "FETCH … PERCENT or WITH TIES",
            ),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        refuse_any(&[
            (select.into.is_some(), "SELECT INTO"),
            (select.top.is_some(), "TOP"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW"),
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!select.cluster_by.is_empty(), "CLUSTER BY"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!select.sort_by.is_empty(), "SORT BY"),
            (select.value_table_mode.is_some(), "SELECT AS STRUCT or VALUE"),
            (select.select_modifiers.is_some(), "a modifier behind SELECT"),
            (!select.optimizer_hints.is_empty(), "an optimizer hint"),
            (select.exclude.is_some(), "EXCLUDE behind the select list"),
        ])
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        match factor {
            TableFactor::Table { with_hints, version, partitions, json_path, sample, index_hints, alias, .. } => {
                refuse_any(&[
                    (!with_hints.is_empty(), "WITH (…) behind a table"),
                    (version.is_some(), "FOR SYSTEM_TIME"),
                    (!partitions.is_empty(), "PARTITION"),
                    (json_path.is_some(), "a JSON path behind a table"),
                    (sample.is_some(), "TABLESAMPLE"),
                    (!index_hints.is_empty(), "an index hint"),
                    (alias.as_ref().is_some_and(|alias| alias.at.is_some()), "AT behind an alias"),
                ])
            }
            TableFactor::Derived { sample, .. } => refuse_any(&[(sample.is_some(), "TABLESAMPLE")]),
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => refuse("PIVOT or UNPIVOT"),
            TableFactor::MatchRecognize { .. } => refuse("MATCH_RECOGNIZE"),
            TableFactor::JsonTable { .. } | TableFactor::OpenJsonTable { .. } | TableFactor::XmlTable { .. } => {
                refuse("JSON_TABLE, OPENJSON or XMLTABLE")
            }
            TableFactor::SemanticView { .. } => refuse("SEMANTIC_VIEW"),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> Flow {
        if let [part] = relation.0.as_slice()
            && let Some(name) = part.as_ident()
            && (self.common.contains(&ident(name)) || is_table_function(name))
        {
            return ControlFlow::Continue(());
        }
        match to_table_name(relation) {
            Ok(name) => {
                if !self.tables.contains(&name) {
                    self.tables.push(name);
                }
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn pre_visit_expr(&mut self, expr: &ast::Expr) -> Flow {
        let name = match expr {
            ast::Expr::Identifier(name) => Some(name),
            ast::Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if let Some(name) = name {
            self.note(name);
        }
        ControlFlow::Continue(())
    }
}

/// Functions of DataFusion that give tables.
fn is_table_function(name: &Ident) -> bool {
    matches!(name.value.to_ascii_lowercase().as_str(), "generate_series" | "range" | "unnest")
}

impl Survey {
    fn note(&mut self, name: &Ident) {
        let name = ident(name);
        for (system, named) in SYSTEM_COLUMNS.iter().zip(&mut self.system_columns) {
            *named |= *system == name;
        }
    }
}

/// `SELECT list FROM table WHERE filter`, for statements that need rows or values of the query engine. A table that a
/// statement writes to shows live rows only, whatever it names.
///
/// # Errors
/// Kind `invalid` if an expression holds what queries do not support.
pub fn select_of(
    list: Vec<ast::Expr>,
    table: Option<(&TableName, Option<&str>)>,
    filter: Option<ast::Expr>,
) -> Result<Query> {
    let sql = match table {
        None => "SELECT NULL".to_string(),
        Some((name, alias)) => {
            let alias = alias.unwrap_or(&name.table).replace('"', "\"\"");
            format!("SELECT NULL FROM \"{}\".\"{}\" AS \"{alias}\"", name.namespace, name.table)
        }
    };
    let mut parser = Parser::new(&super::DIALECT).try_with_sql(&sql).map_err(syntax)?;
    let mut ast = *parser.parse_query().map_err(syntax)?;
    if let SetExpr::Select(select) = &mut *ast.body {
        select.projection = list
            .into_iter()
            .zip(0..)
            .map(|(expr, at)| ast::SelectItem::ExprWithAlias {
                expr,
                alias: Ident::with_quote('"', format!("value {at}")),
            })
            .collect();
        select.selection = filter;
    }
    let mut query = check(ast)?;
    query.live_only = true;
    Ok(query)
}

/// The select list of a query, of the first one of a UNION; `None` if there is a `*` or no SELECT.
pub fn result_items(query: &ast::Query) -> Option<&[ast::SelectItem]> {
    let mut body = &query.body;
    loop {
        match &**body {
            SetExpr::Select(select) => {
                let is_plain =
                    |item| matches!(item, &ast::SelectItem::UnnamedExpr(_) | &ast::SelectItem::ExprWithAlias { .. });
                return select.projection.iter().all(is_plain).then_some(&select.projection);
            }
            SetExpr::SetOperation { left, .. } => body = left,
            _ => return None,
        }
    }
}

/// The names of a result's columns: alias, the column's own name, or the expression as it is written, in lower case;
/// `None` as for [`result_items`].
pub fn result_names(query: &ast::Query) -> Option<Vec<String>> {
    result_items(query)?.iter().map(result_name).collect()
}

/// What an item of a select list counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Nothing that is known from the text.
    Nothing,
    /// It is COUNT(…).
    Function,
    /// It is the column of this name, which may be a COUNTER.
    Column(String),
}

/// What an item of a select list counts.
pub fn counted(item: &ast::SelectItem) -> Counted {
    let (ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) = item else {
        return Counted::Nothing;
    };
    match expr {
        ast::Expr::Identifier(name) => Counted::Column(ident(name)),
        ast::Expr::CompoundIdentifier(parts) => {
            parts.last().map_or(Counted::Nothing, |name| Counted::Column(ident(name)))
        }
        ast::Expr::Function(function) => match function.name.0.as_slice() {
            [part] if part.as_ident().is_some_and(|name| ident(name) == "count") => Counted::Function,
            _ => Counted::Nothing,
        },
        _ => Counted::Nothing,
    }
}

fn result_name(item: &ast::SelectItem) -> Option<String> {
    match item {
        ast::SelectItem::ExprWithAlias { alias, .. } => Some(ident(alias)),
        ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(name)) => Some(ident(name)),
        ast::SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts)) => parts.last().map(ident),
        ast::SelectItem::UnnamedExpr(expr) => Some(expr.to_string().to_lowercase()),
        _ => None,
    }
}
