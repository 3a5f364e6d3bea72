//! The client's session over a WebSocket of the browser.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use js_sys::{ArrayBuffer, Function, Promise, Reflect, Uint8Array};
use kalamdb_core::device::Device;
use kalamdb_core::{Entropy, Error};
use kalamdb_sync::client::{ClientSession, Input, Output};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::environment::now;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(call: &Function, millis: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// The driver of a session; clones are the same.
#[derive(Clone)]
pub struct Sync {
    state: Rc<RefCell<State>>,
}

struct State {
    session: ClientSession,
    url: String,
    token: Option<Function>,
    changed: Function,
    socket: Option<Open>,
    timer: Option<(JsValue, Closure<dyn FnMut()>)>,
}

/// A socket with what it calls.
struct Open {
    socket: WebSocket,
    _opened: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _closed: Closure<dyn FnMut(CloseEvent)>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // It may be closed already.
        let _ = self.socket.close();
    }
}

impl Sync {
    pub fn new(device: Arc<Device>, entropy: Arc<dyn Entropy>, changed: Function) -> Sync {
        let session = ClientSession::new(device, entropy);
        let state = State { session, url: String::new(), token: None, changed, socket: None, timer: None };
        Sync { state: Rc::new(RefCell::new(state)) }
    }

    pub fn start(&self, url: String, token: Function) {
        {
            let mut state = self.state.borrow_mut();
            state.url = url;
            state.token = Some(token);
        }
        self.feed(Input::Start);
    }

    pub fn stop(&self) {
        self.feed(Input::Stop);
    }

    /// Hands an event to the session and carries out what it wants.
    pub fn feed(&self, input: Input) {
        self.state.borrow_mut().session.handle(input, now());
        loop {
            let output = self.state.borrow_mut().session.poll_output();
            let Some(output) = output else { break };
            self.carry_out(output);
        }
        self.set_timer();
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::NeedToken => self.ask(),
            Output::Connect => self.connect(),
            Output::Send(message) => {
                if let Some(open) = &self.state.borrow().socket {
                    // A socket that is closing says so by its event.
                    let _ = open.socket.send_with_u8_array(&message);
                }
            }
            Output::Disconnect => self.state.borrow_mut().socket = None,
            Output::Changed => {
                let changed = self.state.borrow().changed.clone();
                let _ = changed.call0(&JsValue::NULL);
            }
        }
    }

    fn ask(&self) {
        let Some(token) = self.state.borrow().token.clone() else { return };
        let this = self.clone();
        spawn_local(async move {
            let asked = match token.call0(&JsValue::NULL) {
                Ok(promise) => JsFuture::from(Promise::resolve(&promise)).await,
                Err(error) => Err(error),
            };
            let refused =
                || Error::retry("no_token", "the application gave no token: its function failed or gave no text");
            this.feed(Input::Token(asked.ok().and_then(|token| token.as_string()).ok_or_else(refused)));
        });
    }

    fn connect(&self) {
        let url = self.state.borrow().url.clone();
        let socket = match WebSocket::new(&url) {
            Ok(socket) => socket,
            Err(error) => {
                let why = Reflect::get(&error, &"message".into()).ok().and_then(|text| text.as_string());
                let this = self.clone();
                spawn_local(async move { this.feed(Input::Lost(why.unwrap_or_default())) });
                return;
            }
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let opened = Closure::new({
            let this = self.clone();
            move || this.feed(Input::Opened)
        });
        let message = Closure::new({
            let this = self.clone();
            move |event: MessageEvent| {
                if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
                    this.feed(Input::Message(Uint8Array::new(&buffer).to_vec()));
                }
            }
        });
        let closed = Closure::new({
            let this = self.clone();
            move |event: CloseEvent| {
                let reason = format!("closed with code {} {}", event.code(), event.reason());
                this.feed(Input::Lost(reason.trim_end().to_owned()));
            }
        });
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        self.state.borrow_mut().socket = Some(Open { socket, _opened: opened, _message: message, _closed: closed });
    }

    fn set_timer(&self) {
        let mut state = self.state.borrow_mut();
        if let Some((timer, _)) = state.timer.take() {
            clear_timeout(&timer);
        }
        if let Some(due) = state.session.poll_timeout() {
            let this = self.clone();
            let tick = Closure::new(move || this.feed(Input::Tick));
            let millis = due.millis().saturating_sub(now().millis()) as f64;
            state.timer = Some((set_timeout(tick.as_ref().unchecked_ref(), millis), tick));
        }
    }
}
