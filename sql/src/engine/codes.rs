//! Groups of a column with few texts, by numbers.
//!
//! To find the group of a row by its text, all of the text is hashed and compared. The cache gives each text of a column a
//! code once; where an aggregate groups a whole cached table by such a column, the codes are its groups.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DfResult, exec_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use super::cache::CodedBatches;
use super::cached_scan::CachedScan;
use super::errors::to_datafusion;
use super::nodes::{no_children, replaced};

/// Replaces aggregates that group a whole cached table by one column of texts.
#[derive(Debug)]
pub struct GroupByCodes;

impl PhysicalOptimizerRule for GroupByCodes {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        replaced(plan, |node| Ok(CodedGroups::of(node)?.map(|groups| Arc::new(groups) as Arc<dyn ExecutionPlan>)))
    }

    fn name(&self) -> &str {
        "group_by_codes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The leaf of a plan that reads a table from the cache and gives its groups by one column of texts.
#[derive(Debug)]
pub struct CodedGroups {
    aggregate: AggregateExec,
    scan: CachedScan,
}

impl CodedGroups {
    /// What gives the same as an aggregate; nothing for other plans and for aggregates that need more than codes.
    fn of(plan: &Arc<dyn ExecutionPlan>) -> DfResult<Option<CodedGroups>> {
        let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else { return Ok(None) };
        let groups = aggregate.group_expr();
        let ([(group, _)], Some(scan)) = (groups.expr(), aggregate.input().downcast_ref::<CachedScan>()) else {
            return Ok(None);
        };
        let Some(column) = group.downcast_ref::<Column>() else { return Ok(None) };
        let mut functions = aggregate.aggr_expr().iter();
        let is_plain = *aggregate.mode() == AggregateMode::Single
            && groups.is_single()
            && aggregate.limit_options().is_none()
            && scan.fetch().is_none()
            && functions.all(|function| function.groups_accumulator_supported() && function.order_bys().is_empty());
        if !is_plain {
            return Ok(None);
        }
        let scan = scan.with_codes(column.index()).map_err(to_datafusion)?;
        Ok(scan.map(|scan| CodedGroups { aggregate: aggregate.clone(), scan }))
    }

    /// What it reads.
    pub fn scan(&self) -> &CachedScan {
        &self.scan
    }

    fn groups(&self, memory: &MemoryReservation) -> DfResult<RecordBatch> {
        let Some(CodedBatches { batches, texts }) = self.scan.coded_batches().map_err(to_datafusion)? else {
            // The plan would have been made again.
            return exec_err!("a plan groups a table by codes, which its column does not have");
        };
        // Groups are numbered as they appear: functions take it that every group has had a row, rows in the order of the column
        // give groups in that order, and otherwise the order follows from the rows, too.
        let mut numbers: Vec<Option<usize>> = vec![None; texts.len()];
        let mut found: Vec<Option<&str>> = Vec::new();
        let mut functions = self.functions()?;
        let mut groups: Vec<usize> = Vec::new();
        for (batch, codes) in &batches {
            groups.clear();
            groups.extend(codes.iter().map(|code| {
                *numbers[*code].get_or_insert_with(|| {
                    found.push(texts[*code].as_deref());
                    found.len() - 1
                })
            }));
            for function in &mut functions {
                function.update(batch, &groups, found.len())?;
            }
            memory.try_resize(functions.iter().map(|function| function.accumulator.size()).sum())?;
        }
        if found.is_empty() {
            return Ok(RecordBatch::new_empty(self.schema()));
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(found))];
        for function in &mut functions {
            columns.push(function.accumulator.evaluate(EmitTo::All)?);
        }
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }

    fn functions(&self) -> DfResult<Vec<Function>> {
        let functions = self.aggregate.aggr_expr().iter().zip(self.aggregate.filter_expr());
        let function = functions.map(|(function, filter)| {
            let accumulator = function.create_groups_accumulator()?;
            Ok(Function { arguments: function.expressions(), filter: filter.clone(), accumulator })
        });
        function.collect()
    }
}

/// A function of every group.
struct Function {
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    accumulator: Box<dyn GroupsAccumulator>,
}

impl Function {
    fn update(&mut self, batch: &RecordBatch, codes: &[usize], groups: usize) -> DfResult<()> {
        let array = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(batch.num_rows());
        let arguments = self.arguments.iter().map(array).collect::<DfResult<Vec<ArrayRef>>>()?;
        let filter = self.filter.as_ref().map(array).transpose()?;
        self.accumulator.update_batch(&arguments, codes, filter.as_ref().map(|filter| filter.as_boolean()), groups)
    }
}

impl DisplayAs for CodedGroups {
    fn fmt_as(&self, as_what: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodedGroups: ")?;
        self.aggregate.fmt_as(as_what, f)?;
        f.write_str(", ")?;
        self.scan.fmt_as(as_what, f)
    }
}

impl ExecutionPlan for CodedGroups {
    fn name(&self) -> &str {
        "CodedGroups"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    no_children!();

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        self.aggregate.apply_expressions(apply)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let memory = MemoryConsumer::new("groups").register(context.memory_pool());
        let groups = self.groups(&memory)?;
        memory.try_resize(groups.get_array_memory_size())?;
        // It stays reserved as long as the stream has it.
        let groups = futures::stream::iter([(groups, memory)]).map(|(groups, _memory)| Ok(groups));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), groups)))
    }
}
