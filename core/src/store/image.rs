//! A whole store as copy-on-write maps.

use bytes::Bytes;

use super::{CowMap, Cursor, Direction, KeyRange, Partition, Snapshot, WriteBatch, WriteOp};
use crate::Result;

/// All partitions of a store in memory; a clone is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Image {
    partitions: [CowMap; Partition::ALL.len()],
}

impl Image {
    /// The bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.partitions.iter().map(CowMap::bytes).sum()
    }

    /// One partition.
    pub fn partition(&self, partition: Partition) -> &CowMap {
        &self.partitions[partition as usize]
    }

    /// One partition, to change it.
    pub fn partition_mut(&mut self, partition: Partition) -> &mut CowMap {
        &mut self.partitions[partition as usize]
    }

    /// Applies a batch in order.
    pub fn apply(&mut self, batch: WriteBatch) {
        for op in batch.into_ops() {
            match op {
                WriteOp::Put { partition, key, value } => self.partition_mut(partition).insert(key, value),
                WriteOp::Delete { partition, key } => {
                    self.partition_mut(partition).remove(&key);
                }
                WriteOp::DeleteRange { partition, range } => self.partition_mut(partition).remove_range(&range),
            }
        }
    }
}

/// A [`Snapshot`] of an [`Image`].
#[derive(Clone, Debug)]
pub struct ImageSnapshot(pub Image);

impl Snapshot for ImageSnapshot {
    fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.0.partition(partition).get(key))
    }

    fn scan<'a>(&'a self, partition: Partition, range: KeyRange, direction: Direction) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(self.0.partition(partition).cursor(range, direction)))
    }
}
