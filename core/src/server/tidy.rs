//! What a server removes in time: old log entries, expired tombstones, rows of dropped tables, old snapshots.

use super::Server;
use super::execute::{GENERATION, Request, Work, execute};
use crate::garbage;
use crate::hlc::Now;
use crate::ids::{DeviceId, Seq, SpaceId, TableId};
use crate::row::Header;
use crate::store::{CommitId, Direction, KeyRange, Partition, WriteBatch};
use crate::{Result, keys};

/// How much [`Server::tidy`] leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TidyLimits {
    /// Log entries of a space that stay, and behind them as many again for a snapshot that is being fetched.
    pub log_entries_kept: u64,
    /// Tombstones that one call removes.
    pub tombstones_max: usize,
}

/// What [`Server::tidy`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Log entries.
    pub log_entries: u64,
    /// Tombstones past the retention of their table.
    pub tombstones: u64,
}

/// Rows by table and primary key.
pub type RowKeys = Vec<(TableId, Vec<u8>)>;

const SECOND_MICROS: i64 = 1_000_000;

impl Server {
    /// Removes rows for good: no tombstone stays, here or on devices. Rows that are not there are left out. The commit
    /// that the removal rests on, if there was anything to do.
    ///
    /// It is for retention and for the deletion of accounts; a user's DELETE leaves tombstones.
    ///
    /// # Errors
    /// Kind `invalid` for an unknown table; what the store gives.
    pub fn purge(&self, space: SpaceId, rows: &[(TableId, Vec<u8>)], now: Now) -> Result<Option<CommitId>> {
        let space = self.space(space)?;
        let mut space = space.lock();
        self.ensure_indexes(&mut space)?;
        let snapshot = self.store.snapshot()?;
        let mut there = RowKeys::new();
        for (table, key) in rows {
            if snapshot.get(Partition::Rows, &keys::row(space.id, GENERATION, *table, key))?.is_some() {
                there.push((*table, key.clone()));
            }
        }
        if there.is_empty() {
            return Ok(None);
        }
        let device = DeviceId::SERVER;
        let record = space.device(&*snapshot, device)?.unwrap_or_default();
        let id = record.last.next();
        let request = Request { device, record, id, hash: Default::default(), work: Work::Purge(&there), now };
        let outcome = execute(&space, &*snapshot, &self.catalog(), request)?;
        if let crate::log::Verdict::Refused(error) = outcome.result.verdict {
            return Err(error);
        }
        let (_, commit) = self.finish(&mut space, device, outcome, WriteBatch::new())?;
        Ok(Some(commit))
    }

    /// Removes what a space need not keep. Devices that are further behind than the log get a snapshot.
    ///
    /// # Errors
    /// What the store gives.
    pub fn tidy(&self, space: SpaceId, now: Now, limits: TidyLimits) -> Result<Tidied> {
        let expired = self.expired_tombstones(space, now, limits.tombstones_max)?;
        self.purge(space, &expired, now)?;
        self.forget_offers(space, limits.log_entries_kept)?;
        let before = self.space(space)?.lock().record.gc_floor;
        let head = self.position(space)?.seq;
        let floor = self.truncate_log(space, Seq(head.0.saturating_sub(limits.log_entries_kept)))?;
        let mut batch = WriteBatch::new();
        garbage::collect(&*self.store.snapshot()?, &self.catalog(), space, GENERATION, &mut batch)?;
        if !batch.is_empty() {
            self.store.commit(batch)?;
        }
        Ok(Tidied { log_entries: floor.0.saturating_sub(before.0), tombstones: expired.len() as u64 })
    }

    fn expired_tombstones(&self, space: SpaceId, now: Now, most: usize) -> Result<RowKeys> {
        let (view, _) = self.view(space)?;
        let mut expired = RowKeys::new();
        for table in view.catalog().clone().tables() {
            let Some(seconds) = table.options.deleted_retention_seconds else { continue };
            let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_MICROS);
            let latest = now.micros().saturating_sub(micros);
            let prefix = keys::table_rows(space, GENERATION, table.id);
            let mut cursor =
                view.snapshot.scan(Partition::Rows, KeyRange::prefix(prefix.clone()), Direction::Forward)?;
            while expired.len() < most && cursor.advance()? {
                if Header::is_tombstone(cursor.value())? && Header::peek(cursor.value())?.updated < latest {
                    expired.push((table.id, cursor.key().get(prefix.len()..).unwrap_or_default().to_vec()));
                }
            }
        }
        Ok(expired)
    }

    /// Offers that are so old that they would hold the log: a device that fetches one is offered a newer one.
    fn forget_offers(&self, space: SpaceId, log_entries_kept: u64) -> Result<()> {
        let space = self.space(space)?;
        let mut space = space.lock();
        let oldest = Seq(space.head.seq.0.saturating_sub(log_entries_kept.saturating_mul(2)));
        let mut batch = WriteBatch::new();
        for (number, _) in space.snapshots.iter().filter(|(_, offer)| offer.position.seq < oldest) {
            batch.delete_range(Partition::Staging, keys::snapshot_all(space.id, *number));
        }
        if !batch.is_empty() {
            self.store.commit(batch)?;
            space.snapshots.retain(|(_, offer)| offer.position.seq >= oldest);
        }
        Ok(())
    }
}
