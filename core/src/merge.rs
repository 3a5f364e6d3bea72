//! The conflict rule and its effects on one row.
//!
//! [`decide`] turns an operation into the change that it makes to a row, [`apply`] makes that change. A server
//! judges with stamps; a device, which resolves nothing, judges that its own writes win.

use crate::catalog::Table;
use crate::hlc::Hlc;
use crate::ids::{ColumnId, DeviceNumber, Seq};
use crate::log::{Change, ChangeKind};
use crate::mutation::{Assignment, Op, OpKind, Patch};
use crate::planted::{Bug, is_planted};
use crate::row::{Header, Row, Stamp, Stamps};
use crate::value::{Counter, Datum, Value};
use crate::{Error, Result, key};

/// What a write knows about a row that it meets.
pub trait Judge {
    /// Whether another device inserted the row after the write had read.
    fn is_foreign(&self) -> bool;
    /// Whether an assignment of this column wins against what is there.
    fn wins(&self, column: ColumnId) -> bool;
}

/// The judgement of a device about its own undecided writes: they win.
#[derive(Clone, Copy, Debug)]
pub struct OwnWrites;

impl Judge for OwnWrites {
    fn is_foreign(&self) -> bool {
        false
    }

    fn wins(&self, _: ColumnId) -> bool {
        true
    }
}

/// The judgement of the server, by the stamps of the row.
#[derive(Clone, Copy, Debug)]
pub struct ByStamps<'a> {
    /// The stamps of the row.
    pub stamps: &'a Stamps,
    /// The last transaction that the write has seen.
    pub base: Seq,
    /// The write's clock.
    pub hlc: Hlc,
    /// The write's device.
    pub device: DeviceNumber,
}

impl Judge for ByStamps<'_> {
    fn is_foreign(&self) -> bool {
        let is_foreign = self.stamps.inserted > self.base && self.stamps.inserter != self.device;
        is_foreign && !is_planted(Bug::ForeignInsertUnnoticed)
    }

    fn wins(&self, column: ColumnId) -> bool {
        let Some(stamp) = self.stamps.columns.get(column.0 as usize) else { return true };
        let is_own = stamp.device == self.device && !is_planted(Bug::OwnDeviceTakenForAnother);
        let is_seen = stamp.seq <= self.base || is_own || is_planted(Bug::BaseNotCompared);
        let is_higher = (self.hlc, self.device) > (stamp.hlc, stamp.device);
        is_seen || is_higher != is_planted(Bug::LowerClockWins)
    }
}

/// What an operation comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The change of the row; `None` if it stays as it is.
    pub change: Option<Change>,
    /// Columns whose assignment lost.
    pub lost: Vec<ColumnId>,
}

/// What `op` does to the row `current` (its tombstone counts as no row).
///
/// # Errors
/// Kind `conflict` if the row exists, is gone or was replaced; `invalid` if a counter overflows or a column is unknown.
pub fn decide(table: &Table, op: &Op, current: Option<&Row>, judge: &dyn Judge) -> Result<Decision> {
    let live = current.filter(|row| !row.header.deleted);
    let change = |kind| Some(Change { table: op.table, key: op.key.clone(), kind });
    let only = |change| Ok(Decision { change, lost: Vec::new() });
    match (&op.kind, live) {
        (OpKind::Insert(_), Some(_)) if !is_planted(Bug::SecondInsertAccepted) => Err(conflict(
            "duplicate_key",
            table,
            &op.key,
            "exists already: update it, or write INSERT … ON CONFLICT to do either",
        )),
        (OpKind::Insert(cells), _) | (OpKind::Upsert(cells, _), None) => only(change(ChangeKind::Put(cells.clone()))),
        (OpKind::Upsert(_, patch), Some(row)) => decide_patch(table, op, patch, row, judge),
        (OpKind::Update(_), None) if is_planted(Bug::UpdateOfGoneRowAccepted) => only(None),
        (OpKind::Update(_), None) => Err(conflict("row_gone", table, &op.key, "is gone")),
        (OpKind::Update(_), Some(_)) if judge.is_foreign() => {
            Err(conflict("row_replaced", table, &op.key, "was replaced by another device's row"))
        }
        (OpKind::Update(patch), Some(row)) => decide_patch(table, op, patch, row, judge),
        (OpKind::Delete, None) => only(None),
        (OpKind::Delete, Some(_)) if judge.is_foreign() => only(None),
        (OpKind::Delete, Some(_))
            if is_planted(Bug::DeleteCompetes) && !table.live_columns().all(|c| judge.wins(c.id)) =>
        {
            only(None)
        }
        (OpKind::Delete, Some(_)) => only(change(ChangeKind::Delete)),
    }
}

fn decide_patch(table: &Table, op: &Op, patch: &Patch, row: &Row, judge: &dyn Judge) -> Result<Decision> {
    let (mut sets, mut adds, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for (column, assignment) in patch {
        match assignment {
            Assignment::Set(value) if judge.wins(*column) => sets.push((*column, value.clone())),
            Assignment::Set(_) => lost.push(*column),
            Assignment::Add(_) if is_planted(Bug::AdditionCompetes) && !judge.wins(*column) => {}
            Assignment::Add(delta) => {
                let counter = counter_of(table, row, *column)?;
                if adds.iter().any(|(added, _)| added == column) {
                    let message = format!("column {column} of table `{}` is added to twice", table.full_name());
                    return Err(Error::invalid("column_twice", message));
                }
                if counter.plus(*delta).is_none() {
                    let name = table.column(*column).map_or("?", |column| column.name.as_str());
                    let message = format!("counter `{name}` of table `{}` would overflow 64 bits", table.full_name());
                    return Err(Error::invalid("counter_overflow", message));
                }
                adds.push((*column, *delta));
            }
        }
    }
    let kind = ChangeKind::Patch { sets, adds };
    let empty = matches!(&kind, ChangeKind::Patch { sets, adds } if sets.is_empty() && adds.is_empty());
    let change = (!empty).then(|| Change { table: op.table, key: op.key.clone(), kind });
    Ok(Decision { change, lost })
}

/// The cell after an assignment; a counter forgets what was added.
fn assigned(old: &Value, new: &Value) -> Value {
    match (old, new) {
        (Datum::Counter(old), Datum::Counter(new)) if is_planted(Bug::AssignmentKeepsAdditions) => {
            Datum::Counter(Counter { base: new.base, added: old.added })
        }
        _ => new.clone(),
    }
}

fn counter_of(table: &Table, row: &Row, column: ColumnId) -> Result<Counter> {
    match row.cell(column) {
        Datum::Counter(counter) => Ok(*counter),
        Datum::Null => Ok(Counter::default()),
        other => {
            let message =
                format!("column {column} of table `{}` holds {}, not a COUNTER", table.full_name(), other.type_name());
            Err(Error::invalid("not_a_counter", message))
        }
    }
}

fn conflict(code: &'static str, table: &Table, pk: &[u8], what: &str) -> Error {
    Error::conflict(code, format!("row {} of table `{}` {what}", show_key(pk), table.full_name()))
}

/// A primary key for people.
pub fn show_key(pk: &[u8]) -> String {
    match key::read_tuple(pk) {
        Ok(values) => {
            let shown: Vec<String> = values.iter().map(Value::to_string).collect();
            format!("({})", shown.join(", "))
        }
        Err(_) => "(unreadable key)".to_string(),
    }
}

/// The row after `change`; `None` if it is purged or there is nothing to patch. `header` gives seq, time and pending.
///
/// # Errors
/// Kind `corrupt` if the change does not fit the row or table: a decided change always does.
pub fn apply(table: &Table, current: Option<Row>, change: &Change, header: Header) -> Result<Option<Row>> {
    let header = Header { deleted: false, ..header };
    match &change.kind {
        ChangeKind::Put(cells) => {
            let mut row = Row { header, cells: table.fill_cells() };
            for (value, id) in key::read_tuple(&change.key)?.into_iter().zip(&table.primary_key) {
                row.set(*id, value);
            }
            for (column, value) in cells {
                row.set(*column, value.clone());
            }
            Ok(Some(row))
        }
        ChangeKind::Patch { sets, adds } => {
            let Some(mut row) = current else { return Ok(None) };
            row.header = Header { deleted: row.header.deleted, ..header };
            for (column, value) in sets {
                row.set(*column, assigned(row.cell(*column), value));
            }
            for (column, delta) in adds {
                let counter = counter_of(table, &row, *column)?.plus(*delta);
                let counter =
                    counter.ok_or_else(|| Error::corrupt("counter_overflow", "a decided addition overflows"))?;
                row.set(*column, Datum::Counter(counter));
            }
            Ok(Some(row))
        }
        ChangeKind::Delete => Ok(current.map(|row| Row { header: Header { deleted: true, ..header }, ..row })),
        ChangeKind::Purge => Ok(None),
    }
}

/// The stamps of a row after `change` by the write `stamp`.
pub fn stamp(table: &Table, current: Option<Stamps>, change: &Change, stamp: Stamp) -> Option<Stamps> {
    match &change.kind {
        ChangeKind::Put(_) => {
            Some(Stamps { inserted: stamp.seq, inserter: stamp.device, columns: vec![stamp; table.columns.len()] })
        }
        ChangeKind::Patch { sets, .. } => current.map(|mut stamps| {
            stamps
                .columns
                .resize(table.columns.len(), Stamp { hlc: Hlc(0), seq: stamps.inserted, device: stamps.inserter });
            for (column, _) in sets {
                if let Some(known) = stamps.columns.get_mut(column.0 as usize) {
                    *known = stamp;
                }
            }
            stamps
        }),
        ChangeKind::Delete => current,
        ChangeKind::Purge => None,
    }
}
