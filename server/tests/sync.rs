//! Devices and a server over real sockets.
#![allow(clippy::expect_used)]

mod support;

use std::pin::Pin;

use futures_util::{SinkExt, StreamExt};
use kalamdb_core::catalog::TableOptions;
use kalamdb_core::codec::Writer;
use kalamdb_core::mutation::content_hash;
use kalamdb_core::{DeviceId, Error, ErrorKind, MutationId, Position};
use kalamdb_sync::wire::{
    ClientRecord, FIRST_MESSAGE_BYTES_MAX, Hello, MESSAGE_BYTES_MAX, PROTOCOL, Record, ServerRecord, read_message,
};
use support::TestServer;
use support::device::{DEADLINE, Socket, TestDevice};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_see_each_others_writes_and_another_user_none() {
    let server = TestServer::start().await;
    let (url, token) = (server.sync_url(), server.token("ada"));
    let mut laptop = TestDevice::with_notes(&url, &token);
    laptop.insert(1, "offline first");
    laptop.sync().await;
    let mut phone = TestDevice::new(&url, &token);
    phone.until("the note", |phone| phone.rows() == [(1, "offline first".to_owned(), 0)]).await;
    phone.sync().await;
    phone.hit(1);
    phone.insert(2, "from the phone");
    phone.sync().await;
    laptop.until("the phone's writes", |laptop| laptop.rows() == phone.rows()).await;
    assert_eq!(laptop.rows(), [(1, "offline first".to_owned(), 1), (2, "from the phone".to_owned(), 0)]);
    let mut other = TestDevice::new(&url, &server.token("bob"));
    other.sync().await;
    assert_eq!(other.rows(), []);
    server.running.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_first_sync_comes_as_a_snapshot() {
    let server = TestServer::start().await;
    let (url, token) = (server.sync_url(), server.token("ada"));
    let mut laptop = TestDevice::with_notes(&url, &token);
    for id in 0..300 {
        laptop.insert(id, &"x".repeat(10_000));
    }
    laptop.sync().await;
    let mut phone = TestDevice::new(&url, &token);
    phone.sync().await;
    assert_eq!(phone.rows().len(), 300);
    assert_eq!(phone.rows(), laptop.rows());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_one_device_reaches_a_silent_one() {
    let server = TestServer::start().await;
    let (url, token) = (server.sync_url(), server.token("ada"));
    let mut phone = TestDevice::new(&url, &token);
    phone.sync().await;
    let mut laptop = TestDevice::with_notes(&url, &token);
    laptop.sync().await;
    phone.until("the table", |phone| phone.device.catalog().table_named("app", "notes").is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_right_cannot_declare() {
    let server = TestServer::start().await;
    let token = server.token_with("ada", |claims| claims.kalamdb_declare = false);
    let mut laptop = TestDevice::with_notes(&server.sync_url(), &token);
    laptop.until("the refusal", |laptop| laptop.error_code().is_some()).await;
    assert_eq!(laptop.error_code().as_deref(), Some("schema_missing"));
    assert_eq!(server.running.node().server.catalog().tables().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_says_good_bye_and_its_data_is_there_again() {
    let server = TestServer::start().await;
    let mut laptop = TestDevice::with_notes(&server.sync_url(), &server.token("ada"));
    laptop.insert(1, "kept");
    laptop.sync().await;
    let settings = server.running.node().settings.clone();
    let address = server.running.address();
    let stopping = tokio::spawn(server.running.stop());
    laptop.until("the good-bye", |laptop| !laptop.is_synced()).await;
    timeout(DEADLINE, stopping).await.expect("in time").expect("no panic").expect("it stops");
    laptop.insert(2, "while away");
    let settings = kalamdb_server::settings::Settings { listen: address.to_string(), ..settings };
    let again = kalamdb_server::running::Running::start(settings).await.expect("it starts again");
    laptop.until("sync", |laptop| laptop.is_synced() && laptop.pending() == 0).await;
    assert_eq!(laptop.rows().len(), 2);
    again.stop().await.expect("it stops");
}

async fn connect(server: &TestServer) -> Socket {
    connect_async(server.sync_url()).await.expect("a connection").0
}

fn encode(record: &ClientRecord) -> Message {
    let mut out = Writer::new();
    record.write(&mut out);
    Message::Binary(out.into_vec().into())
}

fn hello(token: &str) -> Hello {
    Hello {
        protocol: (PROTOCOL, PROTOCOL),
        features: 0,
        token: token.to_owned(),
        device: DeviceId([7; 16]),
        catalog: Default::default(),
        position: Position::default(),
        last: MutationId(0),
        first_pending: MutationId(1),
        staging: None,
        credit: 1 << 20,
    }
}

fn say(hello: Hello) -> Message {
    encode(&ClientRecord::Hello(Box::new(hello)))
}

/// Records until the connection ends.
async fn records(socket: &mut Socket) -> Vec<ServerRecord> {
    let mut all = Vec::new();
    while let Some(Ok(message)) = timeout(DEADLINE, socket.next()).await.expect("an answer in time") {
        if let Message::Binary(bytes) = message {
            all.extend(read_message::<ServerRecord>(&bytes, MESSAGE_BYTES_MAX).expect("records").0);
        }
    }
    all
}

/// The error that ends a connection on which `message` was sent first.
async fn refusal(server: &TestServer, message: Message) -> Error {
    let mut socket = connect(server).await;
    socket.send(message).await.expect("it is sent");
    match records(&mut socket).await.pop() {
        Some(ServerRecord::Error { error, is_fatal: true }) => error,
        other => panic!("a fatal error was expected, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_first_messages_are_refused_by_name_and_the_server_goes_on() {
    let server = TestServer::start().await;
    let token = server.token("ada");
    let cases = [
        (Message::Binary(vec![0xff; 40].into()), ErrorKind::Corrupt, None),
        (Message::Binary(vec![0, 0xff, 0xff, 0x7f, 1, 2].into()), ErrorKind::Quota, Some("message_too_large")),
        (Message::Binary(vec![1; FIRST_MESSAGE_BYTES_MAX + 1].into()), ErrorKind::Quota, Some("message_too_large")),
        (Message::Binary(vec![1; MESSAGE_BYTES_MAX + 1].into()), ErrorKind::Quota, Some("message_too_large")),
        (Message::text("hello"), ErrorKind::Invalid, Some("text_message")),
        (encode(&ClientRecord::Ping(1)), ErrorKind::Invalid, Some("hello_expected")),
        (say(Hello { protocol: (9, 9), ..hello(&token) }), ErrorKind::Invalid, Some("unknown_protocol")),
        (say(Hello { device: DeviceId::SERVER, ..hello(&token) }), ErrorKind::Invalid, Some("invalid_device")),
    ];
    for (message, kind, code) in cases {
        let shown = format!("{message:?}").chars().take(80).collect::<String>();
        let error = refusal(&server, message).await;
        assert_eq!(error.kind(), kind, "{shown}: {error:?}");
        assert!(code.is_none_or(|code| code == error.code()), "{shown}: {error:?}");
        assert!(error.message().len() > 20, "{shown}: {error:?}");
    }
    let mut device = TestDevice::new(&server.sync_url(), &token);
    device.sync().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_websocket_frames_end_only_their_connection() {
    let server = TestServer::start().await;
    let token = server.token("ada");
    let mut quiet = TestDevice::with_notes(&server.sync_url(), &token);
    quiet.insert(1, "kept");
    quiet.sync().await;
    let cases: [(&str, &[u8]); 4] = [
        ("a frame without a mask", &[0x82, 0x01, 0x00]),
        ("a frame with reserved bits", &[0xf2, 0x81, 1, 2, 3, 4, 5]),
        ("an unknown opcode", &[0x8b, 0x81, 1, 2, 3, 4, 5]),
        ("a ping in pieces", &[0x09, 0x81, 1, 2, 3, 4, 5]),
    ];
    for (what, frame) in cases {
        for is_known in [false, true] {
            let mut socket = connect(&server).await;
            if is_known {
                socket.send(say(hello(&token))).await.expect("it is sent");
                timeout(DEADLINE, socket.next()).await.expect("in time").expect("a welcome").expect("a message");
            }
            let mut stream = Pin::new(socket.get_mut());
            stream.write_all(frame).await.expect("it is sent");
            stream.flush().await.expect("it is sent");
            let all = records(&mut socket).await;
            let Some(ServerRecord::Error { error, is_fatal: true }) = all.last() else {
                panic!("{what}: a fatal error was expected, not {all:?}")
            };
            assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "websocket_error"), "{what}: {error:?}");
        }
    }
    quiet.insert(2, "still there");
    quiet.sync().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tokens_are_refused() {
    let server = TestServer::start().await;
    let expired = server.token_with("ada", |claims| claims.exp = 1_000);
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZGEiLCJleHAiOjQwMDAwMDAwMDB9.";
    let mut forged = server.token("ada");
    let signature = forged.split_off(forged.len() - 10);
    forged.extend(signature.chars().rev());
    for token in ["", "nonsense", none, &expired, &forged] {
        let error = refusal(&server, say(hello(token))).await;
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{token}: {error:?}");
    }
    assert_eq!(refusal(&server, say(hello(&expired))).await.code(), "token_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_records_of_a_known_device_end_only_its_connection() {
    let server = TestServer::start().await;
    let token = server.token("ada");
    let mut quiet = TestDevice::with_notes(&server.sync_url(), &token);
    quiet.insert(1, "kept");
    quiet.sync().await;
    let hash = kalamdb_core::ContentHash::of(b"something else");
    let mutation =
        |id, hash, total| encode(&ClientRecord::Mutation { id: MutationId(id), hash, total, chunk: b"junk".to_vec() });
    let bad = [
        (Message::Binary(vec![42, 1, 0].into()), ErrorKind::Corrupt, "unknown_record"),
        (mutation(1, hash, 4), ErrorKind::Corrupt, "damaged_mutation"),
        (mutation(7, content_hash(b"junk"), 4), ErrorKind::Conflict, "mutation_gap"),
        (mutation(1, hash, u64::MAX), ErrorKind::Quota, "payload_too_large"),
        (encode(&ClientRecord::MutationMore(b"junk".to_vec())), ErrorKind::Invalid, "no_upload"),
        (say(hello(&token)), ErrorKind::Invalid, "hello_twice"),
    ];
    for (message, kind, code) in bad {
        let mut socket = connect(&server).await;
        socket.send(say(hello(&token))).await.expect("it is sent");
        socket.send(message).await.expect("it is sent");
        let all = records(&mut socket).await;
        let Some(ServerRecord::Error { error, is_fatal: true }) = all.last() else {
            panic!("{code}: a fatal error was expected, not {all:?}")
        };
        assert_eq!((error.kind(), error.code()), (kind, code), "{error:?}");
        assert!(error.message().len() > 20, "{error:?}");
    }
    quiet.insert(2, "still there");
    quiet.sync().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_connection_of_a_device_replaces_the_first() {
    let server = TestServer::start().await;
    let token = server.token("ada");
    let mut first = connect(&server).await;
    first.send(say(hello(&token))).await.expect("it is sent");
    let welcome = timeout(DEADLINE, first.next()).await.expect("in time");
    assert!(matches!(welcome, Some(Ok(Message::Binary(_)))));
    let mut second = connect(&server).await;
    second.send(say(hello(&token))).await.expect("it is sent");
    let all = records(&mut first).await;
    assert!(matches!(all.last(), Some(ServerRecord::GoAway { reason, .. }) if reason.contains("again")), "{all:?}");
    second.send(encode(&ClientRecord::Ping(5))).await.expect("it is sent");
    let mut pong = false;
    while !pong {
        let message = timeout(DEADLINE, second.next()).await.expect("in time").expect("open").expect("a message");
        let records = read_message::<ServerRecord>(&message.into_data(), MESSAGE_BYTES_MAX).expect("records").0;
        pong = records.contains(&ServerRecord::Pong(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_past_the_limit_are_refused() {
    let server = TestServer::start_with(|settings| settings.connections_max = 1).await;
    let _first = connect(&server).await;
    // The first is counted once its upgrade is done.
    let refused = timeout(DEADLINE, async {
        loop {
            if let Err(error) = connect_async(server.sync_url()).await {
                return error;
            }
        }
    });
    let error = refused.await.expect("in time").to_string();
    assert!(error.contains("503"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_tidies_up_and_devices_follow() {
    let server = TestServer::start_with(|settings| {
        settings.tidy_interval_ms = 100;
        settings.log_entries_kept = 5;
    })
    .await;
    let (url, token) = (server.sync_url(), server.token("ada"));
    let mut laptop = TestDevice::with_notes(&url, &token);
    laptop.insert(1, "stays");
    laptop.sync().await;
    let mut late = TestDevice::new(&url, &token);
    late.sync().await;
    // Behind the back of `late`, more transactions than the log keeps, and a row that is deleted for long enough.
    for id in 2..40 {
        laptop.insert(id, "more");
    }
    laptop.sync().await;
    let core = &server.running.node().server;
    core.change_catalog(|catalog| {
        let table = catalog.table_named("app", "notes")?.clone();
        catalog.set_options(table.id, TableOptions { deleted_retention_seconds: Some(0), ..table.options.clone() })
    })
    .expect("the retention is changed");
    laptop.delete(2);
    assert_eq!(laptop.tombstones(), 1);
    laptop.until("the end of the row", |device| device.pending() == 0 && device.tombstones() == 0).await;
    late.until("what the other wrote", |device| device.rows().len() == 38).await;
    assert_eq!(late.rows(), laptop.rows());
}
