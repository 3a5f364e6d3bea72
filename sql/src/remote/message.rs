//! Requests and answers as bytes. Both sides are of one build, so the bytes carry no version.

use std::borrow::Cow;

use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::{Error, ErrorKind, Now, Result, Type, Value, ValueRef};

use crate::parse::ExplainMode;
use crate::reader::Answer;
use crate::result::ResultColumn;
use crate::system::SystemTable;

/// A query, without the tables that it reads.
pub struct Request<'a> {
    /// The query.
    pub sql: Cow<'a, str>,
    /// Whether tombstones stay hidden even if `_deleted` is named.
    pub live_only: bool,
    /// Set if the plan is wanted.
    pub mode: Option<ExplainMode>,
    /// The parameters.
    pub params: Vec<Value>,
    /// What NOW() gives.
    pub now: Now,
    /// What generated values follow from, so that a statement that is repeated makes the same ones.
    pub seed: [u8; 16],
    /// Whose copy it is.
    pub user: Option<Cow<'a, str>>,
    /// The rows of the system tables that it reads and that do not follow from the catalog.
    pub system: Vec<(SystemTable, Vec<Vec<Value>>)>,
}

impl Request<'_> {
    /// The bytes of a request, with what `ship` appends at the end.
    pub fn write(&self, ship: impl FnOnce(&mut Writer) -> Result<()>) -> Result<Vec<u8>> {
        let mut out = Writer::new();
        out.text(&self.sql);
        out.u8(self.live_only.into());
        out.u8(match self.mode {
            None => 0,
            Some(ExplainMode::Plan) => 1,
            Some(ExplainMode::Analyze) => 2,
        });
        write_row(&self.params, &mut out);
        out.zigzag(self.now.0);
        out.raw(&self.seed);
        out.option(self.user.as_deref(), Writer::text);
        out.list(self.system.iter(), |out, (table, rows)| {
            out.text(table.name());
            out.list(rows.iter(), |out, row| write_row(row, out));
        });
        ship(&mut out)?;
        Ok(out.into_vec())
    }

    /// Equal for requests that are planned alike in one catalog, unless they name functions of statement or session.
    #[cfg(feature = "datafusion")]
    pub fn key(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.text(&self.sql);
        out.u8(self.live_only.into());
        write_row(&self.params, &mut out);
        out.into_vec()
    }
}

#[cfg(feature = "datafusion")]
impl<'a> Request<'a> {
    /// Reads a request; what was shipped comes next.
    pub fn read(input: &mut Reader<'a>) -> Result<Request<'a>> {
        Ok(Request {
            sql: input.text()?.into(),
            live_only: input.flag()?,
            mode: match input.u8()? {
                0 => None,
                1 => Some(ExplainMode::Plan),
                _ => Some(ExplainMode::Analyze),
            },
            params: read_row(input)?,
            now: Now(input.zigzag()?),
            seed: input.array()?,
            user: input.option(Reader::text)?.map(Cow::from),
            system: input.list(usize::MAX, |input| {
                let table = SystemTable::named(input.text()?).ok_or_else(|| damaged("an unknown system table"))?;
                Ok((table, input.list(usize::MAX, read_row)?))
            })?,
        })
    }
}

fn damaged(what: &str) -> Error {
    Error::internal("damaged_message", format!("a message between engine and query module is damaged: {what}"))
}

fn write_row(row: &[Value], out: &mut Writer) {
    out.list(row.iter(), |out, value| value.write(out));
}

#[cfg(feature = "datafusion")]
fn read_row(input: &mut Reader<'_>) -> Result<Vec<Value>> {
    input.list(usize::MAX, |input| Ok(ValueRef::read(input)?.to_owned()))
}

#[cfg(feature = "datafusion")]
const ANSWER: u8 = 0;
const ERROR: u8 = 1;

/// The bytes of an answer.
#[cfg(feature = "datafusion")]
pub fn write_answer(answer: &Result<Answer>) -> Vec<u8> {
    let mut out = Writer::new();
    match answer {
        Ok((columns, rows)) => {
            out.u8(ANSWER);
            out.list(columns.iter(), |out, column| {
                out.text(&column.name);
                column.ty.write(out);
            });
            out.varint(rows.len() as u64);
            rows.iter().flatten().for_each(|value| value.write(&mut out));
        }
        Err(error) => {
            out.u8(ERROR);
            out.u8(error.kind() as u8);
            out.text(error.code());
            out.text(error.message());
        }
    }
    out.into_vec()
}

/// Reads an answer.
pub fn read_answer(bytes: &[u8]) -> Result<Answer> {
    let mut input = Reader::new(bytes);
    if input.u8()? == ERROR {
        let kind = ErrorKind::from_u8(input.u8()?).ok_or_else(|| damaged("an unknown kind of error"))?;
        let (code, message) = (input.text()?.to_owned(), input.text()?.to_owned());
        return Err(Error::new(kind, code, message));
    }
    let columns = input.list(usize::MAX, |input| Ok(ResultColumn::new(input.text()?, Type::read(input)?)))?;
    let count = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    for _ in 0..count {
        let mut row = Vec::with_capacity(columns.len());
        for _ in 0..columns.len() {
            row.push(ValueRef::read(&mut input)?.to_owned());
        }
        rows.push(row);
    }
    input.finish()?;
    Ok((columns, rows))
}
