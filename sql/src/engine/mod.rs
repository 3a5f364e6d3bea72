//! Queries through Apache DataFusion, over a pinned view of one space.
//!
//! Everything runs on the task that polls: one partition, no spawning, no file, no socket, so that the same code
//! answers in a browser. Memory is bounded by [`QUERY_BYTES_MAX`]; nothing is spilled.

mod arrow;
mod cache;
mod cached_scan;
mod catalog;
mod codes;
mod errors;
mod explain;
mod filter;
mod functions;
mod ipc;
mod lists;
mod literals;
mod nodes;
mod order;
mod origin;
mod plans;
mod rewrite;
mod scan;
mod sequential;
mod system;
mod table;
mod types;
mod wildcard;

use std::sync::Arc;

use chrono::DateTime;
use datafusion::common::ParamValues;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SessionState, SessionStateDefaults};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Analyzer;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement as SqlStatement;
use futures::StreamExt;
use kalamdb_core::{Now, Result, Type, Value, View};
use sqlparser::ast;

use crate::backend::Backend;
use crate::parse::{ExplainMode, Query};
use crate::reader::{Answer, Pending, QueryEngine};
use crate::result::ResultColumn;

use arrow::{read_batch, result_columns, scalar};
pub use cache::TableCache;
use catalog::{CATALOG, Current, Slot, SpaceCatalogs};
use errors::from_datafusion;
pub use ipc::to_ipc;
use plans::Plans;
use types::is_kept_as_text;

/// Most memory of one query, its result included.
pub const QUERY_BYTES_MAX: usize = 256 << 20;
/// Rows of a batch.
pub const BATCH_ROWS: usize = 8_192;

/// A query engine for one session. It runs one query at a time.
pub struct Engine {
    backend: Arc<dyn Backend>,
    state: SessionState,
    slot: Arc<Slot>,
    cache: Option<Arc<TableCache>>,
    plans: Plans,
}

impl Engine {
    /// An engine with every function that is linked in.
    ///
    /// # Errors
    /// Kind `internal` if DataFusion refuses its settings.
    pub fn new(backend: Arc<dyn Backend>) -> Result<Engine> {
        let slot = Arc::new(Slot::default());
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(QUERY_BYTES_MAX)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
            .map_err(from_datafusion)?;
        let mut functions = SessionStateDefaults::default_scalar_functions();
        functions.extend(functions::all(&slot));
        let mut rules = vec![literals::rule()];
        rules.extend(Analyzer::new().rules);
        rules.push(lists::rule());
        // The defaults but for formats of files, which nobody can name here and which are a part of what browsers download.
        let state = SessionStateBuilder::new()
            .with_expr_planners(SessionStateDefaults::default_expr_planners())
            .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
            .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
            .with_window_functions(SessionStateDefaults::default_window_functions())
            .with_table_function_list(SessionStateDefaults::default_table_functions())
            .with_config(config())
            .with_runtime_env(runtime)
            .with_catalog_list(Arc::new(SpaceCatalogs::new(slot.clone())))
            .with_scalar_functions(functions)
            .with_analyzer_rules(rules)
            .with_physical_optimizer_rules(physical_rules())
            .with_type_planner(Arc::new(types::SqlTypes))
            .build();
        Ok(Engine { backend, state, slot, cache: None, plans: Plans::default() })
    }

    /// The engine, reading whole tables from `cache`, which must be told of every change of what views show.
    #[must_use]
    pub fn with_cache(mut self, cache: Arc<TableCache>) -> Engine {
        self.cache = Some(cache);
        self
    }

    /// Columns and rows of a query.
    ///
    /// # Errors
    /// Kind `invalid` if it cannot run, `quota` past [`QUERY_BYTES_MAX`]; what the store gives.
    async fn run(&mut self, view: View, query: &Query, params: &[Value], now: Now) -> Result<Answer> {
        let plan = self.plan(view, query, params, now).await?;
        let physical = self.state.create_physical_plan(&plan).await.map_err(from_datafusion)?;
        let columns = columns_of(&plan, &physical);
        self.collect(columns, physical).await
    }

    /// Columns and rows of one of several queries that come again: `key` stands for the query and its parameters. A plan that
    /// was made before is used again, if it can be.
    ///
    /// # Errors
    /// Kind `invalid` if it cannot run, `quota` past [`QUERY_BYTES_MAX`]; what the store or `query` give.
    pub async fn repeat(
        &mut self,
        key: &[u8],
        view: View,
        query: impl FnOnce() -> Result<Query>,
        params: &[Value],
        now: Now,
    ) -> Result<Answer> {
        // What is kept depends on none of the rest.
        self.begin(view.clone(), [false; 3], false, now);
        if let Some((columns, plan)) = self.plans.find(key, &view)? {
            return self.collect(columns, plan).await;
        }
        let query = query()?;
        let plan = self.plan(view.clone(), &query, params, now).await?;
        let physical = self.state.create_physical_plan(&plan).await.map_err(from_datafusion)?;
        let columns = columns_of(&plan, &physical);
        self.plans.keep(key, &view, &plan, &physical, &columns)?;
        self.collect(columns, physical).await
    }

    /// From now on catalog and functions answer for this statement.
    fn begin(&self, view: View, system_columns: [bool; 3], with_tombstones: bool, now: Now) {
        let (backend, cache) = (self.backend.clone(), self.cache.clone());
        self.slot.set(Current { view, backend, system_columns, with_tombstones, now, cache });
    }

    /// The logical plan of a query with its parameters filled in.
    async fn plan(&mut self, view: View, query: &Query, params: &[Value], now: Now) -> Result<LogicalPlan> {
        let mut ast = query.ast.clone();
        wildcard::hide_system_columns(&mut ast, view.catalog(), query.system_columns)?;
        order::complete(&mut ast, view.catalog(), &self.state);
        self.begin(view, query.system_columns, query.system_columns[1] && !query.live_only, now);
        self.state.execution_props_mut().query_execution_start_time = DateTime::from_timestamp_micros(now.micros());
        let statement = SqlStatement::Statement(Box::new(ast::Statement::Query(Box::new(ast))));
        let plan = self.state.statement_to_plan(statement).await.map_err(from_datafusion)?;
        if params.is_empty() {
            return Ok(plan);
        }
        let values = params.iter().map(|value| scalar(value).map(Into::into)).collect::<Result<Vec<_>>>()?;
        plan.with_param_values(ParamValues::List(values)).map_err(from_datafusion)
    }

    /// The result of a physical plan.
    async fn collect(&self, columns: Vec<ResultColumn>, plan: Arc<dyn ExecutionPlan>) -> Result<Answer> {
        let context = self.state.task_ctx();
        let result = MemoryConsumer::new("result").register(context.memory_pool());
        let mut stream = execute_stream(plan, context.clone()).map_err(from_datafusion)?;
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(from_datafusion)?;
            let cells = batch.num_rows() * columns.len().max(1) * size_of::<Value>();
            result.try_grow(batch.get_array_memory_size() + cells).map_err(from_datafusion)?;
            read_batch(&batch, &columns, &mut rows)?;
        }
        Ok((columns, rows))
    }
}

impl QueryEngine for Engine {
    /// Rows of a store are read one by one here, too: core's way is shorter.
    fn is_quick_at_scans(&self) -> bool {
        false
    }

    fn query<'a>(&'a mut self, view: View, query: &'a Query, params: &'a [Value], now: Now) -> Pending<'a, Answer> {
        Box::pin(self.run(view, query, params, now))
    }

    fn explain<'a>(
        &'a mut self,
        view: View,
        query: &'a Query,
        mode: ExplainMode,
        params: &'a [Value],
        now: Now,
    ) -> Pending<'a, Vec<Vec<Value>>> {
        Box::pin(self.explained(view, query, mode, params, now))
    }
}

/// The columns of a result.
fn columns_of(logical: &LogicalPlan, plan: &Arc<dyn ExecutionPlan>) -> Vec<ResultColumn> {
    let mut columns = result_columns(&plan.schema());
    for (at, column) in columns.iter_mut().enumerate().filter(|(_, column)| column.ty == Type::Text) {
        column.ty = origin::stored_type(logical, at).filter(|ty| is_kept_as_text(*ty)).unwrap_or(Type::Text);
    }
    columns
}

/// DataFusion's own rules but one, groups of texts by their codes, and one partition at the end.
///
/// The logical plan reads no column in vain already, and swapping projections in the physical plan fails for some
/// filters over an ordered scan with a limit ("input field name … does not match with the projection expression …").
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::default().rules;
    rules.retain(|rule| rule.name() != "ProjectionPushdown");
    // Which puts nodes between aggregates and their scans.
    let cooperative = rules.iter().position(|rule| rule.name() == "EnsureCooperative");
    rules.insert(cooperative.unwrap_or(rules.len()), Arc::new(codes::GroupByCodes));
    rules.push(Arc::new(sequential::OnePartition));
    rules
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS)
        .with_default_catalog_and_schema(CATALOG, "public")
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.collect_statistics = false;
    // No scan takes part in them, and a plan with them serves only once.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    config
}

/// The type of a column that DataFusion gives as another, for plain columns of a table.
const TYPE_KEY: &str = "kalamdb.type";
