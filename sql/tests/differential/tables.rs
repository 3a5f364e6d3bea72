//! Random tables and rows: all types, NULLs, extremes, tombstones, updates.

use kalamdb_core::catalog::{NewColumn, NewIndex, NewTable, TableOptions};
use kalamdb_core::mutation::Assignment;
use kalamdb_core::testing::TestSpace;
use kalamdb_core::value::{Counter, Datum};
use kalamdb_core::{Catalog, ColumnId, Name, Table, TableId, Type, Value};

use crate::random::Random;

const ROWS_MAX: usize = 70;
const NULL_PERCENT: usize = 15;

/// A space with one table `app.t` and its rows.
pub struct Made {
    pub space: TestSpace,
    /// Whether BIGINT columns hold numbers whose sums as floats depend on their order.
    pub extreme: bool,
}

impl Made {
    pub fn table(&self) -> &Table {
        self.space.catalog().table(TableId(1)).expect("the table was made")
    }

    pub fn describe(&self) -> String {
        let table = self.table();
        let column = |id: &ColumnId| table.column(*id).map(|column| column.name.to_string()).unwrap_or_default();
        let list = |ids: &[ColumnId]| ids.iter().map(column).collect::<Vec<_>>().join(", ");
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
        let indexes: Vec<String> = table.indexes.iter().map(|index| list(&index.columns)).collect();
        format!("({}) key ({}) indexes {indexes:?}", columns.join(", "), list(&table.primary_key))
    }

    pub fn random(random: &mut Random) -> Made {
        let mut catalog = Catalog::new(TableId(1));
        catalog.create_namespace(&name("app")).expect("it is new");
        let table = catalog.create_table(new_table(random)).expect("a valid table");
        for index in 0..random.below(4) {
            let candidates: Vec<Name> = keyable(&table).collect();
            let mut columns = vec![random.pick(&candidates).clone()];
            let second = random.pick(&candidates).clone();
            if random.chance(40) && second != columns[0] {
                columns.push(second);
            }
            catalog
                .create_index(table.id, NewIndex { name: name(&format!("by_{index}")), columns })
                .expect("a valid index");
        }
        let mut made = Made { space: TestSpace::new(catalog), extreme: random.chance(30) };
        made.fill(random);
        made
    }

    fn fill(&mut self, random: &mut Random) {
        let rows = random.below(ROWS_MAX);
        let mut keys = Vec::new();
        for _ in 0..3 {
            let mut tx = self.space.begin();
            for _ in 0..rows / 3 {
                let cells =
                    self.table().columns.iter().map(|column| (column.id, self.value(column.id, random))).collect();
                // A key that exists already is left alone.
                keys.extend(tx.insert(TableId(1), cells));
            }
            for key in &keys {
                if random.chance(10) {
                    tx.delete(TableId(1), key).expect("a delete of a row works, there or not");
                } else if random.chance(20) {
                    self.update(&mut tx, key, random);
                }
            }
            self.space.commit(tx).expect("nothing came between");
        }
    }

    fn update(&self, tx: &mut kalamdb_core::Transaction, key: &[u8], random: &mut Random) {
        let table = self.table();
        let free: Vec<ColumnId> =
            table.columns.iter().map(|column| column.id).filter(|id| !table.is_key(*id)).collect();
        let column = *random.pick(&free);
        let patch = vec![(column, Assignment::Set(self.value(column, random)))];
        // The row may be gone by now.
        let _ = tx.update(TableId(1), key, patch);
    }

    fn value(&self, column: ColumnId, random: &mut Random) -> Value {
        let column = self.table().column(column).expect("a column of the table");
        if column.nullable && random.chance(NULL_PERCENT) {
            return Datum::Null;
        }
        random_value(column.ty, self.extreme, random)
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn keyable(table: &Table) -> impl Iterator<Item = Name> + '_ {
    table.live_columns().filter(|column| column.ty.is_key_type()).map(|column| column.name.clone())
}

fn new_table(random: &mut Random) -> NewTable {
    let decimals = [(5, 2), (12, 0), (18, 6), (26, 4), (38, 10), (30, 20)];
    let (precision, scale) = *random.pick(&decimals);
    let mut columns = vec![
        ("b", Type::Boolean),
        ("si", Type::SmallInt),
        ("i", Type::Int),
        ("bi", Type::BigInt),
        ("r", Type::Real),
        ("d", Type::Double),
        ("n", Type::Decimal { precision, scale }),
        ("t", Type::Text),
        ("by", Type::Bytes),
        ("da", Type::Date),
        ("ti", Type::Time),
        ("ts", Type::Timestamp),
        ("u", Type::Uuid),
        ("j", Type::Json),
        ("c", Type::Counter),
    ];
    let keys: Vec<&str> = columns.iter().filter(|(_, ty)| ty.is_key_type()).map(|(column, _)| *column).collect();
    let mut key: Vec<&str> = Vec::new();
    for _ in 0..1 + random.below(3) {
        let column = *random.pick(&keys);
        if !key.contains(&column) {
            key.push(column);
        }
    }
    // Few keys of few values would leave few rows.
    if random.chance(70) {
        columns.push(("k", Type::Int));
        key.push("k");
    }
    let at = random.below(columns.len());
    columns.rotate_left(at);
    let column = |(column, ty): (&str, Type)| NewColumn {
        name: name(column),
        ty,
        nullable: !key.contains(&column) && !matches!(column, "i" | "t"),
        default: None,
    };
    NewTable {
        namespace: name("app"),
        name: name("t"),
        columns: columns.into_iter().map(column).collect(),
        primary_key: key.iter().map(|column| name(column)).collect(),
        checks: Vec::new(),
        options: TableOptions::default(),
    }
}

/// A value out of few, so that rows meet in groups, ties and filters.
pub fn random_value(ty: Type, extreme: bool, random: &mut Random) -> Value {
    match ty {
        Type::Boolean => Datum::Boolean(random.chance(50)),
        Type::SmallInt => Datum::SmallInt(*random.pick(&[-2, -1, 0, 1, 5, i16::MAX, i16::MIN])),
        Type::Int => Datum::Int(*random.pick(&[-300, -1, 0, 1, 2, 3, 17, 90_000, i32::MIN])),
        Type::BigInt => Datum::BigInt(big(extreme, random)),
        Type::Counter => Datum::Counter(Counter { base: random.below(4) as i64, added: -(random.below(3) as i64) }),
        Type::Real => Datum::Real(*random.pick(&[-1.5, -0.0, 0.0, 0.25, 3.0, 1024.5, f32::NAN, f32::INFINITY])),
        Type::Double => Datum::Double(*random.pick(&[-7.5, -0.0, 0.0, 0.125, 2.0, 1e6, f64::NAN, f64::NEG_INFINITY])),
        Type::Decimal { precision, scale } => {
            let small = [-150, -1, 0, 1, 110, 12_345].map(i128::from);
            let unit = 10i128.pow(u32::from(scale.saturating_sub(2)));
            let largest = 10i128.pow(precision.into()) - 1;
            let unscaled = if random.chance(10) { largest } else { (random.pick(&small) * unit).min(largest) };
            Datum::Decimal { unscaled, scale }
        }
        Type::Text => Value::text(*random.pick(&["", "a", "A", "ab", "a b", "it's", "é", "z\0z", "zz"])),
        Type::Bytes => Datum::Bytes(random.pick(&[&[][..], &[0], &[0, 1], &[1], &[255, 255], &[7, 0, 7]]).to_vec()),
        Type::Date => Datum::Date(*random.pick(&[-400, -1, 0, 1, 19_000, 19_782])),
        Type::Time => Datum::Time(*random.pick(&[0, 1, 3_600_000_000, 86_399_999_999])),
        Type::Timestamp => {
            Datum::Timestamp(*random.pick(&[-1, 0, 1, 86_400_000_000, 1_709_164_800_000_000, 1_709_164_800_123_456]))
        }
        Type::Uuid => Datum::Uuid(*random.pick(&[[0; 16], [1; 16], *b"0123456789abcdef", [255; 16]])),
        Type::Json => Datum::Json(random.pick(&["null", "1", "{}", "{\"a\": 1}", "\"x\""]).to_string()),
        Type::Document => Datum::Null,
    }
}

fn big(extreme: bool, random: &mut Random) -> i64 {
    let plain = [-5, 0, 1, 2, 1 << 40, -(1 << 33)];
    if extreme && random.chance(40) {
        *random.pick(&[i64::MAX, i64::MIN, i64::MAX - 1, (1 << 53) + 1])
    } else {
        *random.pick(&plain)
    }
}
