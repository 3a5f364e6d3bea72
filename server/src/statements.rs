//! SQL on the server: the statements of one request in the space of one user.

use std::sync::Arc;

use kalamdb_core::catalog::Catalog;
use kalamdb_core::device::{Receipt, RequestId};
use kalamdb_core::server::Server;
use kalamdb_core::store::WriteBatch;
use kalamdb_core::{Error, Name, Now, Result, SpaceId, Transaction, UserId, Value, View};
use kalamdb_sql::{Backend, Committed, Role, ServerBackend, Session, StatementResult, StorageLocation, SystemTable};
use parking_lot::Mutex;

use crate::clock::{SystemEntropy, now};

/// The copy of a user's space, for statements of the server itself.
pub fn backend(server: &Arc<Server>, space: SpaceId, user: &UserId, role: Role) -> ServerBackend {
    ServerBackend::new(server.clone(), space, user.clone(), role, Arc::new(SystemEntropy), Arc::new(now))
}

/// Runs `sql`; each statement outside of BEGIN … COMMIT commits by itself.
///
/// # Errors
/// As [`Session::execute`].
pub async fn run(backend: ServerBackend, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>> {
    let mut session = Session::new(Arc::new(backend));
    let results = session.execute(sql, params).await?;
    if session.in_transaction() {
        let message = "the statements begin a transaction and do not end it: add COMMIT or ROLLBACK; nothing was kept";
        return Err(Error::invalid("transaction_left_open", message));
    }
    Ok(results)
}

/// Runs `sql` as one transaction; its commit writes what `seal` makes of the results too.
///
/// # Errors
/// As [`Session::step`]; what `seal` gives. Nothing has changed then.
pub async fn run_sealed(
    server: &Arc<Server>,
    space: SpaceId,
    backend: ServerBackend,
    sql: &str,
    params: &[Value],
    seal: impl FnOnce(&[StatementResult]) -> Result<WriteBatch>,
) -> Result<Vec<StatementResult>> {
    let sealed = Arc::new(Sealed { inner: backend, server: server.clone(), space, seal: Mutex::new(None) });
    let mut session = Session::new(sealed.clone());
    session.execute("BEGIN", &[]).await?;
    let results = session.step(sql, params).await?;
    *sealed.seal.lock() = Some(seal(&results)?);
    session.execute("COMMIT", &[]).await?;
    Ok(results)
}

/// A backend whose one commit takes more into its batch.
struct Sealed {
    inner: ServerBackend,
    server: Arc<Server>,
    space: SpaceId,
    /// Set once the statements are through.
    seal: Mutex<Option<WriteBatch>>,
}

impl Backend for Sealed {
    fn view(&self) -> Result<View> {
        self.inner.view()
    }

    fn begin(&self) -> Result<Transaction> {
        self.inner.begin()
    }

    fn commit(&self, tx: Transaction) -> Result<Committed> {
        // The statements themselves cannot commit.
        let seal = self.seal.lock().take();
        let seal =
            seal.ok_or_else(|| Error::internal("no_seal", "a sealed transaction is committed before its seal"))?;
        let written = self.server.commit(self.space, tx, now(), seal)?;
        let lost = written.lost.iter().map(|lost| (lost.table, lost.column)).collect();
        Ok(Committed { commit: written.commit, seq: Some(written.seq), mutation: None, lost })
    }

    fn receipt(&self, request: RequestId) -> Result<Option<Receipt>> {
        self.inner.receipt(request)
    }

    fn change_catalog(&self, change: &mut dyn FnMut(&mut Catalog) -> Result<()>) -> Result<()> {
        self.inner.change_catalog(change)
    }

    fn may_change_catalog(&self) -> Result<()> {
        self.inner.may_change_catalog()
    }

    fn system_rows(&self, table: SystemTable) -> Result<Vec<Vec<Value>>> {
        self.inner.system_rows(table)
    }

    fn storage_locations(&self) -> Result<Vec<StorageLocation>> {
        self.inner.storage_locations()
    }

    fn put_storage_location(&self, location: StorageLocation) -> Result<()> {
        self.inner.put_storage_location(location)
    }

    fn drop_storage_location(&self, name: &Name) -> Result<()> {
        self.inner.drop_storage_location(name)
    }

    fn now(&self) -> Now {
        self.inner.now()
    }

    fn random(&self) -> [u8; 16] {
        self.inner.random()
    }

    fn user(&self) -> Option<UserId> {
        self.inner.user()
    }
}
