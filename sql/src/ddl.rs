//! Running DDL: each statement is one change of the catalog, or none.

use kalamdb_core::catalog::{Catalog, Location};
use kalamdb_core::{Error, Name, Result, TableId};

use crate::backend::{Backend, StorageLocation};
use crate::parse::{Ddl, TableChange, TableName};
use crate::result::StatementResult;
use crate::system::{SYSTEM, location_uses};

/// Runs a change of the catalog.
///
/// # Errors
/// Kind `unauthorized` if the session may not, `invalid` if the change does not fit the catalog.
pub fn run(backend: &dyn Backend, ddl: &Ddl) -> Result<StatementResult> {
    backend.may_change_catalog()?;
    match ddl {
        Ddl::CreateLocation { location, if_not_exists } => create_location(backend, location, *if_not_exists),
        Ddl::AlterLocation(location) => {
            known_location(backend, &location.name)?;
            backend.put_storage_location(location.clone())?;
            Ok(StatementResult::done("ALTER STORAGE LOCATION"))
        }
        Ddl::DropLocation { name, if_exists } => drop_location(backend, name, *if_exists),
        _ => {
            if let Some(name) = referenced_location(ddl) {
                known_location(backend, name)?;
            }
            let mut tag = "";
            backend.change_catalog(&mut |catalog| {
                tag = change(catalog, ddl)?;
                Ok(())
            })?;
            Ok(StatementResult::done(tag))
        }
    }
}

fn change(catalog: &mut Catalog, ddl: &Ddl) -> Result<&'static str> {
    match ddl {
        Ddl::CreateNamespace { name, if_not_exists } => {
            if !(*if_not_exists && catalog.namespaces().contains(name)) {
                catalog.create_namespace(name)?;
            }
            Ok("CREATE NAMESPACE")
        }
        Ddl::DropNamespace { name, if_exists } => {
            if !*if_exists || catalog.namespaces().contains(name) {
                catalog.drop_namespace(name)?;
            }
            Ok("DROP NAMESPACE")
        }
        Ddl::CreateTable { table, if_not_exists } => {
            let exists = catalog.table_named(table.namespace.as_str(), table.name.as_str()).is_ok();
            if !(*if_not_exists && exists) {
                catalog.create_table((**table).clone())?;
            }
            Ok("CREATE TABLE")
        }
        Ddl::DropTable { name, if_exists } => {
            match table_id(catalog, name) {
                Ok(id) => catalog.drop_table(id)?,
                Err(_) if *if_exists && name.namespace != SYSTEM => {}
                Err(error) => return Err(error),
            }
            Ok("DROP TABLE")
        }
        Ddl::AlterTable { name, changes } => {
            let id = table_id(catalog, name)?;
            changes.iter().try_for_each(|change| alter_table(catalog, id, change))?;
            Ok("ALTER TABLE")
        }
        Ddl::CreateIndex { table, index, if_not_exists } => {
            let id = table_id(catalog, table)?;
            let namespace = Name::new(table.namespace.as_str())?;
            if !(*if_not_exists && catalog.index_owner(&namespace, &index.name).is_some()) {
                catalog.create_index(id, index.clone())?;
            }
            Ok("CREATE INDEX")
        }
        Ddl::DropIndex { namespace, name, if_exists } => {
            match catalog.index_owner(namespace, name).map(|table| table.id) {
                Some(id) => drop(catalog.drop_index(id, name)?),
                None if *if_exists => {}
                None => {
                    let message = format!("index `{namespace}.{name}` does not exist: check its spelling");
                    return Err(Error::invalid("unknown_index", message));
                }
            }
            Ok("DROP INDEX")
        }
        Ddl::CreateLocation { .. } | Ddl::AlterLocation(_) | Ddl::DropLocation { .. } => {
            Err(Error::internal("not_a_catalog_change", "storage locations do not stand in the catalog"))
        }
    }
}

/// The table to be changed.
fn table_id(catalog: &Catalog, name: &TableName) -> Result<TableId> {
    if name.namespace == SYSTEM {
        return Err(read_only(name));
    }
    catalog.table_named(&name.namespace, &name.table).map(|table| table.id)
}

/// The error of a write to a system table.
pub(crate) fn read_only(name: &TableName) -> Error {
    Error::invalid("read_only", format!("table `{name}` is a system table: it is for SELECT only"))
}

fn alter_table(catalog: &mut Catalog, id: TableId, change: &TableChange) -> Result<()> {
    match change {
        TableChange::Add { add, if_not_exists } => {
            let exists = catalog.live_table(id)?.column_named(add.column.name.as_str()).is_some();
            if *if_not_exists && exists { Ok(()) } else { catalog.add_column(id, add.clone()) }
        }
        TableChange::Drop { name, if_exists } => {
            let exists = catalog.live_table(id)?.column_named(name.as_str()).is_some();
            if *if_exists && !exists { Ok(()) } else { catalog.drop_column(id, name) }
        }
        TableChange::Rename { name, new_name } => catalog.rename_column(id, name, new_name),
        TableChange::Set(changes) => {
            let options = catalog.live_table(id)?.options.clone();
            catalog.set_options(id, changes.apply(options))
        }
    }
}

/// The storage location that a statement makes a table use.
fn referenced_location(ddl: &Ddl) -> Option<&Name> {
    let location = match ddl {
        Ddl::CreateTable { table, .. } => table.options.location.as_ref(),
        Ddl::AlterTable { changes, .. } => changes.iter().find_map(|change| match change {
            TableChange::Set(options) => options.location.as_ref(),
            _ => None,
        }),
        _ => None,
    };
    match location {
        Some(Location::Reference(name)) => Some(name),
        _ => None,
    }
}

fn known_location(backend: &dyn Backend, name: &Name) -> Result<()> {
    if backend.storage_locations()?.iter().any(|location| location.name == *name) {
        return Ok(());
    }
    let message = format!("storage location `{name}` does not exist: run CREATE STORAGE LOCATION {name} URL '…' first");
    Err(Error::invalid("unknown_location", message))
}

fn create_location(backend: &dyn Backend, location: &StorageLocation, if_not_exists: bool) -> Result<StatementResult> {
    let exists = backend.storage_locations()?.iter().any(|known| known.name == location.name);
    if exists && !if_not_exists {
        let message = format!("storage location `{}` exists: use IF NOT EXISTS to allow that", location.name);
        return Err(Error::invalid("location_exists", message));
    }
    if !exists {
        backend.put_storage_location(location.clone())?;
    }
    Ok(StatementResult::done("CREATE STORAGE LOCATION"))
}

fn drop_location(backend: &dyn Backend, name: &Name, if_exists: bool) -> Result<StatementResult> {
    let done = StatementResult::done("DROP STORAGE LOCATION");
    match known_location(backend, name) {
        Err(_) if if_exists => return Ok(done),
        known => known?,
    }
    let uses = location_uses(backend.view()?.catalog(), name);
    if uses > 0 {
        let message = format!("storage location `{name}` is used by {uses} tables: give them another LOCATION first");
        return Err(Error::invalid("location_in_use", message));
    }
    backend.drop_storage_location(name)?;
    Ok(done)
}
