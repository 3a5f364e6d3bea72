//! What dropped tables and indexes leave behind in a copy.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::codec::Reader;
use crate::ids::{Generation, SpaceId};
use crate::key::read_number;
use crate::store::{Direction, KeyRange, Partition, Snapshot, WriteBatch, successor};
use crate::{Result, keys};

/// Adds to `batch` the removal of rows and index entries that no table of the catalog owns. It looks at one key of each
/// table and index, whatever they hold.
///
/// # Errors
/// What the store gives.
pub(crate) fn collect(
    snapshot: &dyn Snapshot,
    catalog: &Catalog,
    space: SpaceId,
    generation: Generation,
    batch: &mut WriteBatch,
) -> Result<()> {
    let tables: BTreeSet<u64> = catalog.tables().map(|table| table.id.0.into()).collect();
    sweep(snapshot, Partition::Rows, keys::generation_rows(space, generation), &tables, batch)?;
    let indexes = catalog.tables().flat_map(|table| &table.indexes).map(|index| u64::from(index.id.0));
    let indexes: BTreeSet<u64> = indexes.collect();
    let marks = keys::index_marks(space, generation);
    let mut cursor = snapshot.scan(Partition::Index, KeyRange::prefix(marks.clone()), Direction::Forward)?;
    while cursor.advance()? {
        let mut rest = Reader::new(cursor.key().get(marks.len()..).unwrap_or_default());
        if !indexes.contains(&read_number(&mut rest)?) {
            batch.delete(Partition::Index, cursor.key().to_vec());
        }
    }
    let entries =
        KeyRange { start: successor(&marks).unwrap_or_default(), ..keys::generation_index(space, generation) };
    sweep(snapshot, Partition::Index, entries, &indexes, batch)
}

/// Removes each part of a range whose number, the third of its keys, is not wanted.
fn sweep(
    snapshot: &dyn Snapshot,
    partition: Partition,
    mut range: KeyRange,
    wanted: &BTreeSet<u64>,
    batch: &mut WriteBatch,
) -> Result<()> {
    loop {
        let part = {
            let mut cursor = snapshot.scan(partition, range.clone(), Direction::Forward)?;
            if !cursor.advance()? {
                return Ok(());
            }
            let mut rest = Reader::new(cursor.key());
            let (_space, _generation) = (read_number(&mut rest)?, read_number(&mut rest)?);
            let number = read_number(&mut rest)?;
            let part = cursor.key().get(..cursor.key().len() - rest.rest().len()).unwrap_or_default().to_vec();
            if !wanted.contains(&number) {
                batch.delete_range(partition, KeyRange::prefix(part.clone()));
            }
            part
        };
        let Some(next) = successor(&part) else { return Ok(()) };
        range.start = next;
    }
}
