//! The device's end of a connection, without input or output of its own.
//!
//! The driver feeds [`Input`]s with the present time and carries out [`Output`]s in order; it calls
//! [`ClientSession::poll_timeout`] after each and feeds [`Input::Tick`] then. One session lives as long as the
//! database is open and survives any number of connections.

mod download;
mod live;

use std::collections::VecDeque;
use std::sync::Arc;

use kalamdb_core::device::Device;
use kalamdb_core::hlc::Entropy;
use kalamdb_core::{ContentHash, Error, ErrorKind, MutationId, Now, Result};

use crate::config::{
    ANSWER_TIMEOUT_MS, BACKOFF_FIRST_MS, BACKOFF_MAX_MS, CREDIT_BYTES, RENEWAL_RETRY_MS, TIMER_MAX_MS,
};
use crate::wire::{ClientRecord, FEATURE_LZ4, Hello, MESSAGE_BYTES_MAX, PROTOCOL, Packer, ServerRecord, read_message};

use live::Live;

/// What happens to a session.
#[derive(Clone, Debug)]
pub enum Input {
    /// Connect, and stay connected.
    Start,
    /// Disconnect, and stay so.
    Stop,
    /// The token that [`Output::NeedToken`] asked for.
    Token(Result<String>),
    /// The connection that [`Output::Connect`] asked for is open.
    Opened,
    /// A binary message came.
    Message(Vec<u8>),
    /// There is no connection (any more), and why.
    Lost(String),
    /// Something was written locally or became durable.
    Wake,
    /// Find out whether the copy is as new as the server's: [`SyncStatus::is_synced`] is false until the server has
    /// sent everything that it has by then.
    Probe,
    /// The time of [`ClientSession::poll_timeout`] came.
    Tick,
}

/// What a driver does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Get a token and answer with [`Input::Token`].
    NeedToken,
    /// Open a connection and answer with [`Input::Opened`] or [`Input::Lost`].
    Connect,
    /// Send a binary message.
    Send(Vec<u8>),
    /// Close the connection once everything is sent; no answer is expected.
    Disconnect,
    /// What readers see may have changed.
    Changed,
}

/// Where a session stands, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// Nobody wants a connection.
    Stopped,
    /// A connection is being made.
    Connecting,
    /// A snapshot is being received.
    Snapshot {
        /// Blocks received.
        blocks: u64,
        /// Blocks in all.
        blocks_total: u64,
    },
    /// Transactions are being received.
    CatchingUp,
    /// The copy is as new as the server's.
    Live,
    /// The connection failed; the next try comes at this time.
    Waiting {
        /// When.
        until: Now,
    },
    /// Only a person can help; [`Input::Start`] tries again.
    Blocked,
}

impl std::fmt::Display for SyncState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SyncState::Stopped => f.write_str("offline"),
            SyncState::Connecting => f.write_str("connecting"),
            SyncState::Snapshot { blocks, blocks_total } => write!(f, "receiving block {blocks} of {blocks_total}"),
            SyncState::CatchingUp => f.write_str("catching up"),
            SyncState::Live => f.write_str("live"),
            SyncState::Waiting { .. } => f.write_str("waiting to connect again"),
            SyncState::Blocked => f.write_str("blocked"),
        }
    }
}

/// The status of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncStatus {
    /// Where it stands.
    pub state: SyncState,
    /// The last error, until it is overcome.
    pub error: Option<Error>,
    /// Whether the copy holds all that the server had when last heard of, and nothing of its own waits.
    pub is_synced: bool,
    /// Whether writes wait for a change of the local schema or the server's, which `error` names. Downloads go on.
    pub is_held: bool,
}

/// docs/protocol.md has the table of states and events.
enum State {
    Stopped,
    Waiting { until: Now },
    AwaitToken,
    Connecting { since: Now },
    Greeting { since: Now },
    Live(Box<Live>),
    Blocked,
}

/// The device's end of a connection.
pub struct ClientSession {
    device: Arc<Device>,
    entropy: Arc<dyn Entropy>,
    state: State,
    outputs: VecDeque<Output>,
    packer: Packer,
    token: Option<String>,
    failures: u32,
    /// How often [`Input::Probe`] came, and the last one that the server answered.
    probe: u64,
    answered: u64,
    error: Option<Error>,
    /// The server refused this device's id for another content.
    must_fork: bool,
}

/// What ends a connection.
pub(crate) enum End {
    /// Try again after a pause.
    Retry(Error),
    /// Try again at about this time.
    At(Now),
    /// Try again now, under a new device id, given what the server knows of the old one.
    Forked {
        /// The last mutation under the old id that was decided.
        last: MutationId,
        /// The contents of the newest ones.
        known: Vec<(MutationId, ContentHash)>,
    },
    /// Stay away.
    Block(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        End::Retry(error)
    }
}

impl ClientSession {
    /// A session for `device` that is stopped.
    pub fn new(device: Arc<Device>, entropy: Arc<dyn Entropy>) -> ClientSession {
        ClientSession {
            device,
            entropy,
            state: State::Stopped,
            outputs: VecDeque::new(),
            packer: Packer::default(),
            token: None,
            failures: 0,
            probe: 0,
            answered: 0,
            error: None,
            must_fork: false,
        }
    }

    /// The present status.
    ///
    /// # Errors
    /// What the device's store gives.
    pub fn status(&self) -> Result<SyncStatus> {
        let state = match &self.state {
            State::Stopped => SyncState::Stopped,
            State::Waiting { until } => SyncState::Waiting { until: *until },
            State::AwaitToken | State::Connecting { .. } | State::Greeting { .. } => SyncState::Connecting,
            State::Live(live) => live.state(&self.device),
            State::Blocked => SyncState::Blocked,
        };
        let is_synced = state == SyncState::Live && self.device.pending() == 0 && self.answered >= self.probe;
        let error = match &self.state {
            State::Live(live) => live.schema_error.clone().or_else(|| self.error.clone()),
            State::Stopped
            | State::Waiting { .. }
            | State::AwaitToken
            | State::Connecting { .. }
            | State::Greeting { .. }
            | State::Blocked => self.error.clone(),
        };
        let is_held = matches!(&self.state, State::Live(live) if live.schema_error.is_some());
        Ok(SyncStatus { state, error, is_synced, is_held })
    }

    /// Takes note of what happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        let handled = match input {
            Input::Start => self.start(),
            Input::Stop => {
                self.stop();
                Ok(())
            }
            Input::Token(token) => self.token(token, now),
            Input::Opened => self.opened(now),
            Input::Message(message) => self.message(&message, now),
            Input::Lost(reason) => self.lost(reason, now),
            Input::Wake => Ok(()),
            Input::Probe => {
                self.probe += 1;
                Ok(())
            }
            Input::Tick => self.tick(now),
        };
        let handled = handled.and_then(|()| match &mut self.state {
            State::Live(live) => {
                self.answered = self.answered.max(live.answered);
                live.probe(&mut self.packer, self.probe);
                live.pump(&self.device, &mut self.packer, now)
            }
            State::Stopped
            | State::Waiting { .. }
            | State::AwaitToken
            | State::Connecting { .. }
            | State::Greeting { .. }
            | State::Blocked => Ok(()),
        });
        if let Err(end) = handled {
            self.end(end, now);
        }
        self.flush(now);
    }

    /// What to do next, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to feed [`Input::Tick`]. A driver waits for [`TIMER_MAX_MS`] at most, whatever the wall clock does.
    pub fn poll_timeout(&self) -> Option<Now> {
        match &self.state {
            State::Stopped | State::AwaitToken | State::Blocked => None,
            State::Waiting { until } => Some(*until),
            State::Connecting { since } | State::Greeting { since } => Some(later(*since, ANSWER_TIMEOUT_MS)),
            State::Live(live) => Some(live.timeout()),
        }
    }

    fn start(&mut self) -> Result<(), End> {
        if let State::Stopped | State::Waiting { .. } | State::Blocked = self.state {
            self.failures = 0;
            self.error = None;
            self.connect();
        }
        Ok(())
    }

    fn stop(&mut self) {
        match self.state {
            State::Live(_) => {
                self.packer.push(&ClientRecord::Bye);
                self.disconnect();
            }
            State::Connecting { .. } | State::Greeting { .. } => self.disconnect(),
            State::Stopped | State::Waiting { .. } | State::AwaitToken | State::Blocked => {}
        }
        self.state = State::Stopped;
    }

    fn connect(&mut self) {
        self.state = State::AwaitToken;
        self.outputs.push_back(Output::NeedToken);
    }

    fn token(&mut self, token: Result<String>, now: Now) -> Result<(), End> {
        match &mut self.state {
            State::AwaitToken => {
                self.token = Some(token?);
                self.outputs.push_back(Output::Connect);
                self.state = State::Connecting { since: now };
            }
            State::Live(live) => match token {
                Ok(token) => {
                    live.ask_again = None;
                    self.error = None;
                    self.packer.push(&ClientRecord::Token(token));
                }
                // The old one is still good for a while.
                Err(error) => {
                    live.ask_again = Some(later(now, RENEWAL_RETRY_MS));
                    self.error = Some(error);
                }
            },
            State::Stopped
            | State::Waiting { .. }
            | State::Connecting { .. }
            | State::Greeting { .. }
            | State::Blocked => {}
        }
        Ok(())
    }

    fn opened(&mut self, now: Now) -> Result<(), End> {
        let State::Connecting { .. } = self.state else { return Ok(()) };
        let status = self.device.status()?;
        let first_pending = self.device.first_pending()?;
        self.packer = Packer::default();
        self.packer.push(&ClientRecord::Hello(Box::new(Hello {
            protocol: (PROTOCOL, PROTOCOL),
            features: FEATURE_LZ4,
            token: self.token.take().unwrap_or_default(),
            device: status.device,
            catalog: status.binding.map_or_else(Default::default, |binding| binding.catalog),
            position: status.position,
            last: status.last_mutation,
            first_pending: first_pending.unwrap_or_else(|| status.last_mutation.next()),
            staging: status.staging.map(|staging| staging.snapshot),
            credit: CREDIT_BYTES,
        })));
        self.state = State::Greeting { since: now };
        Ok(())
    }

    fn message(&mut self, message: &[u8], now: Now) -> Result<(), End> {
        let (State::Greeting { .. } | State::Live(_)) = self.state else { return Ok(()) };
        let (records, bytes) = read_message::<ServerRecord>(message, MESSAGE_BYTES_MAX)?;
        for record in records {
            self.record(record, now)?;
        }
        if let State::Live(live) = &mut self.state {
            live.consumed(bytes, now);
        }
        Ok(())
    }

    fn record(&mut self, record: ServerRecord, now: Now) -> Result<(), End> {
        match (&mut self.state, record) {
            (_, ServerRecord::GoAway { reason, retry_ms }) => {
                self.error = Some(Error::retry("go_away", format!("the server asks to come back later: {reason}")));
                let pause = retry_ms.min(BACKOFF_MAX_MS) + self.jitter(retry_ms.clamp(1, BACKOFF_MAX_MS));
                Err(End::At(later(now, pause)))
            }
            (_, ServerRecord::Error { error, is_fatal: true }) => Err(self.judge(error)),
            (State::Greeting { .. }, ServerRecord::Welcome(welcome)) if welcome.protocol != PROTOCOL => {
                let message = format!(
                    "the server speaks version {} of the protocol and this client version {PROTOCOL}: update the older",
                    welcome.protocol
                );
                Err(End::Block(Error::invalid("unknown_protocol", message)))
            }
            (State::Greeting { .. }, ServerRecord::Welcome(welcome)) => {
                self.packer.set_features(welcome.features);
                let mut live = Box::new(Live::new(*welcome, now));
                live.is_forked |= self.must_fork;
                live.greet(&self.device, now)?;
                self.state = State::Live(live);
                self.error = None;
                Ok(())
            }
            (State::Live(live), record) => {
                let changed = live.record(&self.device, &mut self.packer, &mut self.outputs, record, now)?;
                if changed {
                    self.outputs.push_back(Output::Changed);
                }
                Ok(())
            }
            (State::Greeting { .. }, _) => {
                Err(End::Retry(Error::corrupt("welcome_expected", "the server's first record is no welcome")))
            }
            (
                State::Stopped | State::Waiting { .. } | State::AwaitToken | State::Connecting { .. } | State::Blocked,
                _,
            ) => Ok(()),
        }
    }

    /// What a fatal error of the server means for this device.
    fn judge(&mut self, error: Error) -> End {
        match (error.kind(), error.code()) {
            (ErrorKind::Conflict, "device_forked") => {
                self.must_fork = true;
                End::Retry(error)
            }
            // Another token may be better: the application is asked for one.
            (ErrorKind::Unauthorized, code) if code.starts_with("token_") => End::Retry(error),
            (ErrorKind::Unauthorized, _) | (ErrorKind::Invalid, "unknown_protocol") => End::Block(error),
            _ => End::Retry(error),
        }
    }

    fn lost(&mut self, reason: String, now: Now) -> Result<(), End> {
        self.forgive(now);
        match self.state {
            State::Connecting { .. } | State::Greeting { .. } | State::Live(_) => {
                self.packer = Packer::default();
                let error = Error::retry("connection_lost", format!("there is no connection to the server: {reason}"));
                self.state = State::AwaitToken;
                Err(End::Retry(error))
            }
            State::Stopped | State::Waiting { .. } | State::AwaitToken | State::Blocked => Ok(()),
        }
    }

    fn tick(&mut self, now: Now) -> Result<(), End> {
        match &mut self.state {
            State::Waiting { until } if is_due(*until, now) => {
                self.connect();
                Ok(())
            }
            State::Connecting { since } | State::Greeting { since }
                if is_due(later(*since, ANSWER_TIMEOUT_MS), now) =>
            {
                Err(End::Retry(Error::retry("no_answer", "the server does not answer")))
            }
            State::Live(live) => {
                if live.ask_again.take_if(|due| is_due(*due, now)).is_some() {
                    self.outputs.push_back(Output::NeedToken);
                }
                live.tick(&mut self.packer, now)
            }
            State::Stopped
            | State::Waiting { .. }
            | State::AwaitToken
            | State::Connecting { .. }
            | State::Greeting { .. }
            | State::Blocked => Ok(()),
        }
    }

    /// Ends the row of failures if the connection that ends now did some good.
    fn forgive(&mut self, now: Now) {
        if matches!(&self.state, State::Live(live) if live.was_good(now)) {
            self.failures = 0;
        }
    }

    fn end(&mut self, end: End, now: Now) {
        self.forgive(now);
        if let State::Connecting { .. } | State::Greeting { .. } | State::Live(_) = self.state {
            self.disconnect();
        }
        match end {
            End::At(until) => self.state = State::Waiting { until },
            End::Retry(error) => {
                self.error = Some(error);
                let most = BACKOFF_FIRST_MS.saturating_mul(1 << self.failures.min(20)).min(BACKOFF_MAX_MS);
                self.failures = self.failures.saturating_add(1);
                self.state = State::Waiting { until: later(now, 10 + self.jitter(most)) };
            }
            End::Forked { last, known } => match self.device.fork(last, &known) {
                Ok(_) => {
                    self.must_fork = false;
                    self.state = State::Waiting { until: now };
                }
                Err(error) => {
                    self.error = Some(error);
                    self.state = State::Waiting { until: later(now, BACKOFF_MAX_MS) };
                }
            },
            End::Block(error) => {
                self.error = Some(error);
                self.state = State::Blocked;
            }
        }
    }

    fn disconnect(&mut self) {
        let sends = self.packer.take();
        self.outputs.extend(sends.into_iter().map(Output::Send));
        self.outputs.push_back(Output::Disconnect);
    }

    fn flush(&mut self, now: Now) {
        if let State::Greeting { .. } | State::Live(_) = self.state
            && !self.packer.is_empty()
        {
            self.outputs.extend(self.packer.take().into_iter().map(Output::Send));
            if let State::Live(live) = &mut self.state {
                live.said(now);
            }
        }
    }

    /// A random number below `most`: full jitter, as in AWS's "Exponential Backoff And Jitter" (2015).
    fn jitter(&self, most: u64) -> u64 {
        let random = u128::from_be_bytes(self.entropy.random()) as u64;
        random % most.max(1)
    }
}

/// Whether a time has come. One that is too far away was set before the wall clock went back: it has come, too.
pub(crate) fn is_due(at: Now, now: Now) -> bool {
    at <= now || at > later(now, TIMER_MAX_MS)
}

pub(crate) fn later(from: Now, millis: u64) -> Now {
    Now::from_millis(from.millis().saturating_add(millis))
}
