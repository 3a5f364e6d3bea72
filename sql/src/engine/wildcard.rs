//! `*` without system columns.
//!
//! Where a statement names a system column, its tables show it; then every `*` is written out as one `table.*` for
//! each table, leaving the system columns out.

use std::ops::ControlFlow;

use kalamdb_core::catalog::{Catalog, SYSTEM_COLUMNS};
use kalamdb_core::{Error, Result};
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    ExcludeSelectItem, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

use super::order::{Relation, relations};
use crate::parse::unsupported;

/// Rewrites every `*` of a query that names system columns.
///
/// # Errors
/// Kind `invalid` for NATURAL JOIN, which would join by system columns too.
pub fn hide_system_columns(query: &mut Query, catalog: &Catalog, named: [bool; 3]) -> Result<()> {
    if named == [false; 3] {
        return Ok(());
    }
    match VisitMut::visit(query, &mut Hider { catalog, named }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Hider<'a> {
    catalog: &'a Catalog,
    named: [bool; 3],
}

impl VisitorMut for Hider<'_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        self.body(&mut query.body)
    }
}

impl Hider<'_> {
    fn body(&self, body: &mut SetExpr) -> ControlFlow<Box<Error>> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn select(&self, select: &mut Select) -> ControlFlow<Box<Error>> {
        if select.from.iter().any(has_natural_join) {
            return ControlFlow::Break(Box::new(unsupported(
                "NATURAL JOIN is not supported in a query that names system columns: write JOIN … USING",
            )));
        }
        let relations = relations(&select.from, self.catalog);
        let items = std::mem::take(&mut select.projection);
        for item in items {
            match item {
                SelectItem::Wildcard(options) if is_plain(&options) => {
                    select.projection.extend(relations.iter().map(|relation| self.all_of(relation)));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                    if is_plain(&options) =>
                {
                    let relation = relations.iter().find(|relation| is_called(relation, &name));
                    select.projection.push(match relation {
                        Some(relation) => self.all_of(relation),
                        None => {
                            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                        }
                    });
                }
                other => select.projection.push(other),
            }
        }
        ControlFlow::Continue(())
    }

    fn all_of(&self, relation: &Relation) -> SelectItem {
        let name = ObjectName::from(relation.qualifier.clone());
        let hidden: Vec<ObjectName> = SYSTEM_COLUMNS
            .iter()
            .zip(self.named)
            .filter(|(_, named)| *named)
            .map(|(column, _)| ObjectName::from(vec![Ident::new(*column)]))
            .collect();
        let exclude = relation.table.as_ref().map(|_| ExcludeSelectItem::Multiple(hidden));
        let options = WildcardAdditionalOptions {
            wildcard_token: AttachedToken::empty(),
            opt_exclude: exclude,
            ..WildcardAdditionalOptions::default()
        };
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
    }
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
}

fn is_called(relation: &Relation, name: &ObjectName) -> bool {
    let last = name.0.last().and_then(|part| part.as_ident()).map(crate::parse::ident);
    last.is_some() && relation.qualifier.last().map(crate::parse::ident) == last
}

fn has_natural_join(from: &TableWithJoins) -> bool {
    let natural = |operator: &JoinOperator| match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => matches!(constraint, JoinConstraint::Natural),
        _ => false,
    };
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => has_natural_join(table_with_joins),
        _ => false,
    };
    nested(&from.relation) || from.joins.iter().any(|join| natural(&join.join_operator) || nested(&join.relation))
}
