//! Transactions and snapshots on their way into the copy.

use kalamdb_core::device::{Device, ServerTransaction};
use kalamdb_core::log::MutationResult;
use kalamdb_core::server::Answer;
use kalamdb_core::snapshot::{BLOCK_BYTES_MAX, SnapshotOffer};
use kalamdb_core::{MutationId, Position, Seq};

use super::live::unexpected;
use super::{End, SyncState};
use crate::config::CHANGES_BYTES_MAX;
use crate::wire::{Assembly, ClientRecord, Packer, ServerRecord, WelcomeRecord};

/// What came of a whole transaction or snapshot.
pub(super) struct Progress {
    pub position: Position,
    pub decided: Vec<MutationId>,
    pub is_forked: bool,
}

struct Transaction {
    from: Seq,
    head: Vec<u8>,
    changes: Assembly,
}

struct Snapshot {
    offer: SnapshotOffer,
    next: u64,
    block: Option<Assembly>,
    results: Vec<MutationResult>,
}

/// What is on its way.
pub(super) struct Incoming {
    transaction: Option<Transaction>,
    snapshot: Option<Snapshot>,
    /// Whether the server said that a snapshot comes and has not offered it.
    awaits_offer: bool,
}

impl Incoming {
    pub fn new(welcome: &WelcomeRecord) -> Incoming {
        let awaits_offer = matches!(welcome.answer, Answer::Snapshot(_));
        Incoming { transaction: None, snapshot: None, awaits_offer }
    }

    pub fn is_idle(&self) -> bool {
        self.transaction.is_none() && self.snapshot.is_none() && !self.awaits_offer
    }

    pub fn snapshot(&self) -> Option<SyncState> {
        let snapshot = self.snapshot.as_ref()?;
        Some(SyncState::Snapshot { blocks: snapshot.next, blocks_total: snapshot.offer.blocks })
    }

    pub fn record(
        &mut self,
        device: &Device,
        packer: &mut Packer,
        record: ServerRecord,
    ) -> Result<Option<Progress>, End> {
        match record {
            ServerRecord::Begin { from, head, total, chunk } => {
                if !self.is_idle() {
                    return Err(unexpected("a transaction in the middle of something else"));
                }
                let mut changes = Assembly::new(total, CHANGES_BYTES_MAX, "a transaction")?;
                changes.push(&chunk)?;
                self.transaction = Some(Transaction { from, head, changes });
                Ok(None)
            }
            ServerRecord::More(chunk) => {
                let Some(transaction) = &mut self.transaction else {
                    return Err(unexpected("changes without a beginning"));
                };
                transaction.changes.push(&chunk)?;
                Ok(None)
            }
            ServerRecord::End { chain, results } => {
                let Some(Transaction { from, head, changes }) = self.transaction.take() else {
                    return Err(unexpected("the end of a transaction without a beginning"));
                };
                let applied =
                    device.apply(&ServerTransaction { from, head, changes: changes.into_vec(), chain, results })?;
                Ok(Some(Progress {
                    position: applied.position,
                    decided: applied.decided,
                    is_forked: applied.is_forked,
                }))
            }
            ServerRecord::Offer(offer) => {
                let next = device.begin_snapshot(&offer)?;
                packer.push(&ClientRecord::SnapshotGet { id: offer.id, from: next });
                self.awaits_offer = false;
                self.transaction = None;
                self.snapshot = Some(Snapshot { offer, next, block: None, results: Vec::new() });
                Ok(None)
            }
            ServerRecord::Block { number, total, chunk } => self.block(device, number, total, &chunk),
            ServerRecord::BlockMore(chunk) => self.block_chunk(device, &chunk),
            ServerRecord::SnapshotEnd { results, is_last } => self.snapshot_end(device, results, is_last),
            ServerRecord::Welcome(_)
            | ServerRecord::Catalog { .. }
            | ServerRecord::Clock { .. }
            | ServerRecord::TokenExpiring { .. }
            | ServerRecord::Pong(_)
            | ServerRecord::GoAway { .. }
            | ServerRecord::Error { .. } => Err(unexpected("a record that is no data")),
        }
    }

    fn block(&mut self, device: &Device, number: u64, total: u64, chunk: &[u8]) -> Result<Option<Progress>, End> {
        match &mut self.snapshot {
            Some(snapshot) if snapshot.next == number && snapshot.block.is_none() => {
                snapshot.block = Some(Assembly::new(total, BLOCK_BYTES_MAX, "a snapshot block")?);
                self.block_chunk(device, chunk)
            }
            _ => Err(unexpected("a snapshot block out of order")),
        }
    }

    fn block_chunk(&mut self, device: &Device, chunk: &[u8]) -> Result<Option<Progress>, End> {
        let Some(snapshot) = &mut self.snapshot else { return Err(unexpected("a block without a snapshot")) };
        let Some(block) = &mut snapshot.block else { return Err(unexpected("bytes of a block without a beginning")) };
        if block.push(chunk)?
            && let Some(block) = snapshot.block.take()
        {
            device.stage_block(&block.into_vec())?;
            snapshot.next += 1;
        }
        Ok(None)
    }

    fn snapshot_end(
        &mut self,
        device: &Device,
        results: Vec<MutationResult>,
        is_last: bool,
    ) -> Result<Option<Progress>, End> {
        let Some(snapshot) = &mut self.snapshot else {
            return Err(unexpected("the end of a snapshot without a beginning"));
        };
        snapshot.results.extend(results);
        if !is_last {
            return Ok(None);
        }
        let Some(Snapshot { offer, results, .. }) = self.snapshot.take() else { return Ok(None) };
        let published = device.publish_snapshot(&offer, &results)?;
        Ok(Some(Progress { position: offer.position, decided: published.decided, is_forked: published.is_forked }))
    }
}
