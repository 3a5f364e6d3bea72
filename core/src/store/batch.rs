//! The only way to change a store.

use bytes::Bytes;

use super::{KeyRange, Partition};
use crate::{Error, Result};

/// The longest key of a store, in bytes; the shortest has one.
pub const KEY_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of keys and values in one batch.
pub const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One change of a [`WriteBatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOp {
    /// Sets the value of a key.
    Put {
        /// Where.
        partition: Partition,
        /// The key, of 1 to [`KEY_BYTES_MAX`] bytes.
        key: Bytes,
        /// The value.
        value: Bytes,
    },
    /// Removes a key; nothing happens if it is absent.
    Delete {
        /// Where.
        partition: Partition,
        /// The key.
        key: Bytes,
    },
    /// Removes every key of a range that is present when this operation is reached.
    DeleteRange {
        /// Where.
        partition: Partition,
        /// The keys.
        range: KeyRange,
    },
}

/// Changes that are applied together, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteBatch {
    ops: Vec<WriteOp>,
    bytes: usize,
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> WriteBatch {
        WriteBatch::default()
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, partition: Partition, key: impl IntoBytes, value: impl IntoBytes) {
        let (key, value) = (key.into_bytes(), value.into_bytes());
        self.bytes += key.len() + value.len();
        self.ops.push(WriteOp::Put { partition, key, value });
    }

    /// Removes `key`.
    pub fn delete(&mut self, partition: Partition, key: impl IntoBytes) {
        let key = key.into_bytes();
        self.bytes += key.len();
        self.ops.push(WriteOp::Delete { partition, key });
    }

    /// Removes all keys of `range`.
    pub fn delete_range(&mut self, partition: Partition, range: KeyRange) {
        self.bytes += range.start.len() + range.end.as_ref().map_or(0, Vec::len);
        self.ops.push(WriteOp::DeleteRange { partition, range });
    }

    /// Adds the operations of `other` behind those of this batch.
    pub fn append(&mut self, other: WriteBatch) {
        self.bytes += other.bytes;
        self.ops.extend(other.ops);
    }

    /// Adds one operation.
    pub fn push(&mut self, op: WriteOp) {
        match op {
            WriteOp::Put { partition, key, value } => self.put(partition, key, value),
            WriteOp::Delete { partition, key } => self.delete(partition, key),
            WriteOp::DeleteRange { partition, range } => self.delete_range(partition, range),
        }
    }

    /// The operations in order.
    pub fn ops(&self) -> &[WriteOp] {
        &self.ops
    }

    /// The operations in order, by value.
    pub fn into_ops(self) -> Vec<WriteOp> {
        self.ops
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether every store takes this batch. Stores call it before they write.
    ///
    /// # Errors
    /// Kind `invalid` for a key that is empty or longer than [`KEY_BYTES_MAX`]; kind `quota` for a batch of more than
    /// [`BATCH_BYTES_MAX`] bytes.
    pub fn check(&self) -> Result<()> {
        if self.bytes > BATCH_BYTES_MAX {
            return Err(Error::quota(
                "batch_too_large",
                format!("a batch of {} bytes is over the limit of {BATCH_BYTES_MAX}: split it", self.bytes),
            ));
        }
        self.ops.iter().try_for_each(|op| match op {
            WriteOp::Put { partition, key, .. } | WriteOp::Delete { partition, key } => check_key(*partition, key),
            WriteOp::DeleteRange { .. } => Ok(()),
        })
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

fn check_key(partition: Partition, key: &[u8]) -> Result<()> {
    match key.len() {
        0 => Err(Error::invalid("empty_key", format!("a key of `{partition}` is empty: give it at least one byte"))),
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => Err(Error::invalid(
            "key_too_long",
            format!("a key of `{partition}` has {bytes} bytes, the limit is {KEY_BYTES_MAX}: shorten it"),
        )),
    }
}

/// Byte strings that a [`WriteBatch`] takes.
pub trait IntoBytes {
    /// The bytes; owned ones are not copied.
    fn into_bytes(self) -> Bytes;
}

impl IntoBytes for Bytes {
    fn into_bytes(self) -> Bytes {
        self
    }
}

impl IntoBytes for Vec<u8> {
    fn into_bytes(self) -> Bytes {
        Bytes::from(self)
    }
}

impl IntoBytes for &[u8] {
    fn into_bytes(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}

impl<const N: usize> IntoBytes for [u8; N] {
    fn into_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self)
    }
}
