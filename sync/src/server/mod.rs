//! The server's end of a connection, without input or output of its own.
//!
//! The driver feeds [`Input`]s with the present time and carries out [`Output`]s in order; it calls
//! [`ServerSession::poll_timeout`] after each and feeds [`Input::Tick`] then. Nothing that a session sends has not been
//! made durable before.

mod records;
mod stream;

use std::collections::VecDeque;
use std::sync::Arc;

use kalamdb_core::server::{Answer, Greeting, Server, Welcome};
use kalamdb_core::snapshot::SnapshotOffer;
use kalamdb_core::store::CommitId;
use kalamdb_core::{CatalogVersion, DeviceId, Error, MutationId, Now, Result, Seq, SpaceId, UserId};

use crate::config::{
    CREDIT_BYTES_MAX, HELLO_TIMEOUT_MS, KEEP_ALIVE_MS, TIMER_MAX_MS, TOKEN_GRACE_MS, TOKEN_WARNING_MS,
};
use records::Upload;

use crate::wire::{
    ClientRecord, FEATURE_LZ4, FIRST_MESSAGE_BYTES_MAX, Hello, MESSAGE_BYTES_MAX, PROTOCOL, Packer, ServerRecord,
    WelcomeRecord, read_message,
};

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// When the token ends, ms since 1970.
    pub expires_ms: u64,
    /// Whether tables that the device declares may be created.
    pub may_declare: bool,
}

/// What happens to a session.
#[derive(Clone, Debug)]
pub enum Input {
    /// A binary message came.
    Message(Vec<u8>),
    /// Something came that is no binary message of an allowed size.
    Unreadable(Error),
    /// The token of the last [`Output::Verify`] was looked at.
    Verified(Result<Identity>),
    /// Transactions may have been added or become durable, or what was sent may have left.
    Wake,
    /// The time of [`ServerSession::poll_timeout`] came.
    Tick,
    /// The same device connected again.
    Replaced,
    /// The server stops.
    Shutdown,
}

/// What a driver does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Verify this token and answer with [`Input::Verified`].
    Verify(String),
    /// The session is that of a device now: an older one of it ends.
    Established(SpaceId, DeviceId),
    /// Send a binary message.
    Send(Vec<u8>),
    /// Close the connection once everything is sent.
    Close,
}

/// Where a session stands. docs/protocol.md has the table of states and events.
enum State {
    /// Nothing came yet.
    Opened,
    /// The token is being verified.
    Verifying(Box<Hello>),
    /// The device is known.
    Established(Box<Established>),
    /// Everything was said.
    Closed,
}

/// A session whose device is known.
struct Established {
    identity: Identity,
    space: SpaceId,
    device: DeviceId,
    credit: i64,
    /// The device's first mutation that it had no answer to when it came.
    first_pending: MutationId,
    /// The last transaction that was sent.
    sent: Seq,
    /// What must be durable before anything else is sent.
    gate: CommitId,
    snapshot: Option<Download>,
    upload: Option<Upload>,
    /// The catalog version that the device has.
    catalog: CatalogVersion,
    /// When the device is told that its token ends; `None` once it was told.
    warn_ms: Option<u64>,
    /// A ping and the transaction behind which it is answered.
    ping: Option<(u64, Seq)>,
    /// Whether the device said good-bye.
    is_leaving: bool,
}

/// A snapshot on its way to the device.
struct Download {
    offer: SnapshotOffer,
    /// The next block; `None` until the device asks.
    next: Option<u64>,
}

/// The server's end of a connection.
pub struct ServerSession {
    server: Arc<Server>,
    state: State,
    outputs: VecDeque<Output>,
    packer: Packer,
    opened: Now,
    heard: Now,
    failure: Option<Error>,
}

impl ServerSession {
    /// A session for a connection that was accepted at `now`.
    pub fn new(server: Arc<Server>, now: Now) -> ServerSession {
        ServerSession {
            server,
            state: State::Opened,
            outputs: VecDeque::new(),
            packer: Packer::default(),
            opened: now,
            heard: now,
            failure: None,
        }
    }

    /// Largest message that the driver needs to accept now.
    pub fn message_bytes_max(&self) -> usize {
        match self.state {
            State::Established(_) => MESSAGE_BYTES_MAX,
            State::Opened | State::Verifying(_) | State::Closed => FIRST_MESSAGE_BYTES_MAX,
        }
    }

    /// The commit that must be durable before the session says more; it wants [`Input::Wake`] then.
    pub fn waits_for(&self) -> Option<CommitId> {
        match &self.state {
            State::Established(session) if session.gate > self.server.store().persisted() => Some(session.gate),
            State::Opened | State::Verifying(_) | State::Established(_) | State::Closed => None,
        }
    }

    /// Whether the session has ended; nothing it is fed matters any more.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Why the session ended, if it was for a fault: the device was told, the log may be.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Takes note of what happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        let handled = match input {
            Input::Message(message) => self.message(&message, now),
            Input::Unreadable(error) => Err(error),
            Input::Verified(verdict) => self.verified(verdict, now),
            Input::Wake => Ok(()),
            Input::Tick => self.tick(now),
            Input::Replaced => {
                self.go_away("this device connected again", 1_000);
                Ok(())
            }
            Input::Shutdown => {
                self.go_away("the server is stopping", 1_000);
                Ok(())
            }
        };
        if let Err(error) = handled.and_then(|()| self.pump()) {
            self.fail(error);
        }
        self.flush();
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to feed [`Input::Tick`].
    pub fn poll_timeout(&self) -> Option<Now> {
        let after = |from: Now, millis: u64| Now::from_millis(from.millis().saturating_add(millis));
        match &self.state {
            State::Opened | State::Verifying(_) => Some(after(self.opened, HELLO_TIMEOUT_MS)),
            State::Established(session) => {
                let token = session.warn_ms.unwrap_or(session.identity.expires_ms.saturating_add(TOKEN_GRACE_MS));
                Some(after(self.heard, KEEP_ALIVE_MS).min(Now::from_millis(token)))
            }
            State::Closed => None,
        }
    }

    fn message(&mut self, message: &[u8], now: Now) -> Result<()> {
        let records: Vec<ClientRecord> = match self.state {
            State::Closed => return Ok(()),
            State::Opened | State::Verifying(_) | State::Established(_) => {
                read_message(message, self.message_bytes_max())?.0
            }
        };
        self.heard = now;
        records.into_iter().try_for_each(|record| self.record(record, now))
    }

    fn record(&mut self, record: ClientRecord, now: Now) -> Result<()> {
        match (&mut self.state, record) {
            (State::Opened, ClientRecord::Hello(hello)) => self.hello(hello),
            (State::Established(session), record) => {
                session.record(&self.server, &mut self.packer, &mut self.outputs, record, now)
            }
            (State::Closed, _) => Ok(()),
            (State::Opened | State::Verifying(_), _) => {
                Err(Error::invalid("hello_expected", "a connection begins with one hello, then waits for the answer"))
            }
        }?;
        if matches!(&self.state, State::Established(session) if session.is_leaving) {
            self.close();
        }
        Ok(())
    }

    fn hello(&mut self, hello: Box<Hello>) -> Result<()> {
        let (oldest, newest) = hello.protocol;
        if !(oldest..=newest).contains(&PROTOCOL) {
            let message = format!(
                "the client speaks protocol {oldest} to {newest}, the server {PROTOCOL}: update the {}",
                if newest < PROTOCOL { "client" } else { "server" }
            );
            return Err(Error::invalid("unknown_protocol", message));
        }
        self.outputs.push_back(Output::Verify(hello.token.clone()));
        self.state = State::Verifying(hello);
        Ok(())
    }

    fn verified(&mut self, verdict: Result<Identity>, now: Now) -> Result<()> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Verifying(hello) => {
                let established = verdict.and_then(|identity| self.establish(&hello, identity, now));
                if established.is_err() {
                    // Still open: the reason has to be said.
                    self.state = State::Verifying(hello);
                }
                established
            }
            State::Established(mut session) => {
                let renewed = session.renew(verdict, now);
                self.state = State::Established(session);
                renewed
            }
            state @ (State::Opened | State::Closed) => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn establish(&mut self, hello: &Hello, identity: Identity, now: Now) -> Result<()> {
        if identity.expires_ms <= now.millis() {
            return Err(Error::unauthorized("token_expired", "the token has expired: get a new one"));
        }
        if hello.device == DeviceId::SERVER {
            return Err(Error::invalid("invalid_device", "the device id is all zero: that is the server's own"));
        }
        let space = self.server.space_of(&identity.user, now)?;
        let greeting = Greeting {
            device: hello.device,
            position: hello.position,
            last: hello.last,
            first_pending: hello.first_pending,
        };
        let welcome = self.server.greet(space, &greeting, now)?;
        let features = hello.features & FEATURE_LZ4;
        self.packer.push(&self.welcome_record(space, &welcome, features, &identity, now));
        self.packer.set_features(features);
        let mut session = Established {
            space,
            device: hello.device,
            credit: i64::try_from(hello.credit.min(CREDIT_BYTES_MAX)).unwrap_or_default(),
            first_pending: hello.first_pending,
            sent: hello.position.seq,
            gate: welcome.commit.max(self.server.last_commit(space)?),
            snapshot: None,
            upload: None,
            catalog: hello.catalog,
            warn_ms: Some(warning_time(&identity, now)),
            identity,
            ping: None,
            is_leaving: false,
        };
        session.send_catalog(&self.server, &mut self.packer);
        if let Answer::Snapshot(_) = welcome.answer {
            session.offer(&self.server, &mut self.packer, hello.staging)?;
        }
        self.outputs.push_back(Output::Established(space, hello.device));
        self.state = State::Established(Box::new(session));
        Ok(())
    }

    fn welcome_record(
        &self,
        space: SpaceId,
        welcome: &Welcome,
        features: u64,
        identity: &Identity,
        now: Now,
    ) -> ServerRecord {
        ServerRecord::Welcome(Box::new(WelcomeRecord {
            protocol: PROTOCOL,
            features,
            server: self.server.id(),
            user: identity.user.clone(),
            space,
            number: welcome.number,
            answer: welcome.answer,
            is_forked: welcome.is_forked,
            last: welcome.last,
            known: welcome.known.clone(),
            head: welcome.head,
            catalog: self.server.catalog().version(),
            now_ms: now.millis(),
            keep_alive_ms: KEEP_ALIVE_MS,
        }))
    }

    /// Sends what credit and durability allow.
    fn pump(&mut self) -> Result<()> {
        match &mut self.state {
            State::Established(session) => session.pump(&self.server, &mut self.packer),
            State::Opened | State::Verifying(_) | State::Closed => Ok(()),
        }
    }

    fn flush(&mut self) {
        let is_held = match &self.state {
            State::Established(session) => session.gate > self.server.store().persisted(),
            State::Opened | State::Verifying(_) | State::Closed => false,
        };
        if !is_held && !self.packer.is_empty() {
            let sends = self.packer.take().into_iter().map(Output::Send);
            // A close that was decided meanwhile stays behind what was said before it.
            let at = self.outputs.iter().position(|output| *output == Output::Close).unwrap_or(self.outputs.len());
            let tail = self.outputs.split_off(at);
            self.outputs.extend(sends);
            self.outputs.extend(tail);
        }
    }

    fn tick(&mut self, now: Now) -> Result<()> {
        match &mut self.state {
            State::Opened | State::Verifying(_) => {
                if is_due(self.opened, HELLO_TIMEOUT_MS, now) {
                    return Err(Error::invalid("hello_timeout", "no hello with a valid token came in time"));
                }
            }
            State::Established(session) => {
                if is_due(self.heard, KEEP_ALIVE_MS, now) {
                    return Err(Error::retry("silent", "nothing was heard for a minute: connect again"));
                }
                session.check_token(&mut self.packer, now)?;
            }
            State::Closed => {}
        }
        Ok(())
    }

    fn go_away(&mut self, reason: &str, retry_ms: u64) {
        match self.state {
            State::Closed => {}
            State::Opened | State::Verifying(_) | State::Established(_) => {
                self.packer.push(&ServerRecord::GoAway { reason: reason.to_string(), retry_ms });
                self.close();
            }
        }
    }

    fn fail(&mut self, error: Error) {
        if !self.is_closed() {
            self.packer.push(&ServerRecord::Error { error: error.clone(), is_fatal: true });
            self.failure = Some(error);
            self.close();
        }
    }

    fn close(&mut self) {
        // What waits for a commit that is not durable must not be said any more.
        if matches!(&self.state, State::Established(session) if session.gate > self.server.store().persisted()) {
            let _ = self.packer.take();
        }
        self.state = State::Closed;
        self.outputs.push_back(Output::Close);
    }
}

/// Whether `millis` have passed since a time. One that lies in the future was taken before the wall clock went back.
fn is_due(since: Now, millis: u64, now: Now) -> bool {
    let at = since.millis().saturating_add(millis);
    at <= now.millis() || at > now.millis().saturating_add(TIMER_MAX_MS)
}

/// A minute before the token ends, and for a short-lived one after half of its time.
fn warning_time(identity: &Identity, now: Now) -> u64 {
    let left = identity.expires_ms.saturating_sub(now.millis());
    identity.expires_ms.saturating_sub(TOKEN_WARNING_MS.min(left / 2))
}

impl Established {
    fn renew(&mut self, verdict: Result<Identity>, now: Now) -> Result<()> {
        let identity = verdict?;
        if identity.user != self.identity.user {
            return Err(Error::unauthorized(
                "other_user",
                "the new token belongs to another user: open another database",
            ));
        }
        // A client that has no newer token sends the old one again; a second warning would only make it repeat that.
        if identity.expires_ms > self.identity.expires_ms {
            self.warn_ms = Some(warning_time(&identity, now));
        }
        self.identity = identity;
        Ok(())
    }

    fn check_token(&mut self, packer: &mut Packer, now: Now) -> Result<()> {
        let expires = self.identity.expires_ms;
        if now.millis() >= expires.saturating_add(TOKEN_GRACE_MS) {
            return Err(Error::unauthorized("token_expired", "the token has expired: get a new one"));
        }
        if self.warn_ms.is_some_and(|warn| warn <= now.millis()) {
            self.warn_ms = None;
            packer.push(&ServerRecord::TokenExpiring { in_ms: expires.saturating_sub(now.millis()) });
        }
        Ok(())
    }
}
