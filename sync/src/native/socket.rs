//! One WebSocket connection of a client.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Endpoint;
use crate::wire::MESSAGE_BYTES_MAX;

/// Size of each of tungstenite's two buffers; its default of 128 KiB is too much for a connection that idles.
const BUFFER_BYTES: usize = 16 * 1024;
/// How long a connection may take to say good-bye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The settings of a WebSocket of this protocol: small buffers, messages of at most
/// [`MESSAGE_BYTES_MAX`](crate::wire::MESSAGE_BYTES_MAX).
pub fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// An open connection. What is queued is written while messages are awaited, so that two ends which both have much to
/// say never wait for each other. The queue is as bounded as what a session sends ahead.
pub(super) struct Socket {
    stream: WebSocketStream<TcpStream>,
    queue: VecDeque<Message>,
    is_flushed: bool,
}

impl Socket {
    /// Connects; the session limits how long that may take.
    pub async fn open(endpoint: Endpoint) -> Result<Socket, String> {
        let stream = TcpStream::connect(endpoint.address()).await.map_err(|error| format!("{endpoint}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("{endpoint}: {error}"))?;
        let request = endpoint.uri().into_client_request().map_err(|error| format!("{endpoint}: {error}"))?;
        let opened = client_async_with_config(request, stream, Some(socket_config())).await;
        let (stream, _) = opened.map_err(|error| format!("{endpoint}: {}", describe(&error)))?;
        Ok(Socket { stream, queue: VecDeque::new(), is_flushed: true })
    }

    /// Queues a message.
    pub fn send(&mut self, message: Vec<u8>) {
        self.queue.push_back(Message::Binary(message.into()));
    }

    /// Writes what is queued and gives the next message that came, or why none will. It may be dropped and called
    /// again without loss.
    pub async fn receive(&mut self) -> Result<Vec<u8>, String> {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// Writes what is queued and closes the connection; gives up after a while.
    pub async fn finish(mut self) {
        let farewell = async {
            poll_fn(|cx| self.poll_write(cx)).await?;
            poll_fn(|cx| Pin::new(&mut self.stream).poll_close(cx)).await?;
            // Closing with unread bytes would reset the connection, and the other end might lose the last words.
            while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut self.stream).poll_next(cx)).await {}
            Ok::<(), WebSocketError>(())
        };
        if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, farewell).await, Ok(Ok(()))) {
            tracing::debug!("the connection was cut before it was closed");
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>, String>> {
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(Err(describe(&error)));
        }
        loop {
            let message = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                None => return Poll::Ready(Err("the server closed the connection".to_string())),
                Some(Err(error)) => return Poll::Ready(Err(describe(&error))),
                Some(Ok(message)) => message,
            };
            match message {
                Message::Binary(bytes) => return Poll::Ready(Ok(bytes.into())),
                Message::Text(_) => {
                    return Poll::Ready(Err("the server sent text: it is no KalamDB server".to_string()));
                }
                Message::Close(frame) => {
                    let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                    return Poll::Ready(Err(format!("the server closed the connection {reason}")
                        .trim_end()
                        .to_string()));
                }
                // tungstenite answers pings by itself.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        while !self.queue.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_ready(cx))?;
            if let Some(message) = self.queue.pop_front() {
                Pin::new(&mut self.stream).start_send(message)?;
                self.is_flushed = false;
            }
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

fn describe(error: &WebSocketError) -> String {
    match error {
        WebSocketError::Http(answer) => {
            format!("the server answers with status {}: check the address", answer.status())
        }
        WebSocketError::Capacity(_) => format!("the server sent a message of more than {MESSAGE_BYTES_MAX} bytes"),
        other => other.to_string(),
    }
}
