//! Statements that become visible together.

use kalamdb_core::{Result, Value};
use kalamdb_sql::{Session, StatementResult};

use crate::Rows;
use crate::database::affected;

/// An open transaction. It sees its own writes; nobody else does before [`Transaction::commit`]. Dropped, it leaves
/// nothing behind. It blocks no other reader or writer.
pub struct Transaction {
    session: Session,
}

impl Transaction {
    pub(crate) async fn begin(mut session: Session) -> Result<Transaction> {
        session.execute("BEGIN", &[]).await?;
        Ok(Transaction { session })
    }

    /// As [`Database::execute`](crate::Database::execute). A text that fails has no effect, whichever of its statements it
    /// was; the transaction goes on without it.
    ///
    /// # Errors
    /// Kind `invalid` for DDL, a statement that does not parse, and BEGIN, COMMIT or ROLLBACK (`transaction_control`);
    /// `conflict` for an existing key.
    pub async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        Ok(affected(&self.run(sql, params).await?))
    }

    /// As [`Database::query`](crate::Database::query).
    ///
    /// # Errors
    /// As [`Transaction::execute`]; code `no_query` for anything else than one query, which has no effect then.
    pub async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Rows> {
        self.session.query(sql, params).await.map(Rows::of)
    }

    /// As [`Database::run`](crate::Database::run).
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>> {
        self.session.step(sql, params).await
    }

    /// Makes it visible.
    ///
    /// # Errors
    /// Kind `retry` with code `transaction_conflict` if a row that it writes was changed since it began: begin anew. Kind
    /// `conflict` if what others wrote meanwhile makes it impossible. `quota` if it is too large or the
    /// disk is full. Nothing of it is visible then.
    pub async fn commit(mut self) -> Result<()> {
        self.session.execute("COMMIT", &[]).await.map(drop)
    }

    /// Forgets it.
    pub fn rollback(self) {}
}
