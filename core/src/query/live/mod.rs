//! Live queries: a result that is kept equal to its query, at the cost of the rows that changed.
//!
//! A [`LiveQuery`] yields whole rows once and then [`LiveChange`]s. It holds the view that its result belongs to; given
//! a newer one and the rows that differ, it looks each of them up in both: a row enters the result, leaves it, or stays
//! and looks different. Behind a LIMIT it holds spare rows, and reads the table again only when those are spent.
//! Queries with groups run again, but only when a row changed that their filter passes.

mod groups;
mod place;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::plan::{Body, OutputColumn, Plan};
use crate::Result;
use crate::ids::TableId;
use crate::value::Value;
use crate::view::View;

use groups::LiveGroups;
use place::Placer;
use rows::LiveRows;
pub use rows::SPARE_ROWS;

/// A row of a live result.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRow {
    /// What names the row as long as it is part of the result: its encoded primary key, or the values of its group.
    pub key: Vec<u8>,
    /// Its values.
    pub values: Vec<Value>,
}

/// A row that leaves its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its place in the old result.
    pub at: usize,
    /// Its key.
    pub key: Vec<u8>,
}

/// A row that takes a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its place in the new result.
    pub at: usize,
    /// Whether it was part of the old result; it stands among the removed ones then.
    pub was_there: bool,
    /// The row.
    pub row: LiveRow,
}

/// How a result becomes the next: first all removed rows go, then the placed ones are put in their places in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveChange {
    /// Rows that leave their places, in order.
    pub removed: Vec<Removed>,
    /// Rows that take places, in order.
    pub placed: Vec<Placed>,
}

impl LiveChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.placed.is_empty()
    }

    /// Orders both lists by place, and notes which placed rows were there before.
    pub fn finish(mut self) -> LiveChange {
        self.removed.sort_unstable_by_key(|removed| removed.at);
        self.placed.sort_unstable_by_key(|placed| placed.at);
        let gone: BTreeSet<&[u8]> = self.removed.iter().map(|removed| &*removed.key).collect();
        self.placed.iter_mut().for_each(|placed| placed.was_there = gone.contains(&*placed.row.key));
        self
    }
}

/// A query with its present result.
pub struct LiveQuery {
    plan: Plan,
    parameters: Vec<Value>,
    view: View,
    result: LiveResult,
}

enum LiveResult {
    Rows(LiveRows),
    Groups(Box<LiveGroups>),
}

impl LiveQuery {
    /// Runs `plan` over `view`; gives the query and its first result.
    ///
    /// # Errors
    /// As [`Plan::execute`].
    pub fn start(plan: Plan, parameters: Vec<Value>, view: View) -> Result<(LiveQuery, Vec<LiveRow>)> {
        plan.check(&view, &parameters)?;
        let (result, rows) = match plan.body {
            Body::Rows(_) => {
                let (live, rows) = LiveRows::start(&plan, &parameters, &view)?;
                (LiveResult::Rows(live), rows)
            }
            Body::Groups(_) => {
                let (live, rows) = LiveGroups::start(&plan, &parameters, &view)?;
                (LiveResult::Groups(Box::new(live)), rows)
            }
        };
        Ok((LiveQuery { plan, parameters, view, result }, rows))
    }

    /// The result columns.
    pub fn columns(&self) -> &[OutputColumn] {
        self.plan.columns()
    }

    /// Its plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The keys of the present rows, in order.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        match &self.result {
            LiveResult::Rows(live) => live.keys(),
            LiveResult::Groups(live) => live.keys(),
        }
    }

    /// Moves on to `view`, given table and encoded key of every row that differs from the last one; `None` if any may.
    ///
    /// # Errors
    /// Kind `retry` with code `stale_plan` if the table was altered: start anew then. Else as [`Plan::execute`]; the
    /// result is that of the last view still, and the next call needs the rows of both steps.
    pub fn refresh(&mut self, view: View, rows: Option<&BTreeSet<(TableId, Vec<u8>)>>) -> Result<LiveChange> {
        self.plan.check(&view, &self.parameters)?;
        let table = self.plan.table.id;
        let changed: Vec<Vec<u8>> = match rows {
            Some(rows) => rows.iter().filter(|(of, _)| *of == table).map(|(_, key)| key.clone()).collect(),
            None => place::all_keys(&[&self.view, &view], table)?,
        };
        if changed.is_empty() {
            self.view = view;
            return Ok(LiveChange::default());
        }
        let mut placer = Placer::new(&self.plan, &self.parameters);
        let change = match &mut self.result {
            LiveResult::Rows(live) => live.refresh(&mut placer, &self.view, &view, &changed)?,
            LiveResult::Groups(live) => live.refresh(&mut placer, &self.view, &view, &changed)?,
        };
        self.view = view;
        Ok(change)
    }
}
