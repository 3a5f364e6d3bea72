//! What a device must not send, and what must not be written: refused with a code, and nothing else happens.

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use kalamdb_core::catalog::{NewColumn, NewIndex, NewTable, TableOptions};
use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::log::Verdict;
use kalamdb_core::mutation::{Assignment, Base, Mutation, Op, OpKind, TRANSACTION_OPS_MAX};
use kalamdb_core::store::{Direction, KeyRange};
use kalamdb_core::{
    CatalogVersion, ColumnId, Datum, DeviceId, ErrorKind, Hlc, MutationId, Name, Result, Table, TableId, Type, Value,
    View, key,
};
use support::{Pair, Peer, at};

const ID: ColumnId = ColumnId(0);
const TITLE: ColumnId = ColumnId(1);
const STARS: ColumnId = ColumnId(2);
const HITS: ColumnId = ColumnId(3);

/// `app.notes (id INT PRIMARY KEY, title TEXT NOT NULL, stars INT CHECK (stars >= 0), hits COUNTER)`.
fn notes() -> NewTable {
    let name = |text: &str| Name::new(text).expect("a name");
    let column = |text, ty, nullable| NewColumn { name: name(text), ty, nullable, default: None };
    let positive = Expr::compare(Comparison::GreaterOrEqual, Expr::Column(2), Expr::Literal(Datum::Int(0)));
    NewTable {
        namespace: name("app"),
        name: name("notes"),
        columns: vec![
            column("id", Type::Int, false),
            column("title", Type::Text, false),
            column("stars", Type::Int, true),
            column("hits", Type::Counter, true),
        ],
        primary_key: vec![name("id")],
        checks: vec![(name("positive"), "stars >= 0".to_owned(), positive)],
        options: TableOptions::default(),
    }
}

fn pair() -> (Pair, TableId) {
    let pair = Pair::new().expect("a pair");
    let (table, _) = pair
        .server
        .change_catalog(|catalog| {
            catalog.create_namespace(&Name::new("app")?)?;
            catalog.create_table(notes())
        })
        .expect("a table");
    (pair, table.id)
}

fn pk(id: i32) -> Vec<u8> {
    key::tuple([Value::Int(id)].iter()).expect("an INT is a key")
}

fn row(id: i32, title: &str) -> Vec<(ColumnId, Value)> {
    vec![(ID, Datum::Int(id)), (TITLE, Datum::Text(title.to_owned()))]
}

fn live_rows(view: &View, table: TableId) -> usize {
    let mut cursor = view.scan(table, &KeyRange::all(), Direction::Forward).expect("a scan");
    let mut rows = 0;
    while cursor.advance().expect("a row") {
        rows += usize::from(!cursor.header().expect("a header").deleted);
    }
    rows
}

/// Mutations made by hand, as no client of ours makes them.
struct Forger<'a> {
    pair: &'a Pair,
    device: DeviceId,
    next: u64,
}

impl<'a> Forger<'a> {
    fn new(pair: &'a Pair) -> Forger<'a> {
        let device = pair.peer().expect("a device").device.status().expect("a status").device;
        Forger { pair, device, next: 1 }
    }

    fn send(&mut self, content: &[u8]) -> Verdict {
        let id = MutationId(self.next);
        let executed = self.pair.server.execute(self.pair.space, self.device, id, content, at(1_000));
        self.next += 1;
        executed.expect("an answer").result.verdict
    }

    fn ops(&mut self, ops: Vec<Op>) -> Verdict {
        let base = Base {
            epoch: self.pair.server.position(self.pair.space).expect("a position").epoch,
            seq: Default::default(),
        };
        let mutation =
            Mutation { id: MutationId(self.next), base, hlc: Hlc::from_millis(1), catalog: CatalogVersion(1), ops };
        self.send(&mutation.encode_content())
    }
}

fn insert(table: TableId, id: i32, cells: Vec<(ColumnId, Value)>) -> Op {
    Op { table, key: pk(id), kind: OpKind::Insert(cells) }
}

fn update(table: TableId, patch: Vec<(ColumnId, Assignment)>) -> Op {
    Op { table, key: pk(1), kind: OpKind::Update(patch) }
}

fn text(text: &str) -> Value {
    Datum::Text(text.to_owned())
}

#[test]
fn a_forged_mutation_is_refused_whole_and_those_behind_it_go_on() {
    let (pair, notes) = pair();
    let mut forger = Forger::new(&pair);
    assert!(matches!(forger.ops(vec![insert(notes, 1, vec![(TITLE, text("good"))])]), Verdict::Applied { .. }));
    let set = |column, value| update(notes, vec![(column, Assignment::Set(value))]);
    let large = "x".repeat(2 << 20);
    let cases: Vec<(Op, ErrorKind, &str)> = vec![
        (insert(TableId(99), 2, Vec::new()), ErrorKind::Invalid, "unknown_table"),
        (set(ColumnId(9), text("x")), ErrorKind::Invalid, "unknown_column"),
        (set(TITLE, Datum::Int(1)), ErrorKind::Invalid, "wrong_type"),
        (set(TITLE, Datum::Null), ErrorKind::Invalid, "not_null"),
        (insert(notes, 3, vec![(STARS, Datum::Int(1))]), ErrorKind::Invalid, "not_null"),
        (set(STARS, Datum::Int(-1)), ErrorKind::Invalid, "check_violation"),
        (set(ID, Datum::Int(5)), ErrorKind::Invalid, "key_update"),
        (insert(notes, 1, vec![(TITLE, text("again"))]), ErrorKind::Conflict, "duplicate_key"),
        (set(TITLE, text(&large)), ErrorKind::Quota, "row_too_large"),
        (update(notes, vec![(TITLE, Assignment::Add(1))]), ErrorKind::Invalid, "wrong_type"),
        (
            update(notes, vec![(HITS, Assignment::Add(i64::MAX)), (HITS, Assignment::Add(1))]),
            ErrorKind::Invalid,
            "column_twice",
        ),
        (Op { table: notes, key: vec![0x18, b'x', 0, 1], kind: OpKind::Delete }, ErrorKind::Invalid, "invalid_key"),
        (Op { table: notes, key: vec![0x13, 1], kind: OpKind::Delete }, ErrorKind::Invalid, "invalid_key"),
    ];
    let count = cases.len() as u64;
    for (op, kind, code) in cases {
        let good = insert(notes, 100, vec![(TITLE, text("goes with it"))]);
        match forger.ops(vec![good, op.clone()]) {
            Verdict::Refused(error) => {
                assert_eq!((error.kind(), error.code()), (kind, code), "{op:?}");
                assert!(error.message().len() > 20, "{code}: {}", error.message());
            }
            Verdict::Applied { .. } => panic!("{code}: {op:?} is applied"),
        }
    }
    for junk in [Vec::new(), vec![7; 40], vec![1; 200]] {
        match forger.send(&junk) {
            Verdict::Refused(error) => assert_eq!(error.code(), "malformed_mutation"),
            Verdict::Applied { .. } => panic!("junk is applied"),
        }
    }
    assert!(matches!(forger.ops(vec![insert(notes, 2, vec![(TITLE, text("behind"))])]), Verdict::Applied { .. }));
    let (view, _) = pair.server.view(pair.space).expect("a view");
    assert_eq!(live_rows(&view, notes), 2, "of the refused ones nothing stays");
    let position = pair.server.position(pair.space).expect("a position");
    assert_eq!(position.seq.0, count + 5, "each takes its number");
}

#[test]
fn a_gap_and_another_content_under_a_known_number_are_conflicts() {
    let (pair, notes) = pair();
    let mut forger = Forger::new(&pair);
    forger.ops(vec![insert(notes, 1, vec![(TITLE, text("one"))])]);
    let server = &pair.server;
    let gap = server.execute(pair.space, forger.device, MutationId(3), &[], at(0)).expect_err("2 is missing");
    assert_eq!((gap.kind(), gap.code()), (ErrorKind::Conflict, "mutation_gap"));
    assert!(gap.message().contains('3') && gap.message().contains('2'), "{gap}");
    let other = server.execute(pair.space, forger.device, MutationId(1), &[9; 9], at(0)).expect_err("1 was another");
    assert_eq!((other.kind(), other.code()), (ErrorKind::Conflict, "device_forked"));
    let stranger = server.execute(pair.space, DeviceId([9; 16]), MutationId(1), &[], at(0)).expect_err("unknown");
    assert_eq!((stranger.kind(), stranger.code()), (ErrorKind::Unauthorized, "unknown_device"));
    assert!(matches!(forger.ops(vec![insert(notes, 2, vec![(TITLE, text("two"))])]), Verdict::Applied { .. }));
    assert_eq!(live_rows(&server.view(pair.space).expect("a view").0, notes), 2);
}

#[test]
fn a_new_identity_numbers_anew_and_takes_no_older_refusal_for_its_own() {
    let (pair, notes) = pair();
    let mut peer = pair.peer().expect("a device");
    pair.learn(&peer).expect("the table");
    let write = |id: i32| peer.write(at(1), |tx| tx.insert(notes, row(id, "x")).map(drop)).expect("an insert");
    write(1);
    write(2);
    let mut other = pair.peer().expect("a device");
    pair.learn(&other).expect("the table");
    other.write(at(1), |tx| tx.insert(notes, row(2, "first")).map(drop)).expect("an insert");
    pair.upload(&mut other, at(2)).expect("it is taken");
    pair.upload(&mut peer, at(3)).expect("one is refused");
    pair.download(&mut peer).expect("the answers");
    let write = |id: i32| peer.write(at(4), |tx| tx.insert(notes, row(id, "x")).map(drop)).expect("an insert");
    write(3);
    write(4);
    let refused = |peer: &Peer| -> Vec<(u64, u64)> {
        let list = peer.device.rejected().expect("a list");
        list.iter().map(|write| (write.number, write.mutation.id.0)).collect()
    };
    assert_eq!((refused(&peer), peer.device.first_pending()), (vec![(1, 2)], Ok(Some(MutationId(3)))));
    // The server may have decided the third, and has not seen the fourth.
    peer.device.fork(MutationId(3), &[]).expect("a new identity");
    assert_eq!((refused(&peer), peer.device.first_pending()), (vec![(1, 0), (2, 0)], Ok(Some(MutationId(1)))));
    assert_eq!(peer.device.rejected().expect("a list")[1].error.code(), "fate_unknown");
    assert_eq!(peer.device.status().expect("a status").last_mutation, MutationId(1));
}

#[test]
fn small_patches_of_many_large_rows_are_refused_and_not_tried_for_ever() {
    let (pair, notes) = pair();
    let mut forger = Forger::new(&pair);
    let large = "x".repeat(1 << 19);
    for first in (0..280).step_by(20) {
        let rows = (first..first + 20).map(|id| insert(notes, id, vec![(TITLE, text(&large))])).collect();
        assert!(matches!(forger.ops(rows), Verdict::Applied { .. }));
    }
    let patch =
        |id| Op { table: notes, key: pk(id), kind: OpKind::Update(vec![(STARS, Assignment::Set(Datum::Int(1)))]) };
    match forger.ops((0..280).map(patch).collect()) {
        Verdict::Refused(error) => {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Quota, "transaction_too_large"))
        }
        Verdict::Applied { .. } => panic!("140 MiB are rewritten"),
    }
    assert!(matches!(forger.ops((0..100).map(patch).collect()), Verdict::Applied { .. }));
}

#[test]
fn what_is_too_large_for_a_device_changes_nothing_there() {
    let (pair, notes) = pair();
    let peer = pair.peer().expect("a device");
    let write = |work: &mut dyn FnMut(&mut kalamdb_core::Transaction) -> Result<()>| peer.write(at(1), |tx| work(tx));
    let row_error = write(&mut |tx| tx.insert(notes, row(1, &"x".repeat(2 << 20))).map(drop)).expect_err("2 MiB");
    assert_eq!((row_error.kind(), row_error.code()), (ErrorKind::Quota, "row_too_large"));
    assert!(row_error.message().contains("`app.notes`"), "{row_error}");
    let bytes = write(&mut |tx| (0..20).try_for_each(|id| tx.insert(notes, row(id, &"x".repeat(900_000))).map(drop)));
    let bytes = bytes.expect_err("18 MB");
    assert_eq!((bytes.kind(), bytes.code()), (ErrorKind::Quota, "transaction_too_large"));
    let ops =
        write(&mut |tx| (0..=TRANSACTION_OPS_MAX as i32).try_for_each(|id| tx.insert(notes, row(id, "x")).map(drop)));
    let ops = ops.expect_err("100 001 operations");
    assert_eq!((ops.kind(), ops.code()), (ErrorKind::Quota, "transaction_too_large"));
    assert!(ops.message().contains("split"), "{ops}");
    assert_eq!(live_rows(&peer.device.view().expect("a view"), notes), 0);
    assert_eq!(peer.device.pending(), 0);
}

/// Whether the copy may use the index, and the table with it.
fn can_use(view: &View, notes: TableId) -> bool {
    let table: &Table = view.catalog().table(notes).expect("the table");
    view.can_use(&table.indexes[0]).expect("a mark")
}

fn index(pair: &Pair, notes: TableId) {
    let by_title =
        NewIndex { name: Name::new("by_title").expect("a name"), columns: vec![Name::new("title").expect("a name")] };
    pair.server.change_catalog(|catalog| catalog.create_index(notes, by_title)).expect("an index");
}

fn titled(peer: &mut Peer, pair: &Pair, notes: TableId, id: i32, title: &str) {
    peer.write(at(1), |tx| tx.insert(notes, row(id, title)).map(drop)).expect("a write");
    let results = pair.upload(peer, at(2)).expect("an answer");
    assert!(matches!(results[0].verdict, Verdict::Applied { .. }), "{results:?}");
    pair.download(peer).expect("a download");
}

#[test]
fn a_value_too_long_for_an_index_locks_nobody_out() {
    let (pair, notes) = pair();
    let mut peer = pair.peer().expect("a device");
    let long = "y".repeat(10_000);
    titled(&mut peer, &pair, notes, 1, &long);
    titled(&mut peer, &pair, notes, 2, "short");
    index(&pair, notes);
    let (view, _) = pair.server.view(pair.space).expect("the space stays open");
    assert!(!can_use(&view, notes), "an index with gaps answers nothing");
    assert_eq!(live_rows(&view, notes), 2);
    // A device that learns of the index with the rows, and writes on.
    let mut later = pair.peer().expect("another device");
    assert!(!can_use(&later.device.view().expect("a view"), notes));
    titled(&mut later, &pair, notes, 3, "third");
    pair.download(&mut peer).expect("the first one follows");
    assert_eq!(live_rows(&peer.device.view().expect("a view"), notes), 3);
}

#[test]
fn an_index_that_was_whole_is_given_up_with_the_first_value_too_long_for_it() {
    let (pair, notes) = pair();
    index(&pair, notes);
    let mut peer = pair.peer().expect("a device");
    titled(&mut peer, &pair, notes, 1, "short");
    assert!(can_use(&peer.device.view().expect("a view"), notes));
    assert!(can_use(&pair.server.view(pair.space).expect("a view").0, notes));
    titled(&mut peer, &pair, notes, 2, &"y".repeat(10_000));
    assert!(!can_use(&peer.device.view().expect("a view"), notes));
    assert!(!can_use(&pair.server.view(pair.space).expect("a view").0, notes));
}

#[test]
fn ids_of_many_rows_in_one_moment_never_clash() {
    let (pair, _) = pair();
    let name = |text: &str| Name::new(text).expect("a name");
    let default = Some(kalamdb_core::catalog::Default::SnowflakeId);
    let id = NewColumn { name: name("id"), ty: Type::BigInt, nullable: false, default };
    let table = NewTable {
        namespace: name("app"),
        name: name("events"),
        columns: vec![id],
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    };
    let (events, _) = pair.server.change_catalog(|catalog| catalog.create_table(table)).expect("a table");
    let (one, two) = (pair.peer().expect("a device"), pair.peer().expect("a device"));
    for peer in [&one, &two] {
        for _ in 0..3 {
            let rows = (0..10_000).map(|_| Vec::new()).collect();
            peer.write(at(7), |tx| tx.insert_batch(events.id, rows).map(drop)).expect("distinct ids");
        }
    }
    for mut peer in [one, two] {
        for result in pair.upload(&mut peer, at(8)).expect("an answer") {
            assert!(matches!(result.verdict, Verdict::Applied { .. }), "{:?}", result.verdict);
        }
    }
    assert_eq!(live_rows(&pair.server.view(pair.space).expect("a view").0, events.id), 60_000);
}

#[test]
fn a_dropped_table_leaves_no_rows_behind() {
    let (pair, notes) = pair();
    let mut peer = pair.peer().expect("a device");
    index(&pair, notes);
    titled(&mut peer, &pair, notes, 1, "gone soon");
    let rows = |store: &dyn kalamdb_core::store::Store| {
        let snapshot = store.snapshot().expect("a snapshot");
        let mut cursor =
            snapshot.scan(kalamdb_core::store::Partition::Rows, KeyRange::all(), Direction::Forward).expect("a scan");
        let mut rows = 0;
        while cursor.advance().expect("a row") {
            rows += 1;
        }
        rows
    };
    assert_eq!(rows(&**pair.server.store()), 1);
    pair.server.change_catalog(|catalog| catalog.drop_table(notes)).expect("it is dropped");
    let limits = kalamdb_core::server::TidyLimits { log_entries_kept: 10, tombstones_max: 10 };
    pair.server.tidy(pair.space, at(10), limits).expect("tidy");
    assert_eq!(rows(&**pair.server.store()), 0);
}

#[test]
fn rows_that_are_purged_are_gone_everywhere() {
    let (pair, notes) = pair();
    let mut peer = pair.peer().expect("a device");
    titled(&mut peer, &pair, notes, 1, "stays");
    titled(&mut peer, &pair, notes, 2, "goes");
    let gone = [(notes, pk(2)), (notes, pk(9))];
    assert!(pair.server.purge(pair.space, &gone, at(5)).expect("a commit").is_some());
    assert!(pair.server.purge(pair.space, &gone, at(6)).expect("nothing to do").is_none());
    pair.download(&mut peer).expect("a download");
    let view = peer.device.view().expect("a view");
    let mut cursor = view.scan(notes, &KeyRange::all(), Direction::Forward).expect("a scan");
    let mut rows = 0;
    while cursor.advance().expect("a row") {
        rows += 1;
    }
    assert_eq!(rows, 1, "not even a tombstone stays");
    // The key is free again, also for a device that has not heard of the purge.
    titled(&mut peer, &pair, notes, 2, "again");
}
