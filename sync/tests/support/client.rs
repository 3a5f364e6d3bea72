//! A device with its connection.

use std::sync::Arc;
use std::time::Duration;

use kalamdb_core::device::Device;
use kalamdb_core::mutation::Assignment;
use kalamdb_core::store::{Direction, KeyRange, MemoryStore, Store};
use kalamdb_core::{ColumnId, Datum, MutationId, Result, Transaction, key};
use kalamdb_sync::native::{
    ChangeCounter, Connection, ConnectionParts, Endpoint, StoreSignal, SystemEntropy, TokenSource, system_now,
};

use super::DEADLINE;
use super::server::{create_notes, token};

/// How long tokens of tests last that are not about that.
const LONG: Duration = Duration::from_secs(3600);

pub struct Client {
    pub device: Arc<Device>,
    pub changes: ChangeCounter,
    pub connection: Connection,
}

impl Client {
    /// A new device of `user` with `app.notes` declared, disconnected.
    pub fn new(user: &str, url: &str) -> Client {
        Client::with_token(token(user, LONG, true), url)
    }

    pub fn with_token(token: impl Into<TokenSource>, url: &str) -> Client {
        Client::on(Arc::new(MemoryStore::new()), StoreSignal::default(), token, url)
    }

    pub fn on(store: Arc<dyn Store>, signal: StoreSignal, token: impl Into<TokenSource>, url: &str) -> Client {
        let device = Arc::new(Device::open(store, Arc::new(SystemEntropy)).expect("a device"));
        if device.catalog().tables().next().is_none() {
            device.change_catalog(create_notes).expect("a local table");
        }
        let changes = ChangeCounter::default();
        let counter = changes.clone();
        device.observe(Arc::new(move || counter.bump()));
        let parts = ConnectionParts {
            device: device.clone(),
            entropy: Arc::new(SystemEntropy),
            signal,
            changes: changes.clone(),
        };
        let endpoint: Endpoint = url.parse().expect("an address");
        let connection = Connection::spawn(parts, endpoint, token.into()).expect("a runtime");
        Client { device, changes, connection }
    }

    /// The same database with another connection.
    pub async fn reconnect_with(self, token: impl Into<TokenSource>, url: &str) -> Client {
        self.connection.close().await;
        Client::on(self.device.store().clone(), StoreSignal::default(), token, url)
    }

    fn write(
        &self,
        table: &str,
        work: impl FnOnce(&mut Transaction, kalamdb_core::TableId) -> Result<()>,
    ) -> MutationId {
        let mut tx = self.device.begin(system_now()).expect("a transaction");
        let table = self.device.catalog().table_named("app", table).expect("the table").id;
        work(&mut tx, table).expect("a write");
        let commit = self.device.commit(tx, system_now()).expect("a commit");
        commit.mutation.expect("a change")
    }

    pub fn insert(&self, id: i64, title: &str) -> MutationId {
        self.insert_into("notes", id, title)
    }

    pub fn insert_into(&self, table: &str, id: i64, title: &str) -> MutationId {
        self.write(table, |tx, table| {
            let cells = vec![(ColumnId(0), Datum::BigInt(id)), (ColumnId(1), Datum::Text(title.to_string()))];
            tx.insert(table, cells).map(drop)
        })
    }

    pub fn rename(&self, id: i64, title: &str) -> MutationId {
        let patch = vec![(ColumnId(1), Assignment::Set(Datum::Text(title.to_string())))];
        self.write("notes", |tx, table| tx.update(table, &note_key(id), patch).map(drop))
    }

    pub fn delete(&self, id: i64) -> MutationId {
        self.write("notes", |tx, table| tx.delete(table, &note_key(id)).map(drop))
    }

    /// Live notes: id and title.
    pub fn notes(&self) -> Vec<(i64, String)> {
        self.rows("notes")
    }

    pub fn rows(&self, table: &str) -> Vec<(i64, String)> {
        let view = self.device.view().expect("a view");
        let table = view.catalog().table_named("app", table).expect("the table").clone();
        let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward).expect("a scan");
        let mut rows = Vec::new();
        while cursor.advance().expect("a row") {
            let row = kalamdb_core::row::Row::decode(&table, cursor.pk(), cursor.row()).expect("a row");
            if let (false, Datum::BigInt(id), Datum::Text(title)) =
                (row.header.deleted, row.cell(ColumnId(0)), row.cell(ColumnId(1)))
            {
                rows.push((*id, title.clone()));
            }
        }
        rows
    }

    /// Goes online and waits until synced.
    pub async fn online(&self) {
        self.connection.start();
        self.synced().await;
    }

    pub async fn synced(&self) {
        self.connection.wait_synced(DEADLINE).await.expect("synced in time");
    }
}

fn note_key(id: i64) -> Vec<u8> {
    key::tuple([&Datum::BigInt(id)].into_iter()).expect("a key")
}
