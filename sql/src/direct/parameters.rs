//! The parameters of a statement and the slots that they take in its plan.

use std::ops::ControlFlow;

use kalamdb_core::value::Datum;
use kalamdb_core::{Type, Value};
use sqlparser::ast::{self, visit_expressions};
use sqlparser::tokenizer::Location;

use super::condition::row_count;
use super::literal::{Placeholder, convert};

/// What a slot of a plan needs of the parameter that fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// A value that compares with a column of this type.
    Comparable(Type),
    /// A number of rows.
    Rows,
}

/// For each slot of a plan, the parameter that fills it. A parameter that meets columns of several types has a slot
/// for each use.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    /// Where the question marks of the statement stand, in order.
    questions: Vec<Location>,
    slots: Vec<(usize, Need)>,
}

impl Parameters {
    /// The parameters of a statement; none if it mixes `?` and `$1`, or if its question marks have no place.
    pub(super) fn of(query: &ast::Query) -> Option<Parameters> {
        let (mut questions, mut numbered) = (Vec::new(), false);
        let _: ControlFlow<()> = visit_expressions(query, |expr| {
            if let ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Placeholder(text), span }) = expr {
                if text == "?" { questions.push(span.start) } else { numbered = true }
            }
            ControlFlow::Continue(())
        });
        let count = questions.len();
        questions.sort_unstable();
        questions.dedup();
        let is_clear = questions.len() == count && !(numbered && count > 0);
        is_clear.then(|| Parameters { questions, slots: Vec::new() })
    }

    /// A slot for a parameter that is compared with a column.
    pub(super) fn slot(&mut self, placeholder: &Placeholder, ty: Type) -> Option<u32> {
        self.add(placeholder, Need::Comparable(ty))
    }

    /// A slot for a parameter of LIMIT or OFFSET.
    pub(super) fn rows_slot(&mut self, placeholder: &Placeholder) -> Option<u32> {
        self.add(placeholder, Need::Rows)
    }

    fn add(&mut self, placeholder: &Placeholder, need: Need) -> Option<u32> {
        let number = match placeholder {
            Placeholder::Numbered(number) => *number,
            Placeholder::Question(place) => self.questions.binary_search(place).ok()?,
        };
        self.slots.push((number, need));
        u32::try_from(self.slots.len() - 1).ok()
    }

    /// The values of the slots; none if a parameter is missing or does not fit, which is DataFusion's to judge.
    pub(super) fn bind(&self, parameters: &[Value]) -> Option<Vec<Value>> {
        let fill = |(number, need): &(usize, Need)| {
            let value = parameters.get(*number)?;
            match need {
                Need::Comparable(ty) => convert(value, *ty),
                Need::Rows => row_count(value).and_then(|rows| i64::try_from(rows).ok()).map(Datum::BigInt),
            }
        };
        self.slots.iter().map(fill).collect()
    }
}
