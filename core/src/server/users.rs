//! Users and their spaces.

use super::{Server, save_server};
use crate::codec::{Reader, Writer};
use crate::hlc::Now;
use crate::ids::{SpaceId, UserId};
use crate::store::{Direction, Partition, WriteBatch};
use crate::{Result, keys};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The id, as in the token.
    pub id: UserId,
    /// The space.
    pub space: SpaceId,
    /// When the space was made, µs since 1970.
    pub created: i64,
}

fn read(id: UserId, bytes: &[u8]) -> Result<UserRecord> {
    let mut input = Reader::new(bytes);
    Ok(UserRecord { id, space: SpaceId(input.varint()?), created: input.zigzag()? })
}

impl Server {
    /// The space of a user, if there is one.
    ///
    /// # Errors
    /// What the store gives.
    pub fn find_space(&self, user: &UserId) -> Result<Option<SpaceId>> {
        let bytes = self.store.snapshot()?.get(Partition::Meta, &keys::user(user))?;
        bytes.map(|bytes| Ok(read(user.clone(), &bytes)?.space)).transpose()
    }

    /// The space of a user, made now if there is none.
    ///
    /// # Errors
    /// What the store gives.
    pub fn space_of(&self, user: &UserId, now: Now) -> Result<SpaceId> {
        if let Some(space) = self.find_space(user)? {
            return Ok(space);
        }
        let mut next = self.next_space.lock();
        if let Some(space) = self.find_space(user)? {
            return Ok(space);
        }
        let space = SpaceId(*next);
        let mut batch = WriteBatch::new();
        let mut out = Writer::new();
        out.varint(space.0);
        out.zigzag(now.micros());
        batch.put(Partition::Meta, keys::user(user), out.into_vec());
        save_server(self.id, *next + 1, &mut batch);
        self.store.commit(batch)?;
        *next += 1;
        Ok(space)
    }

    /// All users in the order of their ids.
    ///
    /// # Errors
    /// What the store gives.
    pub fn users(&self) -> Result<Vec<UserRecord>> {
        let snapshot = self.store.snapshot()?;
        let mut cursor = snapshot.scan(Partition::Meta, keys::users(), Direction::Forward)?;
        let mut users = Vec::new();
        while cursor.advance()? {
            users.push(read(keys::read_user(cursor.key())?, cursor.value())?);
        }
        Ok(users)
    }
}
