use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{LiveChange, LiveQuery, LiveRow, SPARE_ROWS};
use crate::catalog::{Catalog, NewColumn, NewIndex, NewTable, TableOptions};
use crate::expr::{Comparison, Expr};
use crate::ids::{ColumnId, Name, TableId};
use crate::mutation::Assignment;
use crate::query::{Amount, Field, Function, Order, Output, Plan, Query, parameter};
use crate::testing::TestSpace;
use crate::transaction::{OnConflict, Transaction};
use crate::value::{Datum, Type, Value};
use crate::view::View;
use crate::{ErrorKind, Table};

const NOTES: TableId = TableId(1);
const KEYS: i32 = 3 * SPARE_ROWS as i32;

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

/// `app.notes (id INT PRIMARY KEY, topic INT, stars INT)`, index on topic.
fn space() -> TestSpace {
    let mut catalog = Catalog::new(NOTES);
    catalog.create_namespace(&name("app")).expect("it is new");
    let column = |column: &str, nullable| NewColumn { name: name(column), ty: Type::Int, nullable, default: None };
    let table = catalog.create_table(NewTable {
        namespace: name("app"),
        name: name("notes"),
        columns: vec![column("id", false), column("topic", true), column("stars", true)],
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    });
    let table = table.expect("a valid table").id;
    let index = NewIndex { name: name("by_topic"), columns: vec![name("topic")] };
    catalog.create_index(table, index).expect("a valid index");
    TestSpace::new(catalog)
}

fn field(at: u32) -> Field {
    Field::Column(ColumnId(at))
}

fn all(table: &Table) -> Query {
    Query::of(NOTES).select(table, field(0)).select(table, field(1)).select(table, field(2))
}

/// Queries with an order of their own, so that the live result and a fresh one agree in it.
fn queries(table: &Table) -> Vec<(Query, Vec<Value>)> {
    let by_id = || Order::ascending(Output::Field(field(0)));
    let by_stars = || Order::descending(Output::Field(field(2)));
    let of_topic = |query: Query| query.filter(Expr::compare(Comparison::Equal, field(1).expr(), parameter(0)));
    let some_topic = || vec![Value::Int(1)];
    let grouped = || {
        let mut query = Query::of(NOTES).select(table, field(1)).aggregate("n", Output::CountRows);
        query = query.aggregate("best", Output::Aggregate(Function::Max, field(2)));
        query.group_by = vec![field(1)];
        query.order(Order::descending(Output::CountRows))
    };
    let mut paged = all(table).order(by_stars()).limit(5);
    paged.offset = Some(Amount::Rows(3));
    vec![
        (all(table).order(by_id()), vec![]),
        (all(table).order(by_stars()), vec![]),
        (of_topic(all(table).order(by_id())), some_topic()),
        (of_topic(all(table).order(by_stars()).limit(4)), some_topic()),
        (all(table).order(by_stars()).limit(7), vec![]),
        (all(table).order(by_id()).limit(2), vec![]),
        (paged, vec![]),
        (grouped(), vec![]),
        (grouped().limit(2), vec![]),
        (of_topic(Query::of(NOTES).aggregate("n", Output::CountRows)), some_topic()),
    ]
}

struct Mirror {
    live: LiveQuery,
    plan: Plan,
    parameters: Vec<Value>,
    rows: Vec<LiveRow>,
}

impl Mirror {
    fn start(plan: Plan, parameters: Vec<Value>, view: View) -> Mirror {
        let (live, rows) = LiveQuery::start(plan.clone(), parameters.clone(), view).expect("it runs");
        Mirror { live, plan, parameters, rows }
    }

    fn take(&mut self, change: LiveChange) {
        for removed in change.removed.iter().rev() {
            assert_eq!(self.rows.remove(removed.at).key, removed.key);
        }
        for placed in change.placed {
            let was_there = change.removed.iter().any(|removed| removed.key == placed.row.key);
            assert_eq!(placed.was_there, was_there);
            self.rows.insert(placed.at, placed.row);
        }
        let keys: BTreeSet<&[u8]> = self.rows.iter().map(|row| &*row.key).collect();
        assert_eq!(keys.len(), self.rows.len(), "no key stands twice");
    }

    fn check(&self, view: &View) {
        let fresh = self.plan.execute(view, &self.parameters).expect("it runs").to_values();
        let held: Vec<_> = self.rows.iter().map(|row| row.values.clone()).collect();
        assert_eq!(held, fresh, "{}", self.plan.explain());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(i32, Option<i32>, Option<i32>),
    Delete(i32),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let small = || prop::option::weighted(0.9, 0..4i32);
    let step = prop_oneof![
        3 => (0..KEYS, small(), prop::option::weighted(0.9, 0..50i32)).prop_map(|(id, topic, stars)| Step::Put(id, topic, stars)),
        2 => (0..KEYS).prop_map(Step::Delete),
    ];
    // Small transactions, large ones, and some that empty most of the table.
    prop::collection::vec(
        prop_oneof![4 => prop::collection::vec(step.clone(), 1..4), 1 => prop::collection::vec(step, 20..200)],
        1..25,
    )
}

fn run(tx: &mut Transaction, steps: &[Step]) {
    let int = |value: Option<i32>| value.map_or(Datum::Null, Datum::Int);
    let key = |id: i32| {
        let mut key = Vec::new();
        crate::key::write_value(&mut key, &Value::Int(id)).expect("an INT is a key");
        key
    };
    for step in steps {
        match step {
            Step::Put(id, topic, stars) => {
                let values = vec![(ColumnId(1), int(*topic)), (ColumnId(2), int(*stars))];
                let patch = values.iter().cloned().map(|(column, value)| (column, Assignment::Set(value))).collect();
                let cells = [vec![(ColumnId(0), Value::Int(*id))], values].concat();
                tx.upsert(NOTES, cells, OnConflict::Patch(patch)).expect("a row that fits");
            }
            Step::Delete(id) => {
                tx.delete(NOTES, &key(*id)).expect("deleting needs no row");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// G12: whatever happens, the live result is that of the query run afresh; told which rows changed or not.
    #[test]
    fn a_live_result_equals_its_query(first in prop::collection::vec((0..KEYS, 0..4i32, 0..50i32), 0..150), steps in steps(), untold in 0..25usize) {
        let mut space = space();
        let mut tx = space.begin();
        let puts: Vec<Step> = first.into_iter().map(|(id, topic, stars)| Step::Put(id, Some(topic), Some(stars))).collect();
        run(&mut tx, &puts);
        space.commit(tx).expect("nothing came between");
        let view = space.view();
        let table = view.catalog().live_table(NOTES).expect("it exists").clone();
        let mut mirrors: Vec<Mirror> = queries(&table).into_iter()
            .map(|(query, parameters)| Mirror::start(Plan::new(view.catalog(), &query).expect("a valid query"), parameters, view.clone()))
            .collect();
        mirrors.iter().for_each(|mirror| mirror.check(&view));
        for (number, steps) in steps.into_iter().enumerate() {
            let mut tx = space.begin();
            run(&mut tx, &steps);
            let touched: BTreeSet<_> = Transaction::written(tx.view()).into_iter().map(|(table, key, _)| (table, key)).collect();
            space.commit(tx).expect("nothing came between");
            let view = space.view();
            for mirror in &mut mirrors {
                let change = mirror.live.refresh(view.clone(), (number != untold).then_some(&touched)).expect("it runs");
                mirror.take(change);
                mirror.check(&view);
            }
        }
    }
}

#[test]
fn a_change_elsewhere_is_none() {
    let mut space = space();
    let view = space.view();
    let table = view.catalog().live_table(NOTES).expect("it exists").clone();
    let query = all(&table).filter(Expr::compare(Comparison::Equal, field(1).expr(), parameter(0)));
    let plan = Plan::new(view.catalog(), &query).expect("a valid query");
    let (mut live, rows) = LiveQuery::start(plan, vec![Value::Int(1)], view).expect("it runs");
    assert!(rows.is_empty());
    let mut tx = space.begin();
    run(&mut tx, &[Step::Put(1, Some(2), None), Step::Put(2, None, None)]);
    space.commit(tx).expect("nothing came between");
    assert!(live.refresh(space.view(), None).expect("it runs").is_empty());
    assert!(live.refresh(space.view(), Some(&BTreeSet::new())).expect("it runs").is_empty());
}

#[test]
fn an_altered_table_asks_for_a_new_start() {
    let space = space();
    let view = space.view();
    let table = view.catalog().live_table(NOTES).expect("it exists").clone();
    let plan = Plan::new(view.catalog(), &all(&table)).expect("a valid query");
    let (mut live, _) = LiveQuery::start(plan, vec![], view.clone()).expect("it runs");
    let mut catalog = (**view.catalog()).clone();
    catalog.drop_column(NOTES, &name("stars")).expect("it exists");
    let altered = View { catalog: std::sync::Arc::new(catalog), ..view };
    let error = live.refresh(altered, None).expect_err("the plan is stale");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "stale_plan"));
}

#[test]
fn a_plan_tells_which_changes_cannot_move_a_row() {
    let view = space().view();
    let table = view.catalog().live_table(NOTES).expect("it exists").clone();
    let plan = |query: &Query| Plan::new(view.catalog(), query).expect("a valid query");
    let by = |field| Order::descending(Output::Field(field));

    let mut query = Query::of(NOTES).select(&table, field(2)).select(&table, Field::Updated).select(&table, field(0));
    query = query.filter(Expr::compare(Comparison::Equal, field(1).expr(), parameter(0)));
    query.order_by = vec![by(field(0))];
    let shown = plan(&query);
    let shows = shown.shows().expect("its rows are the table's");
    assert_eq!(shows.deciding, ["topic", "id"]);
    assert_eq!(shows.places, [(0, "stars"), (2, "id")]);

    // Every change is one of `_updated`, too.
    query.order_by = vec![by(Field::Updated)];
    assert_eq!(plan(&query).shows(), None);
    let (groups, _) = queries(&table).into_iter().find(|(query, _)| query.is_grouped()).expect("some have groups");
    assert_eq!(plan(&groups).shows(), None);
}
