//! The records about the device itself that its store keeps.

use crate::catalog::Catalog;
use crate::codec::{Reader, Writer};
use crate::hlc::Hlc;
use crate::ids::{
    CatalogVersion, Chain, DeviceId, DeviceNumber, Generation, MutationId, Position, ServerId, SpaceId, UserId,
};
use crate::log::EntryHead;
use crate::store::{Direction, Partition, Snapshot, WriteBatch};
use crate::{Error, Result, keys};

const FORMAT: u8 = 1;

/// Identity and counters of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub device: DeviceId,
    pub last: MutationId,
    pub hlc: Hlc,
    pub next_rejected: u64,
}

/// The server and space that the database belongs to since its first contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The server.
    pub server: ServerId,
    /// The space.
    pub space: SpaceId,
    /// The number that the server gave this device.
    pub number: DeviceNumber,
    /// The newest version of the server's catalog that is installed.
    pub catalog: CatalogVersion,
}

/// A snapshot that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staging {
    /// The generation that its rows are written to.
    pub generation: Generation,
    /// The snapshot's id.
    pub snapshot: [u8; 16],
    /// Blocks written.
    pub blocks: u64,
    /// Rows written.
    pub rows: u64,
    /// The chain value over the blocks written.
    pub checksum: Chain,
}

/// How far the copy has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub binding: Option<Binding>,
    pub position: Position,
    pub generation: Generation,
    pub next_generation: u64,
    pub staging: Option<Staging>,
    /// The commit time of the last transaction, which a status shows.
    pub updated: i64,
}

impl Identity {
    pub fn save(&self, batch: &mut WriteBatch) {
        let mut out = Writer::new();
        out.u8(FORMAT);
        out.raw(&self.device.0);
        out.varint(self.last.0);
        out.raw(&self.hlc.0.to_le_bytes());
        out.varint(self.next_rejected);
        batch.put(Partition::Meta, keys::device_state(), out.into_vec());
    }

    pub fn load(snapshot: &dyn Snapshot) -> Result<Option<Identity>> {
        let Some(bytes) = snapshot.get(Partition::Meta, &keys::device_state())? else { return Ok(None) };
        let mut input = open(&bytes, "device record")?;
        Ok(Some(Identity {
            device: DeviceId(input.array()?),
            last: MutationId(input.varint()?),
            hlc: Hlc(u64::from_le_bytes(input.array()?)),
            next_rejected: input.varint()?,
        }))
    }
}

impl Progress {
    pub fn save(&self, batch: &mut WriteBatch) {
        let mut out = Writer::new();
        out.u8(FORMAT);
        out.option(self.binding, |out, binding| {
            out.raw(&binding.server.0);
            out.varint(binding.space.0);
            out.varint(binding.number.0);
            out.varint(binding.catalog.0);
        });
        self.position.write(&mut out);
        out.varint(self.generation.0);
        out.varint(self.next_generation);
        out.option(self.staging, |out, staging| {
            out.varint(staging.generation.0);
            out.raw(&staging.snapshot);
            out.varint(staging.blocks);
            out.varint(staging.rows);
            out.raw(&staging.checksum.0);
        });
        out.zigzag(self.updated);
        batch.put(Partition::Meta, keys::position(), out.into_vec());
    }

    pub fn load(snapshot: &dyn Snapshot) -> Result<Progress> {
        let Some(bytes) = snapshot.get(Partition::Meta, &keys::position())? else { return Ok(Progress::default()) };
        let mut input = open(&bytes, "position record")?;
        Ok(Progress {
            binding: input.option(|input| {
                Ok(Binding {
                    server: ServerId(input.array()?),
                    space: SpaceId(input.varint()?),
                    number: DeviceNumber(input.varint()?),
                    catalog: CatalogVersion(input.varint()?),
                })
            })?,
            position: Position::read(&mut input)?,
            generation: Generation(input.varint()?),
            next_generation: input.varint()?,
            staging: input.option(|input| {
                Ok(Staging {
                    generation: Generation(input.varint()?),
                    snapshot: input.array()?,
                    blocks: input.varint()?,
                    rows: input.varint()?,
                    checksum: Chain(input.array()?),
                })
            })?,
            updated: input.zigzag()?,
        })
    }

    /// The record after the transaction `head`.
    pub fn after(mut self, head: &EntryHead, position: Position) -> Progress {
        self.position = position;
        self.updated = head.updated;
        self
    }
}

/// Notes whose database it is.
pub(super) fn save_user(user: &UserId, space: SpaceId, batch: &mut WriteBatch) {
    let mut out = Writer::new();
    out.varint(space.0);
    batch.put(Partition::Meta, keys::user(user), out.into_vec());
}

/// Whose database it is, if that is known.
pub(super) fn load_user(snapshot: &dyn Snapshot) -> Result<Option<UserId>> {
    let mut cursor = snapshot.scan(Partition::Meta, keys::users(), Direction::Forward)?;
    if cursor.advance()? { keys::read_user(cursor.key()).map(Some) } else { Ok(None) }
}

fn open<'a>(bytes: &'a [u8], what: &str) -> Result<Reader<'a>> {
    let mut input = Reader::new(bytes);
    let format = input.u8()?;
    if format != FORMAT {
        let message = format!("{what} of unknown format {format}: open the database with a newer version");
        return Err(Error::corrupt("unknown_format", message));
    }
    Ok(input)
}

/// The catalog of a device; an empty one if there never was any.
pub(crate) fn load_catalog(snapshot: &dyn Snapshot) -> Result<Catalog> {
    Ok(Catalog::load(snapshot)?.unwrap_or_else(|| Catalog::new(crate::ids::TableId::LOCAL_FIRST)))
}
