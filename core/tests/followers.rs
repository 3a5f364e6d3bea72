//! What follows a device's copy from change to change: live queries and replicas. Whatever the device writes, receives,
//! has refused or forgets, both show what the copy shows. And receipts, which follow its commits.

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use kalamdb_core::catalog::{NewColumn, NewTable, TableOptions};
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::device::{Device, RECEIPTS_MAX, Receipt, RequestId};
use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::mutation::Assignment;
use kalamdb_core::query::live::{LiveQuery, LiveRow};
use kalamdb_core::query::{Field, Order, Output, Plan, Query, parameter};
use kalamdb_core::replica::{Replica, Shipper};
use kalamdb_core::store::{Direction, KeyRange, MemoryStore, Store};
use kalamdb_core::transaction::{OnConflict, Transaction};
use kalamdb_core::{Catalog, ColumnId, Datum, ErrorKind, MutationId, Name, Result, TableId, Type, Value, View, key};
use proptest::prelude::*;

use support::{Counting, Pair, at};

/// Makes `app.t (id INT PRIMARY KEY, a INT)`.
fn create(catalog: &mut Catalog) -> Result<TableId> {
    let column = |name: &str, nullable| -> Result<NewColumn> {
        Ok(NewColumn { name: Name::new(name)?, ty: Type::Int, nullable, default: None })
    };
    let new = NewTable {
        namespace: Name::new("app")?,
        name: Name::new("t")?,
        columns: vec![column("id", false)?, column("a", true)?],
        primary_key: vec![Name::new("id")?],
        checks: Vec::new(),
        options: TableOptions::default(),
    };
    catalog.create_namespace(&Name::new("app")?)?;
    Ok(catalog.create_table(new)?.id)
}

fn table(pair: &Pair) -> Result<TableId> {
    let ((id, _), _) = pair.server.change_catalog(|catalog| Ok((create(catalog)?, ())))?;
    Ok(id)
}

fn upsert(tx: &mut Transaction, table: TableId, id: i32, a: i32) -> Result<()> {
    let cells = vec![(ColumnId(0), Datum::Int(id)), (ColumnId(1), Datum::Int(a))];
    let patch = vec![(ColumnId(1), Assignment::Set(Datum::Int(a)))];
    tx.upsert(table, cells, OnConflict::Patch(patch)).map(drop)
}

fn insert(tx: &mut Transaction, table: TableId, id: i32, a: i32) -> Result<()> {
    let cells = vec![(ColumnId(0), Datum::Int(id)), (ColumnId(1), Datum::Int(a))];
    tx.insert(table, cells).map(drop)
}

/// A live query and a replica of one table, both at the view of the device that they saw last.
struct Follower {
    table: TableId,
    plan: Plan,
    live: LiveQuery,
    rows: Vec<LiveRow>,
    seen: View,
    shipper: Shipper,
    replica: Replica,
}

impl Follower {
    fn start(device: &Device, table: TableId) -> Result<Follower> {
        let view = device.view()?;
        let of = view.catalog().live_table(table)?.clone();
        let a = Field::named(&of, "a").expect("it has it");
        let query = Query::of(table)
            .select(&of, Field::named(&of, "id").expect("it has it"))
            .select(&of, a)
            .select(&of, Field::Seq)
            .filter(Expr::compare(Comparison::Less, a.expr(), parameter(0)))
            .order(Order::ascending(Output::Field(a)));
        let plan = Plan::new(view.catalog(), &query)?;
        let (live, rows) = LiveQuery::start(plan.clone(), vec![Value::Int(40)], view.clone())?;
        let (shipper, replica) = Default::default();
        Ok(Follower { table, plan, live, rows, seen: view, shipper, replica })
    }

    fn follow(&mut self, device: &Device) -> Result<()> {
        let news = device.news(self.seen.version())?;
        let change = self.live.refresh(news.view.clone(), news.rows.as_ref())?;
        for removed in change.removed.iter().rev() {
            assert_eq!(self.rows.remove(removed.at).key, removed.key);
        }
        change.placed.into_iter().for_each(|placed| self.rows.insert(placed.at, placed.row));
        let fresh = self.plan.execute(&news.view, &[Value::Int(40)])?.to_values();
        assert_eq!(self.rows.iter().map(|row| row.values.clone()).collect::<Vec<_>>(), fresh);
        self.compare(device, &news.view)?;
        self.seen = news.view;
        Ok(())
    }

    /// Ships `view` and compares.
    fn compare(&mut self, device: &Device, view: &View) -> Result<()> {
        let mut out = Writer::new();
        self.shipper.ship(device, view, &[self.table], &mut out)?;
        let bytes = out.into_vec();
        let mut input = Reader::new(&bytes);
        let (copy, _) = self.replica.take(&mut input)?;
        assert!(input.is_empty(), "a shipment ends where it says");
        assert_eq!(contents(&copy, self.table)?, contents(view, self.table)?);
        Ok(())
    }
}

fn contents(view: &View, table: TableId) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut rows = BTreeMap::new();
    let mut cursor = view.scan(table, &KeyRange::all(), Direction::Forward)?;
    while cursor.advance()? {
        rows.insert(cursor.pk().to_vec(), cursor.row().to_vec());
    }
    Ok(rows)
}

#[derive(Clone, Debug)]
enum Step {
    Write {
        by_other: bool,
        puts: Vec<(i32, i32)>,
        deletes: Vec<i32>,
    },
    /// INSERTs of both devices, one of which the server refuses.
    Collide(i32),
    Upload {
        by_other: bool,
    },
    Download,
    /// Looks at a transaction over an older view, with a write of its own.
    LookBack(i32),
    Follow,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rows = || prop::collection::vec((0..30i32, 0..60i32), 0..6);
    let step = prop_oneof![
        4 => (any::<bool>(), rows(), prop::collection::vec(0..30i32, 0..3))
            .prop_map(|(by_other, puts, deletes)| Step::Write { by_other, puts, deletes }),
        1 => (1000..1030i32).prop_map(Step::Collide),
        2 => any::<bool>().prop_map(|by_other| Step::Upload { by_other }),
        2 => Just(Step::Download),
        1 => (0..30i32).prop_map(Step::LookBack),
        3 => Just(Step::Follow),
    ];
    prop::collection::vec(step, 1..40)
}

fn play(steps: Vec<Step>) -> Result<()> {
    let pair = Pair::new()?;
    let table = table(&pair)?;
    let (mut own, mut other) = (pair.peer()?, pair.peer()?);
    let mut follower = Follower::start(&own.device, table)?;
    let old = own.device.begin(at(0))?;
    for (number, step) in steps.into_iter().enumerate() {
        let now = at(1 + number as u64);
        match step {
            Step::Write { by_other, puts, deletes } => {
                let writer = if by_other { &other } else { &own };
                writer.write(now, |tx| {
                    puts.into_iter().try_for_each(|(id, a)| upsert(tx, table, id, a))?;
                    let key = |id: i32| key::tuple([Value::Int(id)].iter());
                    deletes.into_iter().try_for_each(|id| tx.delete(table, &key(id)?).map(drop))
                })?;
            }
            Step::Collide(id) => {
                for peer in [&own, &other] {
                    // The row may be there from an earlier collision.
                    let _ = peer.write(now, |tx| insert(tx, table, id, id % 50));
                }
            }
            Step::Upload { by_other } => {
                pair.upload(if by_other { &mut other } else { &mut own }, now)?;
            }
            Step::Download => pair.download(&mut own)?,
            Step::LookBack(id) => {
                let mut tx = old.clone();
                upsert(&mut tx, table, id, 1)?;
                follower.compare(&own.device, tx.view())?;
            }
            Step::Follow => follower.follow(&own.device)?,
        }
    }
    follower.follow(&own.device)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn followers_show_what_the_copy_shows(steps in steps()) {
        play(steps).expect("every step is possible");
    }
}

#[test]
fn a_replica_that_misses_a_shipment_says_so_and_is_filled_anew() -> Result<()> {
    let pair = Pair::new()?;
    let table = table(&pair)?;
    let own = pair.peer()?;
    let mut follower = Follower::start(&own.device, table)?;
    follower.follow(&own.device)?;
    own.write(at(1), |tx| upsert(tx, table, 1, 1))?;
    // Nobody takes this one.
    follower.shipper.ship(&own.device, &own.device.view()?, &[table], &mut Writer::new())?;
    own.write(at(2), |tx| upsert(tx, table, 2, 2))?;
    let error = follower.follow(&own.device).expect_err("a shipment is missing");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "stale_replica"));
    follower.shipper.reset();
    follower.compare(&own.device, &own.device.view()?)
}

fn request(number: u64) -> RequestId {
    RequestId { id: u128::from(number).to_be_bytes(), statement: 0 }
}

fn write_for(device: &Device, table: TableId, number: u64) -> Result<()> {
    let mut tx = device.begin(at(number))?;
    upsert(&mut tx, table, number as i32, 0)?;
    tx.answer(request(number), number);
    device.commit(tx, at(number)).map(drop)
}

/// A device with a table of its own, over `store`.
fn alone(store: Arc<dyn Store>) -> Result<(Device, TableId)> {
    let device = Device::open(store, Arc::new(Counting::default()))?;
    let known = device.catalog().table_named("app", "t").map(|table| table.id);
    let table = match known {
        Ok(table) => table,
        Err(_) => device.change_catalog(create)?,
    };
    Ok((device, table))
}

#[test]
fn receipts_last_as_long_as_the_commits_that_they_are_about() -> Result<()> {
    let store = Arc::new(MemoryStore::new());
    let (device, table) = alone(store.clone())?;
    for number in 1..=RECEIPTS_MAX + 5 {
        assert_eq!(device.receipt(request(number)), None);
        write_for(&device, table, number)?;
        assert_eq!(device.receipt(request(number)), Some(Receipt { mutation: MutationId(number), affected: number }));
    }
    let check = |device: &Device| {
        for number in 1..=RECEIPTS_MAX + 5 {
            assert_eq!(device.receipt(request(number)).is_some(), number > 5, "receipt {number}");
        }
    };
    check(&device);
    drop(device);
    let (device, _) = alone(store)?;
    check(&device);
    write_for(&device, table, RECEIPTS_MAX + 6)?;
    assert_eq!(device.receipt(request(6)), None);
    assert!(device.receipt(request(7)).is_some());
    Ok(())
}

#[test]
fn a_transaction_without_a_request_leaves_no_receipt() -> Result<()> {
    let (device, table) = alone(Arc::new(MemoryStore::new()))?;
    let mut tx = device.begin(at(1))?;
    upsert(&mut tx, table, 1, 1)?;
    device.commit(tx, at(1))?;
    assert_eq!(device.receipt(request(0)), None);
    Ok(())
}

#[test]
fn a_request_that_comes_twice_at_once_commits_once() -> Result<()> {
    let (device, table) = alone(Arc::new(MemoryStore::new()))?;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut tx = device.begin(at(1))?;
        upsert(&mut tx, table, 1, 1)?;
        tx.answer(request(1), 1);
        runs.push(tx);
    }
    let commits = runs.into_iter().map(|tx| device.commit(tx, at(2))).collect::<Result<Vec<_>>>()?;
    assert_eq!(commits[0], commits[1]);
    assert_eq!(device.status()?.last_mutation, MutationId(1));
    Ok(())
}

#[test]
fn of_two_transactions_that_write_to_one_row_the_first_to_commit_wins() -> Result<()> {
    let pair = Pair::new()?;
    let table = table(&pair)?;
    let mut own = pair.peer()?;
    own.write(at(1), |tx| [1, 2].into_iter().try_for_each(|id| upsert(tx, table, id, 0)))?;
    let begin = |id: i32, a: i32| -> Result<Transaction> {
        let mut tx = own.device.begin(at(2))?;
        upsert(&mut tx, table, id, a)?;
        Ok(tx)
    };
    let (first, second, elsewhere) = (begin(1, 10)?, begin(1, 20)?, begin(2, 30)?);
    let confirmed = begin(1, 40)?;
    own.device.commit(first, at(3))?;
    let error = own.device.commit(second, at(4)).expect_err("the row was changed");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "transaction_conflict"));
    own.device.commit(elsewhere, at(5))?;
    assert_eq!(own.device.commit(confirmed, at(6)).expect_err("as above").code(), "transaction_conflict");
    // The server's answer changes the header of a row, and nothing that a reader computes with.
    let mut waits = own.device.begin(at(7))?;
    upsert(&mut waits, table, 1, 50)?;
    pair.upload(&mut own, at(8))?;
    pair.download(&mut own)?;
    own.device.commit(waits, at(9)).map(drop)
}
