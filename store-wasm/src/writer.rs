//! The task that owns the handles of IndexedDB.

use std::sync::Arc;

use kalamdb_core::Result;
use kalamdb_core::store::{Image, WriteBatch};

use crate::Durability;
use crate::idb::{self, Database, Transaction};
use crate::load::Layout;
use crate::record;
use crate::store::{Arrival, Shared, Work};

/// The log is compacted into pages when it has this many bytes and half as many as the pages …
const LOG_BYTES: u64 = 1 << 20;
/// … or this many records.
const LOG_RECORDS: u64 = 1_000;
/// Without work for so many milliseconds, a log of this many bytes, and half as many as the pages that it changes, is compacted.
const IDLE_MILLIS: i32 = 1_000;
const IDLE_LOG_BYTES: u64 = 64 << 10;
/// Milliseconds between the beginnings of two transactions, unless somebody waits or much does: each costs the engine's thread
/// as much as ten small commits. A commit that comes alone is written at once.
const PACE_MILLIS: i32 = 20;
/// Numbers of openings that are kept; more only cost time at the next opening.
const TAKEN_MAX: usize = 256;
/// Bytes of pages that one IndexedDB transaction writes.
const TRANSACTION_BYTES: usize = 8 << 20;

/// Everything that the task owns.
pub struct Writer {
    database: Database,
    layout: Layout,
    durability: Durability,
    shared: Arc<Shared>,
}

impl Writer {
    pub fn new(database: Database, layout: Layout, durability: Durability, shared: Arc<Shared>) -> Writer {
        Writer { database, layout, durability, shared }
    }

    /// Writes until the store is closed or writing fails.
    pub async fn run(mut self) {
        loop {
            let arrival = self.shared.arrived(self.idle()).await;
            match arrival {
                Arrival::AtOnce => {}
                // Whoever committed is answered first: beginning a transaction takes as long as a small commit.
                Arrival::Later => idb::pause(0).await,
                Arrival::Nothing => {
                    if let Some(image) = self.shared.settled_image()
                        && let Err(error) = self.compact(&image).await
                    {
                        self.shared.fail(error);
                        break;
                    }
                    continue;
                }
            }
            let Some(work) = self.shared.take(|bytes| self.is_long_with(bytes)) else { break };
            let Work { batches, commit, image } = work;
            let pause = idb::pause(PACE_MILLIS);
            if let Err(error) = self.append(&batches).await {
                self.shared.fail(error);
                break;
            }
            self.shared.persisted(commit);
            drop(batches);
            if let Some(image) = image
                && let Err(error) = self.compact(&image).await
            {
                // Nothing is lost, but the log cannot grow for ever.
                self.shared.fail(error);
                break;
            }
            self.shared.pause(pause).await;
        }
        self.database.close();
        self.shared.ended();
    }

    /// Resolves when nothing has come for a while and the log is worth being compacted: who opens the database next reads it
    /// record by record, which takes far longer than reading pages.
    async fn idle(&self) {
        let Layout { log_bytes, table, .. } = &self.layout;
        if *log_bytes >= IDLE_LOG_BYTES && *log_bytes >= table.changed_bytes() / 2 {
            idb::pause(IDLE_MILLIS).await;
        } else {
            std::future::pending().await
        }
    }

    /// Adds the batches to the log in one transaction.
    async fn append(&mut self, batches: &[WriteBatch]) -> Result<()> {
        let parts = record::encode(batches);
        let transaction = self.database.write(self.durability)?;
        for (number, part) in (self.layout.log_next..).zip(&parts) {
            transaction.add_log(number, part)?;
        }
        transaction.commit().await?;
        self.layout.log_next += parts.len() as u64;
        self.layout.log_records += parts.len() as u64;
        self.layout.log_bytes += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        batches.iter().flat_map(WriteBatch::ops).for_each(|op| self.layout.table.mark(op));
        Ok(())
    }

    /// Whether the log is to be compacted once one more record of so many bytes is in it.
    fn is_long_with(&self, bytes: u64) -> bool {
        let (records, bytes) = (self.layout.log_records + 1, self.layout.log_bytes + bytes);
        records >= LOG_RECORDS || (bytes >= LOG_BYTES && bytes >= self.layout.table.bytes() / 2)
    }

    /// Writes the changed pages anew and cuts the log; `image` is the state at its end.
    ///
    /// New pages are written first, under keys that nobody knows; then one transaction makes them known. Each transaction
    /// takes a number of the log: a successor's pages are never replaced.
    async fn compact(&mut self, image: &Image) -> Result<()> {
        let (table, rewrite) = self.layout.table.rewritten(image);
        let mut puts = rewrite.puts.into_iter().peekable();
        while puts.peek().is_some() {
            let transaction = self.numbered(Durability::Relaxed)?;
            let mut bytes = 0;
            while bytes < TRANSACTION_BYTES
                && let Some((id, part)) = puts.next()
            {
                transaction.put_page(id, &part)?;
                bytes += part.len();
            }
            transaction.commit().await?;
        }
        let first = self.layout.log_next;
        // The flush of this transaction covers the pages: the browser writes all of an origin to one log.
        let transaction = self.numbered(Durability::Strict)?;
        transaction.put_head(&Layout::head(&table, first))?;
        let (taken, ranges) = cut(&self.layout.taken, self.layout.log_first, first);
        for (from, to) in ranges {
            transaction.delete_log(from, to)?;
        }
        for id in rewrite.deletes.iter().chain(&self.layout.orphans) {
            transaction.delete_page(*id)?;
        }
        transaction.commit().await?;
        self.layout = Layout { table, log_first: first, log_next: first + 1, taken, ..Layout::default() };
        Ok(())
    }

    /// Begins a transaction that takes the next number of the log for an empty record.
    fn numbered(&mut self, durability: Durability) -> Result<Transaction> {
        let transaction = self.database.write(durability)?;
        transaction.add_log(self.layout.log_next, &record::encode(&[])[0])?;
        self.layout.log_next += 1;
        Ok(transaction)
    }
}

/// The numbers that stay taken when the log from `since` is cut before `first`, and the ranges to remove, first and last number
/// each.
fn cut(taken: &[u64], since: u64, first: u64) -> (Vec<u64>, Vec<(u64, u64)>) {
    let (old, kept) = taken.split_at(taken.len().saturating_sub(TAKEN_MAX));
    let mut ranges: Vec<(u64, u64)> = old.last().map(|last| (0, *last)).into_iter().collect();
    let mut from = since;
    for &number in kept.iter().filter(|number| **number >= since).chain([&first]) {
        if from < number {
            ranges.push((from, number - 1));
        }
        from = number + 1;
    }
    (kept.to_vec(), ranges)
}

#[cfg(test)]
mod tests {
    use super::{TAKEN_MAX, cut};

    #[test]
    fn numbers_that_openings_took_stay() {
        assert_eq!(cut(&[], 0, 9), (vec![], vec![(0, 8)]));
        assert_eq!(cut(&[1, 2, 5], 0, 9), (vec![1, 2, 5], vec![(0, 0), (3, 4), (6, 8)]));
        assert_eq!(cut(&[1, 2, 5, 8], 4, 9), (vec![1, 2, 5, 8], vec![(4, 4), (6, 7)]));
        let many: Vec<u64> = (1..=TAKEN_MAX as u64 + 5).map(|number| 2 * number).collect();
        let (kept, ranges) = cut(&many, 520, 1_000_000);
        assert_eq!((kept.len(), kept[0]), (TAKEN_MAX, 12));
        assert_eq!(ranges, [(0, 10), (521, 521), (523, 999_999)]);
    }
}
