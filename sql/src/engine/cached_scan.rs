//! The leaf of a plan that reads a table from the cache.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DfResult, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use kalamdb_core::catalog::Table;
use kalamdb_core::expr::Expr;
use kalamdb_core::store::KeyRange;
use kalamdb_core::{Result, TableId, Type, View};

use super::cache::{CodedBatches, TableCache};
use super::catalog::Slot;
use super::errors::to_datafusion;
use super::nodes::no_children;
use super::scan::key_order;
use super::table::{FieldSource, TableField};
use crate::scan::{Access, access};

/// Gives batches with all rows of a table for which conditions are true, and others, in the order of the primary key.
///
/// It reads what the statement in work sees when it is executed, so that a plan serves many statements.
#[derive(Clone)]
pub struct CachedScan {
    slot: Arc<Slot>,
    table: Arc<Table>,
    fields: Vec<TableField>,
    conditions: Vec<Expr>,
    /// The field whose texts have to have codes.
    coded: Option<FieldSource>,
    limit: Option<usize>,
    /// Rows when the plan was made.
    rows: usize,
    properties: Arc<PlanProperties>,
}

impl CachedScan {
    /// A scan of `fields`.
    ///
    /// # Errors
    /// What reading the statement's view gives; kind `internal` without a statement or a cache.
    pub fn new(
        slot: Arc<Slot>,
        table: Arc<Table>,
        schema: SchemaRef,
        fields: Vec<TableField>,
        conditions: Vec<Expr>,
    ) -> Result<CachedScan> {
        let order = key_order(&table, &fields);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, LexOrdering::new(order)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        let mut scan = CachedScan { slot, table, fields, conditions, coded: None, limit: None, rows: 0, properties };
        scan.rows = rows_in(&scan.batches()?);
        Ok(scan)
    }

    /// The same, for [`CachedScan::coded_batches`] with the texts of the field at this place; nothing if it has no texts, or
    /// too many.
    ///
    /// # Errors
    /// As [`CachedScan::new`].
    pub fn with_codes(&self, at: usize) -> Result<Option<CachedScan>> {
        let Some(field) = self.fields.get(at).filter(|field| field.ty == Type::Text) else { return Ok(None) };
        let scan = CachedScan { coded: Some(field.source), ..self.clone() };
        Ok(scan.coded_batches()?.is_some().then_some(scan))
    }

    /// The table that it reads.
    pub fn table(&self) -> TableId {
        self.table.id
    }

    /// Whether the plan is as good for `view` as for the one that it was made for: the table is as large, more or less, and
    /// has the codes that were asked for.
    ///
    /// # Errors
    /// As [`CachedScan::new`].
    pub fn is_fresh(&self) -> Result<bool> {
        let rows = match self.coded {
            None => rows_in(&self.batches()?),
            Some(_) => match self.coded_batches()? {
                Some(coded) => coded.batches.iter().map(|(batch, _)| batch.num_rows()).sum(),
                None => return Ok(false),
            },
        };
        Ok(rows / 2 <= self.rows + 500 && self.rows / 2 <= rows + 500)
    }

    fn batches(&self) -> Result<Vec<RecordBatch>> {
        self.read(|cache, view, ranges, fields| cache.batches(view, &self.table, ranges, fields))
    }

    /// All rows, with the codes of the texts of the field that they were asked of; nothing if it has too many.
    ///
    /// # Errors
    /// As [`CachedScan::new`].
    pub fn coded_batches(&self) -> Result<Option<CodedBatches>> {
        let Some(coded) = self.coded else { return Ok(None) };
        self.read(|cache, view, ranges, fields| cache.coded_batches(view, &self.table, ranges, fields, coded))
    }

    fn read<T>(&self, read: impl FnOnce(&TableCache, &View, &[KeyRange], &[FieldSource]) -> Result<T>) -> Result<T> {
        let current = self.slot.get()?;
        let ranges = ranges(&current.view, &self.table, &self.conditions)?;
        let fields: Vec<FieldSource> = self.fields.iter().map(|field| field.source).collect();
        read(current.cache()?, &current.view, &ranges, &fields)
    }
}

fn rows_in(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// The ranges of the primary key with all rows for which the conditions are true.
fn ranges(view: &View, table: &Table, conditions: &[Expr]) -> Result<Vec<KeyRange>> {
    Ok(match access(view, table, conditions, false)? {
        Access::Key(ranges) => ranges,
        Access::Index(..) => vec![KeyRange::all()],
    })
}

impl fmt::Debug for CachedScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CachedScan({})", self.table.full_name())
    }
}

impl DisplayAs for CachedScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        write!(f, "CachedScan: {}, columns=[{}], rows={}", self.table.full_name(), names.join(", "), self.rows)?;
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}

impl ExecutionPlan for CachedScan {
    fn name(&self) -> &str {
        "CachedScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    no_children!();

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(CachedScan { limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    /// The rows may be more or fewer when the plan is executed.
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> DfResult<Arc<Statistics>> {
        let rows = self.limit.map_or(self.rows, |limit| limit.min(self.rows));
        Ok(Arc::new(Statistics { num_rows: Precision::Inexact(rows), ..Statistics::new_unknown(&self.schema()) }))
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        let schema = self.schema();
        let cut = move |batch: RecordBatch| {
            let batch = batch.slice(0, batch.num_rows().min(left));
            left -= batch.num_rows();
            // The cache's batches carry other metadata in their schema.
            Ok(batch.with_schema(schema.clone())?)
        };
        let batches: Vec<DfResult<RecordBatch>> = self.batches().map_err(to_datafusion)?.into_iter().map(cut).collect();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), futures::stream::iter(batches))))
    }
}
