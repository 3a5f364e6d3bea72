//! The catalog: namespaces and tables, with one version number for all of it.

mod ddl;
mod def;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::codec::{Reader, Writer};
use crate::ids::{CatalogVersion, IndexId, Name, TableId};
use crate::store::{Direction, KeyRange, Partition, Snapshot, WriteBatch};
use crate::{Error, Result, keys};

pub use ddl::{AddColumn, NewColumn, NewIndex, NewTable, TABLE_BYTES_MAX};
pub use def::{
    COLUMNS_MAX, CheckDef, ColumnDef, DELETED_RETENTION_DEFAULT_SECONDS, Default, FlushPolicy, IndexDef, Location,
    TableDef, TableOptions,
};
pub use table::{SYSTEM_COLUMNS, Table};

/// Most namespaces of a catalog.
pub const NAMESPACES_MAX: usize = 1_000;
/// Most tables of a catalog, dropped ones included.
pub const TABLES_MAX: usize = 100_000;

/// All tables that a server or a device knows. A clone is cheap enough for one per change.
#[derive(Clone, Debug, std::default::Default, PartialEq, Eq)]
pub struct Catalog {
    version: CatalogVersion,
    namespaces: Vec<Name>,
    tables: BTreeMap<TableId, Arc<Table>>,
    names: HashMap<(Name, Name), TableId>,
    next_table: u32,
    next_index: u32,
}

impl Catalog {
    /// An empty catalog whose table ids start at `first`: [`TableId::LOCAL_FIRST`] on a device, 1 on a server.
    pub fn new(first: TableId) -> Catalog {
        Catalog { next_table: first.0, next_index: first.0, ..Catalog::default() }
    }

    /// The version, one higher with each change.
    pub fn version(&self) -> CatalogVersion {
        self.version
    }

    /// The namespaces in the order of their creation.
    pub fn namespaces(&self) -> &[Name] {
        &self.namespaces
    }

    /// The tables that exist.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> + '_ {
        self.tables.values().filter(|table| !table.dropped)
    }

    /// The tables that have their name: on a device, a local table may keep it from one of the server's.
    pub fn named_tables(&self) -> impl Iterator<Item = &Arc<Table>> + '_ {
        let has_name = |table: &&Arc<Table>| {
            self.names.get(&(table.namespace.clone(), table.name.clone())).is_some_and(|id| *id == table.id)
        };
        self.tables().filter(has_name)
    }

    /// Every table, dropped ones included.
    pub fn all_tables(&self) -> impl Iterator<Item = &Arc<Table>> + '_ {
        self.tables.values()
    }

    /// The table with this name.
    ///
    /// # Errors
    /// Kind `invalid` if there is none; the message says what is missing.
    pub fn table_named(&self, namespace: &str, name: &str) -> Result<&Arc<Table>> {
        let found = Name::new(namespace).ok().zip(Name::new(name).ok()).and_then(|key| self.names.get(&key));
        match found.and_then(|id| self.tables.get(id)) {
            Some(table) => Ok(table),
            None => Err(unknown_table(&format!("{namespace}.{name}"))),
        }
    }

    /// The table with this id, also a dropped one.
    pub fn table(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables.get(&id)
    }

    /// The table with this id, unless it was dropped.
    ///
    /// # Errors
    /// Kind `invalid` if there is none.
    pub fn live_table(&self, id: TableId) -> Result<&Arc<Table>> {
        match self.tables.get(&id) {
            Some(table) if !table.dropped => Ok(table),
            Some(table) => Err(Error::invalid("unknown_table", format!("table `{}` was dropped", table.full_name()))),
            None if id >= TableId::LOCAL_FIRST => {
                let message = "the table was made on the device and dropped there before the server knew it: write to the \
                               table that is there now";
                Err(Error::invalid("unknown_table", message))
            }
            None => Err(unknown_table(&format!("number {id}"))),
        }
    }

    /// The definitions that changed after `version`, for a device that knows that one.
    pub fn changed_since(&self, version: CatalogVersion) -> Vec<Arc<Table>> {
        self.tables.values().filter(|table| table.changed > version).cloned().collect()
    }

    /// Replaces what a newer version of the same catalog says.
    pub fn install(&mut self, version: CatalogVersion, namespaces: Vec<Name>, tables: Vec<TableDef>) {
        self.version = version;
        self.namespaces = namespaces;
        for def in tables {
            self.put(def);
        }
    }

    /// Removes a definition without a trace, before another takes its place.
    pub(crate) fn forget(&mut self, id: TableId) {
        self.release_name(id);
        self.tables.remove(&id);
    }

    /// Takes the name from a table that has it. Another table that waited for the name, gets it.
    fn release_name(&mut self, id: TableId) {
        let Some(old) = self.tables.get(&id) else { return };
        let name = (old.namespace.clone(), old.name.clone());
        if self.names.get(&name) == Some(&id) {
            let heir =
                self.tables().find(|table| table.id != id && (&table.namespace, &table.name) == (&name.0, &name.1));
            match heir.map(|table| table.id) {
                Some(heir) => self.names.insert(name, heir),
                None => self.names.remove(&name),
            };
        }
    }

    /// Puts back a local definition; it keeps its name, also before a table of the server that cannot take its place.
    pub(crate) fn install_local(&mut self, def: TableDef) {
        self.put(def);
    }

    fn put(&mut self, def: TableDef) {
        let id = def.id;
        self.release_name(id);
        if !def.dropped {
            self.names.insert((def.namespace.clone(), def.name.clone()), id);
        }
        self.next_table = self.next_table.max(id.0.saturating_add(1));
        for index in &def.indexes {
            self.next_index = self.next_index.max(index.id.0.saturating_add(1));
        }
        self.tables.insert(id, Arc::new(Table::new(def)));
    }

    fn take_index_id(&mut self) -> IndexId {
        let id = IndexId(self.next_index);
        self.next_index += 1;
        id
    }

    /// Adds to `batch` what is newer than `since`.
    pub fn save(&self, since: CatalogVersion, batch: &mut WriteBatch) {
        let mut head = Writer::new();
        head.u8(1);
        head.varint(self.version.0);
        head.varint(self.next_table.into());
        head.varint(self.next_index.into());
        head.list(self.namespaces.iter(), |out, name| out.text(name.as_str()));
        batch.put(Partition::Meta, keys::catalog_head(), head.into_vec());
        for table in self.tables.values().filter(|table| table.changed > since) {
            let mut out = Writer::new();
            table.def().write(&mut out);
            batch.put(Partition::Meta, keys::catalog_table(table.id), out.into_vec());
        }
    }

    /// Adds to `batch` the removal of everything that [`Catalog::save`] writes.
    pub fn erase(batch: &mut WriteBatch) {
        batch.delete_range(Partition::Meta, keys::catalog());
    }

    /// The catalog in the store; `None` if there never was one.
    ///
    /// # Errors
    /// Kind `corrupt` if its bytes are damaged.
    pub fn load(snapshot: &dyn Snapshot) -> Result<Option<Catalog>> {
        let Some(head) = snapshot.get(Partition::Meta, &keys::catalog_head())? else { return Ok(None) };
        let mut input = Reader::new(&head);
        let format = input.u8()?;
        if format != 1 {
            return Err(Error::corrupt("unknown_format", format!("catalog of unknown format {format}")));
        }
        let mut catalog = Catalog { version: CatalogVersion(input.varint()?), ..Catalog::default() };
        let (next_table, next_index) = (input.varint32()?, input.varint32()?);
        catalog.namespaces = input.list(NAMESPACES_MAX, def::read_name)?;
        let range: KeyRange = keys::catalog_tables();
        let mut cursor = snapshot.scan(Partition::Meta, range, Direction::Forward)?;
        while cursor.advance()? {
            catalog.put(TableDef::read(&mut Reader::new(cursor.value()))?);
        }
        catalog.next_table = next_table;
        catalog.next_index = next_index;
        Ok(Some(catalog))
    }
}

fn unknown_table(name: &str) -> Error {
    Error::invalid("unknown_table", format!("table `{name}` does not exist: create it first or check its spelling"))
}
