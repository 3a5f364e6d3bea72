//! One copy of a space in memory, for tests, examples and benchmarks: transactions are confirmed at once.
//!
//! It is not a device and not a server: nothing is logged, sent or merged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::catalog::Catalog;
use crate::hlc::{Entropy, Now};
use crate::ids::{DeviceNumber, Epoch, Generation, Seq, SpaceId, TableId};
use crate::mutation::Base;
use crate::row::Row;
use crate::rules::Copy;
use crate::store::{CowMap, MemoryStore, Partition, Store, WriteBatch};
use crate::transaction::{Author, Snowflakes, Transaction};
use crate::view::{View, ViewVersion};
use crate::{Error, Result, keys};

/// Where the clock starts: 2020-09-13T12:26:40Z.
const START_MICROS: i64 = 1_600_000_000_000_000;
/// How far the clock moves with each commit.
const STEP_MICROS: i64 = 1_000;

/// A space with a memory store and a catalog.
pub struct TestSpace {
    store: MemoryStore,
    catalog: Arc<Catalog>,
    seq: Seq,
    entropy: Arc<dyn Entropy>,
    snowflakes: Arc<Snowflakes>,
}

/// Numbers that differ and are the same in every run.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn random(&self) -> [u8; 16] {
        let number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (u128::from(number) << 64 | u128::from(!number)).to_be_bytes()
    }
}

impl TestSpace {
    /// An empty space with the tables of `catalog`; its indexes count as complete.
    pub fn new(catalog: Catalog) -> TestSpace {
        let space = TestSpace {
            store: MemoryStore::new(),
            catalog: Arc::new(catalog),
            seq: Seq(0),
            entropy: Arc::new(Counting(AtomicU64::new(1))),
            snowflakes: Arc::default(),
        };
        let mut batch = WriteBatch::new();
        for index in space.catalog.tables().flat_map(|table| &table.indexes) {
            batch.put(Partition::Index, keys::index_built(SpaceId::LOCAL, Generation(0), index.id), Vec::new());
        }
        space.store.commit(batch).expect("an open memory store takes every batch");
        space
    }

    /// The tables.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The store under it.
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// The number of the last commit.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The time of the next commit.
    pub fn now(&self) -> Now {
        Now(START_MICROS + STEP_MICROS * self.seq.0 as i64)
    }

    /// What the space holds now.
    pub fn view(&self) -> View {
        View {
            snapshot: self.store.snapshot().expect("the memory store is open"),
            catalog: self.catalog.clone(),
            space: SpaceId::LOCAL,
            generation: Generation(0),
            base: Base { epoch: Epoch::default(), seq: self.seq },
            overlaid: false,
            version: ViewVersion(self.seq.0),
            writes: CowMap::default(),
        }
    }

    /// A transaction over what the space holds now.
    pub fn begin(&self) -> Transaction {
        let author = Author {
            entropy: self.entropy.clone(),
            device: Some(DeviceNumber(1)),
            snowflakes: self.snowflakes.clone(),
        };
        Transaction::new(self.view(), self.now(), author, self.seq.0)
    }

    /// Confirms a transaction: its rows get the next seq and the time of the commit.
    ///
    /// # Errors
    /// Kind `conflict` if another was committed since it began.
    pub fn commit(&mut self, transaction: Transaction) -> Result<Seq> {
        if transaction.version != self.seq.0 {
            return Err(Error::conflict(
                "stale_transaction",
                "the space has changed since the transaction began: begin again",
            ));
        }
        let (seq, now) = (self.seq.next(), self.now());
        let before = self.view();
        let copy = Copy { space: SpaceId::LOCAL, generation: Generation(0) };
        let mut batch = WriteBatch::new();
        for (id, pk, bytes) in Transaction::written(transaction.view()) {
            let table = self.catalog.live_table(id)?;
            let mut row = Row::decode(table, &pk, &bytes)?;
            row.header.pending = false;
            row.header.seq = seq;
            row.header.updated = now.micros();
            let old = before.row(table, &pk)?;
            copy.reindex(table, &pk, old.as_ref(), Some(&row), &mut batch)?;
            batch.put(Partition::Rows, row_key(id, &pk), row.encode(table, None)?);
        }
        self.store.commit(batch)?;
        self.seq = seq;
        Ok(seq)
    }
}

fn row_key(table: TableId, pk: &[u8]) -> Vec<u8> {
    keys::row(SpaceId::LOCAL, Generation(0), table, pk)
}
