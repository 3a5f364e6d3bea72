//! Plays every cell of the tables in docs/consistency.md.

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use kalamdb_core::catalog::{NewColumn, NewTable, TableOptions};
use kalamdb_core::log::{MutationResult, Verdict};
use kalamdb_core::mutation::Assignment;
use kalamdb_core::transaction::{OnConflict, Transaction};
use kalamdb_core::value::Counter;
use kalamdb_core::{ColumnId, Datum, Name, Result, TableId, Type, Value, View, key};

use support::{Pair, Peer, at};

const A: ColumnId = ColumnId(1);
const OTHER: ColumnId = ColumnId(2);
const C: ColumnId = ColumnId(3);
const START: i64 = 10;

/// What one device writes: 2, 20, 5 for the first, 3, 30, 7 for the second.
#[derive(Clone, Copy, Debug)]
struct Hand {
    assigned: i32,
    counter: i64,
    added: i64,
}

const HANDS: [Hand; 2] = [Hand { assigned: 2, counter: 20, added: 5 }, Hand { assigned: 3, counter: 30, added: 7 }];

fn table(pair: &Pair) -> Result<TableId> {
    let column = |name: &str, ty, nullable| -> Result<NewColumn> {
        Ok(NewColumn { name: Name::new(name)?, ty, nullable, default: None })
    };
    let new = NewTable {
        namespace: Name::new("app")?,
        name: Name::new("t")?,
        columns: vec![
            column("id", Type::Int, false)?,
            column("a", Type::Int, true)?,
            column("other", Type::Int, true)?,
            column("c", Type::Counter, false)?,
        ],
        primary_key: vec![Name::new("id")?],
        checks: Vec::new(),
        options: TableOptions::default(),
    };
    let ((id, _), _) = pair.server.change_catalog(|catalog| {
        catalog.create_namespace(&Name::new("app")?)?;
        Ok((catalog.create_table(new)?.id, ()))
    })?;
    Ok(id)
}

fn row_key() -> Vec<u8> {
    key::tuple([Value::Int(1)].iter()).expect("an INT is a key")
}

fn cells(a: i32, c: i64) -> Vec<(ColumnId, Value)> {
    vec![(ColumnId(0), Datum::Int(1)), (A, Datum::Int(a)), (C, Datum::Counter(Counter::of(c)))]
}

fn play(tx: &mut Transaction, table: TableId, op: &str, hand: Hand) -> Result<()> {
    let key = row_key();
    match op {
        "insert" => {
            tx.delete(table, &key)?;
            tx.insert(table, cells(hand.assigned, hand.counter)).map(drop)
        }
        "update" => tx.update(table, &key, vec![(A, Assignment::Set(Datum::Int(hand.assigned)))]).map(drop),
        "upsert" => {
            let patch = OnConflict::Patch(vec![(A, Assignment::Set(Datum::Int(hand.assigned)))]);
            tx.upsert(table, cells(hand.assigned, hand.counter), patch).map(drop)
        }
        "delete" => tx.delete(table, &key).map(drop),
        "assign" => {
            let value = Datum::Counter(Counter::of(hand.counter));
            tx.update(table, &key, vec![(C, Assignment::Set(value))]).map(drop)
        }
        "add" => tx.add(table, &key, C, hand.added).map(drop),
        other => panic!("docs/consistency.md names an unknown operation `{other}`"),
    }
}

/// The column of the third device in the live row.
fn other(view: &View, table: TableId) -> Result<Option<Value>> {
    let table = view.catalog().live_table(table)?.clone();
    let row = view.row(&table, &row_key())?.filter(|row| !row.header.deleted);
    Ok(row.map(|row| row.cell(OTHER).clone()))
}

/// The live row: column a and the counter.
fn look(view: &View, table: TableId) -> Result<Option<(Value, i64)>> {
    let table = view.catalog().live_table(table)?.clone();
    let row = view.row(&table, &row_key())?.filter(|row| !row.header.deleted);
    Ok(row.map(|row| {
        let counter = if let Datum::Counter(counter) = row.cell(C) { counter.value() } else { i64::MIN };
        (row.cell(A).clone(), counter)
    }))
}

/// The row as it is once `op` alone took effect on `before`.
fn alone(op: &str, hand: Hand, before: Option<(Value, i64)>) -> Option<(Value, i64)> {
    let fresh = (Datum::Int(hand.assigned), hand.counter);
    match (op, before) {
        ("insert", _) | ("upsert", None) => Some(fresh),
        ("update" | "upsert", Some((_, c))) => Some((Datum::Int(hand.assigned), c)),
        ("assign", Some((a, _))) => Some((a, hand.counter)),
        ("add", Some((a, c))) => Some((a, c + hand.added)),
        _ => None,
    }
}

/// The state that a cell of the table describes.
fn expected(
    outcome: &str,
    first: &str,
    second: &str,
    is_second_later: bool,
    start: Option<(Value, i64)>,
) -> Option<(Value, i64)> {
    let [one, two] = HANDS;
    let after_first = alone(first, one, start.clone());
    match outcome {
        "first" => after_first,
        "second" => alone(second, two, after_first.clone().or(start)),
        "both" | "sum" => alone(second, two, after_first),
        "deleted" => None,
        "higher clock" if is_second_later => alone(second, two, after_first),
        "higher clock" => after_first,
        other => panic!("docs/consistency.md names an unknown outcome `{other}`"),
    }
}

fn refusal(result: &MutationResult) -> Option<String> {
    match &result.verdict {
        Verdict::Refused(error) => Some(error.code().to_string()),
        Verdict::Applied { .. } => None,
    }
}

struct Cell {
    first: String,
    second: String,
    outcome: String,
    code: Option<String>,
}

fn read_table(which: &str) -> Vec<Cell> {
    let text = include_str!("../../docs/consistency.md");
    let (_, rest) = text.split_once(&format!("<!-- table: {which} -->")).expect("the table has its mark");
    let mut lines = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let split =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect() };
    let seconds = split(lines.next().expect("the table has a head"));
    let mut cells = Vec::new();
    for line in lines.skip(1) {
        let line = split(line);
        for (second, cell) in seconds.iter().zip(&line).skip(1) {
            let (outcome, code) = match cell.split_once(", ") {
                Some((outcome, code)) => (outcome, Some(code.to_string())),
                None => (cell.as_str(), None),
            };
            cells.push(Cell { first: line[0].clone(), second: second.clone(), outcome: outcome.to_string(), code });
        }
    }
    cells
}

/// How the stamp of the second write compares with that of the first.
#[derive(Clone, Copy, Debug)]
enum Order {
    Lower,
    Higher,
    /// The clocks are equal and the device has the lower number.
    LowerDevice,
    /// The clocks are equal and the device has the higher number.
    HigherDevice,
}

impl Order {
    const ALL: [Order; 4] = [Order::Lower, Order::Higher, Order::LowerDevice, Order::HigherDevice];

    fn is_second_later(self) -> bool {
        matches!(self, Order::Higher | Order::HigherDevice)
    }

    fn clocks(self) -> [u64; 2] {
        match self {
            Order::Lower => [200, 100],
            Order::Higher => [100, 200],
            Order::LowerDevice | Order::HigherDevice => [150, 150],
        }
    }
}

/// Plays a cell. `third` is when a third device, if any, sends a write of another column: 0 before, 1 between, 2 after.
fn check(cell: &Cell, is_present: bool, order: Order, third: Option<usize>) -> Result<()> {
    let pair = Pair::new()?;
    let table = table(&pair)?;
    let start = is_present.then_some((Datum::Int(1), START));
    let mut maker = pair.peer()?;
    if is_present {
        maker.write(at(1), |tx| tx.insert(table, cells(1, START)).map(drop))?;
        pair.upload(&mut maker, at(2))?;
    }
    let mut peers: Vec<Peer> = (0..3).map(|_| pair.peer()).collect::<Result<_>>()?;
    if let Order::LowerDevice = order {
        peers.swap(0, 1);
    }
    let (clocks, is_second_later) = (order.clocks(), order.is_second_later());
    peers[0].write(at(clocks[0]), |tx| play(tx, table, &cell.first, HANDS[0]))?;
    peers[1].write(at(clocks[1]), |tx| play(tx, table, &cell.second, HANDS[1]))?;
    if third.is_some() && is_present {
        let patch = vec![(OTHER, Assignment::Set(Datum::Int(9)))];
        peers[2].write(at(150), |tx| tx.update(table, &row_key(), patch).map(drop))?;
    }
    let mut answers = Vec::new();
    for step in 0..=2 {
        if third == Some(step) {
            pair.upload(&mut peers[2], at(1_000))?;
        }
        if step < 2 {
            answers.extend(pair.upload(&mut peers[step], at(1_000))?);
        }
    }
    let shown = format!("{} then {}, second {order:?}, third device {third:?}", cell.first, cell.second);
    assert_eq!(refusal(&answers[0]), None, "{shown}: the first write");
    assert_eq!(refusal(&answers[1]), cell.code, "{shown}: the second write");
    let wanted = expected(&cell.outcome, &cell.first, &cell.second, is_second_later, start);
    assert_eq!(look(&pair.server.view(pair.space)?.0, table)?, wanted, "{shown}: on the server");
    for peer in peers.iter_mut().chain([&mut maker]) {
        pair.download(peer)?;
        assert_eq!(look(&peer.device.view()?, table)?, wanted, "{shown}: on device {}", peer.number);
        assert_eq!(peer.device.status()?.pending, 0, "{shown}: nothing waits");
    }
    if third.is_some() && is_present {
        let ops = [(&cell.first, &answers[0]), (&cell.second, &answers[1])];
        let is_replaced = ops.iter().any(|(op, answer)| *op == "insert" && refusal(answer).is_none());
        let wanted = wanted.map(|_| if is_replaced { Datum::Null } else { Datum::Int(9) });
        for peer in &peers {
            assert_eq!(other(&peer.device.view()?, table)?, wanted, "{shown}: the third device's column");
        }
    }
    let refused = peers[1].device.rejected()?;
    let codes: Vec<_> = refused.iter().map(|write| write.error.code().to_string()).collect();
    assert_eq!(codes, cell.code.iter().cloned().collect::<Vec<_>>(), "{shown}: the list of rejected writes");
    Ok(())
}

fn check_table(which: &str, is_present: bool, size: usize) {
    let cells = read_table(which);
    assert_eq!(cells.len(), size * size, "docs/consistency.md has every pair");
    for cell in cells {
        for order in Order::ALL {
            for third in [None, Some(0), Some(1), Some(2)] {
                check(&cell, is_present, order, third).expect("the cell plays");
            }
        }
    }
}

#[test]
fn writes_to_a_row_that_is_there() {
    check_table("present", true, 6);
}

#[test]
fn writes_to_a_row_that_is_not_there() {
    check_table("absent", false, 2);
}
