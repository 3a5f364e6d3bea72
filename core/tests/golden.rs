//! Everything that a server and a device keep, byte by byte: it stays as it is, and what an earlier build wrote opens.

#[path = "support/golden.rs"]
mod golden;
#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use std::path::PathBuf;
use std::sync::Arc;

use golden::Line;
use kalamdb_core::catalog::{NewColumn, NewIndex, NewTable, TableOptions};
use kalamdb_core::device::Device;
use kalamdb_core::mutation::Assignment;
use kalamdb_core::row::Row;
use kalamdb_core::server::Server;
use kalamdb_core::store::{Direction, KeyRange, MemoryStore, Partition, Store, WriteBatch};
use kalamdb_core::value::Counter;
use kalamdb_core::{Datum, Entropy, Name, Result, Table, Type, Value, View, key};
use support::{Pair, at};

/// Random bits of a store that was only read.
struct Nothing;

impl Entropy for Nothing {
    fn random(&self) -> [u8; 16] {
        [0; 16]
    }
}

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden", name].iter().collect()
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

const TYPES: [(&str, Type); 15] = [
    ("flag", Type::Boolean),
    ("small", Type::SmallInt),
    ("plain", Type::Int),
    ("big", Type::BigInt),
    ("short", Type::Real),
    ("double", Type::Double),
    ("price", Type::Decimal { precision: 10, scale: 2 }),
    ("title", Type::Text),
    ("raw", Type::Bytes),
    ("day", Type::Date),
    ("clock", Type::Time),
    ("moment", Type::Timestamp),
    ("id", Type::Uuid),
    ("extra", Type::Json),
    ("hits", Type::Counter),
];

/// A value of each type of [`TYPES`].
fn values() -> Vec<Value> {
    vec![
        Datum::Boolean(true),
        Datum::SmallInt(-2),
        Datum::Int(300),
        Datum::BigInt(-5_000_000_000),
        Datum::Real(1.5),
        Datum::Double(-0.1),
        Datum::Decimal { unscaled: -12_345, scale: 2 },
        Datum::Text("a\0ä".to_owned()),
        Datum::Bytes(vec![0, 255]),
        Datum::Date(-1),
        Datum::Time(86_399_999_999),
        Datum::Timestamp(1_767_225_600_000_001),
        Datum::Uuid([7; 16]),
        Datum::Json("{\"a\": [1]}".to_owned()),
        Datum::Counter(Counter { base: 40, added: 2 }),
    ]
}

/// `app.everything`: a column of each type, the key over title and big.
fn everything() -> NewTable {
    let column = |(text, ty): &(&str, Type)| {
        let nullable = !["title", "big", "hits"].contains(text);
        NewColumn { name: name(text), ty: *ty, nullable, default: None }
    };
    NewTable {
        namespace: name("app"),
        name: name("everything"),
        columns: TYPES.iter().map(column).collect(),
        primary_key: vec![name("title"), name("big")],
        checks: Vec::new(),
        options: TableOptions::default(),
    }
}

fn cells(table: &Table, values: Vec<Value>) -> Vec<(kalamdb_core::ColumnId, Value)> {
    table.live_columns().map(|column| column.id).zip(values).collect()
}

/// A server and a device after inserts, a patch, a deletion, a refused write, and a write that still waits.
fn scenario() -> Result<(Arc<dyn Store>, Arc<dyn Store>)> {
    let pair = Pair::new()?;
    let (table, _) = pair.server.change_catalog(|catalog| {
        catalog.create_namespace(&name("app"))?;
        let table = catalog.create_table(everything())?;
        catalog.create_index(table.id, NewIndex { name: name("by_day"), columns: vec![name("day"), name("price")] })?;
        catalog.live_table(table.id).cloned()
    })?;
    let (mut one, mut two) = (pair.peer()?, pair.peer()?);
    let titled = |title: &str| {
        let mut values = values();
        values[7] = Datum::Text(title.to_owned());
        cells(&table, values)
    };
    let mut keys = Vec::new();
    one.write(at(1_000), |tx| {
        for title in ["first", "second", "third"] {
            keys.push(tx.insert(table.id, titled(title))?);
        }
        Ok(())
    })?;
    pair.upload(&mut one, at(1_500))?;
    pair.download(&mut two)?;
    let column = |text: &str| table.column_named(text).expect("a column").id;
    two.write(at(2_000), |tx| tx.update(table.id, &keys[0], vec![(column("hits"), Assignment::Add(5))]).map(drop))?;
    one.write(at(2_100), |tx| tx.delete(table.id, &keys[1]).map(drop))?;
    pair.upload(&mut one, at(2_500))?;
    // Of a row that is gone by now: refused.
    let patch = vec![(column("plain"), Assignment::Set(Datum::Int(1)))];
    two.write(at(2_200), |tx| tx.update(table.id, &keys[1], patch).map(drop))?;
    pair.upload(&mut two, at(3_000))?;
    pair.download(&mut two)?;
    let patch = vec![(column("plain"), Assignment::Set(Datum::Int(2))), (column("hits"), Assignment::Add(1))];
    two.write(at(4_000), |tx| tx.update(table.id, &keys[2], patch).map(drop))?;
    Ok((pair.server.store().clone(), two.device.store().clone()))
}

/// All that a store holds.
fn dump(store: &dyn Store) -> Result<Vec<Line>> {
    let snapshot = store.snapshot()?;
    let mut lines = Vec::new();
    for partition in Partition::ALL {
        let mut cursor = snapshot.scan(partition, KeyRange::all(), Direction::Forward)?;
        while cursor.advance()? {
            let digits: String = cursor.key().iter().map(|byte| format!("{byte:02x}")).collect();
            lines.push((format!("{partition} {digits}"), cursor.value().to_vec()));
        }
    }
    Ok(lines)
}

/// A store that holds what a golden file says.
fn restore(file: &str) -> Result<Arc<dyn Store>> {
    let mut batch = WriteBatch::new();
    for (name, value) in golden::read(&self::file(file)) {
        let (partition, digits) = name.split_once(' ').expect("partition and key");
        let partition = Partition::ALL.into_iter().find(|each| each.name() == partition).expect("a partition");
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        let key: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        batch.put(partition, key, value);
    }
    let store = MemoryStore::new();
    store.commit(batch)?;
    Ok(Arc::new(store))
}

/// Titles, column `plain` and hits of the live rows.
fn rows(view: &View, table: &Table) -> Result<Vec<(Value, Value, i64)>> {
    let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward)?;
    let mut rows = Vec::new();
    while cursor.advance()? {
        let row = Row::decode(table, cursor.pk(), cursor.row())?;
        if !row.header.deleted {
            let Datum::Counter(hits) = row.cells[14] else { panic!("hits is a COUNTER") };
            rows.push((row.cells[7].clone(), row.cells[2].clone(), hits.value()));
        }
    }
    Ok(rows)
}

#[test]
fn what_a_server_keeps_stays_as_it_is() {
    let (server, _) = scenario().expect("a server");
    golden::check(&file("server.txt"), &dump(&*server).expect("a dump"));
}

#[test]
fn what_a_device_keeps_stays_as_it_is() {
    let (_, device) = scenario().expect("a device");
    golden::check(&file("device.txt"), &dump(&*device).expect("a dump"));
}

#[test]
fn a_server_of_an_earlier_build_opens() {
    let server = Server::open(restore("server.txt").expect("a store"), Arc::new(Nothing)).expect("it opens");
    let space = server.users().expect("users")[0].space;
    let table = server.catalog().table_named("app", "everything").expect("the table").clone();
    let (view, _) = server.view(space).expect("a view");
    let text = |text: &str| Datum::Text(text.to_owned());
    let expected = [(text("first"), Datum::Int(300), 47), (text("third"), Datum::Int(300), 42)];
    assert_eq!(rows(&view, &table).expect("rows"), expected);
    assert_eq!(server.log_after(space, Default::default(), usize::MAX).expect("a log").len(), 4);
}

#[test]
fn a_device_of_an_earlier_build_opens() {
    let device = Device::open(restore("device.txt").expect("a store"), Arc::new(Nothing)).expect("it opens");
    let table = device.catalog().table_named("app", "everything").expect("the table").clone();
    let view = device.view().expect("a view");
    let text = |text: &str| Datum::Text(text.to_owned());
    let expected = [(text("first"), Datum::Int(300), 47), (text("third"), Datum::Int(2), 43)];
    assert_eq!(rows(&view, &table).expect("rows"), expected);
    let status = device.status().expect("a status");
    assert_eq!((status.pending, status.rejected), (1, 1));
    assert_eq!(device.rejected().expect("a list")[0].error.code(), "row_gone");
}

#[test]
fn keys_stay_as_they_are() {
    let mut lines: Vec<Line> = Vec::new();
    let edges = vec![
        Datum::Null,
        Datum::Boolean(false),
        Datum::Int(0),
        Datum::Int(-1),
        Datum::BigInt(i64::MIN),
        Datum::Double(f64::NAN),
        Datum::Double(-0.0),
        Datum::Double(f64::NEG_INFINITY),
        Datum::Text(String::new()),
        Datum::Text("\0".to_owned()),
        Datum::Bytes(vec![0, 0, 255]),
    ];
    for value in values().into_iter().take(13).chain(edges) {
        let mut bytes = Vec::new();
        key::write_value(&mut bytes, &value).expect("a key");
        lines.push((format!("{value:?}").replace(' ', ""), bytes));
    }
    golden::check(&file("keys.txt"), &lines);
}

/// Reads all that there is; errors are fine, as long as they are errors.
fn read_server(store: Arc<dyn Store>) -> Result<usize> {
    let server = Server::open(store, Arc::new(Nothing))?;
    let mut read = 0;
    for user in server.users()? {
        for table in server.catalog().tables() {
            let (view, _) = server.view(user.space)?;
            read += rows_of_any(&view, table)?;
        }
        for entry in server.log_after(user.space, Default::default(), usize::MAX)? {
            read += kalamdb_core::log::read_changes(entry.head.changes, &entry.changes)?.len();
        }
        read += server.devices(user.space)?.len();
    }
    Ok(read)
}

fn read_device(store: Arc<dyn Store>) -> Result<usize> {
    let device = Device::open(store, Arc::new(Nothing))?;
    let view = device.view()?;
    let mut read = device.rejected()?.len();
    for table in device.catalog().tables() {
        read += rows_of_any(&view, table)?;
    }
    for entry in device.sendable(Default::default(), usize::MAX)? {
        read += entry.mutation()?.ops.len();
    }
    Ok(read)
}

fn rows_of_any(view: &View, table: &Table) -> Result<usize> {
    let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward)?;
    let mut rows = 0;
    while cursor.advance()? {
        Row::decode(table, cursor.pk(), cursor.row())?;
        rows += 1;
    }
    Ok(rows)
}

/// Opens stores in which one byte of one value is another, or a value ends early.
fn damage(name: &str, read: impl Fn(Arc<dyn Store>) -> Result<usize>) {
    let whole = restore(name).expect("a store");
    assert!(read(whole.clone()).expect("it is whole") > 0);
    let mut refused = 0;
    for (line, value) in golden::read(&file(name)) {
        let (partition, digits) = line.split_once(' ').expect("partition and key");
        let partition = Partition::ALL.into_iter().find(|each| each.name() == partition).expect("a partition");
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        let key: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        for at in 0..value.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = value.clone();
                changed[at] ^= change;
                refused += usize::from(read(with(name, partition, &key, changed)).is_err());
            }
            refused += usize::from(read(with(name, partition, &key, value[..at].to_vec())).is_err());
        }
    }
    assert!(refused > 100, "damage is noticed: {refused}");
}

fn with(name: &str, partition: Partition, key: &[u8], value: Vec<u8>) -> Arc<dyn Store> {
    let store = restore(name).expect("a store");
    let mut batch = WriteBatch::new();
    batch.put(partition, key.to_vec(), value);
    store.commit(batch).expect("a commit");
    store
}

#[test]
fn a_damaged_byte_on_a_server_is_an_error_at_most() {
    damage("server.txt", read_server);
}

#[test]
fn a_damaged_byte_on_a_device_is_an_error_at_most() {
    damage("device.txt", read_device);
}
