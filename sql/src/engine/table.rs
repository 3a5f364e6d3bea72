//! A user table as DataFusion sees it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraint, Constraints, Result as DfResult};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use kalamdb_core::catalog::{SYSTEM_COLUMNS, Table};
use kalamdb_core::rules::read_type;
use kalamdb_core::{ColumnId, Type};

use super::cached_scan::CachedScan;
use super::catalog::{Current, Slot};
use super::errors::to_datafusion;
use super::filter::Pushdown;
use super::scan::TableScan;
use super::types::arrow_field;
use crate::expr::{SYSTEM_TYPES, system_place};

/// A field of the table's schema.
#[derive(Clone, Debug)]
pub struct TableField {
    /// Its name.
    pub name: String,
    /// The type that queries read.
    pub ty: Type,
    /// Where its cell comes from.
    pub source: FieldSource,
}

/// Where the cell of a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldSource {
    /// A column.
    Column(ColumnId),
    /// A system column, counted as in [`SYSTEM_COLUMNS`].
    System(usize),
}

impl FieldSource {
    /// The place of the field in core's expressions.
    pub fn place(self, table: &Table) -> u32 {
        match self {
            FieldSource::Column(id) => id.0,
            FieldSource::System(at) => system_place(table, at),
        }
    }
}

/// Live rows of a user table, or all of them where the statement names `_deleted`.
///
/// System columns are part of the schema only where the statement names them, so that `SELECT *` and NATURAL JOIN
/// see none otherwise.
pub struct UserTable {
    table: Arc<Table>,
    current: Arc<Current>,
    slot: Arc<Slot>,
    fields: Vec<TableField>,
    schema: SchemaRef,
    constraints: Constraints,
}

impl UserTable {
    /// The table in the statement in work, which is `current` and in the slot.
    pub fn new(table: Arc<Table>, current: Arc<Current>, slot: Arc<Slot>) -> UserTable {
        let mut fields: Vec<TableField> = Vec::new();
        let mut arrow = Vec::new();
        for column in table.live_columns() {
            let ty = read_type(column.ty);
            arrow.push(arrow_field(column.name.as_str(), ty, column.nullable));
            fields.push(TableField { name: column.name.to_string(), ty, source: FieldSource::Column(column.id) });
        }
        for (at, (name, ty)) in SYSTEM_COLUMNS.iter().zip(SYSTEM_TYPES).enumerate() {
            if current.system_columns.get(at) == Some(&true) {
                arrow.push(arrow_field(name, ty, true));
                fields.push(TableField { name: (*name).to_string(), ty, source: FieldSource::System(at) });
            }
        }
        let place = |id: &ColumnId| fields.iter().position(|field| field.source == FieldSource::Column(*id));
        let key: Vec<usize> = table.primary_key.iter().filter_map(place).collect();
        let constraints = Constraints::new_unverified(vec![Constraint::PrimaryKey(key)]);
        UserTable { table, current, slot, fields, schema: Arc::new(Schema::new(arrow)), constraints }
    }

    /// Whether the cache can answer: it holds live rows, and none of an open transaction.
    fn is_cached(&self) -> bool {
        let Current { view, with_tombstones, cache, .. } = &*self.current;
        cache.is_some() && !with_tombstones && !view.has_writes(self.table.id)
    }

    fn pushdown(&self) -> Pushdown<'_> {
        Pushdown { table: &self.table, fields: &self.fields }
    }
}

impl fmt::Debug for UserTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserTable({})", self.table.full_name())
    }
}

#[async_trait]
impl TableProvider for UserTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let pushdown = self.pushdown();
        let support = |filter: &&Expr| match pushdown.translate(filter) {
            Some(_) if self.is_cached() => TableProviderFilterPushDown::Inexact,
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let pushdown = self.pushdown();
        let conditions: Vec<_> = filters.iter().filter_map(|filter| pushdown.translate(filter)).collect();
        // A limit counts rows that pass every filter, so it holds only if all of them are checked here.
        let limit = limit.filter(|_| conditions.len() == filters.len());
        let all: Vec<usize> = (0..self.fields.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(wanted)?);
        let fields = wanted.iter().filter_map(|at| self.fields.get(*at)).cloned().collect();
        if self.is_cached() {
            let scan = CachedScan::new(self.slot.clone(), self.table.clone(), schema, fields, conditions);
            return Ok(Arc::new(scan.map_err(to_datafusion)?));
        }
        let shown: Vec<String> = filters.iter().map(ToString::to_string).collect();
        let scan = TableScan::new(
            self.current.view.clone(),
            self.table.clone(),
            schema,
            fields,
            conditions,
            shown.join(" AND "),
            self.current.with_tombstones,
            limit,
        );
        Ok(Arc::new(scan.map_err(to_datafusion)?))
    }
}
