//! The engine in a worker of a headless browser.
#![cfg(target_arch = "wasm32")]

use js_sys::{Object, Promise, Reflect, Uint8Array};
use kalamdb_wasm::{Engine, Host, Session};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const SCHEMA: &str = "CREATE NAMESPACE IF NOT EXISTS app;
    CREATE USER TABLE IF NOT EXISTS app.notes (id BIGINT PRIMARY KEY, title TEXT, likes COUNTER)";

/// A host that counts what it is told and has no query module.
const HOST: &str = "({
    changes: 0,
    changed() { this.changes += 1 },
    token() { return Promise.reject(new Error('nobody is signed in')) },
    query() { return Promise.reject(Object.assign(new Error('no query module'), { kind: 'internal', code: 'module_not_loaded' })) },
    failed(error) { this.error = error },
})";

fn host() -> Host {
    js_sys::eval(HOST).expect("an object").unchecked_into()
}

async fn open_for(name: Option<&str>, host: &Host) -> Engine {
    let options = Object::new();
    if let Some(name) = name {
        Reflect::set(&options, &"name".into(), &name.into()).expect("a new object");
    }
    Engine::open(options.into(), host.clone()).await.expect("an engine")
}

async fn open(name: Option<&str>) -> Engine {
    open_for(name, &host()).await
}

fn run(session: &Session, sql: &str, params: &[u8]) -> Vec<u8> {
    let answer =
        session.execute(sql.into(), params, None, None, None).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    answer.dyn_into::<Uint8Array>().expect("bytes, at once").to_vec()
}

async fn fails(session: &Session, sql: &str) -> JsValue {
    match session.execute(sql.into(), &[], None, None, None) {
        Err(error) => error,
        Ok(promise) => JsFuture::from(promise.unchecked_into::<Promise>()).await.expect_err(sql),
    }
}

fn number(object: &JsValue, name: &str) -> Option<f64> {
    Reflect::get(object, &name.into()).ok()?.as_f64()
}

fn property(error: &JsValue, name: &str) -> Option<String> {
    Reflect::get(error, &name.into()).ok()?.as_string()
}

/// One result: tag, affected, own transaction, columns, rows; then one column `n` of BIGINTs.
fn bigints(tag: &str, name: &str, values: &[i64]) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let mut out = [&1_u32.to_le_bytes()[..], &text(tag), &[0; 16], &1_u32.to_le_bytes()].concat();
    out.extend((values.len() as u32).to_le_bytes());
    out.extend(text(name));
    out.push(4);
    if !values.is_empty() {
        out.push((1 << values.len()) - 1);
    }
    values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    out
}

#[wasm_bindgen_test]
async fn statements_run_at_once_and_results_come_by_columns() {
    let engine = open(None).await;
    let session = engine.session();
    run(&session, SCHEMA, &[]);
    let params = [&[3][..], &7_i64.to_le_bytes(), &[5, 5], b"hello"].concat();
    run(&session, "INSERT INTO app.notes (id, title) VALUES ($1, $2)", &params);
    run(&session, "INSERT INTO app.notes (id, title) VALUES (8, NULL)", &[]);
    let found = run(&session, "SELECT id FROM app.notes ORDER BY id", &[]);
    assert_eq!(found, bigints("SELECT", "id", &[7, 8]));
    assert_eq!(number(&engine.status().expect("open"), "pending"), Some(2.0));
}

#[wasm_bindgen_test]
async fn what_is_persisted_is_there_again() {
    kalamdb_store_wasm::delete("engine-test").await.expect("it is new");
    let engine = open(Some("engine-test")).await;
    let session = engine.session();
    run(&session, SCHEMA, &[]);
    run(&session, "INSERT INTO app.notes (id, title) VALUES (1, 'kept')", &[]);
    engine.persisted().await.expect("durable");
    let again = open(Some("engine-test")).await;
    let session = again.session();
    assert_eq!(run(&session, "SELECT id FROM app.notes", &[]), bigints("SELECT", "id", &[1]));
}

#[wasm_bindgen_test]
async fn errors_have_kind_and_code() {
    let engine = open(None).await;
    let session = engine.session();
    run(&session, SCHEMA, &[]);
    for (sql, kind, code) in [
        ("SELEKT 1", "invalid", "syntax_error"),
        ("SELECT * FROM app.nothing", "invalid", "unknown_table"),
        ("INSERT INTO app.notes (id) VALUES ($1)", "invalid", "wrong_parameter_count"),
        ("SELECT a.id FROM app.notes a JOIN app.notes b ON a.id = b.id", "internal", "module_not_loaded"),
    ] {
        let error = fails(&session, sql).await;
        assert_eq!(
            (property(&error, "kind").as_deref(), property(&error, "code").as_deref()),
            (Some(kind), Some(code))
        );
        assert!(property(&error, "message").is_some_and(|text| text.len() > 10), "{sql}");
    }
}

#[wasm_bindgen_test]
async fn a_syntax_error_says_where_it_is() {
    let engine = open(None).await;
    for (sql, line, column) in [("SELECT 1\n  FROM app.notes WHERE )", 2.0, 24.0), ("SELECT\n  1 +", 2.0, 6.0)] {
        let error = fails(&engine.session(), sql).await;
        assert_eq!((number(&error, "line"), number(&error, "column")), (Some(line), Some(column)), "{error:?}");
    }
}

#[wasm_bindgen_test]
async fn a_request_that_is_repeated_commits_once() {
    kalamdb_store_wasm::delete("engine-requests").await.expect("it is new");
    let first = open(Some("engine-requests")).await;
    run(&first.session(), SCHEMA, &[]);
    let insert = "INSERT INTO app.notes (id, title) VALUES (1, 'once')".to_owned();
    let execute = |engine: &Engine| {
        let answer = engine.session().execute(insert.clone(), &[], Some(vec![7; 16]), None, None).expect("it runs");
        answer.dyn_into::<Uint8Array>().expect("bytes, at once").to_vec()
    };
    let answer = execute(&first);
    first.persisted().await.expect("durable");
    assert_eq!(execute(&first), answer);
    // Another tab takes over, as after a crash.
    let second = open(Some("engine-requests")).await;
    assert_eq!(execute(&second), answer);
    assert_eq!(run(&second.session(), "SELECT id FROM app.notes", &[]), bigints("SELECT", "id", &[1]));
}

#[wasm_bindgen_test]
async fn a_statement_that_is_run_again_elsewhere_generates_the_same_values() {
    let mut written = Vec::new();
    for request in [7_u8, 7, 8] {
        let engine = open(None).await;
        let session = engine.session();
        run(
            &session,
            "CREATE NAMESPACE app; CREATE USER TABLE app.made (a TEXT DEFAULT ULID(), b TIMESTAMP, c UUID)",
            &[],
        );
        let insert = "INSERT INTO app.made (b, c) VALUES (NOW(), UUID_V7()), (NOW(), UUID_V7())";
        let made = session.execute(insert.into(), &[], Some(vec![request; 16]), Some(1_700_000_000_123.0), None);
        made.expect("it runs");
        written.push(run(&session, "SELECT id, a, b, c FROM app.made ORDER BY id", &[]));
    }
    assert_eq!(written[0], written[1]);
    assert_ne!(written[0], written[2]);
}

#[wasm_bindgen_test]
async fn a_live_query_tells_what_changed_and_the_host_is_told_once_for_all() {
    let host = host();
    let engine = open_for(None, &host).await;
    let session = engine.session();
    run(&session, SCHEMA, &[]);
    let mut live = engine.live("SELECT id FROM app.notes ORDER BY id", &[]).expect("it runs");
    // No rows; of `app.notes`, `id` decides, is the key, and stands at place 0.
    let text = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let id = [&1_u32.to_le_bytes()[..], &text("id")].concat();
    let place = [&1_u32.to_le_bytes()[..], &0_u32.to_le_bytes(), &text("id")].concat();
    assert_eq!(live.rows(), [bigints("SELECT", "id", &[]), text("app.notes"), id.clone(), id, place].concat());
    let mut groups = engine.live("SELECT count(*) AS n FROM app.notes", &[]).expect("it runs");
    assert!(groups.rows().ends_with(&text("")), "every change may move a row");
    engine.persisted().await.expect("memory");
    wait().await;
    let before = number(&host, "changes").expect("it counts");
    for id in [4, 2] {
        run(&session, &format!("INSERT INTO app.notes (id) VALUES ({id})"), &[]);
    }
    wait().await;
    assert_eq!(number(&host, "changes"), Some(before + 1.0));
    let change = live.changes().expect("it runs").expect("a change");
    // None leave, two come: places 0 and 1, new.
    assert_eq!(change[..9], [0, 0, 0, 0, 2, 0, 0, 0, 0]);
    assert!(change.ends_with(&bigints("SELECT", "id", &[2, 4])));
    assert!(live.changes().expect("it runs").is_none());
    let join = "SELECT a.id FROM app.notes a JOIN app.notes b ON a.id = b.id";
    let error = engine.live(join, &[]).err().expect("two tables");
    assert_eq!(property(&error, "code").as_deref(), Some("live_one_table"));
}

/// Lets spawned tasks run.
async fn wait() {
    for _ in 0..10 {
        JsFuture::from(Promise::resolve(&JsValue::NULL)).await.expect("a resolved promise");
    }
}

#[wasm_bindgen_test]
async fn an_engine_that_was_superseded_says_so_and_a_closed_one_too() {
    kalamdb_store_wasm::delete("engine-stolen").await.expect("it is new");
    let host = host();
    let first = open_for(Some("engine-stolen"), &host).await;
    run(&first.session(), SCHEMA, &[]);
    first.persisted().await.expect("durable");
    let second = open(Some("engine-stolen")).await;
    run(&first.session(), "INSERT INTO app.notes (id) VALUES (1)", &[]);
    let late = first.persisted().await.expect_err("the other engine owns the log");
    assert_eq!(property(&late, "code").as_deref(), Some("superseded"));
    wait().await;
    let told = Reflect::get(&host, &"error".into()).expect("an object");
    assert_eq!(property(&told, "code").as_deref(), Some("superseded"));
    assert_eq!(run(&second.session(), "SELECT id FROM app.notes", &[]), bigints("SELECT", "id", &[]));
    second.close().await.expect("durable");
    let error = fails(&second.session(), "SELECT id FROM app.notes").await;
    assert_eq!(property(&error, "kind").as_deref(), Some("closed"));
    assert!(second.status().is_err());
}

#[wasm_bindgen_test]
async fn addresses_and_durabilities_are_checked() {
    let engine = open(None).await;
    for url in ["", "example.org", "ftp://example.org", "https://"] {
        let error = engine.start(url).expect_err(url);
        assert_eq!(property(&error, "code").as_deref(), Some("invalid_url"), "{url}");
    }
    let options = js_sys::eval("({ durability: 'eventual' })").expect("an object");
    let error = Engine::open(options, host()).await.err().expect("an unknown durability");
    assert_eq!(property(&error, "code").as_deref(), Some("unknown_durability"));
}
