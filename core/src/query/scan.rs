//! The walk over the rows of one execution: by keys, by a range of the primary key, or by an index.

use std::ops::ControlFlow;

use super::bound::{Access, bind};
use super::path::Source;
use super::plan::{Filter, Plan, Way};
use super::reading::{Slots, recycle};
use crate::catalog::{IndexDef, Table};
use crate::row::Header;
use crate::store::{Direction, KeyRange};
use crate::value::{Cell, Value};
use crate::view::View;
use crate::{Error, Result, ids::TableId};

/// Whether to go on.
pub(super) type Flow = ControlFlow<()>;

/// The best way that the view allows.
pub(super) fn choose<'p>(plan: &'p Plan, view: &View) -> Result<&'p Way> {
    for way in &plan.ways {
        let usable = match &way.path.source {
            Source::Primary => true,
            Source::Index(index) => view.can_use(index)?,
        };
        if usable {
            return Ok(way);
        }
    }
    Err(Error::internal("no_way", "a plan ends with a way that needs no index"))
}

/// Calls `each` with key and row of every row that the way finds and its filter passes. Gives the number of rows that were
/// looked at.
pub(super) fn scan(
    plan: &Plan,
    way: &Way,
    view: &View,
    parameters: &[Value],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<Flow>,
) -> Result<usize> {
    let mut gate = Gate::new(plan, way.filter.as_ref(), parameters);
    let table = plan.table.id;
    let direction = way.path.direction;
    match (bind(&plan.table, &way.path, parameters)?, &way.path.source) {
        (Access::Nothing, _) => Ok(()),
        (Access::Keys(keys), _) => by_keys(view, table, &keys, direction, &mut gate, &mut each),
        (Access::Range(range), Source::Primary) => by_range(view, table, &range, direction, &mut gate, &mut each),
        (Access::Range(range), Source::Index(index)) => {
            by_index(view, table, (index, &range), direction, &mut gate, &mut each)
        }
    }?;
    Ok(gate.asked)
}

type Each<'e> = dyn FnMut(&[u8], &[u8]) -> Result<Flow> + 'e;

fn by_keys(
    view: &View,
    table: TableId,
    keys: &[Vec<u8>],
    direction: Direction,
    gate: &mut Gate<'_>,
    each: &mut Each<'_>,
) -> Result<()> {
    let mut get = |key: &Vec<u8>| match view.get(table, key)? {
        Some(row) if gate.passes(key, &row)? => each(key, &row),
        _ => Ok(Flow::Continue(())),
    };
    let ordered: &mut dyn Iterator<Item = &Vec<u8>> = match direction {
        Direction::Forward => &mut keys.iter(),
        Direction::Reverse => &mut keys.iter().rev(),
    };
    for key in ordered {
        if get(key)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn by_range(
    view: &View,
    table: TableId,
    range: &KeyRange,
    direction: Direction,
    gate: &mut Gate<'_>,
    each: &mut impl FnMut(&[u8], &[u8]) -> Result<Flow>,
) -> Result<()> {
    let mut cursor = view.scan(table, range, direction)?;
    while cursor.advance()? {
        let (pk, row) = (cursor.pk(), cursor.row());
        if gate.passes(pk, row)? && each(pk, row)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn by_index(
    view: &View,
    table: TableId,
    (index, range): (&IndexDef, &KeyRange),
    direction: Direction,
    gate: &mut Gate<'_>,
    each: &mut Each<'_>,
) -> Result<()> {
    let mut cursor = view.scan_index(index, range, direction)?;
    while cursor.advance()? {
        let pk = cursor.pk();
        let Some(row) = view.get(table, pk)? else {
            let message = format!("index `{}` has an entry without a row: rebuild it", index.name);
            return Err(Error::corrupt("dangling_index_entry", message));
        };
        if gate.passes(pk, &row)? && each(pk, &row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Decides whether a row is part of the query.
pub(super) struct Gate<'a> {
    table: &'a Table,
    tombstones: bool,
    filter: Option<&'a Filter>,
    parameters: &'a [Value],
    spare: Vec<Cell<'static>>,
    /// Rows that it was asked about.
    asked: usize,
}

impl<'a> Gate<'a> {
    pub(super) fn new(plan: &'a Plan, filter: Option<&'a Filter>, parameters: &'a [Value]) -> Gate<'a> {
        Gate { table: &plan.table, tombstones: plan.tombstones, filter, parameters, spare: Vec::new(), asked: 0 }
    }

    /// Unknown is not true: a row passes only if the condition holds.
    #[inline]
    pub(super) fn passes(&mut self, pk: &[u8], row: &[u8]) -> Result<bool> {
        self.asked += 1;
        if !self.tombstones && Header::is_tombstone(row)? {
            return Ok(false);
        }
        let Some(filter) = self.filter else { return Ok(true) };
        let mut cells = recycle(std::mem::take(&mut self.spare));
        filter.reading.read(self.table, pk, row, &mut cells)?;
        let truth = filter.expr.truth(&Slots { cells: &cells, parameters: self.parameters });
        self.spare = recycle(cells);
        Ok(truth? == Some(true))
    }
}
