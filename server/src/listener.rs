//! The listening socket: no more connections at once than a limit.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use kalamdb_core::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections for HTTP beside the sync connections.
const HTTP_CONNECTIONS_MAX: usize = 1024;
/// How long to wait when the system refuses to accept, as when it has no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A TCP listener; connections past the limit wait in the system's queue.
pub struct LimitedListener {
    inner: TcpListener,
    permits: Arc<Semaphore>,
}

impl LimitedListener {
    /// Listens on `address`, `host:port`, for at most `sync_max` sync connections and some for HTTP.
    ///
    /// # Errors
    /// Kind `invalid` if the address is none or cannot be had, `retry` if it is in use.
    pub async fn bind(address: &str, sync_max: usize) -> Result<LimitedListener> {
        let inner = TcpListener::bind(address).await.map_err(|error| bind_failed(address, &error))?;
        Ok(LimitedListener { inner, permits: Arc::new(Semaphore::new(sync_max + HTTP_CONNECTIONS_MAX)) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Kind `internal` if the system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.inner.local_addr();
        address.map_err(|error| Error::internal("no_address", format!("the listening address is unknown: {error}")))
    }
}

fn bind_failed(address: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => Error::retry(
            "port_in_use",
            format!("address {address} is in use: stop what listens there, or choose another with `--listen`"),
        ),
        io::ErrorKind::PermissionDenied => Error::invalid(
            "port_refused",
            format!("address {address} is not allowed ({error}): choose a port above 1023 with `--listen`"),
        ),
        _ => Error::invalid(
            "invalid_address",
            format!("cannot listen on `{address}` ({error}): give `host:port`, for example `127.0.0.1:7171`"),
        ),
    }
}

impl Listener for LimitedListener {
    type Io = LimitedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LimitedStream, SocketAddr) {
        loop {
            let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
            match self.inner.accept().await {
                Ok((stream, address)) => {
                    // Without it a small message waits for the answer to the one before.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%address, "TCP_NODELAY was refused: {error}");
                    }
                    return (LimitedStream { inner: stream, _permit: permit }, address);
                }
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// A connection that counts against the limit as long as it lives.
pub struct LimitedStream {
    inner: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for LimitedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
