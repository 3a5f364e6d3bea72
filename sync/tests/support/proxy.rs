//! A proxy between client and server that cuts connections where a test wants it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Forwards bytes until a budget is spent, then cuts the connection.
pub struct Proxy {
    address: SocketAddr,
    budget: Arc<AtomicI64>,
    cuts: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to `server` that forwards without limit.
    pub async fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let budget = Arc::new(AtomicI64::new(i64::MAX));
        let cuts = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(run(listener, server, budget.clone(), cuts.clone()));
        Proxy { address, budget, cuts, task }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Cuts every connection once this many more bytes went in either direction.
    pub fn cut_after(&self, bytes: i64) {
        self.budget.store(bytes, Ordering::SeqCst);
    }

    /// Bytes that may still go before the cut.
    pub fn left(&self) -> i64 {
        self.budget.load(Ordering::SeqCst)
    }

    /// Connections cut so far.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, server: SocketAddr, budget: Arc<AtomicI64>, cuts: Arc<AtomicU64>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(upstream) = TcpStream::connect(server).await else { continue };
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = upstream.into_split();
        let (budget, cuts) = (budget.clone(), cuts.clone());
        tokio::spawn(async move {
            // Whichever direction ends first takes the other one with it.
            tokio::select! {
                () = forward(client_read, server_write, &budget) => {}
                () = forward(server_read, client_write, &budget) => {}
            }
            if budget.load(Ordering::SeqCst) < 0 {
                cuts.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, budget: &AtomicI64) {
    let mut buffer = [0; 512];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let left = budget.fetch_sub(count as i64, Ordering::SeqCst);
        let allowed = usize::try_from(left).unwrap_or(0).min(count);
        if to.write_all(&buffer[..allowed]).await.is_err() || allowed < count {
            return;
        }
    }
}
