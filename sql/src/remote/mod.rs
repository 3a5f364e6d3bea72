//! Queries that run in another place than the copy that they read: in a browser, DataFusion is a module of its own
//! that is fetched when a query needs it.
//!
//! [`RemoteEngine`] is at the side of the copy: it writes a request with the query and what changed in its tables since
//! the last one, and hands it to a [`Channel`]. With feature `datafusion`, `Responder` is at the other side: it keeps
//! the tables and answers.

mod message;
#[cfg(feature = "datafusion")]
mod responder;

use std::sync::{Arc, Mutex, PoisonError};

use kalamdb_core::device::Device;
use kalamdb_core::replica::Shipper;
use kalamdb_core::{Error, Now, Result, TableId, Value, View};

use crate::backend::Backend;
use crate::parse::{ExplainMode, Query};
use crate::reader::{Answer, Pending, QueryEngine};
use crate::system::{SYSTEM, SystemTable};

use message::{Request, read_answer};

#[cfg(feature = "datafusion")]
pub use responder::Responder;

/// The code of a responder that misses what earlier requests brought.
const STALE: &str = "stale_replica";

/// Carries requests to a responder, in order.
pub trait Channel: Send + Sync {
    /// The answer to a request.
    fn ask(&self, request: Vec<u8>) -> Pending<'_, Vec<u8>>;

    /// Whether there is a responder, which need not be fetched first.
    fn is_ready(&self) -> bool;

    /// Fetches the responder, for requests that may come; it does not wait.
    fn fetch(&self);
}

/// What all sessions of a copy share about its responder.
pub struct Link {
    device: Arc<Device>,
    backend: Arc<dyn Backend>,
    channel: Box<dyn Channel>,
    shipper: Mutex<Shipper>,
}

impl Link {
    /// A link from `device`, read through `backend`, to the responder behind `channel`.
    pub fn new(device: Arc<Device>, backend: Arc<dyn Backend>, channel: Box<dyn Channel>) -> Link {
        Link { device, backend, channel, shipper: Mutex::default() }
    }

    async fn ask(&self, view: &View, request: &Request<'_>, tables: &[TableId]) -> Result<Answer> {
        let mut is_second = false;
        loop {
            let bytes = {
                let mut shipper = self.shipper.lock().unwrap_or_else(PoisonError::into_inner);
                let written = request.write(|out| shipper.ship(&self.device, view, tables, out));
                if written.is_err() {
                    shipper.reset();
                }
                written?
            };
            let answer = match self.channel.ask(bytes).await {
                Ok(answer) => read_answer(&answer),
                Err(error) => Err(error),
            };
            match answer {
                // An earlier shipment did not arrive, or the responder is a new one.
                Err(error) if error.code() == STALE && !is_second => is_second = true,
                answer => return answer,
            }
            self.shipper.lock().unwrap_or_else(PoisonError::into_inner).reset();
        }
    }
}

/// The engine of a session that asks a responder.
pub struct RemoteEngine(Arc<Link>);

impl RemoteEngine {
    /// An engine that uses `link`.
    pub fn new(link: Arc<Link>) -> RemoteEngine {
        RemoteEngine(link)
    }

    async fn run(
        &self,
        view: View,
        query: &Query,
        mode: Option<ExplainMode>,
        params: &[Value],
        now: Now,
    ) -> Result<Answer> {
        let (mut tables, mut system) = (Vec::new(), Vec::new());
        for name in &query.tables {
            if name.namespace != SYSTEM {
                tables.push(view.catalog().table_named(&name.namespace, &name.table)?.id);
                continue;
            }
            let table = SystemTable::named(&name.table).ok_or_else(|| {
                Error::internal("unknown_table", format!("table `{name}` was there when the query was checked"))
            })?;
            if table.is_kept_by_backend() {
                system.push((table, self.0.backend.system_rows(table)?));
            }
        }
        let user = self.0.backend.user();
        let request = Request {
            sql: query.ast.to_string().into(),
            live_only: query.live_only,
            mode,
            params: params.to_vec(),
            now,
            seed: self.0.backend.random(),
            user: user.as_ref().map(|user| user.as_str().into()),
            system,
        };
        self.0.ask(&view, &request, &tables).await
    }
}

impl QueryEngine for RemoteEngine {
    /// It keeps columns. Nobody waits for it to come only for that, but the next such query finds it.
    fn is_quick_at_scans(&self) -> bool {
        let is_ready = self.0.channel.is_ready();
        if !is_ready {
            self.0.channel.fetch();
        }
        is_ready
    }

    fn query<'a>(&'a mut self, view: View, query: &'a Query, params: &'a [Value], now: Now) -> Pending<'a, Answer> {
        Box::pin(self.run(view, query, None, params, now))
    }

    fn explain<'a>(
        &'a mut self,
        view: View,
        query: &'a Query,
        mode: ExplainMode,
        params: &'a [Value],
        now: Now,
    ) -> Pending<'a, Vec<Vec<Value>>> {
        Box::pin(async move { Ok(self.run(view, query, Some(mode), params, now).await?.1) })
    }
}
