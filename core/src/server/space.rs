//! What the server keeps in memory about a space, and the records behind it.

use std::collections::{HashMap, VecDeque};

use crate::codec::{Reader, Writer};
use crate::hlc::{Hlc, HlcClock};
use crate::ids::{CatalogVersion, Chain, DeviceId, DeviceNumber, Epoch, MutationId, Position, Seq, SpaceId};
use crate::log::{LogEntry, MutationResult};
use crate::mutation::Base;
use crate::planted::{Bug, is_planted};
use crate::snapshot::SnapshotOffer;
use crate::store::{CommitId, Direction, Partition, Snapshot, WriteBatch};
use crate::{Error, Result, keys};

const FORMAT: u8 = 1;
pub(super) const EPOCHS_MAX: usize = 1_000;

/// The lasting record of a space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpaceRecord {
    pub epoch: Epoch,
    /// Earlier epochs with the last transaction of each that survived.
    pub past: Vec<(Epoch, Seq)>,
    /// Transactions before this one are gone from the log; 1 while all are there.
    pub gc_floor: Seq,
    pub next_device: u64,
    pub next_snapshot: u64,
}

impl SpaceRecord {
    pub fn save(&self, space: SpaceId, batch: &mut WriteBatch) {
        let mut out = Writer::new();
        out.u8(FORMAT);
        out.raw(&self.epoch.0);
        out.list(self.past.iter(), |out, (epoch, seq)| {
            out.raw(&epoch.0);
            out.varint(seq.0);
        });
        out.varint(self.gc_floor.0);
        out.varint(self.next_device);
        out.varint(self.next_snapshot);
        batch.put(Partition::Meta, keys::space(space), out.into_vec());
    }

    fn load(snapshot: &dyn Snapshot, space: SpaceId) -> Result<Option<SpaceRecord>> {
        let Some(bytes) = snapshot.get(Partition::Meta, &keys::space(space))? else { return Ok(None) };
        let mut input = Reader::new(&bytes);
        check(&mut input, "space record")?;
        Ok(Some(SpaceRecord {
            epoch: Epoch(input.array()?),
            past: input.list(EPOCHS_MAX, |input| Ok((Epoch(input.array()?), Seq(input.varint()?))))?,
            gc_floor: Seq(input.varint()?),
            next_device: input.varint()?,
            next_snapshot: input.varint()?,
        }))
    }
}

/// What the server knows of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Its number in the space.
    pub number: DeviceNumber,
    /// Its last mutation that was decided.
    pub last: MutationId,
    /// The last transaction that it reported as durable on its side.
    pub acked: Seq,
    /// When it was last heard of, µs since 1970.
    pub seen: i64,
}

impl DeviceRecord {
    pub(crate) fn save(&self, space: SpaceId, device: DeviceId, batch: &mut WriteBatch) {
        let mut out = Writer::on(Vec::with_capacity(24));
        out.u8(FORMAT);
        out.varint(self.number.0);
        out.varint(self.last.0);
        out.varint(self.acked.0);
        out.zigzag(self.seen);
        batch.put(Partition::Devices, keys::device(space, device), out.into_vec());
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<DeviceRecord> {
        let mut input = Reader::new(bytes);
        check(&mut input, "device record")?;
        Ok(DeviceRecord {
            number: DeviceNumber(input.varint()?),
            last: MutationId(input.varint()?),
            acked: Seq(input.varint()?),
            seen: input.zigzag()?,
        })
    }
}

fn check(input: &mut Reader<'_>, what: &str) -> Result<()> {
    match input.u8()? {
        FORMAT => Ok(()),
        other => Err(Error::corrupt("unknown_format", format!("{what} of unknown format {other}"))),
    }
}

/// The end of a space's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub seq: Seq,
    pub chain: Chain,
    pub updated: i64,
}

/// A space in memory; a mutex around it makes its holder the space's single writer.
pub(crate) struct Space {
    pub id: SpaceId,
    pub record: SpaceRecord,
    pub head: Head,
    pub clock: HlcClock,
    /// Commits of transactions that may not be durable yet.
    pub unsynced: VecDeque<(CommitId, Seq)>,
    pub synced: Seq,
    /// The catalog version for which all indexes are complete.
    pub indexed: CatalogVersion,
    pub devices: HashMap<DeviceId, DeviceRecord>,
    /// Offered snapshots by number, oldest first.
    pub snapshots: Vec<(u64, SnapshotOffer)>,
}

impl Space {
    /// The space in the store, or a new one with `epoch`.
    pub fn load(snapshot: &dyn Snapshot, id: SpaceId, epoch: Epoch) -> Result<(Space, bool)> {
        let found = SpaceRecord::load(snapshot, id)?;
        let is_new = found.is_none();
        let fresh = SpaceRecord { epoch, gc_floor: Seq(1), next_device: 1, next_snapshot: 1, past: Vec::new() };
        let mut space = Space {
            id,
            record: found.unwrap_or(fresh),
            head: Head::default(),
            clock: HlcClock::default(),
            unsynced: VecDeque::new(),
            synced: Seq(0),
            indexed: CatalogVersion(0),
            devices: HashMap::new(),
            snapshots: Vec::new(),
        };
        let mut cursor = snapshot.scan(Partition::Log, keys::log_from(id, Seq(0)), Direction::Reverse)?;
        if cursor.advance()? {
            let entry = LogEntry::decode(cursor.value())?;
            space.head = Head { seq: entry.head.seq, chain: entry.chain, updated: entry.head.updated };
            space.clock = HlcClock::after(entry.head.hlc);
            space.synced = space.head.seq;
        }
        space.snapshots = super::export::load_offers(snapshot, id)?;
        Ok((space, is_new))
    }

    /// The position at the end of the log.
    pub fn position(&self) -> Position {
        Position { epoch: self.record.epoch, seq: self.head.seq, chain: self.head.chain }
    }

    /// The last transaction that is durable.
    pub fn synced(&mut self, persisted: CommitId) -> Seq {
        if is_planted(Bug::AnswerBeforeSync) {
            return self.head.seq;
        }
        while let Some((_, seq)) = self.unsynced.pop_front_if(|(commit, _)| *commit <= persisted) {
            self.synced = seq;
        }
        self.synced
    }

    /// The last transaction that a write with this base has seen in the present epoch.
    pub fn seen_by(&self, base: Base) -> Seq {
        if base.epoch == self.record.epoch {
            return base.seq.min(self.head.seq);
        }
        let past = self.record.past.iter().find(|(epoch, _)| *epoch == base.epoch);
        past.map_or(Seq(0), |(_, survived)| base.seq.min(*survived))
    }

    /// What is known of a device, from memory or the store.
    pub fn device(&mut self, snapshot: &dyn Snapshot, device: DeviceId) -> Result<Option<DeviceRecord>> {
        if let Some(record) = self.devices.get(&device) {
            return Ok(Some(*record));
        }
        let Some(bytes) = snapshot.get(Partition::Devices, &keys::device(self.id, device))? else { return Ok(None) };
        let record = DeviceRecord::read(&bytes)?;
        self.devices.insert(device, record);
        Ok(Some(record))
    }
}

/// The stored answer to a mutation.
pub(crate) fn stored_result(
    snapshot: &dyn Snapshot,
    space: SpaceId,
    device: DeviceId,
    id: MutationId,
) -> Result<Option<MutationResult>> {
    let bytes = snapshot.get(Partition::Devices, &keys::result(space, device, id))?;
    bytes.map(|bytes| MutationResult::read(&mut Reader::new(&bytes))).transpose()
}

/// A clock stamp that a device may use now, and by how many milliseconds its own was ahead if it may not.
pub(crate) fn admit_clock(clock: &mut HlcClock, stamp: Hlc, now: crate::hlc::Now) -> (Hlc, Option<i64>) {
    let is_near = stamp.millis() <= now.millis().saturating_add(crate::hlc::CLOCK_AHEAD_MAX_MS);
    if is_near || is_planted(Bug::ClockNotClamped) {
        clock.observe(stamp);
        return (stamp, None);
    }
    let ahead = i64::try_from(stamp.millis() - now.millis()).unwrap_or(i64::MAX);
    (clock.tick(now), Some(ahead))
}
