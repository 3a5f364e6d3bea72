//! A bounded cache of what statements became.

use std::collections::HashMap;
use std::sync::Arc;

use kalamdb_core::CatalogVersion;

/// Longest statement that is kept; longer ones are translated each time.
pub const CACHED_SQL_BYTES_MAX: usize = 16 << 10;

/// Keeps a value for each of the statements used last, by their text and the catalog's version.
///
/// One cache serves one [`Scope`](super::Scope): a namespace and a meaning of `*`.
#[derive(Debug)]
pub struct PlanCache<T> {
    entries: HashMap<Box<str>, Entry<T>>,
    entries_max: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<T> {
    version: CatalogVersion,
    used: u64,
    value: Arc<T>,
}

impl<T> PlanCache<T> {
    /// A cache of at most so many statements.
    pub fn new(entries_max: usize) -> PlanCache<T> {
        PlanCache { entries: HashMap::new(), entries_max, clock: 0 }
    }

    /// How many statements it keeps.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What `sql` became under this version of the catalog, if that is kept.
    pub fn get(&mut self, sql: &str, version: CatalogVersion) -> Option<Arc<T>> {
        let entry = self.entries.get_mut(sql).filter(|entry| entry.version == version)?;
        self.clock += 1;
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    /// Keeps what `sql` became; the statement that was not used for the longest time makes room.
    pub fn put(&mut self, sql: &str, version: CatalogVersion, value: Arc<T>) {
        if sql.len() > CACHED_SQL_BYTES_MAX || self.entries_max == 0 {
            return;
        }
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(sql) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(sql, _)| sql.clone());
            if let Some(oldest) = oldest {
                self.entries.remove(&oldest);
            }
        }
        self.clock += 1;
        self.entries.insert(sql.into(), Entry { version, used: self.clock, value });
    }
}
