//! The system's clock and randomness, which core and the sessions are handed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kalamdb_core::{Entropy, Error, Now, Result};
use tokio::time::Instant;

/// The wall time.
pub fn now() -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Now(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// When the wall clock will show `at`, for a timer.
pub fn instant_of(at: Now) -> Instant {
    let wait = at.micros().saturating_sub(now().micros());
    Instant::now() + Duration::from_micros(u64::try_from(wait).unwrap_or(0))
}

/// Random bits of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl SystemEntropy {
    /// Makes sure that the system gives randomness at all.
    ///
    /// # Errors
    /// Kind `internal` if it does not.
    pub fn open() -> Result<SystemEntropy> {
        random_bytes::<16>()?;
        Ok(SystemEntropy)
    }
}

impl Entropy for SystemEntropy {
    fn random(&self) -> [u8; 16] {
        random_bytes().expect("a system that gave randomness once goes on giving it")
    }
}

/// Random bytes.
///
/// # Errors
/// Kind `internal` if the system gives none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::internal("no_randomness", format!("the system gives no randomness: {error}")))?;
    Ok(bytes)
}
