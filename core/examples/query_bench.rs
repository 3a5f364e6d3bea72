//! Times queries of one table over 100 000 flight-like rows in the memory store.
//!
//! `cargo run --release -p kalamdb-core --features testing --example query_bench [-- part of a name]`

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::hint::black_box;
use std::time::Instant;

use kalamdb_core::catalog::{NewColumn, NewIndex, NewTable, TableOptions};
use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::query::{Field, Function, Order, Output, Plan, Query, parameter};
use kalamdb_core::store::{Partition, Snapshot, Store};
use kalamdb_core::testing::TestSpace;
use kalamdb_core::{Catalog, Generation, Name, Result, SpaceId, Table, TableId, Type, Value, View, key, keys};

const ROWS: usize = 100_000;
const ROWS_PER_COMMIT: usize = 5_000;
const CARRIERS: [&str; 16] =
    ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "OO"];

fn main() -> Result<()> {
    let mut space = TestSpace::new(catalog()?);
    let table = space.catalog().table_named("app", "flights")?.clone();
    let started = Instant::now();
    for start in (0..ROWS).step_by(ROWS_PER_COMMIT) {
        let mut transaction = space.begin();
        for row in start..start + ROWS_PER_COMMIT {
            transaction.insert(table.id, table.live_columns().map(|column| column.id).zip(flight(row)).collect())?;
        }
        space.commit(transaction)?;
    }
    println!("{ROWS} rows written in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    let view = space.view();
    let only = std::env::args().nth(1).unwrap_or_default();
    let bench = Bench { view: &view, table: &table, catalog: space.catalog(), only };
    bench.point(space.store().snapshot()?.as_ref())?;
    bench.ranges()?;
    bench.whole()
}

struct Bench<'a> {
    view: &'a View,
    table: &'a Table,
    catalog: &'a Catalog,
    /// Only what has this in its name.
    only: String,
}

impl Bench<'_> {
    fn field(&self, name: &str) -> Field {
        Field::named(self.table, name).expect("the table has every column named here")
    }

    fn query(&self, columns: &[&str]) -> Query {
        columns.iter().fold(Query::of(self.table.id), |query, name| query.select(self.table, self.field(name)))
    }

    fn is(&self, name: &str, comparison: Comparison, value: Value) -> Expr {
        Expr::compare(comparison, self.field(name).expr(), Expr::Literal(value))
    }

    fn time(&self, name: &str, query: &Query, parameters: &[Value], times: u32) -> Result<()> {
        if !name.contains(&self.only) {
            return Ok(());
        }
        let plan = Plan::new(self.catalog, query)?;
        let mut rows = 0;
        let micros = fastest(times, || {
            rows = black_box(plan.execute(self.view, parameters)?).len();
            Ok(())
        })?;
        println!(
            "{name:<58} {micros:>10.2} µs  {rows:>6} rows   {}",
            plan.explain().lines().next().unwrap_or_default()
        );
        Ok(())
    }

    fn point(&self, snapshot: &dyn Snapshot) -> Result<()> {
        let row = flight(ROWS / 2);
        let pk: Vec<Value> = [18, 9, 8].iter().filter_map(|at: &usize| row.get(*at).cloned()).collect();
        let pk_bytes = key::tuple(pk.iter())?;
        let store_key = keys::row(SpaceId::LOCAL, Generation(0), self.table.id, &pk_bytes);
        let micros = fastest(20_000, || {
            black_box(snapshot.get(Partition::Rows, black_box(&store_key))?);
            Ok(())
        })?;
        println!("{:<58} {micros:>10.2} µs", "bare get of the store");
        let names = ["time_hour", "flight", "carrier"];
        let by_key = names
            .iter()
            .zip(0..)
            .map(|(name, at)| Expr::compare(Comparison::Equal, self.field(name).expr(), parameter(at)));
        let all: Vec<&str> = self.table.live_columns().map(|column| column.name.as_str()).collect();
        let point = self.query(&all).filter(Expr::And(by_key.collect()));
        self.time("point read, all 19 columns", &point, &pk, 20_000)?;
        let micros = fastest(2_000, || {
            black_box(Plan::new(self.catalog, black_box(&point))?);
            Ok(())
        })?;
        println!("{:<58} {micros:>10.2} µs", "planning of the point read");
        let by_tail =
            self.query(&["flight", "origin"]).filter(self.is("tailnum", Comparison::Equal, Value::text("N00042")));
        self.time("read by index, 25 rows", &by_tail, &[], 5_000)
    }

    fn ranges(&self) -> Result<()> {
        let hour = |row: usize| flight(row).swap_remove(18);
        let (from, to) = (hour(40_000), hour(41_000));
        let thousand = self
            .query(&["time_hour", "flight", "carrier", "dep_delay", "origin", "dest"])
            .filter(self.is("time_hour", Comparison::GreaterOrEqual, from.clone()))
            .filter(self.is("time_hour", Comparison::Less, to.clone()));
        self.time("range read of 1000 rows, 6 columns", &thousand, &[], 3000)?;
        let sum = Query::of(self.table.id)
            .aggregate("sum", Output::Aggregate(Function::Sum, self.field("dep_delay")))
            .filter(self.is("time_hour", Comparison::GreaterOrEqual, from))
            .filter(self.is("time_hour", Comparison::Less, to));
        self.time("sum over a range of 1000 rows", &sum, &[], 3000)?;
        let latest = self.query(&["time_hour", "flight", "carrier"]).limit(20);
        let latest = latest.order(Order::descending(Output::Field(self.field("time_hour"))));
        self.time("order by leading key column descending limit 20", &latest, &[], 2_000)?;
        let far = self.query(&["flight", "distance"]).limit(20);
        let far = far.order(Order::descending(Output::Field(self.field("distance"))));
        self.time("order by an indexed column descending limit 20", &far, &[], 2_000)
    }

    fn whole(&self) -> Result<()> {
        let late = self
            .query(&["time_hour", "flight", "carrier", "dep_delay"])
            .filter(self.is("origin", Comparison::Equal, Value::text("JFK")))
            .order(Order::descending(Output::Field(self.field("dep_delay"))))
            .limit(20);
        self.time("filter, order by unindexed column, limit 20", &late, &[], 40)?;
        let count = Query::of(self.table.id).aggregate("n", Output::CountRows);
        self.time("count(*)", &count, &[], 60)?;
        let filtered = count.clone().filter(self.is("dep_delay", Comparison::Greater, Value::Double(60.0)));
        self.time("count(*) with a filter", &filtered, &[], 40)?;
        let mut groups = self.query(&["origin"]).aggregate("n", Output::CountRows);
        groups = groups.aggregate("mean", Output::Aggregate(Function::Avg, self.field("dep_delay")));
        groups.group_by = vec![self.field("origin")];
        self.time("group by origin: count, avg (3 groups)", &groups, &[], 40)?;
        let mut tails = self.query(&["tailnum"]).aggregate("n", Output::CountRows);
        tails = tails.aggregate("far", Output::Aggregate(Function::Sum, self.field("distance")));
        tails.group_by = vec![self.field("tailnum")];
        self.time("group by tailnum: count, sum (4000 groups)", &tails, &[], 40)?;
        let sorted =
            self.query(&["flight", "dep_delay"]).order(Order::ascending(Output::Field(self.field("dep_delay"))));
        self.time("order all rows by an unindexed column", &sorted, &[], 10)?;
        let all: Vec<&str> = self.table.live_columns().map(|column| column.name.as_str()).collect();
        self.time("all rows, all 19 columns", &self.query(&all), &[], 10)
    }
}

/// Microseconds of the fastest of `times` runs: what the work costs when nothing disturbs it.
fn fastest(times: u32, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..times {
        let started = Instant::now();
        work()?;
        best = best.min(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(best)
}

fn catalog() -> Result<Catalog> {
    let name = |name: &str| Name::new(name);
    let mut catalog = Catalog::new(TableId(1));
    catalog.create_namespace(&name("app")?)?;
    let columns = [
        ("year", Type::Int),
        ("month", Type::Int),
        ("day", Type::Int),
        ("dep_time", Type::Int),
        ("sched_dep_time", Type::Int),
        ("dep_delay", Type::Double),
        ("arr_time", Type::Int),
        ("arr_delay", Type::Double),
        ("carrier", Type::Text),
        ("flight", Type::Int),
        ("tailnum", Type::Text),
        ("origin", Type::Text),
        ("dest", Type::Text),
        ("air_time", Type::Double),
        ("distance", Type::Int),
        ("hour", Type::Int),
        ("minute", Type::Int),
        ("sched_arr_time", Type::Int),
        ("time_hour", Type::Timestamp),
    ];
    let column = |(column, ty): (&str, Type)| Ok(NewColumn { name: name(column)?, ty, nullable: true, default: None });
    let table = catalog.create_table(NewTable {
        namespace: name("app")?,
        name: name("flights")?,
        columns: columns.into_iter().map(column).collect::<Result<_>>()?,
        primary_key: vec![name("time_hour")?, name("flight")?, name("carrier")?],
        checks: Vec::new(),
        options: TableOptions::default(),
    })?;
    for (index, column) in [("by_tailnum", "tailnum"), ("by_distance", "distance")] {
        catalog.create_index(table.id, NewIndex { name: name(index)?, columns: vec![name(column)?] })?;
    }
    Ok(catalog)
}

/// A flight made of its number; every 40th has no departure.
fn flight(row: usize) -> Vec<Value> {
    let random = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let pick = |shift: u32, below: u64| (random.rotate_right(shift) % below) as i32;
    let gone = !row.is_multiple_of(40);
    let if_gone = |value: Value| if gone { value } else { Value::Null };
    let delay = f64::from(pick(5, 300) - 30);
    let hours = (row / 40) as i64;
    let carrier = CARRIERS.get(pick(3, 16) as usize).copied().unwrap_or("UA");
    let airport =
        |at: i32| ["JFK", "LGA", "EWR", "ORD", "ATL", "LAX", "BOS"].get(at as usize).copied().unwrap_or("JFK");
    vec![
        Value::Int(2013),
        Value::Int(pick(1, 12) + 1),
        Value::Int(pick(2, 28) + 1),
        if_gone(Value::Int(pick(4, 2400))),
        Value::Int(pick(4, 2400)),
        if_gone(Value::Double(delay)),
        if_gone(Value::Int(pick(6, 2400))),
        if_gone(Value::Double(delay + f64::from(pick(7, 40)))),
        Value::text(carrier),
        Value::Int((row % 9_973) as i32),
        Value::text(format!("N{:05}", row % 4_000)),
        Value::text(airport(pick(9, 3))),
        Value::text(airport(pick(10, 7))),
        if_gone(Value::Double(f64::from(pick(11, 600)))),
        Value::Int(pick(12, 3_000)),
        Value::Int((hours % 24) as i32),
        Value::Int(pick(13, 60)),
        Value::Int(pick(14, 2400)),
        Value::Timestamp(1_357_000_000_000_000 + hours * 3_600_000_000),
    ]
}
