//! Queries and reopening of a device with 100 000 synced rows, against what the store alone needs for them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kalamdb::{Database, Value, params};
use kalamdb_core::store::{Direction, KeyRange, Partition, Snapshot};
use kalamdb_store_native::{StoreKind, open_store};

use crate::data::{CITIES, ROWS, Source};
use crate::figure::{Better, Figure};

/// Rows of a read of a range, and of a read by an index.
const RANGE_ROWS: u64 = 100;
const INDEX_ROWS: u64 = 20;
const REOPENS: usize = 5;

/// What the store alone needs, in seconds.
struct Bare {
    get: f64,
    index: f64,
    range: f64,
    scan: f64,
    reopen: f64,
}

/// A question, the path that answers it and how often it is asked.
struct Question {
    name: &'static str,
    sql: &'static str,
    is_direct: bool,
    times: u64,
    params: fn(&mut Source) -> Vec<Value>,
    rows: Option<u64>,
    bound: fn(&Bare) -> f64,
    bound_is: &'static str,
}

const GET: &str = "one get of the store";
const INDEX: &str = "20 steps in the index and 20 gets";
const RANGE: &str = "100 steps of the store";
const SCAN: &str = "a scan of the store";

fn id(source: &mut Source) -> Vec<Value> {
    params![source.below(ROWS) as i64].to_vec()
}

fn city(source: &mut Source) -> Vec<Value> {
    params![format!("city{:04}", source.below(CITIES))].to_vec()
}

fn range(source: &mut Source) -> Vec<Value> {
    let first = source.below(ROWS - RANGE_ROWS) as i64;
    params![first, first + RANGE_ROWS as i64].to_vec()
}

fn nothing(_: &mut Source) -> Vec<Value> {
    Vec::new()
}

/// DataFusion is asked by a query with a name for its input, which core does not answer itself.
const QUESTIONS: [Question; 8] = [
    Question {
        name: "point read, direct",
        sql: "SELECT * FROM app.items WHERE id = $1",
        is_direct: true,
        times: 100_000,
        params: id,
        rows: Some(1),
        bound: |bare| bare.get,
        bound_is: GET,
    },
    Question {
        name: "point read, DataFusion",
        sql: "WITH item AS (SELECT * FROM app.items WHERE id = $1) SELECT * FROM item",
        is_direct: false,
        times: 500,
        params: id,
        rows: Some(1),
        bound: |bare| bare.get,
        bound_is: GET,
    },
    Question {
        name: "index read of 20 rows, direct",
        sql: "SELECT * FROM app.items WHERE city = $1 ORDER BY written DESC LIMIT 20",
        is_direct: true,
        times: 5_000,
        params: city,
        rows: Some(INDEX_ROWS),
        bound: |bare| bare.index,
        bound_is: INDEX,
    },
    Question {
        name: "index read of 20 rows, DataFusion",
        sql: "WITH item AS (SELECT * FROM app.items WHERE city = $1 ORDER BY written DESC LIMIT 20) SELECT * FROM item",
        is_direct: false,
        times: 200,
        params: city,
        rows: Some(INDEX_ROWS),
        bound: |bare| bare.index,
        bound_is: INDEX,
    },
    Question {
        name: "range read of 100 rows, direct",
        sql: "SELECT * FROM app.items WHERE id >= $1 AND id < $2",
        is_direct: true,
        times: 5_000,
        params: range,
        rows: Some(RANGE_ROWS),
        bound: |bare| bare.range,
        bound_is: RANGE,
    },
    Question {
        name: "range read of 100 rows, DataFusion",
        sql: "WITH item AS (SELECT * FROM app.items WHERE id >= $1 AND id < $2) SELECT * FROM item",
        is_direct: false,
        times: 200,
        params: range,
        rows: Some(RANGE_ROWS),
        bound: |bare| bare.range,
        bound_is: RANGE,
    },
    Question {
        name: "group by over 100 000 rows, direct",
        sql: "SELECT city, COUNT(*), AVG(price) FROM app.items GROUP BY city",
        is_direct: true,
        times: 10,
        params: nothing,
        rows: Some(CITIES),
        bound: |bare| bare.scan,
        bound_is: SCAN,
    },
    Question {
        name: "group by over 100 000 rows, DataFusion",
        sql: "WITH item AS (SELECT city, price FROM app.items) SELECT city, COUNT(*), AVG(price) FROM item GROUP BY city",
        is_direct: false,
        times: 10,
        params: nothing,
        rows: Some(CITIES),
        bound: |bare| bare.scan,
        bound_is: SCAN,
    },
];

/// Measures all questions, and opening, on the device in `directory`.
///
/// # Errors
/// What store and database give; an answer with another number of rows than expected.
pub async fn run(directory: &Path, report: &mut dyn FnMut(Figure)) -> Result<()> {
    let bare = bare(directory)?;
    let db = Database::open(directory)?;
    for question in QUESTIONS {
        check_path(&db, &question).await?;
        let seconds = ask(&db, &question).await?;
        let micros = |seconds: f64| seconds * 1e6;
        report(Figure {
            name: question.name.to_owned(),
            value: micros(seconds),
            unit: "µs",
            better: Better::Lower,
            bound: (micros((question.bound)(&bare)), question.bound_is),
        });
    }
    db.close().await?;
    report(Figure {
        name: "reopen with 100 000 rows to the first point read".to_owned(),
        value: reopen(directory).await? * 1e3,
        unit: "ms",
        better: Better::Lower,
        bound: (bare.reopen * 1e3, "open the store, one get"),
    });
    Ok(())
}

/// A figure for a path that the query does not take would be a lie.
async fn check_path(db: &Database, question: &Question) -> Result<()> {
    let mut source = Source::new(2);
    let sql = format!("EXPLAIN {}", question.sql);
    let plan = db.query(&sql, &(question.params)(&mut source)).await?;
    let is_direct = format!("{:?}", plan.rows).contains("direct path");
    ensure!(is_direct == question.is_direct, "`{}` takes the other path: {:?}", question.sql, plan.rows);
    Ok(())
}

/// Mean seconds of a question, parsed once as an application does that repeats it.
async fn ask(db: &Database, question: &Question) -> Result<f64> {
    let mut source = Source::new(3);
    let sets: Vec<Vec<Value>> = (0..question.times).map(|_| (question.params)(&mut source)).collect();
    let mut session = db.session();
    for params in sets.iter().take(3) {
        session.execute(question.sql, params).await?;
    }
    let began = Instant::now();
    for params in &sets {
        let results = session.execute(question.sql, params).await?;
        let rows = results.first().map_or(0, |result| result.rows.len()) as u64;
        ensure!(question.rows.is_none_or(|expected| rows == expected), "`{}` gives {rows} rows", question.sql);
    }
    Ok(began.elapsed().as_secs_f64() / question.times as f64)
}

async fn reopen(directory: &Path) -> Result<f64> {
    let mut best = Duration::MAX;
    for _ in 0..REOPENS {
        let began = Instant::now();
        let db = Database::open(directory)?;
        let rows = db.query("SELECT * FROM app.items WHERE id = $1", &params![7]).await?;
        best = best.min(began.elapsed());
        ensure!(rows.rows.len() == 1, "row 7 is missing");
        db.close().await?;
    }
    Ok(best.as_secs_f64())
}

/// What the store alone needs for the same bytes.
fn bare(directory: &Path) -> Result<Bare> {
    let mut best = Duration::MAX;
    let key = {
        let store = open_store(StoreKind::CLIENT_DEFAULT, directory, None)?;
        let keys = keys(&*store.snapshot()?, Partition::Rows)?;
        store.close()?;
        keys.into_iter().next().context("the device has rows")?
    };
    for _ in 0..REOPENS {
        let began = Instant::now();
        let store = open_store(StoreKind::CLIENT_DEFAULT, directory, None)?;
        ensure!(store.snapshot()?.get(Partition::Rows, &key)?.is_some(), "a row is missing");
        best = best.min(began.elapsed());
        store.close()?;
    }
    let store = open_store(StoreKind::CLIENT_DEFAULT, directory, None)?;
    let snapshot = store.snapshot()?;
    let (rows, index) = (keys(&*snapshot, Partition::Rows)?, keys(&*snapshot, Partition::Index)?);
    let mut source = Source::new(4);
    let mut pick = |from: &[Vec<u8>], room: u64| from[source.below(from.len() as u64 - room) as usize].clone();
    let gets = time(100_000, || {
        ensure!(snapshot.get(Partition::Rows, &pick(&rows, 0))?.is_some(), "a row is missing");
        Ok(())
    })?;
    let index = time(5_000, || {
        walk(&*snapshot, Partition::Index, pick(&index, INDEX_ROWS), INDEX_ROWS)?;
        (0..INDEX_ROWS).try_for_each(|_| snapshot.get(Partition::Rows, &pick(&rows, 0)).map(drop))?;
        Ok(())
    })?;
    let range = time(5_000, || walk(&*snapshot, Partition::Rows, pick(&rows, RANGE_ROWS), RANGE_ROWS))?;
    let scan = time(10, || walk(&*snapshot, Partition::Rows, Vec::new(), ROWS))?;
    drop(snapshot);
    store.close()?;
    Ok(Bare { get: gets, index, range, scan, reopen: best.as_secs_f64() })
}

fn keys(snapshot: &dyn Snapshot, partition: Partition) -> Result<Vec<Vec<u8>>> {
    let mut cursor = snapshot.scan(partition, KeyRange::all(), Direction::Forward)?;
    let mut keys = Vec::new();
    while cursor.advance()? {
        keys.push(cursor.key().to_vec());
    }
    Ok(keys)
}

/// Steps over so many pairs and looks at each value.
fn walk(snapshot: &dyn Snapshot, partition: Partition, start: Vec<u8>, pairs: u64) -> Result<()> {
    let mut cursor = snapshot.scan(partition, KeyRange { start, end: None }, Direction::Forward)?;
    let mut bytes = 0;
    for _ in 0..pairs {
        ensure!(cursor.advance()?, "the store ends too early");
        bytes += cursor.value().len();
    }
    std::hint::black_box(bytes);
    Ok(())
}

/// Mean seconds of some work.
fn time(times: u64, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    (0..times).try_for_each(|_| work())?;
    Ok(began.elapsed().as_secs_f64() / times as f64)
}
