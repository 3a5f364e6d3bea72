//! SQL over HTTP.
#![allow(clippy::expect_used)]

mod support;

use serde_json::{Value as Json, json};
use support::TestServer;
use support::device::TestDevice;
use support::http::{get, request, rows, sql, sql_with};

const NOTES: &str =
    "CREATE NAMESPACE app; CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, title TEXT, hits COUNTER)";

struct Fixture {
    server: TestServer,
    address: String,
    ada: String,
    admin: String,
}

impl Fixture {
    /// A server with `app.notes`.
    async fn start() -> Fixture {
        let server = TestServer::start_with(|settings| settings.rows_max = 1000).await;
        let address = server.running.address().to_string();
        let ada = server.token_with("ada", |claims| claims.kalamdb_declare = false);
        let admin = server.token_with("ops", |claims| claims.kalamdb_admin = true);
        let (status, answer) = sql(&address, &admin, NOTES).await;
        assert_eq!(status, 200, "{answer}");
        Fixture { server, address, ada, admin }
    }

    async fn error(&self, token: &str, text: &str) -> (u16, String, String) {
        let (status, answer) = sql(&self.address, token, text).await;
        let text = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
        (status, format!("{}/{}", text("kind"), text("code")), text("message"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_answer_with_columns_rows_and_counts() {
    let test = Fixture::start().await;
    let text =
        "INSERT INTO app.notes (id, title) VALUES (1, $1), ($2, 'two'); SELECT id, title FROM app.notes ORDER BY id";
    let (status, answer) = sql_with(&test.address, &test.ada, None, text, json!(["one; 'quoted'", 2])).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().expect("results");
    assert_eq!(results[0]["rows_affected"], 2);
    assert_eq!(results[1]["columns"], json!([{ "name": "id", "type": "BIGINT" }, { "name": "title", "type": "TEXT" }]));
    assert_eq!(results[1]["rows"], json!([[1, "one; 'quoted'"], [2, "two"]]));
    assert_eq!(rows(&test.address, &test.ada, "SELECT CURRENT_USER()").await, json!([["ada"]]));
    test.server.running.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_over_http_reaches_a_device_and_back() {
    let test = Fixture::start().await;
    let mut phone = TestDevice::new(&test.server.sync_url(), &test.ada);
    phone.sync().await;
    rows(&test.address, &test.ada, "INSERT INTO app.notes (id, title) VALUES (1, 'from http')").await;
    phone.until("the note", |phone| phone.rows() == [(1, "from http".to_owned(), 0)]).await;
    phone.hit(1);
    phone.sync().await;
    assert_eq!(rows(&test.address, &test.ada, "SELECT hits FROM app.notes").await, json!([[1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_only_its_own_rows_and_only_an_admin_changes_tables() {
    let test = Fixture::start().await;
    let bob = test.server.token("bob");
    rows(&test.address, &test.ada, "INSERT INTO app.notes (id) VALUES (1)").await;
    assert_eq!(rows(&test.address, &bob, "SELECT * FROM app.notes").await, json!([]));
    assert_eq!(rows(&test.address, &test.admin, "SELECT * FROM app.notes").await, json!([]));
    let (status, kind, _) = test.error(&test.ada, "CREATE NAMESPACE mine").await;
    assert_eq!((status, kind.split('/').next()), (403, Some("unauthorized")));
    assert_eq!(rows(&test.address, &test.ada, "SELECT user_id FROM system.users").await, json!([["ada"]]));
    let (status, _, message) = test.error(&test.admin, "EXECUTE AS USER 'ada' (SELECT 1)").await;
    assert_eq!(status, 400, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_a_request_take_effect_once() {
    let test = Fixture::start().await;
    let text = "INSERT INTO app.notes (id, title) VALUES ($1, 'x'); UPDATE app.notes SET hits = hits + 1 WHERE id = $1";
    let send = async |key, id: i64| sql_with(&test.address, &test.ada, Some(key), text, json!([id])).await;
    let (status, first) = send("key-1", 1).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(send("key-1", 1).await, (200, first));
    let (status, answer) = send("key-1", 2).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("idempotency_key_reused")), "{answer}");
    let (status, answer) = send("key-2", 1).await;
    assert_eq!((status, &answer["error"]["kind"]), (409, &json!("conflict")), "{answer}");
    assert_eq!(rows(&test.address, &test.ada, "SELECT id, hits FROM app.notes").await, json!([[1, 1]]));
    let begin = "BEGIN; INSERT INTO app.notes (id) VALUES (9); COMMIT";
    for text in [begin, "INSERT INTO app.notes (id) VALUES (9); COMMIT"] {
        let (status, answer) = sql_with(&test.address, &test.ada, Some("key-3"), text, json!([])).await;
        assert_eq!((status, &answer["error"]["kind"]), (400, &json!("invalid")), "{answer}");
    }
    assert_eq!(rows(&test.address, &test.ada, "SELECT COUNT(*) FROM app.notes").await, json!([[1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_with_a_key_leaves_nothing() {
    let test = Fixture::start().await;
    let text = "INSERT INTO app.notes (id) VALUES (1); INSERT INTO app.notes (id) VALUES (1)";
    let (status, answer) = sql_with(&test.address, &test.ada, Some("k"), text, json!([])).await;
    assert_eq!((status, &answer["error"]["kind"]), (409, &json!("conflict")), "{answer}");
    assert_eq!(rows(&test.address, &test.ada, "SELECT COUNT(*) FROM app.notes").await, json!([[0]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_statements_are_refused_by_name() {
    let test = Fixture::start().await;
    let cases = [
        ("SELEKT 1", 400, "invalid/", "SELEKT"),
        ("SELECT * FROM app.notez", 400, "invalid/", "app.notez"),
        ("SELECT titel FROM app.notes", 400, "invalid/", "titel"),
        ("INSERT INTO app.notes (id, titel) VALUES (1, 'x')", 400, "invalid/", "titel"),
        ("INSERT INTO app.notes (id) VALUES (NULL)", 400, "invalid/", "id"),
        ("INSERT INTO app.notes (id) VALUES ('one')", 400, "invalid/", "id"),
        ("UPDATE app.notes SET _seq = 1", 400, "invalid/", "_seq"),
        ("SELECT $1", 400, "invalid/", "parameter"),
        ("BEGIN; INSERT INTO app.notes (id) VALUES (1)", 400, "invalid/transaction_left_open", "COMMIT"),
        ("SELECT * FROM app.\"x; DROP TABLE app.notes\"", 400, "invalid/", "DROP TABLE"),
        ("SELECT \"x'; DROP TABLE app.notes --\" FROM app.notes", 400, "invalid/", "DROP TABLE"),
        ("INSERT INTO app.notes (\"id) VALUES (9); --\") VALUES (1)", 400, "invalid/", "VALUES (9)"),
    ];
    for (text, status, kind, named) in cases {
        let (found, found_kind, message) = test.error(&test.ada, text).await;
        assert_eq!(found, status, "{text}: {found_kind} {message}");
        assert!(found_kind.starts_with(kind), "{text}: {found_kind} {message}");
        assert!(message.contains(named), "{text}: {message}");
    }
    assert_eq!(rows(&test.address, &test.ada, "SELECT COUNT(*) FROM app.notes").await, json!([[0]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_too_many_rows_is_refused() {
    let test = Fixture::start().await;
    let values: Vec<String> = (0..1001).map(|id| format!("({id})")).collect();
    rows(&test.address, &test.ada, &format!("INSERT INTO app.notes (id) VALUES {}", values.join(","))).await;
    let (status, kind, message) = test.error(&test.ada, "SELECT id FROM app.notes").await;
    assert_eq!((status, kind.as_str()), (413, "quota/too_many_rows"), "{message}");
    assert_eq!(rows(&test.address, &test.ada, "SELECT COUNT(*) FROM app.notes").await, json!([[1001]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_and_health_is_told() {
    let server = TestServer::start_with(|settings| settings.body_bytes_max = 2048).await;
    let address = server.running.address().to_string();
    let authorization = format!("Bearer {}", server.token("ada"));
    let expired = format!("Bearer {}", server.token_with("ada", |claims| claims.exp = 1));
    let post = async |authorization: &str, body: &[u8]| {
        let (status, body) = request(&address, "POST", "/v1/sql", &[("Authorization", authorization)], body).await;
        let body: Json = serde_json::from_str(&body).unwrap_or_default();
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let good: &[u8] = b"{\"sql\":\"SELECT 1\"}";
    assert_eq!(post(&authorization, good).await, (200, String::new()));
    assert_eq!(post("", good).await, (401, "token_missing".to_owned()));
    assert_eq!(post("Basic YQ==", good).await, (401, "token_missing".to_owned()));
    assert_eq!(post("Bearer nonsense", good).await, (401, "token_invalid".to_owned()));
    assert_eq!(post(&expired, good).await, (401, "token_expired".to_owned()));
    assert_eq!(post(&authorization, b"{\"sql\":1}").await, (400, "invalid_body".to_owned()));
    assert_eq!(
        post(&authorization, b"{\"sql\":\"SELECT 1\",\"user\":\"bob\"}").await,
        (400, "invalid_body".to_owned())
    );
    assert_eq!(post(&authorization, &[b' '; 4096]).await, (413, "body_too_large".to_owned()));
    assert_eq!(get(&address, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/readyz").await.0, 200);
    assert_eq!(get(&address, "/v2/sql").await.0, 404);
    assert_eq!(get(&address, "/v1/sql").await.0, 405);
    assert!([400, 426].contains(&get(&address, "/v1/sync").await.0));
    server.running.node().stop();
    assert_eq!(get(&address, "/healthz").await.0, 200);
    assert_eq!(get(&address, "/readyz").await.0, 503);
}
