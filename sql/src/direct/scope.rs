//! Names in a statement of one table.

use std::sync::Arc;

use kalamdb_core::query::Field;
use kalamdb_core::{Catalog, Table};
use sqlparser::ast::{self, Ident, ObjectName, TableFactor, TableWithJoins};

/// Where a statement finds its table, and what `*` means.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The tables.
    pub catalog: &'a Catalog,
    /// The namespace of a table that is named without one.
    pub namespace: &'a str,
    /// The system columns that `*` gives behind the declared ones.
    pub wildcard: &'a [Field],
}

/// The one table of a statement, and how its columns may be written.
pub(super) struct From<'a> {
    pub(super) table: Arc<Table>,
    pub(super) wildcard: &'a [Field],
    /// The parts of the table's name as written, or its alias.
    relation: Vec<String>,
}

/// A name as DataFusion reads it: lower case unless it is quoted.
pub(super) fn normal(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

impl<'a> From<'a> {
    /// The table of a FROM clause that names one table and nothing else.
    pub(super) fn read(scope: &Scope<'a>, from: &[TableWithJoins]) -> Option<From<'a>> {
        let [TableWithJoins { relation, joins }] = from else { return None };
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = relation
        else {
            return None;
        };
        if !(joins.is_empty() && with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty()) {
            return None;
        }
        let written = parts(name)?;
        let table = match written.as_slice() {
            [table] => scope.catalog.table_named(scope.namespace, table),
            [namespace, table] => scope.catalog.table_named(namespace, table),
            _ => return None,
        };
        let relation = match alias {
            None => written,
            Some(alias) if alias.columns.is_empty() && alias.at.is_none() => vec![normal(&alias.name)],
            Some(_) => return None,
        };
        Some(From { table: table.ok()?.clone(), wildcard: scope.wildcard, relation })
    }

    /// The field that an expression names.
    pub(super) fn field(&self, expr: &ast::Expr) -> Option<Field> {
        match expr {
            ast::Expr::Nested(inner) => self.field(inner),
            ast::Expr::Identifier(name) => Field::named(&self.table, &normal(name)),
            ast::Expr::CompoundIdentifier(names) => {
                let (name, qualifier) = names.split_last()?;
                let qualifier: Vec<String> = qualifier.iter().map(normal).collect();
                if self.is_called(&qualifier) { Field::named(&self.table, &normal(name)) } else { None }
            }
            _ => None,
        }
    }

    /// Whether a qualifier names the table.
    pub(super) fn is_called(&self, qualifier: &[String]) -> bool {
        !qualifier.is_empty() && self.relation.ends_with(qualifier)
    }

    /// A field as DataFusion writes it in the name of an aggregate: with the table as written.
    pub(super) fn qualified(&self, field: Field) -> String {
        format!("{}.{}", self.relation.join("."), field.name(&self.table))
    }
}

/// The parts of a name that has only plain parts.
pub(super) fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0.iter().map(|part| part.as_ident().map(normal)).collect()
}
