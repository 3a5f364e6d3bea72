//! What a session needs of the copy that it runs on, and the two copies that there are.

mod device;
mod locations;
mod server;

use kalamdb_core::catalog::Catalog;
use kalamdb_core::device::{Receipt, RequestId};
use kalamdb_core::store::CommitId;
use kalamdb_core::{ColumnId, MutationId, Name, Now, Result, Seq, TableId, Transaction, UserId, Value, View};

use crate::system::SystemTable;

pub use device::DeviceBackend;
pub use server::{Role, ServerBackend};

/// The wall clock of a process, passed in because neither core nor SQL reads one.
pub type Clock = std::sync::Arc<dyn Fn() -> Now + Send + Sync>;

/// What became of a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The commit in the store; durable once the store has persisted it.
    pub commit: CommitId,
    /// The transaction's number in the space; `None` on a device, where the server has not given one yet.
    pub seq: Option<Seq>,
    /// The device's own number of the transaction; `None` on a server.
    pub mutation: Option<MutationId>,
    /// Columns whose assignment lost against another device's.
    pub lost: Vec<(TableId, ColumnId)>,
}

/// A named place for segments, as `CREATE STORAGE LOCATION` declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageLocation {
    /// Its name.
    pub name: Name,
    /// `file:///directory` or `s3://bucket/prefix`.
    pub url: String,
    /// What `WITH (…)` says, in order: `endpoint` and `region` of an S3-compatible store.
    pub options: Vec<(String, String)>,
}

/// One user's space as a session sees it. Methods are synchronous: hot rows never suspend.
pub trait Backend: Send + Sync {
    /// The present state of the space.
    ///
    /// # Errors
    /// What the copy gives.
    fn view(&self) -> Result<View>;

    /// Starts a transaction on the present state.
    ///
    /// # Errors
    /// What the copy gives.
    fn begin(&self) -> Result<Transaction>;

    /// Makes a transaction visible. One without operations is never passed.
    ///
    /// # Errors
    /// Kind `conflict` if it cannot be applied any more; what the copy gives.
    fn commit(&self, tx: Transaction) -> Result<Committed>;

    /// What became of a request that was made before, if it committed a transaction.
    ///
    /// # Errors
    /// Kind `invalid` where requests have no ids, as on a server, which knows them by their `Idempotency-Key`.
    fn receipt(&self, request: RequestId) -> Result<Option<Receipt>>;

    /// Changes the catalog: all that `change` does, or nothing if it fails.
    ///
    /// # Errors
    /// What `change` and the copy give.
    fn change_catalog(&self, change: &mut dyn FnMut(&mut Catalog) -> Result<()>) -> Result<()>;

    /// Whether this session may run DDL.
    ///
    /// # Errors
    /// Kind `unauthorized` if not.
    fn may_change_catalog(&self) -> Result<()>;

    /// The rows of a system table, each with the columns of [`SystemTable::columns`]. Namespaces, tables, columns and
    /// storage locations are answered by the session and never asked for.
    ///
    /// # Errors
    /// What the copy gives.
    fn system_rows(&self, table: SystemTable) -> Result<Vec<Vec<Value>>>;

    /// The named storage locations, by name.
    ///
    /// # Errors
    /// What the copy gives.
    fn storage_locations(&self) -> Result<Vec<StorageLocation>>;

    /// Adds a storage location, or replaces the one of its name.
    ///
    /// # Errors
    /// What the copy gives; kind `invalid` where there are none, as on a device.
    fn put_storage_location(&self, location: StorageLocation) -> Result<()>;

    /// Removes a storage location; the session has checked that no table uses it.
    ///
    /// # Errors
    /// As [`Backend::put_storage_location`].
    fn drop_storage_location(&self, name: &Name) -> Result<()>;

    /// The wall time.
    fn now(&self) -> Now;

    /// 128 random bits, for `UUID_V7()` and `ULID()` in statements.
    fn random(&self) -> [u8; 16];

    /// Whose space it is; `None` before a device was ever signed in.
    fn user(&self) -> Option<UserId>;
}
