//! Storage locations in a server's store: one key for each, a format byte, the URL, the options.

use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::store::{Direction, Partition, Snapshot};
use kalamdb_core::{Error, Name, Result, keys};

use super::StorageLocation;

const FORMAT: u8 = 1;
/// Most options of a storage location.
const OPTIONS_MAX: usize = 16;

/// The value of a storage location's key.
pub fn encode(location: &StorageLocation) -> Vec<u8> {
    let mut out = Writer::new();
    out.u8(FORMAT);
    out.text(&location.url);
    out.list(location.options.iter(), |out, (name, value)| {
        out.text(name);
        out.text(value);
    });
    out.into_vec()
}

fn decode(key: &[u8], value: &[u8]) -> Result<StorageLocation> {
    let name = keys::storage_locations().start.len();
    let name = key.get(name..).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    let name = Name::new(name).map_err(|error| Error::corrupt("invalid_name", error.message()))?;
    let mut input = Reader::new(value);
    let format = input.u8()?;
    if format != FORMAT {
        return Err(Error::corrupt("unknown_format", format!("storage location `{name}` of unknown format {format}")));
    }
    let url = input.text()?.to_string();
    let options = input.list(OPTIONS_MAX, |input| Ok((input.text()?.to_string(), input.text()?.to_string())))?;
    input.finish()?;
    Ok(StorageLocation { name, url, options })
}

/// All storage locations by name.
///
/// # Errors
/// What the store gives; kind `corrupt` if an entry is damaged.
pub fn load(snapshot: &dyn Snapshot) -> Result<Vec<StorageLocation>> {
    let mut cursor = snapshot.scan(Partition::Meta, keys::storage_locations(), Direction::Forward)?;
    let mut locations = Vec::new();
    while cursor.advance()? {
        locations.push(decode(cursor.key(), cursor.value())?);
    }
    Ok(locations)
}
