//! Runs queries: on core alone where it can, else through DataFusion where that is linked in, else with an error
//! that says so.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kalamdb_core::{Catalog, Error, Now, Result, Type, Value, View};

use crate::backend::Backend;
use crate::direct::{DirectPlan, Scope, translate};
use crate::parse::{Counted, ExplainMode, Query, counted, result_items, result_names};
use crate::result::{ResultColumn, StatementResult};

/// Columns and rows.
pub type Answer = (Vec<ResultColumn>, Vec<Vec<Value>>);

/// A future that may move between threads.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Answers queries that core cannot answer alone.
pub trait QueryEngine: Send {
    /// Whether it is there already, and quicker than core where many rows are read for few.
    fn is_quick_at_scans(&self) -> bool;

    /// Columns and rows of a query over `view`.
    fn query<'a>(&'a mut self, view: View, query: &'a Query, params: &'a [Value], now: Now) -> Pending<'a, Answer>;

    /// How it would run, or ran: rows of a plan's kind and text.
    fn explain<'a>(
        &'a mut self,
        view: View,
        query: &'a Query,
        mode: ExplainMode,
        params: &'a [Value],
        now: Now,
    ) -> Pending<'a, Vec<Vec<Value>>>;
}

/// Answers queries of one session.
pub struct Reader {
    #[cfg(feature = "datafusion")]
    backend: Arc<dyn Backend>,
    /// Where DataFusion is linked in, it is made by the first query that needs it.
    engine: Option<Box<dyn QueryEngine>>,
}

/// What a query became on the direct path under one catalog; `None` once it is known to need more. A version would not do:
/// a device that meets its server gets another catalog that may have the same one.
type Direct = (Weak<Catalog>, Option<Arc<DirectPlan>>);

/// Keeps a query's plan of the direct path beside the parsed query, as long as that is cached.
#[derive(Default)]
pub struct DirectSlot {
    plan: Mutex<Option<Direct>>,
    /// How often more it is for an engine that reads columns.
    scans: AtomicUsize,
}

/// From so many rows on, batches of columns are grouped quicker than rows, planning included.
const GROUPED_ROWS_MANY: usize = 10_000;
/// The same for filters that pass few rows, whose parameters are planned anew when they are others.
const FILTERED_ROWS_MANY: usize = 50_000;
/// Rows that are read for one of the result, where few pass.
const READ_FOR_ONE: usize = 64;
/// Runs after which it is looked at again whether a query still reads that many rows.
const SCANS_MAX: usize = 256;

impl DirectSlot {
    fn note_rows(&self, is_grouped: bool, read: usize, given: usize) {
        let is_scan = if is_grouped {
            read >= GROUPED_ROWS_MANY
        } else {
            read >= FILTERED_ROWS_MANY && read / READ_FOR_ONE >= given
        };
        self.scans.store(if is_scan { SCANS_MAX } else { 0 }, Ordering::Relaxed);
    }

    /// Whether it read many rows for few when core ran it last.
    fn is_scan(&self) -> bool {
        self.scans.load(Ordering::Relaxed) > 0
    }

    fn note_scan(&self) {
        self.scans.store(self.scans.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    fn plan(&self, view: &View, query: &Query) -> Option<Arc<DirectPlan>> {
        let catalog = view.catalog();
        let mut slot = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, plan)) = slot.as_ref()
            && Weak::as_ptr(known) == Arc::as_ptr(catalog)
        {
            return plan.clone();
        }
        let plan = translate(&Scope { catalog, namespace: "", wildcard: &[] }, &query.ast).map(Arc::new);
        *slot = Some((Arc::downgrade(catalog), plan.clone()));
        plan
    }
}

impl fmt::Debug for DirectSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DirectSlot")
    }
}

/// A copy of a query plans anew.
impl Clone for DirectSlot {
    fn clone(&self) -> DirectSlot {
        DirectSlot::default()
    }
}

/// What is kept follows from the query: equal queries are equal with any of it.
impl PartialEq for DirectSlot {
    fn eq(&self, _: &DirectSlot) -> bool {
        true
    }
}

/// The answer of core alone; `None` if it takes more.
fn direct(view: &View, query: &Query, params: &[Value]) -> Result<Option<Answer>> {
    // Rows for a write hide tombstones whatever they name, which core's queries do not.
    if query.live_only {
        return Ok(None);
    }
    let Some(plan) = query.direct.plan(view, query) else { return Ok(None) };
    let Some(values) = plan.bind(params) else { return Ok(None) };
    let (rows, read) = plan.plan().execute_counted(view, &values)?;
    query.direct.note_rows(plan.plan().is_grouped(), read, rows.len());
    let column = |column: &kalamdb_core::query::OutputColumn| ResultColumn::new(&column.name, column.ty);
    let mut columns: Vec<ResultColumn> = rows.columns().iter().map(column).collect();
    describe_columns(&mut columns, view, query);
    Ok(Some((columns, rows.to_values())))
}

/// The plan of a query on the direct path, if it has one.
pub(crate) fn direct_plan(view: &View, query: &Query) -> Option<Arc<DirectPlan>> {
    query.direct.plan(view, query)
}

/// Names columns as the query does, and marks those that count: on all paths alike.
pub(crate) fn describe_columns(columns: &mut [ResultColumn], view: &View, query: &Query) {
    if let Some(names) = result_names(&query.ast).filter(|names| names.len() == columns.len()) {
        columns.iter_mut().zip(names).for_each(|(column, name)| column.name = name);
    }
    let items = result_items(&query.ast);
    let items = items.filter(|items| items.len() == columns.len());
    for (at, column) in columns.iter_mut().enumerate().filter(|(_, column)| column.ty == Type::BigInt) {
        column.counts = match items.map(|items| counted(&items[at])) {
            Some(Counted::Function) => true,
            Some(Counted::Column(name)) => is_counter(view, query, &name),
            Some(Counted::Nothing) => false,
            // Behind a `*` stand columns of the tables.
            None => is_counter(view, query, &column.name),
        };
    }
}

fn is_counter(view: &View, query: &Query, name: &str) -> bool {
    let tables =
        query.tables.iter().filter_map(|table| view.catalog().table_named(&table.namespace, &table.table).ok());
    let mut columns = tables.filter_map(|table| table.column_named(name)).peekable();
    columns.peek().is_some() && columns.all(|column| column.ty == Type::Counter)
}

impl Reader {
    /// The result of a query.
    ///
    /// # Errors
    /// As [`Reader::rows`].
    pub async fn select(&mut self, view: View, query: &Query, params: &[Value], now: Now) -> Result<StatementResult> {
        let (columns, rows) = self.rows(view, query, params, now).await?;
        Ok(StatementResult::rows("SELECT", columns, rows))
    }

    /// Columns and rows of a query over `view`.
    ///
    /// # Errors
    /// Kind `invalid` if it cannot run, `quota` past a limit; what the store gives.
    pub async fn rows(&mut self, view: View, query: &Query, params: &[Value], now: Now) -> Result<Answer> {
        if query.direct.is_scan() && self.has_quick_engine() {
            query.direct.note_scan();
        } else if let Some(answer) = direct(&view, query, params)? {
            return Ok(answer);
        }
        let (mut columns, rows) = self.engine_rows(view.clone(), query, params, now).await?;
        describe_columns(&mut columns, &view, query);
        Ok((columns, rows))
    }

    /// The result of EXPLAIN: the direct path's plan, if there is one, and DataFusion's.
    ///
    /// # Errors
    /// As [`Reader::rows`].
    pub async fn explain(
        &mut self,
        view: View,
        query: &Query,
        mode: ExplainMode,
        params: &[Value],
        now: Now,
    ) -> Result<StatementResult> {
        let column = |name: &str| ResultColumn::new(name, kalamdb_core::Type::Text);
        let columns = vec![column("plan_type"), column("plan")];
        let mut rows = Vec::new();
        if let Some(plan) = query.direct.plan(&view, query) {
            rows.push(vec![Value::text("direct path"), Value::text(plan.plan().explain().trim_end())]);
        }
        match self.engine_explain(view, query, mode, params, now).await {
            Err(error) if error.code() == NEEDS_ENGINE && !rows.is_empty() => {}
            more => rows.extend(more?),
        }
        Ok(StatementResult::rows("EXPLAIN", columns, rows))
    }
}

/// The code of a query that core cannot answer alone in a build that has nothing else.
const NEEDS_ENGINE: &str = "needs_engine";

impl Reader {
    /// A reader for `backend`, with an engine of its own if it is to have another than DataFusion.
    #[cfg_attr(not(feature = "datafusion"), expect(unused_variables, reason = "DataFusion asks it for system tables"))]
    pub fn new(backend: Arc<dyn Backend>, engine: Option<Box<dyn QueryEngine>>) -> Reader {
        Reader {
            #[cfg(feature = "datafusion")]
            backend,
            engine,
        }
    }

    fn has_quick_engine(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.is_quick_at_scans())
    }

    fn engine(&mut self) -> Result<Option<&mut Box<dyn QueryEngine>>> {
        #[cfg(feature = "datafusion")]
        if self.engine.is_none() {
            self.engine = Some(Box::new(crate::engine::Engine::new(self.backend.clone())?));
        }
        Ok(self.engine.as_mut())
    }

    async fn engine_rows(&mut self, view: View, query: &Query, params: &[Value], now: Now) -> Result<Answer> {
        check_tables(&view, query)?;
        match self.engine()? {
            Some(engine) => engine.query(view, query, params, now).await,
            None => Err(needs_engine()),
        }
    }

    async fn engine_explain(
        &mut self,
        view: View,
        query: &Query,
        mode: ExplainMode,
        params: &[Value],
        now: Now,
    ) -> Result<Vec<Vec<Value>>> {
        check_tables(&view, query)?;
        match self.engine()? {
            Some(engine) => engine.explain(view, query, mode, params, now).await,
            None => Err(needs_engine()),
        }
    }
}

/// A table that does not exist is the nearer reason than whatever an engine would find.
fn check_tables(view: &View, query: &Query) -> Result<()> {
    query.tables.iter().try_for_each(|table| crate::system::check_table(view, table).map(drop))
}

fn needs_engine() -> Error {
    let message =
        "this build has no query engine: it answers SELECT of one table with plain columns, conditions and groups";
    Error::invalid(NEEDS_ENGINE, message)
}
