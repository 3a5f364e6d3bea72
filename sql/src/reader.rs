//! Runs queries: through DataFusion where it is linked in, else with an error that says so.

use std::sync::Arc;

use kalamdb_core::{Now, Result, Value, View};

use crate::backend::Backend;
use crate::parse::{ExplainMode, Query};
use crate::result::{ResultColumn, StatementResult};

/// Answers queries of one session.
pub struct Reader {
    #[cfg(feature = "datafusion")]
    backend: Arc<dyn Backend>,
    /// Made by the first query that needs it.
    #[cfg(feature = "datafusion")]
    engine: Option<crate::engine::Engine>,
}

/// Columns and rows.
pub type Answer = (Vec<ResultColumn>, Vec<Vec<Value>>);

#[cfg(feature = "datafusion")]
impl Reader {
    /// A reader for `backend`.
    pub fn new(backend: Arc<dyn Backend>) -> Reader {
        Reader { backend, engine: None }
    }

    fn engine(&mut self) -> Result<&mut crate::engine::Engine> {
        if self.engine.is_none() {
            self.engine = Some(crate::engine::Engine::new(self.backend.clone())?);
        }
        self.engine.as_mut().ok_or_else(|| kalamdb_core::Error::internal("no_engine", "the query engine is missing"))
    }

    /// Columns and rows of a query over `view`.
    ///
    /// # Errors
    /// Kind `invalid` if it cannot run, `quota` past a limit; what the store gives.
    pub async fn rows(&mut self, view: View, query: &Query, params: &[Value], now: Now) -> Result<Answer> {
        self.engine()?.query(view, query, params, now).await
    }

    /// The result of EXPLAIN.
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
        let (columns, rows) = self.engine()?.explain(view, query, mode, params, now).await?;
        Ok(StatementResult::rows("EXPLAIN", columns, rows))
    }
}

#[cfg(not(feature = "datafusion"))]
impl Reader {
    /// A reader for `backend`.
    pub fn new(_: Arc<dyn Backend>) -> Reader {
        Reader {}
    }

    fn refuse<T>(&self) -> Result<T> {
        let message =
            "this build has no query engine: it answers queries of one table over the closed list of expressions";
        Err(kalamdb_core::Error::invalid("needs_engine", message))
    }

    /// Columns and rows of a query over `view`.
    ///
    /// # Errors
    /// Kind `invalid`, code `needs_engine`.
    pub async fn rows(&mut self, _: View, _: &Query, _: &[Value], _: Now) -> Result<Answer> {
        self.refuse()
    }

    /// The result of EXPLAIN.
    ///
    /// # Errors
    /// As [`Reader::rows`].
    pub async fn explain(
        &mut self,
        _: View,
        _: &Query,
        _: ExplainMode,
        _: &[Value],
        _: Now,
    ) -> Result<StatementResult> {
        self.refuse()
    }
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
}
