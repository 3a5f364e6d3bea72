//! What the catalog stores about a table.

use crate::codec::{Reader, Writer};
use crate::expr::Expr;
use crate::ids::{CatalogVersion, ColumnId, IndexId, Name, TableId};
use crate::value::{Type, Value, ValueRef};
use crate::{Error, Result};

/// Most columns of a table over its whole life, dropped ones included.
pub const COLUMNS_MAX: usize = 1_000;
/// Most indexes and most CHECK constraints of a table.
pub const CONSTRAINTS_MAX: usize = 100;
/// Default for how long a deleted row is kept: 30 days.
pub const DELETED_RETENTION_DEFAULT_SECONDS: u64 = 30 * 24 * 3600;

/// What a column gets that an INSERT does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Default {
    /// A constant.
    Literal(Value),
    /// The time at which the statement runs.
    Now,
    /// A UUID of version 7: time-ordered, random.
    UuidV7,
    /// A ULID as text of 26 characters.
    Ulid,
    /// A number from time and the device's number; refused before a server gave one.
    SnowflakeId,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its id; also its place in [`TableDef::columns`].
    pub id: ColumnId,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// What an INSERT that does not name it stores.
    pub default: Option<Default>,
    /// What rows hold that are older than the column.
    pub fill: Value,
    /// The schema version that added it.
    pub added: u32,
    /// The schema version that dropped it.
    pub dropped: Option<u32>,
    /// Reserved for columns that only devices can read; always `false` until then.
    pub opaque: bool,
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDef {
    /// Its id within the catalog.
    pub id: IndexId,
    /// Its name.
    pub name: Name,
    /// The columns in order.
    pub columns: Vec<ColumnId>,
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckDef {
    /// Its name.
    pub name: Name,
    /// The condition as it was written.
    pub sql: String,
    /// The condition over column ids.
    pub expr: Expr,
}

/// Where the cold rows of a table go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A path template with `${user_id}`.
    Template(String),
    /// A named storage location.
    Reference(Name),
}

/// When a table's hot rows are written into segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlushPolicy {
    /// After this many rows of one user.
    pub rows: Option<u64>,
    /// After this many seconds.
    pub interval_seconds: Option<u64>,
}

/// What `CREATE TABLE` says beside columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// Where cold rows go; `None`: the default template.
    pub location: Option<Location>,
    /// When rows grow cold.
    pub flush: FlushPolicy,
    /// Seconds for which a deleted row is kept; `None`: for ever.
    pub deleted_retention_seconds: Option<u64>,
}

impl std::default::Default for TableOptions {
    fn default() -> Self {
        TableOptions {
            location: None,
            flush: FlushPolicy::default(),
            deleted_retention_seconds: Some(DELETED_RETENTION_DEFAULT_SECONDS),
        }
    }
}

/// A user table as the catalog stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDef {
    /// Its id.
    pub id: TableId,
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// How often its columns changed, from 1.
    pub schema: u32,
    /// All columns that it ever had; a column's id is its place.
    pub columns: Vec<ColumnDef>,
    /// The columns of the primary key.
    pub primary_key: Vec<ColumnId>,
    /// Its indexes.
    pub indexes: Vec<IndexDef>,
    /// Its CHECK constraints.
    pub checks: Vec<CheckDef>,
    /// The rest.
    pub options: TableOptions,
    /// The catalog version of its last change.
    pub changed: CatalogVersion,
    /// Whether it was dropped.
    pub dropped: bool,
}

const FORMAT: u8 = 1;

impl TableDef {
    /// `namespace.name`, for messages.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.namespace, self.name)
    }

    /// Appends the definition.
    pub fn write(&self, out: &mut Writer) {
        out.u8(FORMAT);
        out.varint(self.id.0.into());
        out.text(self.namespace.as_str());
        out.text(self.name.as_str());
        out.varint(self.schema.into());
        out.list(self.columns.iter(), |out, column| column.write(out));
        out.list(self.primary_key.iter(), |out, id| out.varint(id.0.into()));
        out.list(self.indexes.iter(), |out, index| {
            out.varint(index.id.0.into());
            out.text(index.name.as_str());
            out.list(index.columns.iter(), |out, id| out.varint(id.0.into()));
        });
        out.list(self.checks.iter(), |out, check| {
            out.text(check.name.as_str());
            out.text(&check.sql);
            check.expr.write(out);
        });
        self.options.write(out);
        out.varint(self.changed.0);
        out.u8(self.dropped.into());
    }

    /// Reads what [`TableDef::write`] wrote and checks that its parts fit together.
    ///
    /// # Errors
    /// Kind `corrupt` if they do not.
    pub fn read(input: &mut Reader<'_>) -> Result<TableDef> {
        let format = input.u8()?;
        if format != FORMAT {
            return Err(Error::corrupt("unknown_format", format!("table definition of unknown format {format}")));
        }
        let def = TableDef {
            id: TableId(input.varint32()?),
            namespace: read_name(input)?,
            name: read_name(input)?,
            schema: input.varint32()?,
            columns: input.list(COLUMNS_MAX, ColumnDef::read)?,
            primary_key: input.list(COLUMNS_MAX, |input| Ok(ColumnId(input.varint32()?)))?,
            indexes: input.list(CONSTRAINTS_MAX, |input| {
                Ok(IndexDef {
                    id: IndexId(input.varint32()?),
                    name: read_name(input)?,
                    columns: input.list(COLUMNS_MAX, |input| Ok(ColumnId(input.varint32()?)))?,
                })
            })?,
            checks: input.list(CONSTRAINTS_MAX, |input| {
                Ok(CheckDef { name: read_name(input)?, sql: input.text()?.to_string(), expr: Expr::read(input)? })
            })?,
            options: TableOptions::read(input)?,
            changed: CatalogVersion(input.varint()?),
            dropped: input.flag()?,
        };
        def.check_whole()?;
        Ok(def)
    }

    fn check_whole(&self) -> Result<()> {
        let known = |id: &ColumnId| (id.0 as usize) < self.columns.len();
        let mut checks_known = true;
        for check in &self.checks {
            check.expr.visit_columns(&mut |at| checks_known &= known(&ColumnId(at)));
        }
        let whole = self.columns.iter().enumerate().all(|(at, column)| column.id.0 as usize == at)
            && !self.primary_key.is_empty()
            && self.primary_key.iter().all(known)
            && self.indexes.iter().all(|index| index.columns.iter().all(known))
            && self.columns.iter().all(|column| (1..=self.schema).contains(&column.added))
            && self.columns.iter().all(|column| column.fill.fits(column.ty))
            && self.schema as usize <= 3 * COLUMNS_MAX
            && checks_known;
        if whole {
            return Ok(());
        }
        Err(Error::corrupt(
            "broken_table",
            format!("the definition of table `{}` contradicts itself", self.full_name()),
        ))
    }
}

impl ColumnDef {
    fn write(&self, out: &mut Writer) {
        out.varint(self.id.0.into());
        out.text(self.name.as_str());
        self.ty.write(out);
        out.u8(self.nullable.into());
        out.option(self.default.as_ref(), |out, default| match default {
            Default::Literal(value) => {
                out.u8(1);
                value.write(out);
            }
            Default::Now => out.u8(2),
            Default::UuidV7 => out.u8(3),
            Default::Ulid => out.u8(4),
            Default::SnowflakeId => out.u8(5),
        });
        self.fill.write(out);
        out.varint(self.added.into());
        out.option(self.dropped, |out, version| out.varint(version.into()));
        out.u8(self.opaque.into());
    }

    fn read(input: &mut Reader<'_>) -> Result<ColumnDef> {
        Ok(ColumnDef {
            id: ColumnId(input.varint32()?),
            name: read_name(input)?,
            ty: Type::read(input)?,
            nullable: input.flag()?,
            default: input.option(|input| {
                Ok(match input.u8()? {
                    1 => Default::Literal(ValueRef::read(input)?.to_owned()),
                    2 => Default::Now,
                    3 => Default::UuidV7,
                    4 => Default::Ulid,
                    5 => Default::SnowflakeId,
                    other => return Err(Error::corrupt("unknown_default", format!("unknown column default {other}"))),
                })
            })?,
            fill: ValueRef::read(input)?.to_owned(),
            added: input.varint32()?,
            dropped: input.option(Reader::varint32)?,
            opaque: input.flag()?,
        })
    }
}

impl TableOptions {
    fn write(&self, out: &mut Writer) {
        out.option(self.location.as_ref(), |out, location| match location {
            Location::Template(template) => {
                out.u8(1);
                out.text(template);
            }
            Location::Reference(name) => {
                out.u8(2);
                out.text(name.as_str());
            }
        });
        out.option(self.flush.rows, Writer::varint);
        out.option(self.flush.interval_seconds, Writer::varint);
        out.option(self.deleted_retention_seconds, Writer::varint);
    }

    fn read(input: &mut Reader<'_>) -> Result<TableOptions> {
        Ok(TableOptions {
            location: input.option(|input| {
                Ok(match input.u8()? {
                    1 => Location::Template(input.text()?.to_string()),
                    2 => Location::Reference(read_name(input)?),
                    other => return Err(Error::corrupt("unknown_location", format!("unknown location form {other}"))),
                })
            })?,
            flush: FlushPolicy { rows: input.option(Reader::varint)?, interval_seconds: input.option(Reader::varint)? },
            deleted_retention_seconds: input.option(Reader::varint)?,
        })
    }
}

pub(super) fn read_name(input: &mut Reader<'_>) -> Result<Name> {
    let text = input.text()?;
    Name::new(text).map_err(|error| Error::corrupt("invalid_name", error.message()))
}
