//! Meeting the server: binding, the server's catalog, tables that were declared before, and a lost identity.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::install::remaining;
use super::outbox::{self, OutboxEntry, RejectedWrite};
use super::state::{self, Binding, Progress};
use super::{Device, State};
use crate::catalog::{Catalog, NewColumn, NewIndex, NewTable, Table, TableDef};
use crate::ids::{
    CatalogVersion, ColumnId, ContentHash, DeviceId, Epoch, MutationId, Name, Position, ServerId, SpaceId, TableId,
    UserId,
};
use crate::mutation::{Assignment, Op, OpKind, is_same_content};
use crate::server::Answer;
use crate::store::{Partition, WriteBatch};
use crate::{Error, Result, garbage, keys};

/// The server's catalog, or what is newer in it than the device knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerCatalog {
    /// Its version.
    pub version: CatalogVersion,
    /// All its namespaces.
    pub namespaces: Vec<Name>,
    /// The definitions that changed.
    pub tables: Vec<TableDef>,
}

/// Who the device talks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The server.
    pub server: ServerId,
    /// The user of the token.
    pub user: UserId,
    /// The user's space.
    pub space: SpaceId,
    /// The number that the server gave this device.
    pub number: crate::ids::DeviceNumber,
}

/// What came of a [`Device::meet`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// The local tables that the server does not have as they are here.
    pub missing: Vec<Arc<Table>>,
    /// Kind `invalid`, naming the difference, if the server has a table of the same name that cannot become what the
    /// local one is: the local one keeps the name, and writes wait until it is changed.
    pub differs: Option<Error>,
}

/// Whether the id was given by this device and no server knows the table.
fn is_local(id: TableId) -> bool {
    id >= TableId::LOCAL_FIRST
}

fn check_binding(state: &State, contact: &Contact) -> Result<()> {
    let is_other_space = |bound: &Binding| bound.space != contact.space;
    match &state.progress.binding {
        Some(bound) if bound.server != contact.server => {
            let message = format!(
                "the database belongs to server {}, this one is {}: connect to the other, or open another database",
                bound.server, contact.server
            );
            Err(Error::unauthorized("other_server", message))
        }
        binding => {
            let is_other_user = state.user.as_ref().is_some_and(|owner| *owner != contact.user);
            if is_other_user || binding.as_ref().is_some_and(is_other_space) {
                return Err(other_user(state.user.as_ref(), &contact.user));
            }
            Ok(())
        }
    }
}

fn other_user(owner: Option<&UserId>, other: &UserId) -> Error {
    let owner = owner.map_or("another user", UserId::as_str);
    let message =
        format!("the database belongs to user `{owner}`, not to `{other}`: sign in as the former, or open another one");
    Error::unauthorized("other_user", message)
}

/// Refuses changes of tables that belong to the server.
pub(super) fn check_local(old: &Catalog, new: &Catalog) -> Result<()> {
    for table in old.all_tables().filter(|table| !is_local(table.id)) {
        if new.table(table.id) != Some(table) {
            let message = format!("table `{}` belongs to the server: change it there", table.full_name());
            return Err(Error::unauthorized("server_table", message));
        }
    }
    Ok(())
}

impl Device {
    /// Refuses a server or space other than the one that the database belongs to.
    ///
    /// # Errors
    /// Kind `unauthorized`, naming both.
    pub fn check_binding(&self, contact: &Contact) -> Result<()> {
        check_binding(&self.state.lock(), contact)
    }

    /// Whose database it is: [`Device::claim`] or the first contact says so.
    pub fn user(&self) -> Option<UserId> {
        self.state.lock().user.clone()
    }

    /// Says whose database it is, before the first contact: no other user's token will be taken.
    ///
    /// # Errors
    /// Kind `unauthorized` if it is another user's; what the store gives.
    pub fn claim(&self, user: &UserId) -> Result<()> {
        let mut state = self.state.lock();
        match &state.user {
            Some(owner) if owner == user => Ok(()),
            Some(owner) => Err(other_user(Some(owner), user)),
            None => {
                let mut batch = WriteBatch::new();
                let space = state.progress.binding.map_or(SpaceId::LOCAL, |binding| binding.space);
                state::save_user(user, space, &mut batch);
                self.store.commit(batch)?;
                state.user = Some(user.clone());
                Ok(())
            }
        }
    }

    /// Tables that no server knows yet, for it to create what is missing.
    pub fn local_tables(&self) -> Vec<Arc<Table>> {
        self.state.lock().catalog.tables().filter(|table| is_local(table.id)).cloned().collect()
    }

    /// Binds the database to `contact`, installs the server's definitions and maps local tables that they describe
    /// to them, by name and type.
    ///
    /// # Errors
    /// Kind `unauthorized` for another space. Nothing changed then.
    pub fn meet(&self, contact: &Contact, news: &ServerCatalog) -> Result<Meeting> {
        let mut state = self.state.lock();
        check_binding(&state, contact)?;
        let known = state.progress.binding.map_or(CatalogVersion(0), |binding| binding.catalog);
        let numbered = state.progress.binding.is_some_and(|binding| binding.number == contact.number);
        let locals: Vec<_> = state.catalog.tables().filter(|table| is_local(table.id)).cloned().collect();
        if numbered && known == news.version && news.tables.is_empty() && locals.is_empty() {
            return Ok(Meeting::default());
        }
        let mut catalog = (*state.catalog).clone();
        let mut namespaces = news.namespaces.clone();
        for namespace in state.catalog.namespaces() {
            // One that was created here waits for its tables.
            if !namespaces.contains(namespace) {
                namespaces.push(namespace.clone());
            }
        }
        let (moved, differs) = install(&mut catalog, news, namespaces, &locals);
        let mut batch = WriteBatch::new();
        let waiting = self.translate(&moved, &mut batch)?;
        Catalog::erase(&mut batch);
        catalog.save(CatalogVersion(0), &mut batch);
        let generation = state.progress.generation;
        garbage::collect(&*self.store.snapshot()?, &catalog, SpaceId::LOCAL, generation, &mut batch)?;
        if let Some(waiting) = waiting {
            let snapshot = self.store.snapshot()?;
            state.copier(&*snapshot, &state.catalog).clear(&mut batch)?;
            let mut copier = state.copier(&*snapshot, &catalog);
            copier.outbox_empty = waiting.is_empty();
            copier.rebuild(&waiting, &mut batch)?;
        }
        let binding =
            Binding { server: contact.server, space: contact.space, number: contact.number, catalog: news.version };
        let progress = Progress { binding: Some(binding), ..state.progress };
        progress.save(&mut batch);
        state::save_user(&contact.user, contact.space, &mut batch);
        self.store.commit(batch)?;
        state.catalog = Arc::new(catalog);
        state.progress = progress;
        state.user = Some(contact.user.clone());
        state.changed(None);
        self.build_indexes(&mut state)?;
        let missing = state.catalog.tables().filter(|table| is_local(table.id)).cloned().collect();
        Ok(Meeting { missing, differs })
    }

    /// Begins the server's history on a copy that has none and will get no snapshot.
    ///
    /// # Errors
    /// What the store gives.
    pub fn adopt(&self, epoch: Epoch, answer: Answer) -> Result<()> {
        let mut state = self.state.lock();
        if answer != Answer::Resume || state.progress.position != Position::default() {
            return Ok(());
        }
        let progress = Progress { position: Position { epoch, ..Position::default() }, ..state.progress };
        let mut batch = WriteBatch::new();
        progress.save(&mut batch);
        self.store.commit(batch)?;
        state.progress = progress;
        Ok(())
    }

    /// The outbox in the server's numbers, if any table moved.
    fn translate(&self, moved: &Moves, batch: &mut WriteBatch) -> Result<Option<Vec<OutboxEntry>>> {
        if moved.is_empty() {
            return Ok(None);
        }
        let mut entries = remaining(&*self.store.snapshot()?, &Default::default())?;
        for entry in &mut entries {
            let mut mutation = entry.mutation()?;
            mutation.ops.iter_mut().for_each(|op| move_op(op, moved));
            *entry = OutboxEntry::new(&mutation, entry.written);
            entry.save(batch);
        }
        Ok(Some(entries))
    }

    /// Takes a new identity after the server met another database with this one, or forgot this device. What waits is
    /// renumbered from 1 and will be sent again under the new id.
    ///
    /// `known` are contents that the server decided under the old id, of those up to `last`. What waits under such a
    /// number and is none of them may or may not have been decided: it goes to the rejected writes. Those have number 0 from
    /// now on, because the old numbers are given anew.
    ///
    /// # Errors
    /// What the store gives.
    pub fn fork(&self, last: MutationId, known: &[(MutationId, ContentHash)]) -> Result<DeviceId> {
        let mut state = self.state.lock();
        let snapshot = self.store.snapshot()?;
        let entries = remaining(&*snapshot, &Default::default())?;
        let mut batch = WriteBatch::new();
        let catalog = state.catalog.clone();
        let mut copier = state.copier(&*snapshot, &catalog);
        copier.clear(&mut batch)?;
        let mut identity = state.identity;
        for write in outbox::rejected(&*snapshot)? {
            let entry = OutboxEntry { id: NO_NUMBER, ..OutboxEntry::new(&write.mutation, write.written) };
            RejectedWrite::save(write.number, &entry, &write.error, &mut batch);
        }
        let mut waiting: Vec<OutboxEntry> = Vec::with_capacity(entries.len());
        for mut entry in entries {
            batch.delete(Partition::Outbox, keys::outbox(entry.id));
            let decided = known.iter().find(|(id, _)| *id == entry.id);
            if entry.id <= last && decided.is_none_or(|(_, hash)| is_same_content(*hash, entry.hash)) {
                entry.id = NO_NUMBER;
                RejectedWrite::save(identity.next_rejected, &entry, &fate_unknown(), &mut batch);
                identity.next_rejected += 1;
                continue;
            }
            entry.id = MutationId(waiting.len() as u64 + 1);
            waiting.push(entry);
        }
        waiting.iter().for_each(|entry| entry.save(&mut batch));
        copier.outbox_empty = waiting.is_empty();
        copier.rebuild(&waiting, &mut batch)?;
        identity.device = self.fork_id(identity.device, &waiting);
        identity.last = MutationId(waiting.len() as u64);
        identity.save(&mut batch);
        let commit = self.store.commit(batch)?;
        state.identity = identity;
        state.waiting = waiting.len() as u64;
        state.changed(None);
        state.unpersisted_entries.clear();
        state.unpersisted_entries.push_back((commit, identity.last));
        state.persisted_entry = MutationId(0);
        Ok(identity.device)
    }
}

/// The number of a write of an earlier identity.
const NO_NUMBER: MutationId = MutationId(0);

fn fate_unknown() -> Error {
    let message = "the write was sent before this database was restored or copied, and the server no longer knows its \
                   answer: look whether it took effect, and write again if not";
    Error::conflict("fate_unknown", message)
}

impl Device {
    /// The next id of a database. It follows from the id before and from the first write that will be sent under it:
    /// of two copies of a database that both have that write, the server decides it once.
    fn fork_id(&self, id: DeviceId, waiting: &[OutboxEntry]) -> DeviceId {
        match waiting.first() {
            Some(first) => DeviceId(ContentHash::of(&[&id.0[..], &first.hash.0].concat()).0),
            None => DeviceId(self.entropy.random()),
        }
    }
}

/// For each local table: its number and those of its columns on the server.
type Moves = BTreeMap<TableId, (TableId, BTreeMap<ColumnId, ColumnId>)>;

/// Puts the server's definitions beside the local tables that it does not describe; also gives the first difference
/// that keeps a local table from being the server's of the same name.
fn install(
    catalog: &mut Catalog,
    news: &ServerCatalog,
    namespaces: Vec<Name>,
    locals: &[Arc<Table>],
) -> (Moves, Option<Error>) {
    for local in locals {
        catalog.forget(local.id);
    }
    catalog.install(news.version, namespaces, news.tables.clone());
    let mut moved = Moves::new();
    let mut differs = None;
    for local in locals {
        let namesake = catalog.table_named(local.namespace.as_str(), local.name.as_str()).ok().cloned();
        let covering = namesake.map(|table| covers(&table, local).map(|is_whole| is_whole.then_some(table)));
        match covering.transpose() {
            Ok(Some(Some(table))) => {
                moved.insert(local.id, (table.id, column_moves(&table, local)));
            }
            Ok(Some(None) | None) => catalog.install_local(local.def().clone()),
            Err(error) => {
                differs.get_or_insert(error);
                catalog.install_local(local.def().clone());
            }
        }
    }
    (moved, differs)
}

/// Whether the server's table has every column and index of the local one.
///
/// # Errors
/// Kind `invalid` if key or a column's type differ: that cannot be mended by adding.
fn covers(table: &Table, local: &Table) -> Result<bool> {
    let names = |table: &Table| -> Vec<Name> {
        table.primary_key.iter().filter_map(|id| table.column(*id)).map(|column| column.name.clone()).collect()
    };
    if names(table) != names(local) {
        let message = format!(
            "table `{}` has another primary key on the server: drop the local one and create it as there, or under another name",
            local.full_name()
        );
        return Err(Error::invalid("schema_differs", message));
    }
    let mut whole = true;
    for column in local.live_columns() {
        match table.column_named(column.name.as_str()) {
            None => whole = false,
            Some(known) if known.ty == column.ty => {}
            Some(known) => {
                let message = format!(
                    "column `{}` of table `{}` is {} here and {} on the server: drop the local table and create it as there, or under another name",
                    column.name,
                    local.full_name(),
                    column.ty,
                    known.ty
                );
                return Err(Error::invalid("schema_differs", message));
            }
        }
    }
    Ok(whole && local.indexes.iter().all(|index| table.index_named(&index.name).is_some()))
}

fn column_moves(table: &Table, local: &Table) -> BTreeMap<ColumnId, ColumnId> {
    let pairs = local
        .live_columns()
        .filter_map(|column| table.column_named(column.name.as_str()).map(|known| (column.id, known.id)));
    pairs.collect()
}

fn move_op(op: &mut Op, moved: &Moves) {
    let Some((table, columns)) = moved.get(&op.table) else { return };
    op.table = *table;
    let place = |id: &mut ColumnId| *id = columns.get(id).copied().unwrap_or(*id);
    let (cells, patch) = match &mut op.kind {
        OpKind::Insert(cells) => (Some(cells), None),
        OpKind::Upsert(cells, patch) => (Some(cells), Some(patch)),
        OpKind::Update(patch) => (None, Some(patch)),
        OpKind::Delete => (None, None),
    };
    cells.into_iter().flatten().for_each(|(id, _)| place(id));
    patch.into_iter().flatten().for_each(|(id, _): &mut (ColumnId, Assignment)| place(id));
}

/// What a local table asks a server to create.
pub fn as_new_table(table: &Table) -> (NewTable, Vec<NewIndex>) {
    let place: BTreeMap<ColumnId, u32> =
        table.live_columns().enumerate().map(|(at, column)| (column.id, at as u32)).collect();
    let name_of = |id: &ColumnId| table.column(*id).map(|column| column.name.clone());
    let checks = table.checks.iter().filter_map(|check| {
        let expr = check.expr.map_columns(&mut |at| {
            place
                .get(&ColumnId(at))
                .copied()
                .ok_or_else(|| Error::internal("missing_column", "a check names a dropped column"))
        });
        expr.ok().map(|expr| (check.name.clone(), check.sql.clone(), expr))
    });
    let new = NewTable {
        namespace: table.namespace.clone(),
        name: table.name.clone(),
        columns: table
            .live_columns()
            .map(|column| NewColumn {
                name: column.name.clone(),
                ty: column.ty,
                nullable: column.nullable,
                default: column.default.clone(),
            })
            .collect(),
        primary_key: table.primary_key.iter().filter_map(name_of).collect(),
        checks: checks.collect(),
        options: table.options.clone(),
    };
    let indexes = table.indexes.iter().map(|index| NewIndex {
        name: index.name.clone(),
        columns: index.columns.iter().filter_map(name_of).collect(),
    });
    (new, indexes.collect())
}
