//! Executing a mutation: the conflict rule, the log entry and the answer, in one batch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::space::{DeviceRecord, Head, Space, admit_clock};
use crate::catalog::{Catalog, Default, Table};
use crate::codec::Writer;
use crate::hlc::{Hlc, Now};
use crate::ids::{Chain, ColumnId, ContentHash, DeviceId, DeviceNumber, Generation, MutationId, Seq, SpaceId, TableId};
use crate::log::{Change, ChangeKind, EntryHead, LOST_NAMED_MAX, LogEntry, LostColumn, MutationResult, Verdict};
use crate::merge::{ByStamps, OwnWrites, apply, decide, stamp};
use crate::mutation::{Mutation, Op, OpKind};
use crate::planted::{Bug, is_planted};
use crate::row::{Header, Row, Stamp, Stamps};
use crate::rules::{Copy, check_op, check_row};
use crate::store::{Partition, Snapshot, WriteBatch};
use crate::{Error, Result, Value, keys};

/// Keys of named lost columns take at most about this much, so that a result fits a message.
const LOST_BYTES_MAX: usize = 64 * 1024;

/// Rows on a server have one generation.
pub(crate) const GENERATION: Generation = Generation(0);

/// A row while a mutation is executed.
struct Working {
    table: Arc<Table>,
    old: Option<Row>,
    row: Option<Row>,
    stamps: Option<Stamps>,
}

/// One mutation on its way through the rule.
struct Execution<'a> {
    snapshot: &'a dyn Snapshot,
    catalog: &'a Catalog,
    space: SpaceId,
    base: Seq,
    hlc: Hlc,
    device: DeviceNumber,
    seq: Seq,
    updated: i64,
    rows: BTreeMap<(TableId, Vec<u8>), Working>,
    /// Bytes of the rows that were read.
    read_bytes: usize,
    changes: Writer,
    change_count: u32,
    lost: Vec<LostColumn>,
    lost_bytes: usize,
    lost_count: u64,
}

/// What a mutation came to, before it is committed.
pub(super) struct Outcome {
    pub batch: WriteBatch,
    pub head: Head,
    pub result: MutationResult,
    pub record: DeviceRecord,
    pub clock: crate::hlc::HlcClock,
    pub clock_ahead_ms: Option<i64>,
}

/// A transaction as it came.
pub(super) struct Request<'a> {
    pub device: DeviceId,
    pub record: DeviceRecord,
    pub id: MutationId,
    pub hash: ContentHash,
    pub work: Work<'a>,
    pub now: Now,
}

/// What is to be done.
pub(super) enum Work<'a> {
    /// A mutation; content that does not decode is refused like any other that cannot take effect.
    Mutation(Result<&'a Mutation>),
    /// Rows are removed for good, by the server itself.
    Purge(&'a [(TableId, Vec<u8>)]),
}

pub(super) fn execute(
    space: &Space,
    snapshot: &dyn Snapshot,
    catalog: &Catalog,
    request: Request<'_>,
) -> Result<Outcome> {
    let Request { device, record, id, hash, work, now } = request;
    let seq = space.head.seq.next();
    let updated = now.micros().max(space.head.updated);
    let mut clock = space.clock;
    let (wanted, base) = match &work {
        Work::Mutation(Ok(mutation)) => (mutation.hlc, space.seen_by(mutation.base)),
        Work::Mutation(Err(_)) => (Hlc(0), Seq(0)),
        Work::Purge(_) => ({ clock }.tick(now), Seq(0)),
    };
    let (hlc, clock_ahead_ms) = admit_clock(&mut clock, wanted, now);
    let mut execution = Execution {
        snapshot,
        catalog,
        space: space.id,
        base,
        hlc,
        device: record.number,
        seq,
        updated,
        rows: BTreeMap::new(),
        read_bytes: 0,
        changes: Writer::new(),
        change_count: 0,
        lost: Vec::new(),
        lost_bytes: 0,
        lost_count: 0,
    };
    let decided = match work {
        Work::Mutation(Ok(mutation)) => execution.run(&mutation.ops),
        Work::Mutation(Err(error)) => Err(error),
        Work::Purge(rows) => execution.purge(rows),
    };
    let mut batch = WriteBatch::new();
    let decided = decided.and_then(|()| execution.write_rows(&mut batch));
    let refused = match decided {
        Ok(()) => None,
        Err(error) if is_refusal(&error) => Some(error),
        Err(error) => return Err(error),
    };
    let (changes, change_count) = match refused {
        None => (execution.changes.into_vec(), execution.change_count),
        Some(_) if is_planted(Bug::RefusalKeepsPart) => {
            execution.write_rows(&mut batch)?;
            (Vec::new(), 0)
        }
        Some(_) => {
            batch = WriteBatch::new();
            (Vec::new(), 0)
        }
    };
    let head = EntryHead {
        seq,
        device: record.number,
        hlc,
        catalog: catalog.version(),
        updated,
        refused: refused.is_some(),
        changes: change_count,
    };
    let verdict = match refused {
        None => Verdict::Applied { lost: execution.lost, lost_count: execution.lost_count },
        Some(error) => Verdict::Refused(error),
    };
    let result = MutationResult { id, hash, seq, verdict };
    let mut entry = LogEntry { chain: Chain::default(), author: device, result, head, changes };
    entry.chain = space.head.chain.next(&[&entry.head_bytes(), &entry.changes]);
    let record = DeviceRecord { last: id, seen: updated, ..record };
    save(space.id, &entry, record, &mut batch);
    let head = Head { seq, chain: entry.chain, updated };
    Ok(Outcome { batch, head, result: entry.result, record, clock, clock_ahead_ms })
}

/// The server's own device acknowledges nothing, so it keeps no results apart from the log.
fn save(space: SpaceId, entry: &LogEntry, record: DeviceRecord, batch: &mut WriteBatch) {
    batch.put(Partition::Log, keys::log(space, entry.head.seq), entry.encode());
    record.save(space, entry.author, batch);
    if entry.author != DeviceId::SERVER {
        let mut out = Writer::on(Vec::with_capacity(32));
        entry.result.write(&mut out);
        batch.put(Partition::Devices, keys::result(space, entry.author, entry.result.id), out.into_vec());
    }
}

/// Whether an error says something about the mutation and not about the server.
fn is_refusal(error: &Error) -> bool {
    use crate::ErrorKind::{Conflict, Corrupt, Invalid, Quota, Unauthorized};
    match error.kind() {
        Conflict | Invalid | Unauthorized => true,
        // A damaged mutation is its author's, damaged rows are ours.
        Corrupt => error.code() == MALFORMED,
        Quota => matches!(error.code(), "row_too_large" | "transaction_too_large" | "key_too_long"),
        _ => false,
    }
}

/// Bytes of rows that one transaction may read or write, whatever it says about each: a small patch of large rows
/// must fit memory and one commit, here and on devices.
const ROWS_BYTES_MAX: usize = 128 << 20;

fn check_rows_size(bytes: usize) -> Result<()> {
    if bytes <= ROWS_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the rows that a transaction changes have more than {ROWS_BYTES_MAX} bytes: split it");
    Err(Error::quota("transaction_too_large", message))
}

/// An insert names every column that its device knew. What it says of a column that was dropped since and that it left
/// alone, is nothing to refuse it for.
fn without_dropped<'a>(table: &Table, op: &'a Op) -> Cow<'a, Op> {
    let is_left_alone = |(id, value): &(ColumnId, Value)| {
        let column = table.column(*id).filter(|column| column.dropped.is_some());
        column.is_some_and(|column| match &column.default {
            None => value.is_null(),
            Some(Default::Literal(literal)) => value.is_null() || value == literal,
            Some(Default::Now | Default::UuidV7 | Default::Ulid | Default::SnowflakeId) => true,
        })
    };
    match &op.kind {
        OpKind::Insert(cells) | OpKind::Upsert(cells, _) if cells.iter().any(is_left_alone) => {
            let mut op = op.clone();
            if let OpKind::Insert(cells) | OpKind::Upsert(cells, _) = &mut op.kind {
                cells.retain(|cell| !is_left_alone(cell));
            }
            Cow::Owned(op)
        }
        _ => Cow::Borrowed(op),
    }
}

/// Code of a mutation whose bytes do not decode.
pub(super) const MALFORMED: &str = "malformed_mutation";

impl Execution<'_> {
    fn run(&mut self, ops: &[Op]) -> Result<()> {
        ops.iter().try_for_each(|op| self.run_op(op))
    }

    fn run_op(&mut self, op: &Op) -> Result<()> {
        let table = self.catalog.live_table(op.table)?;
        let op = &*without_dropped(table, op);
        check_op(table, op)?;
        let (base, hlc, device, seq, updated) = (self.base, self.hlc, self.device, self.seq, self.updated);
        let working = self.row(table, &op.key)?;
        let decision = match &working.stamps {
            Some(stamps) => decide(table, op, working.row.as_ref(), &ByStamps { stamps, base, hlc, device })?,
            None => decide(table, op, working.row.as_ref(), &OwnWrites)?,
        };
        if let Some(change) = &decision.change {
            let header = Header { seq, updated, ..Header::default() };
            working.stamps = stamp(table, working.stamps.take(), change, Stamp { seq, hlc, device });
            working.row = apply(table, working.row.take(), change, header)?;
            self.record(change);
        }
        self.note_lost(op, &decision.lost);
        Ok(())
    }

    /// Removes rows without a trace.
    fn purge(&mut self, rows: &[(TableId, Vec<u8>)]) -> Result<()> {
        for (table_id, key) in rows {
            let table = self.catalog.live_table(*table_id)?.clone();
            let working = self.row(&table, key)?;
            (working.row, working.stamps) = (None, None);
            self.record(&Change { table: *table_id, key: key.clone(), kind: ChangeKind::Purge });
        }
        Ok(())
    }

    /// A row as it stands now.
    fn row(&mut self, table: &Arc<Table>, key: &[u8]) -> Result<&mut Working> {
        Ok(match self.rows.entry((table.id, key.to_vec())) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let stored = self.snapshot.get(Partition::Rows, &keys::row(self.space, GENERATION, table.id, key))?;
                let (row, stamps) = match stored {
                    Some(bytes) => {
                        self.read_bytes += bytes.len();
                        check_rows_size(self.read_bytes)?;
                        let (row, stamps) = Row::decode_stamped(table, key, &bytes)?;
                        (Some(row), stamps)
                    }
                    None => (None, None),
                };
                entry.insert(Working { table: table.clone(), old: row.clone(), row, stamps })
            }
        })
    }

    fn record(&mut self, change: &Change) {
        change.write(&mut self.changes);
        self.change_count += 1;
    }

    fn note_lost(&mut self, op: &Op, lost: &[ColumnId]) {
        self.lost_count += lost.len() as u64;
        for column in lost {
            if self.lost.len() < LOST_NAMED_MAX && self.lost_bytes < LOST_BYTES_MAX {
                self.lost_bytes += op.key.len();
                self.lost.push(LostColumn { table: op.table, key: op.key.clone(), column: *column });
            }
        }
    }

    /// Checks every row that was touched and adds it with its index entries.
    fn write_rows(&mut self, batch: &mut WriteBatch) -> Result<()> {
        let copy = Copy { space: self.space, generation: GENERATION };
        for ((table_id, pk), working) in &self.rows {
            let key = keys::row(self.space, GENERATION, *table_id, pk);
            match &working.row {
                Some(row) => {
                    if !row.header.deleted && !is_planted(Bug::CheckSkipped) {
                        check_row(&working.table, row)?;
                    }
                    if working.old.as_ref() != Some(row) {
                        batch.put(Partition::Rows, key, row.encode(&working.table, working.stamps.as_ref())?);
                    }
                }
                None if working.old.is_some() => batch.delete(Partition::Rows, key),
                None => {}
            }
            copy.reindex(&working.table, pk, working.old.as_ref(), working.row.as_ref(), batch)?;
            check_rows_size(batch.bytes())?;
        }
        Ok(())
    }
}
