//! The side that answers.

use std::sync::{Arc, Mutex, PoisonError};

use kalamdb_core::catalog::Catalog;
use kalamdb_core::codec::Reader;
use kalamdb_core::device::{Receipt, RequestId};
use kalamdb_core::replica::Replica;
use kalamdb_core::{Error, Name, Now, Result, Seeded, Transaction, Type, UserId, Value, View};

use super::message::{Request, write_answer};
use crate::backend::{Backend, Committed, StorageLocation};
use crate::engine::{Engine, TableCache};
use crate::parse::{Query, Statement, parse};
use crate::reader::{Answer, QueryEngine};
use crate::result::ResultColumn;
use crate::system::SystemTable;

/// Keeps the tables of one copy and answers queries over them, one after the other.
pub struct Responder {
    replica: Replica,
    backend: Arc<Visitor>,
    cache: Arc<TableCache>,
    engine: Engine,
}

impl Responder {
    /// A responder without tables.
    ///
    /// # Errors
    /// Kind `internal` if DataFusion refuses its settings.
    pub fn new() -> Result<Responder> {
        let backend = Arc::new(Visitor::default());
        let cache = Arc::new(TableCache::default());
        let engine = Engine::new(backend.clone())?.with_cache(cache.clone());
        Ok(Responder { replica: Replica::default(), backend, cache, engine })
    }

    /// Answers a request; one without bytes with nothing, which tells that there is a responder.
    pub async fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        if request.is_empty() {
            return Vec::new();
        }
        write_answer(&self.respond(request).await)
    }

    /// The answer where there is no responder.
    pub fn refuse(error: Error) -> Vec<u8> {
        write_answer(&Err(error))
    }

    async fn respond(&mut self, request: &[u8]) -> Result<Answer> {
        let mut input = Reader::new(request);
        let request = Request::read(&mut input)?;
        let (view, shipped) = self.replica.take(&mut input)?;
        for (table, shipped) in shipped {
            self.cache.forget(table, &shipped);
        }
        input.finish()?;
        let query = || Ok(Query { live_only: request.live_only, ..query_of(&request.sql)? });
        self.backend.visit(&request)?;
        match request.mode {
            None => self.engine.repeat(&request.key(), view, query, &request.params, request.now).await,
            Some(mode) => {
                let query = query()?;
                let rows = self.engine.explain(view, &query, mode, &request.params, request.now).await?;
                let column = |name: &str| ResultColumn::new(name, Type::Text);
                Ok((vec![column("plan_type"), column("plan")], rows))
            }
        }
    }
}

/// The one query of a text.
fn query_of(sql: &str) -> Result<Query> {
    match parse(sql)?.statements.pop() {
        Some(Statement::Query(query)) => Ok(*query),
        _ => Err(Error::internal("no_query", "the query module was sent something else than a query")),
    }
}

/// What the engine asks of the copy: it is somewhere else, but the request says enough.
#[derive(Default)]
struct Visitor {
    request: Mutex<Visit>,
}

#[derive(Default)]
struct Visit {
    now: Now,
    random: Seeded,
    user: Option<UserId>,
    system: Vec<(SystemTable, Vec<Vec<Value>>)>,
}

impl Visitor {
    fn visit(&self, request: &Request<'_>) -> Result<()> {
        let user = request.user.as_deref().map(UserId::new).transpose()?;
        let random = Seeded::new(&request.seed);
        let visit = Visit { now: request.now, random, user, system: request.system.clone() };
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = visit;
        Ok(())
    }

    fn with<T>(&self, read: impl FnOnce(&mut Visit) -> T) -> T {
        read(&mut self.request.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn elsewhere() -> Error {
    Error::internal("read_only", "the query module reads: writes belong to the engine")
}

impl Backend for Visitor {
    fn view(&self) -> Result<View> {
        Err(elsewhere())
    }

    fn begin(&self) -> Result<Transaction> {
        Err(elsewhere())
    }

    fn commit(&self, _: Transaction) -> Result<Committed> {
        Err(elsewhere())
    }

    fn receipt(&self, _: RequestId) -> Result<Option<Receipt>> {
        Err(elsewhere())
    }

    fn change_catalog(&self, _: &mut dyn FnMut(&mut Catalog) -> Result<()>) -> Result<()> {
        Err(elsewhere())
    }

    fn may_change_catalog(&self) -> Result<()> {
        Err(elsewhere())
    }

    fn system_rows(&self, table: SystemTable) -> Result<Vec<Vec<Value>>> {
        let rows = self.with(|visit| visit.system.iter().find(|(known, _)| *known == table).cloned());
        rows.map(|(_, rows)| rows).ok_or_else(|| {
            Error::internal("missing_rows", format!("the rows of system.{} were not sent", table.name()))
        })
    }

    fn storage_locations(&self) -> Result<Vec<StorageLocation>> {
        // A device has none.
        Ok(Vec::new())
    }

    fn put_storage_location(&self, _: StorageLocation) -> Result<()> {
        Err(elsewhere())
    }

    fn drop_storage_location(&self, _: &Name) -> Result<()> {
        Err(elsewhere())
    }

    fn now(&self) -> Now {
        self.with(|visit| visit.now)
    }

    fn random(&self) -> [u8; 16] {
        self.with(|visit| visit.random.draw())
    }

    fn user(&self) -> Option<UserId> {
        self.with(|visit| visit.user.clone())
    }
}
