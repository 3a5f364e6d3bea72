//! Records of the log: the batches of one IndexedDB transaction, in parts that every browser takes.

use bytes::Bytes;
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::store::{KEY_BYTES_MAX, KeyRange, Partition, WriteBatch, WriteOp};
use kalamdb_core::{Error, Result};

/// Most bytes of a value in IndexedDB. Browsers send each through a message whose size they limit.
pub const PART_BYTES_MAX: usize = 4 << 20;

const FORMAT: u8 = 1;
const LAST: u8 = 0;
const MORE: u8 = 1;
const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;
const BATCHES_MAX: usize = 1 << 24;
const OPS_MAX: usize = 1 << 28;

/// The batches as parts of at most [`PART_BYTES_MAX`] bytes; at least one, also for no batch.
pub fn encode(batches: &[WriteBatch]) -> Vec<Vec<u8>> {
    // An operation takes a few bytes beside its key and value.
    let bytes: usize = batches.iter().map(|batch| batch.bytes() + 8 * batch.ops().len() + 8).sum();
    let mut out = Writer::on(Vec::with_capacity(bytes + 16));
    out.raw(&[FORMAT, LAST]);
    out.list(batches.iter(), |out, batch| out.list(batch.ops().iter(), write_op));
    let whole = out.into_vec();
    if whole.len() <= PART_BYTES_MAX { vec![whole] } else { split(&whole[2..]) }
}

/// `bytes` in parts that say whether another follows.
pub fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks: Vec<&[u8]> = bytes.chunks(PART_BYTES_MAX - 2).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let last = chunks.len() - 1;
    let parts = chunks.into_iter().enumerate();
    parts.map(|(at, chunk)| [&[FORMAT, if at == last { LAST } else { MORE }], chunk].concat()).collect()
}

/// Puts parts together again.
#[derive(Debug, Default)]
pub struct Parts {
    bytes: Vec<u8>,
    is_open: bool,
}

impl Parts {
    /// Adds a part; the whole once it is there.
    ///
    /// # Errors
    /// Kind `corrupt` if it is none, `invalid` if it is of a newer format.
    pub fn push(&mut self, part: &[u8]) -> Result<Option<Bytes>> {
        let [format, more, chunk @ ..] = part else { return Err(damaged("a part without a head")) };
        if *format != FORMAT {
            let message =
                format!("the database has format {format}, which only a newer version reads: reload the page");
            return Err(Error::invalid("newer_version", message));
        }
        self.bytes.extend_from_slice(chunk);
        match *more {
            LAST => {
                self.is_open = false;
                Ok(Some(std::mem::take(&mut self.bytes).into()))
            }
            MORE => {
                self.is_open = true;
                Ok(None)
            }
            _ => Err(damaged("a part of unknown kind")),
        }
    }

    /// Checks that nothing is missing at the end.
    ///
    /// # Errors
    /// Kind `corrupt` if something is.
    pub fn finish(&self) -> Result<()> {
        if self.is_open { Err(damaged("a record ends before its last part")) } else { Ok(()) }
    }
}

/// The batches of a record; keys and values share its memory.
///
/// # Errors
/// Kind `corrupt` if the bytes are damaged.
pub fn decode(record: &Bytes) -> Result<Vec<WriteBatch>> {
    let mut input = Reader::new(record);
    let batches = input.list(BATCHES_MAX, |input| {
        let mut batch = WriteBatch::new();
        for op in input.list(OPS_MAX, |input| read_op(record, input))? {
            batch.push(op);
        }
        Ok(batch)
    })?;
    input.finish()?;
    Ok(batches)
}

fn write_op(out: &mut Writer, op: &WriteOp) {
    match op {
        WriteOp::Put { partition, key, value } => {
            out.u8(PUT << 4 | *partition as u8);
            out.bytes(key);
            out.bytes(value);
        }
        WriteOp::Delete { partition, key } => {
            out.u8(DELETE << 4 | *partition as u8);
            out.bytes(key);
        }
        WriteOp::DeleteRange { partition, range } => {
            out.u8(DELETE_RANGE << 4 | *partition as u8);
            out.bytes(&range.start);
            out.option(range.end.as_deref(), Writer::bytes);
        }
    }
}

fn read_op(record: &Bytes, input: &mut Reader<'_>) -> Result<WriteOp> {
    let head = input.u8()?;
    let partition = partition(head & 15)?;
    match head >> 4 {
        PUT => Ok(WriteOp::Put { partition, key: read_key(record, input)?, value: record.slice_ref(input.bytes()?) }),
        DELETE => Ok(WriteOp::Delete { partition, key: read_key(record, input)? }),
        DELETE_RANGE => {
            let start = input.bytes()?.to_vec();
            let end = input.option(|input| Ok(input.bytes()?.to_vec()))?;
            Ok(WriteOp::DeleteRange { partition, range: KeyRange { start, end } })
        }
        other => Err(damaged(&format!("an operation of unknown kind {other}"))),
    }
}

fn read_key(record: &Bytes, input: &mut Reader<'_>) -> Result<Bytes> {
    let key = input.bytes()?;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(damaged("a key of impossible length"));
    }
    Ok(record.slice_ref(key))
}

/// The partition with this number.
///
/// # Errors
/// Kind `corrupt` if there is none.
pub fn partition(number: u8) -> Result<Partition> {
    Partition::ALL.get(usize::from(number)).copied().ok_or_else(|| damaged(&format!("unknown partition {number}")))
}

pub(crate) fn damaged(what: &str) -> Error {
    let message = format!("the database in the browser is damaged ({what}): delete it and sync again");
    Error::corrupt("damaged_store", message)
}

#[cfg(test)]
mod tests;
