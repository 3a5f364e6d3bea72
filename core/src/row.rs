//! The row codec: what stands in partition Rows and Overlay and travels in snapshots and log entries.
//!
//! A byte of format and flags, the schema version, seq, `_updated`, then the cells of that schema version without
//! the key, which the store's key holds; on a server, stamps follow. docs/format.md draws it.

use crate::catalog::Table;
use crate::codec::{Reader, Writer};
use crate::hlc::Hlc;
use crate::ids::{ColumnId, DeviceNumber, Seq};
use crate::value::{Cell, Datum, Value, ValueRef};
use crate::{Error, Result, key};

/// Largest row, encoded.
pub const ROW_BYTES_MAX: usize = 1 << 20;

const FORMAT: u8 = 1;
const FORMAT_MASK: u8 = 0x0f;
const DELETED: u8 = 0x10;
const PENDING: u8 = 0x20;
const STAMPED: u8 = 0x40;

/// What precedes the cells of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// Whether undecided writes of this device are in it.
    pub pending: bool,
    /// The schema version of the cells.
    pub schema: u32,
    /// The transaction that wrote it last.
    pub seq: Seq,
    /// The commit time of that transaction, µs since 1970; the device's clock while pending.
    pub updated: i64,
}

/// Who wrote a column last, as the conflict rule needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The transaction.
    pub seq: Seq,
    /// Its clock.
    pub hlc: Hlc,
    /// Its device.
    pub device: DeviceNumber,
}

/// The stamps of a row on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// The transaction that inserted the row.
    pub inserted: Seq,
    /// The device that inserted it.
    pub inserter: DeviceNumber,
    /// One stamp for each column ever; those of key and dropped columns mean nothing.
    pub columns: Vec<Stamp>,
}

/// A whole row in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Header.
    pub header: Header,
    /// A cell for each column ever; dropped ones hold what they are filled with.
    pub cells: Vec<Value>,
}

impl Row {
    /// The cell of a column; NULL if there is none.
    pub fn cell(&self, id: ColumnId) -> &Value {
        self.cells.get(id.0 as usize).unwrap_or(&Datum::Null)
    }

    /// Sets the cell of a column.
    pub fn set(&mut self, id: ColumnId, value: Value) {
        if let Some(cell) = self.cells.get_mut(id.0 as usize) {
            *cell = value;
        }
    }

    /// The bytes of the row in the newest schema version of `table`, with `stamps` behind if given.
    ///
    /// # Errors
    /// Kind `quota` if it is larger than [`ROW_BYTES_MAX`].
    pub fn encode(&self, table: &Table, stamps: Option<&Stamps>) -> Result<Vec<u8>> {
        let mut out = Writer::on(Vec::with_capacity(96));
        let header = Header { schema: table.schema, ..self.header };
        header.write(&mut out, stamps.is_some());
        let layout = table.layout(table.schema)?;
        for id in layout {
            self.cell(*id).write(&mut out);
        }
        if out.len() > ROW_BYTES_MAX {
            let message = format!(
                "a row of table `{}` has {} bytes: at most {ROW_BYTES_MAX} are allowed, spread it over several rows",
                table.full_name(),
                out.len()
            );
            return Err(Error::quota("row_too_large", message));
        }
        if let Some(stamps) = stamps {
            stamps.write(layout, &mut out);
        }
        Ok(out.into_vec())
    }

    /// Reads a whole row, key columns from `pk`.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no row of `table`.
    pub fn decode(table: &Table, pk: &[u8], bytes: &[u8]) -> Result<Row> {
        Ok(Row::decode_stamped(table, pk, bytes)?.0)
    }

    /// Reads a whole row and its stamps, if it has any.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no row of `table`.
    pub fn decode_stamped(table: &Table, pk: &[u8], bytes: &[u8]) -> Result<(Row, Option<Stamps>)> {
        let mut input = Reader::new(bytes);
        let (header, stamped) = Header::read(&mut input)?;
        let mut cells = table.fill_cells();
        read_key_cells(table, pk, &mut cells)?;
        let layout = table.layout(header.schema)?;
        for id in layout {
            let value = ValueRef::read(&mut input)?;
            if let Some(cell) = cells.get_mut(id.0 as usize)
                && table.column(*id).is_some_and(|column| column.dropped.is_none())
            {
                *cell = value.to_owned();
            }
        }
        let stamps = if stamped { Some(Stamps::read(table, layout, &mut input)?) } else { None };
        input.finish()?;
        Ok((Row { header, cells }, stamps))
    }
}

fn read_key_cells(table: &Table, pk: &[u8], cells: &mut [Value]) -> Result<()> {
    let mut input = Reader::new(pk);
    for id in &table.primary_key {
        let value = key::read_value(&mut input)?.to_owned();
        if let Some(cell) = cells.get_mut(id.0 as usize) {
            *cell = value;
        }
    }
    input.finish()
}

impl Header {
    fn write(&self, out: &mut Writer, stamped: bool) {
        let mut flags = FORMAT;
        for (set, flag) in [(self.deleted, DELETED), (self.pending, PENDING), (stamped, STAMPED)] {
            if set {
                flags |= flag;
            }
        }
        out.u8(flags);
        out.varint(self.schema.into());
        out.varint(self.seq.0);
        out.raw(&self.updated.to_le_bytes());
    }

    /// Whether an encoded row is a tombstone, from its first byte.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no row.
    #[inline]
    pub fn is_tombstone(bytes: &[u8]) -> Result<bool> {
        let flags = Reader::new(bytes).u8()?;
        if flags & FORMAT_MASK != FORMAT {
            return Err(Error::corrupt("unknown_format", format!("row of unknown format {flags:#04x}")));
        }
        Ok(flags & DELETED != 0)
    }

    /// Reads the header and whether stamps follow the cells.
    fn read(input: &mut Reader<'_>) -> Result<(Header, bool)> {
        let flags = input.u8()?;
        if flags & FORMAT_MASK != FORMAT || flags & !(FORMAT_MASK | DELETED | PENDING | STAMPED) != 0 {
            return Err(Error::corrupt("unknown_format", format!("row of unknown format {flags:#04x}")));
        }
        let header = Header {
            deleted: flags & DELETED != 0,
            pending: flags & PENDING != 0,
            schema: input.varint32()?,
            seq: Seq(input.varint()?),
            updated: i64::from_le_bytes(input.array()?),
        };
        Ok((header, flags & STAMPED != 0))
    }

    /// The header of an encoded row.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no row.
    pub fn peek(bytes: &[u8]) -> Result<Header> {
        Ok(Header::read(&mut Reader::new(bytes))?.0)
    }
}

impl Stamps {
    /// Distinct stamps first, then for each stored column which of them it has, unless all have the first.
    fn write(&self, layout: &[ColumnId], out: &mut Writer) {
        let of = |id: &ColumnId| self.columns.get(id.0 as usize).copied().unwrap_or_default();
        let mut distinct: Vec<Stamp> = Vec::with_capacity(2);
        let places: Vec<usize> = layout
            .iter()
            .map(|id| {
                let stamp = of(id);
                distinct.iter().position(|known| *known == stamp).unwrap_or_else(|| {
                    distinct.push(stamp);
                    distinct.len() - 1
                })
            })
            .collect();
        out.varint(self.inserted.0);
        out.varint(self.inserter.0);
        out.list(distinct.iter(), |out, stamp| {
            out.varint(stamp.seq.0);
            out.raw(&stamp.hlc.0.to_le_bytes());
            out.varint(stamp.device.0);
        });
        if distinct.len() > 1 {
            places.into_iter().for_each(|place| out.varint(place as u64));
        }
    }

    fn read(table: &Table, layout: &[ColumnId], input: &mut Reader<'_>) -> Result<Stamps> {
        let mut stamps =
            Stamps { inserted: Seq(input.varint()?), inserter: DeviceNumber(input.varint()?), columns: Vec::new() };
        let distinct = input.list(layout.len(), |input| {
            Ok(Stamp {
                seq: Seq(input.varint()?),
                hlc: Hlc(u64::from_le_bytes(input.array()?)),
                device: DeviceNumber(input.varint()?),
            })
        })?;
        // A column added after the row was written counts as written with the row's insertion.
        let insertion = Stamp { seq: stamps.inserted, hlc: Hlc(0), device: stamps.inserter };
        stamps.columns = vec![insertion; table.columns.len()];
        for id in layout {
            let place = if distinct.len() > 1 { input.varint()? as usize } else { 0 };
            let stamp = distinct.get(place).copied();
            let stamp = stamp.ok_or_else(|| Error::corrupt("broken_stamps", "a column of a row has no stamp"))?;
            if let Some(known) = stamps.columns.get_mut(id.0 as usize) {
                *known = stamp;
            }
        }
        Ok(stamps)
    }
}

/// The bytes of a server's row without its stamps, as devices hold it.
///
/// # Errors
/// Kind `corrupt` if the bytes are no row of `table`.
pub fn without_stamps(table: &Table, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut input = Reader::new(bytes);
    let (header, stamped) = Header::read(&mut input)?;
    for _ in table.layout(header.schema)? {
        ValueRef::skip(&mut input)?;
    }
    let mut plain = bytes[..bytes.len() - input.rest().len()].to_vec();
    if stamped && let Some(flags) = plain.first_mut() {
        *flags &= !STAMPED;
    }
    Ok(plain)
}

/// Checks that bytes are a row of `table` as devices hold it: no stamps, not pending, every cell of its type.
///
/// # Errors
/// Kind `corrupt` if they are not.
pub fn check_plain(table: &Table, bytes: &[u8]) -> Result<Header> {
    let mut input = Reader::new(bytes);
    let (header, stamped) = Header::read(&mut input)?;
    for id in table.layout(header.schema)? {
        let value = ValueRef::read(&mut input)?;
        if table.column(*id).is_some_and(|column| !value.fits(column.ty)) {
            return Err(Error::corrupt(
                "wrong_cell",
                format!("a row of table `{}` has a cell of another type", table.full_name()),
            ));
        }
    }
    input.finish()?;
    if stamped || header.pending {
        return Err(Error::corrupt("wrong_row", "a row carries what only its owner may keep"));
    }
    Ok(header)
}

/// Which columns of a table a reader wants, and the places where it finds them.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    /// For each column ever: its slot, or none.
    slots: Vec<Option<usize>>,
    /// (place in the key, slot) of wanted key columns.
    key: Vec<(usize, usize)>,
    fills: Vec<Value>,
    last: Option<ColumnId>,
    /// For rows of the newest schema version: how many columns to step over before each wanted one, and its slot.
    steps: Vec<(usize, usize)>,
}

impl Projection {
    /// Wants `columns`, in this order.
    pub fn new(table: &Table, columns: &[ColumnId]) -> Projection {
        let mut projection = Projection { slots: vec![None; table.columns.len()], ..Projection::default() };
        for (slot, id) in columns.iter().enumerate() {
            projection.fills.push(table.column(*id).map_or(Datum::Null, |column| column.fill.clone()));
            if let Some(place) = table.primary_key.iter().position(|key| key == id) {
                projection.key.push((place, slot));
            } else if let Some(entry) = projection.slots.get_mut(id.0 as usize) {
                *entry = Some(slot);
                projection.last = projection.last.max(Some(*id));
            }
        }
        projection.key.sort_unstable();
        let mut over = 0;
        for id in table.layout(table.schema).unwrap_or_default() {
            match projection.slots.get(id.0 as usize).copied().flatten() {
                Some(slot) => projection.steps.push((std::mem::take(&mut over), slot)),
                None => over += 1,
            }
        }
        projection
    }

    /// Reads the wanted cells of an encoded row into `out`, and its header.
    ///
    /// # Errors
    /// Kind `corrupt` if the bytes are no row of `table`.
    pub fn read<'a>(&'a self, table: &Table, pk: &'a [u8], row: &'a [u8], out: &mut Vec<Cell<'a>>) -> Result<Header> {
        let mut input = Reader::new(row);
        let (header, _) = Header::read(&mut input)?;
        out.clear();
        if header.schema == table.schema {
            self.read_newest(&mut input, out)?;
        } else {
            self.read_older(table.layout(header.schema)?, &mut input, out)?;
        }
        if !self.key.is_empty() {
            self.read_key(pk, out)?;
        }
        Ok(header)
    }

    /// Rows of the newest schema version have every wanted column.
    #[inline]
    fn read_newest<'a>(&self, input: &mut Reader<'a>, out: &mut Vec<Cell<'a>>) -> Result<()> {
        out.resize(self.fills.len(), Datum::Null);
        for (over, slot) in &self.steps {
            for _ in 0..*over {
                ValueRef::skip(input)?;
            }
            out[*slot] = ValueRef::read(input)?.into_cell();
        }
        Ok(())
    }

    fn read_older<'a>(&'a self, layout: &[ColumnId], input: &mut Reader<'a>, out: &mut Vec<Cell<'a>>) -> Result<()> {
        out.extend(self.fills.iter().map(|fill| fill.borrow().into_cell()));
        let Some(last) = self.last else { return Ok(()) };
        for id in layout.iter().take_while(|id| **id <= last) {
            match self.slots.get(id.0 as usize).copied().flatten() {
                Some(slot) => out[slot] = ValueRef::read(input)?.into_cell(),
                None => ValueRef::skip(input)?,
            }
        }
        Ok(())
    }

    fn read_key<'a>(&self, pk: &'a [u8], out: &mut [Cell<'a>]) -> Result<()> {
        let mut input = Reader::new(pk);
        let mut wanted = self.key.iter().peekable();
        for place in 0.. {
            let value = key::read_value(&mut input)?;
            while let Some((_, slot)) = wanted.next_if(|(wanted, _)| *wanted == place) {
                out[*slot] = value.clone();
            }
            if wanted.peek().is_none() {
                break;
            }
        }
        Ok(())
    }
}
