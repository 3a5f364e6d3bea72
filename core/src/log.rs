//! Log entries: what a transaction really changed, and the answer to its author.
//!
//! The public part is the same for every device and is what the chain hash covers; the private part goes to the
//! author only. docs/format.md draws both.

use crate::codec::{Reader, Writer};
use crate::hlc::Hlc;
use crate::ids::{CatalogVersion, Chain, ColumnId, ContentHash, DeviceId, DeviceNumber, MutationId, Seq, TableId};
use crate::mutation::{CellList, TRANSACTION_OPS_MAX, read_cells, read_key, write_cells};
use crate::{Error, ErrorKind, Result};

/// Most lost columns that a result names; their number is always exact.
pub const LOST_NAMED_MAX: usize = 256;
const FORMAT: u8 = 1;

/// What happened to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The row was inserted with these cells.
    Put(CellList),
    /// Columns were assigned, then counters grew.
    Patch {
        /// Assigned columns.
        sets: CellList,
        /// Counters and their growth.
        adds: Vec<(ColumnId, i64)>,
    },
    /// The row became a tombstone.
    Delete,
    /// The row and its tombstone are gone.
    Purge,
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: TableId,
    /// The encoded primary key.
    pub key: Vec<u8>,
    /// What happened.
    pub kind: ChangeKind,
}

impl Change {
    /// Appends the change.
    pub fn write(&self, out: &mut Writer) {
        let number = match &self.kind {
            ChangeKind::Put(_) => 1,
            ChangeKind::Patch { .. } => 2,
            ChangeKind::Delete => 3,
            ChangeKind::Purge => 4,
        };
        out.u8(number);
        out.varint(self.table.0.into());
        out.bytes(&self.key);
        match &self.kind {
            ChangeKind::Put(cells) => write_cells(out, cells),
            ChangeKind::Patch { sets, adds } => {
                write_cells(out, sets);
                out.list(adds.iter(), |out, (column, delta)| {
                    out.varint(column.0.into());
                    out.zigzag(*delta);
                });
            }
            ChangeKind::Delete | ChangeKind::Purge => {}
        }
    }

    /// Reads what [`Change::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no change.
    pub fn read(input: &mut Reader<'_>) -> Result<Change> {
        let number = input.u8()?;
        let table = TableId(input.varint32()?);
        let key = read_key(input)?;
        let kind = match number {
            1 => ChangeKind::Put(read_cells(input)?),
            2 => ChangeKind::Patch {
                sets: read_cells(input)?,
                adds: input
                    .list(crate::catalog::COLUMNS_MAX, |input| Ok((ColumnId(input.varint32()?), input.zigzag()?)))?,
            },
            3 => ChangeKind::Delete,
            4 => ChangeKind::Purge,
            other => return Err(Error::corrupt("unknown_change", format!("unknown change {other}"))),
        };
        Ok(Change { table, key, kind })
    }
}

/// What every device learns of a transaction before its changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryHead {
    /// Its number.
    pub seq: Seq,
    /// Its author.
    pub device: DeviceNumber,
    /// Its clock.
    pub hlc: Hlc,
    /// The catalog in which its columns are meant.
    pub catalog: CatalogVersion,
    /// Its commit time, µs since 1970, never before that of an earlier one.
    pub updated: i64,
    /// Whether it was refused; then it has no changes.
    pub refused: bool,
    /// The number of its changes.
    pub changes: u32,
}

impl EntryHead {
    /// Appends the head.
    pub fn write(&self, out: &mut Writer) {
        out.u8(FORMAT);
        out.varint(self.seq.0);
        out.varint(self.device.0);
        out.raw(&self.hlc.0.to_le_bytes());
        out.varint(self.catalog.0);
        out.raw(&self.updated.to_le_bytes());
        out.u8(self.refused.into());
        out.varint(self.changes.into());
    }

    /// Reads what [`EntryHead::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no head.
    pub fn read(input: &mut Reader<'_>) -> Result<EntryHead> {
        let format = input.u8()?;
        if format != FORMAT {
            return Err(Error::corrupt("unknown_format", format!("log entry of unknown format {format}")));
        }
        let head = EntryHead {
            seq: Seq(input.varint()?),
            device: DeviceNumber(input.varint()?),
            hlc: Hlc(u64::from_le_bytes(input.array()?)),
            catalog: CatalogVersion(input.varint()?),
            updated: i64::from_le_bytes(input.array()?),
            refused: input.flag()?,
            changes: input.varint32()?,
        };
        if head.changes as usize > TRANSACTION_OPS_MAX || (head.refused && head.changes > 0) {
            return Err(Error::corrupt(
                "broken_entry",
                format!("log entry {} claims {} changes", head.seq, head.changes),
            ));
        }
        Ok(head)
    }
}

/// A column that an accepted write did not get because another write was later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostColumn {
    /// The table.
    pub table: TableId,
    /// The encoded primary key.
    pub key: Vec<u8>,
    /// The column.
    pub column: ColumnId,
}

/// How the server decided a mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It took effect.
    Applied {
        /// The first [`LOST_NAMED_MAX`] columns that lost against a later write.
        lost: Vec<LostColumn>,
        /// How many lost.
        lost_count: u64,
    },
    /// It had no effect.
    Refused(Error),
}

/// The answer to a mutation, for its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutationResult {
    /// The mutation.
    pub id: MutationId,
    /// Its content, as the server received it.
    pub hash: ContentHash,
    /// The transaction that decided it.
    pub seq: Seq,
    /// The decision.
    pub verdict: Verdict,
}

impl MutationResult {
    /// Appends the result.
    pub fn write(&self, out: &mut Writer) {
        out.varint(self.id.0);
        out.raw(&self.hash.0);
        out.varint(self.seq.0);
        match &self.verdict {
            Verdict::Applied { lost, lost_count } => {
                out.u8(1);
                out.varint(*lost_count);
                out.list(lost.iter(), |out, lost| {
                    out.varint(lost.table.0.into());
                    out.bytes(&lost.key);
                    out.varint(lost.column.0.into());
                });
            }
            Verdict::Refused(error) => {
                out.u8(2);
                write_error(out, error);
            }
        }
    }

    /// Reads what [`MutationResult::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no result.
    pub fn read(input: &mut Reader<'_>) -> Result<MutationResult> {
        let id = MutationId(input.varint()?);
        let hash = ContentHash(input.array()?);
        let seq = Seq(input.varint()?);
        let verdict = match input.u8()? {
            1 => {
                let lost_count = input.varint()?;
                let lost = input.list(LOST_NAMED_MAX, |input| {
                    Ok(LostColumn {
                        table: TableId(input.varint32()?),
                        key: read_key(input)?,
                        column: ColumnId(input.varint32()?),
                    })
                })?;
                Verdict::Applied { lost, lost_count }
            }
            2 => Verdict::Refused(read_error(input)?),
            other => return Err(Error::corrupt("unknown_verdict", format!("unknown verdict {other}"))),
        };
        Ok(MutationResult { id, hash, seq, verdict })
    }
}

/// Appends an error: kind, code, message.
pub fn write_error(out: &mut Writer, error: &Error) {
    out.u8(error.kind() as u8);
    out.text(error.code());
    out.text(error.message());
}

/// Reads what [`write_error`] wrote.
///
/// # Errors
/// Kind `corrupt` if the bytes are no error.
pub fn read_error(input: &mut Reader<'_>) -> Result<Error> {
    let number = input.u8()?;
    let Some(kind) = ErrorKind::from_u8(number) else {
        return Err(Error::corrupt("unknown_error_kind", format!("unknown error kind {number}")));
    };
    Ok(Error::new(kind, input.text()?.to_string(), input.text()?))
}

/// A log entry as stored: who asked, the answer, and the public bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The chain value behind this entry.
    pub chain: Chain,
    /// The author.
    pub author: DeviceId,
    /// The answer.
    pub result: MutationResult,
    /// The public head.
    pub head: EntryHead,
    /// The encoded changes.
    pub changes: Vec<u8>,
}

impl LogEntry {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::on(Vec::with_capacity(128 + self.changes.len()));
        out.u8(FORMAT);
        out.raw(&self.chain.0);
        out.raw(&self.author.0);
        self.result.write(&mut out);
        self.head.write(&mut out);
        out.raw(&self.changes);
        out.into_vec()
    }

    /// Reads what [`LogEntry::encode`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no entry.
    pub fn decode(bytes: &[u8]) -> Result<LogEntry> {
        let mut input = Reader::new(bytes);
        let format = input.u8()?;
        if format != FORMAT {
            return Err(Error::corrupt("unknown_format", format!("log entry of unknown format {format}")));
        }
        Ok(LogEntry {
            chain: Chain(input.array()?),
            author: DeviceId(input.array()?),
            result: MutationResult::read(&mut input)?,
            head: EntryHead::read(&mut input)?,
            changes: input.rest().to_vec(),
        })
    }

    /// The encoded head, as it is hashed and sent.
    pub fn head_bytes(&self) -> Vec<u8> {
        let mut out = Writer::on(Vec::with_capacity(40));
        self.head.write(&mut out);
        out.into_vec()
    }
}

/// Reads exactly `count` changes.
///
/// # Errors
/// Kind `corrupt` if there are more or fewer.
pub fn read_changes(count: u32, bytes: &[u8]) -> Result<Vec<Change>> {
    let mut input = Reader::new(bytes);
    let mut changes = Vec::with_capacity((count as usize).min(bytes.len()));
    for _ in 0..count {
        changes.push(Change::read(&mut input)?);
    }
    input.finish()?;
    Ok(changes)
}
