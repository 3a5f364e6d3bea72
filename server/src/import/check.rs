//! Trying every row of an import without writing one.

use std::collections::HashSet;
use std::sync::Arc;

use kalamdb_core::server::Server;
use kalamdb_core::store::MemoryStore;
use kalamdb_core::{ContentHash, Error, Name, Result, SpaceId, UserId};

use super::batches::Batch;
use super::source::Source;
use super::target::Target;
use crate::clock::{SystemEntropy, now};
use crate::node::Node;

/// Tries rows on what the server has; those of new users and new tables on an empty copy in memory.
pub(super) struct Checker<'a> {
    node: &'a Node,
    target: &'a Target,
    source: &'a Source,
    user_column: &'a Name,
    empty: (Arc<Server>, SpaceId),
    /// A hash of user and key of each row: a key that comes twice is found before anything is written.
    keys: HashSet<[u8; 16]>,
}

impl<'a> Checker<'a> {
    pub fn new(node: &'a Node, target: &'a Target, source: &'a Source, user_column: &'a Name) -> Result<Checker<'a>> {
        let server = Server::open(Arc::new(MemoryStore::new()), Arc::new(SystemEntropy))?;
        server.change_catalog(|catalog| {
            *catalog = target.catalog.clone();
            Ok(())
        })?;
        let space = server.space_of(&UserId::new("nobody")?, now())?;
        Ok(Checker { node, target, source, user_column, empty: (Arc::new(server), space), keys: HashSet::new() })
    }

    /// Tries a batch, unless an earlier run has written it.
    pub fn check(&mut self, batch: Batch) -> Result<()> {
        let space = match self.target.is_new() {
            true => None,
            false => self.node.server.find_space(&batch.user)?,
        };
        let mut transaction = match space {
            Some(space) => {
                let key = self.source.batch_key(space, &self.target.table, self.user_column, &batch)?;
                if key.find(&self.node.server)?.is_some() {
                    return Ok(());
                }
                self.node.server.begin(space, now())?
            }
            None => self.empty.0.begin(self.empty.1, now())?,
        };
        for row in batch.rows {
            let place = row.place(&batch.user);
            let inserted = transaction.insert(self.target.table.id, row.cells);
            let key = inserted.map_err(|error| match error.code() {
                "duplicate_key" => duplicate(&place),
                _ => error.context(&place),
            })?;
            let whole = [batch.user.as_str().as_bytes(), &[0], &key].concat();
            if !self.keys.insert(ContentHash::of(&whole).0) {
                return Err(duplicate(&place));
            }
        }
        Ok(())
    }
}

fn duplicate(place: &str) -> Error {
    let message = format!(
        "{place}: its primary key is in the table already, or stands in an earlier row of the file: keep one of the \
         rows, or create the table with more columns in `--primary-key`"
    );
    Error::conflict("duplicate_key", message)
}
