//! What should happen, from the rules of docs/consistency.md alone: a map of its own that shares no code with the
//! conflict rule in core.

use std::collections::BTreeMap;

use kalamdb_core::catalog::Catalog;
use kalamdb_core::mutation::{Assignment, Op, OpKind};
use kalamdb_core::{Datum, Value};

/// A row's address: table name and encoded key.
pub type Address = (String, Vec<u8>);

/// Who wrote something: transaction, clock, device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub seq: u64,
    pub clock: u64,
    pub device: u64,
}

/// A cell; a counter keeps what was added apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub value: Option<Value>,
    pub added: i64,
    pub mark: Mark,
}

/// A row that was inserted once; deleted rows stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub born: Mark,
    pub is_live: bool,
    pub cells: BTreeMap<String, Cell>,
}

/// All rows of a space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(pub BTreeMap<Address, Entry>);

/// A write as the oracle needs it.
pub struct Write<'a> {
    pub seen: u64,
    pub mark: Mark,
    pub ops: &'a [Op],
}

/// How many columns lost, or the code of the refusal.
pub type Verdict = Result<u64, &'static str>;

impl Rows {
    /// The rows after `write`, and its verdict; a refused write leaves them as they are.
    pub fn after(&self, catalog: &Catalog, write: &Write<'_>) -> (Rows, Verdict) {
        let mut next = self.clone();
        let mut lost = 0;
        for op in write.ops {
            match next.run(catalog, write, op) {
                Ok(count) => lost += count,
                Err(code) => return (self.clone(), Err(code)),
            }
        }
        for op in write.ops {
            let Some(table) = catalog.table(op.table) else { continue };
            let address = (table.name.to_string(), op.key.clone());
            if let Some(entry) = next.0.get(&address).filter(|entry| entry.is_live)
                && let Some(code) = broken(table.name.as_str(), entry)
            {
                return (self.clone(), Err(code));
            }
        }
        (next, Ok(lost))
    }

    /// What the author of undecided writes sees: each of their operations wins, and one that cannot be carried out
    /// shows nothing.
    pub fn with_own(&self, catalog: &Catalog, device: u64, ops: &[Op]) -> Rows {
        let mut rows = self.clone();
        let write = Write { seen: u64::MAX, mark: Mark { seq: u64::MAX, clock: u64::MAX, device }, ops };
        for op in ops {
            let before = rows.clone();
            if rows.run(catalog, &write, op).is_err() {
                rows = before;
            }
        }
        rows
    }

    fn run(&mut self, catalog: &Catalog, write: &Write<'_>, op: &Op) -> Verdict {
        let Some(table) = catalog.table(op.table).filter(|table| !table.dropped) else { return Err("unknown_table") };
        let named =
            |id: &kalamdb_core::ColumnId| table.column(*id).map(|column| column.name.to_string()).unwrap_or_default();
        let address = (table.name.to_string(), op.key.clone());
        let present = self.0.get(&address).is_some_and(|entry| entry.is_live);
        let stranger = self.0.get(&address).is_some_and(|entry| {
            entry.is_live && entry.born.seq > write.seen && entry.born.device != write.mark.device
        });
        match (&op.kind, present) {
            (OpKind::Insert(_), true) => Err("duplicate_key"),
            (OpKind::Insert(cells) | OpKind::Upsert(cells, _), false) => {
                let cells = cells.iter().map(|(id, value)| (named(id), born(value, write.mark))).collect();
                self.0.insert(address, Entry { born: write.mark, is_live: true, cells });
                Ok(0)
            }
            (OpKind::Update(_), false) => Err("row_gone"),
            (OpKind::Update(_), true) if stranger => Err("row_replaced"),
            (OpKind::Update(patch) | OpKind::Upsert(_, patch), true) => {
                let Some(entry) = self.0.get_mut(&address) else { return Err("row_gone") };
                let mut lost = 0;
                for (id, assignment) in patch {
                    let Some(cell) = entry.cells.get_mut(&named(id)) else { return Err("unknown_column") };
                    lost += assign(cell, assignment, write)?;
                }
                Ok(lost)
            }
            (OpKind::Delete, true) if !stranger => {
                if let Some(entry) = self.0.get_mut(&address) {
                    entry.is_live = false;
                }
                Ok(0)
            }
            (OpKind::Delete, _) => Ok(0),
        }
    }
}

fn born(value: &Value, mark: Mark) -> Cell {
    Cell { value: plain(value), added: 0, mark }
}

/// A counter is an integer to the oracle.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Datum::Null => None,
        Datum::Counter(counter) => Some(Datum::BigInt(counter.base + counter.added)),
        other => Some(other.clone()),
    }
}

fn assign(cell: &mut Cell, assignment: &Assignment, write: &Write<'_>) -> Verdict {
    match assignment {
        Assignment::Add(delta) => {
            let base = if let Some(Datum::BigInt(base)) = cell.value { base } else { 0 };
            let added = cell.added.checked_add(*delta).filter(|added| base.checked_add(*added).is_some());
            cell.added = added.ok_or("counter_overflow")?;
            Ok(0)
        }
        Assignment::Set(value) => {
            let knows = cell.mark.seq <= write.seen || cell.mark.device == write.mark.device;
            let later = (write.mark.clock, write.mark.device) > (cell.mark.clock, cell.mark.device);
            if !knows && !later {
                return Ok(1);
            }
            *cell = born(value, write.mark);
            Ok(0)
        }
    }
}

/// The constraint of the schema that a row breaks.
fn broken(table: &str, entry: &Entry) -> Option<&'static str> {
    if table != crate::schema::RANGES {
        return None;
    }
    let number = |name: &str| match entry.cells.get(name).and_then(|cell| cell.value.clone()) {
        Some(Datum::Int(number)) => Some(number),
        _ => None,
    };
    match (number("lo"), number("hi")) {
        (Some(lo), Some(hi)) if lo > hi => Some("check_violation"),
        (None, _) | (_, None) => Some("not_null"),
        _ => None,
    }
}

/// What a reader sees of an entry: column values by name, without the key.
pub fn visible(entry: &Entry) -> BTreeMap<String, Value> {
    entry
        .cells
        .iter()
        .map(|(name, cell)| {
            let value = match &cell.value {
                Some(Datum::BigInt(base)) if name == "hits" => Datum::BigInt(base + cell.added),
                Some(value) => value.clone(),
                None => Datum::Null,
            };
            (name.clone(), value)
        })
        .collect()
}
