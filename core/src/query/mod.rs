//! Queries of one table, without SQL: for a closed list of types and functions core answers them itself, in
//! microseconds and from the rows as they are stored.
//!
//! - a [`Query`] says what is wanted: fields, a filter, groups and aggregates, an order, a limit
//! - a [`Plan`] is a query made ready for one version of its table: checked, with the ways to its rows ranked
//! - [`Plan::execute`] and [`Plan::visit`] run it over a [`View`](crate::View), with parameters bound then
//!
//! The way of a row: a walk (`scan`) over a key, a range or an index gives encoded rows; a gate hides tombstones and
//! tests what the walk leaves of the filter, reading only the columns that it names (`reading`); what passes is
//! streamed, sorted (`sort`) or grouped (`groups`).
//!
//! Results are those of DataFusion 55: ascending orders put NULLs last, descending ones first; NaN is larger than
//! every number; a comparison with NULL is unknown. An order is completed by the primary key, that of groups by the
//! groups. Tombstones are hidden unless the query names `_deleted`.
//!
//! Not here: joins, expressions in the result, DISTINCT, HAVING, conversions of values. Whoever builds a query
//! converts literals and parameters to the type of their column.

mod aggregate;
mod bound;
mod check;
mod conjunct;
mod declare;
mod explain;
mod groups;
pub mod live;
mod path;
mod plan;
mod reading;
mod rows;
mod run;
mod scan;
mod sort;
#[cfg(test)]
mod tests;

pub use declare::{
    Amount, BYTES_HELD_MAX, Field, Function, Limits, Nulls, OUTPUTS_MAX, Order, Output, PARAMETERS_MAX, Query,
    ROWS_HELD_MAX, Select, SortDirection, parameter,
};
pub use plan::{OutputColumn, Plan, Shows};
pub use rows::{RowRef, Rows};
pub use run::Visit;
