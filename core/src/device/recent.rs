//! Which rows changed lately, so that a reader with an older view need not compare all of them.

use std::collections::{BTreeSet, VecDeque};

use super::overlay::RowKey;
use crate::planted::{Bug, is_planted};

/// Rows that are remembered.
pub const RECENT_ROWS_MAX: usize = 65_536;

/// The rows that the last changes touched, each with the version that the change led to.
#[derive(Default)]
pub(super) struct RecentRows {
    rows: VecDeque<(u64, RowKey)>,
    /// What changed up to this version is not known any more.
    forgotten: u64,
}

impl RecentRows {
    /// Takes note of the rows that the change to `version` touched.
    pub fn note(&mut self, version: u64, rows: impl IntoIterator<Item = RowKey>) {
        let left_out = usize::from(is_planted(Bug::ChangeUnnoticed));
        self.rows.extend(rows.into_iter().skip(left_out).map(|row| (version, row)));
        while self.rows.len() > RECENT_ROWS_MAX
            && let Some((version, _)) = self.rows.pop_front()
        {
            self.forgotten = version;
        }
    }

    /// The change to `version` may have touched any row.
    pub fn forget(&mut self, version: u64) {
        self.rows.clear();
        self.forgotten = version;
    }

    /// The rows that changes after `version` touched; `None` if that is not known.
    pub fn since(&self, version: u64) -> Option<BTreeSet<RowKey>> {
        if version < self.forgotten {
            return None;
        }
        let first = self.rows.partition_point(|(known, _)| *known <= version);
        Some(self.rows.range(first..).map(|(_, row)| row.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{RECENT_ROWS_MAX, RecentRows};
    use crate::ids::TableId;

    fn row(number: usize) -> (TableId, Vec<u8>) {
        (TableId(1), number.to_be_bytes().to_vec())
    }

    #[test]
    fn rows_are_given_from_a_version_on_each_once() {
        let mut recent = RecentRows::default();
        recent.note(1, [row(1), row(2)]);
        recent.note(2, [row(2)]);
        assert_eq!(recent.since(0).unwrap().len(), 2);
        assert_eq!(recent.since(1).unwrap().into_iter().collect::<Vec<_>>(), [row(2)]);
        assert!(recent.since(2).unwrap().is_empty());
    }

    #[test]
    fn what_was_forgotten_is_not_claimed_to_be_known() {
        let mut recent = RecentRows::default();
        recent.note(1, [row(1)]);
        recent.forget(2);
        assert!(recent.since(1).is_none());
        assert!(recent.since(2).unwrap().is_empty());
        recent.note(3, (0..=RECENT_ROWS_MAX).map(row));
        assert!(recent.since(2).is_none(), "one of the rows of version 3 is lost");
        assert!(recent.since(3).unwrap().is_empty());
    }
}
