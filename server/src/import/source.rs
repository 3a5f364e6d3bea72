//! The file of an import.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use kalamdb_core::{ContentHash, Error, Name, Result, SpaceId, Table};
use kalamdb_sql::import::{
    CsvReader, InferredColumn, NdjsonReader, ParquetReader, RowReader, infer_csv, infer_ndjson, infer_parquet,
};

use super::batches::Batch;
use super::shown;
use crate::idempotency::RequestKey;

pub use kalamdb_sql::import::ImportFormat;

/// Bytes of the file that are hashed at once.
const HASH_BLOCK_BYTES: usize = 1 << 20;

/// Which file, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceOptions {
    /// The file.
    pub path: PathBuf,
    /// Its form; `None`: as its name ends.
    pub format: Option<ImportFormat>,
    /// In CSV, a text that means NULL beside the empty one.
    pub null: String,
}

/// A file that can be read, with the hash that names its batches.
pub(super) struct Source {
    options: SourceOptions,
    format: ImportFormat,
    hash: ContentHash,
}

impl Source {
    pub fn open(options: &SourceOptions) -> Result<Source> {
        let named = options.format.or_else(|| ImportFormat::of_name(&options.path.to_string_lossy()));
        let format = named.ok_or_else(|| {
            let message = format!("{}: its form is unknown: give `--format parquet|csv|ndjson`", shown(&options.path));
            Error::invalid("unknown_format", message)
        })?;
        let mut source = Source { options: options.clone(), format, hash: ContentHash::default() };
        source.hash = source.hash_file()?;
        Ok(source)
    }

    fn file(&self) -> Result<File> {
        let path = &self.options.path;
        let unreadable = |error| {
            let message = format!("{} cannot be read ({error}): name an existing file", shown(path));
            Error::invalid("unreadable_file", message)
        };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Error::invalid("unreadable_file", format!("{} is a directory: name a file", shown(path))));
        }
        Ok(file)
    }

    fn hash_file(&self) -> Result<ContentHash> {
        let mut file = self.file()?;
        let mut hash = ContentHash::default();
        let mut block = Vec::with_capacity(HASH_BLOCK_BYTES + 16);
        loop {
            block.clear();
            block.extend_from_slice(&hash.0);
            let read = file.by_ref().take(HASH_BLOCK_BYTES as u64).read_to_end(&mut block);
            let read = read.map_err(|error| {
                Error::invalid("unreadable_file", format!("{} cannot be read: {error}", shown(&self.options.path)))
            })?;
            if read == 0 {
                return Ok(hash);
            }
            hash = ContentHash::of(&block);
        }
    }

    /// A reader from the first row on, and how many rows there are if the file says.
    pub fn rows(&self, table: &Arc<Table>) -> Result<(Box<dyn RowReader>, Option<u64>)> {
        let named = |error: Error| error.context(shown(&self.options.path));
        let file = self.file()?;
        Ok(match self.format {
            ImportFormat::Parquet => {
                let reader = ParquetReader::new(file, table).map_err(named)?;
                let total = reader.total_rows();
                (Box::new(reader), Some(total))
            }
            ImportFormat::Csv => {
                let reader = CsvReader::new(BufReader::new(file), table.clone()).map_err(named)?;
                (Box::new(reader.with_null(self.options.null.clone())), None)
            }
            ImportFormat::Ndjson => (Box::new(NdjsonReader::new(BufReader::new(file), table.clone())), None),
        })
    }

    /// The columns that the file suggests for a new table.
    pub fn infer(&self) -> Result<Vec<InferredColumn>> {
        let file = self.file()?;
        let columns = match self.format {
            ImportFormat::Parquet => infer_parquet(file),
            ImportFormat::Csv => infer_csv(BufReader::new(file), &self.options.null),
            ImportFormat::Ndjson => infer_ndjson(BufReader::new(file)),
        };
        columns.map_err(|error| error.context(shown(&self.options.path)))
    }

    /// `error` with the file's name.
    pub fn named(&self, error: Error) -> Error {
        error.context(shown(&self.options.path))
    }

    /// The mark of a batch.
    pub fn batch_key(&self, space: SpaceId, table: &Table, user_column: &Name, batch: &Batch) -> Result<RequestKey> {
        let (table, number) = (table.id.0.to_be_bytes(), batch.number.to_be_bytes());
        let key = [b"import".as_slice(), &self.hash.0, &table, &number, user_column.as_str().as_bytes()].concat();
        RequestKey::new(space, &key, self.options.null.as_bytes())
    }
}
