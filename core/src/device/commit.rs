//! Local transactions: outbox entry and overlay in one batch.

use super::outbox::OutboxEntry;
use super::overlay::RowKey;
use super::{Device, Receipt, State};
use crate::catalog::Catalog;
use crate::hlc::Now;
use crate::ids::{CatalogVersion, MutationId};
use crate::mutation::{Mutation, check_size};
use crate::row::Row;
use crate::store::{CommitId, Partition, WriteBatch};
use crate::transaction::Transaction;
use crate::view::View;
use crate::{Error, Result, keys};

/// What a local commit gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCommit {
    /// The store's commit, durable once the store's `persisted` reaches it.
    pub commit: CommitId,
    /// The transaction's number; `None` if it changed nothing.
    pub mutation: Option<MutationId>,
}

impl Device {
    /// Makes a transaction visible and puts it into the outbox.
    ///
    /// If other rows of the copy changed since the transaction began, its operations run again on the present state. Of
    /// two transactions that write to one row at the same time, the first to commit wins: the other one may have
    /// computed what it writes from what it read.
    ///
    /// # Errors
    /// Kind `retry` with code `transaction_conflict` if a row that it writes was changed since it began: begin it anew.
    /// Kind `conflict` if its operations no longer can run, `quota` if it is too large or the disk is full. Nothing changed
    /// then.
    pub fn commit(&self, transaction: Transaction, now: Now) -> Result<LocalCommit> {
        let mut state = self.state.lock();
        if let Some((request, _)) = transaction.request()
            && let Some(receipt) = state.receipts.get(request)
        {
            // The request came twice and the other one was quicker.
            return Ok(LocalCommit { commit: state.last_commit, mutation: Some(receipt.mutation) });
        }
        let base = transaction.view().base();
        let transaction = if transaction.version == state.version {
            transaction
        } else {
            let present = state.view(&*self.store)?;
            check_tables(&state, &transaction)?;
            let untouched = check_untouched(&state, &transaction, &present);
            // What can never be carried out is told first: running it again would not help.
            let again = transaction.again(present)?;
            untouched?;
            again
        };
        if transaction.ops().is_empty() {
            return Ok(LocalCommit { commit: self.store.persisted(), mutation: None });
        }
        let mut clock = state.clock;
        let mutation_id = state.identity.last.next();
        let hlc = clock.tick(Now(now.micros().saturating_sub(state.clock_ahead)));
        let mut batch = WriteBatch::new();
        let rows = self.save_rows(&state, &transaction, mutation_id, &mut batch)?;
        let catalog = state.progress.binding.map_or(CatalogVersion(0), |binding| binding.catalog);
        let request = transaction.request();
        let (_, ops) = transaction.into_parts();
        let count = ops.len();
        let entry = OutboxEntry::new(&Mutation { id: mutation_id, base, hlc, catalog, ops }, now);
        check_size(entry.content.len(), count)?;
        entry.save(&mut batch);
        let mut identity = state.identity;
        identity.last = mutation_id;
        identity.hlc = hlc;
        identity.save(&mut batch);
        let receipt = request.map(|(request, affected)| (request, Receipt { mutation: mutation_id, affected }));
        if let Some((request, receipt)) = receipt {
            state.receipts.save(request, receipt, &mut batch);
        }
        let commit = self.store.commit(batch)?;
        if let Some((request, receipt)) = receipt {
            state.receipts.saved(request, receipt);
        }
        state.identity = identity;
        state.clock = clock;
        state.waiting += 1;
        state.last_commit = commit;
        state.changed(Some(rows));
        // What is durable by now need not be remembered, also where no session asks.
        state.note_persisted(self.store.persisted());
        state.unpersisted_entries.push_back((commit, mutation_id));
        drop(state);
        self.announce();
        Ok(LocalCommit { commit, mutation: Some(mutation_id) })
    }

    /// Adds overlay rows, pending marks and index entries of the transaction, and gives the rows.
    fn save_rows(
        &self,
        state: &State,
        tx: &Transaction,
        id: MutationId,
        batch: &mut WriteBatch,
    ) -> Result<Vec<RowKey>> {
        let before = state.view(&*self.store)?;
        let mut rows = Vec::new();
        for (table_id, pk, bytes) in Transaction::written(tx.view()) {
            let table = state.catalog.live_table(table_id)?;
            if !table.indexes.is_empty() {
                let old = before.row(table, &pk)?;
                let new = Row::decode(table, &pk, &bytes)?;
                state.copy().reindex(table, &pk, old.as_ref(), Some(&new), batch)?;
            }
            batch.put(Partition::Overlay, keys::overlay(table_id, &pk), bytes);
            batch.put(Partition::Overlay, keys::pending(table_id, &pk, id), Vec::new());
            rows.push((table_id, pk));
        }
        Ok(rows)
    }

    /// Changes the local catalog: tables that the server does not know yet may be created, altered and dropped.
    ///
    /// # Errors
    /// What `change` gives; kind `unauthorized` if it would change a table of the server.
    pub fn change_catalog<T>(&self, change: impl FnOnce(&mut Catalog) -> Result<T>) -> Result<T> {
        let mut state = self.state.lock();
        let mut catalog = (*state.catalog).clone();
        let answer = change(&mut catalog)?;
        super::contact::check_local(&state.catalog, &catalog)?;
        let mut batch = WriteBatch::new();
        catalog.save(CatalogVersion(0), &mut batch);
        self.store.commit(batch)?;
        state.catalog = std::sync::Arc::new(catalog);
        state.changed(None);
        self.build_indexes(&mut state)?;
        drop(state);
        self.announce();
        Ok(answer)
    }

    /// Fills the indexes that are not complete.
    pub(super) fn build_indexes(&self, state: &mut State) -> Result<()> {
        let view = state.view(&*self.store)?;
        let mut is_changed = false;
        crate::rules::build_indexes(&view, state.copy(), |batch| {
            is_changed = true;
            self.store.commit(batch).map(drop)
        })?;
        state.version += u64::from(is_changed);
        Ok(())
    }
}

/// Fails if a table that the transaction writes to is gone, or numbered anew.
fn check_tables(state: &State, transaction: &Transaction) -> Result<()> {
    if transaction.ops().iter().all(|op| state.catalog.live_table(op.table).is_ok()) {
        return Ok(());
    }
    let message = "a table was dropped, or numbered by the server, after the transaction had begun: run it again";
    Err(Error::retry("catalog_changed", message))
}

/// Fails if a row that the transaction writes looks different since it began.
fn check_untouched(state: &State, transaction: &Transaction, present: &View) -> Result<()> {
    let changed = state.recent.since(transaction.version);
    let before = transaction.view().without_writes();
    for (table, pk, _) in Transaction::written(transaction.view()) {
        let now = state.catalog.live_table(table)?;
        if changed.as_ref().is_some_and(|changed| !changed.contains(&(table, pk.clone()))) {
            continue;
        }
        let then = before.catalog().live_table(table)?;
        let (old, new) = (before.row(then, &pk)?, present.row(now, &pk)?);
        // The server's answer to an earlier write of this device changes a row's header only.
        let is_same = match (&old, &new) {
            (Some(old), Some(new)) => old.cells == new.cells && old.header.deleted == new.header.deleted,
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            let message =
                "another transaction changed a row that this one writes, after this one had begun: run it again";
            return Err(Error::retry("transaction_conflict", message));
        }
    }
    Ok(())
}
