//! Without any server.

use std::time::Duration;

use kalamdb::{Database, ErrorKind, Options, StoreKind, SyncState, params};

use crate::{database, open, shown, titles};

#[tokio::test]
async fn what_is_written_is_there_after_reopening() {
    let (folder, db) = database().await;
    let inserted = db
        .execute(
            "INSERT INTO app.notes (id, title, stars) VALUES ($1, $2, $3), (2, 'b', NULL)",
            &params![1_i64, "a", 5],
        )
        .await;
    assert_eq!(inserted, Ok(2));
    assert_eq!(db.execute("UPDATE app.notes SET stars = stars + 1 WHERE id = 1", &[]).await, Ok(1));
    db.wait_persisted().await.expect("a disk");
    db.close().await.expect("closed");
    let db = open(&folder).await;
    let rows = db.query("SELECT id, title, stars FROM app.notes ORDER BY id", &[]).await.expect("a query");
    assert_eq!(shown(&rows), ["1|a|6", "2|b|NULL"]);
    assert_eq!(rows.column("stars"), Some(2));
    let status = db.status().expect("a status");
    assert_eq!((status.pending(), status.rejected(), status.is_synced()), (2, 0, false));
    assert_eq!((status.sync.state, status.device.binding), (SyncState::Stopped, None));
}

#[tokio::test]
async fn calls_that_need_a_server_say_so() {
    let (_folder, db) = database().await;
    for refused in [db.wait_synced(Duration::from_secs(20)).await, db.online(), db.offline()] {
        let error = refused.expect_err("there is no server");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "never_connected"));
    }
    for url in ["ftp://localhost", "https://example.org", "nonsense"] {
        assert_eq!(db.connect(url, "token").await.expect_err(url).kind(), ErrorKind::Invalid, "{url}");
    }
    assert_eq!(db.dismiss(1).expect_err("an empty list").code(), "not_rejected");
}

#[tokio::test]
async fn a_transaction_is_visible_whole_or_not_at_all() {
    let (_folder, db) = database().await;
    let failed: kalamdb::Result<()> = db
        .transaction(async |tx| {
            tx.execute("INSERT INTO app.notes (id, title) VALUES (1, 'never')", &[]).await?;
            assert_eq!(shown(&tx.query("SELECT count(*) FROM app.notes", &[]).await?), ["1"]);
            tx.execute("INSERT INTO app.notes (id, title) VALUES (2, NULL)", &[]).await.map(drop)
        })
        .await;
    assert_eq!(failed.expect_err("NULL in NOT NULL").kind(), ErrorKind::Invalid);
    assert!(titles(&db).await.is_empty());

    let mut tx = db.begin().await.expect("a transaction");
    tx.execute("INSERT INTO app.notes (id, title) VALUES (1, 'one')", &[]).await.expect("an insert");
    assert!(titles(&db).await.is_empty(), "nobody else sees it");
    let mut changes = db.changes().subscribe();
    changes.borrow_and_update();
    tx.commit().await.expect("a commit");
    assert!(changes.has_changed().expect("a counter"));
    assert_eq!(titles(&db).await, ["1|one"]);

    let mut tx = db.begin().await.expect("a transaction");
    tx.execute("DELETE FROM app.notes", &[]).await.expect("a delete");
    tx.rollback();
    assert_eq!(titles(&db).await, ["1|one"]);
}

#[tokio::test]
async fn transactions_that_clash_here_are_refused_at_commit() {
    let (_folder, db) = database().await;
    let (mut one, mut two) = (db.begin().await.expect("one"), db.begin().await.expect("two"));
    one.execute("INSERT INTO app.notes (id, title) VALUES (1, 'one')", &[]).await.expect("an insert");
    two.execute("INSERT INTO app.notes (id, title) VALUES (1, 'two')", &[]).await.expect("an insert");
    one.commit().await.expect("the first wins");
    assert_eq!(two.commit().await.expect_err("the key exists").kind(), ErrorKind::Conflict);
    assert_eq!(titles(&db).await, ["1|one"]);
    assert_eq!(db.status().expect("a status").pending(), 1);
}

#[tokio::test]
async fn misuse_is_named() {
    let (_folder, db) = database().await;
    let code = |result: kalamdb::Result<u64>| result.expect_err("misuse").code().to_string();
    assert_eq!(
        code(db.execute("BEGIN; INSERT INTO app.notes (id, title) VALUES (1, 'x')", &[]).await),
        "transaction_open"
    );
    assert!(titles(&db).await.is_empty(), "what was left open is rolled back");
    assert_eq!(
        code(db.execute("INSERT INTO app.notes (id, title) VALUES ($1, 'x')", &[]).await),
        "wrong_parameter_count"
    );
    for text in ["INSERT INTO app.notes (id, title) VALUES (1, 'x')", "SELECT 1; SELECT 2", ""] {
        assert_eq!(db.query(text, &[]).await.expect_err(text).code(), "no_query", "{text:?}");
    }
    assert!(titles(&db).await.is_empty(), "what is no query has no effect");
    let mut tx = db.begin().await.expect("a transaction");
    let insert = "INSERT INTO app.notes (id, title) VALUES (1, 'x')";
    assert_eq!(tx.execute(insert, &[]).await, Ok(1));
    for control in ["COMMIT", "ROLLBACK", "BEGIN", "DELETE FROM app.notes; COMMIT; BEGIN"] {
        assert_eq!(code(tx.execute(control, &[]).await), "transaction_control", "{control}");
        assert!(titles(&db).await.is_empty(), "{control}");
    }
    let fails = format!("INSERT INTO app.notes (id, title) VALUES (2, 'y'); {insert}");
    assert_eq!(tx.execute(&fails, &[]).await.expect_err("the key is taken").kind(), ErrorKind::Conflict);
    tx.commit().await.expect("committed");
    assert_eq!(titles(&db).await, ["1|x"], "a text that fails has no effect");
}

#[tokio::test]
async fn a_closed_database_refuses_every_call() {
    let (_folder, db) = database().await;
    let clone = db.clone();
    db.close().await.expect("closed");
    assert_eq!(clone.query("SELECT * FROM app.notes", &[]).await.expect_err("closed").kind(), ErrorKind::Closed);
    assert_eq!(clone.status().expect_err("closed").kind(), ErrorKind::Closed);
    assert_eq!(clone.wait_persisted().await.expect_err("closed").kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn directories_of_others_are_refused() {
    let (folder, db) = database().await;
    let directory = folder.path().join("db");
    let busy = Database::open(directory.as_path()).err().expect("it is open already");
    assert_eq!((busy.kind(), busy.code()), (ErrorKind::Retry, "store_in_use"));
    db.close().await.expect("closed");
    let other = Database::open(Options::new(&directory).store(StoreKind::Sled)).err().expect("redb made it");
    assert_eq!((other.kind(), other.code()), (ErrorKind::Invalid, "other_store_kind"));
    std::fs::write(folder.path().join("file"), "text").expect("a file");
    assert_eq!(Database::open(folder.path()).err().expect("not a database").code(), "not_a_store");
    assert_eq!(Database::open(folder.path().join("file")).err().expect("a file").code(), "not_a_directory");
}

#[tokio::test]
async fn sled_serves_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options::new(folder.path().join("db")).store(StoreKind::Sled);
    let db = Database::open(options.clone()).expect("a database");
    db.execute(crate::SCHEMA, &[]).await.expect("the schema");
    db.execute("INSERT INTO app.notes (id, title) VALUES (1, 'one')", &[]).await.expect("an insert");
    db.close().await.expect("closed");
    let db = Database::open(options).expect("a database");
    assert_eq!(titles(&db).await, ["1|one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_run_from_many_tasks_at_once() {
    let (_folder, db) = database().await;
    let insert = |id: i64| {
        let db = db.clone();
        tokio::spawn(async move {
            db.execute("INSERT INTO app.notes (id, title) VALUES ($1, 'x')", &params![id]).await.expect("an insert");
        })
    };
    for task in (0..40).map(insert).collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    assert_eq!(titles(&db).await.len(), 40);
}

#[test]
fn the_example_of_the_readme_is_the_one_that_is_built() {
    let (readme, example) = (include_str!("../../../../README.md"), include_str!("../../examples/notes.rs"));
    let code = example.split_once("\n\n").expect("a line about the file").1;
    let indented: String = code.lines().map(|line| format!("{}\n", format!("    {line}").trim_end())).collect();
    assert!(readme.contains(&indented), "README.md does not hold\n{indented}");
}
