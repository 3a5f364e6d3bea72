//! Transactions of the server, in order, each in one batch.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::outbox::{self, RejectedWrite};
use super::overlay::{Copier, RowKey, Touched};
use super::state::{Identity, Progress};
use super::{Device, State};
use crate::ids::{Chain, MutationId, Position, Seq};
use crate::log::{Change, ChangeKind, EntryHead, MutationResult, Verdict, read_changes};
use crate::merge::apply;
use crate::mutation::{CellList, is_same_content};
use crate::planted::{Bug, is_planted};
use crate::row::Header;
use crate::store::{CommitId, Partition, WriteBatch};
use crate::{Error, Result, keys};

/// One transaction as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTransaction {
    /// The transaction that must be the last one of the copy.
    pub from: Seq,
    /// The encoded head.
    pub head: Vec<u8>,
    /// The encoded changes.
    pub changes: Vec<u8>,
    /// The chain value behind it.
    pub chain: Chain,
    /// Answers to own mutations that this transaction decided.
    pub results: Vec<MutationResult>,
}

/// What applying a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The store's commit.
    pub commit: CommitId,
    /// The position behind the transaction.
    pub position: Position,
    /// Own mutations that it decided.
    pub decided: Vec<MutationId>,
    /// Whether another database writes with this device's id.
    pub is_forked: bool,
}

impl Device {
    /// Applies the next transaction of the log.
    ///
    /// # Errors
    /// Kind `conflict` with code `gap` if it is not the next one; `corrupt` if it is damaged. Nothing changed then.
    pub fn apply(&self, tx: &ServerTransaction) -> Result<Applied> {
        let mut state = self.state.lock();
        let head = EntryHead::read(&mut crate::codec::Reader::new(&tx.head))?;
        let at = state.progress.position;
        let is_unchecked = is_planted(Bug::GapCheckSkipped);
        if (tx.from != at.seq || head.seq != at.seq.next()) && !is_unchecked {
            let message = format!("transaction {} follows {}, but the copy is at {}", head.seq, tx.from, at.seq);
            return Err(Error::conflict("gap", message));
        }
        let changes = read_changes(head.changes, &tx.changes)?;
        let position = Position { epoch: at.epoch, seq: head.seq, chain: at.chain.next(&[&tx.head, &tx.changes]) };
        let position = if is_unchecked { Position { chain: tx.chain, ..position } } else { position };
        if position.chain != tx.chain {
            let message = format!("transaction {} does not continue the log that the copy holds", head.seq);
            return Err(Error::corrupt("chain_mismatch", message));
        }
        let snapshot = self.store.snapshot()?;
        let catalog = state.catalog.clone();
        let copier = state.copier(&*snapshot, &catalog);
        let mut touched = touch_changes(&copier, &head, &changes)?;
        let mut batch = WriteBatch::new();
        let mut identity = state.identity;
        let Taken { decided, is_forked } = take_results(&copier, &tx.results, &mut touched, &mut identity, &mut batch)?;
        let rows = touched.keys().cloned().collect();
        copier.settle(touched, &decided, &mut batch)?;
        if identity != state.identity {
            identity.save(&mut batch);
        }
        let progress = state.progress.after(&head, position);
        let commit = self.finish(&mut state, progress, identity, (decided.len() as u64, Some(rows)), batch)?;
        state.clock.observe(head.hlc);
        Ok(Applied { commit, position, decided: decided.into_iter().collect(), is_forked })
    }

    /// Commits a batch that moves the position, given how many own mutations it decides and the rows that it touches.
    pub(super) fn finish(
        &self,
        state: &mut State,
        progress: Progress,
        identity: Identity,
        (decided, rows): (u64, Option<Vec<RowKey>>),
        mut batch: WriteBatch,
    ) -> Result<CommitId> {
        progress.save(&mut batch);
        let commit = self.store.commit(batch)?;
        state.progress = progress;
        state.identity = identity;
        state.waiting -= decided;
        state.changed(rows);
        state.unpersisted_positions.push_back((commit, progress.position));
        Ok(commit)
    }
}

/// The rows that the changes touch, with the changes applied to what is confirmed.
fn touch_changes(copier: &Copier<'_>, head: &EntryHead, changes: &[Change]) -> Result<BTreeMap<RowKey, Touched>> {
    let mut touched = BTreeMap::new();
    for change in changes {
        let table = copier.table(change.table)?;
        check_change(copier, change)?;
        if change.kind == ChangeKind::Delete && is_planted(Bug::ForgottenTombstone) {
            continue;
        }
        let row = (change.table, change.key.clone());
        let state = match touched.entry(row) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let state = copier.touch(entry.key())?;
                entry.insert(state)
            }
        };
        let header = Header { seq: head.seq, updated: head.updated, ..Header::default() };
        state.confirmed = apply(table, state.confirmed.take(), change, header)?;
        state.changed = true;
    }
    Ok(touched)
}

/// A change must be one that the definition allows: known columns, fitting cells.
fn check_change(copier: &Copier<'_>, change: &Change) -> Result<()> {
    let table = copier.table(change.table)?;
    let check = |cells: &CellList| {
        let fits = cells.iter().all(|(id, value)| table.column(*id).is_some_and(|column| value.fits(column.ty)));
        if fits {
            return Ok(());
        }
        Err(Error::corrupt("wrong_cell", format!("a change of table `{}` does not fit its columns", table.full_name())))
    };
    match &change.kind {
        ChangeKind::Put(cells) | ChangeKind::Patch { sets: cells, .. } => check(cells),
        ChangeKind::Delete | ChangeKind::Purge => Ok(()),
    }
}

/// What the server's answers did to the outbox.
pub(super) struct Taken {
    pub decided: BTreeSet<MutationId>,
    pub is_forked: bool,
}

/// Takes decided mutations out of the outbox; refused ones go to the list of rejected writes.
pub(super) fn take_results(
    copier: &Copier<'_>,
    results: &[MutationResult],
    touched: &mut BTreeMap<RowKey, Touched>,
    identity: &mut Identity,
    batch: &mut WriteBatch,
) -> Result<Taken> {
    let mut decided = BTreeSet::new();
    let mut is_forked = false;
    for result in results {
        is_forked |= result.id > identity.last;
        let Some(entry) = outbox::get(copier.snapshot, result.id)? else { continue };
        if !is_same_content(entry.hash, result.hash) {
            is_forked = true;
            continue;
        }
        if !decided.insert(result.id) {
            continue;
        }
        for op in entry.mutation()?.ops {
            if let Entry::Vacant(vacant) = touched.entry((op.table, op.key)) {
                let state = copier.touch(vacant.key())?;
                vacant.insert(state);
            }
        }
        batch.delete(Partition::Outbox, keys::outbox(result.id));
        if let Verdict::Refused(error) = &result.verdict
            && !is_planted(Bug::RejectionNotListed)
        {
            RejectedWrite::save(identity.next_rejected, &entry, error, batch);
            identity.next_rejected += 1;
        }
    }
    Ok(Taken { decided, is_forked })
}
