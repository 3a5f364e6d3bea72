//! The table of an import, there or still to be made.

use std::sync::Arc;

use kalamdb_core::catalog::{Catalog, NewColumn, NewTable, TableOptions};
use kalamdb_core::{Error, Name, Result, Table};

use super::ImportOptions;
use super::source::Source;
use crate::node::Node;

/// The table of an import.
pub(super) struct Target {
    pub table: Arc<Table>,
    /// What makes it, if it is missing.
    new: Option<NewTable>,
    /// The catalog with it.
    pub catalog: Catalog,
}

impl Target {
    /// Finds the table, or designs it if that is allowed.
    pub fn find(node: &Node, options: &ImportOptions, source: &Source) -> Result<Target> {
        let (namespace, name) = &options.table;
        let mut catalog = (*node.server.catalog()).clone();
        match (catalog.table_named(namespace.as_str(), name.as_str()), &options.create) {
            (Ok(table), create) => {
                check_key(table, create.as_deref().unwrap_or_default())?;
                Ok(Target { table: table.clone(), new: None, catalog })
            }
            (Err(error), None) => Err(error.context("create the table first, or give `--create --primary-key …`")),
            (Err(_), Some(primary_key)) => {
                let new = design(options, primary_key, source)?;
                let table = apply(&mut catalog, new.clone())?;
                Ok(Target { table, new: Some(new), catalog })
            }
        }
    }

    /// Makes the table if it is missing.
    pub fn create(&self, node: &Node) -> Result<()> {
        let Some(new) = &self.new else { return Ok(()) };
        let (table, _) = node.server.change_catalog(|catalog| apply(catalog, new.clone()))?;
        if table.id == self.table.id {
            return Ok(());
        }
        Err(Error::conflict("catalog_changed", "tables were changed during the import: start it again"))
    }

    /// Whether nobody can have rows in the table.
    pub fn is_new(&self) -> bool {
        self.new.is_some()
    }
}

fn apply(catalog: &mut Catalog, new: NewTable) -> Result<Arc<Table>> {
    if !catalog.namespaces().contains(&new.namespace) {
        catalog.create_namespace(&new.namespace)?;
    }
    catalog.create_table(new)
}

fn design(options: &ImportOptions, primary_key: &[Name], source: &Source) -> Result<NewTable> {
    let mut columns = Vec::new();
    for (name, ty) in source.infer()? {
        let name = Name::new(name).map_err(|error| source.named(error).context("a column cannot keep its name"))?;
        let nullable = !primary_key.contains(&name) && name != options.user_column;
        columns.push(NewColumn { name, ty, nullable, default: None });
    }
    let missing = primary_key.iter().chain([&options.user_column]);
    for name in missing {
        if !columns.iter().any(|column| column.name == *name) {
            let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            let message = format!("the file has no column `{name}`: it has {}", known.join(", "));
            return Err(source.named(Error::invalid("unknown_column", message)));
        }
    }
    let (namespace, name) = options.table.clone();
    let primary_key = primary_key.to_vec();
    Ok(NewTable { namespace, name, columns, primary_key, checks: Vec::new(), options: TableOptions::default() })
}

/// Refuses another primary key than that of a table that is there already.
fn check_key(table: &Table, wanted: &[Name]) -> Result<()> {
    let key: Vec<&Name> = table.primary_key.iter().filter_map(|id| Some(&table.column(*id)?.name)).collect();
    if wanted.is_empty() || key.iter().copied().eq(wanted) {
        return Ok(());
    }
    let list = |names: &mut dyn Iterator<Item = &Name>| names.map(Name::as_str).collect::<Vec<_>>().join(",");
    let (name, key) = (table.full_name(), list(&mut key.into_iter()));
    let message =
        format!("table `{name}` exists with the primary key {key}: leave out `--primary-key`, or drop it first");
    Err(Error::invalid("other_primary_key", message))
}
