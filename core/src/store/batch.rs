//! The only way to change a store.

use bytes::Bytes;

use super::{KeyRange, Partition};

/// One change of a [`WriteBatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOp {
    /// Sets the value of a key.
    Put {
        /// Where.
        partition: Partition,
        /// The key, at most 64 KiB.
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

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
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
