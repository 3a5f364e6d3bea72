//! A session on the server's copy of one space.

use std::sync::Arc;

use kalamdb_core::catalog::Catalog;
use kalamdb_core::device::{Receipt, RequestId};
use kalamdb_core::server::Server;
use kalamdb_core::store::{Partition, WriteBatch};
use kalamdb_core::{Datum, Entropy, Error, Name, Now, Result, SpaceId, Transaction, UserId, Value, View, keys};

use super::{Backend, Clock, Committed, StorageLocation, locations};
use crate::system::SystemTable;

/// What a session may do; it never changes which rows it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads and writes its own space.
    User,
    /// May also run DDL, and sees all users in `system.users`.
    Admin,
}

/// The server's copy of one space as sessions use it.
///
/// Its answers may leave the process once the store's `persisted` reaches their commit: whoever sends them waits.
pub struct ServerBackend {
    server: Arc<Server>,
    space: SpaceId,
    user: UserId,
    role: Role,
    entropy: Arc<dyn Entropy>,
    clock: Clock,
}

impl ServerBackend {
    /// The copy of `user`, whose space is `space`.
    pub fn new(
        server: Arc<Server>,
        space: SpaceId,
        user: UserId,
        role: Role,
        entropy: Arc<dyn Entropy>,
        clock: Clock,
    ) -> ServerBackend {
        ServerBackend { server, space, user, role, entropy, clock }
    }

    fn users(&self) -> Result<Vec<Vec<Value>>> {
        let row = |id: &UserId, space: SpaceId| vec![Value::text(id.as_str()), number(space.0)];
        match self.role {
            Role::User => Ok(vec![row(&self.user, self.space)]),
            Role::Admin => Ok(self.server.users()?.iter().map(|user| row(&user.id, user.space)).collect()),
        }
    }

    fn devices(&self) -> Result<Vec<Vec<Value>>> {
        let devices = self.server.devices(self.space)?;
        let row = |(id, record): (kalamdb_core::DeviceId, kalamdb_core::server::DeviceRecord)| {
            vec![
                Value::text(id.to_string()),
                number(record.number.0),
                number(record.last.0),
                number(record.acked.0),
                Datum::Timestamp(record.seen),
            ]
        };
        Ok(devices.into_iter().map(row).collect())
    }
}

fn number(value: u64) -> Value {
    Datum::BigInt(i64::try_from(value).unwrap_or(i64::MAX))
}

impl Backend for ServerBackend {
    fn view(&self) -> Result<View> {
        self.server.view(self.space).map(|(view, _)| view)
    }

    fn begin(&self) -> Result<Transaction> {
        self.server.begin(self.space, self.now())
    }

    fn commit(&self, tx: Transaction) -> Result<Committed> {
        let written = self.server.commit(self.space, tx, self.now(), WriteBatch::new())?;
        let lost = written.lost.iter().map(|lost| (lost.table, lost.column)).collect();
        Ok(Committed { commit: written.commit, seq: Some(written.seq), mutation: None, lost })
    }

    fn receipt(&self, _: RequestId) -> Result<Option<Receipt>> {
        Err(Error::invalid("no_receipts", "a server knows repeated requests by their Idempotency-Key"))
    }

    fn change_catalog(&self, change: &mut dyn FnMut(&mut Catalog) -> Result<()>) -> Result<()> {
        self.server.change_catalog(|catalog| change(catalog)).map(drop)
    }

    fn may_change_catalog(&self) -> Result<()> {
        match self.role {
            Role::Admin => Ok(()),
            Role::User => Err(Error::unauthorized(
                "admin_only",
                "CREATE, ALTER and DROP need an admin's token (`kalamdb token mint --admin`, or `kalamdb sql --admin`)",
            )),
        }
    }

    fn system_rows(&self, table: SystemTable) -> Result<Vec<Vec<Value>>> {
        match table {
            SystemTable::Users => self.users(),
            SystemTable::Devices => self.devices(),
            _ => Ok(Vec::new()),
        }
    }

    fn storage_locations(&self) -> Result<Vec<StorageLocation>> {
        locations::load(&*self.server.store().snapshot()?)
    }

    fn put_storage_location(&self, location: StorageLocation) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.put(Partition::Meta, keys::storage_location(location.name.as_str()), locations::encode(&location));
        self.server.store().commit(batch).map(drop)
    }

    fn drop_storage_location(&self, name: &Name) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete(Partition::Meta, keys::storage_location(name.as_str()));
        self.server.store().commit(batch).map(drop)
    }

    fn now(&self) -> Now {
        (self.clock)()
    }

    fn random(&self) -> [u8; 16] {
        self.entropy.random()
    }

    fn user(&self) -> Option<UserId> {
        Some(self.user.clone())
    }
}
