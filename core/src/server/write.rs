//! Writing to a space: mutations of devices, and transactions of the server itself.

use super::Server;
use super::execute::{MALFORMED, Outcome, Request, Work, execute};
use super::space::{DeviceRecord, Space, stored_result};
use crate::hlc::Now;
use crate::ids::{DeviceId, DeviceNumber, MutationId, Seq, SpaceId};
use crate::log::{LostColumn, MutationResult, Verdict};
use crate::mutation::{Mutation, content_hash, is_same_content};
use crate::planted::{Bug, is_planted};
use crate::store::{CommitId, Direction, KeyRange, Partition, WriteBatch};
use crate::transaction::{Author, Transaction};
use crate::{Error, Result, keys};

/// Results of a device that are kept although it acknowledged them: a copy of its database may ask again.
pub const RESULTS_KEPT: u64 = 1_000;
/// Older acknowledged results are removed once there are this many.
const ACKED_RESULTS_BATCH: u64 = 64;

/// What became of a device's mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The answer, as it stands in the log.
    pub result: MutationResult,
    /// What must be durable before the answer leaves; `None` if the mutation was known already.
    pub commit: Option<CommitId>,
    /// By how many milliseconds the device's clock was too far ahead.
    pub clock_ahead_ms: Option<i64>,
}

/// What became of a transaction of the server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number; that of the last one if it changed nothing.
    pub seq: Seq,
    /// What must be durable before anybody is told.
    pub commit: CommitId,
    /// Columns that a write in between took.
    pub lost: Vec<LostColumn>,
    /// How many those are.
    pub lost_count: u64,
}

impl Server {
    /// Executes a device's mutation, or finds its answer if it was executed before.
    ///
    /// # Errors
    /// Kind `conflict` with code `device_forked` if another mutation had this id, with `mutation_gap` if one before it is
    /// missing; `unauthorized` for a device that was not greeted; what the store gives.
    pub fn execute(
        &self,
        space: SpaceId,
        device: DeviceId,
        id: MutationId,
        content: &[u8],
        now: Now,
    ) -> Result<Executed> {
        let hash = content_hash(content);
        let space = self.space(space)?;
        let mut space = space.lock();
        let snapshot = self.store.snapshot()?;
        let Some(record) = space.device(&*snapshot, device)? else {
            return Err(Error::unauthorized("unknown_device", "the device was not greeted in this space"));
        };
        if id <= record.last && !is_planted(Bug::AppliedTwice) {
            return match stored_result(&*snapshot, space.id, device, id)? {
                Some(result) if is_same_content(result.hash, hash) => {
                    Ok(Executed { result, commit: None, clock_ahead_ms: None })
                }
                _ => Err(Error::conflict(
                    "device_forked",
                    format!("mutation {id} of this device was another one before"),
                )),
            };
        }
        if id != record.last.next() && !is_planted(Bug::AppliedTwice) {
            let message =
                format!("mutation {id} came, but {} is next: connect again and go on there", record.last.next());
            return Err(Error::conflict("mutation_gap", message));
        }
        self.ensure_indexes(&mut space)?;
        let decoded = Mutation::decode_content(id, content).map_err(|error| {
            let kind = error.kind();
            if kind == crate::ErrorKind::Quota { error } else { Error::corrupt(MALFORMED, error.message()) }
        });
        let mutation = decoded.as_ref().map_err(Clone::clone);
        let request = Request { device, record, id, hash, work: Work::Mutation(mutation), now };
        let outcome = execute(&space, &*snapshot, &self.catalog(), request)?;
        let clock_ahead_ms = outcome.clock_ahead_ms;
        let (result, commit) = self.finish(&mut space, device, outcome, WriteBatch::new())?;
        Ok(Executed { result, commit: Some(commit), clock_ahead_ms })
    }

    /// Starts a transaction of the server itself on the present state of a space.
    ///
    /// # Errors
    /// What the store gives.
    pub fn begin(&self, space: SpaceId, now: Now) -> Result<Transaction> {
        let (view, _) = self.view(space)?;
        let (entropy, snowflakes) = (self.entropy.clone(), self.snowflakes.clone());
        Ok(Transaction::new(view, now, Author { entropy, device: Some(DeviceNumber(0)), snowflakes }, 0))
    }

    /// Commits a transaction of the server itself; `extra` goes into the same batch.
    ///
    /// # Errors
    /// Kind `conflict` or `invalid` if the rule refuses it: it changed nothing then.
    pub fn commit(&self, space: SpaceId, transaction: Transaction, now: Now, extra: WriteBatch) -> Result<Written> {
        let base = transaction.view().base();
        let space = self.space(space)?;
        let mut space = space.lock();
        let (_, ops) = transaction.into_parts();
        if ops.is_empty() && extra.is_empty() {
            let commit = space.unsynced.back().map_or(CommitId(0), |(commit, _)| *commit);
            return Ok(Written { seq: space.head.seq, commit, lost: Vec::new(), lost_count: 0 });
        }
        let snapshot = self.store.snapshot()?;
        let device = DeviceId::SERVER;
        let record = space.device(&*snapshot, device)?.unwrap_or_default();
        let id = record.last.next();
        let hlc = { space.clock }.tick(now);
        let catalog = self.catalog();
        let mutation = Mutation { id, base, hlc, catalog: catalog.version(), ops };
        let hash = content_hash(&mutation.encode_content());
        let request = Request { device, record, id, hash, work: Work::Mutation(Ok(&mutation)), now };
        let outcome = execute(&space, &*snapshot, &catalog, request)?;
        if let Verdict::Refused(error) = &outcome.result.verdict {
            return Err(error.clone());
        }
        let (result, commit) = self.finish(&mut space, device, outcome, extra)?;
        match result.verdict {
            Verdict::Applied { lost, lost_count } => Ok(Written { seq: result.seq, commit, lost, lost_count }),
            Verdict::Refused(error) => Err(error),
        }
    }

    /// Commits an outcome and makes it the space's present.
    pub(super) fn finish(
        &self,
        space: &mut Space,
        device: DeviceId,
        outcome: Outcome,
        extra: WriteBatch,
    ) -> Result<(MutationResult, CommitId)> {
        let Outcome { mut batch, head, result, record, clock, .. } = outcome;
        batch.append(extra);
        let commit = self.store.commit(batch)?;
        space.head = head;
        space.clock = clock;
        space.devices.insert(device, record);
        // What is durable by now need not be remembered, also where nobody asks.
        space.synced(self.store.persisted());
        space.unsynced.push_back((commit, head.seq));
        if let Some(observer) = self.observer.read().as_ref() {
            observer(space.id, head.seq, commit);
        }
        Ok((result, commit))
    }

    /// Notes that a device holds every transaction up to `seq` durably: their results need not be kept.
    ///
    /// # Errors
    /// What the store gives.
    pub fn acknowledge(&self, space: SpaceId, device: DeviceId, seq: Seq, now: Now) -> Result<()> {
        let space = self.space(space)?;
        let mut space = space.lock();
        let snapshot = self.store.snapshot()?;
        let Some(record) = space.device(&*snapshot, device)? else { return Ok(()) };
        let seq = seq.min(space.head.seq);
        if seq <= record.acked {
            return Ok(());
        }
        let record = DeviceRecord { acked: seq, seen: now.micros(), ..record };
        space.devices.insert(device, record);
        let mut batch = WriteBatch::new();
        let range = KeyRange::prefix(keys::results(space.id, device));
        let mut cursor = snapshot.scan(Partition::Devices, range, Direction::Forward)?;
        let mut acked = 0;
        while cursor.advance()? {
            let result = MutationResult::read(&mut crate::codec::Reader::new(cursor.value()))?;
            if result.seq > seq || result.id.0 + RESULTS_KEPT > record.last.0 {
                break;
            }
            acked += 1;
            batch.delete(Partition::Devices, cursor.key());
        }
        if acked >= ACKED_RESULTS_BATCH {
            record.save(space.id, device, &mut batch);
            self.store.commit(batch)?;
        }
        Ok(())
    }
}
