//! The demo in the browser, which a development server serves from its binary, signed in.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use kalamdb_core::{Error, UserId};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Deserialize;
use serde_json::json;

use super::error::Failure;
use crate::auth::{Claims, expiry};
use crate::clock::now;
use crate::node::Node;

/// The user of a development server.
pub const DEV_USER: &str = "dev";
/// How long the tokens of a development server are valid.
pub const DEV_TOKEN_S: u64 = 7 * 86_400;

/// What `npm run build` made of web-demo. It may be missing: the server can be built without Node.js.
#[derive(RustEmbed)]
#[folder = "../web-demo/dist/"]
#[allow_missing = true]
struct Files;

/// Scripts come from here only; WebAssembly may be compiled; a server may be anywhere.
const CONTENT_SECURITY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
     connect-src 'self' ws: wss: http: https:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Deserialize)]
pub(super) struct Wanted {
    user: Option<String>,
}

/// Where the page finds the server and its token, and which server it is: its rows belong to that one, and another may
/// come to the same address. A page of another origin cannot read it; one that claims another name for this address does
/// not get it.
pub(super) async fn sign_in(
    State(node): State<Arc<Node>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_forwarded = ["forwarded", "via", "x-forwarded-for"].into_iter().any(|name| headers.contains_key(name));
    if is_forwarded || !is_loopback(host) {
        let message = format!(
            "a development server gives tokens on loopback addresses only, not on `{host}` and not through a proxy"
        );
        return Err(Failure::new(Error::unauthorized("not_loopback", message)).with_status(StatusCode::FORBIDDEN));
    }
    let user = UserId::new(wanted.user.unwrap_or_else(|| DEV_USER.to_owned()))?;
    let exp = expiry(now(), DEV_TOKEN_S);
    let claims = Claims { sub: user.as_str().to_owned(), exp, kalamdb_admin: false, kalamdb_declare: true };
    let token = node.authority.mint(&claims)?;
    let server = node.server.id().to_string();
    let answer = json!({ "url": "/", "server": server, "token": token, "user": user.as_str() });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Whether a Host header names this machine by what only this machine is called.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A file of the demo.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    match Files::get(path) {
        Some(file) => serve(path, &file, &headers),
        None if path == "index.html" => {
            let text = "This server was built without the demo. `cargo xtask demo` builds it with the demo.\n";
            (StatusCode::NOT_FOUND, text).into_response()
        }
        None => super::not_found(uri).await.into_response(),
    }
}

fn serve(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    // Names of assets hold a hash of their content.
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [
        (header::CACHE_CONTROL, caching.to_owned()),
        (header::ETAG, tag.clone()),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(header::CONTENT_TYPE, content_type(path))];
    (common, kind, file.data.clone().into_owned()).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn tokens_are_given_to_this_machine_by_its_own_names() {
        for host in ["127.0.0.1:7171", "localhost", "LOCALHOST:80", "[::1]:7171", "127.1.2.3"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "example.org", "example.org:7171", "127.0.0.1.example.org", "localhost.example.org:1", "10.0.0.1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
