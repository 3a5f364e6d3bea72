//! Devices that meet through a server.

use kalamdb_core::ErrorKind;

use crate::support::server::create_table;
use crate::support::{Client, TestServer, eventually, token};

#[tokio::test]
async fn two_devices_converge_and_hear_of_each_other() {
    let server = TestServer::start().await;
    let (one, two) = (Client::new("ada", &server.url()), Client::new("ada", &server.url()));
    one.online().await;
    two.online().await;
    let mut changes = two.changes.subscribe();
    changes.borrow_and_update();
    one.insert(1, "hello");
    one.synced().await;
    // No wait for luck: what one device synced, another has once it is synced.
    two.synced().await;
    assert_eq!(two.notes(), [(1, "hello".to_string())]);
    assert!(changes.has_changed().expect("a counter"));
    two.rename(1, "hello back");
    two.synced().await;
    one.synced().await;
    assert_eq!(one.notes(), [(1, "hello back".to_string())]);
    assert_eq!(one.device.position(), two.device.position());
}

#[tokio::test]
async fn spaces_of_two_users_never_mix() {
    let server = TestServer::start().await;
    let (ada, bob) = (Client::new("ada", &server.url()), Client::new("bob", &server.url()));
    ada.online().await;
    bob.online().await;
    ada.insert(1, "ada's");
    bob.insert(1, "bob's");
    ada.synced().await;
    bob.synced().await;
    assert_eq!((ada.notes(), bob.notes()), (vec![(1, "ada's".to_string())], vec![(1, "bob's".to_string())]));
}

#[tokio::test]
async fn offline_writes_of_two_devices_meet_when_both_reconnect() {
    let server = TestServer::start().await;
    let (one, two) = (Client::new("ada", &server.url()), Client::new("ada", &server.url()));
    one.insert(1, "shared");
    one.online().await;
    two.online().await;
    one.connection.stop();
    two.connection.stop();
    (0..400).for_each(|n| {
        one.insert(1000 + n, "from one");
        two.insert(2000 + n, "from two");
    });
    one.rename(1, "one's title");
    two.rename(1, "two's title, later");
    one.online().await;
    two.online().await;
    one.synced().await;
    assert_eq!(one.notes().len(), 801);
    assert_eq!(one.notes(), two.notes());
    assert_eq!(one.notes()[0].1, "two's title, later");
}

#[tokio::test]
async fn a_write_that_the_server_refuses_is_rolled_back_and_listed() {
    let server = TestServer::start().await;
    let (one, two) = (Client::new("ada", &server.url()), Client::new("ada", &server.url()));
    one.insert(1, "to be deleted");
    one.online().await;
    two.online().await;
    two.connection.stop();
    one.delete(1);
    one.synced().await;
    two.rename(1, "edited in vain");
    two.insert(2, "does not wait behind the refusal");
    two.online().await;
    assert_eq!(two.notes(), [(2, "does not wait behind the refusal".to_string())]);
    let rejected = two.device.rejected().expect("a list");
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].error.kind(), ErrorKind::Conflict, "{:?}", rejected[0].error);
    two.device.dismiss(rejected[0].number).expect("dismissed");
    assert!(two.device.rejected().expect("a list").is_empty());
    one.synced().await;
    assert_eq!(one.notes(), two.notes());
}

#[tokio::test]
async fn tables_declared_one_after_the_other_on_one_connection_all_reach_the_server() {
    let server = TestServer::start_empty().await;
    let client = Client::new("ada", &server.url());
    client.insert(1, "declared before the first contact");
    client.online().await;
    for table in ["second", "third"] {
        client.device.change_catalog(|catalog| create_table(catalog, table)).expect("a local table");
        client.insert_into(table, 7, "declared while online");
        client.synced().await;
    }
    let other = Client::new("ada", &server.url());
    other.online().await;
    assert_eq!(other.rows("third"), [(7, "declared while online".to_string())]);
}

#[tokio::test]
async fn a_table_that_the_token_may_not_create_holds_writes_back_visibly() {
    let server = TestServer::start_empty().await;
    let client = Client::with_token(token("ada", std::time::Duration::from_secs(600), false), &server.url());
    client.insert(1, "waits for the table");
    client.connection.start();
    eventually("the reason shows", || {
        client.connection.status().error.is_some_and(|error| error.code() == "schema_missing")
    })
    .await;
    assert!(!client.connection.status().is_synced);
    assert_eq!(client.device.pending(), 1);
    server.server.change_catalog(crate::support::server::create_notes).expect("an admin's table");
    server.wake();
    eventually("the table is there", || client.connection.status().error.is_none()).await;
    client.synced().await;
}

#[tokio::test]
async fn a_new_device_behind_a_long_log_gets_a_snapshot() {
    let server = TestServer::start().await;
    let one = Client::new("ada", &server.url());
    one.online().await;
    for n in 0..3000 {
        one.insert(n, &format!("note {n}"));
    }
    one.synced().await;
    let two = Client::new("ada", &server.url());
    two.insert(9000, "written before the first contact");
    two.online().await;
    one.synced().await;
    assert_eq!(two.notes().len(), 3001);
    assert_eq!(one.notes(), two.notes());
}
