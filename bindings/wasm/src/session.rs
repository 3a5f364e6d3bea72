//! Statements.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::Uint8Array;
use kalamdb_core::{Error, Result, Seeded};
use kalamdb_sql::StatementResult;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::environment::{Origin, WithOrigin, micros};
use crate::errors::thrown;
use crate::packed;

/// A conversation with the database, with at most one open transaction.
#[wasm_bindgen]
pub struct Session {
    inner: Slot,
}

/// Empty while a statement waits for the query module.
type Slot = Rc<RefCell<Option<kalamdb_sql::Session>>>;
type Running = Pin<Box<dyn Future<Output = (kalamdb_sql::Session, Result<Vec<StatementResult>>)>>>;

impl Session {
    pub(crate) fn new(session: kalamdb_sql::Session) -> Session {
        Session { inner: Rc::new(RefCell::new(Some(session))) }
    }
}

#[wasm_bindgen]
impl Session {
    /// Runs statements; parameters and results are packed. What core answers alone comes at once, else a promise.
    ///
    /// `request` are 16 bytes that name this execution. A statement that committed under them before is not run again. `at`
    /// is when it was called, in milliseconds since 1970; with it, generated values follow from `seed`, or from `request`
    /// without one: run again, it writes the same ones.
    ///
    /// # Errors
    /// An error with kind and code, thrown or in the promise.
    pub fn execute(
        &self,
        sql: String,
        params: &[u8],
        request: Option<Vec<u8>>,
        at: Option<f64>,
        seed: Option<Vec<u8>>,
    ) -> Result<JsValue, JsValue> {
        let seed = seed.or_else(|| request.clone()).unwrap_or_default();
        let origin = at.map(|at| Origin { at: micros(at), random: Seeded::new(&seed) });
        self.run(sql, params, request, false, origin)
    }

    /// As `execute`, for a text of the open transaction: all of it has its effect or nothing, and BEGIN, COMMIT and ROLLBACK
    /// are refused.
    ///
    /// # Errors
    /// As `execute`; `transaction_control`.
    pub fn step(&self, sql: String, params: &[u8], at: f64, seed: &[u8]) -> Result<JsValue, JsValue> {
        self.run(sql, params, None, true, Some(Origin { at: micros(at), random: Seeded::new(seed) }))
    }

    /// Whether BEGIN has run and neither COMMIT nor ROLLBACK.
    #[wasm_bindgen(getter)]
    pub fn in_transaction(&self) -> bool {
        self.inner.borrow().as_ref().is_some_and(kalamdb_sql::Session::in_transaction)
    }
}

impl Session {
    fn run(
        &self,
        sql: String,
        params: &[u8],
        request: Option<Vec<u8>>,
        is_step: bool,
        origin: Option<Origin>,
    ) -> Result<JsValue, JsValue> {
        let running = self.start(sql, params, request, is_step).map_err(|error| thrown(&error))?;
        let mut running = WithOrigin::new(origin, running);
        match Pin::new(&mut running).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready((session, results)) => finish(&self.inner, session, results),
            Poll::Pending => {
                let slot = self.inner.clone();
                Ok(future_to_promise(async move {
                    let (session, results) = running.await;
                    finish(&slot, session, results)
                })
                .into())
            }
        }
    }

    fn start(&self, sql: String, params: &[u8], request: Option<Vec<u8>>, is_step: bool) -> Result<Running> {
        let params = packed::decode(params)?;
        let request = request.map(|id| {
            <[u8; 16]>::try_from(id).map_err(|_| Error::internal("broken_request", "a request id has 16 bytes"))
        });
        let request = request.transpose()?;
        let mut session =
            self.inner.borrow_mut().take().ok_or_else(|| {
                Error::internal("busy_session", "a session runs one text at a time: wait for the answer")
            })?;
        Ok(Box::pin(async move {
            let results = match is_step {
                true => session.step(&sql, &params).await,
                false => session.execute_request(request, &sql, &params).await,
            };
            (session, results)
        }))
    }
}

fn finish(
    slot: &Slot,
    session: kalamdb_sql::Session,
    results: Result<Vec<StatementResult>>,
) -> Result<JsValue, JsValue> {
    *slot.borrow_mut() = Some(session);
    match results {
        Ok(results) => Ok(Uint8Array::from(&*packed::encode(&results)).into()),
        Err(error) => Err(thrown(&error)),
    }
}
