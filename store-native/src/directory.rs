//! The directory of a store: who has it open, which engine wrote it and in which version.
//!
//! ```text
//! KALAMDB         "kalamdb-store <format version> <engine>\n": the engine's files are there
//! KALAMDB.new     the same, while they are made for the first time
//! KALAMDB.lock    empty; locked as long as the store is open
//! …               files of the engine
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kalamdb_core::{Error, Result};

use crate::StoreKind;
use crate::failure::{damaged, is_full, unreadable, write_failed};

/// The layout that this version writes and the newest that it reads.
const FORMAT_VERSION: u32 = 1;
/// The file that marks a directory as a store, and says of which engine.
pub const MARKER: &str = "KALAMDB";
const MARKER_NEW: &str = "KALAMDB.new";
const LOCK: &str = "KALAMDB.lock";
const MAGIC: &str = "kalamdb-store";
/// A marker is one short line; anything longer is not one.
const MARKER_BYTES_MAX: u64 = 256;

/// A directory that no other store of any process has open while this lives.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    is_new: bool,
    _lock: File,
}

impl Directory {
    /// Takes `path` for an engine, making the directory if it is absent.
    pub(crate) fn open(path: &Path, kind: StoreKind) -> Result<Directory> {
        if path.exists() && !path.is_dir() {
            return Err(Error::invalid(
                "not_a_directory",
                format!("`{}` is not a directory: choose one", path.display()),
            ));
        }
        fs::create_dir_all(path).map_err(|error| refused(path, &error))?;
        check_unused(path)?;
        let lock = lock(path)?;
        let marker = path.join(MARKER);
        let is_new = match fs::metadata(&marker) {
            Ok(metadata) => {
                check_marker(&marker, metadata.len(), kind)?;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                begin(path, kind)?;
                true
            }
            Err(error) => return Err(refused(path, &error)),
        };
        Ok(Directory { path: path.to_owned(), is_new, _lock: lock })
    }

    /// Whether the engine's files are still to be made; a crash while they were made may have left some.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Says that the engine's files are there; from now on their absence is damage.
    pub(crate) fn ready(&self) -> Result<()> {
        if !self.is_new {
            return Ok(());
        }
        fs::rename(self.path.join(MARKER_NEW), self.path.join(MARKER))
            .and_then(|()| sync_directory(&self.path))
            .map_err(|error| refused(&self.path, &error))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses a directory with files of somebody else; one that a crash left half made is taken.
fn check_unused(path: &Path) -> Result<()> {
    if path.join(MARKER).exists() || path.join(MARKER_NEW).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|error| refused(path, &error))? {
        let name = entry.map_err(|error| refused(path, &error))?.file_name();
        if name != LOCK {
            return Err(Error::invalid(
                "not_a_store",
                format!(
                    "the directory `{}` is not empty and holds no database (found `{}`): choose an empty directory",
                    path.display(),
                    name.display()
                ),
            ));
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join(LOCK))
        .map_err(|error| refused(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::retry(
            "store_in_use",
            format!(
                "the data directory `{}` is in use, another process has it open: stop that process or choose another \
                 directory",
                path.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(refused(path, &error)),
    }
}

fn check_marker(marker: &Path, bytes: u64, kind: StoreKind) -> Result<()> {
    let broken = || damaged(format!("file `{}`", marker.display()), "it does not name a format and an engine");
    if bytes > MARKER_BYTES_MAX {
        return Err(broken());
    }
    let text = match fs::read_to_string(marker) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(broken()),
        Err(error) => return Err(unreadable(format!("file `{}`", marker.display()), error)),
    };
    let directory = marker.parent().unwrap_or(marker).display();
    let rest = text.strip_suffix('\n').and_then(|line| line.strip_prefix(MAGIC)).ok_or_else(broken)?;
    let (version, engine) = rest.strip_prefix(' ').and_then(|rest| rest.split_once(' ')).ok_or_else(broken)?;
    let version: u32 = version.parse().map_err(|_| broken())?;
    if version != FORMAT_VERSION {
        return Err(Error::invalid(
            "unknown_store_format",
            format!(
                "the data directory `{directory}` has store format {version}, this version reads {FORMAT_VERSION}: use \
                 the version of KalamDB that wrote it, or a newer one"
            ),
        ));
    }
    match engine.parse::<StoreKind>() {
        Ok(found) if found == kind => Ok(()),
        Ok(found) => Err(Error::invalid(
            "other_store_kind",
            format!("the data directory `{directory}` was written by {found}, not by {kind}: open it with {found}"),
        )),
        Err(_) => Err(broken()),
    }
}

/// Writes the marker of a directory whose files are being made.
fn begin(path: &Path, kind: StoreKind) -> Result<()> {
    let write = || {
        let mut file = File::create(path.join(MARKER_NEW))?;
        writeln!(file, "{MAGIC} {FORMAT_VERSION} {kind}")?;
        file.sync_all()?;
        sync_directory(path)
    };
    write().map_err(|error| refused(path, &error))
}

/// Makes names in a directory durable; where directories cannot be opened as files the system does it itself.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

fn refused(path: &Path, error: &io::Error) -> Error {
    let what = format!("data directory `{}`", path.display());
    match error.kind() {
        kind if is_full(kind) => write_failed(what, error),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory => {
            Error::invalid("directory_refused", format!("{what}: {error}: choose a directory that can be written"))
        }
        _ => Error::internal("directory_failed", format!("{what}: {error}: check the disk")),
    }
}

#[cfg(test)]
mod tests;
