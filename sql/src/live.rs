//! Live queries of one table by their SQL.

use kalamdb_core::device::{Device, News};
use kalamdb_core::query::Plan;
use kalamdb_core::query::live::{LiveChange, LiveQuery, LiveRow, Placed, Removed};
use kalamdb_core::{Error, Result, Value, View};

use crate::parse::{Query, Statement, parse};
use crate::reader::{describe_columns, direct_plan};
use crate::result::ResultColumn;
use crate::system::check_table;

/// A query whose result follows a device's copy.
///
/// ```ignore
/// let (mut live, rows) = Live::start(&device, "SELECT title FROM app.notes WHERE stars > $1", &[Value::Int(3)])?;
/// // … after the device changed:
/// let change = live.refresh(&device)?;
/// ```
pub struct Live {
    query: Query,
    params: Vec<Value>,
    columns: Vec<ResultColumn>,
    view: View,
    live: LiveQuery,
}

impl Live {
    /// Starts a query; gives it and its first result.
    ///
    /// # Errors
    /// Kind `invalid` with code `live_one_table` if core cannot follow it, as with a join; else as a query.
    pub fn start(device: &Device, sql: &str, params: &[Value]) -> Result<(Live, Vec<LiveRow>)> {
        let mut script = parse(sql)?;
        if script.params != params.len() {
            let message = format!("the text has {} parameters, {} values were given", script.params, params.len());
            return Err(Error::invalid("wrong_parameter_count", message));
        }
        let query = match (script.statements.pop(), script.statements.is_empty()) {
            (Some(Statement::Query(query)), true) => *query,
            _ => return Err(Error::invalid("no_query", "a live query is one SELECT")),
        };
        let view = device.view()?;
        let (live, rows) = start(&query, params, view.clone())?;
        let columns = columns(&live, &view, &query);
        Ok((Live { query, params: params.to_vec(), columns, view, live }, rows))
    }

    /// The result columns.
    pub fn columns(&self) -> &[ResultColumn] {
        &self.columns
    }

    /// Its plan.
    pub fn plan(&self) -> &Plan {
        self.live.plan()
    }

    /// Moves on to the present state of the device; the change is empty if the result stays as it is.
    ///
    /// # Errors
    /// As [`Live::start`], as when its table is gone; the result is that of the last call still.
    pub fn refresh(&mut self, device: &Device) -> Result<LiveChange> {
        let News { view, rows } = device.news(self.view.version())?;
        if view.version() == self.view.version() {
            return Ok(LiveChange::default());
        }
        let change = match self.live.refresh(view.clone(), rows.as_ref()) {
            // Altered, or made on the device and numbered anew by the server; one that is gone fails in the plan.
            Err(error) if matches!(error.code(), "stale_plan" | "unknown_table") => self.start_anew(view.clone())?,
            change => change?,
        };
        self.view = view;
        Ok(change)
    }

    /// The table was altered: every row goes, and the rows of the new plan come.
    fn start_anew(&mut self, view: View) -> Result<LiveChange> {
        let (live, rows) = start(&self.query, &self.params, view.clone())?;
        let removed = self.live.keys().into_iter().enumerate().map(|(at, key)| Removed { at, key }).collect();
        let placed = rows.into_iter().enumerate().map(|(at, row)| Placed { at, was_there: false, row }).collect();
        self.columns = columns(&live, &view, &self.query);
        self.live = live;
        Ok(LiveChange { removed, placed }.finish())
    }
}

fn columns(live: &LiveQuery, view: &View, query: &Query) -> Vec<ResultColumn> {
    let column = |column: &kalamdb_core::query::OutputColumn| ResultColumn::new(&column.name, column.ty);
    let mut columns: Vec<_> = live.columns().iter().map(column).collect();
    describe_columns(&mut columns, view, query);
    columns
}

fn start(query: &Query, params: &[Value], view: View) -> Result<(LiveQuery, Vec<LiveRow>)> {
    query.tables.iter().try_for_each(|table| check_table(&view, table))?;
    let plan = direct_plan(&view, query);
    let bound = plan.as_ref().and_then(|plan| plan.bind(params));
    let (Some(plan), Some(values)) = (plan, bound) else {
        let message = "a live query reads one table, with plain columns, conditions and groups; this one takes more, \
                       or a column that is not there: run it as a query, which says more";
        return Err(Error::invalid("live_one_table", message));
    };
    LiveQuery::start(plan.plan().clone(), values, view)
}
