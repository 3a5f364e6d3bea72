//! System tables as DataFusion sees them: their rows are made when a plan is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use kalamdb_core::Type;

use super::arrow::batch_of;
use super::catalog::Current;
use super::errors::to_datafusion;
use super::types::arrow_field;
use crate::system::SystemTable;

/// A system table in the statement in work.
pub struct SystemView {
    table: SystemTable,
    current: Arc<Current>,
    schema: SchemaRef,
}

impl SystemView {
    /// The table in the statement in work.
    pub fn new(table: SystemTable, current: Arc<Current>) -> SystemView {
        let fields: Vec<_> = table.columns().iter().map(|(name, ty)| arrow_field(name, *ty, true)).collect();
        SystemView { table, current, schema: Arc::new(Schema::new(fields)) }
    }
}

impl fmt::Debug for SystemView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemView({})", self.table.name())
    }
}

#[async_trait]
impl TableProvider for SystemView {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let rows = self.table.rows(self.current.view.catalog(), &*self.current.backend).map_err(to_datafusion)?;
        let types: Vec<Type> = self.table.columns().iter().map(|(_, ty)| *ty).collect();
        let batch = batch_of(&self.schema, &types, &rows).map_err(to_datafusion)?;
        MemTable::try_new(self.schema.clone(), vec![vec![batch]])?.scan(state, projection, filters, limit).await
    }
}
