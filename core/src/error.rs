//! The one public error of KalamDB: a kind that says what to do, a stable code and a message.

use std::borrow::Cow;
use std::fmt;

/// What a caller can do about an [`Error`]. The same eight kinds exist in Rust, on the wire and in TypeScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ErrorKind {
    /// Passing trouble: do the same again later.
    Retry = 1,
    /// The data changed in a way that refuses this write: read again and decide anew.
    Conflict = 2,
    /// The request can never succeed as it stands: correct it.
    Invalid = 3,
    /// The token or role does not allow it: sign in again or ask for the right.
    Unauthorized = 4,
    /// The database, session or transaction is closed: open it again.
    Closed = 5,
    /// Stored or received bytes are damaged: restore or sync again; nothing was changed.
    Corrupt = 6,
    /// A limit of memory, disk or size is reached: free space or split the work.
    Quota = 7,
    /// A defect of KalamDB: report it with the message.
    Internal = 8,
}

impl ErrorKind {
    /// All kinds in the order of their wire numbers.
    pub const ALL: [ErrorKind; 8] = [
        ErrorKind::Retry,
        ErrorKind::Conflict,
        ErrorKind::Invalid,
        ErrorKind::Unauthorized,
        ErrorKind::Closed,
        ErrorKind::Corrupt,
        ErrorKind::Quota,
        ErrorKind::Internal,
    ];

    /// The name used in JSON, on the command line and in TypeScript.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Retry => "retry",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Unauthorized => "unauthorized",
            ErrorKind::Closed => "closed",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Quota => "quota",
            ErrorKind::Internal => "internal",
        }
    }

    /// The kind with this wire number.
    pub fn from_u8(number: u8) -> Option<ErrorKind> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error: its [kind](ErrorKind), a stable lower-case code such as `duplicate_key`, and a message
/// that names the thing, the limit and what to do.
///
/// ```
/// use kalamdb_core::{Error, ErrorKind};
/// let error = Error::invalid("unknown_table", "table `app.notes` does not exist: create it first");
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.to_string(), "table `app.notes` does not exist: create it first");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    code: Cow<'static, str>,
    message: String,
}

/// A result with KalamDB's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
            Error::new(ErrorKind::$kind, code, message)
        }
    )*};
}

impl Error {
    /// An error of `kind` with a stable code and a message.
    pub fn new(kind: ErrorKind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, code: code.into(), message: message.into() }))
    }

    constructors! {
        /// An error of kind [`ErrorKind::Retry`].
        retry => Retry;
        /// An error of kind [`ErrorKind::Conflict`].
        conflict => Conflict;
        /// An error of kind [`ErrorKind::Invalid`].
        invalid => Invalid;
        /// An error of kind [`ErrorKind::Unauthorized`].
        unauthorized => Unauthorized;
        /// An error of kind [`ErrorKind::Closed`].
        closed => Closed;
        /// An error of kind [`ErrorKind::Corrupt`].
        corrupt => Corrupt;
        /// An error of kind [`ErrorKind::Quota`].
        quota => Quota;
        /// An error of kind [`ErrorKind::Internal`].
        internal => Internal;
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code, for programs.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The message, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The same error with `context: ` before its message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Error {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {}", self.0.kind, self.0.code, self.0.message)
    }
}

impl std::error::Error for Error {}
