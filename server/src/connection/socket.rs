//! A WebSocket that reads while it writes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::ws::{Message, WebSocket};
use futures_util::{Sink, Stream};
use kalamdb_core::Error;

/// What came from the other side.
pub(super) enum Received {
    /// A binary message.
    Message(Vec<u8>),
    /// Something that is no message of the protocol.
    Unreadable(Error),
    /// The connection is gone.
    Gone,
}

/// Where the writing side stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// Everything was handed to the system.
    Idle,
    /// Bytes wait for the other side to read.
    Busy,
    /// A close was written.
    Closed,
}

pub(super) struct Socket {
    inner: WebSocket,
    writing: Writing,
    is_closing: bool,
}

impl Socket {
    pub fn new(inner: WebSocket) -> Socket {
        Socket { inner, writing: Writing::Idle, is_closing: false }
    }

    pub fn writing(&self) -> Writing {
        self.writing
    }

    /// Begins to write a message; only when nothing is being written.
    pub fn send(&mut self, message: Vec<u8>) -> Result<(), axum::Error> {
        self.writing = Writing::Busy;
        Pin::new(&mut self.inner).start_send(Message::Binary(message.into()))
    }

    /// Begins to close, behind what is being written.
    pub fn close(&mut self) {
        self.writing = Writing::Busy;
        self.is_closing = true;
    }

    /// Writes on.
    pub fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        if self.writing == Writing::Busy {
            let inner = Pin::new(&mut self.inner);
            let done = if self.is_closing { inner.poll_close(cx) } else { inner.poll_flush(cx) };
            ready!(done)?;
            self.writing = if self.is_closing { Writing::Closed } else { Writing::Idle };
        }
        Poll::Ready(Ok(()))
    }

    /// The next message.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => Received::Message(bytes.into()),
                Some(Ok(Message::Text(_))) => {
                    Received::Unreadable(Error::invalid("text_message", "a text message came: send binary ones"))
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_))) | None => Received::Gone,
                Some(Err(error)) => unreadable(&error),
            });
        }
    }
}

/// A frame that breaks the rules of WebSocket can still be answered; a broken connection cannot.
fn unreadable(error: &axum::Error) -> Received {
    let text = error.to_string();
    if text.contains("too long") || text.contains("too large") {
        let message = format!("{text}: split it, as docs/protocol.md says");
        return Received::Unreadable(Error::quota("message_too_large", message.to_lowercase()));
    }
    if text.starts_with("WebSocket protocol error") && !text.contains("reset") {
        return Received::Unreadable(Error::corrupt("websocket_error", text));
    }
    Received::Gone
}
