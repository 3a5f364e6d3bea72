//! The engine in a worker of a headless browser.
#![cfg(target_arch = "wasm32")]

use js_sys::{Function, Reflect};
use kalamdb_wasm::{Engine, Session};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const SCHEMA: &str = "CREATE NAMESPACE IF NOT EXISTS app;
    CREATE USER TABLE IF NOT EXISTS app.notes (id BIGINT PRIMARY KEY, title TEXT, likes COUNTER)";

async fn open(name: Option<&str>) -> Engine {
    Engine::open(name.map(String::from), None, Function::new_no_args("")).await.expect("an engine")
}

fn run(session: &mut Session, sql: &str, params: &[u8]) -> Vec<u8> {
    session.execute(sql, params).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
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
    out.push((1 << values.len()) - 1);
    values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    out
}

#[wasm_bindgen_test]
async fn statements_run_at_once_and_results_come_by_columns() {
    let engine = open(None).await;
    let mut session = engine.session();
    run(&mut session, SCHEMA, &[]);
    let params = [&[3][..], &7_i64.to_le_bytes(), &[5, 5], b"hello"].concat();
    run(&mut session, "INSERT INTO app.notes (id, title) VALUES ($1, $2)", &params);
    run(&mut session, "INSERT INTO app.notes (id, title) VALUES (8, NULL)", &[]);
    let found = run(&mut session, "SELECT id FROM app.notes ORDER BY id", &[]);
    assert_eq!(found, bigints("SELECT", "id", &[7, 8]));
    assert_eq!(engine.pending(), 2.0);
}

#[wasm_bindgen_test]
async fn what_is_persisted_is_there_again() {
    kalamdb_store_wasm::delete("engine-test").await.expect("it is new");
    let engine = open(Some("engine-test")).await;
    let mut session = engine.session();
    run(&mut session, SCHEMA, &[]);
    run(&mut session, "INSERT INTO app.notes (id, title) VALUES (1, 'kept')", &[]);
    engine.persisted().await.expect("durable");
    let again = open(Some("engine-test")).await;
    let mut session = again.session();
    assert_eq!(run(&mut session, "SELECT id FROM app.notes", &[]), bigints("SELECT", "id", &[1]));
}

#[wasm_bindgen_test]
async fn errors_have_kind_and_code() {
    let engine = open(None).await;
    let mut session = engine.session();
    run(&mut session, SCHEMA, &[]);
    for (sql, kind, code) in [
        ("SELEKT 1", "invalid", "syntax_error"),
        ("SELECT * FROM app.nothing", "invalid", "unknown_table"),
        ("INSERT INTO app.notes (id) VALUES ($1)", "invalid", "wrong_parameter_count"),
        ("SELECT a.id FROM app.notes a JOIN app.notes b ON a.id = b.id", "invalid", "needs_engine"),
    ] {
        let error = session.execute(sql, &[]).expect_err(sql);
        assert_eq!(
            (property(&error, "kind").as_deref(), property(&error, "code").as_deref()),
            (Some(kind), Some(code))
        );
        assert!(property(&error, "message").is_some_and(|text| text.len() > 10), "{sql}");
    }
}
