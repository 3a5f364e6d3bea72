//! With a server.

use std::time::Duration;

use kalamdb::{Database, ErrorKind, Options, SyncState, UserId};
use tempfile::TempDir;

use crate::support::server::TestServer;
use crate::support::{DEADLINE, eventually, token};
use crate::{SCHEMA, database, shown, titles};

const LONG: Duration = Duration::from_secs(3600);

async fn device(server: &TestServer, user: &str) -> (TempDir, Database) {
    let (folder, db) = database().await;
    db.connect(&server.url(), token(user, LONG, true)).await.expect("an address");
    db.wait_synced(DEADLINE).await.expect("synced");
    (folder, db)
}

async fn run(db: &Database, sql: &str) {
    db.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

#[tokio::test]
async fn an_unreachable_server_is_reported_and_nothing_is_lost() {
    let server = TestServer::start_empty().await;
    let (_folder, db) = database().await;
    let url = server.url();
    let stopped = server.kill().await;
    db.connect(&url, token("ada", LONG, true)).await.expect("an address");
    run(&db, "INSERT INTO app.notes (id, title) VALUES (1, 'no network')").await;
    let error = db.wait_synced(Duration::from_millis(200)).await.expect_err("nobody answers");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "not_synced"));
    assert!(error.message().contains("1 own transactions wait"), "{error}");
    assert_eq!(titles(&db).await, ["1|no network"]);
    let _server = stopped.restart().await;
    db.wait_synced(DEADLINE).await.expect("the server is back");
    assert_eq!(db.status().expect("a status").pending(), 0);
}

#[tokio::test]
async fn two_databases_share_a_table_that_one_of_them_made() {
    let server = TestServer::start_empty().await;
    let (_one_folder, one) = device(&server, "ada").await;
    let (_two_folder, two) = device(&server, "ada").await;
    run(&one, "CREATE USER TABLE app.tags (name TEXT PRIMARY KEY, uses COUNTER)").await;
    run(&one, "INSERT INTO app.tags (name, uses) VALUES ('rust', 1)").await;
    one.wait_synced(DEADLINE).await.expect("synced");
    two.wait_synced(DEADLINE).await.expect("synced");
    one.offline().expect("offline");
    two.offline().expect("offline");
    run(&one, "UPDATE app.tags SET uses = uses + 10 WHERE name = 'rust'").await;
    run(&two, "UPDATE app.tags SET uses = uses + 100 WHERE name = 'rust'").await;
    for db in [&one, &two, &one] {
        db.online().expect("online");
        db.wait_synced(DEADLINE).await.expect("synced");
    }
    for db in [&one, &two] {
        let rows = db.query("SELECT uses FROM app.tags", &[]).await.expect("a query");
        assert_eq!(crate::shown(&rows), ["111"]);
        assert!(db.status().expect("a status").is_synced());
    }
}

#[tokio::test]
async fn a_refused_write_is_taken_back_listed_and_dismissed() {
    let server = TestServer::start_empty().await;
    let (_one_folder, one) = device(&server, "ada").await;
    let (_two_folder, two) = device(&server, "ada").await;
    run(&one, "INSERT INTO app.notes (id, title) VALUES (1, 'gone soon')").await;
    one.wait_synced(DEADLINE).await.expect("synced");
    two.wait_synced(DEADLINE).await.expect("synced");
    two.offline().expect("offline");
    run(&one, "DELETE FROM app.notes").await;
    one.wait_synced(DEADLINE).await.expect("synced");
    run(&two, "UPDATE app.notes SET title = 'edited in vain' WHERE id = 1").await;
    run(&two, "INSERT INTO app.notes (id, title) VALUES (2, 'does not wait')").await;
    two.online().expect("online");
    two.wait_synced(DEADLINE).await.expect("synced");
    assert_eq!(titles(&two).await, ["2|does not wait"]);
    let rejected = two.rejected().expect("a list");
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].error.kind(), ErrorKind::Conflict);
    assert_eq!(two.status().expect("a status").rejected(), 1);
    two.dismiss(rejected[0].number).expect("dismissed");
    assert!(two.rejected().expect("a list").is_empty());
}

#[tokio::test]
async fn a_database_stays_with_its_user() {
    let server = TestServer::start_empty().await;
    let (_folder, db) = device(&server, "ada").await;
    run(&db, "INSERT INTO app.notes (id, title) VALUES (1, 'mine')").await;
    db.wait_synced(DEADLINE).await.expect("synced");
    db.connect(&server.url(), token("bob", LONG, true)).await.expect("an address");
    let error = db.wait_synced(DEADLINE).await.expect_err("another user");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, "other_user"));
    assert_eq!(db.status().expect("a status").sync.state, SyncState::Blocked);
    assert_eq!(titles(&db).await, ["1|mine"]);
    assert!(error.message().contains("`ada`") && error.message().contains("`bob`"), "{error}");
    db.connect(&server.url(), token("ada", LONG, true)).await.expect("an address");
    db.wait_synced(DEADLINE).await.expect("its own user again");
    let user = db.query("SELECT CURRENT_USER()", &[]).await.expect("a query");
    assert_eq!(shown(&user), ["ada"], "the server said whose it is");
}

#[tokio::test]
async fn a_database_that_is_opened_for_a_user_meets_no_other() {
    let server = TestServer::start_empty().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    let open = |name: &str| Database::open(Options::new(&path).user(UserId::new(name).expect("a user id")));
    let db = open("ada").expect("a database");
    run(&db, SCHEMA).await;
    run(&db, "INSERT INTO app.notes (id, title) VALUES (1, 'only for ada')").await;
    db.connect(&server.url(), token("bob", LONG, true)).await.expect("an address");
    let error = db.wait_synced(DEADLINE).await.expect_err("another user");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, "other_user"));
    assert_eq!(db.status().expect("a status").pending(), 1);
    db.close().await.expect("it closes");
    let error = open("bob").err().expect("another user");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, "other_user"));
    let db = open("ada").expect("a database");
    db.connect(&server.url(), token("ada", LONG, true)).await.expect("an address");
    db.wait_synced(DEADLINE).await.expect("synced");
}

#[tokio::test]
async fn a_table_that_differs_from_the_servers_is_named_and_can_be_put_right() {
    let server = TestServer::start_empty().await;
    let (_one_folder, one) = device(&server, "ada").await;
    run(&one, "CREATE USER TABLE app.tasks (id BIGINT PRIMARY KEY, done BOOLEAN NOT NULL)").await;
    run(&one, "INSERT INTO app.tasks (id, done) VALUES (1, true)").await;
    run(&one, "INSERT INTO app.notes (id, title) VALUES (1, 'from one')").await;
    one.wait_synced(DEADLINE).await.expect("synced");

    let (_two_folder, two) = database().await;
    run(&two, "CREATE USER TABLE app.tasks (id BIGINT PRIMARY KEY, done TEXT NOT NULL)").await;
    run(&two, "INSERT INTO app.tasks (id, done) VALUES (2, 'no')").await;
    run(&two, "INSERT INTO app.notes (id, title) VALUES (2, 'from two')").await;
    two.connect(&server.url(), token("ada", LONG, true)).await.expect("an address");
    let error = two.wait_synced(DEADLINE).await.expect_err("the tables differ");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "schema_differs"), "{error}");
    eventually("the other table comes", || two.status().expect("a status").device.position.seq.0 >= 2).await;
    assert_eq!(titles(&two).await, ["1|from one", "2|from two"]);
    assert_eq!(two.status().expect("a status").pending(), 2, "writes wait");

    run(&two, "DROP TABLE app.tasks").await;
    two.wait_synced(DEADLINE).await.expect("synced");
    let tasks = two.query("SELECT id, done FROM app.tasks", &[]).await.expect("a query");
    assert_eq!(shown(&tasks), ["1|true"], "the server's");
    let rejected = two.rejected().expect("a list");
    assert_eq!(rejected.iter().map(|write| write.error.code()).collect::<Vec<_>>(), ["unknown_table"]);
    one.wait_synced(DEADLINE).await.expect("synced");
    assert_eq!(titles(&one).await, ["1|from one", "2|from two"]);
}

#[tokio::test]
async fn a_change_of_the_server_wakes_readers() {
    let server = TestServer::start_empty().await;
    let (_one_folder, one) = device(&server, "ada").await;
    let (_two_folder, two) = device(&server, "ada").await;
    let mut changes = two.changes().subscribe();
    let before = *changes.borrow_and_update();
    run(&one, "INSERT INTO app.notes (id, title) VALUES (1, 'news')").await;
    eventually("the news", || two.changes().count() > before).await;
    changes.changed().await.expect("a change");
    two.wait_synced(DEADLINE).await.expect("synced");
    assert_eq!(titles(&two).await, ["1|news"]);
}

#[tokio::test]
async fn what_was_written_offline_in_an_earlier_run_is_sent() {
    let server = TestServer::start_empty().await;
    let (folder, db) = database().await;
    run(&db, "INSERT INTO app.notes (id, title) VALUES (1, 'yesterday')").await;
    db.close().await.expect("closed");
    let db = crate::open(&folder).await;
    db.connect(&server.url(), token("ada", LONG, true)).await.expect("an address");
    db.wait_synced(DEADLINE).await.expect("synced");
    let (_other_folder, other) = device(&server, "ada").await;
    assert_eq!(titles(&other).await, ["1|yesterday"]);
}
