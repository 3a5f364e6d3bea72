//! Errors as HTTP answers.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kalamdb_core::{Error, ErrorKind};
use serde_json::json;

/// An error on its way to an HTTP client.
#[derive(Debug)]
pub struct Failure {
    error: Error,
    status: StatusCode,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::new(error)
    }
}

impl Failure {
    /// The answer for an error, with the status of its kind.
    pub fn new(error: Error) -> Failure {
        let status = status_of(&error);
        Failure { error, status }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Failure {
        Failure { status, ..self }
    }

    /// The body: `{"error": {"kind", "code", "message"}}`.
    pub fn body(&self) -> serde_json::Value {
        let Failure { error, .. } = self;
        json!({ "error": { "kind": error.kind().name(), "code": error.code(), "message": error.message() } })
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Retry | ErrorKind::Closed => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthorized if error.code().starts_with("token_") => StatusCode::UNAUTHORIZED,
        ErrorKind::Unauthorized => StatusCode::FORBIDDEN,
        ErrorKind::Quota if error.code() == "disk_full" => StatusCode::INSUFFICIENT_STORAGE,
        ErrorKind::Quota => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Corrupt | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(kind = %self.error.kind(), code = self.error.code(), "request failed: {}", self.error);
        }
        let mut response = (self.status, Json(self.body())).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer realm=\"kalamdb\""));
        }
        response
    }
}
