//! A view in another place: in the browser, queries run in a module with a memory of its own, which holds the tables
//! that they read and is told what changed.
//!
//! [`Shipper`] is at the side of the device, [`Replica`] at the other. Shipments are numbered and taken in order; a
//! replica that misses one says so and is filled anew. A shipment may lead back to an older view, as that of a
//! transaction that began earlier: what differs between two versions is the same in both directions.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::catalog::Catalog;
use crate::codec::{Reader, Writer};
use crate::device::Device;
use crate::ids::{CatalogVersion, Epoch, Generation, Seq, SpaceId, TableId};
use crate::mutation::Base;
use crate::store::{CowMap, Direction, Image, ImageSnapshot, KeyRange, Partition, WriteBatch, WriteOp};
use crate::transaction::Transaction;
use crate::view::{View, ViewVersion, write_key};
use crate::{Error, Result, keys};

/// The generation of the rows of a replica.
const GENERATION: Generation = Generation(0);

const SAME: u8 = 0;
const WHOLE: u8 = 1;
const ROWS: u8 = 2;

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;

/// What a replica was sent so far.
#[derive(Default)]
pub struct Shipper {
    shipments: u64,
    catalog: Option<Arc<Catalog>>,
    tables: BTreeMap<TableId, ViewVersion>,
}

impl Shipper {
    /// The replica is empty, or will be: it is filled anew.
    pub fn reset(&mut self) {
        *self = Shipper::default();
    }

    /// Appends what a replica needs to show `tables` as `view`, a view of `device`, shows them.
    ///
    /// # Errors
    /// What the store gives; the replica must be filled anew then.
    pub fn ship(&mut self, device: &Device, view: &View, tables: &[TableId], out: &mut Writer) -> Result<()> {
        out.varint(self.shipments);
        self.shipments += 1;
        out.raw(&view.base.epoch.0);
        out.varint(view.base.seq.0);
        let is_known = self.catalog.as_ref().is_some_and(|known| Arc::ptr_eq(known, &view.catalog));
        out.option((!is_known).then_some(&view.catalog), |out, catalog| write_catalog(catalog, out));
        if !is_known {
            self.catalog = Some(view.catalog.clone());
        }
        out.varint(tables.len() as u64);
        let plain = view.without_writes();
        for table in tables {
            out.varint(table.0.into());
            let sent = self.tables.insert(*table, view.version);
            let changed = match sent {
                Some(sent) if sent == view.version => {
                    out.u8(SAME);
                    continue;
                }
                Some(sent) => device.changed_since(sent.min(view.version)),
                None => None,
            };
            match changed {
                None => {
                    out.u8(WHOLE);
                    let mut cursor = plain.scan(*table, &KeyRange::all(), Direction::Forward)?;
                    while cursor.advance()? {
                        write_row(cursor.pk(), Some(cursor.row()), out);
                    }
                }
                Some(rows) => {
                    out.u8(ROWS);
                    for (_, pk) in rows.iter().filter(|(of, _)| of == table) {
                        write_row(pk, plain.get(*table, pk)?.as_deref(), out);
                    }
                }
            }
            // No key is empty.
            out.bytes(&[]);
        }
        for (table, pk, row) in Transaction::written(view) {
            if tables.contains(&table) {
                out.varint(table.0.into());
                write_row(&pk, Some(&row), out);
            }
        }
        // Tables count from 1.
        out.varint(0);
        Ok(())
    }
}

fn write_row(pk: &[u8], row: Option<&[u8]>, out: &mut Writer) {
    out.bytes(pk);
    match row {
        Some(row) => {
            out.u8(PRESENT);
            out.bytes(row);
        }
        None => out.u8(ABSENT),
    }
}

fn write_catalog(catalog: &Catalog, out: &mut Writer) {
    let mut batch = WriteBatch::new();
    catalog.save(CatalogVersion(0), &mut batch);
    out.list(batch.into_ops().into_iter(), |out, op| match op {
        WriteOp::Put { key, value, .. } => {
            out.bytes(&key);
            out.bytes(&value);
        }
        WriteOp::Delete { .. } | WriteOp::DeleteRange { .. } => unreachable!("saving since 0 puts every definition"),
    });
}

/// What became of a table with a shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shipped {
    /// All of it came.
    Whole,
    /// The rows with these keys came.
    Rows(Vec<Vec<u8>>),
}

/// The tables that were shipped.
#[derive(Default)]
pub struct Replica {
    shipments: u64,
    image: Image,
    catalog: Option<Arc<Catalog>>,
}

impl Replica {
    /// Takes a shipment: gives the view that it leads to, and what became of each table that changed.
    ///
    /// # Errors
    /// Kind `retry` with code `stale_replica` if it is not the next one: reset the shipper and ship again. Kind
    /// `corrupt` if its bytes are damaged.
    pub fn take(&mut self, input: &mut Reader<'_>) -> Result<(View, Vec<(TableId, Shipped)>)> {
        let number = input.varint()?;
        if number == 0 {
            *self = Replica::default();
        }
        if number != self.shipments {
            return Err(Error::retry("stale_replica", "the replica misses shipments: fill it anew"));
        }
        let base = Base { epoch: Epoch(input.array()?), seq: Seq(input.varint()?) };
        let catalog = input.option(read_catalog)?;
        let mut tables = Vec::new();
        for _ in 0..input.varint()? {
            let table = TableId(input.varint32()?);
            let mut shipped = match input.u8()? {
                SAME => continue,
                WHOLE => {
                    let range = KeyRange::prefix(keys::table_rows(SpaceId::LOCAL, GENERATION, table));
                    self.image.partition_mut(Partition::Rows).remove_range(&range);
                    Shipped::Whole
                }
                ROWS => Shipped::Rows(Vec::new()),
                other => return Err(damaged(&format!("way {other} of shipping a table"))),
            };
            self.take_rows(table, &mut shipped, input)?;
            tables.push((table, shipped));
        }
        let mut writes = CowMap::default();
        loop {
            let table = TableId(input.varint32()?);
            if table.0 == 0 {
                break;
            }
            let (pk, row) = read_row(input)?.ok_or_else(|| damaged("a write without a key"))?;
            let row = row.ok_or_else(|| damaged("a write without a row"))?;
            writes.insert(write_key(table, pk).into(), Bytes::copy_from_slice(row));
        }
        self.shipments += 1;
        self.catalog = catalog.or_else(|| self.catalog.take());
        let catalog = self.catalog.clone().ok_or_else(|| damaged("no catalog"))?;
        let view = View {
            snapshot: Arc::new(ImageSnapshot(self.image.clone())),
            catalog,
            space: SpaceId::LOCAL,
            generation: GENERATION,
            base,
            overlaid: false,
            version: ViewVersion(number),
            writes,
        };
        Ok((view, tables))
    }

    fn take_rows(&mut self, table: TableId, shipped: &mut Shipped, input: &mut Reader<'_>) -> Result<()> {
        let rows = self.image.partition_mut(Partition::Rows);
        while let Some((pk, row)) = read_row(input)? {
            let key = keys::row(SpaceId::LOCAL, GENERATION, table, pk);
            match row {
                Some(row) => rows.insert(key.into(), Bytes::copy_from_slice(row)),
                None => {
                    rows.remove(&key);
                }
            }
            if let Shipped::Rows(keys) = shipped {
                keys.push(pk.to_vec());
            }
        }
        Ok(())
    }
}

/// A row, or a key whose row is gone; `None` at the end of the list.
#[expect(clippy::type_complexity, reason = "key and row, both borrowed from the shipment")]
fn read_row<'a>(input: &mut Reader<'a>) -> Result<Option<(&'a [u8], Option<&'a [u8]>)>> {
    let pk = input.bytes()?;
    if pk.is_empty() {
        return Ok(None);
    }
    Ok(Some(match input.u8()? {
        PRESENT => (pk, Some(input.bytes()?)),
        _ => (pk, None),
    }))
}

fn read_catalog(input: &mut Reader<'_>) -> Result<Arc<Catalog>> {
    let mut image = Image::default();
    for (key, value) in input.list(usize::MAX, |input| Ok((input.bytes()?.to_vec(), input.bytes()?.to_vec())))? {
        image.partition_mut(Partition::Meta).insert(key.into(), value.into());
    }
    let catalog = Catalog::load(&ImageSnapshot(image))?;
    catalog.map(Arc::new).ok_or_else(|| damaged("a catalog without its head"))
}

fn damaged(what: &str) -> Error {
    Error::corrupt("damaged_shipment", format!("a shipment of rows is damaged: {what}"))
}
