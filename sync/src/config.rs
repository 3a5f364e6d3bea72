//! Limits and times of the protocol; docs/protocol.md lists them.

/// How long a connection may take to send its first message and have its token verified.
pub const HELLO_TIMEOUT_MS: u64 = 10_000;
/// The server ends a connection that is silent for this long.
pub const KEEP_ALIVE_MS: u64 = 60_000;
/// A client pings when it sent nothing for this long, or for half the server's keep-alive if that is shorter.
pub const PING_INTERVAL_MS: u64 = 20_000;
/// No server makes a client ping more often than this.
pub const PING_INTERVAL_MIN_MS: u64 = 1_000;
/// A client gives up a connection that answers nothing for this long.
pub const ANSWER_TIMEOUT_MS: u64 = 30_000;
/// A server says that a token ends this long before it does.
pub const TOKEN_WARNING_MS: u64 = 60_000;
/// A server ends a connection whose token ended this long ago.
pub const TOKEN_GRACE_MS: u64 = 30_000;
/// Bytes that a client lets the server send ahead.
pub const CREDIT_BYTES: u64 = 1 << 20;
/// Most credit that a server keeps for a connection.
pub const CREDIT_BYTES_MAX: u64 = 8 << 20;
/// Bytes of mutations that a client sends before the first of them is decided.
pub const UPLOAD_BYTES_AHEAD: usize = 1 << 20;
/// Bytes of log that a server reads at once for a connection.
pub const LOG_READ_BYTES: usize = 128 * 1024;
/// First pause before a client connects again; it doubles with each failure.
pub const BACKOFF_FIRST_MS: u64 = 100;
/// Longest pause before a client connects again.
pub const BACKOFF_MAX_MS: u64 = 30_000;
/// Pause before an application that had no newer token is asked again, while a connection lives.
pub const RENEWAL_RETRY_MS: u64 = 1_000;
/// A connection that lasted this long, or moved the copy, ends a row of failures.
pub const STABLE_MS: u64 = 10_000;
/// A client reports what it holds durably at latest after this many transactions.
pub const ACK_TRANSACTIONS: u64 = 64;
/// A client reports what it holds durably at latest after this long.
pub const ACK_DELAY_MS: u64 = 500;
/// Largest transaction in encoded changes. A change may repeat what an operation says, so twice the operations' limit.
pub const CHANGES_BYTES_MAX: usize = 2 * kalamdb_core::mutation::TRANSACTION_BYTES_MAX;
/// No timer of a session runs longer than this. One that seems to, does so because the wall clock was set back: it is due.
pub const TIMER_MAX_MS: u64 = 120_000;
