//! Where tokens come from.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kalamdb_core::Result;

type TokenFuture = Pin<Box<dyn Future<Output = Result<String>> + Send>>;

/// Gives the token for a connection; it is asked before each connection and when a token is about to end.
#[derive(Clone)]
pub struct TokenSource(Kind);

#[derive(Clone)]
enum Kind {
    Fixed(String),
    Callback(Arc<dyn Fn() -> TokenFuture + Send + Sync>),
}

impl TokenSource {
    /// Always the same token; once it has ended, connections are refused.
    pub fn fixed(token: impl Into<String>) -> TokenSource {
        TokenSource(Kind::Fixed(token.into()))
    }

    /// Whatever `fetch` gives. If it fails, it is asked again after a pause.
    ///
    /// ```
    /// use kalamdb_sync::native::TokenSource;
    /// let source = TokenSource::from_fn(|| async { Ok("the application asks its own server for it".to_string()) });
    /// ```
    pub fn from_fn<F, Fut>(fetch: F) -> TokenSource
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String>> + Send + 'static,
    {
        TokenSource(Kind::Callback(Arc::new(move || Box::pin(fetch()))))
    }

    pub(super) async fn get(&self) -> Result<String> {
        match &self.0 {
            Kind::Fixed(token) => Ok(token.clone()),
            Kind::Callback(fetch) => fetch().await,
        }
    }
}

impl From<&str> for TokenSource {
    fn from(token: &str) -> TokenSource {
        TokenSource::fixed(token)
    }
}

impl From<String> for TokenSource {
    fn from(token: String) -> TokenSource {
        TokenSource::fixed(token)
    }
}

/// Shows no token.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Fixed(_) => "TokenSource::fixed(***)",
            Kind::Callback(_) => "TokenSource::from_fn(…)",
        })
    }
}
