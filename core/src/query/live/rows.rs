//! A live result with a row for each row of the table that passes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::bound::amount;
use super::super::plan::Plan;
use super::super::scan::{Flow, choose, scan};
use super::place::{Placer, SortBytes};
use super::{LiveChange, LiveRow, Placed, Removed};
use crate::value::Value;
use crate::view::View;
use crate::{Error, Result};

/// Rows held behind a LIMIT, to move up when others leave.
pub const SPARE_ROWS: usize = 64;

/// Up to so many changed rows, each is moved for itself; more are merged with the rest.
const MOVED_ROWS_MAX: usize = 16;

/// The order of the rows that pass: all of them, or the first ones.
pub(super) struct LiveRows {
    /// Sort bytes and where the primary key begins in them.
    held: Vec<Held>,
    /// Whether no row that passes stands behind those held.
    is_whole: bool,
    window: Window,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    sort: SortBytes,
    pk_at: usize,
}

impl Held {
    fn new(sort: SortBytes, pk: &[u8]) -> Held {
        Held { pk_at: sort.len() - pk.len(), sort }
    }

    fn pk(&self) -> &[u8] {
        &self.sort[self.pk_at..]
    }
}

/// OFFSET and LIMIT.
#[derive(Clone, Copy)]
struct Window {
    skip: usize,
    take: Option<usize>,
}

impl Window {
    fn of(plan: &Plan, parameters: &[Value]) -> Result<Window> {
        let rows = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let skip = amount(plan.offset, parameters)?.map_or(0, rows);
        Ok(Window { skip, take: amount(plan.limit, parameters)?.map(rows) })
    }

    /// Rows that must be held to show the window.
    fn needed(self) -> usize {
        self.take.map_or(usize::MAX, |take| self.skip.saturating_add(take))
    }

    /// Rows that are held at most.
    fn held_max(self) -> usize {
        self.needed().saturating_add(SPARE_ROWS)
    }

    fn shown(self, held: &[Held]) -> &[Held] {
        let end = self.needed().min(held.len());
        held.get(self.skip.min(end)..end).unwrap_or_default()
    }

    fn is_limited(self) -> bool {
        self.skip > 0 || self.take.is_some()
    }
}

/// A changed row: how the result showed it and how it shows it now.
struct Change {
    before: Option<(Held, LiveRow)>,
    after: Option<(Held, LiveRow)>,
}

impl LiveRows {
    /// The rows of the first result.
    pub fn start(plan: &Plan, parameters: &[Value], view: &View) -> Result<(LiveRows, Vec<LiveRow>)> {
        let mut live = LiveRows { held: Vec::new(), is_whole: true, window: Window::of(plan, parameters)? };
        let mut placer = Placer::new(plan, parameters);
        live.fill(&mut placer, view)?;
        let rows =
            live.window.shown(&live.held).iter().map(|held| show(&mut placer, view, held)).collect::<Result<_>>()?;
        Ok((live, rows))
    }

    /// The keys of the rows that are shown.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.window.shown(&self.held).iter().map(|held| held.pk().to_vec()).collect()
    }

    /// Reads what is to be held.
    fn fill(&mut self, placer: &mut Placer<'_>, view: &View) -> Result<()> {
        let (plan, parameters, held_max) = (placer.plan, placer.parameters, self.window.held_max());
        let mut held: Vec<Held> = Vec::new();
        let mut bytes = 0;
        self.is_whole = true;
        scan(plan, choose(plan, view)?, view, parameters, |pk, row| {
            let sort = placer.sort_bytes(pk, row)?;
            bytes += sort.len() + size_of::<Held>();
            held.push(Held::new(sort, pk));
            if held.len() >= held_max.saturating_mul(2) {
                held.sort_unstable();
                held.truncate(held_max);
                bytes = held.iter().map(|held| held.sort.len() + size_of::<Held>()).sum();
                self.is_whole = false;
            }
            plan.limits.check(held.len(), bytes)?;
            Ok(Flow::Continue(()))
        })?;
        held.sort_unstable();
        self.is_whole &= held.len() <= held_max;
        held.truncate(held_max);
        self.held = held;
        Ok(())
    }

    /// The result of the newer view, given the keys of the rows that differ.
    pub fn refresh(
        &mut self,
        placer: &mut Placer<'_>,
        old: &View,
        new: &View,
        changed: &[Vec<u8>],
    ) -> Result<LiveChange> {
        let mut changes = Vec::new();
        for pk in changed {
            let place = |found: Option<(SortBytes, LiveRow)>| found.map(|(sort, row)| (Held::new(sort, pk), row));
            let change = Change { before: place(placer.place(old, pk)?), after: place(placer.place(new, pk)?) };
            let is_same = match (&change.before, &change.after) {
                (Some(before), Some(after)) => before.0 == after.0 && before.1 == after.1,
                (None, None) => true,
                _ => false,
            };
            if !is_same {
                changes.push(change);
            }
        }
        if changes.is_empty() {
            return Ok(LiveChange::default());
        }
        if self.window.is_limited() {
            return self.refresh_window(placer, new, changes);
        }
        let mut change = LiveChange::default();
        for (held, row) in changes.iter().filter_map(|change| change.before.as_ref()) {
            let at = self.held.binary_search(held).map_err(|_| lost())?;
            change.removed.push(Removed { at, key: row.key.clone() });
        }
        self.move_rows(&changes);
        for (held, row) in changes.into_iter().filter_map(|change| change.after) {
            let at = self.held.binary_search(&held).map_err(|_| lost())?;
            change.placed.push(Placed { at, was_there: false, row });
        }
        Ok(change.finish())
    }

    /// Takes the rows from their old places and puts them into their new ones.
    fn move_rows(&mut self, changes: &[Change]) {
        let gone = changes.iter().filter_map(|change| change.before.as_ref()).map(|(held, _)| held);
        let come = changes.iter().filter_map(|change| change.after.as_ref()).map(|(held, _)| held);
        if changes.len() > MOVED_ROWS_MAX {
            let gone: std::collections::BTreeSet<&Held> = gone.collect();
            self.held.retain(|held| !gone.contains(held));
            self.held.extend(come.cloned());
            // Stable, because it is quick where most of it is in order.
            self.held.sort();
            return;
        }
        for held in gone {
            if let Ok(at) = self.held.binary_search(held) {
                self.held.remove(at);
            }
        }
        for held in come {
            let at = self.held.partition_point(|known| known < held);
            self.held.insert(at, held.clone());
        }
    }

    fn refresh_window(&mut self, placer: &mut Placer<'_>, new: &View, mut changes: Vec<Change>) -> Result<LiveChange> {
        let before: Vec<Held> = self.window.shown(&self.held).to_vec();
        if !self.is_whole {
            // Behind the last row that is held nothing is known, and nothing must be put there.
            let last = self.held.last().cloned();
            let is_known = |held: &Held| last.as_ref().is_some_and(|last| held <= last);
            for change in &mut changes {
                change.before = change.before.take().filter(|(held, _)| is_known(held));
                change.after = change.after.take().filter(|(held, _)| is_known(held));
            }
        }
        self.move_rows(&changes);
        if !self.is_whole && self.held.len() < self.window.needed() {
            self.fill(placer, new)?;
        }
        if self.held.len() > self.window.held_max() {
            self.held.truncate(self.window.held_max());
            self.is_whole = false;
        }
        let known = changes.into_iter().filter_map(|change| change.after).map(|(held, row)| (held.sort, row));
        let mut known: BTreeMap<SortBytes, LiveRow> = known.collect();
        let mut change = LiveChange::default();
        let after = self.window.shown(&self.held);
        let (mut old_at, mut new_at) = (0, 0);
        loop {
            let order = match (before.get(old_at), after.get(new_at)) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.cmp(new),
            };
            let is_same = order.is_eq() && after.get(new_at).is_none_or(|held| !known.contains_key(&held.sort));
            if order.is_le() {
                if let Some(held) = before.get(old_at).filter(|_| !is_same) {
                    change.removed.push(Removed { at: old_at, key: held.pk().to_vec() });
                }
                old_at += 1;
            }
            if order.is_ge() {
                if let Some(held) = after.get(new_at).filter(|_| !is_same) {
                    let row = match known.remove(&held.sort) {
                        Some(row) => row,
                        None => show(placer, new, held)?,
                    };
                    change.placed.push(Placed { at: new_at, was_there: false, row });
                }
                new_at += 1;
            }
        }
        Ok(change.finish())
    }
}

/// What the result shows of a row that is held.
fn show(placer: &mut Placer<'_>, view: &View, held: &Held) -> Result<LiveRow> {
    let row = view.get(placer.plan.table.id, held.pk())?.ok_or_else(lost)?;
    placer.row(held.pk(), &row)
}

fn lost() -> Error {
    Error::internal("lost_live_row", "a live query misses a row that it has shown: start it anew")
}
