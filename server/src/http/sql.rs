//! `POST /v1/sql`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kalamdb_core::store::CommitId;
use kalamdb_core::{Error, Result, SpaceId, UserId, Value};
use kalamdb_sql::{Role, StatementResult};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::error::Failure;
use super::json::{from_json, to_json};
use crate::clock::now;
use crate::idempotency::{ANSWER_KEPT_MS, RequestKey};
use crate::node::Node;
use crate::statements;

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sql: String,
    #[serde(default)]
    params: Vec<Json>,
}

/// A request whose token and body were checked.
struct Work {
    node: Arc<Node>,
    user: UserId,
    role: Role,
    sql: String,
    params: Vec<Value>,
    /// Key and body.
    key: Option<(Vec<u8>, Bytes)>,
}

pub(super) async fn post(State(node): State<Arc<Node>>, request: Request) -> Result<Response, Failure> {
    let until = Instant::now() + Duration::from_millis(node.settings.request_timeout_ms);
    node.check()?;
    let headers = request.headers().clone();
    // Of somebody who may not ask, nothing is read.
    let grant = node.authority.verify(bearer(&headers)?)?;
    let body = in_time(until, Bytes::from_request(request, &()), "the body did not come").await?;
    let body = body.map_err(|rejection| bad_body(&node, &rejection))?;
    let asked: Question = serde_json::from_slice(&body).map_err(|error| {
        Error::invalid("invalid_body", format!("the body is not `{{\"sql\": …, \"params\": […]}}`: {error}"))
    })?;
    let work = Work {
        node: node.clone(),
        user: grant.identity.user,
        role: if grant.is_admin { Role::Admin } else { Role::User },
        sql: asked.sql,
        params: read_params(asked.params)?,
        key: headers.get(IDEMPOTENCY_KEY).map(|key| (key.as_bytes().to_vec(), body)),
    };
    let permit = in_time(until, node.statements.acquire(), "no turn came").await?;
    let _permit = permit.map_err(|_| Error::closed("server_closed", "the server has stopped: try again later"))?;
    // Statements scan and compute; that must not hold up the connections.
    let handle = Handle::current();
    let run = tokio::task::spawn_blocking(move || {
        handle.block_on(async { in_time(until, work.run(), "the statements did not end").await? })
    });
    let (answer, commit) =
        run.await.map_err(|error| Error::internal("request_failed", format!("the request broke off: {error}")))??;
    in_time(until, node.hub.durable(commit), "the answer did not become durable").await??;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

/// The values of `$1`, `$2` and so on.
///
/// # Errors
/// As [`from_json`].
pub fn read_params(params: Vec<Json>) -> Result<Vec<Value>> {
    params.into_iter().enumerate().map(|(at, param)| from_json(param, at + 1)).collect()
}

/// The outcome of `work`, unless its time is over.
async fn in_time<T>(until: Instant, work: impl Future<Output = T>, what: &str) -> Result<T> {
    timeout_at(until, work).await.map_err(|_| {
        let advice = "ask for less, raise `request_timeout_ms`, and repeat writes with an idempotency key only";
        Error::retry("request_timeout", format!("{what} in time: {advice}"))
    })
}

fn bearer(headers: &HeaderMap) -> Result<&str> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Error::unauthorized("token_missing", "the request carries no token: send `Authorization: Bearer …`")),
    }
}

fn bad_body(node: &Node, rejection: &BytesRejection) -> Failure {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let most = node.settings.body_bytes_max;
        let message = format!("the body has more than {most} bytes, the limit `body_bytes_max`: split the request");
        return Error::quota("body_too_large", message).into();
    }
    Error::invalid("invalid_body", format!("the body cannot be read: {}", rejection.body_text())).into()
}

impl Work {
    /// The answer, and the commit that it rests on.
    async fn run(self) -> Result<(Vec<u8>, CommitId)> {
        let server = self.node.server.clone();
        let space = server.space_of(&self.user, now())?;
        let answer = match &self.key {
            None => {
                let backend = statements::backend(&server, space, &self.user, self.role);
                let results = statements::run(backend, &self.sql, &self.params).await?;
                self.encode(&results)?
            }
            Some((key, body)) => self.run_once(space, &RequestKey::new(space, key, body)?).await?,
        };
        self.node.hub.catalog_at(server.catalog().version(), || server.last_commit(space))?;
        // What an admin changes beside rows has no commit of its own to wait for.
        let commit = match self.role {
            Role::Admin => server.store().flush()?,
            Role::User => server.last_commit(space)?,
        };
        Ok((answer, commit))
    }

    async fn run_once(&self, space: SpaceId, key: &RequestKey) -> Result<Vec<u8>> {
        let server = &self.node.server;
        let _mark = self.node.running.begin(key)?;
        if let Some(answer) = key.find(server)? {
            return Ok(answer);
        }
        let backend = statements::backend(server, space, &self.user, self.role);
        let mut answer = Vec::new();
        let seal = |results: &[StatementResult]| {
            answer = self.encode(results)?;
            key.store(&answer, now(), ANSWER_KEPT_MS)
        };
        statements::run_sealed(server, space, backend, &self.sql, &self.params, seal).await?;
        Ok(answer)
    }

    fn encode(&self, results: &[StatementResult]) -> Result<Vec<u8>> {
        let (rows, most) = (results.iter().map(|result| result.rows.len()).sum::<usize>(), self.node.settings.rows_max);
        if rows > most {
            let message = format!("the answer has {rows} rows, more than the limit `rows_max` of {most}: add LIMIT");
            return Err(Error::quota("too_many_rows", message));
        }
        serde_json::to_vec(&encode(results))
            .map_err(|error| Error::internal("answer_failed", format!("the answer cannot be written: {error}")))
    }
}

/// The answer: `{"results": […]}`.
pub fn encode(results: &[StatementResult]) -> Json {
    json!({ "results": results.iter().map(encode_result).collect::<Vec<Json>>() })
}

fn encode_result(result: &StatementResult) -> Json {
    let columns: Vec<Json> =
        result.columns.iter().map(|column| json!({ "name": column.name, "type": column.ty.to_string() })).collect();
    let rows: Vec<Json> = result.rows.iter().map(|row| row.iter().map(to_json).collect()).collect();
    json!({ "command": result.tag, "columns": columns, "rows": rows, "rows_affected": result.affected })
}
