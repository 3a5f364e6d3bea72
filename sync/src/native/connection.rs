//! The handle of a connection's task.

use std::sync::Arc;
use std::time::Duration;

use kalamdb_core::device::Device;
use kalamdb_core::hlc::Entropy;
use kalamdb_core::{Error, Result};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clock::SessionClock;
use super::driver::Driver;
use super::{ChangeCounter, Endpoint, StoreSignal, TokenSource};
use crate::client::{ClientSession, SyncState, SyncStatus};

/// What a connection shares with its database.
#[derive(Clone)]
pub struct ConnectionParts {
    /// The copy.
    pub device: Arc<Device>,
    /// Randomness for pauses between attempts.
    pub entropy: Arc<dyn Entropy>,
    /// The reports of the device's store.
    pub signal: StoreSignal,
    /// Counts what the server changes. Local changes have to be counted there too, with
    /// [`Device::observe`]: they wake the task.
    pub changes: ChangeCounter,
}

/// What handles want of the task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub is_wanted: bool,
    /// Rises with each start and stop.
    pub turn: u64,
    /// Rises with each wait.
    pub probe: u64,
}

/// What the task says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub status: SyncStatus,
    /// The last probe that the status takes into account.
    pub probe: u64,
}

/// Keeps a device's copy equal to a server's, in a tokio task that ends when the handle is dropped.
///
/// It is not the database: local reads and writes go to the [`Device`], with or without a connection.
pub struct Connection {
    device: Arc<Device>,
    wishes: watch::Sender<Wish>,
    published: watch::Receiver<Published>,
    task: JoinHandle<()>,
}

impl Connection {
    /// Starts the task; it stays disconnected until [`Connection::start`].
    ///
    /// # Errors
    /// Kind `invalid` outside of a tokio runtime.
    pub fn spawn(parts: ConnectionParts, endpoint: Endpoint, tokens: TokenSource) -> Result<Connection> {
        let runtime = Handle::try_current().map_err(|_| {
            Error::invalid(
                "no_runtime",
                "a connection needs a tokio runtime: connect from a task or from Runtime::enter",
            )
        })?;
        let session = ClientSession::new(parts.device.clone(), parts.entropy);
        let (wishes, wishes_seen) = watch::channel(Wish::default());
        let (published, seen) = watch::channel(Published { status: session.status()?, probe: 0 });
        let driver = Driver {
            session,
            endpoint,
            tokens,
            wishes: wishes_seen,
            written: parts.changes.subscribe(),
            reports: parts.signal.subscribe(),
            changes: parts.changes,
            published,
            clock: SessionClock::new(),
            done: Wish::default(),
            token: None,
            opening: None,
            socket: None,
        };
        let task = runtime.spawn(driver.run());
        Ok(Connection { device: parts.device, wishes, published: seen, task })
    }

    /// Connects and stays connected; also tries again at once where the task waits or is blocked.
    pub fn start(&self) {
        self.turn(true);
    }

    /// Disconnects and stays so.
    pub fn stop(&self) {
        self.turn(false);
    }

    fn turn(&self, is_wanted: bool) {
        self.wishes.send_modify(|wish| {
            wish.is_wanted = is_wanted;
            wish.turn += 1;
        });
    }

    /// The present status.
    pub fn status(&self) -> SyncStatus {
        let mut status = self.published.borrow().status.clone();
        status.is_synced &= self.device.pending() == 0;
        status
    }

    /// Waits until the status is another one than at the last call or, at the first, than now.
    ///
    /// # Errors
    /// Kind `closed` if the task has ended.
    pub async fn status_changed(&mut self) -> Result<SyncStatus> {
        self.published.changed().await.map_err(|_| closed())?;
        Ok(self.published.borrow_and_update().status.clone())
    }

    /// Waits until the server has decided everything written here before the call, and the copy holds everything that
    /// the server had by then. Dropping the future gives up waiting.
    ///
    /// # Errors
    /// Kind `retry` with code `not_synced` after `timeout`. At once, if waiting is in vain: kind `retry` with code
    /// `offline` after [`Connection::stop`], the error that blocks the connection, `closed` if the task has ended.
    pub fn wait_synced(&self, timeout: Duration) -> impl Future<Output = Result<()>> + Send + use<> {
        let mut probe = 0;
        self.wishes.send_modify(|wish| {
            wish.probe += 1;
            probe = wish.probe;
        });
        let mut published = self.published.clone();
        let device = self.device.clone();
        async move {
            let waiting = async {
                loop {
                    if let Some(end) = verdict(&published.borrow_and_update(), probe) {
                        return end;
                    }
                    published.changed().await.map_err(|_| closed())?;
                }
            };
            match tokio::time::timeout(timeout, waiting).await {
                Ok(end) => end,
                Err(_) => Err(not_synced(&published.borrow().status, device.pending(), timeout)),
            }
        }
    }

    /// Disconnects and waits until the task has ended.
    pub async fn close(self) {
        drop(self.wishes);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task of a connection failed");
        }
    }
}

/// Whether waiting has an end: the copy is synced, or will not be unless somebody acts.
fn verdict(published: &Published, probe: u64) -> Option<Result<()>> {
    let Published { status, probe: handled } = published;
    if *handled < probe {
        return None;
    }
    match status.state {
        SyncState::Live if status.is_synced => Some(Ok(())),
        SyncState::Live if status.is_held => Some(Err(status.error.clone().unwrap_or_else(offline))),
        SyncState::Stopped => Some(Err(offline())),
        SyncState::Blocked => Some(Err(status.error.clone().unwrap_or_else(offline))),
        SyncState::Live
        | SyncState::Connecting
        | SyncState::Snapshot { .. }
        | SyncState::CatchingUp
        | SyncState::Waiting { .. } => None,
    }
}

fn not_synced(status: &SyncStatus, pending: u64, timeout: Duration) -> Error {
    let mut message = format!("not synced within {timeout:?}: {}, {pending} own transactions wait", status.state);
    if let Some(error) = &status.error {
        message.push_str(&format!("; {error}"));
    }
    Error::retry("not_synced", message)
}

fn offline() -> Error {
    Error::retry("offline", "the database is offline: go online first")
}

fn closed() -> Error {
    Error::closed("connection_closed", "the connection is closed: connect again")
}
