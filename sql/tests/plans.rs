//! What reaches the scan, and that it changes no result.

mod common;

use common::{NOTES, SessionExt, admin};
use kalamdb_sql::Session;
use proptest::prelude::*;

fn physical(session: &mut Session, sql: &str) -> String {
    let rows = session.run(&format!("EXPLAIN {sql}")).rows;
    rows.iter().find(|row| row[0].to_string() == "physical plan").unwrap()[1].to_string()
}

#[test]
fn filters_limits_and_order_reach_the_scan() {
    let mut session = admin();
    session.run(NOTES);
    let plan = physical(&mut session, "SELECT title FROM app.notes WHERE id = 3");
    assert!(plan.contains("key ranges=1") && !plan.contains("FilterExec"), "{plan}");
    let plan = physical(&mut session, "SELECT title FROM app.notes WHERE id IN (1, 3) AND stars > 2");
    assert!(plan.contains("key ranges=2"), "{plan}");
    let plan = physical(&mut session, "SELECT title FROM app.notes WHERE stars = 3");
    assert!(plan.contains("index=by_stars"), "{plan}");
    let plan = physical(&mut session, "SELECT * FROM app.notes LIMIT 2");
    assert!(plan.contains("limit=2") && !plan.contains("SortExec"), "{plan}");
    let plan = physical(&mut session, "SELECT * FROM app.notes WHERE title LIKE 't%' LIMIT 2");
    assert!(plan.contains("FilterExec") && !plan.contains("TableScan: app.notes, limit"), "{plan}");
    let plan = physical(&mut session, "SELECT count(*) FROM app.notes");
    assert!(plan.contains("columns=[]"), "{plan}");
    // Writes of an open transaction are not in an index.
    session.run("BEGIN; UPDATE app.notes SET stars = 3 WHERE id = 1");
    assert_eq!(session.rows("SELECT id FROM app.notes WHERE stars = 3 ORDER BY id"), ["1", "2", "4"]);
}

#[test]
fn lists_that_cannot_be_merged_reach_the_scan() {
    let mut session = admin();
    session.run(NOTES);
    let merged = physical(&mut session, "SELECT id FROM app.notes WHERE id IN (1, 2, 3, 4) AND id NOT IN (2, 3, 4, 5)");
    assert!(merged.contains("key ranges=1"), "{merged}");
    let filter = "stars IN (1, 2, 3, 4) AND stars NOT IN (4, 5, 6, NULL)";
    let apart = physical(&mut session, &format!("SELECT id FROM app.notes WHERE {filter}"));
    assert!(apart.contains("index=by_stars") && !apart.contains("FilterExec"), "{apart}");
    let shown = physical(&mut session, "SELECT stars IN (1, 2) AND stars IN (3, 4) AS no FROM app.notes");
    assert!(shown.contains("as_is"), "{shown}");
}

#[test]
fn an_index_gives_rows_in_the_order_of_the_key() {
    let mut session = admin();
    session.run(NOTES);
    session.run("INSERT INTO app.notes (id, title, stars) VALUES (0, 'zero', 5), (9, 'nine', 1)");
    assert_eq!(session.rows("SELECT id FROM app.notes WHERE stars >= 1 LIMIT 3"), ["0", "1", "2"]);
}

/// A filter in two forms: one that core checks, and one that it cannot see through.
fn filter() -> impl Strategy<Value = String> {
    let column = prop_oneof![Just("a"), Just("b")];
    let comparison = prop_oneof![Just("="), Just("<>"), Just("<"), Just("<="), Just(">"), Just(">=")];
    let leaf = prop_oneof![
        (column.clone(), comparison, -3i32..4).prop_map(|(column, op, value)| format!("{column} {op} {value}")),
        (column.clone(), prop::collection::vec(-3i32..4, 1..6), any::<(bool, bool)>()).prop_map(
            |(column, list, (with_null, negated))| {
                let list: Vec<String> = list.iter().map(i32::to_string).collect();
                let null = if with_null { ", NULL" } else { "" };
                let not = if negated { "NOT " } else { "" };
                format!("{column} {not}IN ({}{null})", list.join(", "))
            }
        ),
        column.clone().prop_map(|column| format!("{column} IS NULL")),
        (column, -3i32..1, 0i32..4).prop_map(|(column, low, high)| format!("{column} NOT BETWEEN {low} AND {high}")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pushed_filters_keep_their_meaning(filter in filter()) {
        let mut session = admin();
        session.run("CREATE NAMESPACE app; CREATE USER TABLE app.t (a INT, k INT, b SMALLINT, PRIMARY KEY (a, k))");
        session.run("CREATE INDEX by_b ON app.t (b)");
        session.run(
            "INSERT INTO app.t SELECT x.value - 3, y.value, CASE WHEN y.value = 3 THEN NULL ELSE y.value - x.value END
             FROM generate_series(0, 6) AS x, generate_series(0, 4) AS y",
        );
        let pushed = session.rows(&format!("SELECT a, k, b FROM app.t WHERE {filter} ORDER BY a, k"));
        let opaque = filter.replace("a ", "(a + 0) ").replace("b ", "(b + 0) ");
        let plain = session.rows(&format!("SELECT a, k, b FROM app.t WHERE {opaque} ORDER BY a, k"));
        prop_assert_eq!(&pushed, &plain, "{}", filter);
        // With a join, the query engine has the conditions as they are.
        let joined = format!("app.t JOIN generate_series(0, 0) AS one ON value = 0 WHERE {filter} ORDER BY a, k");
        prop_assert_eq!(&pushed, &session.rows(&format!("SELECT a, k, b FROM {joined}")), "{}", filter);
        let shown = format!("(SELECT a, k, b, {filter} AS holds FROM app.t) AS shown WHERE holds ORDER BY a, k");
        prop_assert_eq!(&pushed, &session.rows(&format!("SELECT a, k, b FROM {shown}")), "{}", filter);
        // Under another name, together with itself as it was, and negated twice.
        let (other, twice) = (filter.replace("b ", "c "), "NOT (NOT holds OR NOT again)");
        let renamed = format!("(SELECT a, k, b, c, {filter} AS holds, {other} AS again FROM (SELECT a, k, b, b AS c FROM app.t) AS t)");
        let renamed = format!("SELECT a, k, b FROM {renamed} AS shown WHERE {twice} ORDER BY a, k");
        prop_assert_eq!(&pushed, &session.rows(&renamed), "{}", filter);
        // DELETE finds rows without the query engine.
        let deleted = session.run(&format!("DELETE FROM app.t WHERE {filter}")).affected;
        prop_assert_eq!(deleted as usize, pushed.len(), "{}", filter);
    }
}
