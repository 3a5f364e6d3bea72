//! The client's session by itself, against records made by hand.

use std::sync::Arc;

use kalamdb_core::catalog::{Catalog, NewColumn, NewTable, TableDef, TableOptions};
use kalamdb_core::codec::Writer;
use kalamdb_core::device::{Device, ServerCatalog, as_new_table};
use kalamdb_core::server::Answer;
use kalamdb_core::store::MemoryStore;
use kalamdb_core::{
    CatalogVersion, ColumnId, Datum, DeviceNumber, Entropy, Error, ErrorKind, MutationId, Name, Now, Position,
    ServerId, SpaceId, Table, TableId, Type, UserId, Value,
};
use kalamdb_sync::client::{ClientSession, Input, Output, SyncState};
use kalamdb_sync::wire::{
    ClientRecord, MESSAGE_BYTES_MAX, PROTOCOL, Record, ServerRecord, WelcomeRecord, pack, read_message,
};

struct Zeros;

impl Entropy for Zeros {
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

fn at(millis: u64) -> Now {
    Now::from_millis(1_767_225_600_000 + millis)
}

fn device() -> Arc<Device> {
    Arc::new(Device::open(Arc::new(MemoryStore::new()), Arc::new(Zeros)).expect("a device"))
}

fn session() -> ClientSession {
    session_of(device())
}

fn session_of(device: Arc<Device>) -> ClientSession {
    let mut session = ClientSession::new(device, Arc::new(Zeros));
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
    welcome_with(|welcome| welcome.protocol = protocol)
}

fn welcome_with(change: impl FnOnce(&mut WelcomeRecord)) -> Input {
    let mut welcome = WelcomeRecord {
        protocol: PROTOCOL,
        features: 0,
        server: ServerId([1; 16]),
        user: UserId::new("ada").expect("a user id"),
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
    };
    change(&mut welcome);
    message(&ServerRecord::Welcome(Box::new(welcome)))
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

fn notes(id: TableId, ty: Type) -> TableDef {
    let name = |text: &str| Name::new(text).expect("a name");
    let mut catalog = Catalog::new(id);
    catalog.create_namespace(&name("app")).expect("a namespace");
    let column = |text, ty| NewColumn { name: name(text), ty, nullable: false, default: None };
    let table = catalog.create_table(NewTable {
        namespace: name("app"),
        name: name("notes"),
        columns: vec![column("id", Type::BigInt), column("body", ty)],
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    });
    table.expect("a table").def().clone()
}

fn declare(device: &Device, ty: Type) {
    let declared = device.change_catalog(|catalog| {
        if !catalog.namespaces().iter().any(|name| name.as_str() == "app") {
            catalog.create_namespace(&Name::new("app")?)?;
        }
        catalog.create_table(as_new_table(&Table::new(notes(TableId(1), ty))).0).map(drop)
    });
    declared.expect("a local table");
}

fn insert(device: &Device, body: Value) {
    let table = device.catalog().table_named("app", "notes").expect("the table").id;
    let mut tx = device.begin(at(1)).expect("a transaction");
    tx.insert(table, vec![(ColumnId(0), Datum::BigInt(1)), (ColumnId(1), body)]).expect("an insert");
    device.commit(tx, at(1)).expect("a commit");
}

/// What the session sends, as records.
fn sent(session: &mut ClientSession) -> Vec<ClientRecord> {
    let mut records = Vec::new();
    while let Some(output) = session.poll_output() {
        if let Output::Send(bytes) = output {
            records.extend(read_message::<ClientRecord>(&bytes, MESSAGE_BYTES_MAX).expect("records").0);
        }
    }
    records
}

#[test]
fn a_table_that_differs_holds_writes_back_and_nothing_else() {
    let device = device();
    declare(&device, Type::Text);
    insert(&device, Datum::Text("waits".to_owned()));
    let mut session = session_of(device.clone());
    let catalog = CatalogVersion(2);
    session.handle(welcome_with(|welcome| welcome.catalog = catalog), at(1));
    let namespaces = vec![Name::new("app").expect("a name")];
    let tables = vec![TableDef { changed: catalog, ..notes(TableId(1), Type::Int) }];
    let part = ServerCatalog { version: catalog, namespaces, tables };
    session.handle(message(&ServerRecord::Catalog { part, is_last: true }), at(2));
    let status = session.status().expect("a status");
    assert_eq!((status.state, status.is_held, status.is_synced), (SyncState::Live, true, false));
    let error = status.error.expect("an error");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "schema_differs"));
    assert!(error.message().contains("`body`") && error.message().contains("drop"), "{error}");
    let records = sent(&mut session);
    assert!(!records.iter().any(|record| matches!(record, ClientRecord::Mutation { .. })), "{records:?}");
    // The server's rows of that table are kept under its number; the name is the local table's.
    assert_eq!(device.catalog().live_table(TableId(1)).expect("the server's").columns[1].ty, Type::Int);
    let local = device.catalog().table_named("app", "notes").expect("the local one").id;
    assert!(local >= TableId::LOCAL_FIRST);

    // Dropped, the name is the server's table's; what waited is refused by the server, not by us.
    device.change_catalog(|catalog| catalog.drop_table(local)).expect("it is dropped");
    assert_eq!(device.catalog().table_named("app", "notes").expect("the server's").id, TableId(1));
    session.handle(Input::Wake, at(3));
    let status = session.status().expect("a status");
    assert_eq!((status.is_held, status.error), (false, None));
    assert!(sent(&mut session).iter().any(|record| matches!(record, ClientRecord::Mutation { .. })));
}

#[test]
fn a_clock_that_is_far_ahead_follows_the_servers_until_it_is_put_right() {
    let device = device();
    let mut session = session_of(device.clone());
    session.handle(welcome_with(|_| {}), at(3_600_000));
    declare(&device, Type::Text);
    let write = |now: Now, id: i64| {
        let table = device.catalog().table_named("app", "notes").expect("the table").id;
        let mut tx = device.begin(now).expect("a transaction");
        tx.insert(table, vec![(ColumnId(0), Datum::BigInt(id)), (ColumnId(1), Datum::Text(String::new()))])
            .expect("an insert");
        let id = device.commit(tx, now).expect("a commit").mutation.expect("a write");
        device.outbox_entry(id).expect("a look").expect("an entry").mutation().expect("a mutation").hlc
    };
    for minutes in [0, 1, 30] {
        let stamp = write(at(3_600_000 + minutes * 60_000), i64::try_from(minutes).expect("a number"));
        assert_eq!(stamp.millis(), at(minutes * 60_000).millis(), "an hour behind its own clock");
    }
    session.handle(message(&ServerRecord::Clock { ahead_ms: 1_000 }), at(40 * 60_000));
    assert_eq!(write(at(41 * 60_000), 41).millis(), at(41 * 60_000).millis(), "the clock is right again");
}
