//! The ways to reach the rows of a query, and what each would cost.
//!
//! A way walks the primary key or an index: equalities fix its leading columns, a range or a list narrows the next
//! one. There are no statistics; the guesses below only rank the ways against each other.

use super::conjunct::{Conjunct, Test};
use super::declare::{Field, Nulls, Operand, SortDirection};
use crate::catalog::{IndexDef, Table};
use crate::expr::Comparison;
use crate::ids::ColumnId;
use crate::store::Direction;
use crate::value::Value;

/// Rows of the table that every guess starts from.
const ROWS_GUESS: f64 = 100_000.0;
/// Part of the rows that pass an equality, a range with one end, one with two ends, another condition.
const EQUAL_GUESS: f64 = 0.02;
const HALF_RANGE_GUESS: f64 = 0.2;
const RANGE_GUESS: f64 = 0.1;
const OTHER_GUESS: f64 = 0.4;
/// Cost of a row by way of an index, of sorting a row; 1 is a row met in a scan.
const INDEX_ROW_COST: f64 = 4.0;
const SORT_ROW_COST: f64 = 1.5;

/// What a way walks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Primary,
    Index(IndexDef),
}

/// What a leading column of the walk is fixed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    Value(Operand),
    Null,
}

/// What narrows the column behind the fixed ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Narrow {
    Nothing,
    /// NULLs lie outside of every range with an end.
    Range {
        lower: Option<(Operand, bool)>,
        upper: Option<(Operand, bool)>,
    },
    /// A list for the last column of the primary key: single keys.
    List(Vec<Value>),
}

/// How the rows of a walk stand to the order that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sorted {
    /// They come in that order.
    Whole,
    /// They come in runs that agree in the first so many terms; each run is to be sorted. 0: one run.
    Runs(usize),
}

/// A way to the rows.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) source: Source,
    pub(super) fixed: Vec<Fixed>,
    pub(super) narrow: Narrow,
    pub(super) direction: Direction,
    pub(super) sorted: Sorted,
    /// For each conjunct whether the walk makes it hold.
    pub(super) consumed: Vec<bool>,
    pub(super) cost: f64,
}

/// One term of the wanted order, before the primary key completes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) field: Field,
    pub(super) direction: SortDirection,
    pub(super) nulls: Nulls,
}

/// The order that a query wants of its rows.
#[derive(Clone, Debug)]
pub(super) struct WantedOrder {
    pub(super) terms: Vec<Wanted>,
    /// Whether the primary key completes it; without it and terms any order will do.
    pub(super) by_key: bool,
    /// Rows wanted at most, if there is a limit.
    pub(super) limit: Option<f64>,
}

/// All ways, best first; the last of them needs no index.
pub(super) fn paths(table: &Table, conjuncts: &[Conjunct], order: &WantedOrder, tombstones: bool) -> Vec<Path> {
    let primary = best_of(table, Source::Primary, conjuncts, order);
    // Tombstones have no index entries.
    let indexes = if tombstones { &[][..] } else { table.indexes.as_slice() };
    let by_index = indexes.iter().map(|index| best_of(table, Source::Index(index.clone()), conjuncts, order));
    let mut ways: Vec<Path> = by_index.filter(|way| way.cost < primary.cost).collect();
    ways.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    ways.push(primary);
    ways
}

fn best_of(table: &Table, source: Source, conjuncts: &[Conjunct], order: &WantedOrder) -> Path {
    let forward = path(table, source.clone(), Direction::Forward, conjuncts, order);
    let reverse = path(table, source, Direction::Reverse, conjuncts, order);
    if reverse.cost < forward.cost { reverse } else { forward }
}

fn path(table: &Table, source: Source, direction: Direction, conjuncts: &[Conjunct], order: &WantedOrder) -> Path {
    let (columns, own) = match &source {
        Source::Primary => (table.primary_key.clone(), table.primary_key.len()),
        Source::Index(index) => ([&index.columns[..], &table.primary_key[..]].concat(), index.columns.len()),
    };
    let mut path = Path {
        source,
        fixed: Vec::new(),
        narrow: Narrow::Nothing,
        direction,
        sorted: Sorted::Runs(0),
        consumed: vec![false; conjuncts.len()],
        cost: 0.0,
    };
    for column in &columns[..own] {
        match equality(*column, conjuncts, &mut path.consumed) {
            Some(fixed) => path.fixed.push(fixed),
            None => {
                let may_list = path.source == Source::Primary && path.fixed.len() + 1 == own;
                path.narrow = narrow(*column, conjuncts, may_list, &mut path.consumed);
                break;
            }
        }
    }
    path.sorted = sorted(table, &columns, &path, order);
    path.cost = cost(table, &path, order);
    path
}

fn equality(column: ColumnId, conjuncts: &[Conjunct], consumed: &mut [bool]) -> Option<Fixed> {
    for (conjunct, consumed) in conjuncts.iter().zip(consumed) {
        let fixed = match &conjunct.test {
            Some((tested, Test::Compare(Comparison::Equal, operand))) if *tested == column => {
                Fixed::Value(operand.clone())
            }
            Some((tested, Test::IsNull)) if *tested == column => Fixed::Null,
            _ => continue,
        };
        *consumed = true;
        return Some(fixed);
    }
    None
}

fn narrow(column: ColumnId, conjuncts: &[Conjunct], may_list: bool, consumed: &mut [bool]) -> Narrow {
    let (mut lower, mut upper) = (None, None);
    for (conjunct, consumed) in conjuncts.iter().zip(consumed.iter_mut()) {
        let Some((tested, test)) = &conjunct.test else { continue };
        if *tested != column {
            continue;
        }
        match test {
            Test::In(values) if may_list && lower.is_none() && upper.is_none() => {
                *consumed = true;
                return Narrow::List(values.clone());
            }
            Test::Compare(comparison, operand) => {
                let (end, included) = match comparison {
                    Comparison::Greater => (&mut lower, false),
                    Comparison::GreaterOrEqual => (&mut lower, true),
                    Comparison::Less => (&mut upper, false),
                    Comparison::LessOrEqual => (&mut upper, true),
                    Comparison::Equal | Comparison::NotEqual => continue,
                };
                // A second condition on the same end stays in the filter.
                if end.is_none() {
                    *end = Some((operand.clone(), included));
                    *consumed = true;
                }
            }
            Test::In(_) | Test::IsNull => {}
        }
    }
    if lower.is_none() && upper.is_none() { Narrow::Nothing } else { Narrow::Range { lower, upper } }
}

/// How far the walk gives the wanted order. Fixed columns are constant; once all of the primary key is constant or
/// in order, no two rows are equal and every further term holds.
fn sorted(table: &Table, columns: &[ColumnId], path: &Path, order: &WantedOrder) -> Sorted {
    let fixed = &columns[..path.fixed.len()];
    let mut walk = columns[path.fixed.len()..].iter().filter(|column| !fixed.contains(column)).copied().peekable();
    let mut done: Vec<ColumnId> = fixed.to_vec();
    let unique = |done: &[ColumnId]| table.primary_key.iter().all(|key| done.contains(key));
    for (at, term) in order.terms.iter().enumerate() {
        if unique(&done) {
            return Sorted::Whole;
        }
        let Field::Column(column) = term.field else { return Sorted::Runs(at) };
        if done.contains(&column) {
            continue;
        }
        if walk.peek() != Some(&column) || !follows(table, path, term) {
            return Sorted::Runs(at);
        }
        done.push(column);
        walk.next();
        while walk.next_if(|next| done.contains(next)).is_some() {}
    }
    let completed = table.primary_key.iter().filter(|key| !done.contains(key));
    let in_key_order =
        walk.take(completed.clone().count()).eq(completed.copied()) && path.direction == Direction::Forward;
    if !order.by_key || unique(&done) || in_key_order { Sorted::Whole } else { Sorted::Runs(order.terms.len()) }
}

/// Whether a walk in the path's direction meets a column's values in the order of a term; keys hold NULL last.
fn follows(table: &Table, path: &Path, term: &Wanted) -> bool {
    let no_nulls = !term.field.is_nullable(table);
    match path.direction {
        Direction::Forward => term.direction == SortDirection::Ascending && (no_nulls || term.nulls == Nulls::Last),
        Direction::Reverse => term.direction == SortDirection::Descending && (no_nulls || term.nulls == Nulls::First),
    }
}

fn cost(table: &Table, path: &Path, order: &WantedOrder) -> f64 {
    let is_key = path.source == Source::Primary && path.fixed.len() == table.primary_key.len();
    let mut rows = ROWS_GUESS * EQUAL_GUESS.powi(path.fixed.len() as i32);
    rows *= match &path.narrow {
        Narrow::Nothing => 1.0,
        Narrow::Range { lower: Some(_), upper: Some(_) } => RANGE_GUESS,
        Narrow::Range { .. } => HALF_RANGE_GUESS,
        Narrow::List(values) => values.len() as f64 / ROWS_GUESS,
    };
    if is_key {
        rows = 1.0;
    }
    let passing = rows * OTHER_GUESS.powi(path.consumed.iter().filter(|consumed| !**consumed).count() as i32);
    let (mut walked, mut to_sort) = (rows, 0.0);
    match (path.sorted, order.limit) {
        (Sorted::Whole, Some(limit)) => walked *= (limit / passing.max(1.0)).min(1.0),
        (Sorted::Whole, None) => {}
        (Sorted::Runs(0), _) => to_sort = passing,
        // A run is taken to be as long as an equality would leave.
        (Sorted::Runs(_), Some(limit)) => walked *= (limit / passing.max(1.0) + EQUAL_GUESS).min(1.0),
        (Sorted::Runs(_), None) => to_sort = passing * EQUAL_GUESS,
    }
    let row_cost = if path.source == Source::Primary { 1.0 } else { INDEX_ROW_COST };
    walked * row_cost + to_sort * SORT_ROW_COST
}
