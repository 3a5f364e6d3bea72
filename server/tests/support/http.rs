//! One HTTP request over a plain socket.

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The status and body of `method path` with these headers and body.
pub async fn request(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let mut all = vec![("Host", address)];
    all.extend(headers);
    let (status, _, body) = exchange(address, method, path, &all, body).await;
    (status, body)
}

/// The status, head and body of an answer; `headers` are all there are, but for those of the connection.
pub async fn exchange(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String, String) {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    // A server that refuses the body closes before it has read all of it.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_lowercase(), body.to_owned())
}

pub async fn get(address: &str, path: &str) -> (u16, String) {
    request(address, "GET", path, &[], b"").await
}

/// `POST /v1/sql`, with an idempotency key if one is given.
pub async fn sql_with(address: &str, token: &str, key: Option<&str>, sql: &str, params: Json) -> (u16, Json) {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    headers.extend(key.map(|key| ("Idempotency-Key", key)));
    let body = json!({ "sql": sql, "params": params }).to_string();
    let (status, body) = request(address, "POST", "/v1/sql", &headers, body.as_bytes()).await;
    (status, serde_json::from_str(&body).expect("an answer in JSON"))
}

pub async fn sql(address: &str, token: &str, sql: &str) -> (u16, Json) {
    sql_with(address, token, None, sql, json!([])).await
}

/// The rows of the last statement, which must succeed.
pub async fn rows(address: &str, token: &str, text: &str) -> Json {
    let (status, answer) = sql(address, token, text).await;
    assert_eq!(status, 200, "{text}: {answer}");
    answer["results"].as_array().and_then(|results| results.last()).expect("a result")["rows"].clone()
}
