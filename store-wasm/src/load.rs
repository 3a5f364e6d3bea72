//! A database to an image in memory.

use bytes::Bytes;
use js_sys::{Array, Uint8Array};
use kalamdb_core::Result;
use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::store::{CowMap, Image, Partition, WriteOp};
use wasm_bindgen::{JsCast, JsValue};

use crate::idb::{self, Database, LOG, PAGES, SUPERSEDED, wait};
use crate::record::{self, Parts, damaged};
use crate::table::PageTable;
use crate::{Durability, page};

/// How often a store is read anew because an earlier owner has written meanwhile.
const OPENS_MAX: u32 = 10;

/// What is stored beside the pairs.
#[derive(Debug, Default)]
pub struct Layout {
    pub table: PageTable,
    /// The log goes on from the pages with this record.
    pub log_first: u64,
    /// The next number of the log.
    pub log_next: u64,
    /// Records that are not in the pages, and their bytes.
    pub log_records: u64,
    pub log_bytes: u64,
    /// Parts of pages that a rewriting left behind when it was cut off.
    pub orphans: Vec<u64>,
    /// Numbers that openings took, in order. They stay taken when the log is cut: an earlier owner that goes on late
    /// meets the one that its successor took. The last 256 are kept.
    pub taken: Vec<u64>,
}

impl Layout {
    /// The table of pages as it is stored.
    pub fn head(table: &PageTable, log_first: u64) -> Vec<u8> {
        let mut out = Writer::new();
        table.write(&mut out);
        out.varint(log_first);
        out.into_vec()
    }
}

/// Reads everything and takes the next number of the log, so that an earlier owner can write nothing any more. What is
/// refused stays as it is.
///
/// # Errors
/// Kind `corrupt` if something stored is damaged or missing, `quota` if there is no room for a number.
pub async fn load(database: &Database, durability: Durability) -> Result<(Image, Layout)> {
    for _ in 1..OPENS_MAX {
        let (image, mut layout) = read(database).await?;
        match take(database, &mut layout, durability).await {
            Err(error) if error.code() == SUPERSEDED => {}
            taken => return taken.map(|()| (image, layout)),
        }
    }
    Err(idb::superseded())
}

/// Takes the next number of the log.
async fn take(database: &Database, layout: &mut Layout, durability: Durability) -> Result<()> {
    let transaction = database.write(durability)?;
    transaction.add_log(layout.log_next, &record::encode(&[])[0])?;
    let behind = transaction.behind(layout.log_next)?;
    transaction.commit().await?;
    if !idb::answer(&behind)?.is_undefined() {
        // The earlier owner has taken the number and cut the log behind it. An empty record more harms nobody.
        return Err(idb::superseded());
    }
    layout.taken.push(layout.log_next);
    layout.log_next += 1;
    Ok(())
}

async fn read(database: &Database) -> Result<(Image, Layout)> {
    let transaction = database.read()?;
    let requests = [
        transaction.head()?,
        transaction.keys(PAGES)?,
        transaction.values(PAGES)?,
        transaction.keys(LOG)?,
        transaction.values(LOG)?,
    ];
    transaction.end()?;
    // One transaction sees one state.
    let mut answers = Vec::with_capacity(requests.len());
    for request in &requests {
        answers.push(wait(request).await?);
    }
    let log_keys = numbers(&answers[3]);
    let mut layout = Layout { log_next: log_keys.last().map_or(1, |last| last + 1), ..Layout::default() };
    if let Some(head) = bytes(&answers[0]) {
        let mut input = Reader::new(&head);
        layout.table = PageTable::read(&mut input)?;
        layout.log_first = input.varint()?;
        input.finish()?;
    }
    let mut image = Image::default();
    let page_keys = numbers(&answers[1]);
    let values = Array::from(&answers[2]);
    let pages = page_keys.into_iter().zip(values.iter());
    read_pages(pages, &mut layout, &mut image)?;
    let values = Array::from(&answers[4]);
    let log = log_keys.into_iter().zip(values.iter());
    read_log(log, &mut layout, &mut image)?;
    Ok((image, layout))
}

fn read_pages(stored: impl Iterator<Item = (u64, JsValue)>, layout: &mut Layout, image: &mut Image) -> Result<()> {
    let mut stored: std::collections::BTreeMap<u64, JsValue> = stored.collect();
    let mut parts = Parts::default();
    let mut partitions: [Vec<(Bytes, Bytes)>; Partition::ALL.len()] = Default::default();
    for id in layout.table.keys() {
        let part = stored.remove(&id).as_ref().and_then(bytes).ok_or_else(|| damaged("a page is missing"))?;
        if let Some(page) = parts.push(&part)? {
            let mut pairs = Vec::new();
            let partition = page::read(&page, |key, value| pairs.push((key, value)))?;
            partitions[partition as usize].append(&mut pairs);
        }
    }
    parts.finish()?;
    for (partition, pairs) in Partition::ALL.into_iter().zip(partitions) {
        if pairs.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(damaged("the pages are not in the order of their keys"));
        }
        *image.partition_mut(partition) = CowMap::from_sorted(pairs);
    }
    layout.orphans = stored.into_keys().collect();
    if let Some(last) = layout.orphans.last() {
        layout.table.avoid(*last);
    }
    Ok(())
}

fn read_log(stored: impl Iterator<Item = (u64, JsValue)>, layout: &mut Layout, image: &mut Image) -> Result<()> {
    let mut parts = Parts::default();
    let mut next = None;
    for (number, part) in stored {
        if number < layout.log_first {
            layout.taken.push(number);
            continue;
        }
        if next.is_some_and(|next| next != number) {
            return Err(damaged("a record of the log is missing"));
        }
        next = Some(number + 1);
        let part = bytes(&part).ok_or_else(|| damaged("a record of the log is no bytes"))?;
        layout.log_records += 1;
        layout.log_bytes += part.len() as u64;
        let Some(whole) = parts.push(&part)? else { continue };
        let batches = record::decode(&whole)?;
        if batches.is_empty() && number > layout.log_first {
            layout.taken.push(number);
        }
        for batch in batches {
            batch.ops().iter().for_each(|op: &WriteOp| layout.table.mark(op));
            image.apply(batch);
        }
    }
    parts.finish()
}

fn numbers(keys: &JsValue) -> Vec<u64> {
    Array::from(keys).iter().filter_map(|key| key.as_f64()).map(|key| key as u64).collect()
}

fn bytes(value: &JsValue) -> Option<Bytes> {
    value.dyn_ref::<Uint8Array>().map(|array| array.to_vec().into())
}
