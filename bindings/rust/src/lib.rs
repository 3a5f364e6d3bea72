//! KalamDB for Rust applications: a local database with SQL that keeps itself equal to a server and to the user's
//! other devices.
//!
//! A [`Database`] is a directory. It opens, reads and writes at once, with or without a network; what is written
//! offline goes to the server when there is a connection.
//!
//! ```
//! use kalamdb::{Database, params};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> kalamdb::Result<()> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! # let directory = folder.path().join("notes");
//! let db = Database::open(directory)?;
//! db.execute("CREATE NAMESPACE IF NOT EXISTS app", &[]).await?;
//! db.execute("CREATE USER TABLE IF NOT EXISTS app.notes (id INT PRIMARY KEY, title TEXT NOT NULL)", &[]).await?;
//! db.execute("INSERT INTO app.notes (id, title) VALUES ($1, $2)", &params![1, "offline first"]).await?;
//!
//! let notes = db.query("SELECT title FROM app.notes WHERE id = $1", &params![1]).await?;
//! assert_eq!(notes.rows, [params!["offline first"]]);
//!
//! // Several writes that become visible together, on every copy:
//! db.transaction(async |tx| {
//!     tx.execute("UPDATE app.notes SET title = 'sync later' WHERE id = 1", &[]).await?;
//!     tx.execute("INSERT INTO app.notes (id, title) VALUES (2, 'two')", &[]).await
//! })
//! .await?;
//! assert_eq!(db.status()?.pending(), 2, "transactions that wait for a server");
//! db.close().await
//! # }
//! ```
//!
//! # With a server
//!
//! ```no_run
//! # async fn example(db: kalamdb::Database) -> kalamdb::Result<()> {
//! use std::time::Duration;
//!
//! db.connect("ws://localhost:7171", "the user's token").await?;
//! db.wait_synced(Duration::from_secs(10)).await?;
//! for write in db.rejected()? {
//!     println!("write {} was refused: {}", write.number, write.error);
//!     db.dismiss(write.number)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A token that ends is renewed without a new connection if it comes from [`TokenSource::from_fn`].
//!
//! # What a write means
//!
//! | when | the write is |
//! |---|---|
//! | a statement or transaction returns | visible here, to every reader of this process |
//! | [`Database::wait_persisted`] returns | on this disk: it survives a crash |
//! | [`Database::wait_synced`] returns | decided by the server: on its disk, or in [`Database::rejected`] |
//!
//! The server decides conflicts: per column, the later write wins. A write that it must refuse, for example an update
//! of a row that another device deleted, is taken back here and listed.
//!
//! # Errors
//!
//! There is one [`Error`]; its [`ErrorKind`] says what to do, its code is stable, its message is for people.
//!
//! Calls are made from a tokio runtime. The crate is not a server: `kalamdb-server` is.

mod database;
mod options;
mod rows;
#[cfg(feature = "shell")]
pub mod shell;
mod status;
mod transaction;

pub use database::Database;
pub use kalamdb_core::device::{DeviceStatus, RejectedWrite};
pub use kalamdb_core::{Datum, Error, ErrorKind, Result, Type, UserId, Value};
pub use kalamdb_sql::{ResultColumn, Session, StatementResult};
pub use kalamdb_store_native::StoreKind;
pub use kalamdb_sync::client::{SyncState, SyncStatus};
pub use kalamdb_sync::native::{ChangeCounter, TokenSource};
pub use options::Options;
pub use rows::Rows;
pub use status::Status;
pub use transaction::Transaction;

/// Parameters of a statement, in order: anything that becomes a [`Value`].
///
/// ```
/// use kalamdb::{Datum, params};
/// assert_eq!(params![1, "two", None::<i32>], [Datum::Int(1), Datum::Text("two".to_string()), Datum::Null]);
/// ```
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::Value::from($value)),*] };
}
