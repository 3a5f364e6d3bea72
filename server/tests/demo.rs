//! What a development server has beside the others: the demo, and a token for whoever opens it on this machine.
#![allow(clippy::expect_used)]

mod support;

use serde_json::{Value as Json, json};
use support::TestServer;
use support::http::{exchange, get, request, rows, sql};

/// What `/kalamdb.json` answers to this query.
async fn sign_in(address: &str, query: &str) -> Json {
    let (status, body) = get(address, &format!("/kalamdb.json{query}")).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_signed_in_and_is_nobody_else() {
    let server = TestServer::start_dev().await;
    let address = server.running.address().to_string();
    for (query, user) in [("", "dev"), ("?user=ada", "ada")] {
        let answer = sign_in(&address, query).await;
        assert_eq!((&answer["url"], &answer["user"]), (&json!("/"), &json!(user)));
        let token = answer["token"].as_str().expect("a token");
        assert_eq!(rows(&address, token, "SELECT CURRENT_USER()").await, json!([[user]]));
        let (status, answer) = sql(&address, token, "CREATE NAMESPACE app").await;
        assert_eq!(status, 403, "who opens the demo is no administrator: {answer}");
    }
    let (status, body) = get(&address, "/kalamdb.json?user=").await;
    assert_eq!(status, 400, "{body}");
    server.running.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_told_which_server_it_is() {
    let server = TestServer::start_dev().await;
    let address = server.running.address().to_string();
    let id = server.running.node().server.id().to_string();
    for query in ["", "?user=ada"] {
        assert_eq!(sign_in(&address, query).await["server"], id.as_str(), "{query}");
    }
    server.running.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_given_to_this_machine_only() {
    let server = TestServer::start_dev().await;
    let address = server.running.address().to_string();
    let own = ("Host", address.as_str());
    let foreign: [&[(&str, &str)]; 5] = [
        &[("Host", "example.org")],
        &[("Host", "127.0.0.1.example.org")],
        &[own, ("X-Forwarded-For", "10.0.0.1")],
        &[own, ("Forwarded", "for=10.0.0.1")],
        &[own, ("Via", "1.1 proxy")],
    ];
    for headers in foreign {
        let (status, _, body) = exchange(&address, "GET", "/kalamdb.json", headers, b"").await;
        assert_eq!(status, 403, "{headers:?}: {body}");
        assert!(body.contains("not_loopback") && !body.contains("token\":"), "{body}");
    }
    let (_, head, _) = exchange(&address, "GET", "/kalamdb.json", &[own], b"").await;
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(!head.contains("access-control"), "pages of other origins cannot read it: {head}");
    server.running.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_served_so_that_only_its_own_scripts_run() {
    let server = TestServer::start_dev().await;
    let address = server.running.address().to_string();
    let own = ("Host", address.as_str());
    let (status, head, body) = exchange(&address, "GET", "/", &[own], b"").await;
    if status == 404 {
        assert!(body.contains("built without the demo"), "{body}");
    } else {
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("<title>"), "{body}");
        assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
        for policy in ["default-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", "frame-ancestors 'none'"] {
            assert!(head.contains(policy), "{head}");
        }
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("cache-control: no-cache"), "{head}");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("a tag");
        let (status, _, body) = exchange(&address, "GET", "/", &[own, ("If-None-Match", tag)], b"").await;
        assert_eq!((status, body.as_str()), (304, ""));
    }
    let (status, body) = get(&address, "/assets/none.js").await;
    assert_eq!(status, 404, "{body}");
    let (status, body) = request(&address, "POST", "/", &[], b"").await;
    assert_eq!(status, 405, "{body}");
    server.running.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_servers_give_no_tokens() {
    let server = TestServer::start().await;
    let address = server.running.address().to_string();
    for path in ["/kalamdb.json", "/"] {
        let (status, body) = get(&address, path).await;
        assert_eq!(status, 404, "{path}: {body}");
    }
    server.running.stop().await.expect("it stops");
}
