//! HTTP: health, and the doors to sync and SQL.

pub mod demo;
pub mod error;
pub mod json;
pub mod sql;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use kalamdb_core::{Error, Result};
use kalamdb_sync::wire::MESSAGE_BYTES_MAX;

use crate::connection::{self, READ_BUFFER_BYTES};
use crate::node::Node;
use error::Failure;

/// The routes of a server.
pub fn router(node: Arc<Node>) -> Router {
    routes(node).fallback(not_found).layer(middleware::from_fn(log))
}

fn routes(node: Arc<Node>) -> Router {
    let body = DefaultBodyLimit::max(node.settings.body_bytes_max);
    Router::new()
        .route("/v1/sync", any(sync))
        .route("/v1/sql", post(sql::post).layer(body))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .method_not_allowed_fallback(wrong_method)
        .with_state(node)
}

/// The routes of a development server: also the demo, and a token for it.
pub fn router_with_demo(node: Arc<Node>) -> Router {
    let demo = Router::new().route("/kalamdb.json", get(demo::sign_in)).fallback(get(demo::file));
    let demo = demo.method_not_allowed_fallback(wrong_method).with_state(node.clone());
    routes(node).fallback_service(demo).layer(middleware::from_fn(log))
}

/// One line for each request; its body and its token stay out of it.
async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let start = Instant::now();
    let response = next.run(request).await;
    let (status, ms) = (response.status(), start.elapsed().as_millis() as u64);
    if status.is_server_error() {
        tracing::warn!(%method, path, status = status.as_u16(), ms, "a request failed");
    } else if status.is_client_error() {
        tracing::info!(%method, path, status = status.as_u16(), ms, "a request was refused");
    } else {
        tracing::debug!(%method, path, status = status.as_u16(), ms, "a request");
    }
    response
}

/// The process is alive.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The server takes requests.
async fn readyz(State(node): State<Arc<Node>>) -> Response {
    match node.check() {
        Ok(()) => "ready\n".into_response(),
        Err(error) => Failure::new(error).with_status(StatusCode::SERVICE_UNAVAILABLE).into_response(),
    }
}

async fn sync(
    State(node): State<Arc<Node>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let upgrade = upgrade.map_err(|rejection| {
        let message = format!("/v1/sync speaks WebSocket only: {}", rejection.body_text().to_lowercase());
        Failure::new(Error::invalid("websocket_expected", message)).with_status(rejection.status())
    })?;
    node.check()?;
    let most = node.settings.connections_max;
    if node.hub.connections() >= most {
        let message = format!("the server has {most} connections, its limit `connections_max`: try again later");
        return Err(Error::retry("too_many_connections", message).into());
    }
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        // Each message goes out at once; the session already packed what belongs together.
        .write_buffer_size(0)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| connection::drive(node, socket)))
}

async fn not_found(uri: axum::http::Uri) -> Failure {
    let message = format!("there is nothing at `{}`: see /v1/sync, /v1/sql, /healthz and /readyz", uri.path());
    Failure::new(Error::invalid("unknown_path", message)).with_status(StatusCode::NOT_FOUND)
}

async fn wrong_method(method: axum::http::Method, uri: axum::http::Uri) -> Failure {
    let message = format!("`{}` does not take {method}", uri.path());
    Failure::new(Error::invalid("wrong_method", message)).with_status(StatusCode::METHOD_NOT_ALLOWED)
}
