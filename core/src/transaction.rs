//! A transaction in the making: it reads its own writes and collects operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::catalog::{Default, Table};
use crate::device::RequestId;
use crate::hlc::{Entropy, Now};
use crate::ids::{ColumnId, DeviceNumber, TableId};
use crate::merge::{OwnWrites, apply, decide};
use crate::mutation::{Assignment, CellList, Op, OpKind, Patch, TRANSACTION_OPS_MAX, check_size};
use crate::row::{Header, Row};
use crate::rules::{check_cells, check_key, check_row};
use crate::store::CowMap;
use crate::value::{DAY_MICROS, Datum, Type, Value};
use crate::view::{View, read_write_key, write_key};
use crate::{Error, Result, key};

/// What an upsert does where the key exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing.
    Nothing,
    /// This patch.
    Patch(Patch),
}

/// What an operation did here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A row was inserted, changed or deleted.
    Changed,
    /// There was nothing to do.
    Nothing,
}

/// Writes to one space that will become visible together.
///
/// Each method either does all it says or fails and leaves the transaction as it was.
#[derive(Clone)]
pub struct Transaction {
    view: View,
    ops: Vec<Op>,
    bytes: usize,
    now: Now,
    author: Author,
    request: Option<(RequestId, u64)>,
    pub(crate) version: u64,
}

/// Who writes, and where new ids come from.
#[derive(Clone)]
pub(crate) struct Author {
    pub entropy: Arc<dyn Entropy>,
    pub device: Option<DeviceNumber>,
    pub snowflakes: Arc<Snowflakes>,
}

/// The time parts of SNOWFLAKE_ID() that were given: each is given once.
#[derive(Debug, Default)]
pub(crate) struct Snowflakes(AtomicU64);

impl Snowflakes {
    /// 41 bits of milliseconds since 2020, 10 bits of the device's number, 12 bits that count within a millisecond from
    /// a random start below the middle; what does not fit one millisecond goes on in the next.
    fn next(&self, now: Now, device: DeviceNumber, random: [u8; 16]) -> Result<i64> {
        const START_2020_MS: u64 = 1_577_836_800_000;
        if device.0 > 0x3ff {
            let message = "SNOWFLAKE_ID() has room for 1023 devices of a user, and this is a later one: use UUID_V7()";
            return Err(Error::invalid("no_device_number", message));
        }
        let start = u64::from(u16::from_be_bytes([random[0], random[1]]) & 0x7ff);
        let millis = now.millis().saturating_sub(START_2020_MS) & ((1 << 41) - 1);
        let first = millis << 12 | start;
        let after = |last: u64| if last >> 12 < millis { first } else { last + 1 };
        let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        let given = after(last.unwrap_or_default());
        Ok(((given >> 12) << 22 | device.0 << 12 | given & 0xfff) as i64)
    }
}

/// A point to which [`Transaction::roll_back`] returns.
#[derive(Clone)]
pub struct SavePoint {
    writes: CowMap,
    ops: usize,
    bytes: usize,
}

impl Transaction {
    /// A transaction over `view`; `version` lets the owner notice that the view is old.
    pub(crate) fn new(view: View, now: Now, author: Author, version: u64) -> Transaction {
        Transaction { view, ops: Vec::new(), bytes: 0, now, author, request: None, version }
    }

    /// What the transaction sees, its own writes included.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The time that NOW() gives in it.
    pub fn now(&self) -> Now {
        self.now
    }

    /// The operations so far.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Says which request the transaction answers and how many rows that one inserts, changes or deletes. A device
    /// remembers it with the commit, see [`Device::receipt`](crate::device::Device::receipt).
    pub fn answer(&mut self, request: RequestId, affected: u64) {
        self.request = Some((request, affected));
    }

    pub(crate) fn request(&self) -> Option<(RequestId, u64)> {
        self.request
    }

    /// The same operations on a newer view.
    pub(crate) fn again(self, view: View) -> Result<Transaction> {
        let mut again = Transaction { view, ops: Vec::with_capacity(self.ops.len()), bytes: 0, ..self };
        for op in self.ops {
            let table = again.table(op.table)?;
            again.run(&table, op)?;
        }
        Ok(again)
    }

    pub(crate) fn into_parts(self) -> (View, Vec<Op>) {
        (self.view, self.ops)
    }

    /// Rows written so far with their table and key.
    pub(crate) fn written(view: &View) -> Vec<(TableId, Vec<u8>, Bytes)> {
        let mut cursor = view.writes.cursor(crate::store::KeyRange::all(), crate::store::Direction::Forward);
        let mut rows = Vec::with_capacity(view.writes.len());
        while cursor.step() {
            let key = cursor.key_bytes();
            let (table, pk) = read_write_key(&key);
            rows.push((table, pk.to_vec(), cursor.value_bytes()));
        }
        rows
    }

    /// Remembers the present state.
    pub fn save_point(&self) -> SavePoint {
        SavePoint { writes: self.view.writes.clone(), ops: self.ops.len(), bytes: self.bytes }
    }

    /// Forgets everything since `point`.
    pub fn roll_back(&mut self, point: SavePoint) {
        self.view.writes = point.writes;
        self.ops.truncate(point.ops);
        self.bytes = point.bytes;
    }

    /// Runs `work`; if it fails, the transaction is as it was before.
    ///
    /// # Errors
    /// What `work` gives.
    pub fn atomically<T>(&mut self, work: impl FnOnce(&mut Transaction) -> Result<T>) -> Result<T> {
        let point = self.save_point();
        let result = work(self);
        if result.is_err() {
            self.roll_back(point);
        }
        result
    }

    fn table(&self, id: TableId) -> Result<Arc<Table>> {
        self.view.catalog.live_table(id).cloned()
    }

    /// Inserts a row from the cells of its columns, key included; columns left out get their default.
    /// Returns the encoded primary key.
    ///
    /// # Errors
    /// Kind `conflict` if the key exists, `invalid` if a cell does not fit, `quota` past a limit.
    pub fn insert(&mut self, table: TableId, cells: CellList) -> Result<Vec<u8>> {
        let table = self.table(table)?;
        let (key, cells) = self.complete(&table, cells)?;
        self.run_checked(&table, Op { table: table.id, key: key.clone(), kind: OpKind::Insert(cells) })?;
        Ok(key)
    }

    /// Inserts many rows, all or none. Returns their encoded primary keys.
    ///
    /// # Errors
    /// As [`Transaction::insert`].
    pub fn insert_batch(&mut self, table: TableId, rows: Vec<CellList>) -> Result<Vec<Vec<u8>>> {
        self.atomically(|tx| rows.into_iter().map(|cells| tx.insert(table, cells)).collect())
    }

    /// Inserts a row or, where its key exists, does what `on_conflict` says.
    ///
    /// # Errors
    /// As [`Transaction::insert`], but for an existing key.
    pub fn upsert(&mut self, table: TableId, cells: CellList, on_conflict: OnConflict) -> Result<Effect> {
        let table = self.table(table)?;
        let (key, cells) = self.complete(&table, cells)?;
        let present = self.view.row(&table, &key)?.is_some_and(|row| !row.header.deleted);
        let patch = match on_conflict {
            OnConflict::Nothing if present => return Ok(Effect::Nothing),
            OnConflict::Nothing => Patch::new(),
            OnConflict::Patch(patch) if present => return self.update(table.id, &key, patch),
            OnConflict::Patch(patch) => patch,
        };
        self.run_checked(&table, Op { table: table.id, key, kind: OpKind::Upsert(cells, patch) })
    }

    /// The key and live row that an insert of `cells` would meet, for upserts that compute their patch from it.
    ///
    /// # Errors
    /// As [`Transaction::insert`].
    pub fn find_conflict(&mut self, table: TableId, cells: &CellList) -> Result<Option<(Vec<u8>, Row)>> {
        let table = self.table(table)?;
        let (key, _) = self.complete(&table, cells.clone())?;
        let row = self.view.row(&table, &key)?.filter(|row| !row.header.deleted);
        Ok(row.map(|row| (key, row)))
    }

    /// Patches a row.
    ///
    /// # Errors
    /// Kind `conflict` if it is gone, `invalid` if a value does not fit, `quota` past a limit.
    pub fn update(&mut self, table: TableId, key: &[u8], patch: Patch) -> Result<Effect> {
        let table = self.table(table)?;
        self.run(&table, Op { table: table.id, key: key.to_vec(), kind: OpKind::Update(patch) })
    }

    /// Patches many rows, all or none.
    ///
    /// # Errors
    /// As [`Transaction::update`].
    pub fn update_batch(&mut self, table: TableId, rows: Vec<(Vec<u8>, Patch)>) -> Result<()> {
        self.atomically(|tx| rows.into_iter().try_for_each(|(key, patch)| tx.update(table, &key, patch).map(drop)))
    }

    /// Adds to a COUNTER.
    ///
    /// # Errors
    /// As [`Transaction::update`]; kind `invalid` if it overflows or the column is no COUNTER.
    pub fn add(&mut self, table: TableId, key: &[u8], column: ColumnId, delta: i64) -> Result<Effect> {
        self.update(table, key, vec![(column, Assignment::Add(delta))])
    }

    /// Deletes a row; nothing happens if it is gone.
    ///
    /// # Errors
    /// Kind `invalid` for an unknown table or key, `quota` past a limit.
    pub fn delete(&mut self, table: TableId, key: &[u8]) -> Result<Effect> {
        let table = self.table(table)?;
        self.run(&table, Op { table: table.id, key: key.to_vec(), kind: OpKind::Delete })
    }

    /// Deletes many rows, all or none.
    ///
    /// # Errors
    /// As [`Transaction::delete`].
    pub fn delete_batch(&mut self, table: TableId, keys: &[Vec<u8>]) -> Result<()> {
        self.atomically(|tx| keys.iter().try_for_each(|key| tx.delete(table, key).map(drop)))
    }

    /// Decides the operation on what the transaction sees and keeps it.
    fn run(&mut self, table: &Arc<Table>, op: Op) -> Result<Effect> {
        check_key(table, &op.key)?;
        self.run_checked(table, op)
    }

    /// As [`Transaction::run`], for a key that [`Transaction::complete`] made.
    fn run_checked(&mut self, table: &Arc<Table>, mut op: Op) -> Result<Effect> {
        check_cells(table, &op)?;
        let bytes = self.bytes + op_size(&op);
        if self.ops.len() >= TRANSACTION_OPS_MAX || bytes > crate::mutation::TRANSACTION_BYTES_MAX {
            check_size(bytes, self.ops.len() + 1)?;
        }
        let current = self.view.row(table, &op.key)?;
        let seq = current.as_ref().map(|row| row.header.seq).unwrap_or_default();
        let header = Header { pending: true, updated: self.now.micros(), seq, ..Header::default() };
        let is_live = current.as_ref().is_some_and(|row| !row.header.deleted);
        match &mut op.kind {
            OpKind::Insert(cells) | OpKind::Upsert(cells, _) if !is_live => {
                let row = put(table, &op.key, cells, header)?;
                self.view.writes.insert(write_key(table.id, &op.key).into(), row.into());
            }
            _ => {
                let decision = decide(table, &op, current.as_ref(), &OwnWrites)?;
                let Some(change) = decision.change else { return Ok(Effect::Nothing) };
                if let Some(row) = apply(table, current, &change, header)? {
                    if !row.header.deleted {
                        check_row(table, &row)?;
                    }
                    self.view.writes.insert(write_key(table.id, &op.key).into(), row.encode(table, None)?.into());
                }
            }
        }
        self.bytes = bytes;
        self.ops.push(op);
        Ok(Effect::Changed)
    }

    /// Adds defaults, splits off the key and checks that no column stands twice.
    fn complete(&self, table: &Table, cells: CellList) -> Result<(Vec<u8>, CellList)> {
        let mut given: Vec<Option<Value>> = vec![None; table.columns.len()];
        for (id, value) in cells {
            let column = table.column(id).filter(|column| column.dropped.is_none());
            let (Some(slot), Some(column)) = (given.get_mut(id.0 as usize), column) else {
                let message = format!("table `{}` has no column number {id}", table.full_name());
                return Err(Error::invalid("unknown_column", message));
            };
            if slot.replace(value).is_some() {
                let message = format!("column `{}` of table `{}` is given twice", column.name, table.full_name());
                return Err(Error::invalid("duplicate_column", message));
            }
        }
        let mut rest = CellList::new();
        for column in table.live_columns() {
            let slot = &mut given[column.id.0 as usize];
            if slot.is_none() {
                *slot = Some(match &column.default {
                    Some(default) => self.default_value(default, column.ty)?,
                    None => Datum::Null,
                });
            }
            if !table.is_key(column.id)
                && let Some(value) = slot.take()
            {
                rest.push((column.id, value));
            }
        }
        let mut key_bytes = Vec::with_capacity(32);
        let mut is_typed = true;
        for id in &table.primary_key {
            let value = given[id.0 as usize].take().unwrap_or(Datum::Null);
            if value.is_null() {
                let name = table.column(*id).map_or("?", |column| column.name.as_str());
                let message = format!("key column `{name}` of table `{}` needs a value", table.full_name());
                return Err(Error::invalid("not_null", message));
            }
            key::write_value(&mut key_bytes, &value)?;
            is_typed &= table.column(*id).is_some_and(|column| value.fits(column.ty));
        }
        key::check_length(&key_bytes)?;
        if !is_typed {
            check_key(table, &key_bytes)?;
        }
        Ok((key_bytes, rest))
    }

    fn default_value(&self, default: &Default, ty: Type) -> Result<Value> {
        Ok(match default {
            Default::Literal(value) => value.clone(),
            Default::Now => now_as(self.now, ty),
            Default::UuidV7 => Datum::Uuid(uuid_v7(self.now, self.author.entropy.random())),
            Default::Ulid => Datum::Text(ulid(self.now, self.author.entropy.random())),
            Default::SnowflakeId => {
                let Some(device) = self.author.device else {
                    let message = "SNOWFLAKE_ID() needs the number that a server gives this device: connect once, or use UUID_V7()";
                    return Err(Error::invalid("no_device_number", message));
                };
                Datum::BigInt(self.author.snowflakes.next(self.now, device, self.author.entropy.random())?)
            }
        })
    }
}

/// The encoded new row of an insert. Its cells are lent to the row for as long as that is checked and encoded: an insert is
/// what most rows come from, and their texts are not copied for it.
fn put(table: &Table, key: &[u8], cells: &mut CellList, header: Header) -> Result<Vec<u8>> {
    let mut row = Row { header, cells: table.fill_cells() };
    for (value, id) in key::read_tuple(key)?.into_iter().zip(&table.primary_key) {
        row.set(*id, value);
    }
    let lend = |row: &mut Row, cells: &mut CellList| {
        for (id, value) in cells {
            if let Some(cell) = row.cells.get_mut(id.0 as usize) {
                std::mem::swap(cell, value);
            }
        }
    };
    lend(&mut row, cells);
    let encoded = check_row(table, &row).and_then(|()| row.encode(table, None));
    lend(&mut row, cells);
    encoded
}

fn op_size(op: &Op) -> usize {
    let value = |value: &Value| match value {
        Datum::Text(text) | Datum::Json(text) => text.len() + 6,
        Datum::Bytes(bytes) => bytes.len() + 6,
        _ => 18,
    };
    let cells = |cells: &CellList| cells.iter().map(|(_, cell)| 3 + value(cell)).sum::<usize>();
    let patch = |patch: &Patch| {
        let size = |assignment: &Assignment| if let Assignment::Set(cell) = assignment { value(cell) } else { 10 };
        patch.iter().map(|(_, assignment)| 4 + size(assignment)).sum::<usize>()
    };
    let kind = match &op.kind {
        OpKind::Insert(list) => cells(list),
        OpKind::Upsert(list, update) => cells(list) + patch(update),
        OpKind::Update(update) => patch(update),
        OpKind::Delete => 0,
    };
    12 + op.key.len() + kind
}

/// The present time as a value of a date or time type.
pub fn now_as(now: Now, ty: Type) -> Value {
    match ty {
        Type::Date => Datum::Date(now.micros().div_euclid(DAY_MICROS) as i32),
        Type::Time => Datum::Time(now.micros().rem_euclid(DAY_MICROS)),
        _ => Datum::Timestamp(now.micros()),
    }
}

/// A UUID of version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits.
pub fn uuid_v7(now: Now, random: [u8; 16]) -> [u8; 16] {
    let mut uuid = random;
    uuid[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
    uuid[6] = 0x70 | (uuid[6] & 0x0f);
    uuid[8] = 0x80 | (uuid[8] & 0x3f);
    uuid
}

/// A ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, in Crockford's base 32.
pub fn ulid(now: Now, random: [u8; 16]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut bytes = random;
    bytes[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
    let number = u128::from_be_bytes(bytes);
    (0..26).rev().map(|place| char::from(DIGITS[(number >> (5 * place)) as usize & 31])).collect()
}
