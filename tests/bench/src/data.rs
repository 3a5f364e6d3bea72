//! The table that is measured, and its rows.

use kalamdb_core::catalog::{NewColumn, NewIndex, NewTable, TableOptions};
use kalamdb_core::mutation::CellList;
use kalamdb_core::{Datum, Name, Result, Table, Type, Value};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Rows of the measurements over a large table.
pub const ROWS: u64 = 100_000;
/// Distinct values of the column `city`.
pub const CITIES: u64 = 200;
/// A row as text without any framing: the mean bytes of what [`Source::row`] gives, numbers as 8 bytes.
pub const PLAIN_BYTES: f64 = 8.0 + 30.0 + 80.0 + 8.0 + 4.0 + 8.0 + 8.0 + 8.0;

/// Numbers that are the same in each run.
pub struct Source(ChaCha8Rng);

impl Source {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Source {
        Source(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end.max(1)
    }

    /// Letters, as many as asked for.
    fn text(&mut self, chars: u64) -> String {
        (0..chars).map(|_| char::from(b'a' + (self.below(26) as u8))).collect()
    }

    /// The row with this id.
    pub fn row(&mut self, table: &Table, id: u64) -> CellList {
        let title_chars = 20 + self.below(21);
        let body_chars = 60 + self.below(41);
        let values = [
            Datum::BigInt(id as i64),
            Datum::Text(self.text(title_chars)),
            Datum::Text(self.text(body_chars)),
            Datum::Text(format!("city{:04}", self.below(CITIES))),
            Datum::Int(self.below(6) as i32),
            Datum::Double(self.below(1_000_000) as f64 / 100.0),
            Datum::Timestamp(1_700_000_000_000_000 + id as i64 * 1_000_000),
        ];
        table.live_columns().map(|column| column.id).zip(values).collect()
    }

    /// The same row as parameters of an INSERT.
    pub fn params(&mut self, table: &Table, id: u64) -> Vec<Value> {
        self.row(table, id).into_iter().map(|(_, value)| value).collect()
    }
}

/// `app`.
///
/// # Errors
/// None in fact: the name is valid.
pub fn namespace() -> Result<Name> {
    Name::new("app")
}

/// `app.items (id BIGINT PRIMARY KEY, title TEXT, body TEXT, city TEXT, stars INT, price DOUBLE, written TIMESTAMP,
/// likes COUNTER)`.
///
/// # Errors
/// None in fact: the names are valid.
pub fn items() -> Result<NewTable> {
    let columns = [
        ("id", Type::BigInt),
        ("title", Type::Text),
        ("body", Type::Text),
        ("city", Type::Text),
        ("stars", Type::Int),
        ("price", Type::Double),
        ("written", Type::Timestamp),
        ("likes", Type::Counter),
    ];
    let column = |(name, ty)| Ok(NewColumn { name: Name::new(name)?, ty, nullable: name != "id", default: None });
    Ok(NewTable {
        namespace: namespace()?,
        name: Name::new("items")?,
        columns: columns.into_iter().map(column).collect::<Result<_>>()?,
        primary_key: vec![Name::new("id")?],
        checks: Vec::new(),
        options: TableOptions::default(),
    })
}

/// The index on (city, written).
///
/// # Errors
/// None in fact: the names are valid.
pub fn by_city() -> Result<NewIndex> {
    Ok(NewIndex { name: Name::new("by_city")?, columns: vec![Name::new("city")?, Name::new("written")?] })
}
