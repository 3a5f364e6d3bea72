//! The direct path against DataFusion, twice: over rows of its own, and over the scans of core as sessions use it.
//! Random tables, rows and queries; the results must be equal.
//!
//! `KALAMDB_LONG=1` runs thousands of cases, `KALAMDB_SEED=n` one table again.

mod arrays;
mod engine;
mod oracle;
mod queries;
mod random;
mod tables;

use kalamdb_core::value::Datum;
use kalamdb_core::{Type, Value};
use kalamdb_sql::StatementResult;
use kalamdb_sql::direct::{DirectPlan, Scope, translate};
use sqlparser::ast::Statement;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use oracle::{Answer, Oracle};
use queries::Case;
use random::Random;
use tables::Made;

const TABLES: u64 = 40;
const TABLES_LONG: u64 = 600;
const QUERIES_PER_TABLE: usize = 14;
/// Of the generated queries at least this part must be answered directly, or the test proves nothing.
const ANSWERED_MIN: f64 = 0.6;
const FAILURES_SHOWN_MAX: usize = 8;
const TOLERANCE: f64 = 1e-9;

#[test]
fn direct_path_and_datafusion_agree() {
    let seeds = match std::env::var("KALAMDB_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => seed..seed + 1,
        None if std::env::var_os("KALAMDB_LONG").is_some() => 0..TABLES_LONG,
        None => 0..TABLES,
    };
    println!("seeds {seeds:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (mut answered, mut all, mut failures) = (0, 0, Vec::new());
    for seed in seeds {
        let mut random = Random::new(seed);
        let made = Made::random(&mut random);
        let oracle = Oracle::new(&made);
        for _ in 0..QUERIES_PER_TABLE {
            let case = Case::random(&made, &mut random);
            all += 1;
            let theirs = |case: &Case| runtime.block_on(oracle.answer(case));
            let handed_over = |case: &Case| runtime.block_on(engine::answers(&made, case));
            match agree(&made, &case, theirs, handed_over) {
                Ok(direct) => answered += usize::from(direct),
                Err(failure) => failures.push(format!("seed {seed}: {failure}")),
            }
        }
    }
    let shown: Vec<&str> = failures.iter().take(FAILURES_SHOWN_MAX).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} of {all} queries differ\n{}", failures.len(), shown.join("\n\n"));
    println!("{answered} of {all} queries were answered directly");
    assert!(answered as f64 >= all as f64 * ANSWERED_MIN, "only {answered} of {all} queries were answered directly");
}

/// Whether core answers the query at all; if it does, DataFusion's answer must be the same.
fn agree(
    made: &Made,
    case: &Case,
    oracle: impl FnOnce(&Case) -> Result<Answer, String>,
    handed_over: impl FnOnce(&Case) -> kalamdb_core::Result<[StatementResult; 2]>,
) -> Result<bool, String> {
    let Some((plan, parameters)) = planned(made, &case.direct, case) else { return Ok(false) };
    assert!(planned(made, &engine::handed_over(case), case).is_none(), "core answers what it should hand over");
    let explain = |what: String| {
        let Case { direct, oracle, parameters, .. } = case;
        let (plan, table) = (plan.plan().explain(), made.describe());
        format!("{what}\n{direct}\nfor DataFusion: {oracle}\nparameters: {parameters:?}\n{plan}table: {table}")
    };
    let rows = plan.plan().execute(&made.space.view(), &parameters).map_err(|error| explain(format!("{error:?}")))?;
    let expected = oracle(case).map_err(|error| explain(format!("DataFusion: {error}")))?;
    let columns: Vec<(String, Type)> = rows.columns().iter().map(|column| (column.name.clone(), column.ty)).collect();
    if columns != expected.columns {
        return Err(explain(format!("core has columns {columns:?}\nDataFusion has {:?}", expected.columns)));
    }
    let mine = rows.to_values();
    if !same(&mine, &expected.rows, case.ordered) {
        return Err(explain(format!("core gives {mine:?}\nDataFusion gives {:?}", expected.rows)));
    }
    let [direct, engine] = handed_over(case).map_err(|error| explain(format!("in a session: {error:?}")))?;
    let is_same = direct.columns == engine.columns && same(&mine, &direct.rows, case.ordered);
    if !is_same || !same(&mine, &engine.rows, case.ordered) {
        return Err(explain(format!("a session gives {direct:?}\nhanded over {engine:?}")));
    }
    Ok(true)
}

fn same(mine: &[Vec<Value>], theirs: &[Vec<Value>], is_ordered: bool) -> bool {
    let (mut mine, mut theirs) = (mine.to_vec(), theirs.to_vec());
    if !is_ordered {
        mine.sort_by(|a, b| exact_first(a, b));
        theirs.sort_by(|a, b| exact_first(a, b));
    }
    let same_row = |(a, b): (&Vec<Value>, &Vec<Value>)| a.iter().zip(b).all(|(a, b)| close(a, b));
    mine.len() == theirs.len() && mine.iter().zip(&theirs).all(same_row)
}

fn planned(made: &Made, sql: &str, case: &Case) -> Option<(DirectPlan, Vec<Value>)> {
    let statement = Parser::parse_sql(&GenericDialect {}, sql).expect("the query parses").remove(0);
    let Statement::Query(query) = statement else { panic!("{sql} is no query") };
    let scope = Scope { catalog: made.space.catalog(), namespace: "app", wildcard: &[] };
    let plan = translate(&scope, &query)?;
    let parameters = plan.bind(&case.parameters)?;
    Some((plan, parameters))
}

/// Orders rows by what compares exactly before what is only nearly equal.
fn exact_first(a: &[Value], b: &[Value]) -> std::cmp::Ordering {
    let is_float = |value: &Value| matches!(value, Datum::Double(_));
    let pairs = || a.iter().zip(b);
    let exact = pairs().filter(|(a, b)| !is_float(a) && !is_float(b)).map(|(a, b)| a.order(b));
    let floats = pairs().filter(|(a, b)| is_float(a) || is_float(b)).map(|(a, b)| a.order(b));
    exact.chain(floats).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

fn close(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Datum::Double(a), Datum::Double(b)) if a.is_finite() && b.is_finite() => {
            (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
        }
        _ => a == b,
    }
}
