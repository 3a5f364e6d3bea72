//! EXPLAIN.

use datafusion::physical_plan::display::DisplayableExecutionPlan;
use kalamdb_core::{Now, Result, Value, View};

use super::errors::from_datafusion;
use super::{Engine, columns_of};
use crate::parse::{ExplainMode, Query};

impl Engine {
    /// Kind and text of the plans of a query; with [`ExplainMode::Analyze`] it is run and figures are added.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub(super) async fn explained(
        &mut self,
        view: View,
        query: &Query,
        mode: ExplainMode,
        params: &[Value],
        now: Now,
    ) -> Result<Vec<Vec<Value>>> {
        let plan = self.plan(view, query, params, now).await?;
        let optimized = self.state.optimize(&plan).map_err(from_datafusion)?;
        let physical = self.state.create_physical_plan(&plan).await.map_err(from_datafusion)?;
        Ok(match mode {
            ExplainMode::Plan => {
                let shown = DisplayableExecutionPlan::new(physical.as_ref()).indent(false).to_string();
                vec![row("logical plan", optimized.display_indent().to_string()), row("physical plan", shown)]
            }
            ExplainMode::Analyze => {
                let (_, rows) = self.collect(columns_of(&plan, &physical), physical.clone()).await?;
                let shown = DisplayableExecutionPlan::with_metrics(physical.as_ref()).indent(false).to_string();
                vec![row("physical plan", shown), row("rows", rows.len().to_string())]
            }
        })
    }
}

fn row(kind: &str, text: String) -> Vec<Value> {
    vec![Value::text(kind), Value::text(text.trim_end())]
}
