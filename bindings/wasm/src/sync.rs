//! The client's session over a WebSocket of the browser.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use js_sys::{ArrayBuffer, Function, Promise, Uint8Array};
use kalamdb_core::device::Device;
use kalamdb_core::{Entropy, Error, Result};
use kalamdb_sync::client::{ClientSession, Input, Output, SyncStatus};
use kalamdb_sync::config::TIMER_MAX_MS;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use crate::bell::Bell;
use crate::environment::now;
use crate::errors::caught;
use crate::host::Host;

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
    host: Host,
    bell: Bell,
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
    pub fn new(device: Arc<Device>, entropy: Arc<dyn Entropy>, host: Host, bell: Bell) -> Sync {
        let session = ClientSession::new(device, entropy);
        let state = State { session, url: String::new(), host, bell, socket: None, timer: None };
        Sync { state: Rc::new(RefCell::new(state)) }
    }

    /// Connects to the server at `url`, as `https://example.org` or `wss://example.org/v1/sync`.
    pub fn start(&self, url: &str) -> Result<()> {
        let url = socket_url(url)?;
        if self.state.borrow().url != url {
            self.feed(Input::Stop);
            self.state.borrow_mut().url = url;
        }
        self.feed(Input::Start);
        Ok(())
    }

    pub fn status(&self) -> Result<SyncStatus> {
        self.state.borrow().session.status()
    }

    /// Hands an event to the session and carries out what it wants.
    pub fn feed(&self, input: Input) {
        let is_news = !matches!(input, Input::Wake);
        self.state.borrow_mut().session.handle(input, now());
        loop {
            let output = self.state.borrow_mut().session.poll_output();
            let Some(output) = output else { break };
            self.carry_out(output);
        }
        self.set_timer();
        // Whatever happens to a session may show in its status; what it was woken for is known already.
        if is_news {
            self.state.borrow().bell.ring();
        }
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
            Output::Changed => {}
        }
    }

    fn ask(&self) {
        let host = self.state.borrow().host.clone();
        let this = self.clone();
        spawn_local(async move {
            let asked = match host.token() {
                Ok(promise) => JsFuture::from(Promise::resolve(&promise)).await,
                Err(error) => Err(error),
            };
            let refused = || {
                Error::retry("no_token", "the application gave no token: its function gave something else than text")
            };
            let token = match asked {
                Ok(token) => token.as_string().ok_or_else(refused),
                Err(error) => Err(caught(&error, "no_token")),
            };
            this.feed(Input::Token(token));
        });
    }

    fn connect(&self) {
        let url = self.state.borrow().url.clone();
        let socket = match WebSocket::new(&url) {
            Ok(socket) => socket,
            Err(error) => {
                let why = caught(&error, "no_socket").message().to_owned();
                let this = self.clone();
                spawn_local(async move { this.feed(Input::Lost(why)) });
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
            move |event: MessageEvent| match event.data().dyn_into::<ArrayBuffer>() {
                Ok(buffer) => this.feed(Input::Message(Uint8Array::new(&buffer).to_vec())),
                Err(_) => this.feed(Input::Lost("what answers there sends text: it is no KalamDB server".to_owned())),
            }
        });
        let closed = Closure::new({
            let this = self.clone();
            move |event: CloseEvent| {
                let reason = match event.code() {
                    // Browsers do not tell a page more.
                    1006 => "no KalamDB server answers there, or the network is gone".to_owned(),
                    code => match event.reason() {
                        reason if reason.is_empty() => format!("closed with code {code}"),
                        reason => format!("closed with code {code}: {reason}"),
                    },
                };
                this.feed(Input::Lost(reason));
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
            let millis = due.millis().saturating_sub(now().millis()).min(TIMER_MAX_MS) as f64;
            state.timer = Some((set_timeout(tick.as_ref().unchecked_ref(), millis), tick));
        }
    }
}

/// The address of a server's socket, from that or from the server's own address.
fn socket_url(url: &str) -> Result<String> {
    const PATH: &str = "/v1/sync";
    let refused = || {
        let message = format!("`{url}` is no address of a server: write it as https://example.org");
        Error::invalid("invalid_url", message)
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
    let scheme = match scheme {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        _ => return Err(refused()),
    };
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() {
        return Err(refused());
    }
    let path = if rest.ends_with(PATH) { "" } else { PATH };
    Ok(format!("{scheme}://{rest}{path}"))
}
