//! One sync connection: a session, driven over a WebSocket.
//!
//! An idle connection holds a small read buffer, the session and this task. The session is asked for more to send
//! only when the socket took what came before, so a slow reader is served from the log and not from memory.

mod socket;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::WebSocket;
use kalamdb_core::mutation::TRANSACTION_BYTES_MAX;
use kalamdb_core::store::CommitId;
use kalamdb_core::{DeviceId, SpaceId};
use kalamdb_sync::config::KEEP_ALIVE_MS;
use kalamdb_sync::server::{Input, Output, ServerSession};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::{Instant, sleep_until};

use crate::clock::{instant_of, now};
use crate::hub::{Audience, Line, Signal};
use crate::node::Node;
use socket::{Received, Socket, Writing};

/// Bytes that a connection reads at once; its read buffer when idle.
pub const READ_BUFFER_BYTES: usize = 2 * 1024;
/// Bytes that are taken from a device while it does not read what it is sent: the largest transaction must fit, or two
/// sides that both write first would wait for each other.
const READ_AHEAD_BYTES_MAX: usize = TRANSACTION_BYTES_MAX + (2 << 20);
/// How long a device may leave what it is sent unread.
const WRITE_TIMEOUT: Duration = Duration::from_millis(KEEP_ALIVE_MS);
/// How long a closed connection is read on, so that the last words are not lost by a reset.
const LINGER: Duration = Duration::from_secs(2);
/// The same where reading on is impossible.
const LINGER_UNREADABLE: Duration = Duration::from_millis(250);
/// A message from this size on is handled where it may take its time.
const LONG_MESSAGE_BYTES: usize = 16 * 1024;

/// What happened.
enum Event {
    Received(Received),
    Signal,
    Timeout,
    Wrote,
    Failed,
}

/// Drives a connection until it ends.
pub async fn drive(node: Arc<Node>, socket: WebSocket) {
    let line = node.hub.connect();
    let session = ServerSession::new(node.server.clone(), now());
    let mut connection = Connection {
        node,
        line,
        socket: Socket::new(socket),
        session,
        peer: None,
        read_ahead: 0,
        busy_since: None,
        gate: None,
        is_unreadable: false,
    };
    connection.run().await;
    connection.log_end();
}

struct Connection {
    node: Arc<Node>,
    line: Arc<Line>,
    socket: Socket,
    session: ServerSession,
    /// Whose connection it is, once that is known.
    peer: Option<(SpaceId, DeviceId)>,
    /// Bytes read since the socket last took everything.
    read_ahead: usize,
    busy_since: Option<Instant>,
    /// The commit that the hub was last asked about.
    gate: Option<CommitId>,
    /// Whether something came after which the stream makes no sense.
    is_unreadable: bool,
}

/// However it ends, the hub forgets it.
impl Drop for Connection {
    fn drop(&mut self) {
        self.node.hub.disconnect(&self.line, self.peer.map(|(space, _)| space));
    }
}

impl Connection {
    async fn run(&mut self) {
        if self.node.check().is_err() {
            self.feed(Input::Shutdown);
        }
        loop {
            self.carry_out();
            match self.next().await {
                Event::Received(Received::Message(message)) => self.received(message),
                Event::Received(Received::Unreadable(error)) => {
                    self.is_unreadable = true;
                    self.feed(Input::Unreadable(error));
                }
                Event::Received(Received::Gone) | Event::Failed => return,
                Event::Signal => self.signals(),
                Event::Timeout if self.is_stuck() => return,
                Event::Timeout => self.feed(Input::Tick),
                Event::Wrote if self.socket.writing() == Writing::Closed => return self.linger().await,
                Event::Wrote => {}
            }
        }
    }

    /// One line for each connection that ended: users of the server ask why.
    fn log_end(&self) {
        let (space, device) = self.peer.map(|(space, device)| (space.to_string(), device.to_string())).unzip();
        match self.session.failure() {
            Some(error) => {
                tracing::info!(space, device, code = error.code(), "a sync connection was ended: {error}");
            }
            None => tracing::debug!(space, device, "a sync connection ended"),
        }
    }

    /// Does what the session wants, as far as the socket takes it.
    fn carry_out(&mut self) {
        while self.socket.writing() == Writing::Idle {
            match self.session.poll_output() {
                None => break,
                Some(Output::Verify(token)) => {
                    let verdict = self.node.authority.verify(&token).map(|grant| grant.identity);
                    let verified = Input::Verified(verdict);
                    at_leisure(|| self.feed(verified));
                }
                Some(Output::Established(space, device)) => {
                    tracing::debug!(%space, %device, "a device connected");
                    self.peer = Some((space, device));
                    self.node.hub.establish(&self.line, space, device);
                    // What became durable before the hub knew is looked for once.
                    self.feed(Input::Wake);
                }
                Some(Output::Send(message)) => {
                    self.busy_since = Some(Instant::now());
                    if self.socket.send(message).is_err() {
                        self.socket.close();
                    }
                }
                Some(Output::Close) => {
                    self.busy_since = Some(Instant::now());
                    self.socket.close();
                }
            }
        }
    }

    async fn next(&mut self) -> Event {
        let timeout = self.session.poll_timeout().map(instant_of);
        let stuck = self.busy_since.map(|since| since + WRITE_TIMEOUT);
        let until = timeout.into_iter().chain(stuck).min().unwrap_or_else(|| Instant::now() + WRITE_TIMEOUT);
        let line = self.line.clone();
        let mut notified = pin!(line.notified());
        let mut timer = pin!(sleep_until(until));
        std::future::poll_fn(|cx| self.poll_next(cx, notified.as_mut(), timer.as_mut())).await
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        notified: std::pin::Pin<&mut impl Future<Output = ()>>,
        timer: std::pin::Pin<&mut tokio::time::Sleep>,
    ) -> Poll<Event> {
        if self.busy_since.is_some() {
            match self.socket.poll_write(cx) {
                Poll::Ready(Ok(())) => {
                    (self.busy_since, self.read_ahead) = (None, 0);
                    return Poll::Ready(Event::Wrote);
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Event::Failed),
                Poll::Pending => {}
            }
        }
        if self.read_ahead <= READ_AHEAD_BYTES_MAX
            && !self.is_unreadable
            && let Poll::Ready(received) = self.socket.poll_read(cx)
        {
            return Poll::Ready(Event::Received(received));
        }
        // A session that cannot send is not woken for more; the signal stays.
        if self.busy_since.is_none() && notified.poll(cx).is_ready() {
            return Poll::Ready(Event::Signal);
        }
        timer.poll(cx).map(|()| Event::Timeout)
    }

    fn received(&mut self, message: Vec<u8>) {
        self.read_ahead += message.len();
        if message.len() >= LONG_MESSAGE_BYTES {
            at_leisure(|| self.feed(Input::Message(message)));
        } else {
            self.feed(Input::Message(message));
        }
        if let Some((space, _)) = self.peer {
            self.note_catalog(space);
        }
    }

    /// A device may have declared tables: other devices get their definitions.
    fn note_catalog(&self, space: SpaceId) {
        let server = &self.node.server;
        if let Err(error) = self.node.hub.catalog_at(server.catalog().version(), || server.last_commit(space)) {
            tracing::warn!(%space, "new definitions reach other devices only with their next transaction: {error}");
        }
    }

    fn signals(&mut self) {
        if self.line.take(Signal::Shutdown) {
            self.feed(Input::Shutdown);
        }
        if self.line.take(Signal::Replaced) {
            self.feed(Input::Replaced);
        }
        if self.line.take(Signal::Wake) {
            self.feed(Input::Wake);
        }
    }

    fn feed(&mut self, input: Input) {
        self.session.handle(input, now());
        let gate = self.session.waits_for();
        if gate > self.gate
            && let Some(commit) = gate
        {
            self.node.hub.expect(commit, Audience::Line(self.line.clone()));
        }
        self.gate = gate;
    }

    fn is_stuck(&self) -> bool {
        self.busy_since.is_some_and(|since| since.elapsed() >= WRITE_TIMEOUT)
    }

    /// Reads until the other side closes too.
    async fn linger(&mut self) {
        if self.is_unreadable {
            return tokio::time::sleep(LINGER_UNREADABLE).await;
        }
        let gone = std::future::poll_fn(|cx| {
            loop {
                match self.socket.poll_read(cx) {
                    Poll::Ready(Received::Message(_)) => {}
                    Poll::Ready(Received::Unreadable(_) | Received::Gone) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        // Whether it closed in time makes no difference.
        let _ = tokio::time::timeout(LINGER, gone).await;
    }
}

/// Runs work that may take long without keeping other tasks of this thread from running.
fn at_leisure<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
