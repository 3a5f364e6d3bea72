//! Every record of the protocol, byte by byte: version 1 stays as it is.

#[path = "../../core/tests/support/golden.rs"]
mod golden;

use std::path::PathBuf;

use golden::Line;
use kalamdb_core::catalog::{Catalog, NewColumn, NewTable, TableOptions};
use kalamdb_core::codec::Writer;
use kalamdb_core::device::ServerCatalog;
use kalamdb_core::log::{LostColumn, MutationResult, Verdict};
use kalamdb_core::server::{Answer, SnapshotReason};
use kalamdb_core::snapshot::SnapshotOffer;
use kalamdb_core::{
    CatalogVersion, Chain, ColumnId, ContentHash, DeviceId, DeviceNumber, Epoch, Error, MutationId, Name, Position,
    Seq, ServerId, SpaceId, TableId, Type, UserId,
};
use kalamdb_sync::wire::{ClientRecord, FEATURE_LZ4, Hello, MESSAGE_BYTES_MAX, Record, ServerRecord, WelcomeRecord};
use kalamdb_sync::wire::{pack, read_message};

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden", name].iter().collect()
}

fn position() -> Position {
    Position { epoch: Epoch([1; 16]), seq: Seq(300), chain: Chain([2; 8]) }
}

fn catalog() -> Catalog {
    let name = |text| Name::new(text).expect("a name");
    let mut catalog = Catalog::new(TableId(1));
    catalog.create_namespace(&name("app")).expect("a namespace");
    let column = |text, ty, nullable| NewColumn { name: name(text), ty, nullable, default: None };
    let table = NewTable {
        namespace: name("app"),
        name: name("notes"),
        columns: vec![column("id", Type::BigInt, false), column("title", Type::Text, true)],
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    };
    catalog.create_table(table).expect("a table");
    catalog
}

fn results() -> Vec<MutationResult> {
    let result =
        |id, verdict| MutationResult { id: MutationId(id), hash: ContentHash([3; 16]), seq: Seq(299), verdict };
    let lost = LostColumn { table: TableId(1), key: vec![0x14, 1], column: ColumnId(2) };
    vec![
        result(8, Verdict::Applied { lost: vec![lost], lost_count: 1 }),
        result(9, Verdict::Refused(Error::conflict("row_deleted", "the row is gone"))),
    ]
}

fn client_records() -> Vec<(&'static str, ClientRecord)> {
    let hello = Hello {
        protocol: (1, 1),
        features: FEATURE_LZ4,
        token: "token".to_owned(),
        device: DeviceId([4; 16]),
        catalog: CatalogVersion(3),
        position: position(),
        last: MutationId(9),
        first_pending: MutationId(7),
        staging: Some([5; 16]),
        credit: 1 << 20,
    };
    let table = catalog().tables().next().expect("a table").def().clone();
    vec![
        ("hello", ClientRecord::Hello(Box::new(hello))),
        ("token", ClientRecord::Token("newer".to_owned())),
        ("declare", ClientRecord::Declare(Box::new(table))),
        (
            "mutation",
            ClientRecord::Mutation { id: MutationId(9), hash: ContentHash([3; 16]), total: 300, chunk: vec![1, 2] },
        ),
        ("mutation-more", ClientRecord::MutationMore(vec![3, 4])),
        ("ack", ClientRecord::Ack(Seq(300))),
        ("credit", ClientRecord::Credit(65_536)),
        ("snapshot-get", ClientRecord::SnapshotGet { id: [5; 16], from: 2 }),
        ("ping", ClientRecord::Ping(7)),
        ("bye", ClientRecord::Bye),
    ]
}

fn server_records() -> Vec<(&'static str, ServerRecord)> {
    let welcome = WelcomeRecord {
        protocol: 1,
        features: FEATURE_LZ4,
        server: ServerId([6; 16]),
        user: UserId::new("ada").expect("a user id"),
        space: SpaceId(12),
        number: DeviceNumber(2),
        answer: Answer::Snapshot(SnapshotReason::BelowFloor),
        is_forked: false,
        last: MutationId(8),
        known: vec![(MutationId(7), ContentHash([7; 16])), (MutationId(8), ContentHash([8; 16]))],
        head: position(),
        catalog: CatalogVersion(3),
        now_ms: 1_767_225_600_000,
        keep_alive_ms: 30_000,
    };
    let news = catalog();
    let part = ServerCatalog {
        version: CatalogVersion(3),
        namespaces: news.namespaces().to_vec(),
        tables: news.tables().map(|table| table.def().clone()).collect(),
    };
    let offer = SnapshotOffer {
        id: [5; 16],
        position: position(),
        updated: 1_767_225_600_000_000,
        blocks: 3,
        rows: 1_000,
        bytes: 70_000,
        checksum: Chain([9; 8]),
    };
    let error = Error::unauthorized("token_expired", "the token is over");
    vec![
        ("welcome", ServerRecord::Welcome(Box::new(welcome))),
        ("catalog", ServerRecord::Catalog { part, is_last: true }),
        ("begin", ServerRecord::Begin { from: Seq(299), head: vec![1, 2, 3], total: 400, chunk: vec![4] }),
        ("more", ServerRecord::More(vec![5, 6])),
        ("end", ServerRecord::End { chain: Chain([2; 8]), results: results() }),
        ("offer", ServerRecord::Offer(offer)),
        ("block", ServerRecord::Block { number: 2, total: 300, chunk: vec![7] }),
        ("block-more", ServerRecord::BlockMore(vec![8])),
        ("snapshot-end", ServerRecord::SnapshotEnd { results: results(), is_last: true }),
        ("clock", ServerRecord::Clock { ahead_ms: 3_600_000 }),
        ("token-expiring", ServerRecord::TokenExpiring { in_ms: 30_000 }),
        ("pong", ServerRecord::Pong(7)),
        ("go-away", ServerRecord::GoAway { reason: "restart".to_owned(), retry_ms: 500 }),
        ("error", ServerRecord::Error { error, is_fatal: true }),
    ]
}

fn bytes(record: &impl Record) -> Vec<u8> {
    let mut out = Writer::default();
    record.write(&mut out);
    pack(out.into_vec(), 0)
}

/// Compares records with a file, and what the file holds with the records.
fn check<R: Record + PartialEq + std::fmt::Debug>(name: &str, records: Vec<(&'static str, R)>) {
    let lines: Vec<Line> = records.iter().map(|(name, record)| ((*name).to_owned(), bytes(record))).collect();
    golden::check(&file(name), &lines);
    for ((_, message), (name, record)) in golden::read(&file(name)).into_iter().zip(records) {
        let (read, _) = read_message::<R>(&message, MESSAGE_BYTES_MAX).expect(name);
        assert_eq!(read, [record], "{name}");
    }
}

#[test]
fn what_a_client_sends_stays_as_it_is() {
    check("client.txt", client_records());
}

#[test]
fn what_a_server_sends_stays_as_it_is() {
    check("server.txt", server_records());
}

#[test]
fn a_packed_message_opens() {
    let mut out = Writer::default();
    ClientRecord::MutationMore(vec![7; 2_000]).write(&mut out);
    let message = pack(out.into_vec(), FEATURE_LZ4);
    assert!(message.len() < 200, "it is packed");
    golden::check(&file("packed.txt"), &[("mutation-more".to_owned(), message)]);
    let (_, message) = golden::read(&file("packed.txt")).pop().expect("a line");
    let (read, _) = read_message::<ClientRecord>(&message, MESSAGE_BYTES_MAX).expect("it opens");
    assert_eq!(read, [ClientRecord::MutationMore(vec![7; 2_000])]);
}

/// Reads a message with each of its bytes changed, and cut off at each.
fn damage<R: Record>(name: &str) {
    for (_, message) in golden::read(&file(name)) {
        for at in 0..message.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = message.clone();
                changed[at] ^= change;
                // Whatever it is now: a record or an error.
                let _ = read_message::<R>(&changed, MESSAGE_BYTES_MAX);
            }
            let _ = read_message::<R>(&message[..at], MESSAGE_BYTES_MAX);
        }
    }
}

#[test]
fn no_damaged_byte_makes_a_decoder_panic() {
    damage::<ClientRecord>("client.txt");
    damage::<ServerRecord>("server.txt");
    damage::<ClientRecord>("packed.txt");
}
