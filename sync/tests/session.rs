//! The client's session by itself, against records made by hand.

use std::sync::Arc;

use kalamdb_core::codec::Writer;
use kalamdb_core::device::Device;
use kalamdb_core::server::Answer;
use kalamdb_core::store::MemoryStore;
use kalamdb_core::{
    CatalogVersion, DeviceNumber, Entropy, Error, ErrorKind, MutationId, Now, Position, ServerId, SpaceId,
};
use kalamdb_sync::client::{ClientSession, Input, Output, SyncState};
use kalamdb_sync::wire::{PROTOCOL, Record, ServerRecord, WelcomeRecord, pack};

struct Zeros;

impl Entropy for Zeros {
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

fn at(millis: u64) -> Now {
    Now::from_millis(1_767_225_600_000 + millis)
}

fn session() -> ClientSession {
    let device = Device::open(Arc::new(MemoryStore::new()), Arc::new(Zeros)).expect("a device");
    let mut session = ClientSession::new(Arc::new(device), Arc::new(Zeros));
    session.handle(Input::Start, at(0));
    assert!(matches!(session.poll_output(), Some(Output::NeedToken)));
    session.handle(Input::Token(Ok("token".to_owned())), at(0));
    assert!(matches!(session.poll_output(), Some(Output::Connect)));
    session.handle(Input::Opened, at(0));
    assert!(matches!(session.poll_output(), Some(Output::Send(_))));
    session
}

fn message(record: &ServerRecord) -> Input {
    let mut out = Writer::new();
    record.write(&mut out);
    Input::Message(pack(out.into_vec(), 0))
}

fn welcome(protocol: u16) -> Input {
    message(&ServerRecord::Welcome(Box::new(WelcomeRecord {
        protocol,
        features: 0,
        server: ServerId([1; 16]),
        space: SpaceId(1),
        number: DeviceNumber(1),
        answer: Answer::Resume,
        is_forked: false,
        last: MutationId(0),
        known: Vec::new(),
        head: Position::default(),
        catalog: CatalogVersion(0),
        now_ms: at(0).millis(),
        keep_alive_ms: 60_000,
        token_ms: 60_000,
    })))
}

fn code(session: &ClientSession) -> Option<String> {
    session.status().expect("a status").error.map(|error| error.code().to_owned())
}

#[test]
fn a_server_of_another_version_is_refused_and_not_tried_again() {
    let mut session = session();
    session.handle(welcome(PROTOCOL + 1), at(1));
    let status = session.status().expect("a status");
    assert_eq!(status.state, SyncState::Blocked);
    let error = status.error.expect("an error");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "unknown_protocol"));
    assert!(error.message().contains("update"), "{error}");
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn a_token_that_was_refused_is_asked_for_again_and_another_space_is_not() {
    for (error, blocked) in [
        (Error::unauthorized("token_signature", "the token was signed with another secret"), false),
        (Error::unauthorized("token_expired", "the token has expired"), false),
        (Error::unauthorized("other_user", "the token is of another user"), true),
    ] {
        let mut session = session();
        session.handle(message(&ServerRecord::Error { error, is_fatal: true }), at(1));
        let is_blocked = session.status().expect("a status").state == SyncState::Blocked;
        assert_eq!(is_blocked, blocked, "{:?}", code(&session));
        if !blocked {
            while session.poll_output().is_some() {}
            session.handle(Input::Tick, at(60_000));
            assert!(matches!(session.poll_output(), Some(Output::NeedToken)));
        }
    }
}

#[test]
fn an_application_without_a_newer_token_is_asked_again() {
    let mut session = session();
    session.handle(welcome(PROTOCOL), at(1));
    assert_eq!(session.status().expect("a status").state, SyncState::Live);
    while session.poll_output().is_some() {}
    session.handle(message(&ServerRecord::TokenExpiring { in_ms: 30_000 }), at(2));
    assert!(matches!(session.poll_output(), Some(Output::NeedToken)));
    session.handle(Input::Token(Err(Error::retry("offline", "the application cannot sign in now"))), at(3));
    assert_eq!(code(&session).as_deref(), Some("offline"));
    let due = session.poll_timeout().expect("a time");
    assert!(due <= at(1_003), "{due:?}");
    session.handle(Input::Tick, at(1_003));
    assert!(matches!(session.poll_output(), Some(Output::NeedToken)));
    session.handle(Input::Token(Ok("newer".to_owned())), at(1_004));
    assert!(matches!(session.poll_output(), Some(Output::Send(_))));
    assert_eq!((session.status().expect("a status").state, code(&session)), (SyncState::Live, None));
}
