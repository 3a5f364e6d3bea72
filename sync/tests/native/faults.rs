//! Servers that are absent, stop, cut connections or talk nonsense, and stores that lag or fail.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kalamdb_core::ErrorKind;
use kalamdb_core::store::{FaultyStore, Image, Store};
use kalamdb_sync::client::SyncState;
use kalamdb_sync::native::{StoreSignal, flushed, socket_config};
use kalamdb_sync::wire::MESSAGE_BYTES_MAX;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, DEADLINE, Proxy, TestServer, eventually, token};

#[tokio::test]
async fn an_unreachable_server_leaves_the_database_usable_and_is_tried_again() {
    let stopped = TestServer::start().await;
    let url = stopped.url();
    let stopped = stopped.kill().await;
    let client = Client::new("ada", &url);
    client.connection.start();
    client.insert(1, "no network");
    eventually("the failure shows", || client.connection.status().error.is_some()).await;
    let status = client.connection.status();
    assert_eq!(status.error.map(|error| error.kind()), Some(ErrorKind::Retry));
    assert!(!status.is_synced);
    assert_eq!(client.notes().len(), 1);

    let _server = stopped.restart().await;
    client.synced().await;
    assert_eq!(client.device.pending(), 0);
}

#[tokio::test]
async fn waiting_offline_is_refused_at_once() {
    let client = Client::new("ada", "ws://127.0.0.1:9");
    let error = client.connection.wait_synced(DEADLINE).await.expect_err("nobody wants a connection");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "offline"));
}

#[tokio::test]
async fn a_restarted_server_is_found_again_and_loses_nothing() {
    let mut server = TestServer::start().await;
    let client = Client::new("ada", &server.url());
    client.online().await;
    for round in 0..5 {
        client.insert(round, "before the stop");
        server = server.kill().await.restart().await;
        client.insert(100 + round, "after the stop");
        client.synced().await;
    }
    let other = Client::new("ada", &server.url());
    other.online().await;
    assert_eq!(other.notes(), client.notes());
    assert_eq!(other.notes().len(), 10);
}

/// Text that does not compress and is larger than any single read of the proxy, so that cuts fall inside transactions.
fn noise(mut seed: u64) -> String {
    let mut letter = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + ((seed >> 33) % 94) as u8)
    };
    (0..3000).map(|_| letter()).collect()
}

#[tokio::test]
async fn connections_cut_in_mid_transaction_lose_and_double_nothing() {
    let server = TestServer::start().await;
    let proxy = Proxy::start(server.address).await;
    let writer = Client::new("ada", &server.url());
    writer.online().await;
    let reader = Client::new("ada", &proxy.url());
    reader.online().await;
    for round in 0..12 {
        let cuts = proxy.cuts();
        proxy.cut_after(500 + round * 400);
        writer.insert(round, &noise(round as u64));
        reader.insert(100 + round, &noise(100 + round as u64));
        eventually("the cut", || proxy.cuts() > cuts).await;
        proxy.cut_after(i64::MAX);
        reader.synced().await;
    }
    writer.synced().await;
    reader.synced().await;
    assert_eq!(reader.notes(), writer.notes());
    assert_eq!(reader.notes().len(), 24);
}

#[tokio::test]
async fn a_snapshot_that_is_cut_off_goes_on_where_it_was() {
    let server = TestServer::start().await;
    let writer = Client::new("ada", &server.url());
    writer.online().await;
    for id in 0..2_200 {
        writer.insert(id, &noise(id as u64));
    }
    writer.synced().await;
    let proxy = Proxy::start(server.address).await;
    let whole = Client::new("ada", &proxy.url());
    let all = 1 << 30;
    proxy.cut_after(all);
    whole.online().await;
    let bytes = all - proxy.left();

    let reader = Client::new("ada", &proxy.url());
    let cuts = proxy.cuts();
    proxy.cut_after(bytes * 2 / 3);
    reader.connection.start();
    eventually("the cut", || proxy.cuts() > cuts).await;
    let staged = || reader.device.status().expect("a status").staging.map_or(0, |staging| staging.blocks);
    assert!(staged() > 2, "{} blocks are there", staged());
    assert!(reader.notes().is_empty(), "a snapshot shows whole or not at all");
    proxy.cut_after(all);
    reader.synced().await;
    assert_eq!(reader.notes(), writer.notes());
    let rest = all - proxy.left();
    assert!(rest < bytes * 2 / 3, "{rest} of {bytes} bytes came after two thirds had come");
}

/// Accepts one connection after the other and answers the first message with `answer`.
async fn answering(answer: Message) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { continue };
            socket.next().await;
            socket.send(answer.clone()).await.ok();
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    (url, task)
}

#[tokio::test]
async fn a_server_that_talks_nonsense_is_left_and_changes_nothing() {
    let oversize = Message::Binary(vec![0; MESSAGE_BYTES_MAX + 1].into());
    let damaged = Message::Binary(vec![0xff; 40].into());
    let bomb = Message::Binary([&[0, 0xff, 0xff, 0xff, 0x7f][..], &[0; 64]].concat().into());
    for (name, answer) in
        [("oversize", oversize), ("damaged", damaged), ("bomb", bomb), ("text", Message::Text("hello".into()))]
    {
        let (url, task) = answering(answer).await;
        let client = Client::new("ada", &url);
        client.insert(1, "safe");
        client.connection.start();
        eventually(name, || client.connection.status().error.is_some()).await;
        assert_eq!(client.device.pending(), 1, "{name}");
        assert_eq!(client.device.status().expect("a status").binding, None, "{name}");
        client.connection.close().await;
        task.abort();
    }
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_cut_and_others_are_served() {
    let server = TestServer::start().await;
    let stream = TcpStream::connect(server.address).await.expect("a connection");
    let (mut socket, _) = tokio_tungstenite::client_async_with_config(server.url(), stream, Some(socket_config()))
        .await
        .expect("a handshake");
    socket.send(Message::Binary(vec![1; MESSAGE_BYTES_MAX + 1].into())).await.ok();
    let end = tokio::time::timeout(Duration::from_secs(20), async { while let Some(Ok(_)) = socket.next().await {} });
    end.await.expect("the server ends the connection");
    let client = Client::new("ada", &server.url());
    client.online().await;
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_durable() {
    let server = TestServer::start().await;
    let signal = StoreSignal::default();
    let store = Arc::new(FaultyStore::new(Image::default(), Some(signal.listener())));
    let client = Client::on(store.clone(), signal, token("ada", Duration::from_secs(600), true), &server.url());
    store.flush().expect("a flush");
    client.online().await;
    let space = server.server.users().expect("users")[0].space;
    let head = server.server.position(space).expect("a position").seq;
    client.insert(1, "not durable yet");
    let waited = client.connection.wait_synced(Duration::from_millis(100)).await;
    let error = waited.expect_err("a write that is not durable is not synced");
    assert_eq!(error.code(), "not_synced");
    assert!(error.message().contains("1 own"), "{error}");
    assert_eq!(server.server.position(space).expect("a position").seq, head);
    store.flush().expect("a flush");
    client.synced().await;
    assert_eq!(server.server.position(space).expect("a position").seq, head.next());
}

#[tokio::test]
async fn waiting_for_durability_ends_with_the_commit_or_the_failure() {
    use kalamdb_core::store::{CommitId, Fault, Partition, WriteBatch};
    let signal = StoreSignal::default();
    let store = Arc::new(FaultyStore::new(Image::default(), Some(signal.listener())));
    let mut batch = WriteBatch::new();
    batch.put(Partition::Meta, *b"a", *b"1");
    let commit = store.commit(batch.clone()).expect("a commit");
    assert_eq!(signal.progress().persisted, CommitId(0));
    assert_eq!(flushed(store.clone()).await, Ok(commit));
    assert_eq!(signal.progress().persisted, commit);

    store.plan(1, Fault::Full);
    assert!(store.commit(batch).is_err());
    let error = flushed(store).await.expect_err("never durable");
    assert_eq!(error.kind(), ErrorKind::Quota);
    assert_eq!(signal.progress().failed.map(|error| error.kind()), Some(ErrorKind::Quota));
}

#[tokio::test]
async fn a_dropped_connection_says_good_bye_and_stops() {
    let server = TestServer::start().await;
    let client = Client::new("ada", &server.url());
    client.online().await;
    let device = client.device.clone();
    client.connection.close().await;
    assert_eq!(Arc::strong_count(&device), 2, "the task has let go of the device");

    let client = Client::new("ada", &server.url());
    client.online().await;
    client.connection.stop();
    eventually("it stops", || client.connection.status().state == SyncState::Stopped).await;
}
