//! `POST /v1/sql` of another process: for the command line, the demo and benchmarks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kalamdb_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// The longest head of an answer that is read.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`.
    authority: String,
}

impl Endpoint {
    /// The endpoint of `http://host:port`.
    ///
    /// # Errors
    /// Kind `invalid` for any other URL.
    pub fn parse(url: &str) -> Result<Endpoint> {
        let bad = |why: &str| Error::invalid("invalid_url", format!("URL `{url}`: {why}, as http://127.0.0.1:7171"));
        if url.starts_with("https://") {
            return Err(bad("the command line speaks HTTP without TLS only: connect on the server's machine"));
        }
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://"));
        let rest = rest.ok_or_else(|| bad("it begins with http://"))?.trim_end_matches('/');
        // The address of sync is one of the same server.
        let authority = rest.strip_suffix("/v1/sync").unwrap_or(rest);
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(bad("it has a host and a port only"));
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if has_port { "" } else { ":80" };
        Ok(Endpoint { authority: format!("{authority}{port}") })
    }

    /// The answer of `POST /v1/sql`.
    ///
    /// # Errors
    /// The server's error; kind `retry` if it cannot be reached.
    pub fn sql(&self, token: &str, body: &Json, key: Option<&str>) -> Result<Json> {
        if token.bytes().chain(key.unwrap_or_default().bytes()).any(|byte| byte.is_ascii_control()) {
            return Err(Error::invalid("invalid_token", "a token and a key are one line without control characters"));
        }
        let (status, answer) = self.post("/v1/sql", token, &body.to_string(), key).map_err(|error| {
            let advice = "start it with `kalamdb serve`, or correct `--url`";
            Error::retry("unreachable", format!("the server at {} does not answer ({error}): {advice}", self.authority))
        })?;
        let answer: Json = serde_json::from_slice(&answer).map_err(|_| {
            let message = format!("{} is no KalamDB server: it answers {status} without JSON", self.authority);
            Error::invalid("not_kalamdb", message)
        })?;
        match answer.get("error") {
            None if status == 200 => Ok(answer),
            error => Err(read_error(error.unwrap_or(&Json::Null), status)),
        }
    }

    fn post(&self, path: &str, token: &str, body: &str, key: Option<&str>) -> std::io::Result<(u16, Vec<u8>)> {
        let stream = TcpStream::connect(&self.authority)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             {key}Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.authority,
            body.len()
        );
        let mut writer = &stream;
        writer.write_all(head.as_bytes())?;
        // A server that refuses the body answers before it has read all of it.
        let written = writer.write_all(body.as_bytes());
        match read_answer(&stream) {
            Ok(answer) => Ok(answer),
            Err(error) => written.and(Err(error)),
        }
    }
}

fn read_answer(stream: &TcpStream) -> std::io::Result<(u16, Vec<u8>)> {
    let malformed = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is not HTTP");
    let mut head = BufReader::new(stream).take(HEAD_BYTES_MAX);
    let mut line = String::new();
    head.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Err(malformed());
        }
        if line.trim().is_empty() {
            break;
        }
        if line.to_ascii_lowercase().starts_with("transfer-encoding:") {
            return Err(malformed());
        }
    }
    let mut body = Vec::new();
    head.into_inner().take(ANSWER_BYTES_MAX).read_to_end(&mut body)?;
    Ok((status, body))
}

fn read_error(error: &Json, status: u16) -> Error {
    let text = |key: &str| error.get(key).and_then(Json::as_str);
    let kind = text("kind").and_then(|name| ErrorKind::ALL.into_iter().find(|kind| kind.name() == name));
    let message = text("message").map_or_else(|| format!("the server answers with status {status}"), str::to_owned);
    let code = text("code").unwrap_or("unknown").to_owned();
    Error::new(kind.unwrap_or(ErrorKind::Internal), code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        let authority = |url| Endpoint::parse(url).map(|endpoint| endpoint.authority);
        assert_eq!(authority("http://127.0.0.1:7171/").as_deref(), Ok("127.0.0.1:7171"));
        assert_eq!(authority("http://db.example").as_deref(), Ok("db.example:80"));
        for bad in ["https://db.example", "db.example:7171", "http://", "http://a/b", "http://a b"] {
            assert_eq!(authority(bad).expect_err(bad).code(), "invalid_url");
        }
    }
}
