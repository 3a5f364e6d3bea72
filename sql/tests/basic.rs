//! Statements from end to end.

mod common;

use common::{NOTES, SessionExt, admin, device};
use kalamdb_core::{ErrorKind, Value};

#[test]
fn rows_are_written_and_read_on_server_and_device() {
    for mut session in [admin(), device()] {
        session.run(NOTES);
        assert_eq!(
            session.rows("SELECT id, title, stars FROM app.notes ORDER BY stars DESC"),
            ["3|three|NULL", "1|one|5", "2|two|3", "4|four|3"]
        );
        assert_eq!(
            session.run("UPDATE app.notes SET title = upper(title), likes = likes + 2 WHERE stars = 3").affected,
            2
        );
        assert_eq!(session.rows("SELECT title, likes FROM app.notes WHERE stars = 3"), ["TWO|2", "FOUR|2"]);
        assert_eq!(session.run("DELETE FROM app.notes WHERE id IN (1, 2)").affected, 2);
        assert_eq!(session.rows("SELECT count(*) FROM app.notes"), ["2"]);
        assert_eq!(session.rows("SELECT id FROM app.notes WHERE _deleted ORDER BY id"), ["1", "2"]);
        assert_eq!(session.rows("SELECT *, _deleted FROM app.notes WHERE id = 1").len(), 1);
    }
}

#[test]
fn a_failed_statement_leaves_the_transaction_as_it_was() {
    let mut session = admin();
    session.run(NOTES);
    session.run("BEGIN; INSERT INTO app.notes (id, title) VALUES (10, 'ten')");
    let error = session.fails("INSERT INTO app.notes (id, title) VALUES (11, 'eleven'), (10, 'again')");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "duplicate_key"));
    assert_eq!(session.rows("SELECT id FROM app.notes WHERE id >= 10"), ["10"]);
    assert!(session.run("COMMIT").committed.is_some());
    assert_eq!(session.rows("SELECT id FROM app.notes WHERE id >= 10"), ["10"]);
    session.run("BEGIN; DELETE FROM app.notes");
    assert_eq!(session.rows("SELECT count(*) FROM app.notes"), ["0"]);
    session.run("ROLLBACK");
    assert_eq!(session.rows("SELECT count(*) FROM app.notes"), ["5"]);
}

#[test]
fn parameters_take_the_type_of_their_place() {
    let mut session = admin();
    session.run("CREATE NAMESPACE app; CREATE USER TABLE app.t (id UUID PRIMARY KEY, n DECIMAL(6,2), at TIMESTAMP)");
    let id = "0190b2c4-0000-7000-8000-0000000000AA";
    let params = [Value::text(id), Value::text("12.5"), Value::text("2024-01-02 03:04:05")];
    session.try_run("INSERT INTO app.t VALUES (?, ?, ?)", &params).unwrap();
    for condition in ["id = $1", "id IN ($1)", "upper(id) = upper($1)", "id BETWEEN $1 AND $1"] {
        let found = session.try_run(&format!("SELECT n FROM app.t WHERE {condition}"), &params[..1]).unwrap();
        assert_eq!(common::show(&found[0]), ["12.50"], "{condition}");
    }
    let error = session.try_run("SELECT $1", &[]).unwrap_err();
    assert_eq!(error.code(), "wrong_parameter_count");
    assert_eq!(session.fails("SELECT * FROM app.t WHERE id = 'x'").code(), "invalid_value");
}
