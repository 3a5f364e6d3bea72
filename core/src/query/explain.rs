//! A plan in words.

use std::fmt::{self, Display};

use super::declare::{Amount, Field, Function, Nulls, Operand, Output, Place, SortDirection};
use super::path::{Fixed, Narrow, Path, Sorted, Source};
use super::plan::{Body, GroupsBody, Plan, Term, Way};
use crate::catalog::Table;
use crate::expr::{Comparison, Expr};
use crate::ids::ColumnId;
use crate::store::Direction;
use crate::value::{Datum, Value};

impl Plan {
    /// How the query runs, a step a line; ways that are only taken while an index is incomplete or a transaction
    /// hides it begin with `else`.
    pub fn explain(&self) -> String {
        let mut out = String::new();
        for (at, way) in self.ways.iter().enumerate() {
            let lead = if at == 0 { "" } else { "else " };
            out.push_str(&format!("{lead}{}\n", ShownWay(self, way)));
            if let Some(filter) = &way.filter {
                out.push_str(&format!("  filter {}\n", ShownExpr(&self.table, &filter.shown)));
            }
            if let (Body::Rows(body), Sorted::Runs(terms)) = (&self.body, way.path.sorted) {
                let field =
                    |slot: usize| body.order_reading.fields().get(slot).map_or("?", |field| field.name(&self.table));
                let runs = if terms == 0 { "sort" } else { "sort within runs" };
                out.push_str(&format!("  {runs} by {}\n", order(&body.order, |slot| field(slot).to_string())));
            }
        }
        if let Body::Groups(body) = &self.body {
            self.explain_groups(body, &mut out);
        }
        for (word, amount) in [("offset", self.offset), ("limit", self.limit)] {
            match amount {
                None => {}
                Some(Amount::Rows(rows)) => out.push_str(&format!("{word} {rows}\n")),
                Some(Amount::Parameter(at)) => out.push_str(&format!("{word} ${}\n", at + 1)),
            }
        }
        out
    }

    fn explain_groups(&self, body: &GroupsBody, out: &mut String) {
        let field =
            |slot: &usize| body.reading.fields().get(*slot).map_or("?", |field| field.name(&self.table)).to_string();
        let keys: Vec<String> = body.keys.iter().map(field).collect();
        let aggregates: Vec<String> =
            body.aggregates.iter().map(|aggregate| show(&self.table, aggregate.output)).collect();
        if keys.is_empty() {
            out.push_str(&format!("aggregate {}\n", aggregates.join(", ")));
        } else {
            out.push_str(&format!("group by {}: {}\n", keys.join(", "), aggregates.join(", ")));
        }
        if !body.order.is_empty() {
            let value = |place: usize| keys.iter().chain(&aggregates).nth(place).cloned().unwrap_or_default();
            out.push_str(&format!("sort groups by {}\n", order(&body.order, value)));
        }
    }
}

fn order(terms: &[Term], name: impl Fn(usize) -> String) -> String {
    if terms.is_empty() {
        return "primary key".to_string();
    }
    let show = |term: &Term| {
        let direction = if term.direction == SortDirection::Ascending { "asc" } else { "desc" };
        let nulls = if term.nulls == Nulls::First { "first" } else { "last" };
        format!("{} {direction} nulls {nulls}", name(term.slot))
    };
    terms.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn show(table: &Table, output: Output) -> String {
    match output {
        Output::Field(field) => field.name(table).to_string(),
        Output::CountRows => "count(*)".to_string(),
        Output::Aggregate(function, field) => {
            let function = match function {
                Function::Count => "count",
                Function::Sum => "sum",
                Function::Min => "min",
                Function::Max => "max",
                Function::Avg => "avg",
            };
            format!("{function}({})", field.name(table))
        }
    }
}

struct ShownWay<'a>(&'a Plan, &'a Way);

impl Display for ShownWay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShownWay(plan, Way { path, .. }) = self;
        let table = &plan.table;
        let is_get = path.source == Source::Primary
            && (path.fixed.len() == table.primary_key.len() || matches!(path.narrow, Narrow::List(_)));
        write!(f, "{} {}", if is_get { "get" } else { "scan" }, table.full_name())?;
        let columns: &[ColumnId] = match &path.source {
            Source::Primary => &table.primary_key,
            Source::Index(index) => {
                write!(f, " by index {}", index.name)?;
                &index.columns
            }
        };
        let tests = tests(table, columns, path);
        if !tests.is_empty() {
            let by = if path.source == Source::Primary { " by primary key" } else { "" };
            write!(f, "{by}: {}", tests.join(", "))?;
        }
        if path.direction == Direction::Reverse { f.write_str(", in reverse") } else { Ok(()) }
    }
}

fn tests(table: &Table, columns: &[ColumnId], path: &Path) -> Vec<String> {
    let mut columns = columns.iter().map(|id| Field::Column(*id).name(table));
    let mut tests = Vec::new();
    for (fixed, column) in path.fixed.iter().zip(&mut columns) {
        tests.push(match fixed {
            Fixed::Null => format!("{column} is null"),
            Fixed::Value(operand) => format!("{column} = {}", ShownOperand(operand)),
        });
    }
    let column = columns.next().unwrap_or("?");
    match &path.narrow {
        Narrow::Nothing => {}
        Narrow::List(values) => tests.push(format!("{column} in {} values", values.len())),
        Narrow::Range { lower, upper } => {
            let sign = |included: bool| if included { "=" } else { "" };
            tests.extend(
                lower
                    .iter()
                    .map(|(operand, included)| format!("{column} >{} {}", sign(*included), ShownOperand(operand))),
            );
            tests.extend(
                upper
                    .iter()
                    .map(|(operand, included)| format!("{column} <{} {}", sign(*included), ShownOperand(operand))),
            );
        }
    }
    tests
}

struct ShownOperand<'a>(&'a Operand);

impl Display for ShownOperand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Operand::Literal(value) => show_value(value, f),
            Operand::Parameter(at) => write!(f, "${}", at + 1),
        }
    }
}

fn show_value(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Datum::Null | Datum::Boolean(_) | Datum::SmallInt(_) | Datum::Int(_) | Datum::BigInt(_) | Datum::Double(_) => {
            value.fmt(f)
        }
        other => write!(f, "'{other}'"),
    }
}

struct ShownExpr<'a>(&'a Table, &'a Expr);

impl ShownExpr<'_> {
    fn list(&self, parts: &[Expr], word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                write!(f, " {word} ")?;
            }
            match part {
                Expr::And(_) | Expr::Or(_) => write!(f, "({})", ShownExpr(self.0, part))?,
                _ => ShownExpr(self.0, part).fmt(f)?,
            }
        }
        Ok(())
    }
}

impl Display for ShownExpr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |inner| ShownExpr(self.0, inner);
        match self.1 {
            Expr::Column(at) => match Place::of(*at) {
                Ok(Place::Field(field)) => f.write_str(field.name(self.0)),
                Ok(Place::Parameter(at)) => write!(f, "${}", at + 1),
                Err(_) => f.write_str("?"),
            },
            Expr::Literal(value) => show_value(value, f),
            Expr::Length(inner) => write!(f, "length({})", shown(inner)),
            Expr::And(parts) => self.list(parts, "and", f),
            Expr::Or(parts) => self.list(parts, "or", f),
            Expr::Not(inner) => write!(f, "not ({})", shown(inner)),
            Expr::IsNull(inner) => write!(f, "{} is null", shown(inner)),
            Expr::In(inner, values) => write!(f, "{} in {} values", shown(inner), values.len()),
            Expr::Compare(comparison, left, right) => {
                let sign = match comparison {
                    Comparison::Equal => "=",
                    Comparison::NotEqual => "<>",
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                };
                write!(f, "{} {sign} {}", shown(left), shown(right))
            }
        }
    }
}
