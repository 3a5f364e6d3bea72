//! The closed list of expressions that core evaluates itself: CHECK constraints and filters of one table.
//!
//! Operands of a comparison have one type; whoever builds an expression converts literals first. Truth is
//! three-valued as in SQL: a comparison with NULL is unknown.

use crate::codec::{Reader, Writer};
use crate::value::{Datum, Value, ValueRef};
use crate::{Error, Result};

/// Deepest nesting of an expression.
pub const EXPR_DEPTH_MAX: usize = 64;
const LIST_ITEMS_MAX: usize = 10_000;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Comparison {
    /// `=`
    Equal = 1,
    /// `<>`
    NotEqual = 2,
    /// `<`
    Less = 3,
    /// `<=`
    LessOrEqual = 4,
    /// `>`
    Greater = 5,
    /// `>=`
    GreaterOrEqual = 6,
}

impl Comparison {
    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The comparison with its sides exchanged.
    #[must_use]
    pub fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }

    fn read(number: u8) -> Result<Comparison> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]
            .into_iter()
            .find(|comparison| *comparison as u8 == number)
            .ok_or_else(|| Error::corrupt("unknown_comparison", format!("unknown comparison {number}")))
    }
}

/// An expression over the cells of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// The cell at this place: a column id in a catalog, a slot in a compiled query.
    Column(u32),
    /// A constant.
    Literal(Value),
    /// Characters of a text.
    Length(Box<Expr>),
    /// A comparison of two operands of one type.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// All of them.
    And(Vec<Expr>),
    /// Any of them.
    Or(Vec<Expr>),
    /// The opposite; unknown stays unknown.
    Not(Box<Expr>),
    /// Whether there is no value.
    IsNull(Box<Expr>),
    /// Whether the operand equals one of the values.
    In(Box<Expr>, Vec<Value>),
}

impl Expr {
    /// `left comparison right`.
    pub fn compare(comparison: Comparison, left: Expr, right: Expr) -> Expr {
        Expr::Compare(comparison, Box::new(left), Box::new(right))
    }

    /// The truth of a condition for a row; `None` is unknown.
    ///
    /// # Errors
    /// Kind `internal` if the expression is no condition, names no cell or compares different types.
    pub fn truth<'a, C: Cells<'a> + ?Sized>(&'a self, cells: &'a C) -> Result<Option<bool>> {
        Ok(match self {
            Expr::And(parts) => {
                let mut known = Some(true);
                for part in parts {
                    match part.truth(cells)? {
                        Some(false) => return Ok(Some(false)),
                        None => known = None,
                        Some(true) => {}
                    }
                }
                known
            }
            Expr::Or(parts) => {
                let mut known = Some(false);
                for part in parts {
                    match part.truth(cells)? {
                        Some(true) => return Ok(Some(true)),
                        None => known = None,
                        Some(false) => {}
                    }
                }
                known
            }
            Expr::Not(inner) => inner.truth(cells)?.map(|truth| !truth),
            Expr::IsNull(inner) => Some(inner.value(cells)?.is_null()),
            Expr::Compare(comparison, left, right) => {
                let (left, right) = (left.value(cells)?, right.value(cells)?);
                if left.is_null() || right.is_null() { None } else { Some(comparison.holds(ordered(left, right)?)) }
            }
            Expr::In(inner, values) => {
                let value = inner.value(cells)?;
                if value.is_null() {
                    return Ok(None);
                }
                let mut known = Some(false);
                for candidate in values {
                    if candidate.is_null() {
                        known = None;
                    } else if ordered(value, candidate.borrow())?.is_eq() {
                        return Ok(Some(true));
                    }
                }
                known
            }
            Expr::Column(_) | Expr::Literal(_) | Expr::Length(_) => match self.value(cells)? {
                Datum::Boolean(truth) => Some(truth),
                Datum::Null => None,
                other => return Err(not_a_condition(other.type_name())),
            },
        })
    }

    fn value<'a, C: Cells<'a> + ?Sized>(&'a self, cells: &'a C) -> Result<ValueRef<'a>> {
        Ok(match self {
            Expr::Column(at) => match cells.cell(*at)? {
                Datum::Counter(counter) => Datum::BigInt(counter.value()),
                value => value,
            },
            Expr::Literal(value) => value.borrow(),
            Expr::Length(inner) => match inner.value(cells)? {
                Datum::Null => Datum::Null,
                Datum::Text(text) => Datum::Int(i32::try_from(text.chars().count()).unwrap_or(i32::MAX)),
                other => return Err(not_a_condition(other.type_name())),
            },
            condition => condition.truth(cells)?.map_or(Datum::Null, Datum::Boolean),
        })
    }

    /// The same expression with every column place replaced.
    ///
    /// # Errors
    /// What `place` gives.
    pub fn map_columns(&self, place: &mut dyn FnMut(u32) -> Result<u32>) -> Result<Expr> {
        let mut boxed = |inner: &Expr| inner.map_columns(place).map(Box::new);
        Ok(match self {
            Expr::Column(at) => Expr::Column(place(*at)?),
            Expr::Literal(value) => Expr::Literal(value.clone()),
            Expr::And(parts) => Expr::And(parts.iter().map(|part| part.map_columns(place)).collect::<Result<_>>()?),
            Expr::Or(parts) => Expr::Or(parts.iter().map(|part| part.map_columns(place)).collect::<Result<_>>()?),
            Expr::Length(inner) => Expr::Length(boxed(inner)?),
            Expr::Not(inner) => Expr::Not(boxed(inner)?),
            Expr::IsNull(inner) => Expr::IsNull(boxed(inner)?),
            Expr::In(inner, values) => Expr::In(boxed(inner)?, values.clone()),
            Expr::Compare(comparison, left, right) => Expr::Compare(*comparison, boxed(left)?, boxed(right)?),
        })
    }

    /// Calls `visit` with every column place.
    pub fn visit_columns(&self, visit: &mut dyn FnMut(u32)) {
        match self {
            Expr::Column(at) => visit(*at),
            Expr::Literal(_) => {}
            Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| part.visit_columns(visit)),
            Expr::Length(inner) | Expr::Not(inner) | Expr::IsNull(inner) | Expr::In(inner, _) => {
                inner.visit_columns(visit);
            }
            Expr::Compare(_, left, right) => {
                left.visit_columns(visit);
                right.visit_columns(visit);
            }
        }
    }

    /// Appends the expression's form in the catalog.
    pub fn write(&self, out: &mut Writer) {
        match self {
            Expr::Column(at) => {
                out.u8(1);
                out.varint((*at).into());
            }
            Expr::Literal(value) => {
                out.u8(2);
                value.write(out);
            }
            Expr::Length(inner) => {
                out.u8(3);
                inner.write(out);
            }
            Expr::Compare(comparison, left, right) => {
                out.u8(4);
                out.u8(*comparison as u8);
                left.write(out);
                right.write(out);
            }
            Expr::And(parts) => {
                out.u8(5);
                out.list(parts.iter(), |out, part| part.write(out));
            }
            Expr::Or(parts) => {
                out.u8(6);
                out.list(parts.iter(), |out, part| part.write(out));
            }
            Expr::Not(inner) => {
                out.u8(7);
                inner.write(out);
            }
            Expr::IsNull(inner) => {
                out.u8(8);
                inner.write(out);
            }
            Expr::In(inner, values) => {
                out.u8(9);
                inner.write(out);
                out.list(values.iter(), |out, value| value.write(out));
            }
        }
    }

    /// Reads what [`Expr::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if it is none or nested more than [`EXPR_DEPTH_MAX`] deep.
    pub fn read(input: &mut Reader<'_>) -> Result<Expr> {
        Expr::read_nested(input, EXPR_DEPTH_MAX)
    }

    fn read_nested(input: &mut Reader<'_>, depth: usize) -> Result<Expr> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Error::corrupt(
                "expression_too_deep",
                format!("an expression nested over {EXPR_DEPTH_MAX} deep"),
            ));
        };
        let nested = |input: &mut Reader<'_>| Expr::read_nested(input, depth).map(Box::new);
        Ok(match input.u8()? {
            1 => Expr::Column(input.varint32()?),
            2 => Expr::Literal(ValueRef::read(input)?.to_owned()),
            3 => Expr::Length(nested(input)?),
            4 => Expr::Compare(Comparison::read(input.u8()?)?, nested(input)?, nested(input)?),
            5 => Expr::And(input.list(LIST_ITEMS_MAX, |input| Expr::read_nested(input, depth))?),
            6 => Expr::Or(input.list(LIST_ITEMS_MAX, |input| Expr::read_nested(input, depth))?),
            7 => Expr::Not(nested(input)?),
            8 => Expr::IsNull(nested(input)?),
            9 => Expr::In(nested(input)?, input.list(LIST_ITEMS_MAX, |input| Ok(ValueRef::read(input)?.to_owned()))?),
            other => return Err(Error::corrupt("unknown_expression", format!("unknown expression {other}"))),
        })
    }
}

fn not_a_condition(found: &str) -> Error {
    Error::internal("not_a_condition", format!("an expression gives {found} where a condition or text is needed"))
}

fn ordered(left: ValueRef<'_>, right: ValueRef<'_>) -> Result<std::cmp::Ordering> {
    if std::mem::discriminant(&left) != std::mem::discriminant(&right) {
        let message = format!("{} is compared with {} without conversion", left.type_name(), right.type_name());
        return Err(Error::internal("mixed_comparison", message));
    }
    Ok(left.order(&right))
}

/// Where an expression finds its columns.
pub trait Cells<'a> {
    /// The cell at a place.
    ///
    /// # Errors
    /// Kind `internal` if there is none.
    fn cell(&'a self, at: u32) -> Result<ValueRef<'a>>;
}

impl<'a, S: AsRef<str>, B: AsRef<[u8]>> Cells<'a> for [Datum<S, B>] {
    fn cell(&'a self, at: u32) -> Result<ValueRef<'a>> {
        self.get(at as usize)
            .map(Datum::borrow)
            .ok_or_else(|| Error::internal("missing_cell", format!("an expression names cell {at} of {}", self.len())))
    }
}
