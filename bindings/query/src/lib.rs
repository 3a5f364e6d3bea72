//! The query module of KalamDB for browsers: DataFusion over copies of the tables that queries read.
//!
//! It stands beside the small engine in one worker. That owns the database; here are rows that it sent, and what changed
//! in them since. Requests and answers pass through JavaScript as bytes, see [`kalamdb_sql::remote`].

pub mod unpack;

use std::cell::RefCell;
use std::collections::VecDeque;

use js_sys::{Function, Promise, Uint8Array};
use kalamdb_core::Error;
use kalamdb_sql::engine::to_ipc;
use kalamdb_sql::remote::Responder;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// A panic ends the module with no more than "unreachable": the console is told the reason first.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| console_error(&format!("kalamdb: {info}"))));
}

/// Requests that wait, and who answers them.
#[derive(Default)]
struct Desk {
    waiting: VecDeque<(Vec<u8>, Function)>,
    responder: Option<Responder>,
    is_busy: bool,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// A promise of the answer to a request of the engine, which holds an error if there was one. Requests are answered in
/// their order.
#[wasm_bindgen]
pub fn run(request: Vec<u8>) -> Promise {
    Promise::new(&mut |resolve, _| {
        let is_idle = DESK.with_borrow_mut(|desk| {
            desk.waiting.push_back((request.clone(), resolve));
            !std::mem::replace(&mut desk.is_busy, true)
        });
        if is_idle {
            spawn_local(work());
        }
    })
}

/// Answers what waits.
async fn work() {
    loop {
        let next = DESK.with_borrow_mut(|desk| {
            let next = desk.waiting.pop_front();
            desk.is_busy = next.is_some();
            next.map(|next| (next, desk.responder.take()))
        });
        let Some(((request, resolve), responder)) = next else { return };
        let answer = match responder.map_or_else(Responder::new, Ok) {
            Ok(mut responder) => {
                let answer = responder.answer(&request).await;
                DESK.with_borrow_mut(|desk| desk.responder = Some(responder));
                answer
            }
            Err(error) => Responder::refuse(error),
        };
        // A promise's own function does not throw.
        let _ = resolve.call1(&JsValue::NULL, &Uint8Array::from(&*answer).into());
    }
}

/// The first of packed results as a stream of Arrow's IPC format.
///
/// # Errors
/// An error with kind and code if the bytes are no results, or a value has no form in Arrow.
pub fn arrow(results: &[u8]) -> Result<Vec<u8>, Error> {
    let (columns, rows) = unpack::first_result(results)?;
    to_ipc(&columns, &rows)
}

/// As [`arrow`], for JavaScript.
///
/// # Errors
/// An `Error` with kind and code.
#[wasm_bindgen]
pub fn to_arrow(results: &[u8]) -> Result<Vec<u8>, JsValue> {
    arrow(results).map_err(|error| {
        let thrown = js_sys::Error::new(error.message());
        thrown.set_name("KalamError");
        for (name, value) in [("kind", error.kind().name()), ("code", error.code())] {
            // A new object takes every property.
            let _ = js_sys::Reflect::set(&thrown, &name.into(), &value.into());
        }
        thrown.into()
    })
}
