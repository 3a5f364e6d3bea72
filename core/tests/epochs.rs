//! A server that was put back to an older state, and devices that know more than it.

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kalamdb_core::catalog::{NewColumn, NewTable, TableOptions};
use kalamdb_core::log::Verdict;
use kalamdb_core::mutation::{Assignment, Base, Mutation, Op, OpKind};
use kalamdb_core::server::{Answer, Greeting, Server, SnapshotReason, Welcome};
use kalamdb_core::store::{FaultyStore, Image};
use kalamdb_core::{
    CatalogVersion, Chain, ColumnId, Datum, DeviceId, Epoch, Hlc, MutationId, Name, Position, Seq, SpaceId, TableId,
    Type, UserId, Value, key,
};
use support::{Counting, at};

const TITLE: ColumnId = ColumnId(1);

struct Restorable {
    store: Arc<FaultyStore>,
    server: Server,
    space: SpaceId,
    table: TableId,
}

impl Restorable {
    fn new() -> Restorable {
        let name = |text: &str| Name::new(text).expect("a name");
        let (store, server) = open(Image::default());
        let column = |text, ty| NewColumn { name: name(text), ty, nullable: false, default: None };
        let create = server.change_catalog(|catalog| {
            catalog.create_namespace(&name("app"))?;
            catalog.create_table(NewTable {
                namespace: name("app"),
                name: name("notes"),
                columns: vec![column("id", Type::Int), column("title", Type::Text)],
                primary_key: vec![name("id")],
                checks: Vec::new(),
                options: TableOptions::default(),
            })
        });
        let table = create.expect("a table").0.id;
        let space = server.space_of(&UserId::new("ada").expect("a user id"), at(0)).expect("a space");
        Restorable { store, server, space, table }
    }

    /// What a backup that is made now holds.
    fn backup(&mut self) -> Image {
        self.store.persist(usize::MAX);
        let image = self.store.crash(0);
        self.restore(image.clone());
        image
    }

    fn restore(&mut self, backup: Image) {
        (self.store, self.server) = open(backup);
    }

    fn position(&self) -> Position {
        self.server.position(self.space).expect("a position")
    }

    fn greet(&self, device: DeviceId, position: Position) -> Welcome {
        let greeting = Greeting { device, position, last: MutationId(0), first_pending: MutationId(1) };
        self.server.greet(self.space, &greeting, at(0)).expect("a welcome")
    }

    fn send(&self, device: DeviceId, id: u64, base: Base, hlc: u64, op: Op) -> Verdict {
        let hlc = Hlc::from_millis(at(hlc).millis());
        let mutation = Mutation { id: MutationId(id), base, hlc, catalog: CatalogVersion(2), ops: vec![op] };
        let content = mutation.encode_content();
        self.server.execute(self.space, device, MutationId(id), &content, at(1_000)).expect("an answer").result.verdict
    }

    fn insert(&self, title: &str) -> Op {
        Op { table: self.table, key: pk(), kind: OpKind::Insert(vec![(TITLE, Datum::Text(title.to_owned()))]) }
    }

    fn rename(&self, title: &str) -> Op {
        let patch = vec![(TITLE, Assignment::Set(Datum::Text(title.to_owned())))];
        Op { table: self.table, key: pk(), kind: OpKind::Update(patch) }
    }

    fn title(&self) -> Value {
        let (view, _) = self.server.view(self.space).expect("a view");
        let table = view.catalog().live_table(self.table).expect("the table").clone();
        view.row(&table, &pk()).expect("a read").expect("the row").cell(TITLE).clone()
    }
}

/// A server that draws other numbers than those before it.
fn open(image: Image) -> (Arc<FaultyStore>, Server) {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let entropy = Counting::from(OPENED.fetch_add(1, Ordering::Relaxed));
    let store = Arc::new(FaultyStore::new(image, None));
    let server = Server::open(store.clone(), Arc::new(entropy)).expect("a server");
    (store, server)
}

fn pk() -> Vec<u8> {
    key::tuple([Value::Int(1)].iter()).expect("a key")
}

fn base(position: Position) -> Base {
    Base { epoch: position.epoch, seq: position.seq }
}

fn text(text: &str) -> Value {
    Datum::Text(text.to_owned())
}

const ONE: DeviceId = DeviceId([1; 16]);
const TWO: DeviceId = DeviceId([2; 16]);

/// A server with two transactions, of which a backup holds the first; the position behind the second.
fn restored() -> (Restorable, Position) {
    let mut place = Restorable::new();
    for device in [ONE, TWO] {
        place.greet(device, Position::default());
    }
    let start = base(place.position());
    assert!(matches!(place.send(ONE, 1, start, 1, place.insert("first")), Verdict::Applied { .. }));
    let backup = place.backup();
    let seen = base(place.position());
    assert!(matches!(place.send(ONE, 2, seen, 2, place.rename("lost by the restore")), Verdict::Applied { .. }));
    let ahead = place.position();
    place.restore(backup);
    (place, ahead)
}

#[test]
fn a_device_ahead_of_a_restored_server_gets_a_snapshot_of_a_new_epoch() {
    let (place, ahead) = restored();
    let old = place.position();
    assert_eq!((old.epoch, old.seq.0, ahead.seq.0), (ahead.epoch, 1, 2));
    let welcome = place.greet(TWO, ahead);
    assert_eq!(welcome.answer, Answer::Snapshot(SnapshotReason::Ahead));
    assert_ne!(welcome.head.epoch, ahead.epoch, "its history is not the server's");
    assert_eq!(place.title(), text("first"));
    // Whoever is still in the old epoch, also at a seq that survived, gets a snapshot, too.
    assert_eq!(place.greet(ONE, old).answer, Answer::Snapshot(SnapshotReason::UnknownPosition));
    assert_eq!(place.greet(ONE, welcome.head).answer, Answer::Resume);
}

#[test]
fn another_chain_at_the_same_seq_is_another_history() {
    let (place, _) = restored();
    let old = place.position();
    let other = Position { chain: Chain([9; 8]), ..old };
    let welcome = place.greet(TWO, other);
    assert_eq!(welcome.answer, Answer::Snapshot(SnapshotReason::UnknownPosition));
    assert_ne!(welcome.head.epoch, old.epoch);
    let never = Position { epoch: Epoch([9; 16]), ..old };
    assert_eq!(place.greet(TWO, never).answer, Answer::Snapshot(SnapshotReason::UnknownPosition));
}

#[test]
fn a_base_of_an_older_epoch_has_seen_what_survived_and_no_more() {
    let (place, ahead) = restored();
    place.greet(TWO, ahead);
    let now = base(place.position());
    // The server goes on: seq 2 is another transaction than the one that was lost.
    assert!(matches!(place.send(ONE, 2, now, 100, place.rename("of the new epoch")), Verdict::Applied { .. }));
    assert_eq!(place.position().seq, ahead.seq);
    // This write saw seq 2 of the old epoch. It is concurrent with seq 2 of the new one, and its clock is lower.
    match place.send(TWO, 1, base(ahead), 50, place.rename("saw the lost one")) {
        Verdict::Applied { lost, .. } => assert_eq!(lost.len(), 1),
        Verdict::Refused(error) => panic!("{error:?}"),
    }
    assert_eq!(place.title(), text("of the new epoch"));
    // A base that survived still counts: what it saw it may change, whatever the clocks say.
    let (place, ahead) = restored();
    let survived = Base { epoch: ahead.epoch, seq: Seq(1) };
    place.greet(TWO, ahead);
    assert!(matches!(place.send(TWO, 1, survived, 0, place.rename("saw the first")), Verdict::Applied { .. }));
    assert_eq!(place.title(), text("saw the first"));
}
