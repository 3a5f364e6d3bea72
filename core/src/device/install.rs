//! Snapshots: staged under a new generation beside the present one, published by one batch.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::{Applied, Taken, take_results};
use super::outbox::{self, OutboxEntry};
use super::overlay::Copier;
use super::state::{Progress, Staging};
use super::{Device, State};
use crate::ids::{Generation, MutationId, SpaceId};
use crate::log::MutationResult;
use crate::planted::{Bug, is_planted};
use crate::row::check_plain;
use crate::rules::{Copy, build_indexes};
use crate::snapshot::{SnapshotOffer, read_block};
use crate::store::{CommitId, Partition, WriteBatch};
use crate::view::View;
use crate::{Error, Result, keys};

impl Device {
    /// Prepares to receive a snapshot; returns the number of blocks that are there already from an earlier attempt
    /// at the same snapshot. Anything else staged is thrown away.
    ///
    /// # Errors
    /// What the store gives.
    pub fn begin_snapshot(&self, offer: &SnapshotOffer) -> Result<u64> {
        let mut state = self.state.lock();
        if let Some(staging) = state.progress.staging
            && staging.snapshot == offer.id
        {
            return Ok(staging.blocks);
        }
        let mut batch = WriteBatch::new();
        drop_staging(&state.progress, &mut batch);
        let generation = Generation(state.progress.next_generation);
        let mut progress = state.progress;
        progress.next_generation += 1;
        progress.staging =
            Some(Staging { generation, snapshot: offer.id, blocks: 0, rows: 0, checksum: Default::default() });
        progress.save(&mut batch);
        self.store.commit(batch)?;
        state.progress = progress;
        Ok(0)
    }

    /// Writes the next block of the snapshot into its generation.
    ///
    /// # Errors
    /// Kind `corrupt` if the block is damaged; `internal` if no snapshot is being received.
    pub fn stage_block(&self, block: &[u8]) -> Result<CommitId> {
        let mut state = self.state.lock();
        let Some(mut staging) = state.progress.staging else {
            return Err(Error::internal("no_snapshot", "a snapshot block came without a snapshot"));
        };
        let (table_id, rows) = read_block(block)?;
        let table = state.catalog.table(table_id).cloned();
        let table = table.ok_or_else(|| {
            Error::corrupt(
                "unknown_table",
                format!("a snapshot names table number {table_id}, which no definition describes"),
            )
        })?;
        let mut batch = WriteBatch::new();
        for (pk, bytes) in &rows {
            check_plain(&table, bytes)?;
            batch.put(Partition::Rows, keys::row(SpaceId::LOCAL, staging.generation, table_id, pk), *bytes);
        }
        staging.blocks += 1;
        staging.rows += rows.len() as u64;
        staging.checksum = staging.checksum.next(&[block]);
        let mut progress = state.progress;
        progress.staging = Some(staging);
        progress.save(&mut batch);
        let commit = self.store.commit(batch)?;
        state.progress = progress;
        Ok(commit)
    }

    /// Publishes the staged snapshot: readers see it with own undecided writes on top. `results` are the server's
    /// answers to own mutations that the snapshot contains.
    ///
    /// # Errors
    /// Kind `corrupt` if blocks are missing or damaged: then what was staged is thrown away.
    pub fn publish_snapshot(&self, offer: &SnapshotOffer, results: &[MutationResult]) -> Result<Applied> {
        self.index_staged()?;
        let mut state = self.state.lock();
        let staging = state.progress.staging.filter(|staging| staging.snapshot == offer.id);
        let whole = staging.filter(|staging| staging.blocks == offer.blocks && staging.checksum == offer.checksum);
        let Some(staging) = whole else {
            self.forget_staging(&mut state)?;
            return Err(Error::corrupt(
                "broken_snapshot",
                "a snapshot is not what the server offered: it is fetched again",
            ));
        };
        let snapshot = self.store.snapshot()?;
        let catalog = state.catalog.clone();
        let mut batch = WriteBatch::new();
        let mut identity = state.identity;
        let old = state.copier(&*snapshot, &catalog);
        let Taken { decided, is_forked } =
            take_results(&old, results, &mut BTreeMap::new(), &mut identity, &mut batch)?;
        let waiting = remaining(&*snapshot, &decided)?;
        identity.save(&mut batch);
        batch.delete_range(Partition::Overlay, keys::overlay_all());
        batch.delete_range(Partition::Rows, keys::generation_rows(SpaceId::LOCAL, state.progress.generation));
        batch.delete_range(Partition::Index, keys::generation_index(SpaceId::LOCAL, state.progress.generation));
        let new = Copier {
            snapshot: &*snapshot,
            catalog: &catalog,
            copy: Copy { space: SpaceId::LOCAL, generation: staging.generation },
            outbox_empty: waiting.is_empty(),
        };
        if !is_planted(Bug::OverlayNotRebuilt) {
            new.rebuild(&waiting, &mut batch)?;
        }
        let progress = Progress {
            position: offer.position,
            generation: staging.generation,
            staging: None,
            updated: offer.updated,
            ..state.progress
        };
        let commit = self.finish(&mut state, progress, identity, (decided.len() as u64, None), batch)?;
        // Those of tables that came in the meantime.
        self.build_indexes(&mut state)?;
        Ok(Applied { commit, position: offer.position, decided: decided.into_iter().collect(), is_forked })
    }

    /// Builds the indexes of what was staged, which nobody reads yet, while readers and writers go on.
    fn index_staged(&self) -> Result<()> {
        let (view, copy) = {
            let state = self.state.lock();
            let Some(staging) = state.progress.staging else { return Ok(()) };
            let copy = Copy { space: SpaceId::LOCAL, generation: staging.generation };
            let view = View { generation: staging.generation, overlaid: false, ..state.view(&*self.store)? };
            (view, copy)
        };
        build_indexes(&view, copy, |batch| self.store.commit(batch).map(drop))
    }

    fn forget_staging(&self, state: &mut State) -> Result<()> {
        if state.progress.staging.is_none() {
            return Ok(());
        }
        let mut batch = WriteBatch::new();
        drop_staging(&state.progress, &mut batch);
        let progress = Progress { staging: None, ..state.progress };
        progress.save(&mut batch);
        self.store.commit(batch)?;
        state.progress = progress;
        Ok(())
    }
}

fn drop_staging(progress: &Progress, batch: &mut WriteBatch) {
    if let Some(staging) = &progress.staging {
        batch.delete_range(Partition::Rows, keys::generation_rows(SpaceId::LOCAL, staging.generation));
        batch.delete_range(Partition::Index, keys::generation_index(SpaceId::LOCAL, staging.generation));
    }
}

/// The outbox without what is decided.
pub(super) fn remaining(
    snapshot: &dyn crate::store::Snapshot,
    decided: &BTreeSet<MutationId>,
) -> Result<Vec<OutboxEntry>> {
    let mut entries = Vec::new();
    outbox::visit(snapshot, MutationId(0), |entry| {
        if !decided.contains(&entry.id) {
            entries.push(entry);
        }
        Ok(true)
    })?;
    Ok(entries)
}
