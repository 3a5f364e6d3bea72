//! A server in this process, and devices.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use kalamdb::Database;
use kalamdb_core::Table;
use kalamdb_core::UserId;
use kalamdb_core::store::WriteBatch;
use kalamdb_server::auth::{Claims, expiry};
use kalamdb_server::clock::now;
use kalamdb_server::running::Running;
use kalamdb_server::settings::Settings;
use tempfile::TempDir;

use crate::data::{self, Source};

/// How long a device may take to be equal to the server.
pub const SYNC_TIMEOUT: Duration = Duration::from_secs(120);
/// The user of all measurements with one user.
pub const USER: &str = "ada";
/// Rows of one transaction when the server is filled.
const FILL_ROWS: u64 = 1_000;
/// How long tokens are valid, in seconds.
const TOKEN_S: u64 = 3_600;

/// A server in this process, with its data in a folder that goes with it.
pub struct World {
    pub running: Running,
    pub table: Arc<Table>,
    folder: TempDir,
}

impl World {
    /// Starts a server with the table and its index.
    pub async fn start() -> Result<World> {
        let folder = tempfile::tempdir()?;
        let running = Running::start(settings(folder.path())).await?;
        let (table, _) = running.node().server.change_catalog(|catalog| {
            catalog.create_namespace(&data::namespace()?)?;
            let table = catalog.create_table(data::items()?)?;
            catalog.create_index(table.id, data::by_city()?)?;
            Ok(table)
        })?;
        Ok(World { running, table, folder })
    }

    /// Gives the user so many rows.
    pub fn fill(&self, rows: u64) -> Result<()> {
        let server = &self.running.node().server;
        let space = server.space_of(&UserId::new(USER)?, now())?;
        let mut source = Source::new(1);
        for first in (0..rows).step_by(FILL_ROWS as usize) {
            let mut transaction = server.begin(space, now())?;
            for id in first..rows.min(first + FILL_ROWS) {
                transaction.insert(self.table.id, source.row(&self.table, id))?;
            }
            server.commit(space, transaction, now(), WriteBatch::new())?;
        }
        server.store().flush()?;
        Ok(())
    }

    /// A new device of the user in a directory, connected to the server at `address`, which holds all that the server
    /// has.
    pub async fn device(&self, directory: &Path, address: SocketAddr) -> Result<Database> {
        let db = Database::open(directory)?;
        db.connect(&format!("ws://{address}"), self.token(USER)?).await?;
        db.wait_synced(SYNC_TIMEOUT).await?;
        Ok(db)
    }

    /// A token for a user.
    pub fn token(&self, user: &str) -> Result<String> {
        token(&self.running, user)
    }

    /// Stops the server and gives its data directory, which lives as long as what is returned.
    pub async fn stop(self) -> Result<TempDir> {
        self.running.stop().await?;
        Ok(self.folder)
    }
}

/// The settings of a server on a free port of this machine.
pub fn settings(folder: &Path) -> Settings {
    Settings { listen: "127.0.0.1:0".to_owned(), data_dir: folder.join("data"), ..Settings::default() }
}

/// A token for a user of a server in this process.
pub fn token(running: &Running, user: &str) -> Result<String> {
    let exp = expiry(now(), TOKEN_S);
    let claims = Claims { sub: user.to_owned(), exp, kalamdb_admin: false, kalamdb_declare: false };
    running.node().authority.mint(&claims).context("a token")
}
