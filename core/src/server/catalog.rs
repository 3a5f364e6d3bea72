//! Changes of the server's catalog.

use std::sync::Arc;

use super::{Server, news};
use crate::catalog::{AddColumn, Catalog, NewIndex, NewTable, Table};
use crate::device::ServerCatalog;
use crate::ids::{CatalogVersion, Name};
use crate::store::CommitId;
use crate::store::WriteBatch;
use crate::value::Datum;
use crate::{Error, Result};

fn check_key(known: &Table, declared: &[Name]) -> Result<()> {
    let key: Vec<_> = known.primary_key.iter().filter_map(|id| known.column(*id)).map(|column| &column.name).collect();
    if key.iter().copied().eq(declared) {
        return Ok(());
    }
    let list =
        |names: &mut dyn Iterator<Item = &Name>| names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = format!(
        "the primary key of table `{}` is {} and is declared as {}: declare it alike",
        known.full_name(),
        list(&mut key.iter().copied()),
        list(&mut declared.iter())
    );
    Err(Error::invalid("schema_differs", message))
}

impl Server {
    /// Changes the catalog: all that `change` does or nothing. The change may leave the server once the store's
    /// `persisted` reaches the returned commit.
    ///
    /// # Errors
    /// What `change` or the store gives.
    pub fn change_catalog<T>(&self, change: impl FnOnce(&mut Catalog) -> Result<T>) -> Result<(T, CommitId)> {
        let mut current = self.catalog.write();
        let mut catalog = (**current).clone();
        let answer = change(&mut catalog)?;
        let mut batch = WriteBatch::new();
        catalog.save(current.version(), &mut batch);
        let commit = self.store.commit(batch)?;
        *self.catalog_commit.lock() = commit;
        *current = Arc::new(catalog);
        Ok((answer, commit))
    }

    /// What a device that knows version `since` must learn.
    pub fn catalog_news(&self, since: CatalogVersion) -> ServerCatalog {
        news(&self.catalog(), since)
    }

    /// Creates what a device declares and the server misses: namespace, table, columns, indexes.
    ///
    /// # Errors
    /// Kind `invalid` if what exists differs in a way that adding cannot mend.
    pub fn declare(&self, table: NewTable, indexes: Vec<NewIndex>) -> Result<CommitId> {
        let (_, commit) = self.change_catalog(|catalog| {
            if !catalog.namespaces().contains(&table.namespace) {
                catalog.create_namespace(&table.namespace)?;
            }
            let known = catalog.table_named(table.namespace.as_str(), table.name.as_str()).ok().cloned();
            let id = match known {
                None => catalog.create_table(table)?.id,
                Some(known) => {
                    check_key(&known, &table.primary_key)?;
                    for column in table.columns {
                        if let Some(present) = known.column_named(column.name.as_str()) {
                            if present.ty == column.ty {
                                continue;
                            }
                            let (name, table, ty) = (&column.name, known.full_name(), column.ty);
                            let message = format!(
                                "column `{name}` of table `{table}` is {} and is declared as {ty}: declare it alike",
                                present.ty
                            );
                            return Err(Error::invalid("schema_differs", message));
                        }
                        let fill = match &column.default {
                            Some(crate::catalog::Default::Literal(value)) => value.clone(),
                            None => Datum::Null,
                            Some(_) => {
                                let message = format!(
                                    "column `{}` of table `{}` cannot be added with a default that differs for each row",
                                    column.name,
                                    known.full_name()
                                );
                                return Err(Error::invalid("schema_differs", message));
                            }
                        };
                        catalog.add_column(known.id, AddColumn { column, fill })?;
                    }
                    known.id
                }
            };
            for index in indexes {
                if catalog.live_table(id)?.index_named(&index.name).is_none() {
                    catalog.create_index(id, index)?;
                }
            }
            Ok(())
        })?;
        Ok(commit)
    }
}
