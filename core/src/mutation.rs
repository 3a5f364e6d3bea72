//! What a device asks for: one transaction as column patches, with what the conflict rule needs.

use crate::codec::{Reader, Writer};
use crate::hlc::Hlc;
use crate::ids::{CatalogVersion, ColumnId, ContentHash, Epoch, MutationId, Seq, TableId};
use crate::planted::{Bug, is_planted};
use crate::value::{Value, ValueRef};
use crate::{Error, Result, key};

/// Most operations of a transaction.
pub const TRANSACTION_OPS_MAX: usize = 100_000;
/// Largest transaction, encoded.
pub const TRANSACTION_BYTES_MAX: usize = 16 << 20;
/// Most columns that one operation may name.
const CELLS_MAX: usize = crate::catalog::COLUMNS_MAX;

const FORMAT: u8 = 1;

/// What a write does to one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// The column becomes this value.
    Set(Value),
    /// The COUNTER grows by this much.
    Add(i64),
}

/// Columns with what becomes of them.
pub type Patch = Vec<(ColumnId, Assignment)>;
/// Columns with their values.
pub type CellList = Vec<(ColumnId, Value)>;

/// What happens to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// A new row; refused if the key exists.
    Insert(CellList),
    /// A new row, or this patch if the key exists.
    Upsert(CellList, Patch),
    /// A patch; refused if the row is gone.
    Update(Patch),
    /// A tombstone; does nothing if the row is gone.
    Delete,
}

/// One operation of a mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// The table.
    pub table: TableId,
    /// The encoded primary key.
    pub key: Vec<u8>,
    /// What happens to the row.
    pub kind: OpKind,
}

/// The snapshot that a transaction read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// Its history.
    pub epoch: Epoch,
    /// Its last transaction.
    pub seq: Seq,
}

/// A device's transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Its number on the device.
    pub id: MutationId,
    /// What it read.
    pub base: Base,
    /// Its clock.
    pub hlc: Hlc,
    /// The catalog in which its columns are meant.
    pub catalog: CatalogVersion,
    /// Its operations in order.
    pub ops: Vec<Op>,
}

impl Mutation {
    /// Everything but the id, as stored, sent and hashed.
    pub fn encode_content(&self) -> Vec<u8> {
        let mut out = Writer::on(Vec::with_capacity(64 + 64 * self.ops.len()));
        out.u8(FORMAT);
        out.raw(&self.base.epoch.0);
        out.varint(self.base.seq.0);
        out.raw(&self.hlc.0.to_le_bytes());
        out.varint(self.catalog.0);
        out.list(self.ops.iter(), |out, op| op.write(out));
        out.into_vec()
    }

    /// Reads what [`Mutation::encode_content`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no content, `quota` if it is larger than a transaction may be.
    pub fn decode_content(id: MutationId, content: &[u8]) -> Result<Mutation> {
        check_size(content.len(), 0)?;
        let mut input = Reader::new(content);
        let format = input.u8()?;
        if format != FORMAT {
            return Err(Error::corrupt("unknown_format", format!("mutation of unknown format {format}")));
        }
        let mutation = Mutation {
            id,
            base: Base { epoch: Epoch(input.array()?), seq: Seq(input.varint()?) },
            hlc: Hlc(u64::from_le_bytes(input.array()?)),
            catalog: CatalogVersion(input.varint()?),
            ops: input.list(TRANSACTION_OPS_MAX, Op::read)?,
        };
        input.finish()?;
        Ok(mutation)
    }
}

/// Refuses transactions that are too large.
///
/// # Errors
/// Kind `quota`, naming the limit.
pub fn check_size(bytes: usize, ops: usize) -> Result<()> {
    if bytes <= TRANSACTION_BYTES_MAX && ops <= TRANSACTION_OPS_MAX {
        return Ok(());
    }
    let message = format!(
        "a transaction of {bytes} bytes and {ops} operations: at most {TRANSACTION_BYTES_MAX} bytes and \
         {TRANSACTION_OPS_MAX} operations are allowed, split it"
    );
    Err(Error::quota("transaction_too_large", message))
}

/// The hash by which a repeated mutation is known again.
pub fn content_hash(content: &[u8]) -> ContentHash {
    ContentHash::of(content)
}

/// Whether two hashes are of the same content: the mutation is known, and not another one under its number.
pub fn is_same_content(one: ContentHash, other: ContentHash) -> bool {
    one == other || is_planted(Bug::HashNotCompared)
}

fn write_patch(out: &mut Writer, patch: &Patch) {
    out.list(patch.iter(), |out, (column, assignment)| {
        out.varint(column.0.into());
        match assignment {
            Assignment::Set(value) => {
                out.u8(1);
                value.write(out);
            }
            Assignment::Add(delta) => {
                out.u8(2);
                out.zigzag(*delta);
            }
        }
    });
}

fn read_patch(input: &mut Reader<'_>) -> Result<Patch> {
    input.list(CELLS_MAX, |input| {
        let column = ColumnId(input.varint32()?);
        Ok(match input.u8()? {
            1 => (column, Assignment::Set(ValueRef::read(input)?.to_owned())),
            2 => (column, Assignment::Add(input.zigzag()?)),
            other => return Err(Error::corrupt("unknown_assignment", format!("unknown assignment {other}"))),
        })
    })
}

/// Appends columns with their values.
pub(crate) fn write_cells(out: &mut Writer, cells: &CellList) {
    out.list(cells.iter(), |out, (column, value)| {
        out.varint(column.0.into());
        value.write(out);
    });
}

/// Reads what [`write_cells`] wrote.
pub(crate) fn read_cells(input: &mut Reader<'_>) -> Result<CellList> {
    input.list(CELLS_MAX, |input| Ok((ColumnId(input.varint32()?), ValueRef::read(input)?.to_owned())))
}

/// Reads an encoded primary key and checks its length.
pub(crate) fn read_key(input: &mut Reader<'_>) -> Result<Vec<u8>> {
    let key = input.bytes()?;
    if key.is_empty() || key.len() > key::KEY_BYTES_MAX {
        return Err(Error::corrupt("invalid_key", format!("a primary key of {} bytes", key.len())));
    }
    Ok(key.to_vec())
}

impl Op {
    fn write(&self, out: &mut Writer) {
        let number = match &self.kind {
            OpKind::Insert(_) => 1,
            OpKind::Upsert(..) => 2,
            OpKind::Update(_) => 3,
            OpKind::Delete => 4,
        };
        out.u8(number);
        out.varint(self.table.0.into());
        out.bytes(&self.key);
        match &self.kind {
            OpKind::Insert(cells) => write_cells(out, cells),
            OpKind::Upsert(cells, patch) => {
                write_cells(out, cells);
                write_patch(out, patch);
            }
            OpKind::Update(patch) => write_patch(out, patch),
            OpKind::Delete => {}
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Op> {
        let number = input.u8()?;
        let table = TableId(input.varint32()?);
        let key = read_key(input)?;
        let kind = match number {
            1 => OpKind::Insert(read_cells(input)?),
            2 => OpKind::Upsert(read_cells(input)?, read_patch(input)?),
            3 => OpKind::Update(read_patch(input)?),
            4 => OpKind::Delete,
            other => return Err(Error::corrupt("unknown_operation", format!("unknown operation {other}"))),
        };
        Ok(Op { table, key, kind })
    }
}
