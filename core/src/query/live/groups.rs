//! A live result with a row for each group.

use std::collections::BTreeMap;

use super::super::plan::{Body, Plan};
use super::place::Placer;
use super::{LiveChange, LiveRow, Placed, Removed};
use crate::Result;
use crate::codec::Writer;
use crate::value::Value;
use crate::view::View;

/// The groups as they were shown last.
pub(super) struct LiveGroups {
    /// The plan, with the values of the group in front of the result columns.
    plan: Plan,
    /// How many values name a group.
    names: usize,
    rows: Vec<LiveRow>,
}

impl LiveGroups {
    /// The groups of the first result.
    pub fn start(plan: &Plan, parameters: &[Value], view: &View) -> Result<(LiveGroups, Vec<LiveRow>)> {
        let mut plan = plan.clone();
        let mut names = 0;
        if let Body::Groups(body) = &mut plan.body {
            names = body.keys.len();
            body.output = (0..names).chain(body.output.iter().copied()).collect();
        }
        let mut live = LiveGroups { plan, names, rows: Vec::new() };
        live.rows = live.run(parameters, view)?;
        let rows = live.rows.clone();
        Ok((live, rows))
    }

    /// The keys of the groups that are shown.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.rows.iter().map(|row| row.key.clone()).collect()
    }

    fn run(&self, parameters: &[Value], view: &View) -> Result<Vec<LiveRow>> {
        let mut rows = Vec::new();
        self.plan.visit(view, parameters, &mut |values| {
            let (names, values) = values.split_at(self.names.min(values.len()));
            let mut key = Writer::on(Vec::new());
            names.iter().for_each(|value| value.write(&mut key));
            rows.push(LiveRow { key: key.into_vec(), values: values.iter().map(|value| value.to_owned()).collect() });
            Ok(super::super::scan::Flow::Continue(()))
        })?;
        Ok(rows)
    }

    /// The result of the newer view, given the keys of the rows that differ.
    pub fn refresh(
        &mut self,
        placer: &mut Placer<'_>,
        old: &View,
        new: &View,
        changed: &[Vec<u8>],
    ) -> Result<LiveChange> {
        let mut concerns_us = false;
        for pk in changed {
            if placer.passes(old, pk)? || placer.passes(new, pk)? {
                concerns_us = true;
                break;
            }
        }
        if !concerns_us {
            return Ok(LiveChange::default());
        }
        let rows = self.run(placer.parameters, new)?;
        let change = compare(&self.rows, &rows);
        self.rows = rows;
        Ok(change)
    }
}

/// Rows that look the same and did not change their order stay; all others are removed and placed.
fn compare(old: &[LiveRow], new: &[LiveRow]) -> LiveChange {
    let places: BTreeMap<&[u8], usize> = old.iter().enumerate().map(|(at, row)| (&*row.key, at)).collect();
    let mut stays = vec![false; old.len()];
    let mut change = LiveChange::default();
    let mut next = 0;
    for (at, row) in new.iter().enumerate() {
        match places.get(&*row.key) {
            Some(&place) if place >= next && old.get(place) == Some(row) => {
                stays[place] = true;
                next = place + 1;
            }
            _ => change.placed.push(Placed { at, was_there: false, row: row.clone() }),
        }
    }
    let gone = old.iter().zip(stays).enumerate().filter(|(_, (_, stays))| !stays);
    change.removed = gone.map(|(at, (row, _))| Removed { at, key: row.key.clone() }).collect();
    change.finish()
}
