//! Durable transactions of a server, against RocksDB alone with the same bytes from as many threads.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kalamdb_core::mutation::CellList;
use kalamdb_core::server::Server;
use kalamdb_core::store::{CommitId, KeyRange, Partition, Snapshot, Store, WriteBatch, WriteOp};
use kalamdb_core::{SpaceId, Table, UserId};
use kalamdb_store_native::{StoreKind, open_store};
use kalamdb_sync::native::{SystemEntropy, system_now};
use parking_lot::Mutex;
use rocksdb::{ColumnFamilyDescriptor, DB, Options, WriteOptions};

use crate::data::{self, Source};
use crate::figure::{Better, Figure};

/// One load: so many spaces write at once, each from a thread of its own.
struct Load {
    spaces: u64,
    /// Transactions of each space.
    transactions: u64,
    /// Rows that each inserts.
    rows: u64,
    name: &'static str,
    unit: &'static str,
}

const LOADS: [Load; 4] = [
    Load { spaces: 1, transactions: 2_000, rows: 1, name: "durable transactions, 1 space", unit: "tx/s" },
    Load { spaces: 64, transactions: 200, rows: 1, name: "durable transactions, 64 spaces", unit: "tx/s" },
    Load { spaces: 1, transactions: 400, rows: 100, name: "durable row changes, 1 space", unit: "rows/s" },
    Load { spaces: 64, transactions: 20, rows: 100, name: "durable row changes, 64 spaces", unit: "rows/s" },
];
/// How often each load runs, with and without KalamDB in turn; the best of each is kept, because other work of the
/// machine only ever slows them down.
const REPEATS: usize = 3;

/// Measures all loads.
///
/// # Errors
/// What the stores give.
pub fn run(report: &mut dyn FnMut(Figure)) -> Result<()> {
    for load in LOADS {
        let (mut kalamdb, mut bare) = (Duration::MAX, Duration::MAX);
        for _ in 0..REPEATS {
            let (took, batches) = with_kalamdb(&load)?;
            kalamdb = kalamdb.min(took);
            bare = bare.min(with_rocksdb(batches)?);
        }
        let count = (load.spaces * load.transactions * load.rows) as f64;
        report(Figure {
            name: load.name.to_owned(),
            value: count / kalamdb.as_secs_f64(),
            unit: load.unit,
            better: Better::Higher,
            bound: (count / bare.as_secs_f64(), "bare RocksDB, same batches and threads, synced"),
        });
    }
    Ok(())
}

/// Batches by the thread that committed them, in order.
type Batches = Vec<Vec<WriteBatch>>;

/// Runs a load on a server; the batches that it commits are kept for the bound.
fn with_kalamdb(load: &Load) -> Result<(Duration, Batches)> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(Recorder::new(open_store(StoreKind::Rocksdb, folder.path(), None)?));
    let server = Server::open(store.clone(), Arc::new(SystemEntropy))?;
    let (table, _) = server.change_catalog(|catalog| {
        catalog.create_namespace(&data::namespace()?)?;
        catalog.create_table(data::items()?)
    })?;
    let spaces = (0..load.spaces).map(|at| Ok(server.space_of(&UserId::new(format!("user{at}"))?, system_now())?));
    let spaces: Vec<SpaceId> = spaces.collect::<Result<_>>()?;
    store.flush()?;
    store.forget();
    let barrier = Barrier::new(spaces.len() + 1);
    let (took, done) = thread::scope(|scope| {
        let write = |space: SpaceId| {
            // The application has its rows; making them up is not measured.
            let transactions = rows(&table, space, load);
            barrier.wait();
            write(&server, &table, space, transactions)
        };
        let threads: Vec<_> = spaces.iter().map(|space| scope.spawn(move || write(*space))).collect();
        barrier.wait();
        let began = Instant::now();
        let done: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        (began.elapsed(), done)
    });
    for done in done {
        done.map_err(|_| anyhow::anyhow!("a writer panicked"))??;
    }
    let batches = store.take();
    store.close()?;
    Ok((took, batches))
}

/// The rows of each transaction of a space.
fn rows(table: &Table, space: SpaceId, load: &Load) -> Vec<Vec<CellList>> {
    let mut source = Source::new(space.0);
    let mut transaction = |number| (0..load.rows).map(|row| source.row(table, number * load.rows + row)).collect();
    (0..load.transactions).map(&mut transaction).collect()
}

fn write(server: &Server, table: &Table, space: SpaceId, transactions: Vec<Vec<CellList>>) -> Result<()> {
    for rows in transactions {
        let mut transaction = server.begin(space, system_now())?;
        for row in rows {
            transaction.insert(table.id, row)?;
        }
        server.commit(space, transaction, system_now(), WriteBatch::new())?;
        server.store().flush()?;
    }
    Ok(())
}

/// Writes the same batches with RocksDB's own write call, each synced.
fn with_rocksdb(batches: Batches) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let db = open_rocksdb(folder.path())?;
    let barrier = Barrier::new(batches.len() + 1);
    let (took, done) = thread::scope(|scope| {
        let threads: Vec<_> = batches
            .iter()
            .map(|batches| {
                scope.spawn(|| {
                    barrier.wait();
                    batches.iter().try_for_each(|batch| write_bare(&db, batch))
                })
            })
            .collect();
        barrier.wait();
        let began = Instant::now();
        let done: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        (began.elapsed(), done)
    });
    for done in done {
        done.map_err(|_| anyhow::anyhow!("a writer panicked"))??;
    }
    Ok(took)
}

fn open_rocksdb(path: &Path) -> Result<DB> {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    let families = Partition::ALL.map(|partition| ColumnFamilyDescriptor::new(partition.name(), Options::default()));
    Ok(DB::open_cf_descriptors(&options, path, families)?)
}

fn write_bare(db: &DB, batch: &WriteBatch) -> Result<()> {
    let family = |partition: Partition| db.cf_handle(partition.name()).context("a column family");
    let mut bare = rocksdb::WriteBatch::default();
    for op in batch.ops() {
        match op {
            WriteOp::Put { partition, key, value } => bare.put_cf(family(*partition)?, key, value),
            WriteOp::Delete { partition, key } => bare.delete_cf(family(*partition)?, key),
            WriteOp::DeleteRange { partition, range: KeyRange { start, end: Some(end) } } => {
                bare.delete_range_cf(family(*partition)?, start, end);
            }
            WriteOp::DeleteRange { .. } => anyhow::bail!("a range without an end in a write"),
        }
    }
    let mut options = WriteOptions::default();
    options.set_sync(true);
    Ok(db.write_opt(bare, &options)?)
}

/// A store that keeps what is committed to another.
struct Recorder {
    inner: Arc<dyn Store>,
    batches: Mutex<HashMap<ThreadId, Vec<WriteBatch>>>,
}

impl Recorder {
    fn new(inner: Arc<dyn Store>) -> Recorder {
        Recorder { inner, batches: Mutex::default() }
    }

    fn forget(&self) {
        self.batches.lock().clear();
    }

    fn take(&self) -> Batches {
        std::mem::take(&mut *self.batches.lock()).into_values().collect()
    }
}

impl Store for Recorder {
    fn snapshot(&self) -> kalamdb_core::Result<Arc<dyn Snapshot>> {
        self.inner.snapshot()
    }

    fn commit(&self, batch: WriteBatch) -> kalamdb_core::Result<CommitId> {
        self.batches.lock().entry(thread::current().id()).or_default().push(batch.clone());
        self.inner.commit(batch)
    }

    fn persisted(&self) -> CommitId {
        self.inner.persisted()
    }

    fn flush(&self) -> kalamdb_core::Result<CommitId> {
        self.inner.flush()
    }

    fn close(&self) -> kalamdb_core::Result<()> {
        self.inner.close()
    }
}
