//! Records that a client sends.

use kalamdb_core::catalog::TableDef;
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::{CatalogVersion, ContentHash, DeviceId, Error, MutationId, Position, Result, Seq};

use super::{MAGIC, Record, write_record};

/// The first record of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// Oldest and newest protocol version that the client speaks.
    pub protocol: (u16, u16),
    /// Feature bits.
    pub features: u64,
    /// The token.
    pub token: String,
    /// The device.
    pub device: DeviceId,
    /// The newest version of the server's catalog that it has.
    pub catalog: CatalogVersion,
    /// Where its copy is.
    pub position: Position,
    /// Its last own transaction.
    pub last: MutationId,
    /// Its first own transaction that is not decided; one behind the last if all are.
    pub first_pending: MutationId,
    /// A snapshot that it has received in part.
    pub staging: Option<[u8; 16]>,
    /// Bytes that the server may send before more is granted.
    pub credit: u64,
}

impl std::fmt::Debug for Hello {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (protocol, device, position) = (self.protocol, self.device, self.position);
        write!(f, "Hello {{ protocol: {protocol:?}, device: {device}, position: {position:?}, token: *** }}")
    }
}

/// A record of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRecord {
    /// Opens the connection.
    Hello(Box<Hello>),
    /// A newer token of the same user.
    Token(String),
    /// A table that the server should create if it is missing.
    Declare(Box<TableDef>),
    /// A mutation begins: its id, hash and length, and its first bytes.
    Mutation {
        /// The id.
        id: MutationId,
        /// The hash of the whole content.
        hash: ContentHash,
        /// Bytes of the whole content.
        total: u64,
        /// The first of them.
        chunk: Vec<u8>,
    },
    /// More bytes of the mutation.
    MutationMore(Vec<u8>),
    /// Everything up to this transaction is durable here.
    Ack(Seq),
    /// The server may send this many more bytes.
    Credit(u64),
    /// Asks for the blocks of an offered snapshot from this one on.
    SnapshotGet {
        /// The snapshot.
        id: [u8; 16],
        /// The first block wanted.
        from: u64,
    },
    /// Asks for a Pong behind every transaction that is durable by then.
    Ping(u64),
    /// The client leaves.
    Bye,
}

impl Record for ClientRecord {
    fn write(&self, out: &mut Writer) {
        match self {
            ClientRecord::Hello(hello) => write_record(out, 1, |out| {
                out.raw(&MAGIC);
                out.varint(hello.protocol.0.into());
                out.varint(hello.protocol.1.into());
                out.varint(hello.features);
                out.text(&hello.token);
                out.raw(&hello.device.0);
                out.varint(hello.catalog.0);
                hello.position.write(out);
                out.varint(hello.last.0);
                out.varint(hello.first_pending.0);
                out.option(hello.staging, |out, id| out.raw(&id));
                out.varint(hello.credit);
            }),
            ClientRecord::Token(token) => write_record(out, 2, |out| out.text(token)),
            ClientRecord::Declare(table) => write_record(out, 3, |out| table.write(out)),
            ClientRecord::Mutation { id, hash, total, chunk } => write_record(out, 4, |out| {
                out.varint(id.0);
                out.raw(&hash.0);
                out.varint(*total);
                out.raw(chunk);
            }),
            ClientRecord::MutationMore(chunk) => write_record(out, 5, |out| out.raw(chunk)),
            ClientRecord::Ack(seq) => write_record(out, 6, |out| out.varint(seq.0)),
            ClientRecord::Credit(bytes) => write_record(out, 7, |out| out.varint(*bytes)),
            ClientRecord::SnapshotGet { id, from } => write_record(out, 8, |out| {
                out.raw(id);
                out.varint(*from);
            }),
            ClientRecord::Ping(nonce) => write_record(out, 9, |out| out.varint(*nonce)),
            ClientRecord::Bye => write_record(out, 10, |_| {}),
        }
    }

    fn read(kind: u8, input: &mut Reader<'_>) -> Result<ClientRecord> {
        Ok(match kind {
            1 => ClientRecord::Hello(Box::new(read_hello(input)?)),
            2 => ClientRecord::Token(input.text()?.to_string()),
            3 => ClientRecord::Declare(Box::new(TableDef::read(input)?)),
            4 => ClientRecord::Mutation {
                id: MutationId(input.varint()?),
                hash: ContentHash(input.array()?),
                total: input.varint()?,
                chunk: take_rest(input)?,
            },
            5 => ClientRecord::MutationMore(take_rest(input)?),
            6 => ClientRecord::Ack(Seq(input.varint()?)),
            7 => ClientRecord::Credit(input.varint()?),
            8 => ClientRecord::SnapshotGet { id: input.array()?, from: input.varint()? },
            9 => ClientRecord::Ping(input.varint()?),
            10 => ClientRecord::Bye,
            other => {
                return Err(Error::corrupt(
                    "unknown_record",
                    format!("a client sent a record of unknown type {other}"),
                ));
            }
        })
    }
}

pub(super) fn take_rest(input: &mut Reader<'_>) -> Result<Vec<u8>> {
    let len = input.rest().len();
    Ok(input.raw(len)?.to_vec())
}

fn version(input: &mut Reader<'_>) -> Result<u16> {
    u16::try_from(input.varint()?)
        .map_err(|_| Error::corrupt("invalid_version", "a protocol version does not fit 16 bits"))
}

fn read_hello(input: &mut Reader<'_>) -> Result<Hello> {
    if input.array()? != MAGIC {
        return Err(Error::invalid("not_kalamdb", "the first message is not a KalamDB hello"));
    }
    Ok(Hello {
        protocol: (version(input)?, version(input)?),
        features: input.varint()?,
        token: input.text()?.to_string(),
        device: DeviceId(input.array()?),
        catalog: CatalogVersion(input.varint()?),
        position: Position::read(input)?,
        last: MutationId(input.varint()?),
        first_pending: MutationId(input.varint()?),
        staging: input.option(|input| input.array())?,
        credit: input.varint()?,
    })
}
