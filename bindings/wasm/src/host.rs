//! What JavaScript does for the engine, and how requests reach it from code that may not hold its values.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use js_sys::{Promise, Uint8Array};
use kalamdb_core::{Error, Result};
use kalamdb_sql::reader::Pending;
use kalamdb_sql::remote::Channel;
use parking_lot::Mutex;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::errors::caught;

#[wasm_bindgen]
extern "C" {
    /// What the application's worker does for an engine.
    #[derive(Clone)]
    pub type Host;

    /// Rows or status may look different.
    #[wasm_bindgen(method, catch)]
    pub fn changed(this: &Host) -> Result<(), JsValue>;
    /// A promise of a token.
    #[wasm_bindgen(method, catch)]
    pub fn token(this: &Host) -> Result<JsValue, JsValue>;
    /// A promise of the query module's answer to a request.
    #[wasm_bindgen(method, catch)]
    fn query(this: &Host, request: Uint8Array) -> Result<JsValue, JsValue>;
    /// The store failed for good.
    #[wasm_bindgen(method, catch)]
    pub fn failed(this: &Host, error: &JsValue) -> Result<(), JsValue>;
}

/// The way to the query module. Requests are handed over in their order.
#[derive(Clone, Default)]
pub struct QueryChannel(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Vec<u8>, Reply)>,
    is_closed: bool,
    /// The module has answered once.
    is_ready: bool,
    /// It is being fetched for later.
    is_fetching: bool,
    waker: Option<Waker>,
}

/// Where an answer is put.
#[derive(Clone, Default)]
struct Reply(Arc<Mutex<Answer>>);

#[derive(Default)]
struct Answer {
    bytes: Option<Result<Vec<u8>>>,
    waker: Option<Waker>,
}

impl Reply {
    fn put(&self, answer: Result<Vec<u8>>) {
        let waker = {
            let mut state = self.0.lock();
            state.bytes = Some(answer);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn get(self) -> Result<Vec<u8>> {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            match state.bytes.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    state.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl QueryChannel {
    /// A channel whose requests `host` answers.
    pub fn open(host: Host) -> QueryChannel {
        let channel = QueryChannel::default();
        spawn_local({
            let channel = channel.clone();
            async move {
                while let Some((request, reply)) = channel.next().await {
                    let promise = host.query(Uint8Array::from(&*request));
                    let channel = channel.clone();
                    spawn_local(async move {
                        let answer = answer(promise).await;
                        channel.answered(answer.is_ok());
                        reply.put(answer);
                    });
                }
            }
        });
        channel
    }

    /// Ends the task behind it.
    pub fn close(&self) {
        let waker = {
            let mut queue = self.0.lock();
            queue.is_closed = true;
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn answered(&self, is_there: bool) {
        let mut queue = self.0.lock();
        queue.is_ready |= is_there;
        queue.is_fetching = false;
    }

    /// Adds a job; `false` if the channel is closed.
    fn push(&self, request: Vec<u8>, reply: Reply) -> bool {
        let waker = {
            let mut queue = self.0.lock();
            if queue.is_closed {
                return false;
            }
            queue.jobs.push_back((request, reply));
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    async fn next(&self) -> Option<(Vec<u8>, Reply)> {
        poll_fn(|cx| {
            let mut queue = self.0.lock();
            match queue.jobs.pop_front() {
                Some(job) => Poll::Ready(Some(job)),
                None if queue.is_closed => Poll::Ready(None),
                None => {
                    queue.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

async fn answer(promise: Result<JsValue, JsValue>) -> Result<Vec<u8>> {
    let answered = match promise {
        Ok(promise) => JsFuture::from(Promise::resolve(&promise)).await,
        Err(error) => Err(error),
    };
    let answer = answered.map_err(|error| caught(&error, "query_module_failed"))?;
    match answer.dyn_into::<Uint8Array>() {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(_) => Err(Error::internal("query_module_failed", "the query module answered something else than bytes")),
    }
}

impl Channel for QueryChannel {
    fn ask(&self, request: Vec<u8>) -> Pending<'_, Vec<u8>> {
        let reply = Reply::default();
        if !self.push(request, reply.clone()) {
            return Box::pin(async { Err(Error::closed("database_closed", "the database is closed: open it again")) });
        }
        Box::pin(reply.get())
    }

    fn is_ready(&self) -> bool {
        self.0.lock().is_ready
    }

    fn fetch(&self) {
        let is_new = !std::mem::replace(&mut self.0.lock().is_fetching, true);
        if is_new {
            // Nobody waits for the answer. Where the module does not come, the query that needs it says why.
            self.push(Vec::new(), Reply::default());
        }
    }
}
