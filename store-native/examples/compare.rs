//! Compares the engines by speed and prints a table:
//!
//! ```text
//! cargo run --release -p kalamdb-store-native --example compare [engine…]
//! ```
//!
//! Row values are 100 bytes that half compress; every store is new, in the folder for temporary files.
//! "bare rocksdb" is RocksDB's own write call with a sync, from as many threads and with the same bytes, and
//! without a sync for each commit and one sync at the end.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kalamdb_core::store::conformance::Prng;
use kalamdb_core::store::{Direction, KeyRange, Partition, Store, WriteBatch};
use kalamdb_store_native::{StoreKind, open_store};

const SINGLE_COMMITS: u64 = 3_000;
const THREADS: u64 = 8;
const COMMITS_PER_THREAD: u64 = 3_000;
const ROWS: u64 = 100_000;
const ROWS_PER_BATCH: u64 = 1_000;
const GETS: u64 = 200_000;

fn key(number: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&7u64.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

fn value(number: u64) -> Vec<u8> {
    let mut value = Prng::new(number).bytes(50);
    value.resize(100, b'.');
    value
}

fn one(number: u64) -> WriteBatch {
    let mut batch = WriteBatch::new();
    batch.put(Partition::Rows, key(number), value(number));
    batch.put(Partition::Log, key(number), value(number));
    batch
}

fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Runs `write` for each number of each thread and gives writes per second.
fn from_threads(write: impl Fn(u64) + Sync, end: impl Fn()) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let write = &write;
            scope.spawn(move || (0..COMMITS_PER_THREAD).for_each(|number| write(thread << 32 | number)));
        }
    });
    end();
    per_second(THREADS * COMMITS_PER_THREAD, start.elapsed())
}

fn bytes_on_disk(path: &Path) -> u64 {
    let entries = fs::read_dir(path).expect("list").map(|entry| entry.expect("entry"));
    entries
        .map(|entry| match entry.file_type().expect("type").is_dir() {
            true => bytes_on_disk(&entry.path()),
            false => allocated(&entry.metadata().expect("metadata")),
        })
        .sum()
}

#[cfg(unix)]
fn allocated(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn allocated(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

fn scan(store: &dyn Store) -> u64 {
    let snapshot = store.snapshot().expect("snapshot");
    let mut cursor = snapshot.scan(Partition::Rows, KeyRange::all(), Direction::Forward).expect("scan");
    let mut rows = 0;
    while cursor.advance().expect("advance") {
        rows += u64::from(!cursor.value().is_empty());
    }
    rows
}

/// The lines of the table, by name.
type Figures = Vec<(&'static str, f64)>;

fn commits(kind: StoreKind, figures: &mut Figures) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open_store(kind, folder.path(), None).expect("open");
    let start = Instant::now();
    for number in 0..SINGLE_COMMITS {
        store.commit(one(number)).expect("commit");
        store.flush().expect("flush");
    }
    figures.push(("durable commits/s, 1 thread", per_second(SINGLE_COMMITS, start.elapsed())));
    let durable = |number| {
        store.commit(one(number)).expect("commit");
        store.flush().expect("flush");
    };
    figures.push(("durable commits/s, 8 threads", from_threads(durable, || {})));
    let visible = |number| {
        store.commit(one(number)).expect("commit");
    };
    let flush = || {
        store.flush().expect("flush");
    };
    figures.push(("commits/s, 8 threads, durable at the end", from_threads(visible, flush)));
    store.close().expect("close");
}

fn bulk(kind: StoreKind, figures: &mut Figures) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = open_store(kind, folder.path(), None).expect("open");
    let start = Instant::now();
    for first in (0..ROWS).step_by(ROWS_PER_BATCH as usize) {
        let mut batch = WriteBatch::new();
        (first..first + ROWS_PER_BATCH).for_each(|number| batch.put(Partition::Rows, key(number), value(number)));
        store.commit(batch).expect("commit");
    }
    store.flush().expect("flush");
    figures.push(("rows/s, bulk load of 100 000", per_second(ROWS, start.elapsed())));

    let snapshot = store.snapshot().expect("snapshot");
    let mut prng = Prng::new(1);
    let start = Instant::now();
    for _ in 0..GETS {
        let found = snapshot.get(Partition::Rows, &key(prng.below(ROWS))).expect("get");
        assert!(found.is_some());
    }
    figures.push(("gets/s, random", per_second(GETS, start.elapsed())));
    drop(snapshot);

    let start = Instant::now();
    assert_eq!(scan(&*store), ROWS);
    figures.push(("rows/s, full scan", per_second(ROWS, start.elapsed())));
    store.close().expect("close");
    drop(store);
    figures.push(("MB on disk, 100 000 rows", bytes_on_disk(folder.path()) as f64 / 1e6));

    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let store = open_store(kind, folder.path(), None).expect("open");
        assert_eq!(scan(&*store), ROWS);
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        store.close().expect("close");
    }
    figures.push(("ms to open and scan 100 000 rows, best of 5", best));
}

fn bare_rocksdb(figures: &mut Figures) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    let db = rocksdb::DB::open_cf(&options, folder.path(), ["default", "rows", "log"]).expect("open");
    let (rows, log) = (db.cf_handle("rows").expect("rows"), db.cf_handle("log").expect("log"));
    let write = |number, sync| {
        let mut batch = rocksdb::WriteBatch::default();
        batch.put_cf(rows, key(number), value(number));
        batch.put_cf(log, key(number), value(number));
        let mut options = rocksdb::WriteOptions::default();
        options.set_sync(sync);
        db.write_opt(batch, &options).expect("write");
    };
    let start = Instant::now();
    (0..SINGLE_COMMITS).for_each(|number| write(number, true));
    figures.push(("durable commits/s, 1 thread", per_second(SINGLE_COMMITS, start.elapsed())));
    figures.push(("durable commits/s, 8 threads", from_threads(|number| write(number, true), || {})));
    let sync = || db.flush_wal(true).expect("sync");
    figures.push(("commits/s, 8 threads, durable at the end", from_threads(|number| write(number, false), sync)));
}

fn main() {
    let wanted: Vec<StoreKind> =
        std::env::args().skip(1).map(|name| name.parse().expect("rocksdb, redb or sled")).collect();
    let kinds = if wanted.is_empty() { StoreKind::ALL.to_vec() } else { wanted };
    let mut columns: Vec<(String, Figures)> = Vec::new();
    for kind in kinds {
        let mut figures = Figures::new();
        commits(kind, &mut figures);
        bulk(kind, &mut figures);
        columns.push((kind.to_string(), figures));
    }
    {
        let mut figures = Figures::new();
        bare_rocksdb(&mut figures);
        columns.push(("bare rocksdb".to_owned(), figures));
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    println!("| | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len()));
    for (line, (name, _)) in columns.first().map(|(_, figures)| figures.clone()).unwrap_or_default().iter().enumerate()
    {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, figures)| figures.get(line).map_or(String::new(), |(_, figure)| format!("{figure:.0}")))
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}
