use std::ops::ControlFlow;

use super::*;
use crate::catalog::{Catalog, NewColumn, NewIndex, NewTable, TableOptions};
use crate::expr::{Comparison, Expr};
use crate::ids::{ColumnId, Name, TableId};
use crate::testing::TestSpace;
use crate::value::{Datum, Type, Value};
use crate::{ErrorKind, Result, Table};

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

/// `app.notes (a INT, b TEXT, x INT, likes COUNTER, price DOUBLE, PRIMARY KEY (a, b))`, index on x.
fn space() -> TestSpace {
    let mut catalog = Catalog::new(TableId(1));
    catalog.create_namespace(&name("app")).expect("it is new");
    let column = |column: &str, ty, nullable| NewColumn { name: name(column), ty, nullable, default: None };
    let table = catalog
        .create_table(NewTable {
            namespace: name("app"),
            name: name("notes"),
            columns: vec![
                column("a", Type::Int, false),
                column("b", Type::Text, false),
                column("x", Type::Int, true),
                column("likes", Type::Counter, true),
                column("price", Type::Double, true),
            ],
            primary_key: vec![name("a"), name("b")],
            checks: Vec::new(),
            options: TableOptions::default(),
        })
        .expect("a valid table");
    let index = NewIndex { name: name("by_x"), columns: vec![name("x")] };
    catalog.create_index(table.id, index).expect("a valid index");
    TestSpace::new(catalog)
}

fn cells(a: i32, b: &str, x: Option<i32>) -> Vec<(ColumnId, Value)> {
    let x = x.map_or(Datum::Null, Datum::Int);
    let price = Datum::Double(f64::from(a) / 2.0);
    let likes = Datum::Counter(crate::value::Counter::of(a.into()));
    (0..).map(ColumnId).zip([Datum::Int(a), Value::text(b), x, likes, price]).collect()
}

/// Rows (a, b, x): a 0..4, b "p" and "q", x = a % 2 or NULL for a = 3.
fn filled() -> TestSpace {
    let mut space = space();
    let mut tx = space.begin();
    for a in 0..4 {
        for b in ["p", "q"] {
            tx.insert(TableId(1), cells(a, b, (a != 3).then_some(a % 2))).expect("a new row");
        }
    }
    space.commit(tx).expect("nothing came between");
    space
}

struct Notes {
    space: TestSpace,
}

impl Notes {
    fn table(&self) -> &Table {
        self.space.catalog().table(TableId(1)).expect("the table was made")
    }

    fn field(&self, name: &str) -> Field {
        Field::named(self.table(), name).expect("the table has it")
    }

    fn query(&self, columns: &[&str]) -> Query {
        columns.iter().fold(Query::of(TableId(1)), |query, name| query.select(self.table(), self.field(name)))
    }

    fn is(&self, column: &str, comparison: Comparison, value: Value) -> Expr {
        Expr::compare(comparison, self.field(column).expr(), Expr::Literal(value))
    }

    fn plan(&self, query: &Query) -> Plan {
        Plan::new(self.space.catalog(), query).expect("a valid query")
    }

    /// The rows as text, `1 p|1 q`.
    fn run(&self, query: &Query) -> String {
        shown(self.plan(query).execute(&self.space.view(), &[]))
    }
}

fn shown(rows: Result<Rows>) -> String {
    let rows = rows.expect("the query runs");
    let row = |row: RowRef<'_>| row.values().map(|value| value.to_string()).collect::<Vec<_>>().join(" ");
    rows.iter().map(row).collect::<Vec<_>>().join("|")
}

fn notes() -> Notes {
    Notes { space: filled() }
}

#[test]
fn full_key_is_a_get_and_a_list_of_keys_are_gets_in_key_order() {
    let notes = notes();
    let a = |a| notes.is("a", Comparison::Equal, Datum::Int(a));
    let get = notes.query(&["x"]).filter(a(1)).filter(notes.is("b", Comparison::Equal, Value::text("q")));
    assert_eq!(notes.run(&get), "1");
    assert_eq!(notes.plan(&get).explain(), "get app.notes by primary key: a = 1, b = 'q'\n");
    let list = vec![Value::text("q"), Datum::Null, Value::text("p"), Value::text("q"), Value::text("z")];
    let many = notes.query(&["b"]).filter(a(2)).filter(Expr::In(Box::new(notes.field("b").expr()), list));
    assert_eq!(notes.run(&many), "p|q");
    assert!(notes.plan(&many).explain().starts_with("get app.notes by primary key: a = 2, b in 5 values\n"));
    let descending = Order::descending(Output::Field(notes.field("b")));
    assert_eq!(notes.run(&many.order(descending)), "q|p");
}

#[test]
fn key_ranges_have_both_kinds_of_ends() {
    let notes = notes();
    let ends = [
        (Comparison::Greater, "2 p|2 q|3 p|3 q"),
        (Comparison::GreaterOrEqual, "1 p|1 q|2 p|2 q|3 p|3 q"),
        (Comparison::Less, "0 p|0 q"),
        (Comparison::LessOrEqual, "0 p|0 q|1 p|1 q"),
    ];
    for (comparison, rows) in ends {
        let query = notes.query(&["a", "b"]).filter(notes.is("a", comparison, Datum::Int(1)));
        assert_eq!(notes.run(&query), rows);
        assert!(!notes.plan(&query).explain().contains("filter"), "the range makes the filter hold");
    }
    let no_row = notes.query(&["a"]).filter(notes.is("a", Comparison::Equal, Datum::Null));
    assert_eq!(notes.run(&no_row), "");
}

#[test]
fn index_orders_are_completed_by_the_key_in_both_directions() {
    let notes = notes();
    let x = Output::Field(notes.field("x"));
    let ascending = notes.query(&["x", "a", "b"]).order(Order::ascending(x)).limit(3);
    assert_eq!(notes.run(&ascending), "0 0 p|0 0 q|0 2 p");
    assert_eq!(notes.plan(&ascending).explain().lines().next(), Some("scan app.notes by index by_x"));
    let descending = notes.query(&["x", "a", "b"]).order(Order::descending(x)).limit(4);
    assert_eq!(notes.run(&descending), "NULL 3 p|NULL 3 q|1 1 p|1 1 q");
    assert!(notes.plan(&descending).explain().contains("sort within runs by x desc nulls first"));
    let nulls_last = Order { nulls: Nulls::Last, ..Order::descending(x) };
    assert_eq!(notes.run(&notes.query(&["x", "a", "b"]).order(nulls_last).limit(3)), "1 1 p|1 1 q|0 0 p");
}

#[test]
fn offset_and_limit_cut_sorted_streamed_and_grouped_rows() {
    let notes = notes();
    let mut bare = notes.query(&["a", "b"]).limit(2);
    bare.offset = Some(Amount::Rows(3));
    assert_eq!(notes.run(&bare), "1 q|2 p");
    let price = Order::descending(Output::Field(notes.field("price")));
    assert_eq!(notes.run(&bare.clone().order(price)), "2 q|1 p");
    let mut groups = notes.query(&["x"]).aggregate("n", Output::CountRows).limit(1);
    groups.group_by = vec![notes.field("x")];
    groups.offset = Some(Amount::Rows(1));
    assert_eq!(notes.run(&groups), "1 2");
    assert_eq!(notes.run(&groups.clone().order(Order::descending(Output::CountRows))), "1 2");
    assert_eq!(notes.run(&groups.limit(0)), "");
}

#[test]
fn many_rows_of_equal_order_keep_only_the_limit() {
    let mut space = space();
    let mut tx = space.begin();
    for a in 0..5_000 {
        tx.insert(TableId(1), cells(a, "p", Some(a * 7_919 % 13))).expect("a new row");
    }
    space.commit(tx).expect("nothing came between");
    let notes = Notes { space };
    let likes = Order::descending(Output::Field(notes.field("likes")));
    let x = Order::descending(Output::Field(notes.field("x")));
    let mut tight = notes.query(&["a"]).order(likes).limit(3);
    tight.limits = Limits { rows: 300, bytes: 100_000 };
    assert_eq!(notes.run(&tight), "4999|4998|4997");
    let by_x = notes.query(&["x", "a"]).order(x).limit(2);
    let smallest = (0..5_000).find(|a| a * 7_919 % 13 == 12).expect("all remainders occur");
    assert_eq!(notes.run(&by_x), format!("12 {smallest}|12 {}", smallest + 13));
    let mut all = notes.query(&["a"]).order(likes);
    all.limits = Limits { rows: 300, bytes: 100_000 };
    let error = notes.plan(&all).execute(&notes.space.view(), &[]).expect_err("5000 rows are too many");
    assert_eq!(error.kind(), ErrorKind::Quota);
}

#[test]
fn tombstones_show_only_where_deleted_is_named() {
    let mut notes = notes();
    let mut tx = notes.space.begin();
    let key = crate::key::tuple([Datum::Int(0), Value::text("p")].iter()).expect("a valid key");
    tx.delete(TableId(1), &key).expect("the row is there");
    notes.space.commit(tx).expect("nothing came between");
    assert_eq!(notes.run(&notes.query(&["a", "b"]).limit(1)), "0 q");
    assert_eq!(notes.run(&notes.query(&["a", "b", "_deleted"]).limit(1)), "0 p true");
    let dead = notes.query(&["b"]).filter(notes.field("_deleted").expr());
    assert_eq!(notes.run(&dead), "p");
    let by_x = dead.filter(notes.is("x", Comparison::Equal, Datum::Int(0)));
    assert!(!notes.plan(&by_x).explain().contains("index"), "tombstones have no index entries");
    assert_eq!(notes.run(&by_x), "p");
}

#[test]
fn pending_rows_have_no_seq_and_hide_the_index() {
    let notes = notes();
    let mut tx = notes.space.begin();
    tx.insert(TableId(1), cells(9, "p", Some(1))).expect("a new row");
    let query = notes.query(&["a", "_seq", "likes"]).filter(notes.is("x", Comparison::Equal, Datum::Int(1)));
    let plan = notes.plan(&query);
    assert_eq!(shown(plan.execute(&notes.space.view(), &[])), "1 1 1|1 1 1");
    assert_eq!(shown(plan.execute(tx.view(), &[])), "1 1 1|1 1 1|9 NULL 9");
    assert!(plan.explain().contains("\nelse scan app.notes\n  filter x = 1"), "{}", plan.explain());
}

#[test]
fn parameters_are_bound_at_execution_and_checked() {
    let notes = notes();
    let by = |at| Expr::compare(Comparison::GreaterOrEqual, notes.field("a").expr(), parameter(at));
    let other = Expr::compare(Comparison::Equal, parameter(1), notes.field("price").expr());
    let mut query = notes.query(&["a", "b"]).filter(by(0)).filter(Expr::Or(vec![other, Expr::Not(Box::new(by(0)))]));
    query.limit = Some(Amount::Parameter(2));
    let plan = notes.plan(&query);
    assert_eq!(plan.parameters(), [Some(Type::Int), Some(Type::Double), Some(Type::BigInt)]);
    let view = notes.space.view();
    let run = |a: Value, price: Value, limit: Value| plan.execute(&view, &[a, price, limit]);
    assert_eq!(shown(run(Datum::Int(1), Datum::Double(1.0), Datum::BigInt(1))), "2 p");
    assert_eq!(shown(run(Datum::Int(1), Datum::Double(1.0), Datum::BigInt(9))), "2 p|2 q");
    assert_eq!(shown(run(Datum::Null, Datum::Double(1.0), Datum::BigInt(9))), "");
    for bad in
        [run(Datum::BigInt(1), Datum::Null, Datum::BigInt(1)), run(Datum::Int(1), Datum::Null, Datum::BigInt(-1))]
    {
        assert_eq!(bad.expect_err("a wrong parameter").kind(), ErrorKind::Invalid);
    }
    assert_eq!(plan.execute(&view, &[]).expect_err("no parameters").code(), "missing_parameter");
}

#[test]
fn aggregates_of_no_rows_are_null_and_count_is_zero() {
    let notes = notes();
    let aggregate = |query: Query, function| query.aggregate("v", Output::Aggregate(function, notes.field("x")));
    let functions = [Function::Count, Function::Sum, Function::Min, Function::Max, Function::Avg];
    let all = functions.into_iter().fold(Query::of(TableId(1)).aggregate("n", Output::CountRows), aggregate);
    assert_eq!(notes.run(&all), "8 6 2 0 1 0.3333333333333333");
    let none = all.filter(notes.is("a", Comparison::Greater, Datum::Int(99)));
    assert_eq!(notes.run(&none), "0 0 NULL NULL NULL NULL");
    let mut grouped = none;
    grouped.group_by = vec![notes.field("b")];
    assert_eq!(notes.run(&grouped), "");
}

#[test]
fn queries_that_make_no_sense_are_refused_when_planned() {
    let notes = notes();
    let refused =
        |query: &Query| Plan::new(notes.space.catalog(), query).expect_err("no valid query").code().to_string();
    assert_eq!(refused(&notes.query(&["a"]).filter(notes.is("a", Comparison::Equal, Datum::BigInt(1)))), "wrong_type");
    assert_eq!(refused(&notes.query(&["a"]).filter(notes.field("x").expr())), "wrong_type");
    assert_eq!(refused(&notes.query(&["a"]).aggregate("n", Output::CountRows)), "not_grouped");
    let sum = Query::of(TableId(1)).aggregate("s", Output::Aggregate(Function::Sum, notes.field("b")));
    assert_eq!(refused(&sum), "no_aggregate");
    assert_eq!(refused(&Query::of(TableId(1))), "wrong_select");
    let deep = (0..100).fold(Expr::IsNull(Box::new(notes.field("x").expr())), |inner, _| Expr::Not(Box::new(inner)));
    assert_eq!(refused(&notes.query(&["a"]).filter(deep)), "filter_too_deep");
}

#[test]
fn a_visitor_may_stop() {
    let notes = notes();
    let mut seen = 0;
    let plan = notes.plan(&notes.query(&["a"]));
    plan.visit(&notes.space.view(), &[], &mut |_| {
        seen += 1;
        Ok(if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .expect("the query runs");
    assert_eq!(seen, 3);
}
