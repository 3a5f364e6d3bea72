//! A server that listens, until it is stopped.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use kalamdb_core::server::{Tidied, TidyLimits};
use kalamdb_core::{Error, Result};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::clock::now;
use crate::http;
use crate::idempotency;
use crate::listener::LimitedListener;
use crate::node::Node;
use crate::settings::Settings;

/// How often memory of spaces that nobody uses is freed and outdated answers are removed.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Expired tombstones that are removed with one transaction.
const TOMBSTONES_PER_COMMIT_MAX: usize = 1_000;
/// How often a stopping server looks whether its connections are gone.
const DRAIN_INTERVAL: Duration = Duration::from_millis(10);

/// A running server. Dropped without [`Running::stop`], it goes on in the background.
pub struct Running {
    node: Arc<Node>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    upkeep: [JoinHandle<()>; 2],
}

impl Running {
    /// Opens the data, listens and serves on the present runtime.
    ///
    /// # Errors
    /// As [`Node::open`]; kind `retry` if the port is in use, `invalid` if the address cannot be had.
    pub async fn start(settings: Settings) -> Result<Running> {
        Running::start_with(settings, http::router).await
    }

    /// As [`Running::start`], with other routes, as [`http::router_with_demo`].
    ///
    /// # Errors
    /// As [`Running::start`].
    pub async fn start_with(settings: Settings, router: impl FnOnce(Arc<Node>) -> Router) -> Result<Running> {
        let listener = LimitedListener::bind(&settings.listen, settings.connections_max).await?;
        let address = listener.address()?;
        let opening = tokio::task::spawn_blocking(move || Node::open(settings)).await;
        let node = opening.map_err(|error| Error::internal("open_failed", format!("opening panicked: {error}")))??;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = axum::serve(listener, router(node.clone())).with_graceful_shutdown(async move {
            // A dropped sender means that nobody will ever stop the server.
            if stopped.await.is_err() {
                std::future::pending().await
            }
        });
        let serving = tokio::spawn(serve.into_future());
        let upkeep = [tokio::spawn(upkeep(node.clone())), tokio::spawn(tidy(node.clone()))];
        tracing::info!(%address, data_dir = %node.settings.data_dir.display(), "listening");
        Ok(Running { node, address, stop, serving, upkeep })
    }

    /// What the server's parts share.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, lets open ones and connections end, writes everything out and closes the store.
    ///
    /// # Errors
    /// What the store gives.
    pub async fn stop(self) -> Result<()> {
        let Running { node, stop, serving, upkeep, .. } = self;
        let patience = Duration::from_millis(node.settings.shutdown_timeout_ms);
        node.stop();
        // The task that receives this may have ended by itself.
        let _ = stop.send(());
        upkeep.iter().for_each(JoinHandle::abort);
        let drained = timeout(patience, async {
            while node.hub.connections() > 0 {
                tokio::time::sleep(DRAIN_INTERVAL).await;
            }
            serving.await
        });
        if drained.await.is_err() {
            tracing::warn!(connections = node.hub.connections(), "connections did not end in time and are cut off");
        }
        let closing = tokio::task::spawn_blocking(move || node.close()).await;
        closing.map_err(|error| Error::internal("close_failed", format!("closing panicked: {error}")))?
    }
}

async fn upkeep(node: Arc<Node>) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let node = node.clone();
        let work = move || {
            node.server.release_idle();
            if let Err(error) = idempotency::sweep(&node.server, now()) {
                tracing::warn!("outdated answers could not be removed: {error}");
            }
        };
        // It fails only if the runtime stops, and then this task stops with it.
        let _ = tokio::task::spawn_blocking(work).await;
    }
}

/// Removes what spaces need not keep, one space after the other.
async fn tidy(node: Arc<Node>) {
    let mut ticks = interval(Duration::from_millis(node.settings.tidy_interval_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let node = node.clone();
        // It fails only if the runtime stops, and then this task stops with it.
        let _ = tokio::task::spawn_blocking(move || {
            if let Err(error) = tidy_all(&node) {
                tracing::warn!("old log entries and tombstones could not be removed: {error}");
            }
        })
        .await;
    }
}

fn tidy_all(node: &Node) -> Result<()> {
    let limits =
        TidyLimits { log_entries_kept: node.settings.log_entries_kept, tombstones_max: TOMBSTONES_PER_COMMIT_MAX };
    for user in node.server.users()? {
        loop {
            node.check()?;
            let tidied = node.server.tidy(user.space, now(), limits)?;
            if tidied != Tidied::default() {
                tracing::debug!(space = user.space.0, ?tidied, "tidied");
            }
            if tidied.tombstones < TOMBSTONES_PER_COMMIT_MAX as u64 {
                break;
            }
        }
        node.server.release_idle();
    }
    Ok(())
}
