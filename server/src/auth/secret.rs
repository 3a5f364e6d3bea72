//! The secret that signs tokens.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use kalamdb_core::{Error, Result};

use crate::clock::random_bytes;

/// The shortest secret that is accepted, in bytes: as long as what it signs.
pub const SECRET_BYTES_MIN: usize = 32;
/// The longest secret that is read, in bytes.
const SECRET_BYTES_MAX: u64 = 4096;
/// The file in the data directory that holds a generated secret.
pub const SECRET_FILE: &str = "token.secret";

/// A secret; it never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Secret {
    /// A secret as given; `origin` names it in errors. White space around it does not count.
    ///
    /// # Errors
    /// Kind `invalid` if it is too short.
    pub fn new(text: &str, origin: &str) -> Result<Secret> {
        let bytes = text.trim().as_bytes();
        if bytes.len() < SECRET_BYTES_MIN {
            let message = format!(
                "the secret in {origin} has {} bytes: at least {SECRET_BYTES_MIN} are needed, \
                 for example from `openssl rand -hex 32`",
                bytes.len()
            );
            return Err(Error::invalid("secret_too_short", message));
        }
        Ok(Secret(bytes.to_vec()))
    }

    /// The secret in a file.
    ///
    /// # Errors
    /// Kind `invalid` if the file is missing, unreadable, too long or too short.
    pub fn read(path: &Path) -> Result<Secret> {
        let unreadable = |error: io::Error| {
            let advice = "name a readable file with `--secret-file` or `secret_file`";
            let message = format!("secret file `{}` cannot be read ({error}): {advice}", path.display());
            Error::invalid("secret_unreadable", message)
        };
        let len = fs::metadata(path).map_err(unreadable)?.len();
        if len > SECRET_BYTES_MAX {
            let message = format!("secret file `{}` has {len} bytes: at most {SECRET_BYTES_MAX}", path.display());
            return Err(Error::invalid("secret_too_long", message));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Secret::new(&text, &format!("file `{}`", path.display()))
    }

    /// The secret in a file; a new one is made there if the file is missing. Only its owner may read it.
    ///
    /// # Errors
    /// Kind `invalid` if it can be neither read nor made.
    pub fn read_or_make(path: &Path) -> Result<Secret> {
        if !path.exists() {
            let random = random_bytes::<32>()?;
            let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            match write_new(path, &text) {
                // Somebody else made it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.map_err(|error| {
                    let message = format!("secret file `{}` cannot be made: {error}", path.display());
                    Error::invalid("secret_unwritable", message)
                })?,
            }
        }
        Secret::read(path)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
