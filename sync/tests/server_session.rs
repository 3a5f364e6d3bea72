//! The server's session by itself, against records made by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kalamdb_core::codec::Writer;
use kalamdb_core::server::Server;
use kalamdb_core::store::MemoryStore;
use kalamdb_core::{DeviceId, Entropy, Error, ErrorKind, MutationId, Now, Position, Seq, UserId};
use kalamdb_sync::config::{HELLO_TIMEOUT_MS, KEEP_ALIVE_MS, TOKEN_GRACE_MS};
use kalamdb_sync::server::{Identity, Input, Output, ServerSession};
use kalamdb_sync::wire::{
    ClientRecord, Hello, MESSAGE_BYTES_MAX, PROTOCOL, Record, ServerRecord, WelcomeRecord, pack, read_message,
};

#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn random(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
    }
}

fn at(millis: u64) -> Now {
    Now::from_millis(1_767_225_600_000 + millis)
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user id")
}

fn identity(name: &str, lives_ms: u64) -> Identity {
    Identity { user: user(name), expires_ms: at(lives_ms).millis(), may_declare: true }
}

fn message(record: &ClientRecord) -> Input {
    let mut out = Writer::new();
    record.write(&mut out);
    Input::Message(pack(out.into_vec(), 0))
}

fn hello() -> Input {
    message(&ClientRecord::Hello(Box::new(Hello {
        protocol: (PROTOCOL, PROTOCOL),
        features: 0,
        token: "token".to_owned(),
        device: DeviceId([7; 16]),
        catalog: Default::default(),
        position: Position::default(),
        last: MutationId(0),
        first_pending: MutationId(1),
        staging: None,
        credit: 1 << 20,
    })))
}

/// What the session sent, and whether it closed.
fn said(session: &mut ServerSession) -> (Vec<ServerRecord>, bool) {
    let (mut records, mut is_closed) = (Vec::new(), false);
    while let Some(output) = session.poll_output() {
        match output {
            Output::Send(bytes) => {
                records.extend(read_message::<ServerRecord>(&bytes, MESSAGE_BYTES_MAX).expect("records").0);
            }
            Output::Close => is_closed = true,
            Output::Verify(_) | Output::Established(..) => {}
        }
    }
    (records, is_closed)
}

/// The error that closed the session.
fn refusal(session: &mut ServerSession) -> Error {
    match said(session) {
        (mut records, true) => match records.pop() {
            Some(ServerRecord::Error { error, is_fatal: true }) => error,
            other => panic!("a fatal error was expected, not {other:?}"),
        },
        (records, false) => panic!("it is still open and said {records:?}"),
    }
}

fn server() -> Arc<Server> {
    Arc::new(Server::open(Arc::new(MemoryStore::new()), Arc::new(Counting::default())).expect("a server"))
}

fn established(server: &Arc<Server>, lives_ms: u64) -> (ServerSession, WelcomeRecord) {
    let mut session = ServerSession::new(server.clone(), at(0));
    session.handle(hello(), at(0));
    session.handle(Input::Verified(Ok(identity("ada", lives_ms))), at(0));
    let (records, is_closed) = said(&mut session);
    assert!(!is_closed);
    match records.into_iter().next() {
        Some(ServerRecord::Welcome(welcome)) => (session, *welcome),
        other => panic!("a welcome was expected, not {other:?}"),
    }
}

/// Keeps the device alive until `millis`.
fn ping_until(session: &mut ServerSession, from: u64, millis: u64) {
    for time in (from..millis).step_by(20_000) {
        session.handle(message(&ClientRecord::Ping(time)), at(time));
        session.handle(Input::Tick, at(time));
    }
}

#[test]
fn a_welcome_says_whose_database_it_is() {
    let server = server();
    let (_, welcome) = established(&server, 600_000);
    assert_eq!(welcome.user, user("ada"));
    assert_eq!(Some(welcome.space), server.find_space(&user("ada")).expect("a look"));
    assert_eq!((welcome.server, welcome.now_ms, welcome.keep_alive_ms), (server.id(), at(0).millis(), KEEP_ALIVE_MS));
}

#[test]
fn a_token_that_nobody_renews_ends_the_connection_after_the_grace_period() {
    let (mut session, _) = established(&server(), 100_000);
    ping_until(&mut session, 0, 100_000 + TOKEN_GRACE_MS - 1);
    let (records, is_closed) = said(&mut session);
    let warnings = records.iter().filter(|record| matches!(record, ServerRecord::TokenExpiring { .. })).count();
    assert_eq!((warnings, is_closed), (1, false));
    session.handle(Input::Tick, at(100_000 + TOKEN_GRACE_MS));
    let error = refusal(&mut session);
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, "token_expired"));
    assert!(session.is_closed());
}

#[test]
fn a_renewed_token_keeps_the_connection_and_another_users_ends_it() {
    let (mut session, _) = established(&server(), 100_000);
    ping_until(&mut session, 0, 90_000);
    session.handle(message(&ClientRecord::Token("newer".to_owned())), at(90_000));
    session.handle(Input::Verified(Ok(identity("ada", 500_000))), at(90_000));
    ping_until(&mut session, 90_000, 200_000);
    assert!(!said(&mut session).1);
    session.handle(message(&ClientRecord::Token("bob's".to_owned())), at(200_000));
    session.handle(Input::Verified(Ok(identity("bob", 500_000))), at(200_000));
    let error = refusal(&mut session);
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, "other_user"));
}

#[test]
fn silence_is_ended_before_and_after_the_hello() {
    let mut silent = ServerSession::new(server(), at(0));
    silent.handle(Input::Tick, at(HELLO_TIMEOUT_MS - 1));
    assert!(!silent.is_closed());
    silent.handle(Input::Tick, at(HELLO_TIMEOUT_MS));
    assert_eq!(refusal(&mut silent).code(), "hello_timeout");
    let (mut session, _) = established(&server(), 600_000);
    session.handle(Input::Tick, at(KEEP_ALIVE_MS - 1));
    assert!(!session.is_closed());
    session.handle(Input::Tick, at(KEEP_ALIVE_MS));
    assert!(session.is_closed());
}

#[test]
fn half_a_mutation_is_forgotten_when_the_device_connects_again() {
    let server = server();
    let (mut first, welcome) = established(&server, 600_000);
    let hash = kalamdb_core::ContentHash::of(b"never whole");
    let half = ClientRecord::Mutation { id: MutationId(1), hash, total: 11, chunk: b"never".to_vec() };
    first.handle(message(&half), at(1));
    assert_eq!(said(&mut first), (Vec::new(), false));
    let (mut second, again) = established(&server, 600_000);
    assert_eq!((again.space, again.last), (welcome.space, MutationId(0)), "nothing was decided");
    first.handle(Input::Replaced, at(2));
    assert!(matches!(said(&mut first), (records, true) if matches!(records[..], [ServerRecord::GoAway { .. }])));
    first.handle(message(&ClientRecord::MutationMore(b" whole".to_vec())), at(3));
    assert_eq!(said(&mut first), (Vec::new(), false), "nobody listens");
    second.handle(message(&ClientRecord::MutationMore(b" whole".to_vec())), at(3));
    assert_eq!(refusal(&mut second).code(), "no_upload");
    assert_eq!(server.log_after(welcome.space, Seq(0), usize::MAX).expect("a log"), []);
}
