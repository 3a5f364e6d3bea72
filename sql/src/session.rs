//! A session: texts of statements in, results out, with at most one open transaction.

use std::sync::Arc;

use kalamdb_core::device::RequestId;
use kalamdb_core::{Error, ErrorKind, Result, Transaction, Value, View};

use crate::backend::{Backend, Committed};
use crate::dml::{self, Writer};
use crate::parse::{Script, ScriptCache, Statement};
use crate::reader::{QueryEngine, Reader};
use crate::result::StatementResult;
use crate::{ddl, show};

/// How often a statement outside of BEGIN … COMMIT is run again when its commit says `retry`.
pub const RETRIES_MAX: usize = 8;

/// A conversation with one space.
///
/// ```ignore
/// let mut session = Session::new(backend);
/// let results = session.execute("SELECT title FROM app.notes WHERE stars > $1", &[Value::Int(3)]).await?;
/// ```
pub struct Session {
    backend: Arc<dyn Backend>,
    transaction: Option<Transaction>,
    scripts: ScriptCache,
    reader: Reader,
}

impl Session {
    /// A session without an open transaction.
    pub fn new(backend: Arc<dyn Backend>) -> Session {
        Session::with(backend, None)
    }

    /// A session that hands queries which core cannot answer alone to `engine`.
    pub fn with_engine(backend: Arc<dyn Backend>, engine: Box<dyn QueryEngine>) -> Session {
        Session::with(backend, Some(engine))
    }

    fn with(backend: Arc<dyn Backend>, engine: Option<Box<dyn QueryEngine>>) -> Session {
        let reader = Reader::new(backend.clone(), engine);
        Session { backend, transaction: None, scripts: ScriptCache::default(), reader }
    }

    /// Whether BEGIN has run and neither COMMIT nor ROLLBACK.
    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Runs the statements of `sql` one after the other; all are parsed before the first runs.
    ///
    /// Outside of BEGIN … COMMIT each statement commits by itself. A statement that fails ends the run: those before
    /// it keep their effect, it has none, and an open transaction stays open and usable.
    ///
    /// # Errors
    /// Kind `invalid` if the text does not parse, the number of parameters differs or a statement cannot run;
    /// `conflict` for an existing key; `quota` past a limit; what the backend gives.
    pub async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>> {
        self.execute_request(None, sql, params).await
    }

    /// Runs a text that is one statement with rows: SELECT, SHOW, DESCRIBE or EXPLAIN.
    ///
    /// # Errors
    /// As [`Session::execute`]; kind `invalid` with code `no_query` for any other text, which has no effect then.
    pub async fn query(&mut self, sql: &str, params: &[Value]) -> Result<StatementResult> {
        let script = self.scripts.get(sql)?;
        let is_query =
            matches!(script.statements[..], [Statement::Query(_) | Statement::Show(_) | Statement::Explain(..)]);
        let result = if is_query { self.execute(sql, params).await?.pop() } else { None };
        let message = "the text is not one query: use execute or run for other statements";
        result.ok_or_else(|| Error::invalid("no_query", message))
    }

    /// Runs the statements of `sql` in the open transaction: all of them, or none if one fails.
    ///
    /// # Errors
    /// As [`Session::execute`]; kind `invalid` with code `transaction_control` for BEGIN, COMMIT and ROLLBACK, which only
    /// the owner of the transaction runs, and with code `no_transaction` if none is open.
    pub async fn step(&mut self, sql: &str, params: &[Value]) -> Result<Vec<StatementResult>> {
        let script = self.scripts.get(sql)?;
        let is_control = |of: &Statement| matches!(of, Statement::Begin | Statement::Commit | Statement::Rollback);
        if let Some(control) = script.statements.iter().find(|of| is_control(of)) {
            let what = control.tag();
            let message = format!("{what} cannot stand here: the text is part of a transaction, which its caller ends");
            return Err(Error::invalid("transaction_control", message));
        }
        let point = self.transaction.as_ref().ok_or_else(|| no_transaction("a step"))?.save_point();
        let results = self.execute(sql, params).await;
        if results.is_err()
            && let Some(transaction) = &mut self.transaction
        {
            transaction.roll_back(point);
        }
        results
    }

    /// As [`Session::execute`], but a statement that committed under this id before is not run again: its answer is
    /// given once more, without the rows of queries. A block of BEGIN … COMMIT that committed is passed over whole.
    ///
    /// # Errors
    /// As [`Session::execute`]; kind `invalid` where the backend keeps no receipts.
    pub async fn execute_request(
        &mut self,
        id: Option<[u8; 16]>,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<StatementResult>> {
        let script = self.scripts.get(sql)?;
        check_params(&script, params)?;
        let count = script.statements.len();
        let mut results = Vec::with_capacity(count);
        for (at, statement) in script.statements.iter().enumerate() {
            if at < results.len() {
                continue;
            }
            let request = id.and_then(|id| Some(RequestId { id, statement: u32::try_from(at).ok()? }));
            if let Some(answered) =
                request.map(|request| self.answered(request, &script.statements[at..])).transpose()?
                && !answered.is_empty()
            {
                results.extend(answered);
                continue;
            }
            let result = self.run(statement, params, request).await;
            results.push(match result {
                Err(error) if count > 1 => return Err(error.context(format!("statement {} of {count}", at + 1))),
                result => result?,
            });
        }
        Ok(results)
    }

    /// The answers to the statements from `request` on that committed before: one, or those of a block.
    fn answered(&self, request: RequestId, statements: &[Statement]) -> Result<Vec<StatementResult>> {
        let end = match statements {
            [Statement::Begin, ..] => {
                let end = statements.iter().position(|statement| matches!(statement, Statement::Commit));
                end.unwrap_or(statements.len())
            }
            [Statement::Commit | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_), ..] => 0,
            _ => return Ok(Vec::new()),
        };
        let last = RequestId { statement: request.statement.saturating_add(end as u32), ..request };
        let Some(receipt) = self.backend.receipt(last)? else { return Ok(Vec::new()) };
        let mut answers: Vec<_> =
            statements.iter().take(end + 1).map(|known| StatementResult::done(known.tag())).collect();
        if let Some(answer) = answers.last_mut() {
            answer.affected = receipt.affected;
            answer.committed = Some(Committed { mutation: Some(receipt.mutation), ..Committed::default() });
        }
        Ok(answers)
    }

    async fn run(
        &mut self,
        statement: &Statement,
        params: &[Value],
        request: Option<RequestId>,
    ) -> Result<StatementResult> {
        match statement {
            Statement::Ddl(change) => {
                if self.in_transaction() {
                    let message = "CREATE, ALTER and DROP cannot run inside BEGIN … COMMIT: end the transaction first";
                    return Err(Error::invalid("ddl_in_transaction", message));
                }
                ddl::run(&*self.backend, change)
            }
            Statement::Show(what) => show::run(&self.view()?, &*self.backend, what),
            Statement::Begin => self.begin(),
            Statement::Commit => self.commit(request),
            Statement::Rollback => match self.transaction.take() {
                Some(_) => Ok(StatementResult::done(Statement::Rollback.tag())),
                None => Err(no_transaction("ROLLBACK")),
            },
            Statement::Query(query) => {
                let view = self.view()?;
                let now = self.transaction.as_ref().map_or_else(|| self.backend.now(), Transaction::now);
                self.reader.select(view, query, params, now).await
            }
            Statement::Explain(query, mode) => {
                let view = self.view()?;
                self.reader.explain(view, query, *mode, params, self.backend.now()).await
            }
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                self.write(statement, params, request).await
            }
        }
    }

    fn view(&self) -> Result<View> {
        match &self.transaction {
            Some(transaction) => Ok(transaction.view().clone()),
            None => self.backend.view(),
        }
    }

    fn begin(&mut self) -> Result<StatementResult> {
        if self.in_transaction() {
            return Err(Error::invalid(
                "transaction_open",
                "a transaction is open already: COMMIT or ROLLBACK it first",
            ));
        }
        self.transaction = Some(self.backend.begin()?);
        Ok(StatementResult::done(Statement::Begin.tag()))
    }

    fn commit(&mut self, request: Option<RequestId>) -> Result<StatementResult> {
        let mut transaction = self.transaction.take().ok_or_else(|| no_transaction("COMMIT"))?;
        if let Some(request) = request {
            transaction.answer(request, 0);
        }
        let committed = self.commit_writes(transaction)?;
        Ok(StatementResult { committed, ..StatementResult::done(Statement::Commit.tag()) })
    }

    fn commit_writes(&self, transaction: Transaction) -> Result<Option<Committed>> {
        if transaction.ops().is_empty() {
            return Ok(None);
        }
        self.backend.commit(transaction).map(Some)
    }

    async fn write(
        &mut self,
        statement: &Statement,
        params: &[Value],
        request: Option<RequestId>,
    ) -> Result<StatementResult> {
        if let Some(mut transaction) = self.transaction.take() {
            let point = transaction.save_point();
            let result = self.write_in(&mut transaction, statement, params).await;
            if result.is_err() {
                transaction.roll_back(point);
            }
            self.transaction = Some(transaction);
            return result;
        }
        let mut tries = 0;
        loop {
            // The same request may have been under way in another session.
            if let Some(request) = request
                && let Some(answer) = self.answered(request, std::slice::from_ref(statement))?.pop()
            {
                return Ok(answer);
            }
            let mut transaction = self.backend.begin()?;
            let result = self.write_in(&mut transaction, statement, params).await?;
            if let Some(request) = request {
                transaction.answer(request, result.affected);
            }
            tries += 1;
            match self.commit_writes(transaction) {
                Err(error) if error.kind() == ErrorKind::Retry && tries <= RETRIES_MAX => {}
                committed => return Ok(StatementResult { committed: committed?, ..result }),
            }
        }
    }

    async fn write_in(
        &mut self,
        tx: &mut Transaction,
        statement: &Statement,
        params: &[Value],
    ) -> Result<StatementResult> {
        let mut writer = Writer { tx, params, backend: &*self.backend, reader: &mut self.reader };
        let affected = match statement {
            Statement::Insert(insert) => dml::insert(&mut writer, insert).await?,
            Statement::Update(update) => dml::update(&mut writer, update).await?,
            Statement::Delete(delete) => dml::delete(&mut writer, delete).await?,
            _ => return Err(Error::internal("not_a_write", "the statement is not a write")),
        };
        Ok(StatementResult { affected, ..StatementResult::done(statement.tag()) })
    }
}

fn no_transaction(statement: &str) -> Error {
    Error::invalid("no_transaction", format!("{statement} without an open transaction: run BEGIN first"))
}

fn check_params(script: &Script, params: &[Value]) -> Result<()> {
    if script.params == params.len() {
        return Ok(());
    }
    let message = format!("the text has {} parameters, {} values were given", script.params, params.len());
    Err(Error::invalid("wrong_parameter_count", message))
}
