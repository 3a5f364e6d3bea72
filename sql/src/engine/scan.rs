//! The leaf of a plan that reads a user table.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use kalamdb_core::catalog::Table;
use kalamdb_core::expr::Expr;
use kalamdb_core::{ColumnId, Result, View};

use super::arrow::ColumnBuilder;
use super::errors::to_datafusion;
use super::nodes::no_children;
use super::table::{FieldSource, TableField};
use crate::scan::{Access, RowScan, access};

/// Streams batches of a table, always in the order of the primary key.
#[derive(Clone)]
pub struct TableScan {
    view: View,
    table: Arc<Table>,
    fields: Vec<TableField>,
    conditions: Vec<Expr>,
    /// The conditions as the plan shows them.
    shown: String,
    access: Access,
    with_tombstones: bool,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl TableScan {
    /// A scan of `fields` for the rows for which all `conditions` are true.
    ///
    /// # Errors
    /// What the store gives.
    #[expect(clippy::too_many_arguments, reason = "a leaf is described by all of them, and by nothing else")]
    pub fn new(
        view: View,
        table: Arc<Table>,
        schema: SchemaRef,
        fields: Vec<TableField>,
        conditions: Vec<Expr>,
        shown: String,
        with_tombstones: bool,
        limit: Option<usize>,
    ) -> Result<TableScan> {
        let access = access(&view, &table, &conditions, with_tombstones)?;
        let order = key_order(&table, &fields);
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, LexOrdering::new(order)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(TableScan { view, table, fields, conditions, shown, access, with_tombstones, limit, properties })
    }

    fn rows(&self) -> Result<RowScan> {
        let columns: Vec<ColumnId> = self.fields.iter().filter_map(|field| column_of(field.source)).collect();
        let view = self.view.clone();
        RowScan::new(view, self.table.clone(), &columns, &self.conditions, self.with_tombstones, self.limit)
    }

    /// The place of each field's cell in the rows of a scan.
    fn slots(&self, scan: &RowScan) -> Vec<usize> {
        let mut columns = 0;
        let slot = |field: &TableField| match field.source {
            FieldSource::System(at) => scan.system_slot() + at,
            FieldSource::Column(_) => {
                columns += 1;
                columns - 1
            }
        };
        self.fields.iter().map(slot).collect()
    }
}

fn column_of(source: FieldSource) -> Option<ColumnId> {
    match source {
        FieldSource::Column(id) => Some(id),
        FieldSource::System(_) => None,
    }
}

/// The order of the rows as far as the fields show it: a prefix of the primary key.
pub fn key_order(table: &Table, fields: &[TableField]) -> Vec<PhysicalSortExpr> {
    let options = SortOptions { descending: false, nulls_first: false };
    let sort = |id: &ColumnId| {
        let at = fields.iter().position(|field| field.source == FieldSource::Column(*id))?;
        let column = Column::new(&fields.get(at)?.name, at);
        Some(PhysicalSortExpr::new(Arc::new(column), options))
    };
    table.primary_key.iter().map_while(sort).collect()
}

impl fmt::Debug for TableScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableScan({})", self.table.full_name())
    }
}

impl DisplayAs for TableScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        write!(f, "TableScan: {}, columns=[{}]", self.table.full_name(), names.join(", "))?;
        match &self.access {
            Access::Key(ranges) if *ranges == [kalamdb_core::store::KeyRange::all()] => {}
            Access::Key(ranges) => write!(f, ", key ranges={}", ranges.len())?,
            Access::Index(index, ranges) => write!(f, ", index={} ranges={}", index.name, ranges.len())?,
        }
        if !self.shown.is_empty() {
            write!(f, ", filter=[{}]", self.shown)?;
        }
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}

impl ExecutionPlan for TableScan {
    fn name(&self) -> &str {
        "TableScan"
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
        Some(Arc::new(TableScan { limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let scan = self.rows().map_err(to_datafusion)?;
        let mut batches = Batches {
            slots: self.slots(&scan),
            scan: Some(scan),
            types: self.fields.iter().map(|field| field.ty).collect(),
            schema: self.schema(),
            rows_max: context.session_config().batch_size(),
        };
        let stream = futures::stream::iter(std::iter::from_fn(move || batches.next().transpose()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}

struct Batches {
    /// `None` behind the last row.
    scan: Option<RowScan>,
    slots: Vec<usize>,
    types: Vec<kalamdb_core::Type>,
    schema: SchemaRef,
    rows_max: usize,
}

impl Batches {
    fn next(&mut self) -> DfResult<Option<RecordBatch>> {
        loop {
            let Some(scan) = &mut self.scan else { return Ok(None) };
            let mut builders: Vec<ColumnBuilder> = self.types.iter().map(|ty| ColumnBuilder::new(*ty, 1024)).collect();
            let mut rows = 0;
            let slots = &self.slots;
            let more = scan.next(self.rows_max, &mut |_, cells| {
                rows += 1;
                for (builder, slot) in builders.iter_mut().zip(slots) {
                    if let Some(cell) = cells.get(*slot) {
                        builder.push(cell)?;
                    }
                }
                Ok(())
            });
            if !more.map_err(to_datafusion)? {
                self.scan = None;
            }
            if rows == 0 {
                continue;
            }
            let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            return Ok(Some(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?));
        }
    }
}
