//! Meeting a device: whether it may go on from where it is.

use super::Server;
use super::space::{DeviceRecord, Space};
use super::write::RESULTS_KEPT;
use crate::codec::Reader;
use crate::hlc::Now;
use crate::ids::{ContentHash, DeviceId, DeviceNumber, MutationId, Position, Seq, SpaceId};
use crate::log::{LogEntry, MutationResult};
use crate::store::{CommitId, Direction, KeyRange, Partition, Snapshot, WriteBatch};
use crate::{Result, keys};

/// A new device starts from the log if that has no more transactions than this, otherwise from a snapshot.
pub const FRESH_LOG_MAX: u64 = 64;

/// What a device says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its id.
    pub device: DeviceId,
    /// Where its copy is; all zero for a new one.
    pub position: Position,
    /// Its last own transaction.
    pub last: MutationId,
    /// Its first own transaction that is not decided; one behind the last if all are.
    pub first_pending: MutationId,
}

/// Why a device gets a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SnapshotReason {
    /// It is new and the log is long.
    New = 1,
    /// Its position is of another history.
    UnknownPosition = 2,
    /// Its position is ahead of the server's.
    Ahead = 3,
    /// The log behind its position is gone.
    BelowFloor = 4,
}

/// How the server goes on with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// From the log behind its position.
    Resume,
    /// From a snapshot.
    Snapshot(SnapshotReason),
}

/// The server's side of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// How to go on.
    pub answer: Answer,
    /// Whether the device needs a new id once it has caught up: another database uses this one, or the server forgot
    /// what it had accepted under it.
    pub is_forked: bool,
    /// The number of the device.
    pub number: DeviceNumber,
    /// The device's last transaction that was decided.
    pub last: MutationId,
    /// What is known of the device's transactions from its first pending one on: the newest of them, in rising order.
    pub known: Vec<(MutationId, ContentHash)>,
    /// The end of the log.
    pub head: Position,
    /// What must be durable before the answer leaves.
    pub commit: CommitId,
}

impl Server {
    /// Registers or recognises a device and says how to go on with it.
    ///
    /// # Errors
    /// What the store gives.
    pub fn greet(&self, space: SpaceId, greeting: &Greeting, now: Now) -> Result<Welcome> {
        let space = self.space(space)?;
        let mut space = space.lock();
        self.ensure_indexes(&mut space)?;
        let snapshot = self.store.snapshot()?;
        let mut commit = CommitId(0);
        let record = match space.device(&*snapshot, greeting.device)? {
            Some(record) => record,
            None => {
                let record = DeviceRecord {
                    number: DeviceNumber(space.record.next_device),
                    seen: now.micros(),
                    ..DeviceRecord::default()
                };
                space.record.next_device += 1;
                let mut batch = WriteBatch::new();
                space.record.save(space.id, &mut batch);
                record.save(space.id, greeting.device, &mut batch);
                commit = self.store.commit(batch)?;
                space.devices.insert(greeting.device, record);
                record
            }
        };
        let is_forked = record.last > greeting.last || record.last.next() < greeting.first_pending;
        let answer = self.answer(&mut space, &*snapshot, greeting.position)?;
        let (number, last) = (record.number, record.last);
        let known = known_results(&*snapshot, space.id, greeting)?;
        Ok(Welcome { answer, is_forked, number, last, known, head: space.position(), commit })
    }

    fn answer(&self, space: &mut Space, snapshot: &dyn Snapshot, position: Position) -> Result<Answer> {
        if position == Position::default() {
            let short = space.record.gc_floor <= Seq(1) && space.head.seq.0 <= FRESH_LOG_MAX;
            return Ok(if short { Answer::Resume } else { Answer::Snapshot(SnapshotReason::New) });
        }
        if position.epoch != space.record.epoch {
            return Ok(Answer::Snapshot(SnapshotReason::UnknownPosition));
        }
        if position.seq > space.head.seq {
            self.new_epoch(space)?;
            return Ok(Answer::Snapshot(SnapshotReason::Ahead));
        }
        if position.seq.next() < space.record.gc_floor {
            return Ok(Answer::Snapshot(SnapshotReason::BelowFloor));
        }
        Ok(match chain_at(space, snapshot, position.seq)? {
            Some(chain) if chain != position.chain => {
                self.new_epoch(space)?;
                Answer::Snapshot(SnapshotReason::UnknownPosition)
            }
            Some(_) => Answer::Resume,
            // The entry itself is gone, the ones behind it are there: nothing to compare with.
            None => Answer::Snapshot(SnapshotReason::BelowFloor),
        })
    }
}

/// The newest results of a device that are kept, from its first pending mutation on.
fn known_results(snapshot: &dyn Snapshot, space: SpaceId, hello: &Greeting) -> Result<Vec<(MutationId, ContentHash)>> {
    let range = KeyRange {
        start: keys::result(space, hello.device, hello.first_pending),
        end: KeyRange::prefix(keys::results(space, hello.device)).end,
    };
    let mut known = Vec::new();
    let mut cursor = snapshot.scan(Partition::Devices, range, Direction::Reverse)?;
    while known.len() < RESULTS_KEPT as usize && cursor.advance()? {
        let result = MutationResult::read(&mut Reader::new(cursor.value()))?;
        known.push((result.id, result.hash));
    }
    known.reverse();
    Ok(known)
}

fn chain_at(space: &Space, snapshot: &dyn Snapshot, seq: Seq) -> Result<Option<crate::ids::Chain>> {
    if seq == Seq(0) {
        return Ok(Some(crate::ids::Chain::default()));
    }
    if seq == space.head.seq {
        return Ok(Some(space.head.chain));
    }
    let bytes = snapshot.get(Partition::Log, &keys::log(space.id, seq))?;
    bytes.map(|bytes| LogEntry::decode(&bytes).map(|entry| entry.chain)).transpose()
}
