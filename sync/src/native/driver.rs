//! The task that runs a session over a socket.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use kalamdb_core::{Error, Now, Result};
use tokio::sync::watch;

use super::clock::{SessionClock, pause};
use super::connection::{Published, Wish};
use super::socket::Socket;
use super::{ChangeCounter, Endpoint, StoreProgress, TokenSource};
use crate::client::{ClientSession, Input, Output};

/// How long a token source may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

type Pending<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Everything that the task owns.
pub(super) struct Driver {
    pub session: ClientSession,
    pub endpoint: Endpoint,
    pub tokens: TokenSource,
    pub wishes: watch::Receiver<Wish>,
    /// Changes of the copy, local ones among them.
    pub written: watch::Receiver<u64>,
    pub reports: watch::Receiver<StoreProgress>,
    pub changes: ChangeCounter,
    pub published: watch::Sender<Published>,
    pub clock: SessionClock,
    /// The wish that was carried out last.
    pub done: Wish,
    pub token: Pending<Result<String>>,
    pub opening: Pending<Result<Socket, String>>,
    pub socket: Option<Socket>,
}

/// What the task woke up for.
enum Event {
    Input(Input),
    Opened(Result<Box<Socket>, String>),
    Wish,
    End,
}

impl Driver {
    /// Runs until every handle is gone.
    pub async fn run(mut self) {
        loop {
            self.carry_out().await;
            self.publish();
            match self.next().await {
                Event::Input(input) => self.handle(input),
                Event::Opened(Ok(socket)) => {
                    self.socket = Some(*socket);
                    self.handle(Input::Opened);
                }
                Event::Opened(Err(reason)) => self.handle(Input::Lost(reason)),
                Event::Wish => self.wish(),
                Event::End => break,
            }
        }
        self.handle(Input::Stop);
        self.carry_out().await;
        self.publish();
    }

    fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        self.session.handle(input, now);
    }

    /// Does what the handles want by now.
    fn wish(&mut self) {
        let wish = *self.wishes.borrow_and_update();
        if wish.turn != self.done.turn {
            self.handle(if wish.is_wanted { Input::Start } else { Input::Stop });
        }
        if wish.probe != self.done.probe {
            self.handle(Input::Probe);
        }
        self.done = wish;
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::NeedToken => self.token = Some(Box::pin(ask(self.tokens.clone()))),
                Output::Connect => {
                    self.socket = None;
                    self.opening = Some(Box::pin(Socket::open(self.endpoint.clone())));
                }
                Output::Send(message) => {
                    if let Some(socket) = &mut self.socket {
                        socket.send(message);
                    }
                }
                Output::Disconnect => {
                    self.opening = None;
                    if let Some(socket) = self.socket.take() {
                        socket.finish().await;
                    }
                }
                Output::Changed => self.changes.bump(),
            }
        }
    }

    fn publish(&self) {
        let status = match self.session.status() {
            Ok(status) => status,
            Err(error) => {
                tracing::warn!(%error, "the database gives no status");
                return;
            }
        };
        self.published.send_if_modified(|published| {
            let is_new = published.status != status || published.probe != self.done.probe;
            if published.status.state != status.state {
                tracing::debug!(state = ?status.state, error = ?status.error, "sync state");
            }
            *published = Published { status, probe: self.done.probe };
            is_new
        });
    }

    async fn next(&mut self) -> Event {
        let timeout = self.session.poll_timeout();
        let now = self.clock.now();
        tokio::select! {
            wished = self.wishes.changed() => if wished.is_ok() { Event::Wish } else { Event::End },
            Ok(()) = self.written.changed() => Event::Input(Input::Wake),
            Ok(()) = self.reports.changed() => Event::Input(Input::Wake),
            token = settle(&mut self.token) => Event::Input(Input::Token(token)),
            opened = settle(&mut self.opening) => Event::Opened(opened.map(Box::new)),
            received = receive(&mut self.socket) => Event::Input(received),
            () = tick(now, timeout) => Event::Input(Input::Tick),
        }
    }
}

async fn ask(tokens: TokenSource) -> Result<String> {
    match tokio::time::timeout(TOKEN_TIMEOUT, tokens.get()).await {
        Ok(token) => token,
        Err(_) => Err(Error::retry("token_timeout", "the application gave no token in time")),
    }
}

/// The result of what is under way, once; for ever pending if nothing is.
async fn settle<T>(slot: &mut Pending<T>) -> T {
    let Some(work) = slot else { return pending().await };
    let result = work.await;
    *slot = None;
    result
}

/// The next message; a connection that ended is dropped.
async fn receive(socket: &mut Option<Socket>) -> Input {
    let Some(open) = socket else { return pending().await };
    match open.receive().await {
        Ok(message) => Input::Message(message),
        Err(reason) => {
            *socket = None;
            Input::Lost(reason)
        }
    }
}

async fn tick(now: Now, timeout: Option<Now>) {
    match timeout {
        Some(until) => tokio::time::sleep(pause(now, until)).await,
        None => pending().await,
    }
}
