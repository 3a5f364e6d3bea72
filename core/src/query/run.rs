//! Execution of a plan over a view.

use std::mem::take;

use super::bound::{amount, check_parameters};
use super::groups::{Groups, write_key};
use super::path::Sorted;
use super::plan::{Body, GroupsBody, Plan, RowsBody, Term, Way};
use super::reading::{Reading, recycle, recycle_values, visible};
use super::rows::Rows;
use super::scan::{Flow, choose, scan};
use super::sort::{Sorter, write_term};
use crate::codec::Reader;
use crate::value::{Cell, Datum, Value, ValueRef};
use crate::view::View;
use crate::{Error, Result};

/// Receives the rows of a result one after another; it breaks to stop.
pub type Visit<'v> = dyn FnMut(&[ValueRef<'_>]) -> Result<Flow> + 'v;

impl Plan {
    /// The whole result.
    ///
    /// # Errors
    /// Kind `invalid` if parameters are missing or of another type, `retry` if the table was altered since the plan
    /// was made, `quota` past the query's [`Limits`](super::Limits), `corrupt` for damaged rows, and what the store
    /// gives.
    pub fn execute(&self, view: &View, parameters: &[Value]) -> Result<Rows> {
        self.execute_counted(view, parameters).map(|(rows, _)| rows)
    }

    /// The whole result, and how many rows of the table were looked at for it.
    ///
    /// # Errors
    /// As [`Plan::execute`].
    pub fn execute_counted(&self, view: &View, parameters: &[Value]) -> Result<(Rows, usize)> {
        let mut rows = Rows::new(self.columns.clone());
        let read = self.visit(view, parameters, &mut |row| {
            rows.push(row, &self.limits)?;
            Ok(Flow::Continue(()))
        })?;
        Ok((rows, read))
    }

    /// Whether its rows are groups of the table's.
    pub fn is_grouped(&self) -> bool {
        matches!(self.body, Body::Groups(_))
    }

    /// Fails if the table was altered since the plan was made, or the parameters are not those that it needs.
    pub(super) fn check(&self, view: &View, parameters: &[Value]) -> Result<()> {
        let known = view.catalog().live_table(self.table.id)?;
        if known.changed != self.table.changed {
            let message =
                format!("table `{}` was altered since the query was planned: plan it again", known.full_name());
            return Err(Error::retry("stale_plan", message));
        }
        check_parameters(&self.parameters, parameters)
    }

    /// Calls `visit` with each row of the result. Rows that need no sort are not held, whatever their number. Gives the
    /// number of rows that were looked at.
    ///
    /// # Errors
    /// As [`Plan::execute`], and what `visit` gives.
    pub fn visit(&self, view: &View, parameters: &[Value], visit: &mut Visit<'_>) -> Result<usize> {
        self.check(view, parameters)?;
        let skip = amount(self.offset, parameters)?.unwrap_or(0);
        let window = Window { skip, take: amount(self.limit, parameters)? };
        if window.take == Some(0) {
            return Ok(0);
        }
        let way = choose(self, view)?;
        let mut run =
            Run { plan: self, way, view, parameters, read: 0, emitter: Emitter { window, visit, spare: Vec::new() } };
        match &self.body {
            Body::Groups(body) => run.groups(body),
            Body::Rows(body) => match way.path.sorted {
                Sorted::Whole => run.stream(body),
                Sorted::Runs(terms) => run.sort(body, terms),
            },
        }?;
        Ok(run.read)
    }
}

/// One execution.
struct Run<'a, 'v> {
    plan: &'a Plan,
    way: &'a Way,
    view: &'a View,
    parameters: &'a [Value],
    /// Rows that were looked at.
    read: usize,
    emitter: Emitter<'a, 'v>,
}

impl Run<'_, '_> {
    fn stream(&mut self, body: &RowsBody) -> Result<()> {
        let Run { plan, way, view, parameters, read, emitter } = self;
        let mut row_cells = RowCells::default();
        *read = scan(plan, way, view, parameters, |pk, row| {
            if emitter.window.skips() {
                return Ok(Flow::Continue(()));
            }
            row_cells.with(&plan.table, &body.reading, (pk, row), |cells| {
                emitter.emit(body.output.iter().map(|slot| at(cells, *slot)))
            })
        })?;
        Ok(())
    }

    /// Sorts run after run of rows that agree in the first `terms` of the order.
    fn sort(&mut self, body: &RowsBody, terms: usize) -> Result<()> {
        let Run { plan, way, view, parameters, read, emitter } = self;
        let mut sorter = Sorter::new(emitter.window.keep(), plan.limits);
        let mut key = SortKey::default();
        let (mut order_cells, mut row_cells) = (RowCells::default(), RowCells::default());
        *read = scan(plan, way, view, parameters, |pk, row| {
            order_cells.with(&plan.table, &body.order_reading, (pk, row), |cells| {
                key.write(&body.order, terms, |slot| at(cells, slot))
            })?;
            key.bytes.extend_from_slice(pk);
            if key.starts_run() && !sorter.is_empty() {
                let flow = emitter.drain(&mut sorter, body.output.len())?;
                sorter.restart(emitter.window.keep());
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            if sorter.admits(&key.bytes) {
                row_cells.with(&plan.table, &body.reading, (pk, row), |cells| {
                    sorter.push(&key.bytes, body.output.iter().map(|slot| at(cells, *slot)))
                })?;
            }
            Ok(Flow::Continue(()))
        })?;
        emitter.drain(&mut sorter, body.output.len()).map(drop)
    }

    fn groups(&mut self, body: &GroupsBody) -> Result<()> {
        let Run { plan, way, view, parameters, read, emitter } = self;
        let mut groups = Groups::new(&body.aggregates, plan.limits);
        let mut key = Vec::new();
        if body.keys.is_empty() {
            groups.find(&key)?;
        }
        let mut row_cells = RowCells::default();
        *read = scan(plan, way, view, parameters, |pk, row| {
            row_cells.with(&plan.table, &body.reading, (pk, row), |cells| {
                write_key(&mut key, body.keys.iter().map(|slot| at(cells, *slot)));
                let group = groups.find(&key)?;
                groups.add(group, |slot| at(cells, slot))
            })?;
            Ok(Flow::Continue(()))
        })?;
        emitter.groups(&groups, body, plan)
    }
}

/// The value in a slot.
#[inline]
pub(super) fn at<'a>(cells: &'a [Cell<'_>], slot: usize) -> ValueRef<'a> {
    cells.get(slot).map_or(Datum::Null, visible)
}

/// Memory for the cells of one row, used again for the next.
#[derive(Default)]
pub(super) struct RowCells {
    spare: Vec<Cell<'static>>,
}

impl RowCells {
    #[inline]
    pub(super) fn with<T>(
        &mut self,
        table: &crate::Table,
        reading: &Reading,
        (pk, row): (&[u8], &[u8]),
        work: impl FnOnce(&[Cell<'_>]) -> Result<T>,
    ) -> Result<T> {
        if reading.width() == 0 {
            return work(&[]);
        }
        let mut cells = recycle(take(&mut self.spare));
        reading.read(table, pk, row, &mut cells)?;
        let result = work(&cells);
        self.spare = recycle(cells);
        result
    }
}

/// The bytes by which a row sorts, and how many of them its run has in common.
#[derive(Default)]
pub(super) struct SortKey {
    pub(super) bytes: Vec<u8>,
    run_end: usize,
    run: Vec<u8>,
}

impl SortKey {
    pub(super) fn write<'a>(
        &mut self,
        order: &[Term],
        run_terms: usize,
        value: impl Fn(usize) -> ValueRef<'a>,
    ) -> Result<()> {
        self.bytes.clear();
        self.run_end = 0;
        for (at, term) in order.iter().enumerate() {
            write_term(&mut self.bytes, &value(term.slot), term)?;
            if at + 1 == run_terms {
                self.run_end = self.bytes.len();
            }
        }
        Ok(())
    }

    /// Whether the row written last belongs to another run than the one before.
    fn starts_run(&mut self) -> bool {
        let run = &self.bytes[..self.run_end];
        if self.run == run {
            return false;
        }
        self.run.clear();
        self.run.extend_from_slice(run);
        true
    }
}

/// OFFSET and LIMIT as they are used up.
struct Window {
    skip: u64,
    take: Option<u64>,
}

impl Window {
    /// Rows that are still needed from a sorted whole; all of them if none.
    fn keep(&self) -> Option<usize> {
        self.take.map(|take| usize::try_from(self.skip.saturating_add(take)).unwrap_or(usize::MAX))
    }

    fn skips(&mut self) -> bool {
        let skips = self.skip > 0;
        self.skip -= u64::from(skips);
        skips
    }

    fn took(&mut self) -> Flow {
        let Some(take) = &mut self.take else { return Flow::Continue(()) };
        *take = take.saturating_sub(1);
        if *take == 0 { Flow::Break(()) } else { Flow::Continue(()) }
    }
}

/// Hands rows to the visitor.
struct Emitter<'a, 'v> {
    window: Window,
    visit: &'a mut Visit<'v>,
    spare: Vec<ValueRef<'static>>,
}

impl Emitter<'_, '_> {
    fn emit<'r>(&mut self, values: impl Iterator<Item = ValueRef<'r>>) -> Result<Flow> {
        let mut row = recycle_values(take(&mut self.spare));
        row.extend(values);
        let flow = (self.visit)(&row)?;
        self.spare = recycle_values(row);
        Ok(if self.window.took().is_break() { Flow::Break(()) } else { flow })
    }

    /// Hands on the sorted rows; breaks if no further one is wanted.
    fn drain(&mut self, sorter: &mut Sorter, width: usize) -> Result<Flow> {
        let mut flow = Flow::Continue(());
        sorter.drain(|mut input: Reader<'_>| {
            if self.window.skips() {
                return Ok(true);
            }
            let mut row = recycle_values(take(&mut self.spare));
            for _ in 0..width {
                row.push(ValueRef::read(&mut input)?);
            }
            flow = (self.visit)(&row)?;
            self.spare = recycle_values(row);
            if self.window.took().is_break() {
                flow = Flow::Break(());
            }
            Ok(flow.is_continue())
        })?;
        Ok(flow)
    }

    fn groups(&mut self, groups: &Groups<'_>, body: &GroupsBody, plan: &Plan) -> Result<()> {
        let output = |values: &[Value], place: usize| -> Value { values.get(place).cloned().unwrap_or(Datum::Null) };
        let mut sorter = Sorter::new(self.window.keep(), plan.limits);
        let mut key = SortKey::default();
        for group in 0..groups.len() {
            // Without an order there is nothing to sort and what is left out is what comes first.
            if body.order.is_empty() && self.window.skips() {
                continue;
            }
            let values = groups.values(group)?;
            let row: Vec<Value> = body.output.iter().map(|place| output(&values, *place)).collect();
            if body.order.is_empty() {
                if self.emit(row.iter().map(Value::borrow))?.is_break() {
                    return Ok(());
                }
                continue;
            }
            key.write(&body.order, 0, |place| values.get(place).map_or(Datum::Null, Value::borrow))?;
            if sorter.admits(&key.bytes) {
                sorter.push(&key.bytes, row.iter().map(Value::borrow))?;
            }
        }
        self.drain(&mut sorter, body.output.len()).map(drop)
    }
}
