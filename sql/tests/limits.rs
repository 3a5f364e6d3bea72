//! Bounds, isolation and what must hold for callers.

mod common;

use common::{NOTES, SessionExt, admin, server, session_on};
use kalamdb_core::{Datum, ErrorKind, Value};
use kalamdb_sql::{Role, Session};

#[test]
fn a_session_and_its_answers_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let mut session: Session = admin();
    is_send(&session);
    let running = session.execute("SELECT 1", &[]);
    is_send(&running);
}

#[test]
fn long_and_deep_texts_are_refused_not_fatal() {
    let work = || {
        let mut session = admin();
        let chain = |count: usize| format!("SELECT 1 WHERE 1 = 1{}", " AND 1 = 1".repeat(count));
        session.run(&chain(200));
        assert_eq!(session.fails(&chain(100_000)).code(), "expression_too_deep");
        let nested = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert_eq!(session.fails(&nested).code(), "expression_too_deep");
        let nots = format!("SELECT {} TRUE", "NOT ".repeat(10_000));
        assert_eq!(session.fails(&nots).code(), "expression_too_deep");
        assert_eq!(session.fails(&";SELECT 1".repeat(1_001)).code(), "too_many_statements");
        assert_eq!(session.fails(&" ".repeat((16 << 20) + 1)).code(), "sql_too_long");
        assert_eq!(session.fails("SELECT $20000").code(), "too_many_parameters");
        assert_eq!(session.fails("SELECT $0").code(), "invalid_parameter");
        assert_eq!(session.fails("SELECT ?, $2").code(), "invalid_parameter");
    };
    // A server's threads have 2 MiB.
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_query_that_is_too_large_is_refused() {
    let mut session = admin();
    let error = session.fails(
        "SELECT count(DISTINCT a.value * 10000 + b.value) FROM generate_series(1, 10000) AS a, generate_series(1, 10000) AS b",
    );
    assert_eq!((error.kind(), error.code()), (ErrorKind::Quota, "query_too_large"));
    assert_eq!(session.rows("SELECT 1"), ["1"]);
}

#[test]
fn a_session_sees_one_space_and_its_role_no_more_rows() {
    let server = server();
    let mut ada = session_on(&server, "ada", Role::Admin);
    ada.run(NOTES);
    let mut bob = session_on(&server, "bob", Role::User);
    assert_eq!(bob.rows("SELECT count(*) FROM app.notes"), ["0"]);
    bob.run("INSERT INTO app.notes (id, title) VALUES (1, 'bob')");
    assert_eq!(bob.run("DELETE FROM app.notes").affected, 1);
    assert_eq!(ada.rows("SELECT count(*) FROM app.notes"), ["4"]);
    let error = bob.fails("DROP TABLE app.notes");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, "admin_only"));
    assert_eq!(bob.rows("SELECT user_id FROM system.users"), ["bob"]);
    assert_eq!(ada.rows("SELECT user_id FROM system.users ORDER BY 1"), ["ada", "bob"]);
}

#[test]
fn every_type_comes_back_as_it_was_written() {
    let mut session = admin();
    session.run(
        "CREATE NAMESPACE app; CREATE USER TABLE app.t (id INT PRIMARY KEY, a BOOLEAN, b SMALLINT, c BIGINT, d REAL, e DOUBLE,
         f DECIMAL(38,10), g TEXT, h BYTES, i DATE, j TIME, k TIMESTAMP, l UUID, m JSON, n COUNTER)",
    );
    let row = [
        Datum::Int(1),
        Datum::Boolean(true),
        Datum::SmallInt(-5),
        Datum::BigInt(i64::MIN),
        Datum::Real(0.1),
        Datum::Double(f64::NAN),
        Datum::Decimal { unscaled: -(10i128.pow(38) - 1), scale: 10 },
        Value::text("täxt\0"),
        Datum::Bytes(vec![0, 255]),
        Datum::Date(-1),
        Datum::Time(86_399_999_999),
        Datum::Timestamp(-62_135_596_800_000_000),
        Datum::Uuid([7; 16]),
        Datum::Json("{\"a\": 1}".into()),
        Datum::BigInt(7),
    ];
    let marks: Vec<String> = (1..=row.len()).map(|at| format!("${at}")).collect();
    session.try_run(&format!("INSERT INTO app.t VALUES ({})", marks.join(", ")), &row).unwrap();
    session.run("INSERT INTO app.t (id) VALUES (2)");
    let result = session.run("SELECT * FROM app.t ORDER BY id");
    assert_eq!(result.rows[0], row);
    assert!(result.rows[1][1..14].iter().all(Value::is_null));
    assert_eq!(result.rows[1][14], Datum::BigInt(0));
    session.run("INSERT INTO app.t SELECT id + 10, a, b, c, d, e, f, g, h, i, j, k, l, m, n FROM app.t");
    let copied = session.run("SELECT * FROM app.t WHERE id = 11");
    assert_eq!(copied.rows[0][1..], row[1..]);
    for (at, column) in result.columns.iter().enumerate().filter(|(at, _)| *at != 13) {
        let sql = format!("SELECT count(*) FROM app.t WHERE {} = $1", column.name);
        let found = session.try_run(&sql, &row[at..=at]).unwrap();
        let wanted = if at == 0 { "1" } else { "2" };
        assert_eq!(common::show(&found[0]), [wanted], "{}", column.name);
    }
}

#[test]
fn a_retried_text_is_parsed_once_and_bound_anew() {
    let mut session = admin();
    session.run(NOTES);
    for (stars, found) in [(3, 2), (5, 1), (9, 0)] {
        let result = session.try_run("SELECT id FROM app.notes WHERE stars = ?", &[Datum::Int(stars)]).unwrap();
        assert_eq!(result[0].rows.len(), found);
    }
    let limited = session.try_run("SELECT id FROM app.notes LIMIT $1", &[Datum::BigInt(1)]).unwrap();
    assert_eq!(limited[0].rows.len(), 1);
}
