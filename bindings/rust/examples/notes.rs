//! The example of the README, which a test compares with this file.

use kalamdb::{Database, params};

#[tokio::main]
async fn main() -> kalamdb::Result<()> {
    let db = Database::open("./notes")?; // no server needed
    db.execute("CREATE NAMESPACE IF NOT EXISTS app", &[]).await?;
    db.execute("CREATE USER TABLE IF NOT EXISTS app.notes (title TEXT NOT NULL)", &[]).await?;
    db.execute("INSERT INTO app.notes (title) VALUES ($1)", &params!["offline first"]).await?;
    println!("{:?}", db.query("SELECT title FROM app.notes", &[]).await?.rows);
    db.close().await
}
