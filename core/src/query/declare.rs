//! What a query of one table asks for.

use crate::catalog::Table;
use crate::expr::Expr;
use crate::ids::{ColumnId, TableId};
use crate::rules::read_type;
use crate::value::{Type, Value};
use crate::{Error, Result};

/// Most rows that a query holds for a result, a sort or groups, unless its [`Limits`] say otherwise.
pub const ROWS_HELD_MAX: usize = 5_000_000;
/// Most bytes that a query holds for a result, a sort or groups, unless its [`Limits`] say otherwise.
pub const BYTES_HELD_MAX: usize = 256 << 20;
/// Most columns of a result.
pub const OUTPUTS_MAX: usize = 1_000;
/// Most parameters of a query.
pub const PARAMETERS_MAX: usize = 10_000;

const SYSTEM_PLACES: u32 = 1 << 20;
const PARAMETER_PLACES: u32 = 1 << 24;

/// Something that a row of a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// A column; a COUNTER reads as BIGINT.
    Column(ColumnId),
    /// `_updated`: when the row was committed last.
    Updated,
    /// `_deleted`: whether it is a tombstone. A query that names it sees tombstones.
    Deleted,
    /// `_seq`: the transaction that wrote it last, NULL while pending.
    Seq,
}

impl Field {
    /// The field of `table` with this name.
    pub fn named(table: &Table, name: &str) -> Option<Field> {
        match name {
            "_updated" => Some(Field::Updated),
            "_deleted" => Some(Field::Deleted),
            "_seq" => Some(Field::Seq),
            _ => table.column_named(name).map(|column| Field::Column(column.id)),
        }
    }

    /// Its name in `table`.
    pub fn name(self, table: &Table) -> &str {
        match self {
            Field::Column(id) => table.column(id).map_or("?", |column| column.name.as_str()),
            Field::Updated => "_updated",
            Field::Deleted => "_deleted",
            Field::Seq => "_seq",
        }
    }

    /// The type that a query sees.
    ///
    /// # Errors
    /// Kind `invalid` if the table has no such column.
    pub fn ty(self, table: &Table) -> Result<Type> {
        Ok(match self {
            Field::Updated => Type::Timestamp,
            Field::Deleted => Type::Boolean,
            Field::Seq => Type::BigInt,
            Field::Column(id) => match table.column(id).filter(|column| column.dropped.is_none()) {
                Some(column) => read_type(column.ty),
                None => {
                    let message = format!("table `{}` has no column number {id}", table.full_name());
                    return Err(Error::invalid("unknown_column", message));
                }
            },
        })
    }

    /// Whether it may be NULL.
    pub(super) fn is_nullable(self, table: &Table) -> bool {
        match self {
            Field::Column(id) => !table.is_key(id) && table.column(id).is_none_or(|column| column.nullable),
            Field::Seq => true,
            Field::Updated | Field::Deleted => false,
        }
    }

    /// The expression that reads it in a [`Query`]'s filter.
    pub fn expr(self) -> Expr {
        Expr::Column(match self {
            Field::Column(id) => id.0,
            Field::Updated => SYSTEM_PLACES,
            Field::Deleted => SYSTEM_PLACES + 1,
            Field::Seq => SYSTEM_PLACES + 2,
        })
    }
}

/// The expression that stands for a parameter in a [`Query`]'s filter; parameters count from 0.
pub fn parameter(at: u32) -> Expr {
    Expr::Column(PARAMETER_PLACES.saturating_add(at))
}

/// What an [`Expr::Column`] of a filter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Field(Field),
    Parameter(usize),
}

impl Place {
    pub(super) fn of(at: u32) -> Result<Place> {
        Ok(match at {
            SYSTEM_PLACES => Place::Field(Field::Updated),
            at if at < SYSTEM_PLACES => Place::Field(Field::Column(ColumnId(at))),
            at if at == SYSTEM_PLACES + 1 => Place::Field(Field::Deleted),
            at if at == SYSTEM_PLACES + 2 => Place::Field(Field::Seq),
            at if at >= PARAMETER_PLACES && ((at - PARAMETER_PLACES) as usize) < PARAMETERS_MAX => {
                Place::Parameter((at - PARAMETER_PLACES) as usize)
            }
            other => {
                return Err(Error::invalid("unknown_place", format!("a filter names place {other}, which is nothing")));
            }
        })
    }
}

/// A function over the rows of a group; NULLs are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// How many values there are.
    Count,
    /// Their sum; 64-bit integers wrap as in DataFusion.
    Sum,
    /// The smallest.
    Min,
    /// The largest; NaN is larger than every number.
    Max,
    /// The mean; of decimals cut to four more digits behind the point.
    Avg,
}

/// One value of a result row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// A field, in a grouped query one of its groups.
    Field(Field),
    /// `count(*)`.
    CountRows,
    /// A function of a field.
    Aggregate(Function, Field),
}

/// A result column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// Its name.
    pub name: String,
    /// Its value.
    pub output: Output,
}

/// One term of ORDER BY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// What to order by; in a grouped query a group or an aggregate, which need not be selected.
    pub by: Output,
    /// The direction.
    pub direction: SortDirection,
    /// Where NULLs go.
    pub nulls: Nulls,
}

/// A direction of sorting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortDirection {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// Where NULLs stand in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Before all values.
    First,
    /// Behind all values.
    Last,
}

impl Order {
    /// Smallest first, NULLs last.
    pub fn ascending(by: Output) -> Order {
        Order { by, direction: SortDirection::Ascending, nulls: Nulls::Last }
    }

    /// Largest first, NULLs first.
    pub fn descending(by: Output) -> Order {
        Order { by, direction: SortDirection::Descending, nulls: Nulls::First }
    }
}

/// A number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// This many.
    Rows(u64),
    /// As many as the BIGINT parameter at this place says.
    Parameter(u32),
}

/// How much a query may hold in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of a result or sort, or groups.
    pub rows: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { rows: ROWS_HELD_MAX, bytes: BYTES_HELD_MAX }
    }
}

impl Limits {
    /// Fails if a query holds too much.
    pub(super) fn check(&self, rows: usize, bytes: usize) -> Result<()> {
        if rows <= self.rows && bytes <= self.bytes {
            return Ok(());
        }
        let message = format!(
            "the query holds {rows} rows of {bytes} bytes: at most {} rows of {} bytes are allowed, add a filter or a LIMIT",
            self.rows, self.bytes
        );
        Err(Error::quota("query_too_large", message))
    }
}

/// A query of one table. Without aggregates and groups it yields a row for each row that passes the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub table: TableId,
    /// The result columns.
    pub select: Vec<Select>,
    /// The condition, over [`Field::expr`] and [`parameter`]; operands of a comparison have one type.
    pub filter: Option<Expr>,
    /// The groups.
    pub group_by: Vec<Field>,
    /// The order, completed by the primary key; by all groups in a grouped query.
    pub order_by: Vec<Order>,
    /// Rows to leave out at the start.
    pub offset: Option<Amount>,
    /// Rows to yield at most; in the order of the primary key (of the groups) if there is no other.
    pub limit: Option<Amount>,
    /// How much it may hold.
    pub limits: Limits,
}

impl Query {
    /// A query for nothing of a table, to be filled in.
    pub fn of(table: TableId) -> Query {
        Query {
            table,
            select: Vec::new(),
            filter: None,
            group_by: Vec::new(),
            order_by: Vec::new(),
            offset: None,
            limit: None,
            limits: Limits::default(),
        }
    }

    /// The query with a field selected under its own name.
    #[must_use]
    pub fn select(mut self, table: &Table, field: Field) -> Query {
        self.select.push(Select { name: field.name(table).to_string(), output: Output::Field(field) });
        self
    }

    /// The query with an aggregate selected.
    #[must_use]
    pub fn aggregate(mut self, name: impl Into<String>, output: Output) -> Query {
        self.select.push(Select { name: name.into(), output });
        self
    }

    /// The query with a condition; several must all hold.
    #[must_use]
    pub fn filter(mut self, condition: Expr) -> Query {
        self.filter = Some(match self.filter.take() {
            None => condition,
            Some(Expr::And(mut parts)) => {
                parts.push(condition);
                Expr::And(parts)
            }
            Some(other) => Expr::And(vec![other, condition]),
        });
        self
    }

    /// The query with a further term of its order.
    #[must_use]
    pub fn order(mut self, order: Order) -> Query {
        self.order_by.push(order);
        self
    }

    /// The query with a limit.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Query {
        self.limit = Some(Amount::Rows(rows));
        self
    }

    /// Whether it yields groups instead of rows.
    pub fn is_grouped(&self) -> bool {
        let is_aggregate = |output: &Output| !matches!(output, Output::Field(_));
        !self.group_by.is_empty()
            || self.select.iter().any(|select| is_aggregate(&select.output))
            || self.order_by.iter().any(|order| is_aggregate(&order.by))
    }

    /// Every output that it names.
    pub(super) fn outputs(&self) -> impl Iterator<Item = Output> + '_ {
        self.select.iter().map(|select| select.output).chain(self.order_by.iter().map(|order| order.by))
    }
}

/// A literal or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Literal(Value),
    Parameter(usize),
}
