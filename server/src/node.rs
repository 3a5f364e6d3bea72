//! What all parts of a running server share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kalamdb_core::server::Server;
use kalamdb_core::store::StoreListener;
use kalamdb_core::{Error, Result};
use kalamdb_store_native::MARKER_FILE;
use kalamdb_store_native::rocks::{self, RocksOptions};
use tokio::sync::Semaphore;

use crate::auth::{Authority, SECRET_FILE, Secret};
use crate::clock::SystemEntropy;
use crate::hub::{Audience, Hub};
use crate::idempotency;
use crate::settings::Settings;

/// The folder of the store inside the data directory.
const STORE_FOLDER: &str = "store";

/// HTTP requests with statements that run at once; others wait for their turn.
const STATEMENTS_MAX: usize = 32;

/// A server with its data open, before and while it listens.
pub struct Node {
    /// The copies.
    pub server: Arc<Server>,
    /// Who waits for what.
    pub hub: Arc<Hub>,
    /// Tokens.
    pub authority: Authority,
    /// The settings in force.
    pub settings: Settings,
    /// HTTP requests with an idempotency key that are being carried out.
    pub running: idempotency::Running,
    /// Turns of HTTP requests with statements.
    pub statements: Semaphore,
    is_stopping: AtomicBool,
}

impl Node {
    /// Opens the data directory.
    ///
    /// # Errors
    /// Kind `retry` if another process has it open, `invalid` if it cannot be used, `corrupt` if it is damaged.
    pub fn open(settings: Settings) -> Result<Arc<Node>> {
        let entropy = SystemEntropy::open()?;
        refuse_store(&settings.data_dir)?;
        let hub = Arc::new(Hub::default());
        let listener: StoreListener = {
            let hub = hub.clone();
            Arc::new(move |event| hub.store_event(event))
        };
        let options = RocksOptions {
            cache_bytes: settings.store_cache_bytes,
            write_buffer_bytes: settings.store_write_buffer_bytes,
            ..RocksOptions::default()
        };
        let store = rocks::open(&settings.data_dir.join(STORE_FOLDER), &options, Some(listener))
            .map_err(|error| error.context(format!("data directory `{}`", settings.data_dir.display())))?;
        let authority = Authority::new(&secret(&settings)?);
        let server = Arc::new(Server::open(Arc::new(store), Arc::new(entropy))?);
        server.observe({
            let hub = hub.clone();
            Arc::new(move |space, _, commit| hub.expect(commit, Audience::Space(space)))
        });
        hub.catalog_at(server.catalog().version(), || Ok(server.store().persisted()))?;
        Ok(Arc::new(Node {
            server,
            hub,
            authority,
            settings,
            running: idempotency::Running::default(),
            statements: Semaphore::new(STATEMENTS_MAX),
            is_stopping: AtomicBool::new(false),
        }))
    }

    /// Refuses what comes from now on and tells connections to leave.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.hub.shut_down();
    }

    /// Whether the server takes requests.
    ///
    /// # Errors
    /// Kind `retry` while it stops; what the store failed with.
    pub fn check(&self) -> Result<()> {
        if self.is_stopping.load(Ordering::Acquire) {
            return Err(Error::retry("server_stopping", "the server is stopping: try again in a moment"));
        }
        self.hub.check()
    }

    /// Writes everything out and closes the store.
    ///
    /// # Errors
    /// What the store gives.
    pub fn close(&self) -> Result<()> {
        self.server.store().close()
    }
}

/// The secret that the settings name; without one, that of the data directory.
///
/// # Errors
/// Kind `invalid` if it cannot be read or is too short.
pub fn secret(settings: &Settings) -> Result<Secret> {
    match (&settings.secret, &settings.secret_file) {
        (Some(_), Some(_)) => Err(Error::invalid(
            "two_secrets",
            "both `secret` and `secret_file` are set: keep one, so that it is clear which signs tokens",
        )),
        (Some(secret), None) => Secret::new(secret, "setting `secret`"),
        (None, Some(path)) => Secret::read(path),
        (None, None) => Secret::read_or_make(&settings.data_dir.join(SECRET_FILE)),
    }
}

/// Refuses a directory that is itself a database, of a device.
fn refuse_store(data_dir: &Path) -> Result<()> {
    if !data_dir.join(MARKER_FILE).exists() {
        return Ok(());
    }
    let message =
        format!("`{}` is a device's database, not a server's data: name another directory", data_dir.display());
    Err(Error::invalid("not_a_data_dir", message))
}
