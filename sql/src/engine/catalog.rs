//! The tables that a statement sees, by name.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result as DfResult};
use kalamdb_core::{Error, Now, Result, View};

use super::cache::TableCache;
use super::system::SystemView;
use super::table::UserTable;
use crate::backend::Backend;
use crate::system::{SYSTEM, SystemTable};

/// The one catalog that DataFusion knows.
pub const CATALOG: &str = "kalamdb";

/// What the statement in work refers to.
pub struct Current {
    /// The state that it reads.
    pub view: View,
    /// The copy.
    pub backend: Arc<dyn Backend>,
    /// The system columns that it names; tables show these only.
    pub system_columns: [bool; 3],
    /// Whether tombstones are rows.
    pub with_tombstones: bool,
    /// What NOW() gives.
    pub now: Now,
    /// Tables that are kept as Arrow batches, if any are.
    pub cache: Option<Arc<TableCache>>,
}

impl Current {
    /// The cache of a plan that was made with one.
    ///
    /// # Errors
    /// Kind `internal` if there is none.
    pub fn cache(&self) -> Result<&TableCache> {
        self.cache.as_deref().ok_or_else(|| Error::internal("no_cache", "a plan reads a cache, and there is none"))
    }
}

/// Holds the statement in work for catalog and functions.
#[derive(Default)]
pub struct Slot(Mutex<Option<Arc<Current>>>);

impl Slot {
    /// Begins another statement.
    pub fn set(&self, current: Current) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(current));
    }

    /// The statement in work.
    ///
    /// # Errors
    /// Kind `internal` if there is none.
    pub fn get(&self) -> Result<Arc<Current>> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        current.ok_or_else(|| Error::internal("no_statement", "the query engine is used without a statement"))
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

/// The list with the one catalog.
#[derive(Debug)]
pub struct SpaceCatalogs(Arc<SpaceCatalog>);

impl SpaceCatalogs {
    /// A list that follows `slot`.
    pub fn new(slot: Arc<Slot>) -> SpaceCatalogs {
        SpaceCatalogs(Arc::new(SpaceCatalog(slot)))
    }
}

impl CatalogProviderList for SpaceCatalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_string()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| self.0.clone() as _)
    }
}

#[derive(Debug)]
struct SpaceCatalog(Arc<Slot>);

impl CatalogProvider for SpaceCatalog {
    fn schema_names(&self) -> Vec<String> {
        let Ok(current) = self.0.get() else { return Vec::new() };
        let names = current.view.catalog().namespaces().iter().map(ToString::to_string);
        names.chain([SYSTEM.to_string()]).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(Namespace { slot: self.0.clone(), current: self.0.get().ok()?, name: name.to_string() }))
    }
}

struct Namespace {
    slot: Arc<Slot>,
    current: Arc<Current>,
    name: String,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({})", self.name)
    }
}

#[async_trait]
impl SchemaProvider for Namespace {
    fn table_names(&self) -> Vec<String> {
        let tables = self.current.view.catalog().named_tables();
        tables.filter(|table| table.namespace.as_str() == self.name).map(|table| table.name.to_string()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        self.find(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        matches!(self.find(name), Ok(Some(_)))
    }
}

impl Namespace {
    fn find(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        if self.name == SYSTEM {
            let Some(table) = SystemTable::named(name) else { return Ok(None) };
            return Ok(Some(Arc::new(SystemView::new(table, self.current.clone()))));
        }
        let table = self.current.view.catalog().table_named(&self.name, name);
        let table = table.ok().map(|table| UserTable::new(table.clone(), self.current.clone(), self.slot.clone()));
        Ok(table.map(|table| Arc::new(table) as _))
    }
}
