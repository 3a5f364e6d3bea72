//! Snapshots as they travel: a sequence of blocks, each with rows of one table in the order of their keys.
//!
//! docs/protocol.md draws offer and block.

use crate::codec::{Reader, Writer};
use crate::ids::{Chain, Position, TableId};
use crate::key::KEY_BYTES_MAX;
use crate::{Error, Result};

/// A block is closed once it has this many bytes; one row may carry it further.
pub const BLOCK_BYTES: usize = 384 * 1024;
/// Largest block that is accepted.
pub const BLOCK_BYTES_MAX: usize = 2 << 20;
const ROWS_MAX: usize = BLOCK_BYTES_MAX / 4;

/// What a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotOffer {
    /// Its id: the same id means the same bytes.
    pub id: [u8; 16],
    /// The state that it holds.
    pub position: Position,
    /// Commit time of the last transaction in it, µs since 1970.
    pub updated: i64,
    /// The number of its blocks.
    pub blocks: u64,
    /// The number of its rows, tombstones included.
    pub rows: u64,
    /// The bytes of its blocks.
    pub bytes: u64,
    /// The chain value over all blocks in order, from zero.
    pub checksum: Chain,
}

impl SnapshotOffer {
    /// Appends the offer.
    pub fn write(&self, out: &mut Writer) {
        out.raw(&self.id);
        self.position.write(out);
        out.zigzag(self.updated);
        out.varint(self.blocks);
        out.varint(self.rows);
        out.varint(self.bytes);
        out.raw(&self.checksum.0);
    }

    /// Reads what [`SnapshotOffer::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no offer.
    pub fn read(input: &mut Reader<'_>) -> Result<SnapshotOffer> {
        Ok(SnapshotOffer {
            id: input.array()?,
            position: Position::read(input)?,
            updated: input.zigzag()?,
            blocks: input.varint()?,
            rows: input.varint()?,
            bytes: input.varint()?,
            checksum: Chain(input.array()?),
        })
    }
}

/// Collects rows of one table into a block.
#[derive(Clone, Debug, Default)]
pub struct BlockWriter {
    rows: Writer,
    count: u64,
}

impl BlockWriter {
    /// Adds a row.
    pub fn push(&mut self, pk: &[u8], row: &[u8]) {
        self.rows.bytes(pk);
        self.rows.bytes(row);
        self.count += 1;
    }

    /// Rows so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the block should be closed.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= BLOCK_BYTES
    }

    /// The block; the writer is empty afterwards.
    pub fn take(&mut self, table: TableId) -> Vec<u8> {
        let mut out = Writer::on(Vec::with_capacity(self.rows.len() + 16));
        out.varint(table.0.into());
        out.varint(self.count);
        out.raw(self.rows.as_slice());
        *self = BlockWriter::default();
        out.into_vec()
    }
}

/// Encoded primary key and encoded row.
pub type BlockRow<'a> = (&'a [u8], &'a [u8]);

/// The rows of a block.
///
/// # Errors
/// Kind `corrupt` if the bytes are no block.
pub fn read_block(bytes: &[u8]) -> Result<(TableId, Vec<BlockRow<'_>>)> {
    if bytes.len() > BLOCK_BYTES_MAX {
        let message = format!("a snapshot block of {} bytes: at most {BLOCK_BYTES_MAX} are allowed", bytes.len());
        return Err(Error::corrupt("block_too_large", message));
    }
    let mut input = Reader::new(bytes);
    let table = TableId(input.varint32()?);
    let rows = input.list(ROWS_MAX, |input| {
        let pk = input.bytes()?;
        if pk.is_empty() || pk.len() > KEY_BYTES_MAX {
            return Err(Error::corrupt("invalid_key", format!("a primary key of {} bytes", pk.len())));
        }
        Ok((pk, input.bytes()?))
    })?;
    input.finish()?;
    Ok((table, rows))
}
