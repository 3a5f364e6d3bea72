//! Records that a server sends.

use kalamdb_core::catalog::{NAMESPACES_MAX, TABLES_MAX, TableDef};
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::device::ServerCatalog;
use kalamdb_core::log::{MutationResult, read_error, write_error};
use kalamdb_core::mutation::TRANSACTION_OPS_MAX;
use kalamdb_core::server::{Answer, RESULTS_KEPT, SnapshotReason};
use kalamdb_core::snapshot::SnapshotOffer;
use kalamdb_core::{
    CatalogVersion, Chain, ContentHash, DeviceNumber, Error, MutationId, Name, Position, Result, Seq, ServerId,
    SpaceId, UserId,
};

use super::client::take_rest;
use super::{Record, write_record};

/// The server's answer to a Hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WelcomeRecord {
    /// The protocol version of the connection.
    pub protocol: u16,
    /// Feature bits that both sides have.
    pub features: u64,
    /// The server.
    pub server: ServerId,
    /// The user of the token.
    pub user: UserId,
    /// The user's space.
    pub space: SpaceId,
    /// The number of the device in it.
    pub number: DeviceNumber,
    /// How the server goes on.
    pub answer: Answer,
    /// Whether the device needs a new id once it has caught up.
    pub is_forked: bool,
    /// The last transaction of the device that was decided.
    pub last: MutationId,
    /// What is known of its transactions from the first pending one on: the newest of them, in rising order.
    pub known: Vec<(MutationId, ContentHash)>,
    /// The end of the log.
    pub head: Position,
    /// The version of the server's catalog; definitions follow if the device has another one.
    pub catalog: CatalogVersion,
    /// The server's clock, ms since 1970.
    pub now_ms: u64,
    /// The connection ends if the server hears nothing for this long.
    pub keep_alive_ms: u64,
}

/// A record of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerRecord {
    /// Answers a Hello.
    Welcome(Box<WelcomeRecord>),
    /// Definitions; they apply together once the last part is there.
    Catalog {
        /// A part of what is new.
        part: ServerCatalog,
        /// Whether it is the last part.
        is_last: bool,
    },
    /// A transaction begins.
    Begin {
        /// The transaction before it.
        from: Seq,
        /// The encoded head.
        head: Vec<u8>,
        /// Bytes of its changes.
        total: u64,
        /// The first of them.
        chunk: Vec<u8>,
    },
    /// More bytes of changes.
    More(Vec<u8>),
    /// The transaction ends; it is applied now.
    End {
        /// The chain value behind it.
        chain: Chain,
        /// Answers to mutations of this device that it decided.
        results: Vec<MutationResult>,
    },
    /// A snapshot instead of the log.
    Offer(SnapshotOffer),
    /// A block of the snapshot begins.
    Block {
        /// Its number.
        number: u64,
        /// Its bytes.
        total: u64,
        /// The first of them.
        chunk: Vec<u8>,
    },
    /// More bytes of the block.
    BlockMore(Vec<u8>),
    /// The snapshot ends with answers to mutations of this device that it contains. Several may come, the last says so.
    SnapshotEnd {
        /// The answers.
        results: Vec<MutationResult>,
        /// Whether these are the last.
        is_last: bool,
    },
    /// The device's clock is this much ahead.
    Clock {
        /// Milliseconds.
        ahead_ms: i64,
    },
    /// The token ends soon.
    TokenExpiring {
        /// Milliseconds.
        in_ms: u64,
    },
    /// Answers a Ping.
    Pong(u64),
    /// The server ends the connection: come back after about this long.
    GoAway {
        /// Why.
        reason: String,
        /// Milliseconds.
        retry_ms: u64,
    },
    /// Something went wrong; a fatal error ends the connection.
    Error {
        /// What.
        error: Error,
        /// Whether the connection ends.
        is_fatal: bool,
    },
}

fn write_results(out: &mut Writer, results: &[MutationResult]) {
    out.list(results.iter(), |out, result| result.write(out));
}

fn read_results(input: &mut Reader<'_>) -> Result<Vec<MutationResult>> {
    input.list(TRANSACTION_OPS_MAX, MutationResult::read)
}

impl Record for ServerRecord {
    fn write(&self, out: &mut Writer) {
        match self {
            ServerRecord::Welcome(welcome) => write_record(out, 65, |out| write_welcome(out, welcome)),
            ServerRecord::Catalog { part, is_last } => write_record(out, 66, |out| {
                out.varint(part.version.0);
                out.list(part.namespaces.iter(), |out, name| out.text(name.as_str()));
                out.list(part.tables.iter(), |out, table| table.write(out));
                out.u8((*is_last).into());
            }),
            ServerRecord::Begin { from, head, total, chunk } => write_record(out, 67, |out| {
                out.varint(from.0);
                out.bytes(head);
                out.varint(*total);
                out.raw(chunk);
            }),
            ServerRecord::More(chunk) => write_record(out, 68, |out| out.raw(chunk)),
            ServerRecord::End { chain, results } => write_record(out, 69, |out| {
                out.raw(&chain.0);
                write_results(out, results);
            }),
            ServerRecord::Offer(offer) => write_record(out, 70, |out| offer.write(out)),
            ServerRecord::Block { number, total, chunk } => write_record(out, 71, |out| {
                out.varint(*number);
                out.varint(*total);
                out.raw(chunk);
            }),
            ServerRecord::BlockMore(chunk) => write_record(out, 72, |out| out.raw(chunk)),
            ServerRecord::SnapshotEnd { results, is_last } => write_record(out, 73, |out| {
                write_results(out, results);
                out.u8((*is_last).into());
            }),
            ServerRecord::Clock { ahead_ms } => write_record(out, 74, |out| out.zigzag(*ahead_ms)),
            ServerRecord::TokenExpiring { in_ms } => write_record(out, 75, |out| out.varint(*in_ms)),
            ServerRecord::Pong(nonce) => write_record(out, 76, |out| out.varint(*nonce)),
            ServerRecord::GoAway { reason, retry_ms } => write_record(out, 77, |out| {
                out.text(reason);
                out.varint(*retry_ms);
            }),
            ServerRecord::Error { error, is_fatal } => write_record(out, 78, |out| {
                write_error(out, error);
                out.u8((*is_fatal).into());
            }),
        }
    }

    fn read(kind: u8, input: &mut Reader<'_>) -> Result<ServerRecord> {
        Ok(match kind {
            65 => ServerRecord::Welcome(Box::new(read_welcome(input)?)),
            66 => ServerRecord::Catalog {
                part: ServerCatalog {
                    version: CatalogVersion(input.varint()?),
                    namespaces: input.list(NAMESPACES_MAX, |input| {
                        Name::new(input.text()?).map_err(|error| Error::corrupt("invalid_name", error.message()))
                    })?,
                    tables: input.list(TABLES_MAX, TableDef::read)?,
                },
                is_last: input.flag()?,
            },
            67 => ServerRecord::Begin {
                from: Seq(input.varint()?),
                head: input.bytes()?.to_vec(),
                total: input.varint()?,
                chunk: take_rest(input)?,
            },
            68 => ServerRecord::More(take_rest(input)?),
            69 => ServerRecord::End { chain: Chain(input.array()?), results: read_results(input)? },
            70 => ServerRecord::Offer(SnapshotOffer::read(input)?),
            71 => ServerRecord::Block { number: input.varint()?, total: input.varint()?, chunk: take_rest(input)? },
            72 => ServerRecord::BlockMore(take_rest(input)?),
            73 => ServerRecord::SnapshotEnd { results: read_results(input)?, is_last: input.flag()? },
            74 => ServerRecord::Clock { ahead_ms: input.zigzag()? },
            75 => ServerRecord::TokenExpiring { in_ms: input.varint()? },
            76 => ServerRecord::Pong(input.varint()?),
            77 => ServerRecord::GoAway { reason: input.text()?.to_string(), retry_ms: input.varint()? },
            78 => ServerRecord::Error { error: read_error(input)?, is_fatal: input.flag()? },
            other => {
                return Err(Error::corrupt(
                    "unknown_record",
                    format!("a server sent a record of unknown type {other}"),
                ));
            }
        })
    }
}

fn write_welcome(out: &mut Writer, welcome: &WelcomeRecord) {
    out.varint(welcome.protocol.into());
    out.varint(welcome.features);
    out.raw(&welcome.server.0);
    out.text(welcome.user.as_str());
    out.varint(welcome.space.0);
    out.varint(welcome.number.0);
    out.u8(match welcome.answer {
        Answer::Resume => 0,
        Answer::Snapshot(reason) => reason as u8,
    });
    out.u8(welcome.is_forked.into());
    out.varint(welcome.last.0);
    out.list(welcome.known.iter(), |out, (id, hash)| {
        out.varint(id.0);
        out.raw(&hash.0);
    });
    welcome.head.write(out);
    out.varint(welcome.catalog.0);
    out.varint(welcome.now_ms);
    out.varint(welcome.keep_alive_ms);
}

fn read_welcome(input: &mut Reader<'_>) -> Result<WelcomeRecord> {
    let protocol = input.varint()?;
    Ok(WelcomeRecord {
        protocol: u16::try_from(protocol)
            .map_err(|_| Error::corrupt("invalid_version", "a protocol version does not fit 16 bits"))?,
        features: input.varint()?,
        server: ServerId(input.array()?),
        user: UserId::new(input.text()?).map_err(|error| Error::corrupt("invalid_user_id", error.message()))?,
        space: SpaceId(input.varint()?),
        number: DeviceNumber(input.varint()?),
        answer: match input.u8()? {
            0 => Answer::Resume,
            1 => Answer::Snapshot(SnapshotReason::New),
            2 => Answer::Snapshot(SnapshotReason::UnknownPosition),
            3 => Answer::Snapshot(SnapshotReason::Ahead),
            4 => Answer::Snapshot(SnapshotReason::BelowFloor),
            other => {
                return Err(Error::corrupt("unknown_answer", format!("a server answers with unknown number {other}")));
            }
        },
        is_forked: input.flag()?,
        last: MutationId(input.varint()?),
        known: input
            .list(RESULTS_KEPT as usize, |input| Ok((MutationId(input.varint()?), ContentHash(input.array()?))))?,
        head: Position::read(input)?,
        catalog: CatalogVersion(input.varint()?),
        now_ms: input.varint()?,
        keep_alive_ms: input.varint()?,
    })
}
