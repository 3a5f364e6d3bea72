//! Properties of the forms in which keys, rows, mutations and log entries are kept and sent: they come back as they
//! were, keys sort as their tuples do, and no bytes make a decoder panic.

use std::cmp::Ordering;

use kalamdb_core::catalog::{Catalog, NewColumn, NewTable, TableDef, TableOptions};
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::expr::Expr;
use kalamdb_core::log::{Change, ChangeKind, EntryHead, LogEntry, MutationResult};
use kalamdb_core::mutation::{Assignment, Base, Mutation, Op, OpKind};
use kalamdb_core::row::{Header, Projection, Row, Stamp, Stamps};
use kalamdb_core::snapshot::{SnapshotOffer, read_block};
use kalamdb_core::value::Counter;
use kalamdb_core::{
    CatalogVersion, ColumnId, Datum, DeviceNumber, Epoch, Hlc, MutationId, Name, Seq, Table, TableId, Type, Value,
    ValueRef, key,
};
use proptest::prelude::*;

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(0.0),
        Just(-0.0),
        Just(f64::NAN),
        Just(-f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MIN_POSITIVE)
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![".{0,12}", Just(String::new()), Just("\0".to_string()), "[a\\x00\\x01\u{ff}]{0,6}"]
}

/// Values of one type that may stand in a key, NULL among them.
fn key_values(kind: u8) -> BoxedStrategy<Value> {
    let values = match kind {
        0 => any::<bool>().prop_map(Datum::Boolean).boxed(),
        1 => any::<i16>().prop_map(Datum::SmallInt).boxed(),
        2 => any::<i32>().prop_map(Datum::Int).boxed(),
        3 => any::<i64>().prop_map(Datum::BigInt).boxed(),
        4 => floats().prop_map(|v| Datum::Real(v as f32)).boxed(),
        5 => floats().prop_map(Datum::Double).boxed(),
        6 => any::<i128>().prop_map(|unscaled| Datum::Decimal { unscaled, scale: 4 }).boxed(),
        7 => texts().prop_map(Datum::Text).boxed(),
        8 => prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255), any::<u8>()], 0..8)
            .prop_map(Datum::Bytes)
            .boxed(),
        9 => any::<i32>().prop_map(Datum::Date).boxed(),
        10 => (0..86_400_000_000i64).prop_map(Datum::Time).boxed(),
        11 => any::<i64>().prop_map(Datum::Timestamp).boxed(),
        _ => any::<[u8; 16]>().prop_map(Datum::Uuid).boxed(),
    };
    prop_oneof![9 => values, 1 => Just(Datum::Null)].boxed()
}

/// Any value that a column can hold.
fn values() -> BoxedStrategy<Value> {
    prop_oneof![
        (0..13u8).prop_flat_map(key_values),
        (any::<i32>(), any::<i32>())
            .prop_map(|(base, added)| Datum::Counter(Counter { base: base.into(), added: added.into() })),
        "[0-9]{1,5}".prop_map(|digits| Datum::Json(format!("[{}]", digits.trim_start_matches('0').len()))),
    ]
    .boxed()
}

/// Two tuples of the same types, often sharing a prefix.
fn tuple_pairs() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    prop::collection::vec(0..13u8, 1..4).prop_flat_map(|kinds| {
        let one: Vec<_> = kinds.iter().map(|kind| key_values(*kind)).collect();
        let two: Vec<_> = kinds.iter().map(|kind| key_values(*kind)).collect();
        (one, two, 0..4usize).prop_map(|(one, mut two, shared)| {
            let shared = shared.min(two.len().saturating_sub(1));
            two[..shared].clone_from_slice(&one[..shared]);
            (one, two)
        })
    })
}

fn order(one: &[Value], two: &[Value]) -> Ordering {
    one.iter().zip(two).map(|(a, b)| a.order(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn table() -> Table {
    let column = |name: &str, ty, nullable| NewColumn { name: Name::new(name).unwrap(), ty, nullable, default: None };
    let mut catalog = Catalog::new(TableId(1));
    catalog.create_namespace(&Name::new("app").unwrap()).unwrap();
    let table = catalog.create_table(NewTable {
        namespace: Name::new("app").unwrap(),
        name: Name::new("t").unwrap(),
        columns: vec![
            column("k", Type::Text, false),
            column("i", Type::Int, true),
            column("t", Type::Text, true),
            column("n", Type::BigInt, false),
            column("c", Type::Counter, false),
            column("d", Type::Double, true),
        ],
        primary_key: vec![Name::new("k").unwrap(), Name::new("n").unwrap()],
        checks: Vec::new(),
        options: TableOptions::default(),
    });
    (*table.unwrap()).clone()
}

prop_compose! {
    fn rows()(
        k in texts(), n in any::<i64>(), i in prop::option::of(any::<i32>()), t in prop::option::of(texts()),
        base in any::<i32>(), added in any::<i32>(), d in prop::option::of(floats()),
        deleted in any::<bool>(), seq in any::<u32>(), updated in any::<i64>(),
        stamps in prop::collection::vec((0..4u64, 0..4u64, 0..4u64), 6),
    ) -> (Row, Stamps) {
        let cells = vec![
            Datum::Text(k),
            i.map_or(Datum::Null, Datum::Int),
            t.map_or(Datum::Null, Datum::Text),
            Datum::BigInt(n),
            Datum::Counter(Counter { base: base.into(), added: added.into() }),
            d.map_or(Datum::Null, Datum::Double),
        ];
        let header = Header { deleted, pending: false, schema: 1, seq: Seq(seq.into()), updated };
        let columns = stamps
            .into_iter()
            .map(|(seq, hlc, device)| Stamp { seq: Seq(seq), hlc: Hlc(hlc), device: DeviceNumber(device) })
            .collect();
        (Row { header, cells }, Stamps { inserted: Seq(3), inserter: DeviceNumber(2), columns })
    }
}

fn row_key(row: &Row) -> Vec<u8> {
    key::tuple([&row.cells[0], &row.cells[3]].into_iter()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn keys_sort_as_their_tuples((one, two) in tuple_pairs()) {
        let (a, b) = (key::tuple(one.iter()).unwrap(), key::tuple(two.iter()).unwrap());
        prop_assert_eq!(a.cmp(&b), order(&one, &two), "{:?} and {:?}", one, two);
    }

    #[test]
    fn keys_come_back((one, _) in tuple_pairs()) {
        let bytes = key::tuple(one.iter()).unwrap();
        let again = key::read_tuple(&bytes).unwrap();
        prop_assert_eq!(order(&one, &again), Ordering::Equal);
        prop_assert_eq!(key::tuple(again.iter()).unwrap(), bytes);
    }

    #[test]
    fn numbers_in_keys_sort_and_come_back(a in any::<u64>(), b in any::<u64>()) {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        key::write_number(&mut one, a);
        key::write_number(&mut two, b);
        prop_assert_eq!(one.cmp(&two), a.cmp(&b));
        prop_assert_eq!(key::read_number(&mut Reader::new(&one)).unwrap(), a);
    }

    #[test]
    fn values_come_back(value in values()) {
        let mut out = Writer::new();
        value.write(&mut out);
        let bytes = out.into_vec();
        let mut input = Reader::new(&bytes);
        prop_assert_eq!(ValueRef::read(&mut input).unwrap().to_owned(), value);
        prop_assert!(input.is_empty());
        let mut input = Reader::new(&bytes);
        ValueRef::skip(&mut input).unwrap();
        prop_assert!(input.is_empty());
    }

    #[test]
    fn rows_come_back((row, stamps) in rows()) {
        let table = table();
        let pk = row_key(&row);
        let bytes = row.encode(&table, Some(&stamps)).unwrap();
        let (again, found) = Row::decode_stamped(&table, &pk, &bytes).unwrap();
        prop_assert_eq!(&again, &row);
        let found = found.unwrap();
        for column in [1, 2, 4, 5] {
            prop_assert_eq!(found.columns[column], stamps.columns[column]);
        }
        let plain = kalamdb_core::row::without_stamps(&table, &bytes).unwrap();
        prop_assert_eq!(&plain, &row.encode(&table, None).unwrap());
        kalamdb_core::row::check_plain(&table, &plain).unwrap();
        let wanted = [ColumnId(5), ColumnId(0), ColumnId(2), ColumnId(3)];
        let projection = Projection::new(&table, &wanted);
        let mut cells = Vec::new();
        projection.read(&table, &pk, &bytes, &mut cells).unwrap();
        for (cell, id) in cells.iter().zip(wanted) {
            prop_assert_eq!(&cell.to_owned(), row.cell(id));
        }
    }

    #[test]
    fn mutations_and_changes_come_back(
        cells in prop::collection::vec((0..9u32, values()), 0..5), delta in any::<i64>(), kind in 0..4u8,
        key in prop::collection::vec(any::<u8>(), 1..9), seq in any::<u64>(), hlc in any::<u64>(),
    ) {
        let list: Vec<_> = cells.iter().map(|(id, value)| (ColumnId(*id), value.clone())).collect();
        let mut patch: Vec<_> = list.iter().map(|(id, value)| (*id, Assignment::Set(value.clone()))).collect();
        patch.push((ColumnId(4), Assignment::Add(delta)));
        let op_kind = match kind {
            0 => OpKind::Insert(list.clone()),
            1 => OpKind::Upsert(list.clone(), patch),
            2 => OpKind::Update(patch),
            _ => OpKind::Delete,
        };
        let mutation = Mutation {
            id: MutationId(7),
            base: Base { epoch: Epoch([3; 16]), seq: Seq(seq) },
            hlc: Hlc(hlc),
            catalog: CatalogVersion(2),
            ops: vec![Op { table: TableId(1), key: key.clone(), kind: op_kind }],
        };
        let content = mutation.encode_content();
        prop_assert_eq!(Mutation::decode_content(MutationId(7), &content).unwrap(), mutation);
        let change_kind = match kind {
            0 | 1 => ChangeKind::Put(list),
            2 => ChangeKind::Patch { sets: list, adds: vec![(ColumnId(4), delta)] },
            _ => ChangeKind::Delete,
        };
        let change = Change { table: TableId(1), key, kind: change_kind };
        let mut out = Writer::new();
        change.write(&mut out);
        let bytes = out.into_vec();
        prop_assert_eq!(Change::read(&mut Reader::new(&bytes)).unwrap(), change);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_everything(&bytes);
    }

    #[test]
    fn no_change_of_good_bytes_makes_a_decoder_panic(
        (row, stamps) in rows(), place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let table = table();
        let mut bytes = row.encode(&table, Some(&stamps)).unwrap();
        let at = place.index(bytes.len());
        bytes[at] = byte;
        decode_everything(&bytes);
        bytes.truncate(cut.index(bytes.len() + 1));
        decode_everything(&bytes);
        let mut def = Writer::new();
        table.def().write(&mut def);
        let mut def = def.into_vec();
        let at = place.index(def.len());
        def[at] = byte;
        decode_everything(&def);
    }
}

/// Every decoder takes the bytes; what it answers does not matter, that it answers does.
fn decode_everything(bytes: &[u8]) {
    let table = table();
    let _ = key::read_tuple(bytes);
    let _ = ValueRef::read(&mut Reader::new(bytes));
    let _ = ValueRef::skip(&mut Reader::new(bytes));
    let _ = Row::decode_stamped(&table, bytes, bytes);
    let _ = kalamdb_core::row::without_stamps(&table, bytes);
    let _ = kalamdb_core::row::check_plain(&table, bytes);
    let _ = Projection::new(&table, &[ColumnId(1), ColumnId(3)]).read(&table, bytes, bytes, &mut Vec::new());
    let _ = Mutation::decode_content(MutationId(1), bytes);
    let _ = Change::read(&mut Reader::new(bytes));
    let _ = EntryHead::read(&mut Reader::new(bytes));
    let _ = LogEntry::decode(bytes);
    let _ = MutationResult::read(&mut Reader::new(bytes));
    let _ = TableDef::read(&mut Reader::new(bytes));
    let _ = Expr::read(&mut Reader::new(bytes));
    let _ = SnapshotOffer::read(&mut Reader::new(bytes));
    let _ = read_block(bytes);
}

#[test]
fn an_expression_nested_without_end_is_refused() {
    let error = Expr::read(&mut Reader::new(&[7; 100_000])).unwrap_err();
    assert_eq!(error.code(), "expression_too_deep");
}

#[test]
fn a_list_longer_than_its_bytes_allocates_nothing() {
    let mut out = Writer::new();
    out.varint(1 << 40);
    let error = Reader::new(out.as_slice()).list(usize::MAX, Reader::u8).unwrap_err();
    assert_eq!(error.code(), "list_too_long");
}
