//! Names, ids and sequence numbers; each is checked where it is made.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::codec::{Reader, Writer};
use crate::{Error, Result};

/// Longest name of a namespace, table, column or index.
pub const NAME_BYTES_MAX: usize = 63;
/// Longest user id.
pub const USER_ID_BYTES_MAX: usize = 255;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// The number of a space; keys and log use it, the user id maps to it.
    SpaceId(u64);
    /// A table; local tables that no server knows yet have numbers from [`TableId::LOCAL_FIRST`].
    TableId(u32);
    /// A column of a table, never used again after it was dropped.
    ColumnId(u32);
    /// An index.
    IndexId(u32);
    /// The gap-free number of a transaction in its space, from 1; 0 is "before the first".
    Seq(u64);
    /// The gap-free number of a device's own transaction, from 1.
    MutationId(u64);
    /// The number that the server gives a device within a space; 0 is the server itself.
    DeviceNumber(u64);
    /// The version of a catalog, one higher with each change.
    CatalogVersion(u64);
    /// One of the copies of a space's rows that a device keeps while it stages a snapshot.
    Generation(u64);
}

impl SpaceId {
    /// The space number inside a device's own store, which holds one space only.
    pub const LOCAL: SpaceId = SpaceId(0);
}

impl TableId {
    /// The first number of tables that were declared before a server was met.
    pub const LOCAL_FIRST: TableId = TableId(1 << 31);
}

impl Seq {
    /// The number behind this one.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl MutationId {
    /// The number behind this one.
    #[must_use]
    pub fn next(self) -> MutationId {
        MutationId(self.0 + 1)
    }
}

macro_rules! random_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

random_ids! {
    /// One installation of a client: 128 random bits.
    DeviceId;
    /// One history of a space: 128 random bits.
    Epoch;
    /// One server installation: 128 random bits.
    ServerId;
}

impl DeviceId {
    /// The server's own device in every space, for writes over HTTP and imports.
    pub const SERVER: DeviceId = DeviceId([0; 16]);
}

/// The first 8 bytes of SHA-256 over the previous chain value and a log entry; zero before the first entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain(pub [u8; 8]);

impl Chain {
    /// The chain value behind an entry with these public bytes.
    #[must_use]
    pub fn next(self, parts: &[&[u8]]) -> Chain {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        for part in parts {
            hasher.update(part);
        }
        Chain(first_bytes(&hasher.finalize()))
    }
}

/// The first 16 bytes of SHA-256 over the encoded content of a mutation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 16]);

impl ContentHash {
    /// The hash of `content`.
    pub fn of(content: &[u8]) -> ContentHash {
        ContentHash(first_bytes(&Sha256::digest(content)))
    }
}

fn first_bytes<const N: usize>(digest: &[u8]) -> [u8; N] {
    *digest.first_chunk::<N>().expect("a SHA-256 digest has 32 bytes")
}

/// How far a copy has come in a space's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The history.
    pub epoch: Epoch,
    /// The last transaction contained.
    pub seq: Seq,
    /// The chain value behind it.
    pub chain: Chain,
}

impl Position {
    /// Appends epoch, seq and chain.
    pub fn write(&self, out: &mut Writer) {
        out.raw(&self.epoch.0);
        out.varint(self.seq.0);
        out.raw(&self.chain.0);
    }

    /// Reads what [`Position::write`] wrote.
    ///
    /// # Errors
    /// Kind `corrupt` if bytes are missing.
    pub fn read(input: &mut Reader<'_>) -> Result<Position> {
        Ok(Position { epoch: Epoch(input.array()?), seq: Seq(input.varint()?), chain: Chain(input.array()?) })
    }
}

/// The id of a user: any UTF-8 of 1–255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(String);

impl UserId {
    /// Checks the length.
    ///
    /// # Errors
    /// Kind `invalid` if it is empty or longer than 255 bytes.
    pub fn new(id: impl Into<String>) -> Result<UserId> {
        let id = id.into();
        if id.is_empty() || id.len() > USER_ID_BYTES_MAX {
            let len = id.len();
            let message = format!("a user id has 1 to {USER_ID_BYTES_MAX} bytes, this one has {len}");
            return Err(Error::invalid("invalid_user_id", message));
        }
        Ok(UserId(id))
    }

    /// The id as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of a namespace, table, column or index: `[a-z][a-z0-9_]*`, at most 63 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Checks the form.
    ///
    /// ```
    /// use kalamdb_core::Name;
    /// assert!(Name::new("notes").is_ok());
    /// assert!(Name::new("Notes").is_err());
    /// ```
    ///
    /// # Errors
    /// Kind `invalid` if it has another form, is too long or reserved.
    pub fn new(name: impl Into<String>) -> Result<Name> {
        let name = name.into();
        let mut bytes = name.bytes();
        let well_formed = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !well_formed || name.len() > NAME_BYTES_MAX {
            let shown: String = name.chars().take(80).collect();
            return Err(Error::invalid(
                "invalid_name",
                format!(
                    "name {shown:?} is not allowed: use a lower-case letter, then at most {} of a-z, 0-9 and _",
                    NAME_BYTES_MAX - 1
                ),
            ));
        }
        Ok(Name(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
