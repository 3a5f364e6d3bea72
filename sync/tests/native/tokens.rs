//! Tokens: wrong, ended, renewed, of another user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kalamdb_core::{Error, ErrorKind};
use kalamdb_sync::client::SyncState;
use kalamdb_sync::native::TokenSource;

use crate::support::{Client, DEADLINE, TestServer, eventually, token};

#[tokio::test]
async fn a_wrong_token_is_refused_and_the_database_stays_usable() {
    let server = TestServer::start().await;
    let client = Client::with_token("nonsense", &server.url());
    client.insert(1, "written while locked out");
    client.connection.start();
    eventually("the refusal shows", || {
        client.connection.status().error.is_some_and(|error| error.code() == "token_invalid")
    })
    .await;
    assert!(matches!(client.connection.status().state, SyncState::Waiting { .. } | SyncState::Connecting));
    assert_eq!(client.connection.status().error.map(|error| error.kind()), Some(ErrorKind::Unauthorized));
    assert_eq!(client.notes(), [(1, "written while locked out".to_string())]);
    assert_eq!(client.device.pending(), 1);
    assert!(server.server.users().expect("users").is_empty(), "nobody was let in");
}

#[tokio::test]
async fn a_source_is_asked_again_until_its_token_is_good() {
    let server = TestServer::start().await;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = asked.clone();
    let source = TokenSource::from_fn(move || {
        let turn = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            match turn {
                0 => Err(Error::retry("sign_in", "the application is offline")),
                1 => Ok(token("ada", Duration::ZERO, true)),
                _ => Ok(token("ada", Duration::from_secs(600), true)),
            }
        }
    });
    let client = Client::with_token(source, &server.url());
    client.insert(1, "patience");
    client.online().await;
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(client.connection.status().error, None);
}

#[tokio::test]
async fn a_token_is_renewed_on_the_open_connection_before_it_ends() {
    let server = TestServer::start().await;
    let source = TokenSource::from_fn(|| async { Ok(token("ada", Duration::from_millis(600), true)) });
    let client = Client::with_token(source, &server.url());
    client.online().await;
    eventually("several renewals", || server.verified() >= 4).await;
    client.insert(1, "after renewals");
    client.synced().await;
    assert_eq!(client.connection.status().state, SyncState::Live);
}

#[tokio::test]
async fn a_fixed_token_is_not_offered_for_renewal_again_and_again() {
    let server = TestServer::start().await;
    let client = Client::with_token(token("ada", Duration::from_secs(2), true), &server.url());
    client.online().await;
    eventually("the renewal is tried", || server.verified() >= 2).await;
    client.insert(1, "still welcome");
    client.synced().await;
    assert_eq!(server.verified(), 2, "the same token, offered once");
}

#[tokio::test]
async fn the_token_of_another_user_is_refused_before_anything_is_exchanged() {
    let server = TestServer::start().await;
    let bob = Client::new("bob", &server.url());
    bob.insert(1, "bob's secret");
    bob.online().await;
    let ada = Client::new("ada", &server.url());
    ada.insert(2, "ada's");
    ada.online().await;
    let position = ada.device.position();
    ada.connection.stop();
    ada.insert(3, "ada's, not sent yet");

    let thief = ada.reconnect_with(token("bob", Duration::from_secs(600), true), &server.url()).await;
    thief.connection.start();
    let refused = thief.connection.wait_synced(DEADLINE).await.expect_err("another user's space");
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Unauthorized, "other_user"));
    assert_eq!(thief.connection.status().state, SyncState::Blocked);
    assert_eq!(thief.device.position(), position, "nothing came in");
    assert_eq!(thief.device.pending(), 1, "nothing went out");
    assert_eq!(thief.notes(), [(2, "ada's".to_string()), (3, "ada's, not sent yet".to_string())]);
    assert_eq!(bob.notes(), [(1, "bob's secret".to_string())]);

    let ada = thief.reconnect_with(token("ada", Duration::from_secs(600), true), &server.url()).await;
    ada.online().await;
    assert_eq!(ada.device.pending(), 0);
}
