//! A query made ready: checked, its fields given slots, the ways to its rows ranked. It holds for one version of a
//! table and any number of executions.

use std::sync::Arc;

use super::aggregate::Aggregate;
use super::check::Checker;
use super::conjunct::{Conjunct, conjuncts};
use super::declare::{Amount, Field, Limits, Nulls, OUTPUTS_MAX, Order, Output, Place, Query, SortDirection};
use super::path::{Path, Wanted, WantedOrder, paths};
use super::reading::{Reading, column_of};
use crate::catalog::{Catalog, Table};
use crate::expr::Expr;
use crate::ids::ColumnId;
use crate::value::Type;
use crate::{Error, Result};

/// Rows that a LIMIT whose number is not known yet is taken to ask for.
const LIMIT_GUESS: f64 = 100.0;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// How changes of a row of the table show in a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shows<'a> {
    /// Columns on which the filter and the order depend.
    pub deciding: Vec<&'a str>,
    /// Places of the result that show a column of the table.
    pub places: Vec<(usize, &'a str)>,
}

/// A [`Query`] ready to be executed; parameters are bound then.
///
/// It holds as long as the catalog's definition of the table is the one that it was planned with.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) table: Arc<Table>,
    pub(super) columns: Arc<[OutputColumn]>,
    pub(super) parameters: Vec<Option<Type>>,
    pub(super) tombstones: bool,
    pub(super) ways: Vec<Way>,
    /// The whole filter, for a row that was found on no way.
    pub(super) whole: Option<Filter>,
    pub(super) body: Body,
    pub(super) offset: Option<Amount>,
    pub(super) limit: Option<Amount>,
    pub(super) limits: Limits,
}

/// A path, and what it leaves of the filter.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) path: Path,
    pub(super) filter: Option<Filter>,
}

/// A condition over slots: those of its reading, then the parameters.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) reading: Reading,
    pub(super) expr: Expr,
    /// The condition over places, for people.
    pub(super) shown: Expr,
}

/// What becomes of the rows.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Rows(RowsBody),
    Groups(GroupsBody),
}

/// Each row becomes a result row.
#[derive(Clone, Debug)]
pub(super) struct RowsBody {
    pub(super) reading: Reading,
    /// For each result column its slot.
    pub(super) output: Vec<usize>,
    /// The order, read first and alone: most rows of a top-k sort are not looked at further.
    pub(super) order: Vec<Term>,
    pub(super) order_reading: Reading,
}

/// Each group becomes a result row; its values are the groups, then the aggregates.
#[derive(Clone, Debug)]
pub(super) struct GroupsBody {
    pub(super) reading: Reading,
    /// For each group its slot.
    pub(super) keys: Vec<usize>,
    pub(super) aggregates: Vec<Aggregate>,
    /// For each result column its place among the values.
    pub(super) output: Vec<usize>,
    pub(super) order: Vec<Term>,
}

/// A term of an order over slots or values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) slot: usize,
    pub(super) direction: SortDirection,
    pub(super) nulls: Nulls,
}

impl Plan {
    /// Checks a query and decides how to run it.
    ///
    /// ```
    /// # use kalamdb_core::catalog::{Catalog, NewColumn, NewTable, TableOptions};
    /// # use kalamdb_core::{Name, TableId, Type};
    /// use kalamdb_core::query::{Field, Plan, Query, parameter};
    /// use kalamdb_core::expr::{Comparison, Expr};
    /// # let mut catalog = Catalog::new(TableId(1));
    /// # catalog.create_namespace(&Name::new("app")?)?;
    /// # let column = |name: &str, ty| NewColumn { name: Name::new(name).unwrap(), ty, nullable: false, default: None };
    /// # let table = catalog.create_table(NewTable {
    /// #     namespace: Name::new("app")?,
    /// #     name: Name::new("notes")?,
    /// #     columns: vec![column("id", Type::BigInt), column("title", Type::Text)],
    /// #     primary_key: vec![Name::new("id")?],
    /// #     checks: Vec::new(),
    /// #     options: TableOptions::default(),
    /// # })?;
    /// let id = Field::named(&table, "id").expect("the table has it");
    /// let title = Field::named(&table, "title").expect("the table has it");
    /// let query = Query::of(table.id)
    ///     .select(&table, title)
    ///     .filter(Expr::compare(Comparison::Equal, id.expr(), parameter(0)));
    /// let plan = Plan::new(&catalog, &query)?;
    /// assert_eq!(plan.explain(), "get app.notes by primary key: id = $1\n");
    /// # Ok::<(), kalamdb_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Kind `invalid` for an unknown table or column, operands of different types, an aggregate of a type that has
    /// none, a field beside aggregates that is no group; `quota` past a limit.
    pub fn new(catalog: &Catalog, query: &Query) -> Result<Plan> {
        let table = catalog.live_table(query.table)?.clone();
        let mut checker = Checker::new(&table);
        if let Some(filter) = &query.filter {
            checker.condition(filter)?;
        }
        for amount in [query.limit, query.offset].into_iter().flatten() {
            if let Amount::Parameter(at) = amount {
                checker.parameter(at as usize, Type::BigInt)?;
            }
        }
        let parameters = checker.into_parameters();
        let columns = columns(&table, query)?;
        let conjuncts = conjuncts(query.filter.as_ref())?;
        let tombstones = names_deleted(query)?;
        let body = if query.is_grouped() { groups_body(&table, query)? } else { rows_body(&table, query)? };
        let ways = paths(&table, &conjuncts, &wanted_order(query), tombstones)
            .into_iter()
            .map(|path| {
                let filter = Filter::rest(&table, &conjuncts, &path)?;
                Ok(Way { path, filter })
            })
            .collect::<Result<_>>()?;
        let whole = Filter::of(&table, conjuncts.iter().map(|conjunct| conjunct.expr.clone()).collect())?;
        let Query { offset, limit, limits, .. } = *query;
        Ok(Plan { table, columns, parameters, tombstones, ways, whole, body, offset, limit, limits })
    }

    /// The result columns.
    pub fn columns(&self) -> &[OutputColumn] {
        &self.columns
    }

    /// The table that it reads.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// How changes of a row show in the result, if it has a row for each row of the table: which columns decide whether
    /// and where it stands, and at which places it shows which. `None` if every change may move a row, as with
    /// `ORDER BY _updated`, and for groups.
    pub fn shows(&self) -> Option<Shows<'_>> {
        let Body::Rows(body) = &self.body else { return None };
        let filter = self.whole.iter().flat_map(|filter| filter.reading.fields());
        let deciding = filter.chain(body.order_reading.fields()).map(|field| column_of(*field));
        let deciding = deciding.collect::<Option<Vec<ColumnId>>>()?;
        let place =
            |(place, slot): (usize, &usize)| column_of(body.reading.fields()[*slot]).map(|column| (place, column));
        let places = body.output.iter().enumerate().filter_map(place);
        Some(Shows {
            deciding: deciding.into_iter().filter_map(|column| self.name_of(column)).collect(),
            places: places.filter_map(|(place, column)| Some((place, self.name_of(column)?))).collect(),
        })
    }

    fn name_of(&self, column: ColumnId) -> Option<&str> {
        self.table.column(column).map(|column| column.name.as_str())
    }

    /// For each parameter the type that it must have; `None` if it is not used.
    pub fn parameters(&self) -> &[Option<Type>] {
        &self.parameters
    }
}

impl Filter {
    /// What a path leaves of the filter.
    fn rest(table: &Table, conjuncts: &[Conjunct], path: &Path) -> Result<Option<Filter>> {
        let rest = conjuncts.iter().zip(&path.consumed).filter(|(_, consumed)| !**consumed);
        Filter::of(table, rest.map(|(conjunct, _)| conjunct.expr.clone()).collect())
    }

    /// The condition that all of `parts` hold.
    fn of(table: &Table, mut parts: Vec<Expr>) -> Result<Option<Filter>> {
        let shown = match parts.len() {
            0 => return Ok(None),
            1 => parts.remove(0),
            _ => Expr::And(parts),
        };
        let mut fields = Vec::new();
        shown.map_columns(&mut |at| {
            if let Place::Field(field) = Place::of(at)? {
                fields.push(field);
            }
            Ok(at)
        })?;
        let reading = Reading::new(table, fields.into_iter());
        let expr = shown.map_columns(&mut |at| {
            Ok(match Place::of(at)? {
                Place::Field(field) => reading.slot(field) as u32,
                Place::Parameter(at) => (reading.width() + at) as u32,
            })
        })?;
        Ok(Some(Filter { reading, expr, shown }))
    }
}

fn columns(table: &Table, query: &Query) -> Result<Arc<[OutputColumn]>> {
    if query.select.is_empty() || query.select.len() > OUTPUTS_MAX {
        let message = format!("a query selects 1 to {OUTPUTS_MAX} columns, this one {}", query.select.len());
        return Err(Error::invalid("wrong_select", message));
    }
    let column = |(name, output): (&String, Output)| {
        Ok(OutputColumn { name: name.clone(), ty: Aggregate::result_type(table, output)? })
    };
    let columns =
        query.select.iter().map(|select| column((&select.name, select.output))).collect::<Result<Arc<[_]>>>()?;
    for output in query.outputs() {
        Aggregate::result_type(table, output)?;
    }
    for field in &query.group_by {
        field.ty(table)?;
    }
    Ok(columns)
}

/// Whether the query names `_deleted` and so sees tombstones.
fn names_deleted(query: &Query) -> Result<bool> {
    let of_output = |output: Output| match output {
        Output::Field(field) | Output::Aggregate(_, field) => field == Field::Deleted,
        Output::CountRows => false,
    };
    let mut named = query.outputs().any(of_output) || query.group_by.contains(&Field::Deleted);
    if let Some(filter) = &query.filter {
        filter.map_columns(&mut |at| {
            named |= Place::of(at)? == Place::Field(Field::Deleted);
            Ok(at)
        })?;
    }
    Ok(named)
}

fn wanted_order(query: &Query) -> WantedOrder {
    let limit = match query.limit {
        None => None,
        Some(Amount::Rows(rows)) => Some(rows as f64),
        Some(Amount::Parameter(_)) => Some(LIMIT_GUESS),
    };
    let offset = match query.offset {
        None => 0.0,
        Some(Amount::Rows(rows)) => rows as f64,
        Some(Amount::Parameter(_)) => LIMIT_GUESS,
    };
    if query.is_grouped() {
        return WantedOrder { terms: Vec::new(), by_key: false, limit: None };
    }
    let term = |order: &Order| match order.by {
        Output::Field(field) => Some(Wanted { field, direction: order.direction, nulls: order.nulls }),
        _ => None,
    };
    let terms: Vec<Wanted> = query.order_by.iter().filter_map(term).collect();
    let by_key = !terms.is_empty() || query.limit.is_some() || query.offset.is_some();
    WantedOrder { terms, by_key, limit: limit.map(|limit| limit + offset) }
}

fn rows_body(table: &Table, query: &Query) -> Result<Body> {
    let field = |output: Output| match output {
        Output::Field(field) => Some(field),
        Output::CountRows | Output::Aggregate(..) => None,
    };
    let reading = Reading::new(table, query.select.iter().filter_map(|select| field(select.output)));
    let order_reading = Reading::new(table, query.order_by.iter().filter_map(|order| field(order.by)));
    let output =
        query.select.iter().filter_map(|select| field(select.output)).map(|field| reading.slot(field)).collect();
    let term = |order: &Order| field(order.by).map(|field| Term::of(order, order_reading.slot(field)));
    let order = query.order_by.iter().filter_map(term).collect();
    Ok(Body::Rows(RowsBody { output, order, reading, order_reading }))
}

fn groups_body(table: &Table, query: &Query) -> Result<Body> {
    let wanted = query.outputs().filter_map(|output| match output {
        Output::Field(field) | Output::Aggregate(_, field) => Some(field),
        Output::CountRows => None,
    });
    let reading = Reading::new(table, wanted.chain(query.group_by.iter().copied()));
    let mut groups = query.group_by.clone();
    let mut distinct = Vec::with_capacity(groups.len());
    groups.retain(|field| {
        !distinct.contains(field) && {
            distinct.push(*field);
            true
        }
    });
    let mut aggregates: Vec<Aggregate> = Vec::new();
    let mut value = |output: Output| -> Result<usize> {
        if let Output::Field(field) = output {
            let place = groups.iter().position(|group| *group == field);
            return place.ok_or_else(|| {
                let message = format!("column `{}` must stand in GROUP BY or in an aggregate", field.name(table));
                Error::invalid("not_grouped", message)
            });
        }
        let at = aggregates.iter().position(|known| known.output == output).unwrap_or(aggregates.len());
        if at == aggregates.len() {
            aggregates.push(Aggregate::new(table, output, &reading)?);
        }
        Ok(groups.len() + at)
    };
    let output = query.select.iter().map(|select| value(select.output)).collect::<Result<_>>()?;
    let mut order =
        query.order_by.iter().map(|order| Ok(Term::of(order, value(order.by)?))).collect::<Result<Vec<_>>>()?;
    if !order.is_empty() || query.limit.is_some() || query.offset.is_some() {
        let rest = (0..groups.len()).filter(|slot| order.iter().all(|term| term.slot != *slot));
        let rest: Vec<Term> = rest.map(Term::ascending).collect();
        order.extend(rest);
    }
    let keys = groups.iter().map(|field| reading.slot(*field)).collect();
    Ok(Body::Groups(GroupsBody { keys, aggregates, output, order, reading }))
}

impl Term {
    fn of(order: &Order, slot: usize) -> Term {
        Term { slot, direction: order.direction, nulls: order.nulls }
    }

    fn ascending(slot: usize) -> Term {
        Term { slot, direction: SortDirection::Ascending, nulls: Nulls::Last }
    }
}
