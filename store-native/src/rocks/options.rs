//! Settings of RocksDB, all with a bound.

use kalamdb_core::store::Partition;
use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, LogLevel, Options};

const BLOOM_BITS_PER_KEY: f64 = 10.0;
const INFO_LOG_BYTES_MAX: usize = 1024 * 1024;
const INFO_LOG_FILES_MAX: usize = 2;
/// Written data is handed to the disk in pieces of this size, so that a sync does not wait for all of a large file.
const BYTES_PER_SYNC: u64 = 1024 * 1024;

/// What a log with a damaged record does at open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogDamage {
    /// The store is not opened (kind `corrupt`), unless only an unfinished last record is damaged.
    Refuse,
    /// Everything behind the damage is dropped, also commits that were reported durable: for rescue by hand.
    DropTail,
}

/// How much a RocksDB store may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RocksOptions {
    /// Bytes for blocks, indexes and filters in memory, shared by all partitions.
    pub cache_bytes: usize,
    /// Bytes of writes in memory over all partitions before the oldest go to a file.
    pub write_buffer_bytes: usize,
    /// Bytes of log before partitions are written out to free it; bounds the time of an open after a crash.
    pub log_bytes_max: u64,
    /// Files kept open.
    pub open_files_max: i32,
    /// Threads for writing out and compacting.
    pub background_jobs: i32,
    /// What a damaged log does.
    pub log_damage: LogDamage,
}

impl Default for RocksOptions {
    fn default() -> Self {
        RocksOptions {
            cache_bytes: 64 << 20,
            write_buffer_bytes: 64 << 20,
            log_bytes_max: 128 << 20,
            open_files_max: 512,
            background_jobs: 2,
            log_damage: LogDamage::Refuse,
        }
    }
}

impl RocksOptions {
    /// Options of the database; `is_new` allows to make it.
    pub(super) fn database(&self, is_new: bool) -> Options {
        let mut options = Options::default();
        // A known directory without a database has lost it: that must not look like an empty one.
        options.create_if_missing(is_new);
        // A crash while the database is made may leave it without some; an older one lacks what was added since.
        options.create_missing_column_families(true);
        // The background thread writes the log's buffer out before each sync; a commit is then a copy in memory.
        options.set_manual_wal_flush(true);
        options.set_wal_recovery_mode(match self.log_damage {
            LogDamage::Refuse => DBRecoveryMode::TolerateCorruptedTailRecords,
            LogDamage::DropTail => DBRecoveryMode::PointInTime,
        });
        // The frame lets one commit at a time in.
        options.set_allow_concurrent_memtable_write(false);
        options.set_enable_write_thread_adaptive_yield(false);
        options.set_db_write_buffer_size(self.write_buffer_bytes);
        options.set_max_total_wal_size(self.log_bytes_max);
        options.set_max_open_files(self.open_files_max);
        options.set_max_background_jobs(self.background_jobs);
        options.set_bytes_per_sync(BYTES_PER_SYNC);
        options.set_log_level(LogLevel::Warn);
        options.set_max_log_file_size(INFO_LOG_BYTES_MAX);
        options.set_keep_log_file_num(INFO_LOG_FILES_MAX);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_skip_stats_update_on_db_open(true);
        options
    }

    /// One column family for each partition, and the default one, which RocksDB demands and nothing uses.
    pub(super) fn column_families(&self) -> Vec<ColumnFamilyDescriptor> {
        let cache = Cache::new_lru_cache(self.cache_bytes);
        let mut families = vec![ColumnFamilyDescriptor::new("default", Options::default())];
        families.extend(
            Partition::ALL
                .into_iter()
                .map(|partition| ColumnFamilyDescriptor::new(partition.name(), self.column_family(partition, &cache))),
        );
        families
    }

    fn column_family(&self, partition: Partition, cache: &Cache) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        // Indexes and filters count against the cache and cannot outgrow it.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if is_read_by_key(partition) {
            blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
            blocks.set_optimize_filters_for_memory(true);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(self.write_buffer_bytes / 2);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_bottommost_compression_type(DBCompressionType::Lz4);
        options
    }
}

/// Partitions in which absent keys are looked up; the others are scanned.
fn is_read_by_key(partition: Partition) -> bool {
    match partition {
        Partition::Meta | Partition::Rows | Partition::Devices | Partition::Overlay => true,
        Partition::Index | Partition::Log | Partition::Outbox | Partition::Staging => false,
    }
}
