//! The crate as applications use it, unhappy paths first.

mod crash;
mod local;
#[cfg(feature = "shell")]
mod shell;
mod synced;

#[path = "../../../../sync/tests/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of the sync crate use the rest")]
mod support;

use kalamdb::{Database, Rows};
use tempfile::TempDir;

const SCHEMA: &str = "
    CREATE NAMESPACE IF NOT EXISTS app;
    CREATE USER TABLE IF NOT EXISTS app.notes (id BIGINT PRIMARY KEY, title TEXT NOT NULL, stars INT);";

/// A database with `app.notes` in a directory that lives as long as the test.
async fn database() -> (TempDir, Database) {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(&folder).await;
    (folder, db)
}

async fn open(folder: &TempDir) -> Database {
    let db = Database::open(folder.path().join("db")).expect("a database");
    db.execute(SCHEMA, &[]).await.expect("the schema");
    db
}

/// Rows as text, cells joined by `|`.
fn shown(rows: &Rows) -> Vec<String> {
    rows.rows.iter().map(|row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")).collect()
}

async fn titles(db: &Database) -> Vec<String> {
    shown(&db.query("SELECT id, title FROM app.notes ORDER BY id", &[]).await.expect("a query"))
}
