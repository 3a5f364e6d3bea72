//! A database on this device.

use std::sync::Arc;
use std::time::Duration;

use kalamdb_core::device::{Device, RejectedWrite};
use kalamdb_core::{Catalog, Error, Result, Value};
use kalamdb_sql::{DeviceBackend, Session, StatementResult};
use kalamdb_store_native::open_store;
use kalamdb_sync::native::{
    ChangeCounter, Connection, ConnectionParts, Endpoint, StoreSignal, SystemEntropy, TokenSource, flushed, system_now,
};
use parking_lot::Mutex;

use crate::{Options, Rows, Status, Transaction};

/// Sessions that are kept for the next statement, with the statements that they have parsed.
const IDLE_SESSIONS_MAX: usize = 8;

/// A database in a directory, for any number of threads and tasks. Clones are the same database.
///
/// See the [crate] for an example.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    device: Arc<Device>,
    backend: Arc<DeviceBackend>,
    signal: StoreSignal,
    changes: ChangeCounter,
    sessions: Mutex<Vec<Session>>,
    connection: Mutex<Option<Connection>>,
}

impl Database {
    /// Opens the database of a directory, or makes a new one; no server is needed. It blocks for a few reads of the
    /// disk.
    ///
    /// # Errors
    /// Kind `retry` with code `store_in_use` if another process has it open; `invalid` if the directory holds something
    /// else or was made by another engine or a newer version; `corrupt` if its files are damaged; `quota` if the disk
    /// is full; `unauthorized` with code `other_user` if the options name another user than the one it belongs to.
    pub fn open(options: impl Into<Options>) -> Result<Database> {
        let Options { directory, store, user } = options.into();
        let signal = StoreSignal::default();
        let store = open_store(store, &directory, Some(signal.listener()))?;
        let device = Arc::new(Device::open(store, Arc::new(SystemEntropy))?);
        if let Some(user) = user {
            device.claim(&user)?;
        }
        let changes = ChangeCounter::default();
        let counter = changes.clone();
        device.observe(Arc::new(move || counter.bump()));
        let backend = DeviceBackend::new(device.clone(), Arc::new(SystemEntropy), Arc::new(system_now));
        let inner = Inner {
            device,
            backend: Arc::new(backend),
            signal,
            changes,
            sessions: Mutex::default(),
            connection: Mutex::default(),
        };
        Ok(Database { inner: Arc::new(inner) })
    }

    /// Runs statements and gives the number of rows that they inserted, changed or deleted. Each commits by itself; a
    /// failure ends the run, and those before it keep their effect.
    ///
    /// # Errors
    /// Kind `invalid` if the text does not parse or cannot run, `conflict` for an existing key, `quota` past a limit or
    /// on a full disk, `closed` after [`Database::close`].
    pub async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        Ok(affected(&self.run(sql, params).await?))
    }

    /// Runs one query.
    ///
    /// # Errors
    /// As [`Database::execute`]; kind `invalid` with code `no_query` for anything else than one query, which has
    /// no effect then.
    pub async fn query(&self, sql: &str, params: &[Value]) -> Result<Rows> {
        let mut session = self.idle_session();
        let result = session.query(sql, params).await;
        self.give_back(session);
        result.map(Rows::of)
    }

    /// Runs statements as [`Database::execute`] does and gives what each answers.
    ///
    /// # Errors
    /// As [`Database::execute`]. A BEGIN without its COMMIT is refused and leaves nothing behind:
    /// [`Database::begin`] is for that.
    pub async fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>> {
        let mut session = self.idle_session();
        let results = session.execute(sql, params).await;
        if session.in_transaction() {
            let message = "the text leaves a transaction open, which is rolled back: use begin() or transaction()";
            return Err(results.err().unwrap_or_else(|| Error::invalid("transaction_open", message)));
        }
        self.give_back(session);
        results
    }

    fn idle_session(&self) -> Session {
        self.inner.sessions.lock().pop().unwrap_or_else(|| self.session())
    }

    fn give_back(&self, session: Session) {
        let mut idle = self.inner.sessions.lock();
        if idle.len() < IDLE_SESSIONS_MAX {
            idle.push(session);
        }
    }

    /// A session of its own: BEGIN in one text may be followed by COMMIT in a later one.
    pub fn session(&self) -> Session {
        Session::new(self.inner.backend.clone())
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Kind `closed` after [`Database::close`].
    pub async fn begin(&self) -> Result<Transaction> {
        Transaction::begin(self.session()).await
    }

    /// Runs `work` in a transaction and commits it; if `work` fails, nothing of it stays.
    ///
    /// # Errors
    /// What `work` gives; as [`Transaction::commit`].
    pub async fn transaction<T>(&self, work: impl AsyncFnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        let mut transaction = self.begin().await?;
        let value = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(value)
    }

    /// Connects to a server and stays connected, over failures too, until [`Database::offline`] or
    /// [`Database::close`]. It does not wait for the connection; [`Database::wait_synced`] does. An earlier connection
    /// ends first.
    ///
    /// The database belongs to the first server and user that it meets; a token of another user is refused.
    ///
    /// # Errors
    /// Kind `invalid` if `url` is no address of a server, or outside of a tokio runtime.
    pub async fn connect(&self, url: &str, token: impl Into<TokenSource>) -> Result<()> {
        let endpoint: Endpoint = url.parse()?;
        let parts = ConnectionParts {
            device: self.inner.device.clone(),
            entropy: Arc::new(SystemEntropy),
            signal: self.inner.signal.clone(),
            changes: self.inner.changes.clone(),
        };
        let connection = Connection::spawn(parts, endpoint, token.into())?;
        self.disconnect().await;
        connection.start();
        *self.inner.connection.lock() = Some(connection);
        Ok(())
    }

    async fn disconnect(&self) {
        let connection = self.inner.connection.lock().take();
        if let Some(connection) = connection {
            connection.close().await;
        }
    }

    fn with_connection<T>(&self, work: impl FnOnce(&Connection) -> T) -> Result<T> {
        let connection = self.inner.connection.lock();
        connection.as_ref().map(work).ok_or_else(|| {
            Error::retry("never_connected", "the database has no server: connect it with an address and a token")
        })
    }

    /// Goes online again, at once and also where the last connection was refused.
    ///
    /// # Errors
    /// Kind `retry` before [`Database::connect`].
    pub fn online(&self) -> Result<()> {
        self.with_connection(Connection::start)
    }

    /// Goes offline. Reads and writes go on.
    ///
    /// # Errors
    /// Kind `retry` before [`Database::connect`].
    pub fn offline(&self) -> Result<()> {
        self.with_connection(Connection::stop)
    }

    /// How it stands.
    ///
    /// # Errors
    /// Kind `closed` after [`Database::close`].
    pub fn status(&self) -> Result<Status> {
        let sync = self.with_connection(Connection::status).unwrap_or_else(|_| Status::never_connected());
        Ok(Status { device: self.inner.device.status()?, sync })
    }

    /// The tables in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.inner.device.catalog()
    }

    /// A counter that rises whenever queries may answer something new, after local writes and the server's.
    pub fn changes(&self) -> ChangeCounter {
        self.inner.changes.clone()
    }

    /// The transactions that the server refused and nobody dismissed, oldest first.
    ///
    /// # Errors
    /// Kind `closed` after [`Database::close`].
    pub fn rejected(&self) -> Result<Vec<RejectedWrite>> {
        self.inner.device.rejected()
    }

    /// Removes a refused transaction from the list, by its number there.
    ///
    /// # Errors
    /// Kind `invalid` if there is none with this number; `closed` after [`Database::close`].
    pub fn dismiss(&self, number: u64) -> Result<()> {
        if self.rejected()?.iter().all(|write| write.number != number) {
            return Err(Error::invalid("not_rejected", format!("there is no rejected write with number {number}")));
        }
        self.inner.device.dismiss(number)
    }

    /// Waits until the server has decided everything written here before the call, and everything that it had by then
    /// is here.
    ///
    /// # Errors
    /// Kind `retry` with code `not_synced` after `timeout`; at once where waiting is in vain: `never_connected`,
    /// `offline`, or the error that keeps the server from taking this database.
    pub async fn wait_synced(&self, timeout: Duration) -> Result<()> {
        let waiting = self.with_connection(|connection| connection.wait_synced(timeout))?;
        waiting.await
    }

    /// Waits until everything that was visible here before the call survives a crash of process and machine.
    ///
    /// # Errors
    /// Kind `quota` or `corrupt` if the disk refuses it; `closed` after [`Database::close`].
    pub async fn wait_persisted(&self) -> Result<()> {
        flushed(self.inner.device.store().clone()).await.map(drop)
    }

    /// Disconnects, makes everything durable and lets go of the directory. Later calls, also of clones, are refused.
    ///
    /// # Errors
    /// Kind `quota` or `corrupt` if the disk refuses what was written last.
    pub async fn close(&self) -> Result<()> {
        self.disconnect().await;
        self.inner.sessions.lock().clear();
        let flushed = self.wait_persisted().await;
        self.inner.device.store().close()?;
        flushed
    }
}

/// Rows that statements inserted, changed or deleted.
pub(crate) fn affected(results: &[StatementResult]) -> u64 {
    results.iter().map(|result| result.affected).sum()
}
