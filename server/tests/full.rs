//! A server on a full disk, made by a limit on the size of files: the system refuses to write on, as it does without
//! room.
#![cfg(unix)]
#![allow(clippy::expect_used)]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::http::{get, rows, sql, sql_with};
use support::process::DevServer;

/// In units of 512 bytes.
const FILE_BLOCKS_MAX: u32 = 8192;
/// The limit, many times over, in rows of a hundred thousand digits that do not compress.
const ROWS_MAX: i64 = 2_000;

/// Text that a compressor makes little of.
fn noise(seed: i64) -> String {
    let mut state = u64::try_from(seed).expect("a positive number") + 1;
    let mut digit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 59) as u8 % 26)
    };
    (0..100_000).map(|_| digit()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_by_name_and_keeps_every_acknowledged_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = DevServer::start_with_file_limit(&data, "127.0.0.1:0", FILE_BLOCKS_MAX);
    let (address, token) = (server.address(), server.token.clone());
    let setup = "CREATE NAMESPACE app; CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, title TEXT)";
    assert_eq!(sql(&address, &server.admin, setup).await.0, 200);
    let insert = "INSERT INTO app.notes (id, title) VALUES ($1, $2)";
    let mut acknowledged = 0;
    let (status, answer) = loop {
        assert!(acknowledged < ROWS_MAX, "the disk was never full");
        let (status, answer) =
            sql_with(&address, &token, None, insert, json!([acknowledged, noise(acknowledged)])).await;
        if status != 200 {
            break (status, answer);
        }
        acknowledged += 1;
    };
    assert_eq!((status, answer["error"]["code"].as_str()), (507, Some("disk_full")), "{answer}");
    assert_eq!(answer["error"]["kind"], "quota");
    assert!(answer["error"]["message"].as_str().is_some_and(|text| text.contains("free space")), "{answer}");
    assert!(acknowledged > 10, "{acknowledged}");

    let start = Instant::now();
    while get(&address, "/readyz").await.0 != 503 {
        assert!(start.elapsed() < Duration::from_secs(30), "the server still says that it is ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get(&address, "/healthz").await.0, 200, "it lives");
    let (status, answer) = sql(&address, &token, "SELECT count(*) FROM app.notes").await;
    assert_eq!(status, 507, "what may not be durable is not shown either: {answer}");
    assert_eq!(sql_with(&address, &token, None, insert, json!([-1, "more"])).await.0, 507);
    server.kill();

    let server = DevServer::start(&data, "127.0.0.1:0");
    let (address, token) = (server.address(), server.token.clone());
    let kept = rows(&address, &token, "SELECT id, title FROM app.notes ORDER BY id").await;
    let kept = kept.as_array().expect("rows");
    assert!(kept.len() as i64 >= acknowledged, "{acknowledged} were acknowledged, {} are there", kept.len());
    for (id, row) in kept.iter().enumerate() {
        assert_eq!(*row, json!([id, noise(id as i64)]), "row {id}");
    }
    assert_eq!(sql_with(&address, &token, None, insert, json!([-1, "room again"])).await.0, 200);
}
