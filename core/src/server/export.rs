//! Snapshots of a space for its devices: written once, in blocks, then sent from the store at any pace.

use super::Server;
use super::execute::GENERATION;
use super::space::Space;
use crate::codec::{Reader, Writer};
use crate::ids::{Chain, DeviceId, MutationId, Seq, SpaceId};
use crate::log::MutationResult;
use crate::planted::{Bug, is_planted};
use crate::row::without_stamps;
use crate::snapshot::{BlockWriter, SnapshotOffer};
use crate::store::{Direction, KeyRange, Partition, Snapshot, WriteBatch};
use crate::view::View;
use crate::{Error, Result, keys};

/// Most snapshots of a space that are kept; an older one gives way to a new one.
pub const SNAPSHOTS_MAX: usize = 2;
/// Blocks of a snapshot that are committed together.
const BLOCKS_PER_COMMIT: u64 = 16;
const FORMAT: u8 = 1;

/// The offers of a space in the store, oldest first.
pub(super) fn load_offers(snapshot: &dyn Snapshot, space: SpaceId) -> Result<Vec<(u64, SnapshotOffer)>> {
    let mut offers = Vec::new();
    let mut cursor = snapshot.scan(Partition::Staging, keys::snapshots(space), Direction::Forward)?;
    while cursor.advance()? {
        let mut key = Reader::new(cursor.key());
        let _space = crate::key::read_number(&mut key)?;
        let number = crate::key::read_number(&mut key)?;
        if crate::key::read_number(&mut key)? == 0 {
            let mut input = Reader::new(cursor.value());
            if input.u8()? == FORMAT {
                offers.push((number, SnapshotOffer::read(&mut input)?));
            }
        }
    }
    Ok(offers)
}

impl Server {
    /// The offer with this id, if its blocks and the log behind it are still there; otherwise a snapshot of the
    /// present state, built now unless the newest offer holds it already.
    ///
    /// # Errors
    /// What the store gives.
    pub fn offer_snapshot(&self, space: SpaceId, wanted: Option<[u8; 16]>) -> Result<SnapshotOffer> {
        let space = self.space(space)?;
        let mut space = space.lock();
        let usable = |offer: &SnapshotOffer, space: &Space| {
            offer.position.epoch == space.record.epoch && offer.position.seq.next() >= space.record.gc_floor
        };
        let found = space.snapshots.iter().rev().find(|(_, offer)| {
            usable(offer, &space) && (Some(offer.id) == wanted || offer.position.seq == space.head.seq)
        });
        if let Some((_, offer)) = found {
            return Ok(*offer);
        }
        self.build_snapshot(&mut space)
    }

    fn build_snapshot(&self, space: &mut Space) -> Result<SnapshotOffer> {
        let mut batch = WriteBatch::new();
        while space.snapshots.len() >= SNAPSHOTS_MAX {
            let (number, _) = space.snapshots.remove(0);
            batch.delete_range(Partition::Staging, keys::snapshot_all(space.id, number));
        }
        let number = space.record.next_snapshot;
        space.record.next_snapshot += 1;
        space.record.save(space.id, &mut batch);
        self.store.commit(batch)?;
        let view = self.view_of(space)?;
        let mut export = Export {
            server: self,
            space: space.id,
            number,
            batch: WriteBatch::new(),
            offer: SnapshotOffer {
                id: self.entropy.random(),
                position: space.position(),
                updated: space.head.updated,
                blocks: 0,
                rows: 0,
                bytes: 0,
                checksum: Chain::default(),
            },
        };
        export.write_tables(&view)?;
        let offer = export.finish()?;
        space.snapshots.push((number, offer));
        Ok(offer)
    }

    /// A block of an offered snapshot, from 0.
    ///
    /// # Errors
    /// Kind `retry` if the snapshot gave way to a newer one: ask for an offer again.
    pub fn snapshot_block(&self, space: SpaceId, id: [u8; 16], block: u64) -> Result<bytes::Bytes> {
        let gone = || Error::retry("snapshot_gone", "the snapshot gave way to a newer one: it is offered anew");
        let number = {
            let space = self.space(space)?;
            let space = space.lock();
            let found = space.snapshots.iter().find(|(_, offer)| offer.id == id);
            found.map(|(number, _)| *number).ok_or_else(gone)?
        };
        let bytes = self.store.snapshot()?.get(Partition::Staging, &keys::snapshot_block(space, number, block))?;
        bytes.ok_or_else(gone)
    }

    /// The answers to mutations of `device` from `from` on that transactions up to `upto` decided.
    ///
    /// # Errors
    /// What the store gives.
    pub fn results_upto(
        &self,
        space: SpaceId,
        device: DeviceId,
        from: MutationId,
        upto: Seq,
    ) -> Result<Vec<MutationResult>> {
        let snapshot = self.store.snapshot()?;
        let end = KeyRange::prefix(keys::results(space, device)).end;
        let range = KeyRange { start: keys::result(space, device, from), end };
        let mut cursor = snapshot.scan(Partition::Devices, range, Direction::Forward)?;
        let mut results = Vec::new();
        while cursor.advance()? {
            let result = MutationResult::read(&mut Reader::new(cursor.value()))?;
            if result.seq <= upto && !is_planted(Bug::SnapshotWithoutResults) {
                results.push(result);
            }
        }
        Ok(results)
    }
}

struct Export<'a> {
    server: &'a Server,
    space: SpaceId,
    number: u64,
    batch: WriteBatch,
    offer: SnapshotOffer,
}

impl Export<'_> {
    fn write_tables(&mut self, view: &View) -> Result<()> {
        let mut block = BlockWriter::default();
        for table in view.catalog().clone().tables() {
            let prefix = keys::table_rows(self.space, GENERATION, table.id);
            let len = prefix.len();
            let mut cursor = view.snapshot.scan(Partition::Rows, KeyRange::prefix(prefix), Direction::Forward)?;
            while cursor.advance()? {
                let row = without_stamps(table, cursor.value())?;
                block.push(cursor.key().get(len..).unwrap_or_default(), &row);
                if block.is_full() {
                    self.write_block(block.count(), block.take(table.id))?;
                }
            }
            if block.count() > 0 {
                self.write_block(block.count(), block.take(table.id))?;
            }
        }
        Ok(())
    }

    fn write_block(&mut self, rows: u64, block: Vec<u8>) -> Result<()> {
        self.offer.checksum = self.offer.checksum.next(&[&block]);
        self.offer.rows += rows;
        self.offer.bytes += block.len() as u64;
        let key = keys::snapshot_block(self.space, self.number, self.offer.blocks);
        self.batch.put(Partition::Staging, key, block);
        self.offer.blocks += 1;
        if self.offer.blocks.is_multiple_of(BLOCKS_PER_COMMIT) {
            self.server.store.commit(std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }

    /// Commits the rest and the offer, which makes the snapshot exist.
    fn finish(mut self) -> Result<SnapshotOffer> {
        let mut out = Writer::new();
        out.u8(FORMAT);
        self.offer.write(&mut out);
        self.batch.put(Partition::Staging, keys::snapshot_offer(self.space, self.number), out.into_vec());
        self.server.store.commit(self.batch)?;
        Ok(self.offer)
    }
}
