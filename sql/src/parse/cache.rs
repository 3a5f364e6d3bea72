//! Parsed texts by their text, the least recently used first to go.

use std::collections::HashMap;
use std::sync::Arc;

use kalamdb_core::Result;

use super::{Script, parse};

/// Most texts that a session keeps parsed.
pub const CACHED_SCRIPTS_MAX: usize = 256;
/// Longer texts are parsed each time: imports and other texts that never come again. An INSERT of many rows, which an
/// application repeats with other parameters, is shorter.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Bytes of all texts that are kept; parsed they take some fifty times as many.
const CACHED_BYTES_MAX: usize = 128 << 10;

/// A bounded cache of parsed texts.
#[derive(Debug, Default)]
pub struct ScriptCache {
    scripts: HashMap<String, (u64, Arc<Script>)>,
    clock: u64,
    /// Of the texts.
    bytes: usize,
}

impl ScriptCache {
    /// The statements of `sql`, parsed now or earlier.
    ///
    /// # Errors
    /// As [`parse`]; errors are not kept.
    pub fn get(&mut self, sql: &str) -> Result<Arc<Script>> {
        self.clock += 1;
        if let Some((used, script)) = self.scripts.get_mut(sql) {
            *used = self.clock;
            return Ok(script.clone());
        }
        let script = Arc::new(parse(sql)?);
        if sql.len() <= TEXT_BYTES_MAX {
            while self.scripts.len() >= CACHED_SCRIPTS_MAX || self.bytes + sql.len() > CACHED_BYTES_MAX {
                self.drop_oldest();
            }
            self.bytes += sql.len();
            self.scripts.insert(sql.to_string(), (self.clock, script.clone()));
        }
        Ok(script)
    }

    fn drop_oldest(&mut self) {
        let oldest = self.scripts.iter().min_by_key(|(_, (used, _))| *used).map(|(sql, _)| sql.clone());
        if let Some(oldest) = oldest {
            self.scripts.remove(&oldest);
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let mut cache = ScriptCache::default();
        cache.get("SELECT 0").unwrap();
        for number in 1..=2 * CACHED_SCRIPTS_MAX {
            cache.get(&format!("SELECT {number}")).unwrap();
            cache.get("SELECT 0").unwrap();
        }
        assert_eq!(cache.scripts.len(), CACHED_SCRIPTS_MAX);
        assert!(cache.scripts.contains_key("SELECT 0") && !cache.scripts.contains_key("SELECT 1"));
    }

    #[test]
    fn long_texts_make_room_for_each_other_and_the_longest_are_not_kept() {
        let mut cache = ScriptCache::default();
        let text = |number: usize, bytes: usize| format!("SELECT {number}{}", " ".repeat(bytes));
        for number in 0..20 {
            cache.get(&text(number, 15 << 10)).unwrap();
            assert!(cache.bytes <= CACHED_BYTES_MAX);
            assert_eq!(cache.bytes, cache.scripts.keys().map(String::len).sum::<usize>());
        }
        assert!(cache.scripts.contains_key(&text(19, 15 << 10)));
        cache.get(&text(0, 20 << 10)).unwrap();
        assert!(!cache.scripts.contains_key(&text(0, 20 << 10)));
    }
}
