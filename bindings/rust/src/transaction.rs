//! Statements that become visible together.

use kalamdb_core::{Error, Result, Value};
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

    /// As [`Database::execute`](crate::Database::execute). A statement that fails has no effect; the transaction goes
    /// on without it.
    ///
    /// # Errors
    /// Kind `invalid` for DDL or a statement that does not parse, `conflict` for an existing key, `closed` if a text
    /// ended the transaction before.
    pub async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        Ok(affected(&self.run(sql, params).await?))
    }

    /// As [`Database::query`](crate::Database::query).
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Rows> {
        Rows::only(self.run(sql, params).await?)
    }

    /// As [`Database::run`](crate::Database::run).
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>> {
        self.check()?;
        self.session.execute(sql, params).await
    }

    /// Makes it visible.
    ///
    /// # Errors
    /// Kind `retry` with code `transaction_conflict` if a row that it writes was changed since it began: begin anew. Kind
    /// `conflict` if what others wrote meanwhile makes it impossible. `quota` if it is too large or the
    /// disk is full. Nothing of it is visible then.
    pub async fn commit(mut self) -> Result<()> {
        self.check()?;
        self.session.execute("COMMIT", &[]).await.map(drop)
    }

    /// Forgets it.
    pub fn rollback(self) {}

    fn check(&self) -> Result<()> {
        if self.session.in_transaction() {
            return Ok(());
        }
        Err(Error::closed(
            "transaction_ended",
            "a COMMIT or ROLLBACK in a text has ended the transaction: begin another",
        ))
    }
}
