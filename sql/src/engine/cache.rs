//! Tables as Arrow batches that outlive a query, for a place that is told which rows change.
//!
//! A table is cut into chunks by its primary key. A changed row costs its chunk a new decoding, when the next query
//! reads it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use kalamdb_core::catalog::{SYSTEM_COLUMNS, Table};
use kalamdb_core::replica::Shipped;
use kalamdb_core::rules::read_type;
use kalamdb_core::store::KeyRange;
use kalamdb_core::{CatalogVersion, ColumnId, Error, Result, TableId, Type, View};

use super::BATCH_ROWS;
use super::arrow::ColumnBuilder;
use super::errors::from_arrow;
use super::table::FieldSource;
use super::types::arrow_field;
use crate::expr::SYSTEM_TYPES;
use crate::scan::RowScan;

/// A chunk is cut once it has grown to so many rows.
const CHUNK_ROWS_MAX: usize = 2 * BATCH_ROWS;
/// Texts of a column that get codes. Where there are more, finding the group of a row is not what takes time.
const TEXTS_MAX: usize = 10_000;
/// Bytes of these texts.
const TEXTS_BYTES_MAX: usize = 1 << 20;

/// The chunks of tables.
#[derive(Default)]
pub struct TableCache(Mutex<HashMap<TableId, CachedTable>>);

struct CachedTable {
    /// The definition that the batches follow.
    changed: CatalogVersion,
    columns: Columns,
    /// The texts of columns that were asked for with codes, by their places.
    texts: HashMap<usize, Texts>,
    /// In the order of their keys; together they are the table.
    chunks: Vec<Chunk>,
}

struct Chunk {
    /// The first key that belongs to it.
    start: Vec<u8>,
    batch: Option<RecordBatch>,
    /// Codes of the batch's columns, by their places.
    codes: HashMap<usize, Arc<[usize]>>,
}

/// Batches with the codes of one column of texts.
pub struct CodedBatches {
    /// Batches, and the codes of their rows.
    pub batches: Vec<(RecordBatch, Arc<[usize]>)>,
    /// The texts by their codes: all that the batches have, and others. The first is NULL.
    pub texts: Arc<Vec<Option<Arc<str>>>>,
}

/// The texts of a column and their codes, which begin at 0. A text that is gone from the table keeps its code.
struct Texts {
    codes: HashMap<Arc<str>, usize>,
    texts: Arc<Vec<Option<Arc<str>>>>,
    bytes: usize,
}

/// The columns of a batch: those of the table, then all system columns.
struct Columns {
    ids: Vec<ColumnId>,
    types: Vec<Type>,
    schema: SchemaRef,
}

impl TableCache {
    /// Takes note that a table, or some of its rows, are other ones now.
    pub fn forget(&self, table: TableId, shipped: &Shipped) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match shipped {
            Shipped::Whole => {
                tables.remove(&table);
            }
            Shipped::Rows(keys) => {
                let Some(cached) = tables.get_mut(&table) else { return };
                for key in keys {
                    let behind = cached.chunks.partition_point(|chunk| chunk.start <= *key);
                    if let Some(chunk) = behind.checked_sub(1).and_then(|at| cached.chunks.get_mut(at)) {
                        chunk.batch = None;
                        chunk.codes.clear();
                    }
                }
            }
        }
    }

    /// Batches that hold every live row of `ranges` of the primary key, and others: with these columns, in the order of
    /// the key.
    ///
    /// # Errors
    /// What reading the view gives.
    pub fn batches(
        &self,
        view: &View,
        table: &Arc<Table>,
        ranges: &[KeyRange],
        columns: &[FieldSource],
    ) -> Result<Vec<RecordBatch>> {
        self.with_filled(view, table, ranges, |cached| {
            let places = cached.columns.places(columns);
            cached.wanted(ranges).map(|(_, batch)| project(batch, &places)).collect()
        })
    }

    /// As [`TableCache::batches`], with the codes of the column `coded`; nothing if it is not one of texts, or has too many.
    ///
    /// # Errors
    /// What reading the view gives.
    pub fn coded_batches(
        &self,
        view: &View,
        table: &Arc<Table>,
        ranges: &[KeyRange],
        columns: &[FieldSource],
        coded: FieldSource,
    ) -> Result<Option<CodedBatches>> {
        self.with_filled(view, table, ranges, |cached| {
            let (places, coded) = (cached.columns.places(columns), cached.columns.place(coded));
            let Some(texts) = cached.give_codes(ranges, coded) else { return Ok(None) };
            let batches = cached.wanted(ranges).map(|(chunk, batch)| {
                let codes = chunk.codes.get(&coded).cloned();
                let codes = codes.ok_or_else(|| Error::internal("no_codes", "rows have no codes of their texts"))?;
                Ok((project(batch, &places)?, codes))
            });
            Ok(Some(CodedBatches { batches: batches.collect::<Result<_>>()?, texts }))
        })
    }

    /// Does something with a table that is filled for `ranges`.
    fn with_filled<T>(
        &self,
        view: &View,
        table: &Arc<Table>,
        ranges: &[KeyRange],
        then: impl FnOnce(&mut CachedTable) -> Result<T>,
    ) -> Result<T> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tables.entry(table.id).and_modify(|cached| {
            if cached.changed != table.changed {
                *cached = CachedTable::new(table);
            }
        });
        let cached = known.or_insert_with(|| CachedTable::new(table));
        cached.fill(view, table, ranges)?;
        then(cached)
    }
}

fn project(batch: &RecordBatch, places: &[usize]) -> Result<RecordBatch> {
    batch.project(places).map_err(|error| from_arrow(&error))
}

impl Texts {
    fn new() -> Texts {
        Texts { codes: HashMap::new(), texts: Arc::new(vec![None]), bytes: 0 }
    }

    /// The code of a text; nothing if there are too many others.
    fn code(&mut self, text: &str) -> Option<usize> {
        if let Some(code) = self.codes.get(text) {
            return Some(*code);
        }
        let code = self.texts.len();
        self.bytes += text.len();
        if code > TEXTS_MAX || self.bytes > TEXTS_BYTES_MAX {
            return None;
        }
        let text: Arc<str> = text.into();
        Arc::make_mut(&mut self.texts).push(Some(text.clone()));
        self.codes.insert(text, code);
        Some(code)
    }

    fn codes(&mut self, batch: &RecordBatch, place: usize) -> Option<Arc<[usize]>> {
        let texts = batch.columns().get(place)?.as_string_opt::<i32>()?;
        texts.iter().map(|text| text.map_or(Some(0), |text| self.code(text))).collect()
    }
}

impl CachedTable {
    fn new(table: &Table) -> CachedTable {
        let chunk = Chunk { start: Vec::new(), batch: None, codes: HashMap::new() };
        let columns = Columns::of(table);
        CachedTable { changed: table.changed, columns, texts: HashMap::new(), chunks: vec![chunk] }
    }

    /// The chunks that may have rows of the ranges and have any, and their batches.
    fn wanted(&self, ranges: &[KeyRange]) -> impl Iterator<Item = (&Chunk, &RecordBatch)> {
        let chunks = self.chunks.iter().enumerate().filter(|(at, _)| self.is_in(*at, ranges));
        let batches = chunks.filter_map(|(_, chunk)| Some((chunk, chunk.batch.as_ref()?)));
        batches.filter(|(_, batch)| batch.num_rows() > 0)
    }

    /// Gives the texts of a column codes in the chunks of the ranges, and gives the texts; nothing if there are too many.
    fn give_codes(&mut self, ranges: &[KeyRange], place: usize) -> Option<Arc<Vec<Option<Arc<str>>>>> {
        for mut texts in self.texts.remove(&place).into_iter().chain([Texts::new()]) {
            if self.give_codes_of(&mut texts, ranges, place) {
                let given = texts.texts.clone();
                self.texts.insert(place, texts);
                return Some(given);
            }
            // The second try leaves out texts that are gone.
            self.chunks.iter_mut().for_each(|chunk| drop(chunk.codes.remove(&place)));
        }
        None
    }

    /// Whether there are codes for all.
    fn give_codes_of(&mut self, texts: &mut Texts, ranges: &[KeyRange], place: usize) -> bool {
        (0..self.chunks.len()).all(|at| {
            let is_in = self.is_in(at, ranges);
            let chunk = &mut self.chunks[at];
            let Some(batch) = chunk.batch.as_ref().filter(|_| is_in && !chunk.codes.contains_key(&place)) else {
                return true;
            };
            let Some(codes) = texts.codes(batch, place) else { return false };
            chunk.codes.insert(place, codes);
            true
        })
    }

    fn end(&self, at: usize) -> Option<&Vec<u8>> {
        self.chunks.get(at + 1).map(|next| &next.start)
    }

    /// Whether the chunk at this place may hold keys of the ranges.
    fn is_in(&self, at: usize, ranges: &[KeyRange]) -> bool {
        let start = self.chunks.get(at).map(|chunk| &chunk.start);
        ranges.iter().any(|range| {
            let begins_before_its_end = self.end(at).is_none_or(|end| range.start < *end);
            let ends_behind_its_start = range.end.as_ref().is_none_or(|end| start.is_none_or(|start| end > start));
            begins_before_its_end && ends_behind_its_start
        })
    }

    /// Decodes the chunks of the ranges that are not there.
    fn fill(&mut self, view: &View, table: &Arc<Table>, ranges: &[KeyRange]) -> Result<()> {
        let mut at = 0;
        while at < self.chunks.len() {
            if self.chunks[at].batch.is_some() || !self.is_in(at, ranges) {
                at += 1;
                continue;
            }
            let range = KeyRange { start: self.chunks[at].start.clone(), end: self.end(at).cloned() };
            // The first decoding makes chunks that have room to grow.
            let rows_max = if self.chunks.len() == 1 { BATCH_ROWS } else { CHUNK_ROWS_MAX };
            let read = self.columns.read(view, table, range, rows_max)?;
            let count = read.len();
            self.chunks.splice(at..=at, read);
            at += count;
        }
        Ok(())
    }
}

impl Columns {
    fn of(table: &Table) -> Columns {
        let (mut ids, mut types, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for column in table.live_columns() {
            let ty = read_type(column.ty);
            ids.push(column.id);
            types.push(ty);
            fields.push(arrow_field(column.name.as_str(), ty, column.nullable));
        }
        for (name, ty) in SYSTEM_COLUMNS.iter().zip(SYSTEM_TYPES) {
            types.push(ty);
            fields.push(arrow_field(name, ty, true));
        }
        Columns { ids, types, schema: Arc::new(Schema::new(fields)) }
    }

    fn place(&self, source: FieldSource) -> usize {
        match source {
            FieldSource::Column(id) => self.ids.iter().position(|known| *known == id).unwrap_or(usize::MAX),
            FieldSource::System(at) => self.ids.len() + at,
        }
    }

    fn places(&self, sources: &[FieldSource]) -> Vec<usize> {
        sources.iter().map(|source| self.place(*source)).collect()
    }

    /// The rows of a range as chunks of at most `rows_max`, at least one.
    fn read(&self, view: &View, table: &Arc<Table>, range: KeyRange, rows_max: usize) -> Result<Vec<Chunk>> {
        let mut next_start = Some(range.start.clone());
        let mut scan = RowScan::of_range(view.clone(), table.clone(), &self.ids, range);
        let mut chunks = Vec::new();
        loop {
            let mut builders: Vec<_> = self.types.iter().map(|ty| ColumnBuilder::new(*ty, 1024)).collect();
            let mut rows = 0;
            let more = scan.next(rows_max, &mut |pk, cells| {
                next_start.get_or_insert_with(|| pk.to_vec());
                rows += 1;
                builders.iter_mut().zip(cells).try_for_each(|(builder, cell)| builder.push(cell))
            })?;
            if let Some(start) = next_start.take() {
                chunks.push(Chunk { start, batch: Some(self.finish(builders, rows)?), codes: HashMap::new() });
            }
            if !more {
                return Ok(chunks);
            }
        }
    }

    fn finish(&self, builders: Vec<ColumnBuilder>, rows: usize) -> Result<RecordBatch> {
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(|error| from_arrow(&error))
    }
}
