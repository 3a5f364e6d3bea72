//! The keys of every partition; docs/format.md lists them.

use crate::codec::Reader;
use crate::ids::{DeviceId, Generation, IndexId, MutationId, Seq, SpaceId, TableId, UserId};
use crate::key::{read_number, write_number};
use crate::store::KeyRange;
use crate::value::Datum;
use crate::{Result, key};

fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    for number in numbers {
        write_number(&mut out, *number);
    }
    out
}

// Partition Meta: a family byte, then what it is about.

const FORMAT: u8 = 0;
const CATALOG: u8 = 1;
const SERVER: u8 = 2;
const USER: u8 = 3;
const SPACE: u8 = 4;
const DEVICE: u8 = 10;
const POSITION: u8 = 11;
const IDEMPOTENCY: u8 = 12;
const STORAGE_LOCATION: u8 = 13;
const RECEIPT: u8 = 14;

/// The format version of the whole store.
pub fn format() -> Vec<u8> {
    vec![FORMAT]
}

/// Version and counters of the catalog.
pub fn catalog_head() -> Vec<u8> {
    vec![CATALOG, 0]
}

/// The definition of a table.
pub fn catalog_table(table: TableId) -> Vec<u8> {
    let mut out = vec![CATALOG, 1];
    write_number(&mut out, table.0.into());
    out
}

/// All definitions of tables.
pub fn catalog_tables() -> KeyRange {
    KeyRange::prefix([CATALOG, 1])
}

/// Everything about the catalog.
pub fn catalog() -> KeyRange {
    KeyRange::prefix([CATALOG])
}

/// A server's id and next free space number.
pub fn server() -> Vec<u8> {
    vec![SERVER]
}

/// The space number of a user.
pub fn user(user: &UserId) -> Vec<u8> {
    let mut out = vec![USER];
    out.extend_from_slice(user.as_str().as_bytes());
    out
}

/// All users.
pub fn users() -> KeyRange {
    KeyRange::prefix([USER])
}

/// The user id in a key of [`users`].
///
/// # Errors
/// Kind `corrupt` if it is none.
pub fn read_user(bytes: &[u8]) -> Result<UserId> {
    let id = bytes.get(1..).and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default();
    UserId::new(id).map_err(|error| crate::Error::corrupt("invalid_user_id", error.message()))
}

/// Epochs, counters and floor of a space.
pub fn space(space: SpaceId) -> Vec<u8> {
    let mut out = vec![SPACE];
    write_number(&mut out, space.0);
    out
}

/// A device's own identity and counters.
pub fn device_state() -> Vec<u8> {
    vec![DEVICE]
}

/// A device's position, generation and binding.
pub fn position() -> Vec<u8> {
    vec![POSITION]
}

/// The stored answer to an `Idempotency-Key` of a space.
pub fn idempotency(space: SpaceId, hash: &[u8]) -> Vec<u8> {
    let mut out = vec![IDEMPOTENCY];
    write_number(&mut out, space.0);
    out.extend_from_slice(hash);
    out
}

/// The stored answers of all spaces.
pub fn idempotency_all() -> KeyRange {
    KeyRange::prefix([IDEMPOTENCY])
}

/// A named storage location.
pub fn storage_location(name: &str) -> Vec<u8> {
    let mut out = vec![STORAGE_LOCATION];
    out.extend_from_slice(name.as_bytes());
    out
}

/// All named storage locations.
pub fn storage_locations() -> KeyRange {
    KeyRange::prefix([STORAGE_LOCATION])
}

/// A device's note of what became of a request; they are numbered in the order of their commits.
pub fn receipt(number: u64) -> Vec<u8> {
    let mut out = vec![RECEIPT];
    write_number(&mut out, number);
    out
}

/// All receipts.
pub fn receipts() -> KeyRange {
    KeyRange::prefix([RECEIPT])
}

// Partition Rows.

/// A row.
pub fn row(space: SpaceId, generation: Generation, table: TableId, pk: &[u8]) -> Vec<u8> {
    let mut out = numbers(&[space.0, generation.0, table.0.into()]);
    out.extend_from_slice(pk);
    out
}

/// All rows of a table.
pub fn table_rows(space: SpaceId, generation: Generation, table: TableId) -> Vec<u8> {
    numbers(&[space.0, generation.0, table.0.into()])
}

/// All rows of a generation.
pub fn generation_rows(space: SpaceId, generation: Generation) -> KeyRange {
    KeyRange::prefix(numbers(&[space.0, generation.0]))
}

// Partition Index. Index number 0 holds the marks of indexes that are complete.

/// The mark that an index holds every row of the space.
pub fn index_built(space: SpaceId, generation: Generation, index: IndexId) -> Vec<u8> {
    numbers(&[space.0, generation.0, 0, index.0.into()])
}

/// The marks of all indexes.
pub fn index_marks(space: SpaceId, generation: Generation) -> Vec<u8> {
    numbers(&[space.0, generation.0, 0])
}

/// All entries of an index.
pub fn index_entries(space: SpaceId, generation: Generation, index: IndexId) -> Vec<u8> {
    numbers(&[space.0, generation.0, index.0.into()])
}

/// An index entry: the values, then the primary key.
///
/// # Errors
/// Kind `quota` if it is too long.
pub fn index_entry<'a, S: AsRef<str> + 'a, B: AsRef<[u8]> + 'a>(
    space: SpaceId,
    generation: Generation,
    index: IndexId,
    values: impl Iterator<Item = &'a Datum<S, B>>,
    pk: &[u8],
) -> Result<Vec<u8>> {
    let mut out = index_entries(space, generation, index);
    for value in values {
        key::write_value(&mut out, value)?;
    }
    out.extend_from_slice(pk);
    key::check_length(&out)?;
    Ok(out)
}

/// All index entries of a generation.
pub fn generation_index(space: SpaceId, generation: Generation) -> KeyRange {
    KeyRange::prefix(numbers(&[space.0, generation.0]))
}

// Partition Log.

/// A log entry.
pub fn log(space: SpaceId, seq: Seq) -> Vec<u8> {
    numbers(&[space.0, seq.0])
}

/// Log entries `from <= seq < to`.
pub fn log_range(space: SpaceId, from: Seq, to: Seq) -> KeyRange {
    KeyRange::new(log(space, from), log(space, to))
}

/// Log entries from `from` on.
pub fn log_from(space: SpaceId, from: Seq) -> KeyRange {
    KeyRange { start: log(space, from), end: KeyRange::prefix(numbers(&[space.0])).end }
}

// Partition Devices.

/// What a server knows of a device.
pub fn device(space: SpaceId, device: DeviceId) -> Vec<u8> {
    let mut out = numbers(&[space.0]);
    out.extend_from_slice(&device.0);
    out.push(0);
    out
}

/// All devices and results of a space.
pub fn devices(space: SpaceId) -> KeyRange {
    KeyRange::prefix(numbers(&[space.0]))
}

/// The device id in a key of [`devices`], if the key is that of a device and not of a result.
///
/// # Errors
/// Kind `corrupt` if it is neither.
pub fn read_device(bytes: &[u8]) -> Result<Option<DeviceId>> {
    let mut input = Reader::new(bytes);
    read_number(&mut input)?;
    let device = DeviceId(input.array()?);
    Ok((input.u8()? == 0).then_some(device))
}

/// The result of a device's mutation.
pub fn result(space: SpaceId, device: DeviceId, id: MutationId) -> Vec<u8> {
    let mut out = results(space, device);
    write_number(&mut out, id.0);
    out
}

/// The prefix of a device's results.
pub fn results(space: SpaceId, device: DeviceId) -> Vec<u8> {
    let mut out = numbers(&[space.0]);
    out.extend_from_slice(&device.0);
    out.push(1);
    out
}

// Partition Outbox: 0 entries, 1 rejected writes.

/// An entry of the outbox.
pub fn outbox(id: MutationId) -> Vec<u8> {
    numbers(&[SpaceId::LOCAL.0, 0, id.0])
}

/// Entries of the outbox from `from` on.
pub fn outbox_from(from: MutationId) -> KeyRange {
    KeyRange { start: outbox(from), end: KeyRange::prefix(numbers(&[SpaceId::LOCAL.0, 0])).end }
}

/// The mutation id at the end of a key of [`outbox_from`] or [`rejected_all`].
///
/// # Errors
/// Kind `corrupt` if it is none.
pub fn read_outbox(bytes: &[u8]) -> Result<MutationId> {
    let mut input = Reader::new(bytes);
    read_number(&mut input)?;
    read_number(&mut input)?;
    Ok(MutationId(read_number(&mut input)?))
}

/// A rejected write.
pub fn rejected(number: u64) -> Vec<u8> {
    numbers(&[SpaceId::LOCAL.0, 1, number])
}

/// All rejected writes.
pub fn rejected_all() -> KeyRange {
    KeyRange::prefix(numbers(&[SpaceId::LOCAL.0, 1]))
}

// Partition Overlay: 0 rows with the outbox applied, 1 which mutations touch a row.

/// A row with the outbox applied.
pub fn overlay(table: TableId, pk: &[u8]) -> Vec<u8> {
    let mut out = overlay_table(table);
    out.extend_from_slice(pk);
    out
}

/// All overlay rows of a table.
pub fn overlay_table(table: TableId) -> Vec<u8> {
    numbers(&[SpaceId::LOCAL.0, 0, table.0.into()])
}

/// Everything in the overlay.
pub fn overlay_all() -> KeyRange {
    KeyRange::all()
}

/// The mark that a mutation touches a row.
pub fn pending(table: TableId, pk: &[u8], id: MutationId) -> Vec<u8> {
    let mut out = pending_row(table, pk);
    write_number(&mut out, id.0);
    out
}

/// The prefix of all marks of a row; the key's tuple ends itself, so no other row shares it.
pub fn pending_row(table: TableId, pk: &[u8]) -> Vec<u8> {
    let mut out = numbers(&[SpaceId::LOCAL.0, 1, table.0.into()]);
    out.extend_from_slice(pk);
    out
}

// Partition Staging.

/// What a server offers as snapshot `number` of a space.
pub fn snapshot_offer(space: SpaceId, number: u64) -> Vec<u8> {
    numbers(&[space.0, number, 0])
}

/// A block of a snapshot, from 0.
pub fn snapshot_block(space: SpaceId, number: u64, block: u64) -> Vec<u8> {
    numbers(&[space.0, number, block + 1])
}

/// Everything of a snapshot.
pub fn snapshot_all(space: SpaceId, number: u64) -> KeyRange {
    KeyRange::prefix(numbers(&[space.0, number]))
}

/// Everything of all snapshots of a space.
pub fn snapshots(space: SpaceId) -> KeyRange {
    KeyRange::prefix(numbers(&[space.0]))
}
